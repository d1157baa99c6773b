// What waits for the client, in the order of the server (B-067): one buffer of bytes and a compact row of sizes and
// kinds. It knows what may travel together (X-010, B-010), not when. The buffer begins as a <body> so that the usual
// answer, everything that waits, is made by closing it: no second copy, and no buffer left behind in an idle session.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/stanza.hpp"

namespace bosh {

class ClientQueue {
 public:
  // `counted`: from the server and of those that XEP-0198 counts.
  void push(const xmpp::Stanza& stanza, bool counted);

  [[nodiscard]] bool empty() const { return first_ == entries_.size(); }
  [[nodiscard]] std::size_t bytes() const { return buffer_.size() - begin_; }

  // What goes into the next answer: one SASL element; or the features; or a run of others, as many as fit into
  // `max_bytes` and at least one.
  struct Batch {
    std::string_view bytes;  // valid until the next push or pop
    std::uint32_t entries = 0;
    std::uint32_t counted = 0;
    bool features = false;
    bool sasl_success = false;  // of RFC 6120 SASL
  };
  [[nodiscard]] Batch front(std::size_t max_bytes) const;
  void pop(const Batch& batch);
  // The batch as a complete <body/> without attributes; pops it.
  [[nodiscard]] std::string pop_as_body(const Batch& batch);

  // The next single one, as it came.
  struct Single {
    xmpp::Stanza stanza;
    bool counted;
  };
  [[nodiscard]] Single front() const;
  void pop_front();
  void clear();

 private:
  struct Entry {
    std::uint32_t size;
    xmpp::StanzaKind kind;
    xmpp::StanzaType type;
    bool counted;
  };
  [[nodiscard]] static bool alone(xmpp::StanzaKind kind);
  void advance(std::size_t bytes, std::size_t entries);

  std::string buffer_;
  std::vector<Entry> entries_;
  std::size_t begin_ = 0;    // of the first waiting byte in buffer_
  std::uint32_t first_ = 0;  // the first waiting entry
};

}  // namespace bosh
