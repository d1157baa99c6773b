// The stream under the client: login, resume, bind, back-off, signs of life.
#include <algorithm>
#include <charconv>
#include <utility>

#include "webclient/client.hpp"
#include "xmpp/names.hpp"

namespace webclient {

namespace {

Problem problem_of(xmpp::LoginFailure failure) {
  using xmpp::LoginFailure;
  switch (failure) {
    case LoginFailure::no_common_mechanism:
      return Problem::no_common_mechanism;
    case LoginFailure::encryption_required:
      return Problem::encryption_required;
    case LoginFailure::bad_identity:
    case LoginFailure::not_authorized:
      return Problem::wrong_password;
    case LoginFailure::server_not_genuine:
      return Problem::server_not_genuine;
    case LoginFailure::account_disabled:
      return Problem::account_disabled;
    case LoginFailure::credentials_expired:
      return Problem::password_expired;
    case LoginFailure::malformed:
      return Problem::unreadable;
    case LoginFailure::temporary:
    case LoginFailure::refused:
    case LoginFailure::not_bound:
      return Problem::login_failed;
  }
  return Problem::login_failed;
}

Problem problem_of(xmpp::EndReason reason) {
  switch (reason) {
    case xmpp::EndReason::server_unreachable:
      return Problem::server_unreachable;
    case xmpp::EndReason::server_closed:
    case xmpp::EndReason::server_error:
    case xmpp::EndReason::server_lost:
      return Problem::server_closed;
    case xmpp::EndReason::shutdown:
      return Problem::shutting_down;
    case xmpp::EndReason::overload:
      return Problem::resource_constraint;
    default:
      return Problem::none;
  }
}

std::optional<std::uint32_t> read_h(xmpp::ElementView element) {
  const auto text = element.attribute("h");
  std::uint32_t h = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), h);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(h) : std::nullopt;
}

// Trying again by itself would not help, or would be wrong.
bool is_final(Problem problem) {
  return problem == Problem::replaced || problem == Problem::kicked || problem == Problem::unknown_domain;
}

}  // namespace

void Client::set_link(LinkState link, Problem problem) {
  auto account = model_.account();
  if (account.link == link && account.problem == problem) return;
  account.link = link;
  account.problem = problem;
  model_.set_account(std::move(account), EventKind::link_changed);
}

// ---- connecting ----------------------------------------------------------------------------------------------------

void Client::start(xmpp::Instant now, xmpp::Actions& out) {
  if (state_ != State::idle) return;
  auto step = turn(now, out);
  connect(step);
}

void Client::connect(Turn& turn) {
  state_ = State::connecting;
  due_ = turn.now + settings_.login_timeout;
  stream_problem_ = Problem::none;
  channel_ = {};
  turn.out.list.emplace_back(xmpp::OpenLink{});
}

void Client::secured(xmpp::SaslChannel channel) {
  channel_ = std::move(channel);
}

void Client::opened(const xmpp::StreamOpened& /*stream*/, xmpp::Instant /*now*/, xmpp::Actions& /*out*/) {
  if (state_ != State::connecting) return;
  state_ = State::login;
  login_ = std::make_unique<xmpp::Login>(std::move(identity_), channel_, xmpp::LoginGoal{false, {}, {}}, floor_);
}

void Client::deliver(const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out) {
  auto step = turn(now, out);
  if (stanza.kind == xmpp::StanzaKind::stream_error && state_ != State::ended && state_ != State::waiting) {
    const auto error = xmpp::ParsedElement::parse(stanza.bytes);
    if (error) on_stream_error(error->root());
    return;
  }
  switch (state_) {
    case State::login:
      return on_login(stanza, step);
    case State::resuming:
      return on_resuming(stanza, step);
    case State::binding:
      return on_binding(stanza, step);
    case State::online:
      wire_.alive(now);
      probed_at_ = xmpp::never;
      return on_stanza(stanza, step);
    default:
      return;  // of a link that has been given up
  }
}

