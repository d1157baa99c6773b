// The WebSocket engine: RFC 7395 for one session and its one connection, as a pure state machine (PROTOCOL W-010 ...
// W-035, E-41 ... E-45). The contract is in binding.hpp.
//
//   on_open ─► opening ──opened()──► open ──<close/>, error, loss──► over
//                                     │ ▲ │                           ▲
//                 <success/> then <open/> │                           │
//                             (W-029)     └─<close/>─► leaving ─proof─┘
//
// A session that a site's back end has begun (E-51) is `awaited` first; attach() brings its connection, which has shown
// its ticket (ticket_door.hpp). The client then restarts and binds as after any login, and is answered from what is
// known.
//
// It knows elements and time. It deliberately does not know frames, masks and control codes beyond their number (that
// is the connection's business), nor what a <message/> says. XEP-0198 of the client passes through (W-033); the engine
// only watches whether a stream may be resumed, since that decides how it ends (W-027).
// Where XEP-0198 is the gateway's, pings carry the number of stanzas pushed before them, and pongs are the proof that
// the client's WebSocket has received those. Whether its page has looked at them nothing can tell.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/binding.hpp"
#include "xmpp/fault.hpp"
#include "xmpp/framing.hpp"
#include "xmpp/names.hpp"
#include "xmpp/stanza.hpp"
#include "xmpp/stream_splitter.hpp"
#include "xmpp/time.hpp"

namespace xmpp {

// What the operator decides; the same for all sessions of a configuration. Defaults are those of conf/postern.toml.
struct WsPolicy {
  Duration ping_interval = std::chrono::seconds(30);  // W-030; 0: no pings
  std::uint32_t max_missed_pings = 2;
  std::size_t queue_high = 256 * 1024;      // bytes the client has not taken: stop reading from the server ...
  std::size_t queue_low = 64 * 1024;        // ... go on
  std::size_t queue_cap = 8 * 1024 * 1024;  // end the session
  Duration stall_timeout = std::chrono::seconds(30);  // W-035: nothing taken for so long; 0: no limit
  std::string see_other_uri;                          // W-028: where clients go when the gateway stops; may be empty
};

// Close codes of RFC 6455 7.4.1 that this binding uses.
enum class WsClose : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unacceptable = 1003,
  bad_data = 1007,
  policy = 1008,
  too_big = 1009,
  internal_error = 1011,
  try_again_later = 1013,
};

// Facts that only the shell knows, fixed when the session begins.
struct WsIdentity {
  ConnectionRef connection;
  std::uint64_t random;  // makes up a stream id where the server has not given one (W-022)
  Framing framing = Framing::rfc7395;
};

// What a session that somebody else has begun for the client is handed over with (E-51).
struct WsHandOver {
  std::string bound;            // full JID
  std::string features;         // of the stream after the login
  std::uint64_t delivered = 0;  // stanzas of the server that count and are not for the client
  Duration lifetime{};          // for the client to come
};

// For the one log line of a session's end.
struct WsCounters {
  std::uint64_t to_server = 0, to_client = 0;  // elements forwarded
};

// W-022, W-023, W-028: what refuses a stream that was never opened towards a server, in this order, each a message. The
// error is empty where the client is sent elsewhere.
struct OpenRefusal {
  std::string open, error, close;
};
[[nodiscard]] OpenRefusal refuse_open(std::string_view from, std::uint64_t random, StreamCondition condition,
                                      std::string_view see_other_uri, Framing framing);

// An id of a stream where the server gives none.
[[nodiscard]] std::string made_up_id(std::uint64_t random);

class WsEngine {
 public:
  // `policy` and `domain` must outlive the engine.
  WsEngine(const WsPolicy& policy, std::string_view domain, WsIdentity identity, Instant now);

  // A session that stands, without a connection yet.
  WsEngine(const WsPolicy& policy, std::string_view domain, std::uint64_t random, WsHandOver what, Instant now);
  [[nodiscard]] bool is_awaited() const { return state_ == State::awaited; }
  // Of stanzas that wait until the client has bound: what counts against limits.max_buffered_bytes.
  [[nodiscard]] std::size_t held_bytes() const { return handed_ ? handed_->bytes : 0; }
  // The client has come, and may.
  void attach(ConnectionRef connection, Instant now, Actions& out);

