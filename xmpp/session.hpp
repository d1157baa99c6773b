// The session model: one XMPP stream to the server, from "not connected" to "closed", whatever the binding
// (RFC 6120 4, 5; XEP-0198; PROTOCOL U-010...U-021, U-050...U-066, X-002, X-008, X-009, X-020). Pure: it says what to
// send and when to encrypt.
//
//   Opening ──link_up──► Negotiating ──features──► Active ──close()──► Closing ──peer's end──► Closed
//      │                  │   ▲  └─restart()───────┘ │                    │
//      └──────────────────┴───┼──── link_down / fault ┴───────────────────┴──────────────────► Closed
//                             └ encrypted() (after STARTTLS)
//
// Between Active and Closing stands Emptying where XEP-0198 is ours and much is unproven or coming, or its <enabled/>
// is due: what the server has on its way to us is read and answered for, because it may have forgotten it (Prosody
// does) or never counted it.
//
// It does not know requests, rids or browsers (that is the binding), does not log in (the browser does; SASL passes
// through), and holds no socket. One shard, one thread.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "xmpp/arena.hpp"
#include "xmpp/fault.hpp"
#include "xmpp/negotiation.hpp"
#include "xmpp/stanza.hpp"
#include "xmpp/stream_management.hpp"
#include "xmpp/stream_splitter.hpp"
#include "xmpp/time.hpp"

namespace xmpp {

enum class TlsMode : std::uint8_t {
  starttls,  // required (U-012)
  direct,    // the link is encrypted before the stream begins (U-002)
  none,      // plain; the shell allows it only where the configuration does
};

// Who speaks XEP-0198 with the server (U-050). There is only one who may: two would count differently.
enum class Management : std::uint8_t {
  transparent,  // the client, if it likes; its elements pass like any other
  owned,        // the gateway: the feature is hidden, and a client that asks all the same is refused
  late,         // the client if it asks before its first presence or message, otherwise the gateway from there on
};

// What is the same for all sessions of a domain. Must outlive the sessions.
struct StreamPolicy {
  std::string domain;                   // `to` of the stream header; prepared (A-labels are for DNS, not for here)
  bool legacy_without_version = false;  // omit version='1.0' after TLS for clients without xmpp:version
  Duration negotiation_timeout = std::chrono::seconds(25);  // from start to the first usable features (B-049, B-050)
  Duration keepalive = std::chrono::seconds(90);            // white space when nothing was sent for so long; 0: never
  Duration closing_timeout = std::chrono::seconds(2);       // wait for the peer's </stream:stream> (U-021)
  std::size_t max_queued = 1024 * 1024;  // bytes for the server kept while it negotiates (B-038); above: fault
  std::size_t max_bytes_to_server = 0;   // announced by XEP-0478; 0: leave upstream's
  std::uint32_t idle_seconds = 0;        // likewise
  ManagementPolicy management;           // where it is the gateway's
};

// What a browser said in its creation request.
struct StreamRequest {
  std::string lang;     // xml:lang, or empty
  std::string from;     // claimed bare JID, already checked for form; sent only when no TLS is outstanding (B-031)
  bool version = true;  // false: legacy client without xmpp:version
  Management management = Management::transparent;
};

// ---- what a step asks for; views live until SessionActions::clear() or that of the events they came from
struct SendBytes {
  std::string_view bytes;
};
struct Encrypt {};        // start TLS now; discard what was read and not yet handled (U-011); then encrypted()
struct ResetSplitter {};  // a new stream header is on its way
struct Opened {
  StreamOpened stream;
};  // hand to the binding; neither for the pre-TLS stream nor for one that sends us elsewhere at once
struct Deliver {
  Stanza stanza;
};  // hand to the binding
// Whether the gateway answers for what the client does not receive: not where XEP-0198 is the client's. What the client
// did receive is worth proving then.
struct Managed {
  bool is;
};
struct Redirect {
  std::string_view host;  // name or literal address, without brackets
  std::uint16_t port;     // 0: not said
};  // see-other-host before login (U-016); close the link without link_down(), connect there, then link_up()
struct Ended {
  Fault fault;
};  // the stream is over; the shell closes the link

using SessionAction = std::variant<SendBytes, Encrypt, ResetSplitter, Opened, Deliver, Managed, Redirect, Ended>;

struct SessionActions {
  Arena arena;
  std::vector<SessionAction> list;
  void clear() {
    list.clear();
    arena.clear();
  }
};

class Session {
 public:
  enum class State : std::uint8_t { opening, negotiating, active, emptying, closing, closed };