void Client::on_login(const xmpp::Stanza& stanza, Turn& turn) {
  const auto step = login_->on_stanza(stanza);
  using Kind = xmpp::Login::Kind;
  switch (step.kind) {
    case Kind::wait:
    case Kind::foreign:
      return;
    case Kind::send:
      return wire_.send_now(step.bytes, turn);
    case Kind::restart:
      turn.out.list.emplace_back(xmpp::RestartStream{});
      return;
    case Kind::done: {
      identity_ = login_->take_identity();
      floor_ = login_->mechanism();
      login_.reset();
      const auto features = xmpp::ParsedElement::parse(stanza.bytes);
      return on_features(features ? features->root() : xmpp::ElementView(), turn);
    }
    case Kind::failed:
      break;
  }
  identity_ = login_->take_identity();
  login_.reset();
  // What may be gone in a minute is tried again, but not at the first login: somebody is waiting for the answer.
  if (was_online_ && step.failure == xmpp::LoginFailure::temporary) return lose_link(Problem::login_failed, turn);
  const bool guest = identity_.kind == xmpp::SaslKind::anonymous;
  const auto problem =
      guest && step.failure != xmpp::LoginFailure::malformed ? Problem::guests_not_allowed : problem_of(step.failure);
  end(xmpp::EndReason::policy, problem, "the login has failed", turn);
}

void Client::on_features(xmpp::ElementView features, Turn& turn) {
  offers_management_ = static_cast<bool>(features.child("sm", xmpp::ns::management_3));
  if (!offers_management_ || !wire_.resumable()) return bind(turn);
  state_ = State::resuming;
  wire_.send_now(wire_.resume_request(), turn);
}

void Client::bind(Turn& turn) {
  state_ = State::binding;
  bind_id_ = wire_.new_id();
  wire_.send_now(xmpp::bind_request({true, settings_.resource, bind_id_}), turn);
}

void Client::on_resuming(const xmpp::Stanza& stanza, Turn& turn) {
  if (stanza.kind != xmpp::StanzaKind::management) return;
  const auto parsed = xmpp::ParsedElement::parse(stanza.bytes);
  const auto element = parsed ? parsed->root() : xmpp::ElementView();
  const auto h = read_h(element);
  if (element.name() == "resumed") {
    const auto arrived = h ? wire_.resumed(*h, turn) : std::nullopt;
    if (arrived) {
      chats_.on_sent(*arrived);
      return go_online(true, turn);
    }
    wire_.forget_resume();  // it counts what we have not sent: nothing of the old stream can be relied on
    return lose_link(Problem::unreadable, turn);
  }
  if (element.name() != "failed") return;
  // XEP-0198 5: even then the server may say how far it had come.
  if (h) {
    if (const auto arrived = wire_.acknowledged(*h)) chats_.on_sent(*arrived);
  }
  wire_.forget_resume();
  bind(turn);
}

void Client::on_binding(const xmpp::Stanza& stanza, Turn& turn) {
  if (stanza.kind != xmpp::StanzaKind::iq) return;
  const auto iq = xmpp::ParsedElement::parse(stanza.bytes);
  if (!iq || iq->root().attribute("id") != bind_id_) return;
  const auto address = xmpp::bound_address(iq->root());
  const auto jid = address ? xmpp::parse_jid(*address) : std::nullopt;
  if (!jid) return end(xmpp::EndReason::policy, Problem::login_failed, "no resource could be bound", turn);
  self_.bare = jid->bare();
  self_.full = jid->full();
  self_.domain = jid->domain;
  auto account = model_.account();
  account.address = self_.bare;
  model_.set_account(std::move(account), EventKind::own_changed);
  go_online(false, turn);
}

// ---- online --------------------------------------------------------------------------------------------------------

void Client::go_online(bool resumed, Turn& turn) {
  state_ = State::online;
  due_ = lost_at_ = probed_at_ = xmpp::never;
  retries_ = 0;
  wire_.alive(turn.now);
  if (!resumed) begin_session(turn);
  was_online_ = true;
  set_link(LinkState::online, Problem::none);
  chats_.on_room(turn);
}

