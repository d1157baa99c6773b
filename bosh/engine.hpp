// The BOSH engine: XEP-0124 and the BOSH side of XEP-0206 for one session, as a pure state machine (PROTOCOL 0.2 and
// all B- and X- rules). The contract is in xmpp/binding.hpp. Where it was offered a client may read the session by a
// push stream instead (V- rules of docs/PROTOCOLS.md); its requests are answered at once then. Where the policy allows
// it a session has several streams to servers (B-180 ... B-187); the first one is that of the contract.
//
// It composes: RidWindow (order, repeats, gaps), AckLedger (who has what), KeyChain, Pacing (hold, wait, overactivity).
// It deliberately does not know HTTP, sockets, TLS, other sessions or how to reach the server.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bosh/ack_ledger.hpp"
#include "bosh/body.hpp"
#include "bosh/client_queue.hpp"
#include "bosh/condition.hpp"
#include "bosh/event_stream.hpp"
#include "bosh/key_chain.hpp"
#include "bosh/pacing.hpp"
#include "bosh/policy.hpp"
#include "bosh/rid_window.hpp"
#include "bosh/script_syntax.hpp"
#include "bosh/stream.hpp"
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
  std::string to;  // as sent, or empty (B-021); the shell prepares it and finds the domain (B-022)
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
  std::string sid;                                 // minted by the shell (B-040)
  std::string domain;                              // `from` of the creation answer (B-042)
  std::unique_ptr<ScriptStream> script = nullptr;  // null: pure syntax (S-004)
};

// For the one log line of a session's end, and for metrics later.
struct Counters {
  std::uint64_t requests = 0, to_server = 0, to_client = 0;  // the last two: elements forwarded
  std::uint32_t repeats = 0;
  std::uint32_t altered_repeats = 0;  // repeats whose bytes were others than the first time (B-145)
};

// What a session that was begun for the client by somebody else is handed over with (E-51).
struct HandOver {
  Rid first;                  // the client's first rid
  std::uint64_t delivered;    // stanzas of the server that count and are not for the client
  std::uint32_t lifetime;     // seconds for the client to come
  std::string_view features;  // of the stream after the login
};

class StreamSet;
struct OtherStream;

class Engine {
 public:
  // `policy` must outlive the engine.
  Engine(const Policy& policy, const Creation& creation, Identity identity, xmpp::Instant now);
  ~Engine();
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  // The creation request itself: OpenLink, its payloads (B-038), its answer when features are there (B-049).
  void on_create(xmpp::RequestId request, const Body& body, xmpp::Instant now, xmpp::Actions& out);
  // Instead of it: the stream stands, is logged in and bound, and the client is told sid and rid by other ways.
  void hand_over(const HandOver& what, xmpp::Instant now, xmpp::Actions& out);
  // Before either: the client may read by a push stream. `token`: of the address where, minted by the shell.
  void offer_stream(std::string token);
  // Empty: there is no stream to be read (any more).
  [[nodiscard]] std::string_view stream_token() const;
  // Somebody who has the token comes to read.
  void on_stream(const StreamWish& wish, xmpp::Instant now, xmpp::Actions& out);
  void on_unsent(xmpp::ConnectionRef connection, std::size_t bytes, xmpp::Instant now, xmpp::Actions& out);
  void on_lost(xmpp::ConnectionRef connection, xmpp::Instant now, xmpp::Actions& out);

  // Every later request of this sid.
  void on_request(xmpp::RequestId request, const Body& body, xmpp::Instant now, xmpp::Actions& out);
  // The connection of an unanswered request is gone (rule 8 of PROTOCOL 0.2). Unknown ids are ignored. For a request
  // that was answered it says that its answer has probably not arrived: the stanzas in it are not taken for received
  // until the client proves more than that it goes on (E-08).
  void on_gone(xmpp::RequestId request, xmpp::Instant now, xmpp::Actions& out);

  // Contract of xmpp/binding.hpp.
  void opened(const xmpp::StreamOpened& stream, xmpp::Instant now, xmpp::Actions& out);
  void deliver(const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out);
  void delivered_all(xmpp::Instant now, xmpp::Actions& out);
  void close(xmpp::EndReason reason, std::string_view text, xmpp::Instant now, xmpp::Actions& out);
  void congested(bool is, xmpp::Instant now, xmpp::Actions& out);
  void on_time(xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] xmpp::Instant deadline() const;

