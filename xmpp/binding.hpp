// The contract between an engine (the pure state machine of one binding) and the shell.
//
// Inputs are method calls with views and `now`; outputs are appended to Actions. Nothing calls back, nothing waits.
// Every binding has these methods:
//   opened(const StreamOpened&, now, Actions&)     the (new) stream header of the server has arrived
//   deliver(const Stanza&, now, Actions&)          one stanza for the client, in the order of the server
//   delivered_all(now, Actions&)                   the current read from the server is used up: the moment to answer
//   close(EndReason, text, now, Actions&)          the session ends for a reason outside the binding
//   congested(bool, now, Actions&)                 the server does (not) read fast enough: slow the client down
//   on_time(now, Actions&), deadline() const       time; deadline() is `never` when there is nothing to wait for
// A binding that can prove what the client received only by asking has as well
//   managed(bool, now, Actions&)                   from here on proofs (AcknowledgedUpTo) are of use, or no more
// plus its own typed entry (on_request, on_message, on_poll, on_writable). The set is closed: std::variant.
// A binding that answers requests (BOSH, polling) has as well
//   on_gone(RequestId, now, Actions&)              the connection of a request is gone
// and one that owns a connection for as long as it lives (WebSocket, an endless response)
//   on_unsent(ConnectionRef, bytes, now, Actions&) so much of what was pushed has not left yet: told after a Push that
//                                                  did not leave at once, and whenever it has become less
//   on_lost(ConnectionRef, now, Actions&)          the connection is gone, and not because the engine closed it
//
// Actions are carried out by the shell in their order. Views in them live until Actions::clear().
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "xmpp/arena.hpp"

namespace xmpp {

// Minted by the shell, unique within a shard; one HTTP request that waits for its answer.
enum class RequestId : std::uint64_t {};

// Likewise; one connection that belongs to a binding for as long as it lives.
enum class ConnectionRef : std::uint64_t {};

enum class EndReason : std::uint8_t {
  client_terminated,
  inactivity,
  never_used,          // created, and no second request came (B-039)
  protocol_fault,      // the client broke a rule that is fatal to the session
  policy,              // overactivity, too many repeats, too much unread
  server_unreachable,  // no connection, no TLS, or a certificate that does not fit
  server_closed,       // </stream:stream> without an error
  server_error,        // <stream:error/>
  server_lost,         // connection gone in mid-stream, or garbage from the server
  shutdown,
  overload,
  internal_error,
  client_lost,  // its connection went away without a word, and the binding has only this one
};

// There is nobody to bounce to, and what the server has handed over is the client's.
[[nodiscard]] constexpr bool server_is_gone(EndReason reason) {
  return reason == EndReason::server_unreachable || reason == EndReason::server_closed ||
         reason == EndReason::server_error || reason == EndReason::server_lost;
}

// Stanzas (or one SASL element ...) for the server, complete and self-contained; may be several at once.
struct ToServer {
  std::string_view bytes;
  std::uint32_t stanzas;  // how many of them XEP-0198 counts
};

// The one answer to a request. A request that is never answered is a bug.
struct Reply {
  RequestId request;
  std::uint16_t status;           // HTTP: 200, or 400/403/404 to legacy clients (B-170)
  std::string_view content_type;  // complete header value
  std::string_view body;
  std::string_view fields = {};  // further header fields, each ending in CRLF
};

// One message (WebSocket) or chunk (endless response) for a connection of the binding. The connection frames it.
struct Push {
  ConnectionRef connection;
  std::string_view bytes;
};

// Nothing more will be pushed: the connection says good-bye in its own way once everything before has left.
struct CloseConnection {
  ConnectionRef connection;
  std::uint16_t code;  // WebSocket: RFC 6455 7.4; elsewhere without meaning
};

// A sign of life is asked of the client, who answers with the same token (WebSocket).
struct Ping {
  ConnectionRef connection;
  std::uint64_t token;
};

// Stop / go on reading from the client.
struct PauseClient {
  ConnectionRef connection;
};
struct ResumeClient {
  ConnectionRef connection;
};

// Connect to the server of the session's domain and open a stream.
struct OpenLink {};

// A new stream header on the same connection. `to` and `lang` are what the client said, or empty.
struct RestartStream {
  std::string_view lang;
};

// Stop / go on reading from the server: the client's queue is above its high / below its low mark.
struct PauseServer {};
struct ResumeServer {};

// The client has provably received this many stanzas (Stanza::counts()) of this session, counted from its start.
struct AcknowledgedUpTo {
  std::uint64_t stanzas;
};

// Those behind `after`, up to `up_to`, were in an answer that has most probably been lost, and nothing will prove them:
// the next AcknowledgedUpTo takes them along. Numbered alike.
struct GivenUp {
  std::uint64_t after, up_to;
};

// A stanza of the server that has waited for the client and will not be handed out, and the error for its sender
// due if nobody else answers for it. Numbered like AcknowledgedUpTo.
struct Undeliverable {
  std::uint64_t number;
  std::string_view bounced;
};

// The session is over towards the client; the engine stays only to answer late requests (B-144).
// The shell closes the stream to the server and writes the one log line.
struct EndSession {
  EndReason reason;
  std::string_view condition;  // on the wire, for the log; empty when there was none
  std::string_view text;       // static storage; for the log
  // The client may resume the stream of XEP-0198 that it negotiated itself: the connection to the server is dropped
  // without </stream:stream>, which would end it for good (W-027).
  bool resumable = false;
  // The client has taken its leave, and it is not known that anything that was handed to it is lost.
  bool all_received = false;
};

// Nothing is left to answer: the shell may erase the session.
struct Forget {};

// ---- a session of several streams (BOSH): the first is the session's own, the others have numbers from 2 on
// Another one is asked for: the engine has the particulars, and is told whether there will be one.
struct OpenStream {
  std::uint32_t stream;
};
// The stream to the server ends, the session does not.
struct CloseStream {
  EndReason reason;
  std::string_view text;      // static storage; for the log
  bool all_received = false;  // as in EndSession
};
using StreamOrder = std::variant<ToServer, RestartStream, PauseServer, ResumeServer, AcknowledgedUpTo, GivenUp,
                                 Undeliverable, CloseStream>;
// What would be an action of its own if it were about the session's own stream.
struct ToStream {
  std::uint32_t stream;
  StreamOrder order;
};

using Action = std::variant<ToServer, Reply, Push, CloseConnection, Ping, PauseClient, ResumeClient, OpenLink,
                            RestartStream, PauseServer, ResumeServer, AcknowledgedUpTo, GivenUp, Undeliverable,
                            EndSession, Forget, OpenStream, CloseStream, ToStream>;

struct Actions {
  Arena arena;
  std::vector<Action> list;
  void clear() {
    list.clear();
    arena.clear();
  }
};

}  // namespace xmpp
