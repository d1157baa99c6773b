// Room 2: one web user's session. Holds the engine of its binding (one of bindings.hpp) and the session model, both
// pure, the splitter, the link and one timer, carries out what the engine asks for, and nothing else: every decision is
// the engine's.
//
//   browser ──► engine ──actions──► session ──► link ──► server
//   browser ◄── engine ◄──events─── session ◄── splitter ◄── link
//
// Owned by the shard's SessionTable, in whose thread everything happens. It outlives its end as a tombstone (B-144);
// released() tells when the table may erase it.
#pragma once
#include <cassert>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/address.hpp"
#include "gateway/admission.hpp"
#include "gateway/bindings.hpp"
#include "gateway/clock.hpp"
#include "gateway/ids.hpp"
#include "gateway/link.hpp"
#include "gateway/setup.hpp"
#include "gateway/step.hpp"
#include "gateway/timers.hpp"
#include "xmpp/session.hpp"
#include "xmpp/stream_splitter.hpp"

namespace gateway {

class Shard;

inline constexpr std::string_view overloaded = "max_buffered_bytes reached";

struct SessionOrigin {
  Address address;      // who is behind the creation request
  bool secure = false;  // created over TLS: all its requests must be (B-200)
};

// All that differs from one session to the next. `domain` is one of the setup under which the session is created, and
// the engine was made with policies of the same setup.
struct SessionStart {
  SessionPlace place;
  const Domain& domain;
  std::string sid;
  Binding binding;
  xmpp::StreamRequest stream;
  SessionOrigin origin;
};

class SessionHost final : public Timed, private LinkOwner {
 public:
  SessionHost(Shard& shard, SetupPtr setup, SessionStart start);
  ~SessionHost() override;

  // A typed entry of the binding, as one step: entry(engine, now, actions). Nothing happens to another binding.
  template <typename Engine, typename Entry>
  void enter(Entry entry) {
    auto* const engine = std::get_if<Engine>(&binding_);
    if (engine == nullptr) return;
    // Else another's step, which is being carried out, would be carried out as this one.
    assert(actions().list.empty());
    const auto entered = step();
    const auto now = steady_now();
    entry(*engine, now, actions());
    carry_out(now);
  }
  // To look at, not to change: null for another binding.
  template <typename Engine>
  [[nodiscard]] Engine* as() {
    return std::get_if<Engine>(&binding_);
  }
  template <typename Engine>
  [[nodiscard]] bool has() const {
    return std::holds_alternative<Engine>(binding_);
  }
  // What a connection reports by itself, whatever the binding.
  void gone(xmpp::RequestId request);
  void lost(xmpp::ConnectionRef connection);
  void unsent(xmpp::ConnectionRef connection, std::size_t bytes);
  void arrived(xmpp::ConnectionRef connection);
  // Before its end: what its reader's machine has by now, which nobody may have asked for since it was sent.
  void prove_pages();
  // Ends the session from outside: shutdown, overload.
  void end(xmpp::EndReason reason, std::string_view text);
  // The process is about to go: its server hears of the end now.
  void part();
  // Of one that has ended: gives up what it keeps for requests that come late. The link still has its time to close.
  void let_go();

  // After an exception in one of its steps: whatever it was in the middle of is left alone, everything is given back.
  void broken(std::string_view trouble) noexcept;