  // The first <open/>, for a domain that is served.
  void on_open(Instant now, Actions& out);
  // Every later message.
  void on_message(const Framed& message, Instant now, Actions& out);
  // A message that is no XMPP (E-44).
  void on_fault(const Fault& fault, Instant now, Actions& out);
  // A frame that is no WebSocket, not text, not UTF-8 or too large; `code` says which (W-012, W-013, W-014).
  void on_violation(WsClose code, Instant now, Actions& out);
  // Whatever came from the client, also in part: it lives.
  void on_heard() { misses_ = 0; }
  void on_pong(std::uint64_t token, Actions& out);
  // Whether what the client receives is to be proven from now on.
  void managed(bool is, Instant now, Actions& out);

  // Contract of binding.hpp.
  void opened(const StreamOpened& stream, Instant now, Actions& out);
  void deliver(const Stanza& stanza, Instant now, Actions& out);
  void delivered_all(Instant, Actions&) {}  // every message has left at once
  void close(EndReason reason, std::string_view text, Instant now, Actions& out);
  void congested(bool is, Instant now, Actions& out);
  void on_unsent(ConnectionRef, std::size_t bytes, Instant now, Actions& out);
  void on_lost(ConnectionRef, Instant now, Actions& out);
  void on_time(Instant now, Actions& out);
  [[nodiscard]] Instant deadline() const;

  [[nodiscard]] const WsCounters& counters() const { return counters_; }

 private:
  enum class State : std::uint8_t {
    opening,
    open,
    awaited,  // begun by somebody else, its client has not come yet
    leaving,  // both have said <close/>, and what the client has received is not proven yet
    over
  };

  struct Ending {
    EndReason reason;
    StreamCondition condition;
    std::string_view text;
    WsClose code;
  };
  // Until the client has bound: what it is told then.
  struct Handed {
    struct Kept {
      std::string bytes;
      StanzaKind kind;
      StanzaType type;
    };
    std::string bound, features;
    std::vector<Kept> kept;
    std::size_t bytes = 0;
  };
  void forward(const Stanza& element, Instant now, Actions& out);
  void greet(Actions& out);
  bool answer_bind(const Stanza& iq, Instant now, Actions& out);
  void keep(const Stanza& stanza, Actions& out);
  void give_back(EndReason reason, Actions& out);
  void restart(const OpenElement& open, Actions& out);
  void push(std::string_view bytes, Actions& out) const;
  void ask_for_proof(Instant now, Actions& out);
  void leave(Instant now, Actions& out);
  [[nodiscard]] bool talking() const { return state_ == State::opening || state_ == State::open; }
  // <open/> if there was none, the error, <close/>, the end.
  void end_with(const Ending& ending, Actions& out);
  void say_close(std::string_view see_other_uri, WsClose code, Actions& out) const;
  void finish(EndReason reason, std::string_view condition, std::string_view text, Actions& out);
  void give_up(EndReason reason, std::string_view text, Actions& out);
  [[nodiscard]] Instant stall_deadline() const;

  const WsPolicy* policy_;
  std::string_view domain_;
  WsIdentity identity_;
  WsCounters counters_;
  std::uint64_t delivered_ = 0;     // stanzas that XEP-0198 counts, pushed
  std::uint64_t acknowledged_ = 0;  // of them, provably received
  std::uint64_t asked_ = 0;         // of them, those before the last ping
  std::uint32_t too_late_ = 0;      // such stanzas, for a client that is leaving
  Instant may_ask_at_;              // not before, for the sake of proofs
  Instant proof_at_ = never;        // when the next ping is due for their sake; leaving, awaited: the end of waiting
  std::size_t unsent_ = 0;
  Instant taken_at_;  // when the client last took something, while unsent_ is above 0
  Instant ping_at_;
  std::uint32_t misses_ = 0;  // pings since the client was last heard, or could have been
  std::unique_ptr<Handed> handed_;
  State state_ = State::opening;
  bool restart_due_ : 1 = false;  // SASL has succeeded, the client's <open/> is due
  bool had_features_ : 1 = false;
  bool managed_ : 1 = false;
  bool resumable_ : 1 = false;  // the client has negotiated XEP-0198 with resumption
  bool server_paused_ : 1 = false;
  bool client_paused_ : 1 = false;
  bool error_said_ : 1 = false;  // the server's <stream:error/> has been passed on
};

}  // namespace xmpp