  Session(const StreamPolicy& policy, StreamRequest request, Instant now);

  // The connection to the server stands (TCP; with TlsMode::direct also TLS). Sends the stream header.
  void link_up(TlsMode tls, Instant now, SessionActions& out);
  void encrypted(Instant now, SessionActions& out);
  void link_down(Fault fault, Instant now, SessionActions& out);

  // One event of the splitter. After an Encrypt or Ended in `out` the remaining events of that read are void.
  void on_event(const StreamEvent& event, Instant now, SessionActions& out);

  // From the binding: passed on when Active, kept in order until then. `bytes` must live as long as the views in `out`.
  // `stanzas` of the elements are such that XEP-0198 counts.
  void to_server(std::string_view bytes, std::uint32_t stanzas, Instant now, SessionActions& out);
  void restart(std::string_view lang, Instant now, SessionActions& out);
  // Clean end: </stream:stream>, then Ended when the peer's has come or the closing timeout is over. Idempotent.
  void close(Instant now, SessionActions& out);
  // The same without time to read what is on its way.
  void close_at_once(Instant now, SessionActions& out);
  // The end without </stream:stream>: the client, who owns stream management, may resume elsewhere (W-027, U-022).
  void drop(SessionActions& out);

  // ---- what becomes of the server's stanzas, numbered from the start of the session over all that count
  // The client has provably received so many. Also while the server's are read empty: with several streams the client
  // outlives this one.
  void client_received(std::uint64_t count, Instant now, SessionActions& out);
  // Those behind `after`, up to `up_to`, have most probably been lost on their way to the client, and will be taken for
  // received: their senders are told.
  void given_up(std::uint64_t after, std::uint64_t up_to, Instant now, SessionActions& out);
  // It has said good-bye, and nothing that was handed to it is known to be lost: see EndSession::all_received.
  void client_left(Instant now);
  // This one will not reach the client, and `bounced` would tell its sender. Sent where nobody else answers for
  // the stanza: with XEP-0198 the server does.
  void undeliverable(std::uint64_t number, std::string_view bounced, Instant now, SessionActions& out);
  // The shell has stopped or gone on reading from the server.
  void reading(bool is, Instant now);
  // The server does (not) read fast enough.
  void congested(bool is) { congested_ = is; }
  [[nodiscard]] bool managed() const { return management_ && management_->on(); }
  [[nodiscard]] bool answers() const { return management_ != nullptr; }  // see Managed; not after the end

  void on_time(Instant now, SessionActions& out);
  [[nodiscard]] Instant deadline() const;
  [[nodiscard]] State state() const;
  // For the server, and errors that may become due.
  [[nodiscard]] std::size_t queued_bytes() const {
    return queue_.size() + (management_ ? management_->kept_bytes() : 0);
  }
  // SASL has succeeded on this stream. Not for logins by other means (XEP-0078), which look like any iq.
  [[nodiscard]] bool logged_in() const { return logged_in_; }

 private:
  void send(std::string_view bytes, Instant now, SessionActions& out);
  void send_header(Instant now, SessionActions& out);
  void take(Negotiation::Step step, const StreamEvent& event, Instant now, SessionActions& out);
  void show_features(const Stanza& stanza, Instant now, SessionActions& out);
  void on_stanza(const Stanza& stanza, Instant now, SessionActions& out);
  void on_stream_error(const Stanza& stanza, Instant now, SessionActions& out);
  void show_header(SessionActions& out);
  [[nodiscard]] bool may_redirect() const;
  void activate(Instant now, SessionActions& out);
  void refuse(Fault fault, Instant now, SessionActions& out);
  void end(Fault fault, SessionActions& out);
  void end_stream(Instant now, SessionActions& out);
  void settle_accounts(Instant now, SessionActions& out);
  void say_end(Instant now, SessionActions& out);