void Client::begin_session(Turn& turn) {
  wire_.put_off();
  for (const auto& asked : wire_.forget_questions()) on_no_answer(asked);
  archive_.forget();
  chats_.forget_what_the_server_has();
  roster_.forget_presence();
  wire_.link_up();
  wire_.begin(offers_management_, turn);
  roster_.fetch(turn);
  roster_.announce({}, turn);
  services_.discover(turn);
  if (!was_online_) {
    bookmarks_.fetch(turn);
    return;
  }
  bookmarks_.write_again(turn);
  rooms_.rejoin(turn);
  archive_.catch_up(turn);
  if (!archive_.catching_up()) resend(turn);
}

// What was on its way when the old stream broke. What the archive has shown to have arrived is left out.
void Client::resend(Turn& turn) {
  for (const auto& unsent : wire_.take_put_off()) {
    const auto& ref = unsent.message;
    if (ref.message == MessageId{}) {
      wire_.send_again(unsent, turn);
      continue;
    }
    const auto* row = model_.find(ref.conversation);
    const auto* message = row == nullptr ? nullptr : model_.find(*row, ref.message);
    if (message != nullptr && !message->archive_id.empty()) {
      chats_.on_sent({ref});
      continue;
    }
    wire_.send_again(unsent, turn);
    if (!wire_.managed()) chats_.on_sent({ref});
  }
}

void Client::on_management(xmpp::ElementView element, Turn& turn) {
  const auto name = element.name();
  if (name == "r") return wire_.acknowledge(turn);
  if (name == "enabled") {
    const auto resume = element.attribute("resume");
    return wire_.enabled(element.attribute("id"), resume == "true" || resume == "1");
  }
  if (name == "failed") {
    wire_.forget_resume();
    std::vector<SentMessage> sent;
    for (const auto& unsent : wire_.take_unsent()) sent.push_back(unsent.message);
    return chats_.on_sent(sent);
  }
  if (name != "a") return;
  const auto h = read_h(element);
  const auto arrived = h ? wire_.acknowledged(*h) : std::nullopt;
  if (arrived) {
    chats_.on_sent(*arrived);
    chats_.on_room(turn);
    if (wire_.kept() > 0) wire_.request(turn);
    return;
  }
  // U-064: it acknowledges what was never sent.
  wire_.forget_resume();
  lose_link(Problem::unreadable, turn);
}

void Client::on_stream_error(xmpp::ElementView error) {
  struct Known {
    std::string_view name;
    Problem problem;
  };
  constexpr Known known[] = {
      {"conflict", Problem::replaced},        {"host-unknown", Problem::unknown_domain},
      {"host-gone", Problem::unknown_domain}, {"not-authorized", Problem::kicked},
      {"policy-violation", Problem::kicked},  {"system-shutdown", Problem::server_closed},
  };
  stream_problem_ = Problem::server_closed;
  for (const auto& [name, problem] : known) {
    if (error.child(name, xmpp::ns::stream_conditions)) stream_problem_ = problem;
  }
}

// ---- losing it -----------------------------------------------------------------------------------------------------

void Client::close(xmpp::EndReason reason, std::string_view text, xmpp::Instant now, xmpp::Actions& out) {
  if (state_ == State::ended || state_ == State::idle) return;
  auto step = turn(now, out);
  switch (reason) {
    case xmpp::EndReason::server_unreachable:
    case xmpp::EndReason::server_closed:
    case xmpp::EndReason::server_error:
    case xmpp::EndReason::server_lost:
      break;
    default:
      return end(reason, problem_of(reason), text, step);
  }
  if (state_ == State::waiting) return;
  const auto problem = stream_problem_ != Problem::none ? stream_problem_ : problem_of(reason);
  if (!was_online_ || is_final(problem)) return end(reason, problem, text, step);
  lose_link(problem, step);
}