  // ---- the second stream and those behind it, by number (engine_streams.cpp). The engine asks for one by OpenStream;
  // the shell reads what is wished for, null if it is not any more, and says what came of it. Then as the contract.
  [[nodiscard]] const Creation* wish(std::uint32_t stream) const;
  void accepted(std::uint32_t stream, std::string_view domain, xmpp::Instant now, xmpp::Actions& out);
  void refused(std::uint32_t stream, Condition condition, xmpp::Instant now, xmpp::Actions& out);
  void opened(std::uint32_t stream, const xmpp::StreamOpened& what, xmpp::Instant now, xmpp::Actions& out);
  void deliver(std::uint32_t stream, const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out);
  void delivered_all(std::uint32_t stream, xmpp::Instant now, xmpp::Actions& out);
  void closed(std::uint32_t stream, const xmpp::CloseStream& why, xmpp::Instant now, xmpp::Actions& out);
  void congested(std::uint32_t stream, bool is, xmpp::Instant now, xmpp::Actions& out);
  // What was ordered for its server has found nobody. In front of closed().
  void returned(std::uint32_t stream, std::string_view bytes, xmpp::Instant now, xmpp::Actions& out);

  [[nodiscard]] const Counters& counters() const { return counters_; }
  // S-004: all requests of a session have the syntax of its first one; the shell sees to that.
  [[nodiscard]] bool speaks_script() const { return script_ != nullptr; }
  // Of stanzas, answers and requests that are kept: what counts against limits.max_buffered_bytes.
  [[nodiscard]] std::size_t held_bytes() const;
  // What the client has said and the server was not told: what waits for that, and the answers that were ever given to
  // the rest in its place.
  [[nodiscard]] std::size_t unforwarded_bytes() const;
  // After the end: some of it the client has not been given; and, where memory is short, all of it goes.
  [[nodiscard]] bool has_last_words() const;
  void let_go();

 private:
  struct Greeting;   // what only the creation answer says; gone once it is given
  struct Tombstone;  // exists once the session is over
  struct Push;       // exists where push streams are offered

  // ---- engine.cpp: the life of a request
  struct Incoming {
    xmpp::RequestId request;
    xmpp::Instant arrived;
    std::uint64_t hash;
    std::uint8_t repeats;
    bool alive;
  };
  void process(const Incoming& incoming, const Body& body, xmpp::Instant now, xmpp::Actions& out);
  void process_futures(xmpp::Instant now, xmpp::Actions& out);
  void push(const Incoming& incoming, const Digest* key);
  struct Purpose {
    bool empty;   // only there to be held, as far as the pace is concerned (B-114)
    bool leaves;  // pause or terminate
  };
  void note_acks(Rid rid, const Body& body, Purpose purpose, xmpp::Instant now, xmpp::Actions& out);
  void take_attributes(Rid rid, const Body& body, xmpp::Instant now, xmpp::Actions& out);
  void ask_restart(Stream& stream, Rid rid, const Body& body, xmpp::Instant now, xmpp::Actions& out);
  void repeat_of_held(xmpp::RequestId request, const Body& body, xmpp::Instant now, xmpp::Actions& out);
  void repeat_of_future(xmpp::RequestId request, const Body& body, xmpp::Instant now, xmpp::Actions& out);
  void repeat_of_answered(xmpp::RequestId request, const Body& body, xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] bool may_repeat(std::uint8_t& repeats, std::uint64_t hash, const Body& body);
  void too_many_repeats(xmpp::RequestId request, Rid rid, xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] bool carries_elements(Rid answered) const;
  template <typename Visit>
  void each_answered_above(Rid rid, Visit visit);
  void doubt_unproven();
  void doubt(Rid answered, bool lost);
  [[nodiscard]] std::uint64_t elements_of_all() const;
  [[nodiscard]] bool is_pause(const Body& body) const;
  [[nodiscard]] bool used_by_another(Rid rid);
  [[nodiscard]] xmpp::Duration patience() const;
  [[nodiscard]] xmpp::Instant gap_deadline() const;
  void note_idle(xmpp::Instant now);

