// XEP-0025, HTTP polling, for one session as a pure state machine (PROTOCOL P-001...P-021); the contract is in
// xmpp/binding.hpp. The client's stream comes in pieces, cut anywhere; the answers are pieces of the server's stream,
// cut between its elements. There are no rids: an answer that was lost shows only by its broken connection, a request
// that was repeated only by its key.
// Kept small on purpose: the protocol is obsolete, and off unless configured.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bosh/poll_request.hpp"
#include "xmpp/binding.hpp"
#include "xmpp/names.hpp"
#include "xmpp/stanza.hpp"
#include "xmpp/stream_splitter.hpp"
#include "xmpp/time.hpp"

namespace bosh {

// What the operator decides, with the defaults of conf/postern.toml; the sizes have no option, they are those of BOSH.
struct PollPolicy {
  bool enabled = false;
  xmpp::Duration inactivity = std::chrono::seconds(300);   // P-010: clients may be silent for two minutes
  xmpp::Duration hold = std::chrono::milliseconds(250);    // P-019: so long a poll waits for something to carry
  xmpp::Duration connect_hold = std::chrono::seconds(25);  // P-012: and one that begins a stream for its features
  // The last words may have been lost with their connection, which may take limits.tcp_user_timeout to show.
  xmpp::Duration told = std::chrono::seconds(30);
  std::size_t max_response_bytes = 4 * 1024 * 1024;
  std::size_t queue_high = 1024 * 1024;
  std::size_t queue_low = 256 * 1024;
  std::size_t queue_cap = 8 * 1024 * 1024;
};

struct PollIdentity {
  std::string id;      // P-002, P-020
  std::string domain;  // of a stream header that the server could not give
  std::string path;    // of the cookie
};

class PollEngine {
 public:
  struct Counters {
    std::uint64_t requests = 0, to_server = 0, to_client = 0;  // the last two: elements
  };

  // `policy`, `pool` and `limits` must outlive the engine. `key`: of the first request.
  PollEngine(const PollPolicy& policy, xmpp::ParserPool& pool, const xmpp::Limits& limits, PollIdentity identity,
             std::optional<std::string_view> key);

  // The first request: OpenLink, and its piece of the stream, which begins with a whole header.
  void on_create(xmpp::RequestId request, std::string_view xml, xmpp::Instant now, xmpp::Actions& out);
  // Every other one with this id.
  void on_poll(xmpp::RequestId request, const PollRequest& poll, xmpp::Instant now, xmpp::Actions& out);
  void on_gone(xmpp::RequestId request, xmpp::Instant now, xmpp::Actions& out);

  // Contract of xmpp/binding.hpp.
  void opened(const xmpp::StreamOpened& stream, xmpp::Instant now, xmpp::Actions& out);
  void deliver(const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out);
  void delivered_all(xmpp::Instant now, xmpp::Actions& out);
  void close(xmpp::EndReason reason, std::string_view text, xmpp::Instant now, xmpp::Actions& out);
  void congested(bool is, xmpp::Instant now, xmpp::Actions& out);
  void on_time(xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] xmpp::Instant deadline() const;

  [[nodiscard]] const Counters& counters() const { return counters_; }
  // Of stanzas: what counts against limits.max_buffered_bytes.
  [[nodiscard]] std::size_t held_bytes() const {
    return queue_.size() + unproven_.size() + from_client_->held_bytes();  // the last: an unfinished one of the client
  }
  [[nodiscard]] std::size_t unforwarded_bytes() const { return from_client_->pending_bytes(); }
  // After the end: some of it the client has not been given; and, where memory is short, all of it goes.
  [[nodiscard]] bool has_last_words() const { return ended_ && !entries_.empty(); }
  void let_go();

 private:
  enum class Client : std::uint8_t {
    streaming,
    restarting,  // SASL has succeeded; its next bytes are a new header
    closed,      // has said </stream:stream>, or something that is none
  };
  struct Held {
    xmpp::RequestId request;
    xmpp::Instant until;
  };
  struct Entry {
    std::uint32_t size;
    xmpp::StanzaKind kind;
    xmpp::StanzaType type;
    bool counted;
  };
  void take(std::string_view xml, xmpp::Instant now, xmpp::Actions& out);
  void take(const xmpp::StreamEvent& event, xmpp::Instant now, xmpp::Actions& out);
  void give_back(std::string_view xml, xmpp::Actions& out);
  void take_stanza(const xmpp::Stanza& stanza, xmpp::Actions& out);
  void refuse_stream(const xmpp::Fault& fault, xmpp::Instant now, xmpp::Actions& out);
  void hold(xmpp::RequestId request, xmpp::Instant now, xmpp::Actions& out);
  void settle(xmpp::Instant now, xmpp::Actions& out);
  void answer(xmpp::Instant now, xmpp::Actions& out);
  void reply(xmpp::RequestId request, std::string_view body, std::string_view id, xmpp::Actions& out) const;
  [[nodiscard]] static std::uint64_t counted(const std::vector<Entry>& entries);
  void push(std::string_view bytes, const Entry& entry);
  void push_missing_header();
  void push_end(std::optional<xmpp::StreamCondition> condition);
  void end(const xmpp::EndSession& end, xmpp::Instant now, xmpp::Actions& out);
  void bounce_queue(xmpp::Actions& out);
  void acknowledge(xmpp::Actions& out);
  void forget_unproven();

  const PollPolicy* policy_;
  PollIdentity identity_;
  PollKeys keys_;
  std::unique_ptr<xmpp::StreamSplitter> from_client_;
  std::optional<Held> held_;
  std::string queue_;  // for the client
  std::vector<Entry> entries_;
  std::string unproven_;  // of the answers since the last request; comes again when one is known to be lost
  std::vector<Entry> unproven_entries_;
  std::vector<xmpp::RequestId> answered_;  // those that unproven_ was the answer to
  std::uint64_t acknowledged_ = 0;
  Counters counters_;
  xmpp::Instant idle_until_ = xmpp::never;
  Client client_ = Client::streaming;
  bool header_seen_ = false;   // of the client, in the present stream
  bool header_given_ = false;  // ever, to the client
  bool awaiting_features_ = true;
  bool congested_ = false;
  bool server_paused_ = false;
  bool ended_ = false;
};

}  // namespace bosh
