#include "bosh/engine.hpp"

#include <algorithm>
#include <utility>

#include "bosh/engine_parts.hpp"
#include "bosh/response.hpp"

namespace bosh {

using xmpp::EndReason;

namespace {

std::uint32_t inactivity_of(const Policy& policy, bool polling) {
  // B-101: a poller is expected to be away between its polls.
  return polling ? std::max({policy.inactivity, policy.polling + 60, 120U}) : policy.inactivity;
}

}  // namespace

Engine::Engine(const Policy& policy, const Creation& creation, Identity identity, xmpp::Instant now)
    : policy_(&policy),
      window_(0, creation.requests),
      ledger_(0, creation.requests, creation.acks),
      keys_(creation.newkey),
      pacing_(policy, creation.wait, creation.hold, creation.requests, now),
      content_type_(creation.content_type.empty() ? nullptr
                                                  : std::make_unique<const std::string>(creation.content_type)),
      script_(std::move(identity.script)),
      greeting_(
          std::make_unique<Greeting>(Greeting{std::move(identity.sid), std::move(identity.domain), creation.requests,
                                              creation.hold, creation.ver_major, creation.ver_minor})),
      wait_(creation.wait),
      inactivity_(inactivity_of(policy, pacing_.polling())),
      server_acks_(creation.acks && policy.acks),
      client_acks_(creation.acks),
      legacy_(creation.legacy),
      client_version_(creation.stream.version) {
  if (policy.max_streams > 1 && !script_) streams_ = std::make_unique<StreamSet>(creation.to, greeting_->domain);
}

Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

void Engine::on_create(xmpp::RequestId request, const Body& body, xmpp::Instant now, xmpp::Actions& out) {
  ++counters_.requests;
  window_ = RidWindow(body.rid, window_.requests());
  ledger_ = AckLedger(body.rid, window_.requests(), client_acks_);
  out.list.emplace_back(xmpp::OpenLink{});
  push({request, now, fingerprint(body.raw), 0, true}, nullptr);
  if (push_) push_->tell = body.push_ask;
  take_payload(body, now, out);
  settle(now, out);
}

// From here on it is a session whose client has its features and pauses. Without keys: who attaches knows none (B-166).
void Engine::hand_over(const HandOver& what, xmpp::Instant now, xmpp::Actions& out) {
  window_ = RidWindow(what.first, window_.requests(), what.delivered);
  ledger_ = AckLedger(what.first, window_.requests(), client_acks_, what.delivered);
  greeting_.reset();
  streams_.reset();
  main_.opened = true;
  main_.server_version = true;
  handed_over_ = true;
  main_.restart.header_sent();
  static_cast<void>(main_.restart.from_server({what.features, xmpp::StanzaKind::features}));
  pause_ = what.lifetime;
  idle_since_ = now;
  if (what.delivered > 0) out.list.emplace_back(xmpp::AcknowledgedUpTo{what.delivered});
}

// What was handed over is good for one. Whoever comes with its rid while the first one's connection stands, or when
// the session has gone on, has it from the same place, and must not get the answer nor end the session by its mistake.
bool Engine::used_by_another(Rid rid) {
  if (!handed_over_ || rid != ledger_.first()) return false;
  switch (window_.place(rid, false)) {
    case RidWindow::Place::gone:
      return true;
    case RidWindow::Place::answered:
    case RidWindow::Place::held:
      return window_.at(rid).alive;
    default:
      return false;
  }
}

void Engine::on_request(xmpp::RequestId request, const Body& body, xmpp::Instant now, xmpp::Actions& out) {
  ++counters_.requests;
  if (tombstone_) return late_request(request, body, now, out);
  if (used_by_another(body.rid)) return reply_terminal(request, Condition::item_not_found, out);
  if (greeting_) return reply_terminal(request, Condition::item_not_found, out);  // B-071: the sid is still a secret
  // Before anything is touched: the rid stays free for a body that makes sense.
  if (body.bad_pause) return reply_terminal(request, Condition::bad_request, out);
  switch (window_.place(body.rid, body.type == BodyType::terminate || is_pause(body))) {
    case RidWindow::Place::gone:
      return end_by_request({EndReason::protocol_fault, Condition::item_not_found, "rid is too old"}, request, body.rid,
                            now, out);
    case RidWindow::Place::above:
      return end_by_request({EndReason::protocol_fault, Condition::item_not_found, "rid is above the window"}, request,
                            body.rid, now, out);
    case RidWindow::Place::answered:
      return repeat_of_answered(request, body, now, out);
    case RidWindow::Place::held:
      return repeat_of_held(request, body, now, out);
    case RidWindow::Place::future:
      if (window_.future(body.rid)) return repeat_of_future(request, body, now, out);
      window_.store({body.rid, request, now, fingerprint(body.raw), std::make_unique<StoredBody>(body)});
      return;
    case RidWindow::Place::expected:
      break;
  }
  process({request, now, fingerprint(body.raw), 0, true}, body, now, out);
  process_futures(now, out);
  settle(now, out);
}

void Engine::process_futures(xmpp::Instant now, xmpp::Actions& out) {
  Future next;
  while (!tombstone_ && window_.take_next(next))
    process({next.request, next.arrived, next.hash, next.repeats, next.alive}, next.body->body(), now, out);
}

bool Engine::is_pause(const Body& body) const {
  return body.pause && policy_->maxpause > 0 && body.type != BodyType::terminate;  // B-093
}

// A request whose turn has come (PROTOCOL 0.2 step 6).
void Engine::process(const Incoming& incoming, const Body& body, xmpp::Instant now, xmpp::Actions& out) {
  const Rid rid = window_.expected();
  const bool leaves = (body.type == BodyType::terminate && !names_none_open(body)) || is_pause(body);
  const bool empty =
      body.empty() && !leaves && !body.restart && !body.newkey && !is_push_news(body) && !is_stream_add(body);  // B-114
  const bool keyed = keys_.keyed();
  const bool accepted = keys_.accept(body.key, body.newkey);
  if (accepted) note_acks(rid, body, {empty, leaves}, now, out);

  push(incoming, keyed && accepted ? &keys_.digest() : nullptr);
  if (!accepted)
    return end_with({EndReason::protocol_fault, Condition::item_not_found, "key missing or wrong"}, Told::culprit, rid,
                    now, out);

  const auto verdict = pacing_.arrived({empty, leaves, window_.held_alive(), pushing()}, now);
  if (verdict == Pacing::Verdict::abuse)
    return end_with({EndReason::policy, Condition::policy_violation, "too many or too frequent requests"},
                    Told::culprit, rid, now, out);
  if (verdict == Pacing::Verdict::crowded) release_below_ = std::max(release_below_, rid + 1 - window_.requests());

  used_ = true;
  pause_ = 0;  // B-098
  idle_since_ = xmpp::never;
  take_attributes(rid, body, now, out);
  // B-070: what is answered in a server's place counts like what comes from one.
  if (!tombstone_ && waiting_bytes() > policy_->queue_cap)
    end_with({EndReason::policy, Condition::policy_violation, "too much unread"}, Told::culprit, rid, now, out);
}

void Engine::push(const Incoming& incoming, const Digest* key) {
  Exchange exchange;
  exchange.request = incoming.request;
  exchange.at = incoming.arrived;
  exchange.hash = incoming.hash;
  exchange.repeats = incoming.repeats;
  exchange.alive = incoming.alive;
  if (key) exchange.key = std::make_unique<Digest>(*key);
  window_.push(std::move(exchange));
}

void Engine::note_acks(Rid rid, const Body& body, Purpose purpose, xmpp::Instant now, xmpp::Actions& out) {
  const bool given_up = window_.held() > window_.held_alive();
  const bool needless = purpose.empty && pacing_.enough(window_.held());
  const Rid last_answered = window_.first_held() - 1;
  if (pause_ > 0) doubt_unproven();
  const AckLedger::Arrival arrival{
      rid,           body.ack,          body.bad_ack,          given_up || needless, purpose.leaves && !polled_,
      last_answered, elements_of_all(), policy_->max_in_doubt,
  };
  polled_ = purpose.empty && !arrival.looks_new;
  const Rid before = ledger_.proven();
  ledger_.arrived(arrival);
  if (client_acks_ && ledger_.proven() != before && ledger_.proven() == last_answered)
    ledger_.round_trip(now - window_.at(last_answered).at);
  if (pushing() && body.push_seen) push_->events->seen(*body.push_seen);
  prove(out);

  const auto missing = ledger_.missing(arrival);
  if (!missing || window_.place(*missing, false) != RidWindow::Place::answered) return;
  const xmpp::Duration patience = std::max(policy_->report_threshold, 2 * ledger_.round_trip());
  if (now - window_.at(*missing).at < patience) return;  // B-086
  ledger_.reported(*missing);
  report_ = *missing;
}

void Engine::take_attributes(Rid rid, const Body& body, xmpp::Instant now, xmpp::Actions& out) {
  if (push_ && body.push_ask) push_->tell = true;
  if (body.push_end) leave_stream(now, out);
  const bool restart = body.restart && body.type != BodyType::terminate;
  if (names_none_open(body)) return no_such_stream(rid, body, now, out);
  if (restart) restart_streams(rid, body, now, out);
  take_payload(body, now, out);
  if (tombstone_) return;
  if (closes_one(body)) return close_one(body, now, out);
  if (body.type == BodyType::terminate) return end_by_client(now, out);
  if (is_stream_add(body)) return add_stream(rid, body, out);
  if (is_pause(body)) {
    const auto longest = static_cast<std::int64_t>(policy_->maxpause);
    const std::int64_t wanted = *body.pause < 0 ? longest : std::clamp<std::int64_t>(*body.pause, 1, longest);
    pause_ = static_cast<std::uint32_t>(wanted);  // B-097
    window_.newest().pause = true;
    release_below_ = rid + 1;
    return;
  }
  if (!restart && policy_->nonsasl_features && !client_version_ && main_.opened && !main_.restart.first_features_seen())
    push_made_up_features(now);
  pacing_.surplus(window_.held(), body.empty(), now);
}

void Engine::ask_restart(Stream& stream, Rid rid, const Body& body, xmpp::Instant now, xmpp::Actions& out) {
  window_.newest().pinned = true;
  // Whatever is older has nothing to wait for, and must not take the features (E-20).
  release_below_ = std::max(release_below_, rid);
  switch (stream.restart.requested()) {
    case StreamRestart::Answer::header:
      return send_header(stream, body.lang.value_or(std::string_view{}), out);
    case StreamRestart::Answer::stored_features:
      return push_local(stream, stream.restart.features(), xmpp::StanzaKind::features, now);
    case StreamRestart::Answer::features_due:
      break;
  }
}

// ---- the same rid again (XEP-0124 14.3)

void Engine::repeat_of_held(xmpp::RequestId request, const Body& body, xmpp::Instant now, xmpp::Actions& out) {
  Exchange& held = window_.at(body.rid);
  if (!matches(held, body)) return reply_terminal(request, Condition::item_not_found, out);  // E-24
  if (!may_repeat(held.repeats, held.hash, body)) return too_many_repeats(request, body.rid, now, out);
  if (held.alive) {
    reply(held.request, 200, superseded_body, out);  // B-147
  } else {
    held.at = now;  // what was left of its wait has passed on a dead line
  }
  held.request = request;
  held.alive = true;
  idle_since_ = xmpp::never;
  settle(now, out);
}

void Engine::repeat_of_future(xmpp::RequestId request, const Body& body, xmpp::Instant now, xmpp::Actions& out) {
  Future& future = *window_.future(body.rid);
  if (!may_repeat(future.repeats, future.hash, body)) return too_many_repeats(request, body.rid, now, out);
  if (future.alive) reply(future.request, 200, superseded_body, out);
  // The first body stays: keys are checked when its turn comes, and not before could we tell which one to believe.
  future.request = request;
  future.alive = true;
}

void Engine::repeat_of_answered(xmpp::RequestId request, const Body& body, xmpp::Instant now, xmpp::Actions& out) {
  Exchange& exchange = window_.at(body.rid);
  if (!matches(exchange, body)) return reply_terminal(request, Condition::item_not_found, out);
  if (!may_repeat(exchange.repeats, exchange.hash, body)) return too_many_repeats(request, body.rid, now, out);
  if (exchange.dropped)
    return end_by_request({EndReason::protocol_fault, Condition::item_not_found, "answer is not kept any more"},
                          request, body.rid, now, out);
  exchange.request = request;
  exchange.alive = true;
  ledger_.repeated(body.rid);
  if (idle_since_ != xmpp::never && !exchange.extended) idle_since_ = now;  // B-091
  exchange.extended = true;
  reply_again(request, exchange, out);
}

bool Engine::may_repeat(std::uint8_t& repeats, std::uint64_t hash, const Body& body) {
  ++counters_.repeats;
  if (fingerprint(body.raw) != hash) ++counters_.altered_repeats;
  if (repeats >= std::min(policy_->max_repeats, 255U)) return false;
  ++repeats;
  return true;
}

void Engine::too_many_repeats(xmpp::RequestId request, Rid rid, xmpp::Instant now, xmpp::Actions& out) {  // B-116
  end_by_request({EndReason::policy, Condition::policy_violation, "one request repeated too often"}, request, rid, now,
                 out);
}

void Engine::on_gone(xmpp::RequestId request, xmpp::Instant now, xmpp::Actions& out) {
  if (tombstone_) return;
  Rid rid = 0;
  if (Exchange* held = window_.find_held(request, rid)) {
    held->alive = false;
    // The sid has reached nobody, so nobody can ever use it.
    if (greeting_)
      return end_with({EndReason::never_used, Condition::none, "client left before the session was created"},
                      Told::nobody, rid, now, out);
    note_idle(now);
    settle(now, out);
  } else if (Exchange* const answered = window_.find_answered(request, rid)) {
    answered->alive = false;
    if (carries_elements(rid)) doubt(rid, true);
  } else {
    for (Future& future : window_.futures())
      if (future.alive && future.request == request) future.alive = false;
  }
}

// Behind a pause there is another page in most cases. The old one, on its way out, may have had no eyes for what
// came last.
void Engine::doubt_unproven() {
  each_answered_above(ledger_.proven(), [&](Rid answered) { doubt(answered, false); });
}

// Those with stanzas that are still known: `rid` may lie far behind for ever.
template <typename Visit>
void Engine::each_answered_above(Rid rid, Visit visit) {
  for (Rid next = std::max(rid + 1, window_.base()); next != window_.first_held(); ++next)
    if (carries_elements(next)) visit(next);
}

void Engine::doubt(Rid answered, bool lost) {
  ledger_.in_doubt({answered, window_.delivered_up_to(answered - 1), window_.delivered_up_to(answered), lost},
                   elements_of_all());
}

std::uint64_t Engine::elements_of_all() const {
  return ledger_.handed_out() + (streams_ ? streams_->handed_out() : 0);
}

// An answer without stanzas cannot lose any: to doubt it would only hold up the proofs of all that follow.
bool Engine::carries_elements(Rid answered) const {
  if (streams_ && streams_->handed_out_in(answered)) return true;
  return window_.delivered_up_to(answered) != window_.delivered_up_to(answered - 1);
}

// ---- time

void Engine::note_idle(xmpp::Instant now) {
  if (idle_since_ == xmpp::never && !window_.any_alive() && !reading()) idle_since_ = now;
}

xmpp::Duration Engine::patience() const {
  if (pause_ > 0) return std::chrono::seconds(pause_);
  const xmpp::Duration inactivity = std::chrono::seconds(inactivity_);
  return used_ ? inactivity : std::min(inactivity, policy_->unused);  // B-039
}

xmpp::Instant Engine::gap_deadline() const {
  if (window_.futures().empty()) return xmpp::never;
  xmpp::Instant first = xmpp::never;
  for (const Future& future : window_.futures()) first = std::min(first, future.arrived);
  // B-124. In a polling session `wait` says nothing about how long the client bears to wait.
  return first + std::chrono::seconds(std::min(pacing_.polling() ? inactivity_ : wait_, inactivity_));
}

void Engine::on_time(xmpp::Instant now, xmpp::Actions& out) {
  if (tombstone_) {
    if (tombstone_->forget_at > now) return;
    tombstone_->forget_at = xmpp::never;
    out.list.emplace_back(xmpp::Forget{});
    return;
  }
  if (gap_deadline() <= now)
    return end_with({EndReason::protocol_fault, Condition::item_not_found, "a missing request did not come"},
                    Told::everyone, 0, now, out);
  if (idle_since_ != xmpp::never && idle_since_ + patience() <= now)
    return end_with({used_ ? EndReason::inactivity : EndReason::never_used, Condition::none, "no request in time"},
                    Told::nobody, 0, now, out);
  settle(now, out);
}

xmpp::Instant Engine::deadline() const {
  if (tombstone_) return tombstone_->forget_at;
  xmpp::Instant at = gap_deadline();
  if (idle_since_ != xmpp::never) return std::min(at, idle_since_ + patience());
  if (reading()) at = std::min(at, stream_deadline());
  if (!window_.any_alive()) return at;
  at = std::min(
      {at, pacing_.held_until(window_.earliest_arrival()), main_.restart.implied_at(policy_->implied_restart)});
  if (greeting_) at = std::min(at, creation_bound());
  if (!main_.queue.empty() && !pushing()) at = std::min(at, main_.flush_at);
  if (streams_) at = std::min({at, streams_->flush_at(), streams_->implied_at(policy_->implied_restart)});
  if (surplus_releasable()) at = std::min(at, pacing_.surplus_at());
  return at;
}

// ---- replies

std::uint16_t Engine::status_of(Condition condition) const {
  const bool by_status =
      policy_->legacy_errors == LegacyErrors::always || (policy_->legacy_errors == LegacyErrors::automatic && legacy_);
  return by_status ? legacy_status(condition) : 200;  // B-170
}

void Engine::reply(xmpp::RequestId request, std::uint16_t status, std::string_view body, xmpp::Actions& out) const {
  if (script_) {
    // No browser runs a script that comes as an error (B-170) or as another type.
    out.list.emplace_back(
        xmpp::Reply{request, 200, script_content_type, out.arena.store(as_script(body)), script_fields});
    return;
  }
  // Not the member itself: the shell may carry this out after a later step has erased the engine.
  const std::string_view type = content_type_ ? out.arena.store(*content_type_) : default_content_type;
  out.list.emplace_back(xmpp::Reply{request, status, type, body});
}

void Engine::reply_terminal(xmpp::RequestId request, Condition condition, xmpp::Actions& out) const {
  reply(request, status_of(condition), terminal_body(condition), out);
}

void Engine::reply_again(xmpp::RequestId request, const Exchange& exchange, xmpp::Actions& out) const {
  const std::uint16_t status = exchange.terminal ? status_of(exchange.condition) : std::uint16_t{200};
  std::string_view body = empty_body;
  if (!exchange.answer.empty()) {
    body = out.arena.store(exchange.answer);
  } else if (exchange.terminal) {
    body = terminal_body(exchange.condition);
  }
  reply(request, status, body, out);
}

}  // namespace bosh
