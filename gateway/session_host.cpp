#include "gateway/session_host.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

#include "gateway/end_log.hpp"
#include "gateway/shard.hpp"
#include "gateway/wall_clock.hpp"

namespace gateway {

namespace {

// What a session that is ended for want of memory may keep while it says good-bye to its server.
constexpr std::size_t light_bytes = 64 * 1024;

}  // namespace

SessionHost::SessionHost(Shard& shard, SetupPtr setup, SessionStart start)
    : Timed(shard.timers()),
      shard_(shard),
      setup_(std::move(setup)),
      place_(std::move(start.place)),
      domain_(start.domain),
      origin_(std::move(start.origin)),
      sid_(std::move(start.sid)),
      created_(steady_now()),
      stream_request_(std::move(start.stream)),
      binding_(std::move(start.binding)),
      session_(domain_.stream, stream_request_, created_),
      splitter_(shard.parser_pool(), setup_->config.limits.from_server) {}

SessionHost::~SessionHost() {
  shard_.note_buffered(buffered_, 0);
}

void SessionHost::set_id(SessionId id) {
  id_ = id;
  place_.belongs_to(shard_.index(), id);
}

// ---- from the browser ----------------------------------------------------------------------------------------------

xmpp::Actions& SessionHost::actions() {
  return shard_.actions();
}

// Who shows people the time of day is told it with each step: that clock may have been set since the last.
Step<SessionId> SessionHost::step() {
  if (auto* const chat = std::get_if<webclient::WebEngine>(&binding_)) chat->set_clock(steady_now(), wall_now());
  return shard_.step_of(id_);
}

void SessionHost::gone(xmpp::RequestId request) {
  const auto entered = step();
  const auto now = steady_now();
  ask([&](auto& engine) {
    if constexpr (AnswersRequests<decltype(engine)>) engine.on_gone(request, now, actions());
  });
  carry_out(now);
}

void SessionHost::lost(xmpp::ConnectionRef connection) {
  const auto entered = step();
  const auto now = steady_now();
  ask([&](auto& engine) {
    if constexpr (OwnsConnection<decltype(engine)>) engine.on_lost(connection, now, actions());
  });
  carry_out(now);
}

void SessionHost::unsent(xmpp::ConnectionRef connection, std::size_t bytes) {
  const auto entered = step();
  const auto now = steady_now();
  tell_unsent(connection, bytes, now);
  carry_out(now);
}

void SessionHost::arrived(xmpp::ConnectionRef connection) {
  const auto entered = step();
  const auto now = steady_now();
  ask([&](auto& engine) {
    if constexpr (HearsOfArrival<decltype(engine)>) engine.on_arrived(connection, now, actions());
  });
  carry_out(now);
}

void SessionHost::tell_unsent(xmpp::ConnectionRef connection, std::size_t bytes, xmpp::Instant now) {
  ask([&](auto& engine) {
    if constexpr (OwnsConnection<decltype(engine)>) engine.on_unsent(connection, bytes, now, actions());
  });
}

void SessionHost::prove_pages() {
  const auto* const web = as<webclient::WebEngine>();
  if (web == nullptr) return;
  for (const auto stream : web->streams()) {
    bool has = false;
    shard_.at_connection(stream, [&](const auto& connection) {
      if constexpr (requires { connection.all_arrived(); }) has = connection.all_arrived();
    });
    if (has) arrived(stream);
  }
}

void SessionHost::end(xmpp::EndReason reason, std::string_view text) {
  if (ended_) return;
  prove_pages();
  const auto entered = step();
  const auto now = steady_now();
  ask([&](auto& engine) { engine.close(reason, text, now, actions()); });
  carry_out(now);
}

void SessionHost::part() {
  if (!link_) return;
  const auto entered = step();
  const auto now = steady_now();
  session_.close_at_once(now, shard_.session_actions());
  apply(now);
  carry_out(now);
}

void SessionHost::let_go() {
  if (!ended_) return;
  forgotten_ = true;
  ask([](auto& engine) {
    if constexpr (KeepsAfterEnd<decltype(engine)>) engine.let_go();
  });
  note_buffered();
}

SessionHost::Worth SessionHost::worth() const {
  if (!ended_) return logged_in() ? Worth::living : Worth::early;
  const bool last_words = ask([](const auto& engine) {
    if constexpr (KeepsAfterEnd<decltype(engine)>) return engine.has_last_words();
    return false;
  });
  return last_words ? Worth::unread : Worth::spent;
}

// ---- from the server -----------------------------------------------------------------------------------------------

void SessionHost::on_link_up(xmpp::TlsMode tls) {
  const auto entered = step();
  const auto now = steady_now();
  encrypted_ = tls == xmpp::TlsMode::direct;
  session_.link_up(tls, now, shard_.session_actions());
  apply(now);
  carry_out(now);
}

void SessionHost::on_link_encrypted() {
  const auto entered = step();
  const auto now = steady_now();
  encrypted_ = true;
  session_.encrypted(now, shard_.session_actions());
  apply(now);
  carry_out(now);
}

void SessionHost::on_link_bytes(std::string_view bytes) {
  const auto entered = step();
  const auto now = steady_now();
  auto& events = shard_.stream_events();
  splitter_.feed(bytes, events);
  discard_read_ = false;
  for (const auto& event : events.list) {
    if (std::holds_alternative<xmpp::Fault>(event)) link_trouble_ = "what the server sent is refused";
    session_.on_event(event, now, shard_.session_actions());
    apply(now);
    if (discard_read_) break;
  }
  if (!ended_) ask([&](auto& engine) { engine.delivered_all(now, actions()); });
  carry_out(now);
  events.clear();
}

void SessionHost::on_link_congested(bool is) {
  session_.congested(is);
  if (ended_) return;
  const auto entered = step();
  const auto now = steady_now();
  ask([&](auto& engine) { engine.congested(is, now, actions()); });
  carry_out(now);
}

void SessionHost::on_link_down(xmpp::Fault fault, std::string_view detail) {
  const auto entered = step();
  const auto now = steady_now();
  link_trouble_ = detail;
  session_.link_down(fault, now, shard_.session_actions());
  apply(now);
  carry_out(now);
}

void SessionHost::on_timer(xmpp::Instant now) {
  const auto entered = step();
  if (session_.deadline() <= now) {
    session_.on_time(now, shard_.session_actions());
    apply(now);
  }
  ask([&](auto& engine) {
    if (engine.deadline() <= now) engine.on_time(now, actions());
  });
  carry_out(now);
  if (login_deadline() <= now) end(xmpp::EndReason::policy, "not logged in within unauthenticated_timeout");
}

// ---- carrying out --------------------------------------------------------------------------------------------------

bool SessionHost::apply(xmpp::Instant now, By by) {
  auto& asked = shard_.session_actions();
  bool delivered = false;
  for (std::size_t i = 0; i < asked.list.size(); ++i) {
    const xmpp::SessionAction action = asked.list[i];
    std::visit(
        [&](const auto& what) {
          using What = std::decay_t<decltype(what)>;
          if constexpr (std::is_same_v<What, xmpp::SendBytes>) {
            if (link_) link_->write(what.bytes);
          } else if constexpr (std::is_same_v<What, xmpp::Encrypt>) {
            discard_read_ = true;
            splitter_.reset();
            if (link_) link_->start_tls();
          } else if constexpr (std::is_same_v<What, xmpp::ResetSplitter>) {
            splitter_.reset();
          } else if constexpr (std::is_same_v<What, xmpp::Opened>) {
            shard_.health().server_reached(domain_.name, {}, now);
            tell_channel();
            if (!ended_) ask([&](auto& engine) { engine.opened(what.stream, now, actions()); });
          } else if constexpr (std::is_same_v<What, xmpp::Deliver>) {
            if (!logged_in()) note_stage(what.stanza);
            if (!what.stanza.excess.empty()) note_left_out(what.stanza);
            if (what.stanza.kind == xmpp::StanzaKind::stream_error) link_trouble_ = named_condition(what.stanza);
            if (!ended_) ask([&](auto& engine) { engine.deliver(what.stanza, now, actions()); });
            change_binding(now);
            delivered = true;
          } else if constexpr (std::is_same_v<What, xmpp::Managed>) {
            tell_managed(what.is, now);
          } else if constexpr (std::is_same_v<What, xmpp::Redirect>) {
            discard_read_ = true;
            splitter_.reset();
            encrypted_ = false;
            if (link_) link_->open_elsewhere(what.host, what.port);
          } else {
            // What the browser sends ends a stream in one way only: too much before the server is ready.
            stream_ended(what.fault, by == By::browser ? xmpp::EndReason::policy : end_reason_of(what.fault), now);
          }
        },
        action);
  }
  asked.clear();
  return delivered;
}

// The login that a back end asked for is done: the session goes on as the browser's (E-51).
void SessionHost::change_binding(xmpp::Instant now) {
  auto* const prebind = std::get_if<bosh::Prebind>(&binding_);
  if (prebind == nullptr || !prebind->ready()) return;
  auto handed = prebind->hand_over(now, actions());
  std::visit([this](auto& engine) { binding_ = std::move(engine); }, handed);
  tell_managed(session_.answers(), now);
}

void SessionHost::tell_managed(bool is, xmpp::Instant now) {
  ask([&](auto& engine) {
    if constexpr (AsksForProof<decltype(engine)>) engine.managed(is, now, actions());
  });
}

void SessionHost::stream_ended(const xmpp::Fault& fault, xmpp::EndReason reason, xmpp::Instant now) {
  discard_read_ = true;
  if (link_ && link_trouble_.empty()) link_trouble_ = link_->search_trouble();
  release_link();
  // How a stream ends that was to end says nothing of the next one.
  const bool leaving = ended_ || stream_closed_;
  if (reason == xmpp::EndReason::server_unreachable && !leaving) {
    shard_.health().server_reached(domain_.name, link_trouble_.empty() ? fault.text : link_trouble_, now);
  }
  if (!ended_) ask([&](auto& engine) { engine.close(reason, fault.text, now, actions()); });
}

void SessionHost::carry_out(xmpp::Instant now) {
  auto& asked = shard_.actions();
  for (std::size_t i = 0; i < asked.list.size(); ++i) {  // grows while it is carried out
    const xmpp::Action action = asked.list[i];
    std::visit(
        [&](const auto& what) {
          using What = std::decay_t<decltype(what)>;
          if constexpr (std::is_same_v<What, xmpp::ToServer>) {
            if (!logged_in()) early_bytes_ += static_cast<std::uint32_t>(what.bytes.size());
            session_.to_server(what.bytes, what.stanzas, now, shard_.session_actions());
            if (apply(now, By::browser) && !ended_) ask([&](auto& engine) { engine.delivered_all(now, asked); });
          } else if constexpr (std::is_same_v<What, xmpp::Reply>) {
            shard_.reply(what);
          } else if constexpr (std::is_same_v<What, xmpp::Push>) {
            push(what, now);
          } else if constexpr (std::is_same_v<What, xmpp::CloseConnection>) {
            shard_.at_connection(what.connection, [&](auto& connection) {
              if constexpr (requires { connection.finish(what.code); }) connection.finish(what.code);
            });
          } else if constexpr (std::is_same_v<What, xmpp::Ping>) {
            shard_.at_connection(what.connection, [&](auto& connection) {
              if constexpr (requires { connection.ping(what.token); }) connection.ping(what.token);
            });
          } else if constexpr (std::is_same_v<What, xmpp::PauseClient> || std::is_same_v<What, xmpp::ResumeClient>) {
            shard_.at_connection(what.connection, [](auto& connection) {
              constexpr bool on = std::is_same_v<What, xmpp::PauseClient>;
              if constexpr (requires { connection.pause(on); }) connection.pause(on);
            });
          } else if constexpr (std::is_same_v<What, xmpp::OpenLink>) {
            open_link(now);
          } else if constexpr (std::is_same_v<What, xmpp::RestartStream>) {
            session_.restart(what.lang, now, shard_.session_actions());
            apply(now);
          } else if constexpr (std::is_same_v<What, xmpp::PauseServer>) {
            if (link_) link_->pause_reading(true);
            session_.reading(false, now);
          } else if constexpr (std::is_same_v<What, xmpp::ResumeServer>) {
            if (link_) link_->pause_reading(false);
            session_.reading(true, now);
          } else if constexpr (std::is_same_v<What, xmpp::AcknowledgedUpTo>) {
            session_.client_received(what.stanzas, now, shard_.session_actions());
            apply(now);
          } else if constexpr (std::is_same_v<What, xmpp::GivenUp>) {
            session_.given_up(what.after, what.up_to, now, shard_.session_actions());
            apply(now);
          } else if constexpr (std::is_same_v<What, xmpp::Undeliverable>) {
            session_.undeliverable(what.number, what.bounced, now, shard_.session_actions());
            apply(now);
          } else if constexpr (std::is_same_v<What, xmpp::EndSession>) {
            finish(what, now);
          } else if constexpr (std::is_same_v<What, xmpp::OpenStream>) {
            open_stream(what.stream, now);
          } else if constexpr (std::is_same_v<What, xmpp::CloseStream>) {
            close_stream(what, now);
          } else if constexpr (std::is_same_v<What, xmpp::ToStream>) {
            if (branches_) branches_->order(what);
          } else {
            forgotten_ = true;
          }
        },
        action);
  }
  asked.clear();
  if (branches_) branches_->send();
  if (link_) link_->flush();
  arm_deadline();
  note_buffered();
  if (!logged_in() && !ended_) watch_stranger();
  // Later, because callers up the stack still hold a reference to this.
  if (forgotten_ && !link_) shard_.erase_session_later(id_);
}

// Also for a second time, where the binding itself logs in: a stream that ended is followed by a new one.
void SessionHost::open_link(xmpp::Instant now) {
  release_link();
  if (used_stream_) {
    xmpp::StreamRequest request = stream_request_;  // before: what it throws must not meet a session half made
    std::destroy_at(&session_);
    std::construct_at(&session_, domain_.stream, std::move(request), now);
    splitter_.reset();
    encrypted_ = false;
    link_trouble_.clear();
  }
  used_stream_ = true;
  LinkOwner& self = *this;
  link_ = std::make_unique<Link>(shard_, self, setup_, domain_);
  link_->open(origin_.address);
}

// Another one than its own, which is a host's of its own.
void SessionHost::open_stream(std::uint32_t stream, xmpp::Instant now) {
  auto* const engine = std::get_if<bosh::Engine>(&binding_);
  const bosh::Creation* const wish = engine == nullptr ? nullptr : engine->wish(stream);
  if (wish == nullptr) return;
  if (!branches_) branches_ = std::make_unique<Branches>(shard_, id_, origin_, sid_);
  const auto what = branches_->open(stream, *wish, now);
  if (const auto* domain = std::get_if<std::string_view>(&what)) {
    engine->accepted(stream, *domain, now, actions());
  } else {
    engine->refused(stream, std::get<bosh::Condition>(what), now, actions());
  }
}

// Its own one, while others live.
void SessionHost::close_stream(const xmpp::CloseStream& how, xmpp::Instant now) {
  if (ended_) return;
  stream_closed_ = true;
  if (link_) link_->pause_reading(false);
  if (how.all_received) session_.client_left(now);
  session_.close(now, shard_.session_actions());
  apply(now);
}

void SessionHost::tell_channel() {
  ask([&](auto& engine) {
    if constexpr (LogsIn<decltype(engine)>) {
      if (link_) engine.secured(link_->channel());
    }
  });
}

void SessionHost::push(const xmpp::Push& push, xmpp::Instant now) {
  std::size_t left = 0;
  shard_.at_connection(push.connection, [&](auto& connection) {
    if constexpr (requires { connection.push(push.bytes); }) left = connection.push(push.bytes);
  });
  if (left > 0) tell_unsent(push.connection, left, now);
}

void SessionHost::finish(const xmpp::EndSession& end, xmpp::Instant now) {
  // Before the log line: should that fail (no memory), the session must not be counted for ever.
  place_.give_back();
  ended_ = true;
  const std::string counts = ask([](const auto& engine) { return counts_of(engine); });
  log_session_end(EndedSession{sid_, origin_.address.to_string(), domain_.name, now - created_, end, counts,
                               link_trouble_, encrypted_});
  if (link_) link_->pause_reading(false);  // the server's own end must be seen
  if (end.all_received) session_.client_left(now);
  if (end.resumable || (end.reason == xmpp::EndReason::overload && !parts_lightly())) {
    session_.drop(shard_.session_actions());
  } else {
    session_.close(now, shard_.session_actions());
  }
  apply(now);
}

void SessionHost::note_left_out(const xmpp::Stanza& rest) {
  shard_.say_refused("session {} of {} for {}: left out a stanza of the server, above [limits]: {}", short_sid(sid_),
                     origin_.address.to_string(), domain_.name, rest.excess);
}

void SessionHost::note_buffered() {
  const std::size_t engine = ask([](const auto& binding) -> std::size_t {
    if constexpr (HoldsBytes<decltype(binding)>) return binding.held_bytes();
    return 0;
  });
  shard_.note_buffered(buffered_,
                       engine + session_.queued_bytes() + splitter_.held_bytes() + (link_ ? link_->unsent() : 0));
}

// What is unsent waits for a server that does not read, what is unfinished for the rest of a stanza.
bool SessionHost::parts_lightly() const {
  return splitter_.held_bytes() + (link_ ? link_->unsent() : 0) <= light_bytes;
}

// There may be no memory still: each of these is done whatever becomes of the others.
void SessionHost::broken(std::string_view trouble) noexcept {
  disarm();
  if (!std::exchange(ended_, true)) {
    place_.give_back();
    attempt([&] {
      const std::string counts = ask([](const auto& engine) { return counts_of(engine); });
      log_session_end(EndedSession{sid_, origin_.address.to_string(), domain_.name, steady_now() - created_,
                                   xmpp::EndSession{xmpp::EndReason::internal_error, {}, trouble}, counts,
                                   link_trouble_, encrypted_});
    });
  }
  attempt([&] {
    if (auto* const branch = as<Branch>()) branch->fail();
  });
  attempt([&] { release_link(); });
}

void SessionHost::release_link() {
  if (!link_) return;
  link_->close();
  splitter_.reset();
  shard_.bury(std::move(link_));  // it may be in the middle of telling us something
}

void SessionHost::arm_deadline() {
  const auto binding = forgotten_ ? xmpp::never : ask([](const auto& engine) { return engine.deadline(); });
  arm(std::min({binding, session_.deadline(), login_deadline()}));
}

}  // namespace gateway