  // ---- engine_flow.cpp: payload both ways, and when to answer
  void take_payload(const Body& body, xmpp::Instant now, xmpp::Actions& out);
  void forward(Stream& stream, const std::vector<xmpp::Stanza>& payloads, xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] bool handled_here(Stream& stream, const xmpp::Stanza& payload, xmpp::Instant now, xmpp::Actions& out);
  void pin_newest();
  void push_local(Stream& stream, std::string_view bytes, xmpp::StanzaKind kind, xmpp::Instant now);
  void push_made_up_features(xmpp::Instant now);
  static void send_header(Stream& stream, std::string_view lang, xmpp::Actions& out);
  static void send_deferred(Stream& stream, xmpp::Actions& out);
  void open_up(Stream& stream, const xmpp::StreamOpened& what);
  void take(Stream& stream, const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out);
  void check_queue(Stream& stream, xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] std::size_t waiting_bytes() const;
  [[nodiscard]] std::size_t deferred_bytes() const;
  void settle(xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] bool due(xmpp::Instant now) const;
  [[nodiscard]] bool creation_due(xmpp::Instant now) const;
  [[nodiscard]] xmpp::Instant creation_bound() const;
  [[nodiscard]] bool surplus_releasable() const;
  void answer_oldest(xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] std::string make_answer(Stream& stream, const ClientQueue::Batch& batch, Rid rid, xmpp::Instant now);
  [[nodiscard]] std::optional<Rid> ack_in_answer_to(Rid rid) const;
  [[nodiscard]] std::string stream_attributes(Stream& stream);
  void resolve_dead(xmpp::Instant now);
  void after_answer(xmpp::Instant now, xmpp::Actions& out);
  void resume_server(xmpp::Actions& out);

  // ---- engine_streams.cpp: several streams in one session
  [[nodiscard]] bool is_stream_add(const Body& body) const;
  [[nodiscard]] bool names_none_open(const Body& body) const;
  [[nodiscard]] bool several() const;
  [[nodiscard]] bool main_lives() const;
  [[nodiscard]] OtherStream* living(std::uint32_t stream) const;
  template <typename Visit>
  void each_addressed(const Body& body, Visit visit);
  void forward_to_streams(const Body& body, xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] bool closes_one(const Body& body) const;
  void close_one(const Body& body, xmpp::Instant now, xmpp::Actions& out);
  void restart_streams(Rid rid, const Body& body, xmpp::Instant now, xmpp::Actions& out);
  void no_such_stream(Rid rid, const Body& body, xmpp::Instant now, xmpp::Actions& out);
  void give_back(std::uint32_t number, const std::vector<xmpp::Stanza>& payloads, xmpp::Instant now,
                 xmpp::Actions& out);
  void push_unconfirmed(Stream& stream, std::string_view said, xmpp::Instant now, xmpp::Actions& out);
  void add_stream(Rid rid, const Body& body, xmpp::Actions& out);
  void answer_with_end_of(std::string_view name, Condition condition, Rid rid);
  void imply_restarts(xmpp::Instant now, xmpp::Actions& out);
  void hand_out(Stream& stream, Rid rid, const ClientQueue::Batch& batch, xmpp::Instant now);
  void say_whose(const Stream& stream, bool payload, std::string& attributes);
  [[nodiscard]] bool is_last_word(const Stream& stream) const;
  [[nodiscard]] std::string last_words_of(const Stream& stream, Rid rid);

  // ---- engine_push.cpp: the session as a stream
  [[nodiscard]] bool pushing() const;  // what is for the client goes to a stream, whether somebody reads it or not
  [[nodiscard]] bool reading() const;  // somebody does
  [[nodiscard]] bool is_push_news(const Body& body) const;
  [[nodiscard]] std::uint64_t answered_elements() const;
  void prove(xmpp::Actions& out);
  void give_up(const AckLedger::Answer& answer, xmpp::Actions& out) const;
  void leave_stream(xmpp::Instant now, xmpp::Actions& out);
  void give_events(xmpp::Instant now, xmpp::Actions& out);
  void send_events(std::string_view bytes, xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] xmpp::Instant stream_deadline() const;

