// Cuts the byte stream of an XMPP server into its top-level children (RFC 6120 4). Bytes in, events out: it never
// calls back, holds no socket, and the same bytes in any partition give the same events; only what is wrong inside of a
// long tag that comes in small pieces is told once some more of it is there (see may_wait()).
// It refuses DTD, PI, comments, foreign encodings and everything above Limits while reading (U-018), ignores text
// between stanzas (whitespace keep-alives), and makes each stanza self-contained (see stanza.hpp).
// With Limits::leave_out a stanza above another limit than max_bytes is not the server's fault, and must not cost its
// reader the session: it is passed over, and in its place stands what Stanza::excess says.
// Not thread-safe: one stream, one shard. Not a DOM: nothing below the top level is kept.
#pragma once
#include <cstddef>
#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include "xmpp/arena.hpp"
#include "xmpp/fault.hpp"
#include "xmpp/limits.hpp"
#include "xmpp/stanza.hpp"

namespace xmpp {

class ParserPool;
struct LentParser;
struct StreamContext;

// The attributes of the <stream:stream> of the server; empty where absent.
struct StreamOpened {
  std::string_view id, from, version, lang;
};
struct StreamClosed {};

using StreamEvent = std::variant<StreamOpened, Stanza, StreamClosed, Fault>;

// Views in `list` point into `arena` (or static storage), never into the bytes that were fed.
struct StreamEvents {
  Arena arena;
  std::vector<StreamEvent> list;
  void clear() {
    list.clear();
    arena.clear();
  }
};

class StreamSplitter {
 public:
  // `pool` and `limits` must outlive the splitter.
  StreamSplitter(ParserPool& pool, const Limits& limits);
  StreamSplitter(ParserPool& pool, Limits&& limits) = delete;
  ~StreamSplitter();
  StreamSplitter(const StreamSplitter&) = delete;
  StreamSplitter& operator=(const StreamSplitter&) = delete;

  // Appends what is complete to `out`. After a Fault or StreamClosed further bytes are ignored until reset().
  void feed(std::string_view bytes, StreamEvents& out);

  // A new stream begins on the same connection: after TLS, after SASL. Forgets everything buffered.
  void reset();

  // Of a stanza or header that has begun and is not complete: those that came, and the memory that all of it takes.
  // Between two stanzas nothing.
  [[nodiscard]] std::size_t pending_bytes() const;
  [[nodiscard]] std::size_t held_bytes() const;

 private:
  friend class ParserPool;
  class Run;
  struct Cut;
  [[nodiscard]] bool may_wait(std::string_view bytes);
  void read(std::string_view bytes, StreamEvents& out);
  [[nodiscard]] std::size_t pass_over(std::string_view bytes, StreamEvents& out);
  ParserPool& pool_;
  const Limits& limits_;
  std::unique_ptr<LentParser> parser_;            // only in the middle of a stanza or header
  std::unique_ptr<Cut> cut_;                      // instead: in the middle of one that is passed over
  std::shared_ptr<const StreamContext> context_;  // the header that was read; shared by all streams alike
  bool done_ = false;
};

}  // namespace xmpp
