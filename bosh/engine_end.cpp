// Engine: the end of a session, who learns of it, and the time after it (XEP-0124 13, 17.2; PROTOCOL B-144,
// B-190 ... B-199, X-040, X-041, X-050).
#include <algorithm>
#include <utility>

#include "bosh/engine.hpp"
#include "bosh/engine_parts.hpp"
#include "bosh/response.hpp"
#include "xmpp/bounce.hpp"

namespace bosh {

using xmpp::EndReason;

namespace {

Condition condition_of(EndReason reason) {
  switch (reason) {
    case EndReason::client_terminated:
    case EndReason::client_lost:
    case EndReason::inactivity:
    case EndReason::never_used:
      return Condition::none;
    case EndReason::protocol_fault:
      return Condition::bad_request;
    case EndReason::policy:
    case EndReason::overload:
      return Condition::policy_violation;
    case EndReason::server_unreachable:
    case EndReason::server_closed:  // B-198
    case EndReason::server_error:   // without the error itself, which would have come by deliver()
    case EndReason::server_lost:
      return Condition::remote_connection_failed;
    case EndReason::shutdown:
      return Condition::system_shutdown;
    case EndReason::internal_error:
      break;
  }
  return Condition::internal_server_error;
}

}  // namespace

void Engine::close(EndReason reason, std::string_view text, xmpp::Instant now, xmpp::Actions& out) {
  if (tombstone_) return;
  const Ending ending{reason, condition_of(reason), text};
  several() && server_is_gone(reason) ? lose(main_, ending, {}, now, out) : end_by_server(ending, {}, now, out);
}

void Engine::closed(std::uint32_t stream, const xmpp::CloseStream& why, xmpp::Instant now, xmpp::Actions& out) {
  OtherStream* const side = living(stream);
  if (side != nullptr) lose(side->stream, {why.reason, condition_of(why.reason), why.text}, {}, now, out);
}

// From outside the client: the oldest request learns the condition, or the next one that comes.
void Engine::end_by_server(const Ending& ending, std::string_view stream_error, xmpp::Instant now, xmpp::Actions& out) {
  if (!server_is_gone(ending.reason)) bounce_queue(out);
  if (greeting_) main_.queue.clear();  // features for a session that there will not be
  open_tombstone(ending, now);
  tombstone_->told = false;
  tombstone_->stream_error = stream_error;
  end_stream(ending, now, out);
  if (ending.reason != EndReason::overload)
    for (const Future& future : window_.futures()) give_back_unhandled(future.body->body(), out);
  tell(now, out);
  // Ahead of a gap, with nobody behind it: the first of them is the oldest.
  for (const Future& future : window_.futures())
    if (future.alive) tell_ahead(future.request, out);
  bury(ending, out);
}

// Written before the client could know, and nobody will handle it. Of several streams there is none left that could say
// so.
void Engine::give_back_unhandled(const Body& body, xmpp::Actions& out) {
  if (several()) return;
  for (const xmpp::Stanza& payload : *body.payloads) {
    if (const auto notice = xmpp::unconfirmed(payload.bytes, out.arena); !notice.empty())
      main_.queue.push({notice, payload.kind, xmpp::StanzaType::error}, false);
  }
}

// A request ahead of a gap has no place to keep an answer in: it gets all that there is to say at once.
void Engine::tell_ahead(xmpp::RequestId request, xmpp::Actions& out) {
  if (tombstone_->told) return reply_terminal(request, Condition::other_request, out);
  const std::string body = last_words();
  reply(request, status_of(tombstone_->condition), out.arena.store(body), out);
  tombstone_->told = true;
}

// Answers what is held, payload first, then the condition once, then other-request. `again`: the condition at once,
// whatever payload there is.
void Engine::tell(xmpp::Instant now, xmpp::Actions& out, bool again) {
  Tombstone& tombstone = *tombstone_;
  while (window_.held() > 0) {
    Exchange& exchange = window_.oldest();
    if (!exchange.alive) {
      resolve_dead(now);
      continue;
    }
    if (!exchange.answer.empty()) {  // of a stream that was refused: it says nothing of the session
      finish_oldest(now, out);
      continue;
    }
    if (!tombstone.told && !main_.queue.empty() && !fits_with_last_words() && !again) {
      pause_ = 0;
      answer_oldest(now, out);
      continue;
    }
    exchange.terminal = true;
    exchange.condition = tombstone.told ? Condition::other_request : tombstone.condition;
    if (!tombstone.told && (!tombstone.stream_error.empty() || !main_.queue.empty())) exchange.answer = last_words();
    tombstone.told = true;
    finish_oldest(now, out);
  }
}

// all that waits and the error in one body. Behind any other condition clients do not look for payload
// (Strophe does not even read it), so it goes out in answers of its own.
bool Engine::fits_with_last_words() const {
  if (tombstone_->stream_error.empty() || several()) return false;
  return main_.queue.bytes() + tombstone_->stream_error.size() <= policy_->max_response_bytes &&
         main_.queue.front(main_.queue.bytes()).bytes.size() == main_.queue.bytes();
}

std::string Engine::last_words() {
  Head head;
  head.terminate = tombstone_->condition;
  head.declare_stream = !tombstone_->stream_error.empty();
  std::string payload;
  if (!main_.queue.empty()) {
    const auto batch = main_.queue.front(main_.queue.bytes());
    counters_.to_client += batch.entries;
    payload = batch.bytes;
  }
  payload += tombstone_->stream_error;
  main_.queue.clear();
  return make_body(head, payload);
}

void Engine::finish_oldest(xmpp::Instant now, xmpp::Actions& out) {
  Exchange& exchange = window_.oldest();
  if (exchange.alive) reply_again(exchange.request, exchange, out);
  exchange.delivered = answered_elements();
  exchange.at = now;
  window_.oldest_is_answered();
  window_.trim(client_acks_, ledger_.proven());
}

// ---- ends that the client has caused

void Engine::end_with(const Ending& ending, Told teller, Rid culprit, xmpp::Instant now, xmpp::Actions& out) {
  bounce_queue(out);
  open_tombstone(ending, now);
  tombstone_->told = true;
  tombstone_->vanished = teller == Told::nobody;
  end_stream(ending, now, out);
  while (window_.held() > 0) {
    Exchange& exchange = window_.oldest();
    exchange.terminal = true;
    exchange.condition =
        teller == Told::culprit && window_.first_held() != culprit ? Condition::other_request : ending.condition;
    finish_oldest(now, out);
  }
  for (const Future& future : window_.futures()) {
    if (!future.alive) continue;
    Condition condition = Condition::item_not_found;
    if (teller == Told::culprit) condition = Condition::other_request;
    if (teller == Told::everyone) condition = ending.condition;
    reply_terminal(future.request, condition, out);
  }
  bury(ending, out);
}

// The request to blame has no place among those held: its rid is outside the window, or answered already.
void Engine::end_by_request(const Ending& ending, xmpp::RequestId request, Rid rid, xmpp::Instant now,
                            xmpp::Actions& out) {
  bounce_queue(out);
  open_tombstone(ending, now);
  tombstone_->told = true;
  end_stream(ending, now, out);
  bool open = true;
  const auto answer_it = [&] {
    if (open) reply_terminal(request, ending.condition, out);
    open = false;
  };
  while (window_.held() > 0) {
    if (rid <= window_.first_held()) answer_it();
    window_.oldest().terminal = true;
    window_.oldest().condition = Condition::other_request;
    finish_oldest(now, out);
  }
  for (const Future& future : window_.futures()) {
    if (rid <= future.rid) answer_it();
    if (future.alive) reply_terminal(future.request, Condition::other_request, out);
  }
  answer_it();
  bury(ending, out);
}

// Who says what he has, by acks, has no more than that.
Engine::Ending Engine::leave_of_client(std::string_view text) const {
  return {EndReason::client_terminated, Condition::none, text, !client_acks_ && !ledger_.knows_of_loss()};
}

// B-190 ... B-192: the oldest gets the terminate and what waits, all others an empty body.
void Engine::end_by_client(xmpp::Instant now, xmpp::Actions& out) {
  const Ending ending = leave_of_client("terminate");
  while (window_.held() > 1 && !window_.oldest().alive) resolve_dead(now);
  const ClientQueue::Batch batch = main_.queue.empty() || pushing() || several()
                                       ? ClientQueue::Batch{}
                                       : main_.queue.front(policy_->max_response_bytes);
  Exchange& oldest = window_.oldest();
  oldest.terminal = true;
  if (batch.entries > 0) {
    Head head;
    head.terminate = Condition::none;
    head.declare_stream = batch.features;
    oldest.answer = make_body(head, batch.bytes);
    static_cast<void>(ledger_.hand_out(batch.counted));
    counters_.to_client += batch.entries;
    main_.queue.pop(batch);
  }
  bounce_queue(out);
  open_tombstone(ending, now);
  tombstone_->told = true;
  end_stream(ending, now, out);
  while (window_.held() > 0) finish_oldest(now, out);
  for (const Future& future : window_.futures())
    if (future.alive) reply(future.request, 200, empty_body, out);
  bury(ending, out);
}

// ---- after it

void Engine::open_tombstone(const Ending& ending, xmpp::Instant now) {
  // A sid that was never told cannot be asked for.
  const auto keep =
      greeting_ ? xmpp::Duration::zero() : xmpp::Duration(std::chrono::seconds(std::max({wait_, inactivity_, pause_})));
  greeting_.reset();
  tombstone_ = std::make_unique<Tombstone>(Tombstone{now + keep, ending.condition, false, false, {}});
}

void Engine::bury(const Ending& ending, xmpp::Actions& out) {
  main_.restart.forget();
  main_.authid.reset();
  main_.tell_version = false;
  main_.server_paused = false;
  std::vector<Future>().swap(window_.futures());
  if (script_) script_->close();
  if (streams_) {
    for (const auto& side : streams_->sides())
      if (!side->fate.over)
        order(side->stream, xmpp::CloseStream{ending.reason, ending.text, ending.all_received}, out);
    streams_->clear();
  }
  if (tombstone_->told) main_.queue.clear();
  // Who is ended because there is no memory left must not keep any.
  if (tombstone_->vanished || ending.reason == EndReason::overload) window_.forget_answers();
  out.list.emplace_back(xmpp::EndSession{.reason = ending.reason,
                                         .condition = wire_name(ending.condition),
                                         .text = ending.text,
                                         .all_received = ending.all_received});
}

// what was never handed to a response goes back; what xmpp::bounce() has no answer for is dropped (E-53).
void Engine::bounce_queue(xmpp::Actions& out) {
  bounce(main_, ledger_.handed_out(), out);
  if (!streams_) return;
  for (const auto& side : streams_->sides()) bounce(side->stream, side->handed_out.count(), out);
}

void Engine::bounce(Stream& stream, std::uint64_t handed_out, xmpp::Actions& out) {
  for (; !stream.queue.empty(); stream.queue.pop_front()) {
    const ClientQueue::Single single = stream.queue.front();
    if (!single.counted) continue;
    ++handed_out;
    const std::string_view bounced = xmpp::bounce(single.stanza, out.arena);
    if (!bounced.empty()) order(stream, xmpp::Undeliverable{handed_out, bounced}, out);
  }
}

bool Engine::has_last_words() const {
  return tombstone_ && (!tombstone_->told || (push_ && push_->events));
}

// Who comes late finds no session then, as after its time.
void Engine::let_go() {
  if (!tombstone_) return;
  tombstone_->told = true;
  tombstone_->forget_at = xmpp::never;
  std::string().swap(tombstone_->stream_error);
  main_.queue.clear();
  window_.forget_answers();
  if (push_) push_->events.reset();
}

// Behind its own stanzas the condition comes in an answer of its own, to the next request. Should that bring stanzas as
// well, it would never come.
void Engine::tell_late(xmpp::RequestId request, const Body& body, const Digest* key, xmpp::Instant now,
                       xmpp::Actions& out) {
  const bool all_said = main_.queue.empty();
  give_back_unhandled(body, out);
  push({request, now, fingerprint(body.raw), 0, true}, key);
  const bool again = tombstone_->gave_back;
  tombstone_->gave_back = all_said && !main_.queue.empty();
  tell(now, out, again);
}

void Engine::late_request(xmpp::RequestId request, const Body& body, xmpp::Instant now, xmpp::Actions& out) {
  switch (window_.place(body.rid, false)) {
    case RidWindow::Place::answered: {
      Exchange& exchange = window_.at(body.rid);
      if (!matches(exchange, body) || exchange.dropped) break;
      if (!may_repeat(exchange.repeats, exchange.hash, body)) break;
      return reply_again(request, exchange, out);
    }
    case RidWindow::Place::expected: {
      const bool keyed = keys_.keyed();
      if (tombstone_->told || !keys_.accept(body.key, body.newkey)) break;
      return tell_late(request, body, keyed ? &keys_.digest() : nullptr, now, out);
    }
    case RidWindow::Place::future:
      // Two that crossed the end on their way, the later first. The chain of keys cannot be followed across a gap.
      if (tombstone_->told || keys_.keyed()) break;
      give_back_unhandled(body, out);
      return tell_ahead(request, out);
    default:
      break;
  }
  reply_terminal(request, Condition::item_not_found, out);
}

}  // namespace bosh