  // ---- engine_end.cpp: the end, and the time after it
  struct Ending {
    xmpp::EndReason reason;
    Condition condition;
    std::string_view text;
    bool all_received = false;
  };
  [[nodiscard]] Ending leave_of_client(std::string_view text) const;
  enum class Told : std::uint8_t {
    culprit,   // one request is to blame: it alone learns the condition (B-196)
    everyone,  // the gap timer: all of them (B-124)
    nobody,    // the client is gone (XEP-0124 10)
  };
  void end_stream(const Ending& ending, xmpp::Instant now, xmpp::Actions& out);  // in engine_push.cpp
  void end_with(const Ending& ending, Told who, Rid culprit, xmpp::Instant now, xmpp::Actions& out);
  void end_by_request(const Ending& ending, xmpp::RequestId request, Rid rid, xmpp::Instant now, xmpp::Actions& out);
  void end_by_client(xmpp::Instant now, xmpp::Actions& out);
  void end_by_server(const Ending& ending, std::string_view stream_error, xmpp::Instant now, xmpp::Actions& out);
  void open_tombstone(const Ending& ending, xmpp::Instant now);
  void bury(const Ending& ending, xmpp::Actions& out);
  void lose(Stream& stream, const Ending& ending, std::string_view stream_error, xmpp::Instant now,
            xmpp::Actions& out);                                                    // in engine_streams.cpp
  [[nodiscard]] bool ends_when_all_is_said(xmpp::Instant now, xmpp::Actions& out);  // likewise
  void bounce_queue(xmpp::Actions& out);
  static void bounce(Stream& stream, std::uint64_t handed_out, xmpp::Actions& out);
  void give_back_unhandled(const Body& body, xmpp::Actions& out);
  void tell(xmpp::Instant now, xmpp::Actions& out, bool again = false);
  void tell_ahead(xmpp::RequestId request, xmpp::Actions& out);
  [[nodiscard]] bool fits_with_last_words() const;
  [[nodiscard]] std::string last_words();
  void finish_oldest(xmpp::Instant now, xmpp::Actions& out);
  void tell_late(xmpp::RequestId request, const Body& body, const Digest* key, xmpp::Instant now, xmpp::Actions& out);
  void late_request(xmpp::RequestId request, const Body& body, xmpp::Instant now, xmpp::Actions& out);

  // ---- replies
  void reply(xmpp::RequestId request, std::uint16_t status, std::string_view body, xmpp::Actions& out) const;
  void reply_terminal(xmpp::RequestId request, Condition condition, xmpp::Actions& out) const;
  void reply_again(xmpp::RequestId request, const Exchange& exchange, xmpp::Actions& out) const;
  [[nodiscard]] std::uint16_t status_of(Condition condition) const;

  const Policy* policy_;
  RidWindow window_;
  AckLedger ledger_;
  KeyChain keys_;
  Pacing pacing_;
  Stream main_;
  std::unique_ptr<const std::string> content_type_;  // null: default_content_type
  std::unique_ptr<ScriptStream> script_;             // null: pure syntax
  std::unique_ptr<Greeting> greeting_;
  std::unique_ptr<Tombstone> tombstone_;
  std::unique_ptr<Push> push_;          // null: no push streams
  std::unique_ptr<StreamSet> streams_;  // null: one stream only
  Counters counters_;
  xmpp::Instant idle_since_ = xmpp::never;  // no request is held on a living connection
  Rid release_below_ = 0;                   // held requests below are to be answered now
  Rid report_ = 0;                          // B-085, due with the next answer; 0: nothing to report
  std::uint32_t wait_, inactivity_;         // seconds
  std::uint32_t pause_ = 0;                 // seconds; 0: no pause
  bool server_acks_ : 1;
  bool client_acks_ : 1;
  bool legacy_ : 1;
  bool client_version_ : 1;  // xmpp:version at creation
  bool used_ : 1 = false;    // a second request has come
  bool handed_over_ : 1 = false;
  bool polled_ : 1 = false;             // the newest request came to be held, from a client with all its answers
  std::uint32_t local_bytes_ : 24 = 0;  // put into the queues by the engine itself, ever; no more than fits
};

}  // namespace bosh