void Client::lose_link(Problem why, Turn& turn) {
  if (login_) identity_ = login_->take_identity();
  login_.reset();
  wire_.link_down();
  if (lost_at_ == xmpp::never) lost_at_ = turn.now;
  if (turn.now - lost_at_ >= settings_.patience) {
    return end(xmpp::EndReason::server_unreachable, why, "the server has not come back", turn);
  }
  state_ = State::waiting;
  probed_at_ = xmpp::never;
  const auto wait = std::min(settings_.first_retry * (1U << std::min(retries_, 10U)), settings_.longest_retry);
  ++retries_;
  // Between half and all of it: after a restart of the server not everybody comes at once.
  const auto half = static_cast<std::uint64_t>(wait.count() / 2);
  due_ = turn.now + wait / 2 + xmpp::Duration(wire_.jitter(half + 1));
  set_link(LinkState::reconnecting, why);
}

void Client::end(xmpp::EndReason reason, Problem why, std::string_view text, Turn& turn) {
  if (login_) identity_ = login_->take_identity();
  login_.reset();
  identity_.secret.wipe();
  // The server keeps for the next login what no reader has seen. After its own end it does not listen.
  const bool listens = state_ == State::online && stream_problem_ == Problem::none;
  if (listens && wire_.managed()) wire_.acknowledge(turn);
  // Nothing will be sent again: what is kept for that must not stand in the way of the last words.
  wire_.forget_resume();
  (void)wire_.take_unsent();
  if (listens) {
    // The archive has not shown whether it had arrived: rather twice than not at all.
    resend(turn);
    chats_.give_back(turn);
  }
  (void)wire_.take_put_off();
  state_ = State::ended;
  due_ = lost_at_ = probed_at_ = xmpp::never;
  wire_.link_down();
  set_link(LinkState::ended, why);
  turn.out.list.emplace_back(xmpp::EndSession{reason, {}, text});
}

void Client::log_out(xmpp::Instant now, xmpp::Actions& out) {
  if (state_ == State::ended) return;
  auto step = turn(now, out);
  if (state_ == State::online) wire_.send(xmpp::NewElement("presence").set("type", "unavailable"), step);
  end(xmpp::EndReason::client_terminated, Problem::none, "logged out", step);
}

// ---- time ----------------------------------------------------------------------------------------------------------

void Client::probe(Turn& turn) {
  if (probed_at_ != xmpp::never) {
    if (turn.now < probed_at_ + settings_.probe_timeout) return;
    return lose_link(Problem::timed_out, turn);
  }
  if (turn.now < wire_.last_heard() + settings_.probe_after) return;
  probed_at_ = turn.now;
  if (wire_.managed()) return wire_.probe(turn);
  wire_.ask(xmpp::NewElement("iq").set("type", "get").add(xmpp::NewElement("ping", "urn:xmpp:ping")),
            {Question::ping, {}, 0, self_.domain, {}, {}}, turn);
}

void Client::on_time(xmpp::Instant now, xmpp::Actions& out) {
  auto step = turn(now, out);
  chats_.on_time(now);
  rooms_.on_time(step);
  for (const auto& asked : wire_.expired(now)) on_no_answer(asked);
  if (state_ == State::online) {
    if (now >= wire_.stuck_at(settings_.probe_after)) {
      wire_.forget_resume();  // it would go on where it stands
      return lose_link(Problem::timed_out, step);
    }
    if (wire_.has_put_off() && !archive_.catching_up()) resend(step);
    return probe(step);
  }
  if (now < due_) return;
  if (state_ == State::waiting) return connect(step);
  if (was_online_) return lose_link(Problem::timed_out, step);
  end(xmpp::EndReason::server_unreachable, Problem::timed_out, "no login in time", step);
}

xmpp::Instant Client::deadline() const {
  if (state_ == State::ended) return xmpp::never;
  auto first = std::min({due_, chats_.deadline(), rooms_.deadline(), wire_.deadline()});
  if (state_ != State::online) return first;
  const auto liveness =
      probed_at_ == xmpp::never ? wire_.last_heard() + settings_.probe_after : probed_at_ + settings_.probe_timeout;
  return std::min({first, liveness, wire_.stuck_at(settings_.probe_after)});
}

}  // namespace webclient