  [[nodiscard]] bool logged_in() const { return place_.stage() == SessionPlace::Stage::logged_in; }
  [[nodiscard]] bool ended() const { return ended_; }
  // In the order in which they go where memory is short.
  enum class Worth : std::uint8_t {
    spent,   // has ended, and keeps what its client was given before, for repeats
    early,   // has not logged in
    unread,  // has ended, and keeps words that its client has not had
    living
  };
  [[nodiscard]] Worth worth() const;
  [[nodiscard]] xmpp::Instant created() const { return created_; }
  // Bytes kept for browser and server.
  [[nodiscard]] std::uint32_t buffered() const { return buffered_; }
  [[nodiscard]] bool secure() const { return origin_.secure; }
  // The link to the server is closed (or never was): nothing of this session is left outside this process.
  [[nodiscard]] bool link_closed() const { return !link_; }
  [[nodiscard]] Branches* branches() const { return branches_.get(); }  // null: it has not asked for any
  // Nothing is left to answer or to close.
  [[nodiscard]] bool released() const { return forgotten_ && !link_; }
  [[nodiscard]] SessionId id() const { return id_; }
  [[nodiscard]] const SetupPtr& setup() const { return setup_; }
  [[nodiscard]] const Domain& domain() const { return domain_; }
  void set_id(SessionId id);

 private:
  void on_timer(xmpp::Instant now) override;
  void on_link_up(xmpp::TlsMode tls) override;
  void on_link_encrypted() override;
  void on_link_bytes(std::string_view bytes) override;
  void on_link_congested(bool is) override;
  void on_link_down(xmpp::Fault fault, std::string_view detail) override;

  // One step: the engine has filled the shard's Actions (directly or through apply()); do what they say.
  void carry_out(xmpp::Instant now);
  [[nodiscard]] xmpp::Actions& actions();
  void change_binding(xmpp::Instant now);
  void tell_managed(bool is, xmpp::Instant now);
  // Whose doing it is if the stream comes to its end.
  enum class By : std::uint8_t { server, browser };
  bool apply(xmpp::Instant now, By by = By::server);  // the shard's SessionActions; true: the engine got something
  void push(const xmpp::Push& push, xmpp::Instant now);
  void tell_unsent(xmpp::ConnectionRef connection, std::size_t bytes, xmpp::Instant now);
  void stream_ended(const xmpp::Fault& fault, xmpp::EndReason reason, xmpp::Instant now);
  void finish(const xmpp::EndSession& end, xmpp::Instant now);
  void release_link();
  void open_link(xmpp::Instant now);
  void open_stream(std::uint32_t stream, xmpp::Instant now);
  void close_stream(const xmpp::CloseStream& how, xmpp::Instant now);
  void tell_channel();
  void note_left_out(const xmpp::Stanza& rest);
  void note_stage(const xmpp::Stanza& delivered);
  [[nodiscard]] Step<SessionId> step();
  void note_buffered();
  void watch_stranger();
  void limit_early_bytes();
  [[nodiscard]] bool parts_lightly() const;
  [[nodiscard]] xmpp::Instant login_deadline() const;
  void arm_deadline();

  // A method of the contract that all bindings have.
  template <typename Call>
  decltype(auto) ask(Call call) {
    return std::visit(call, binding_);
  }
  template <typename Call>
  decltype(auto) ask(Call call) const {
    return std::visit(call, binding_);
  }

  Shard& shard_;
  const SetupPtr setup_;  // that of its creation: a reload is for new sessions
  SessionPlace place_;    // given back when it ends towards the browser
  const Domain& domain_;
  const SessionOrigin origin_;
  const std::string sid_;
  const xmpp::Instant created_;
  SessionId id_;
  const xmpp::StreamRequest stream_request_;
  Binding binding_;
  xmpp::Session session_;
  xmpp::StreamSplitter splitter_;
  std::unique_ptr<Link> link_;
  std::unique_ptr<Branches> branches_;  // null: one stream only
  std::string link_trouble_;            // what the system said, for the log line
  std::uint32_t buffered_ = 0;          // as it was told to the shard
  std::uint32_t early_bytes_ = 0;       // of the browser for the server, before it had logged in
  bool discard_read_ = false;           // the rest of the bytes read belongs to a stream that is over (U-011)
  bool encrypted_ = false;
  bool used_stream_ = false;
  bool stream_closed_ = false;  // its own, while others may live
  bool ended_ = false;          // towards the browser
  bool forgotten_ = false;      // the engine has nothing left to answer
};

}  // namespace gateway
