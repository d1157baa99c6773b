// Engine: the session read as a push stream (V-001 ... V-009 of docs/PROTOCOLS.md). From the first reader on all that
// is for the client becomes events, whether somebody reads them just now or not, until the client goes back to answers.
#include <algorithm>
#include <utility>

#include "bosh/engine.hpp"
#include "bosh/engine_parts.hpp"
#include "bosh/response.hpp"

namespace bosh {

void Engine::offer_stream(std::string token) {
  push_ = std::make_unique<Push>();
  push_->token = std::move(token);
}

std::string_view Engine::stream_token() const {
  // Before the creation is answered nobody can know it; after the end only what was left for the reader is there.
  if (!push_ || greeting_ || (tombstone_ && !push_->events)) return {};
  return push_->token;
}

bool Engine::pushing() const {
  return push_ && push_->events && !tombstone_;
}

bool Engine::reading() const {
  return pushing() && push_->events->attached();
}

bool Engine::is_push_news(const Body& body) const {
  if (!push_) return false;
  return body.push_ask || (pushing() && (body.push_end || (body.push_seen && push_->events->is_news(*body.push_seen))));
}

// What answers may prove: events are proven by their own numbers alone (V-005).
std::uint64_t Engine::answered_elements() const {
  return pushing() ? push_->events->before() : ledger_.handed_out();
}

void Engine::prove(xmpp::Actions& out) {
  bool news =
      ledger_.received_up_to(std::max(window_.delivered_up_to(ledger_.proven()), ledger_.proven_before_doubt()));
  // In the order of the server: an event proves nothing about an earlier answer that may have been lost.
  if (pushing() && ledger_.received() >= push_->events->before())
    news |= ledger_.received_up_to(push_->events->seen_elements());
  ledger_.take_given_up([&](const AckLedger::Answer& answer) { give_up(answer, out); });
  if (news) out.list.emplace_back(xmpp::AcknowledgedUpTo{ledger_.received()});
  if (!streams_) return;
  for (const auto& side : streams_->sides()) {
    if (!side->handed_out.proven(ledger_.proven(), ledger_.first())) continue;
    order(side->stream, xmpp::AcknowledgedUpTo{side->handed_out.received()}, out);
  }
}

void Engine::give_up(const AckLedger::Answer& answer, xmpp::Actions& out) const {
  if (answer.up_to > answer.before) out.list.emplace_back(xmpp::GivenUp{answer.before, answer.up_to});
  if (!streams_) return;
  for (const auto& side : streams_->sides())
    if (const auto part = side->handed_out.in_answer_to(answer.rid))
      order(side->stream, xmpp::GivenUp{part->after, part->up_to}, out);
}

void Engine::on_stream(const StreamWish& wish, xmpp::Instant now, xmpp::Actions& out) {
  if (stream_token().empty()) {
    out.list.emplace_back(xmpp::CloseConnection{wish.connection, 0});
    return;
  }
  if (!push_->events) push_->events.emplace(policy_->push, ledger_.handed_out(), push_->next);
  EventStream& events = *push_->events;
  std::string bytes;
  if (events.attached()) {  // V-003
    events.say_moved(bytes);
    out.list.emplace_back(xmpp::Push{events.connection(), out.arena.store(bytes)});
    out.list.emplace_back(xmpp::CloseConnection{events.connection(), 0});
    bytes.clear();
  }
  if (wish.last) events.seen(*wish.last);
  events.attach(wish, now, bytes);
  send_events(bytes, now, out);
  if (tombstone_) {
    out.list.emplace_back(xmpp::CloseConnection{wish.connection, 0});
    return events.detach();
  }
  prove(out);
  used_ = true;
  pause_ = 0;
  idle_since_ = xmpp::never;
  settle(now, out);
}

void Engine::on_unsent(xmpp::ConnectionRef connection, std::size_t bytes, xmpp::Instant now, xmpp::Actions& out) {
  if (!reading() || push_->events->connection() != connection) return;
  push_->events->on_unsent(bytes);
  settle(now, out);
}

void Engine::on_lost(xmpp::ConnectionRef connection, xmpp::Instant now, xmpp::Actions& out) {
  if (!reading() || push_->events->connection() != connection) return;
  push_->events->detach();
  settle(now, out);
}

// V-008. What it has not seen comes in answers now.
void Engine::leave_stream(xmpp::Instant now, xmpp::Actions& out) {
  if (!pushing()) return;
  EventStream& events = *push_->events;
  if (events.attached()) out.list.emplace_back(xmpp::CloseConnection{events.connection(), 0});
  ledger_.take_back(events.give_back(main_.queue));
  push_->next = events.next();
  push_->events.reset();
  if (!main_.queue.empty()) main_.flush_at = now;
}

void Engine::give_events(xmpp::Instant now, xmpp::Actions& out) {
  EventStream& events = *push_->events;
  std::string bytes;
  while (!main_.queue.empty() && main_.flush_at <= now && events.may_give()) {
    const ClientQueue::Batch batch = main_.queue.front(policy_->max_response_bytes);
    if (batch.sasl_success) main_.restart.success_handed_out(now);
    counters_.to_client += batch.entries;
    events.give(main_.queue, batch, ledger_.hand_out(batch.counted), bytes);
  }
  if (main_.queue.empty()) main_.flush_at = xmpp::never;
  if (bytes.empty()) events.keep_alive(now, bytes);
  if (!bytes.empty()) send_events(bytes, now, out);
  resume_server(out);
  if (!events.is_over(now)) return;
  out.list.emplace_back(xmpp::CloseConnection{events.connection(), 0});
  events.detach();
}

void Engine::send_events(std::string_view bytes, xmpp::Instant now, xmpp::Actions& out) {
  EventStream& events = *push_->events;
  events.sent(bytes.size(), now);
  out.list.emplace_back(xmpp::Push{events.connection(), out.arena.store(bytes)});
}

xmpp::Instant Engine::stream_deadline() const {
  const EventStream& events = *push_->events;
  xmpp::Instant at = std::min(events.deadline(), main_.restart.implied_at(policy_->implied_restart));
  if (!main_.queue.empty() && events.may_give()) at = std::min(at, main_.flush_at);
  return at;
}

// V-009. It is kept with all that is not proven for who comes back for it.
void Engine::end_stream(const Ending& ending, xmpp::Instant now, xmpp::Actions& out) {
  if (!push_ || !push_->events) return;
  EventStream& events = *push_->events;
  if (tombstone_->vanished || ending.reason == xmpp::EndReason::overload) {
    if (events.attached()) out.list.emplace_back(xmpp::CloseConnection{events.connection(), 0});
    push_->events.reset();
    return;
  }
  std::string bytes;
  while (!main_.queue.empty()) {
    const ClientQueue::Batch batch = main_.queue.front(policy_->max_response_bytes);
    counters_.to_client += batch.entries;
    events.give(main_.queue, batch, ledger_.hand_out(batch.counted), bytes);
  }
  Head head;
  head.terminate = ending.condition;
  head.declare_stream = !tombstone_->stream_error.empty();
  events.give_end(make_body(head, tombstone_->stream_error), bytes);
  if (!events.attached()) return;
  send_events(bytes, now, out);
  out.list.emplace_back(xmpp::CloseConnection{events.connection(), 0});
  events.detach();
}

std::size_t Engine::held_bytes() const {
  return waiting_bytes() + deferred_bytes() + window_.held_bytes() + (script_ ? script_->held_bytes() : 0) +
         (push_ && push_->events ? push_->events->bytes() : 0);
}

std::size_t Engine::unforwarded_bytes() const {
  return deferred_bytes() + window_.future_bytes() + local_bytes_ + (script_ ? script_->pending_bytes() : 0);
}

}  // namespace bosh
