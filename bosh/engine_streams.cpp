// Engine: several streams to servers in one session (XEP-0124 16, XEP-0206 4; PROTOCOL B-180 ... B-187). All that is
// the same for every stream is in engine_flow.cpp; here is which stream a request means, and whose an answer is.
#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bosh/engine.hpp"
#include "bosh/engine_parts.hpp"
#include "bosh/response.hpp"
#include "xmpp/bounce.hpp"
#include "xmpp/raw_element.hpp"

namespace bosh {

bool Engine::several() const {
  return streams_ && streams_->several();
}

bool Engine::main_lives() const {
  return !tombstone_ && !(several() && streams_->fate_of(main_).over);
}

OtherStream* Engine::living(std::uint32_t stream) const {
  OtherStream* const side = streams_ && !tombstone_ ? streams_->find(stream) : nullptr;
  return side != nullptr && !side->fate.over ? side : nullptr;
}

// ---- which stream a request means

// B-180. There are clients that write `to` into every body, and know nothing of streams: they name where the
// session goes already, and xmpp:version only when they create it.
bool Engine::is_stream_add(const Body& body) const {
  if (!streams_ || !body.to || body.to->empty() || !body.empty() || body.stream) return false;
  if (body.restart || body.type != BodyType::none || is_pause(body)) return false;
  return body.has_version || !streams_->goes_to(*body.to);
}

// B-187: the name on an empty body means nothing, unless something else does.
bool Engine::names_none_open(const Body& body) const {
  if (!streams_ || !body.stream) return false;
  if (body.empty() && body.type != BodyType::terminate && !body.restart) return false;
  std::uint32_t number = 0;
  return streams_->read(*body.stream, number) != StreamSet::Name::open;
}

// B-183: without a name all of them. What is visited may end the session.
template <typename Visit>
void Engine::each_addressed(const Body& body, Visit visit) {
  std::vector<std::uint32_t> numbers;
  std::uint32_t number = 0;
  if (body.stream) {
    if (streams_->read(*body.stream, number) == StreamSet::Name::open) numbers.push_back(number);
  } else {
    if (!streams_->fate_of(main_).over) numbers.push_back(main_.number);
    for (const auto& side : streams_->sides())
      if (!side->fate.over && !side->wish) numbers.push_back(side->stream.number);
  }
  for (const std::uint32_t each : numbers) {
    if (tombstone_) return;
    if (each == main_.number) {
      visit(main_);
    } else if (OtherStream* const side = living(each)) {
      visit(side->stream);
    }
  }
}

void Engine::forward_to_streams(const Body& body, xmpp::Instant now, xmpp::Actions& out) {
  each_addressed(body, [&](Stream& stream) { forward(stream, *body.payloads, now, out); });
}

// B-186. Without a name it is meant for those that wait for it.
void Engine::restart_streams(Rid rid, const Body& body, xmpp::Instant now, xmpp::Actions& out) {
  if (!streams_) return ask_restart(main_, rid, body, now, out);
  bool asked = false;
  each_addressed(body, [&](Stream& stream) {
    if (!body.stream && !stream.restart.header_due()) return;
    ask_restart(stream, rid, body, now, out);
    asked = true;
  });
  each_addressed(body, [&](Stream& stream) {
    if (!asked) ask_restart(stream, rid, body, now, out);
    asked = true;
  });
}

void Engine::no_such_stream(Rid rid, const Body& body, xmpp::Instant now, xmpp::Actions& out) {
  std::uint32_t number = 0;
  if (streams_->read(*body.stream, number) == StreamSet::Name::unknown) {
    answer_with_end_of(*body.stream, Condition::item_not_found, rid);
  } else {
    give_back(number, *body.payloads, now, out);
  }
  pacing_.surplus(window_.held(), true, now);
}

// Written before the client could know that the stream is over, and nobody will handle it: it comes back ahead of the
// stream's last words. What crosses those on the way is lost with the stream, as what crosses the end of a session is.
void Engine::give_back(std::uint32_t number, const std::vector<xmpp::Stanza>& payloads, xmpp::Instant now,
                       xmpp::Actions& out) {
  OtherStream* const side = streams_->find(number);
  if (side == nullptr && number != main_.number) return;
  Stream& stream = side == nullptr ? main_ : side->stream;
  const StreamFate& fate = streams_->fate_of(stream);
  if (!fate.over || fate.told) return;
  for (const xmpp::Stanza& payload : payloads) push_unconfirmed(stream, payload.bytes, now, out);
}

void Engine::push_unconfirmed(Stream& stream, std::string_view said, xmpp::Instant now, xmpp::Actions& out) {
  const auto notice = xmpp::unconfirmed(said, out.arena);
  if (notice.empty()) return;
  push_local(stream, notice, notice.starts_with("<iq") ? xmpp::StanzaKind::iq : xmpp::StanzaKind::message, now);
}

// B-184. The last one takes the session with it.
bool Engine::closes_one(const Body& body) const {
  return body.type == BodyType::terminate && body.stream && several() && streams_->open() > 1;
}

void Engine::close_one(const Body& body, xmpp::Instant now, xmpp::Actions& out) {
  pacing_.surplus(window_.held(), true, now);
  const Ending ending = leave_of_client("terminate of one stream");
  each_addressed(body, [&](Stream& stream) { lose(stream, ending, {}, now, out); });
}

// ---- another stream

void Engine::add_stream(Rid rid, const Body& body, xmpp::Actions& out) {
  const std::uint32_t number = streams_->next_number();
  if (streams_->count() >= policy_->max_streams)
    return answer_with_end_of(std::to_string(number), Condition::policy_violation, rid);
  auto read = read_creation(body, *policy_);
  auto* const creation = std::get_if<Creation>(&read);
  if (creation == nullptr) return answer_with_end_of(std::to_string(number), std::get<Refusal>(read).condition, rid);
  creation->stream.version |= client_version_;
  streams_->add(number, rid).wish = std::make_unique<Creation>(std::move(*creation));
  window_.newest().pinned = true;
  release_below_ = std::max(release_below_, rid);  // as for a restart: the answer belongs to this request
  out.list.emplace_back(xmpp::OpenStream{number});
}

// B-185: of the stream, which need not be one. The session goes on.
void Engine::answer_with_end_of(std::string_view name, Condition condition, Rid rid) {
  if (window_.place(rid, false) != RidWindow::Place::held) return;
  std::string attributes;
  append_attribute(attributes, "stream", name);
  Head head;
  head.attributes = attributes;
  head.terminate = condition;
  head.ack = ack_in_answer_to(rid);
  window_.at(rid).answer = make_body(head, {});
  release_below_ = std::max(release_below_, rid + 1);
}

const Creation* Engine::wish(std::uint32_t stream) const {
  const OtherStream* const side = living(stream);
  return side == nullptr ? nullptr : side->wish.get();
}

void Engine::accepted(std::uint32_t stream, std::string_view domain, xmpp::Instant now, xmpp::Actions& out) {
  if (wish(stream) == nullptr) return;
  streams_->accepted(*living(stream), domain);
  settle(now, out);
}

void Engine::refused(std::uint32_t stream, Condition condition, xmpp::Instant now, xmpp::Actions& out) {
  if (wish(stream) == nullptr) return;
  answer_with_end_of(std::to_string(stream), condition, living(stream)->asked_by);
  streams_->remove(stream);
  settle(now, out);
}

// ---- from its server

void Engine::opened(std::uint32_t stream, const xmpp::StreamOpened& what, xmpp::Instant, xmpp::Actions&) {
  if (auto* const side = living(stream)) open_up(side->stream, what);
}

void Engine::deliver(std::uint32_t stream, const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out) {
  if (auto* const side = living(stream)) take(side->stream, stanza, now, out);
}

void Engine::delivered_all(std::uint32_t stream, xmpp::Instant now, xmpp::Actions& out) {
  auto* const side = living(stream);
  if (side == nullptr) return;
  if (!side->stream.queue.empty() && side->stream.flush_at == xmpp::never)
    side->stream.flush_at = now + policy_->coalesce;
  settle(now, out);
}

void Engine::congested(std::uint32_t stream, bool is, xmpp::Instant now, xmpp::Actions& out) {
  auto* const side = living(stream);
  if (side == nullptr) return;
  side->stream.congested = is;
  if (!is) settle(now, out);
}

void Engine::imply_restarts(xmpp::Instant now, xmpp::Actions& out) {
  const auto imply = [&](Stream& stream) {
    if (stream.restart.implied_at(policy_->implied_restart) <= now) send_header(stream, {}, out);
  };
  imply(main_);
  if (!streams_) return;
  for (const auto& side : streams_->sides()) imply(side->stream);
}

// ---- whose an answer is

void Engine::hand_out(Stream& stream, Rid rid, const ClientQueue::Batch& batch, xmpp::Instant now) {
  if (batch.sasl_success) stream.restart.success_handed_out(now);
  counters_.to_client += batch.entries;
  OtherStream* const side = streams_ ? streams_->find(stream.number) : nullptr;
  if (side != nullptr) {
    side->handed_out.in(rid, batch.counted);
  } else {
    ledger_.hand_out(batch.counted);
  }
  if (streams_ && batch.entries > 0) streams_->had_turn(stream);
}

// B-048, B-181, B-182; nothing on an empty answer (B-187).
void Engine::say_whose(const Stream& stream, bool payload, std::string& attributes) {
  OtherStream* const side = streams_->find(stream.number);
  const bool greet = side != nullptr && !side->greeted;
  if (greet || greeting_ || (several() && (payload || !attributes.empty())))
    append_attribute(attributes, "stream", stream.number);
  if (!greet) return;
  append_attribute(attributes, "from", side->from);
  side->greeted = true;
}

bool Engine::is_last_word(const Stream& stream) const {
  if (!several() || !stream.queue.empty()) return false;
  const StreamFate& fate = streams_->fate_of(stream);
  return fate.over && !fate.told;
}

std::string Engine::last_words_of(const Stream& stream, Rid rid) {
  StreamFate& fate = streams_->fate_of(stream);
  fate.told = true;
  std::string attributes;
  append_attribute(attributes, "stream", stream.number);
  Head head;
  head.attributes = attributes;
  head.terminate = fate.condition;
  head.declare_stream = !fate.error.empty();
  head.ack = ack_in_answer_to(rid);
  return make_body(head, fate.error);
}

// ---- the end of one stream (B-185), and of the last one

void Engine::returned(std::uint32_t stream, std::string_view bytes, xmpp::Instant now, xmpp::Actions& out) {
  OtherStream* const side = living(stream);
  if (side == nullptr) return;
  const auto said = xmpp::read_row(bytes, out.arena);
  if (!said) return;
  for (const auto& element : said->list) push_unconfirmed(side->stream, element.bytes, now, out);
  settle(now, out);
}

void Engine::lose(Stream& stream, const Ending& ending, std::string_view stream_error, xmpp::Instant now,
                  xmpp::Actions& out) {
  StreamFate& fate = streams_->fate_of(stream);
  if (fate.over) return;
  fate = {true, false, ending.reason, ending.condition, ending.text, std::string(stream_error)};
  const OtherStream* const side = streams_->find(stream.number);
  const bool gone = server_is_gone(ending.reason);
  if (!gone) bounce(stream, side == nullptr ? ledger_.handed_out() : side->handed_out.count(), out);
  // A further stream that is gone has ended with its link. The first may have been given up with its link still there.
  if (!gone || side == nullptr) order(stream, xmpp::CloseStream{ending.reason, ending.text, ending.all_received}, out);
  stream.restart.forget();
  stream.authid.reset();
  stream.tell_version = false;
  stream.congested = false;
  stream.server_paused = false;
  stream.flush_at = now;
  resume_server(out);
  settle(now, out);
}

bool Engine::ends_when_all_is_said(xmpp::Instant now, xmpp::Actions& out) {
  if (!several()) return false;
  const StreamFate* const last = streams_->last_words(main_);
  if (last == nullptr) return false;
  end_by_server({last->reason, last->condition, last->text}, last->error, now, out);
  return true;
}

}  // namespace bosh