  // ---- session_management.cpp
  void hand_over(const Stanza& given, Instant now, SessionActions& out);
  [[nodiscard]] Stanza rest_of(const Stanza& excessive, Instant now, SessionActions& out);
  [[nodiscard]] bool may_refuse(Instant now);
  void note_binding(const Stanza& stanza, Instant now, SessionActions& out);
  void try_to_manage(Instant now, SessionActions& out);
  void leave_to_client(SessionActions& out);
  void note_first_words(std::string_view bytes, Instant now, SessionActions& out);
  void on_management(const Stanza& stanza, Instant now, SessionActions& out);
  void on_acknowledged(std::string_view h, Instant now, SessionActions& out);
  [[nodiscard]] std::string_view without_management(std::string_view bytes, SessionActions& out);
  void count_sent(std::string_view bytes, std::uint32_t stanzas, Instant now, SessionActions& out);
  void acknowledge(Instant now, SessionActions& out);
  void ask(Instant now, SessionActions& out);
  void tell_ours(Instant now, SessionActions& out);
  void count_ours();
  void report_lost(SessionActions& out);
  void begin_emptying(Instant now, SessionActions& out);
  void ask_behind_all(Instant now, SessionActions& out);
  void wait_for_rest(Instant now);
  void on_emptying(const Stanza& stanza, Instant now, SessionActions& out);
  void on_time_active(Instant now, SessionActions& out);
  [[nodiscard]] Instant keepalive_at() const;

  [[nodiscard]] bool tls_outstanding() const { return tls_ == TlsMode::starttls && !encrypted_; }
  [[nodiscard]] bool may_write() const;
  [[nodiscard]] bool is_leaving() const { return state_ == State::emptying || state_ == State::closing; }

  struct Header {
    std::string id, from, version, lang;
  };

  const StreamPolicy& policy_;
  StreamRequest request_;
  std::string queue_;                             // for the server, until the stream is usable
  std::unique_ptr<Header> header_;                // not shown yet: the server may send us elsewhere (U-016)
  std::unique_ptr<StreamManagement> management_;  // from the bind on, unless it is the client's
  std::uint64_t delivered_ = 0;                   // stanzas for the client that count
  Instant due_;                                   // the end of patience: negotiating, emptying, closing
  Instant emptied_by_ = never;                    // that of emptying, however much comes
  Instant last_sent_;                             // for the keepalive
  Instant refused_since_ = Instant::min();        // of the stanzas that were left out
  std::uint32_t refused_bytes_ = 0;               // of errors for those, since then or the server's last <a/>
  std::uint32_t asked_behind_ = 0;                // emptying: of delivered_, modulo 2^32, at the last question
  Negotiation negotiation_;
  State state_ = State::opening;
  TlsMode tls_ = TlsMode::starttls;
  std::uint8_t redirects_ = 0;
  std::uint8_t answers_due_ = 0;  // emptying: <a/> up to the one that stands behind everything
  bool encrypted_ : 1 = false;
  bool logging_in_ : 1 = false;  // SASL has begun, and no features since its success: not a byte of ours in between
  bool logged_in_ : 1 = false;
  bool shown_ : 1 = false;  // a header was: the browser has begun to talk to this server
  bool management_offered_ : 1 = false;
  bool management_shown_ : 1 = false;  // to the client, in whatever version
  bool management_asked_ : 1 = false;  // <enable/> is sent
  bool spoke_ : 1 = false;             // where it is decided late: the client has, without asking
  bool bound_ : 1 = false;
  bool congested_ : 1 = false;
};

}  // namespace xmpp
