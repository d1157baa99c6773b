// The BOSH engine: XEP-0124 and the BOSH side of XEP-0206 for one session, as a pure state machine (PROTOCOL 0.2 and
// all B- and X- rules but B-180...B-187). The contract is in xmpp/binding.hpp.
//
// It composes: RidWindow (order, repeats, gaps), AckLedger (who has what), KeyChain, Pacing (hold, wait, overactivity).
// It deliberately does not know HTTP, sockets, TLS, other sessions or how to reach the server.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "bosh/body.hpp"
#include "bosh/condition.hpp"
#include "bosh/policy.hpp"
#include "xmpp/binding.hpp"
#include "xmpp/session.hpp"
#include "xmpp/stanza.hpp"
#include "xmpp/time.hpp"

namespace bosh {

// B-029: what the client says about the way to the server; the shell decides whether it means anything (B-030).
struct Route {
  std::string host;  // without brackets
  std::uint16_t port = 0;
};

// A creation request that passed all checks of form: values clamped, `content` allowed.
struct Creation {
  std::string to;  // as sent; the shell prepares it and finds the domain (B-022)
  std::variant<std::monostate, Route> route;
  xmpp::StreamRequest stream;                      // lang, from, version
  std::string content_type;                        // complete header value; empty: default_content_type
  std::uint32_t wait = 0, hold = 0, requests = 0;  // negotiated
  std::uint16_t ver_major = 1, ver_minor = 6;      // negotiated; meaningless if legacy
  bool legacy = false;                             // no `ver` (B-170)
  bool acks = false;                               // the client said ack='1'
  std::string newkey;                              // B-035; empty: no keys
};

struct Refusal {
  Condition condition;
  std::string_view text;  // static storage, for the log
  bool legacy;            // answer as B-170 says
};

// B-020 ... B-037. Pure function of the request and the policy.
[[nodiscard]] std::variant<Creation, Refusal> read_creation(const Body& body, const Policy& policy);

// Facts about the session that only the shell knows, fixed at creation.
struct Identity {
  std::string sid;     // minted by the shell (B-040)
  std::string domain;  // `from` of the creation answer (B-042)
};

// For the one log line of a session's end, and for metrics later.
struct Counters {
  std::uint64_t requests = 0, repeats = 0, to_server = 0, to_client = 0;  // the last two: elements forwarded
};

class Engine {
 public:
  // `policy` must outlive the engine.
  Engine(const Policy& policy, const Creation& creation, Identity identity, xmpp::Instant now);

  // The creation request itself: OpenLink, its payloads (B-038), its answer when features are there (B-049).
  void on_create(xmpp::RequestId request, const Body& body, xmpp::Instant now, xmpp::Actions& out);
  // Every later request of this sid.
  void on_request(xmpp::RequestId request, const Body& body, xmpp::Instant now, xmpp::Actions& out);
  // The connection of an unanswered request is gone (rule 8 of PROTOCOL 0.2). Unknown ids are ignored.
  void on_gone(xmpp::RequestId request, xmpp::Instant now, xmpp::Actions& out);

  // Contract of xmpp/binding.hpp.
  void opened(const xmpp::StreamOpened& stream, xmpp::Instant now, xmpp::Actions& out);
  void deliver(const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out);
  void delivered_all(xmpp::Instant now, xmpp::Actions& out);
  void close(xmpp::EndReason reason, std::string_view text, xmpp::Instant now, xmpp::Actions& out);
  void congested(bool is, xmpp::Instant now, xmpp::Actions& out);
  void on_time(xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] xmpp::Instant deadline() const;

  [[nodiscard]] const Counters& counters() const;

 private:
  // The implementer completes this. An idle session (one held request, small cached answers) must stay below 1 kB,
  // heap included: no std::deque, no std::map, buffers given back when they run empty.
};

}  // namespace bosh
