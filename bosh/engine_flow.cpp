// Engine: payload both ways, and when to answer what (XEP-0124 8; PROTOCOL B-060 ... B-071, X-001 ... X-033).
#include <algorithm>
#include <utility>

#include "bosh/engine.hpp"
#include "bosh/engine_parts.hpp"
#include "bosh/iq_scan.hpp"
#include "bosh/response.hpp"

namespace bosh {

using xmpp::StanzaKind;

// ---- to the server

void Engine::take_payload(const Body& body, xmpp::Instant now, xmpp::Actions& out) {
  if (streams_) return forward_to_streams(body, now, out);
  if (!script_) return forward(main_, *body.payloads, now, out);
  if (const auto fault = script_->take(body.piece)) {
    return end_with({xmpp::EndReason::protocol_fault, fault->condition, fault->text}, Told::culprit,
                    window_.expected() - 1, now, out);
  }
  forward(main_, script_->stanzas(), now, out);
  script_->forget_stanzas();
}

void Engine::forward(Stream& stream, const std::vector<xmpp::Stanza>& payloads, xmpp::Instant now, xmpp::Actions& out) {
  std::size_t size = 0;
  for (const xmpp::Stanza& payload : payloads) size += payload.bytes.size();
  if (size == 0) return;
  // One block for all that goes on as it is; what is dealt with here leaves a hole at its end.
  char* const block = out.arena.allocate(size);
  char* begin = block;
  char* end = block;
  std::uint32_t stanzas = 0;
  const auto flush = [&] {
    if (begin != end) order(stream, xmpp::ToServer{{begin, static_cast<std::size_t>(end - begin)}, stanzas}, out);
    begin = end;
    stanzas = 0;
  };
  for (const xmpp::Stanza& payload : payloads) {
    if (payload.is_sasl()) pin_newest();
    if (handled_here(stream, payload, now, out)) continue;
    const auto step = stream.restart.from_client(payload.kind);
    if (step == StreamRestart::Step::defer) {
      stream.restart.defer(payload);
      ++counters_.to_server;
      continue;
    }
    if (step == StreamRestart::Step::restart_first) {
      flush();
      send_header(stream, {}, out);
    }
    end = std::copy(payload.bytes.begin(), payload.bytes.end(), end);
    ++counters_.to_server;
    if (payload.counts()) ++stanzas;
  }
  flush();
  if (deferred_bytes() > policy_->queue_high)
    end_with({xmpp::EndReason::policy, Condition::policy_violation, "too much sent during SASL"}, Told::culprit,
             window_.expected() - 1, now, out);
}

// the answer belongs to this very request, so older ones that wait for nothing in particular go now.
void Engine::pin_newest() {
  if (!window_.oldest().pinned) release_below_ = std::max(release_below_, window_.expected() - 1);
  window_.newest().pinned = true;
}

// What must not reach the shared stream (B-014), and the one iq that servers no longer know.
bool Engine::handled_here(Stream& stream, const xmpp::Stanza& payload, xmpp::Instant now, xmpp::Actions& out) {
  switch (payload.kind) {
    case StanzaKind::starttls:
      push_local(stream, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", StanzaKind::tls_failure, now);
      return true;
    case StanzaKind::compress:
      push_local(stream, "<failure xmlns='http://jabber.org/protocol/compress'><unsupported-method/></failure>",
                 StanzaKind::other, now);
      return true;
    case StanzaKind::iq:
      if (!policy_->local_session || payload.type != xmpp::StanzaType::set || !stream.restart.without_session())
        return false;
      if (const auto id = id_of_session_request(payload.bytes)) {
        push_local(stream, out.arena.join({"<iq xmlns='jabber:client' type='result' ", *id, "/>"}), StanzaKind::iq,
                   now);
        return true;
      }
      return false;
    default:
      return false;
  }
}

void Engine::push_local(Stream& stream, std::string_view bytes, StanzaKind kind, xmpp::Instant now) {
  stream.queue.push({bytes, kind, xmpp::StanzaType::result}, false);
  stream.flush_at = now;
  constexpr std::uint32_t most = 0xffffff;
  local_bytes_ = std::min<std::size_t>(local_bytes_ + bytes.size(), most) & most;
}

// JSJaC waits for an element called mechanisms even if it wants iq:auth.
void Engine::push_made_up_features(xmpp::Instant now) {
  const xmpp::Stanza features{
      "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
      "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/><auth xmlns='http://jabber.org/features/iq-auth'/>"
      "</stream:features>",
      StanzaKind::features};
  static_cast<void>(main_.restart.from_server(features));
  push_local(main_, features.bytes, features.kind, now);
}

void Engine::send_header(Stream& stream, std::string_view lang, xmpp::Actions& out) {
  order(stream, xmpp::RestartStream{out.arena.store(lang)}, out);
  stream.restart.header_sent();
  send_deferred(stream, out);
}

void Engine::send_deferred(Stream& stream, xmpp::Actions& out) {
  StreamRestart& restart = stream.restart;
  if (restart.deferred().empty()) return;
  order(stream, xmpp::ToServer{out.arena.store(restart.deferred()), restart.deferred_stanzas()}, out);
  restart.deferred_sent();
}

// ---- from the server

void Engine::opened(const xmpp::StreamOpened& stream, xmpp::Instant, xmpp::Actions&) {
  if (main_lives()) open_up(main_, stream);
}

// The answer is given in delivered_all(): features may follow in the same read.
void Engine::open_up(Stream& stream, const xmpp::StreamOpened& what) {
  if (stream.opened) return;  // the id of a restarted stream is of no use to anybody
  stream.opened = true;
  stream.server_version = !what.version.empty() && what.version != "0.9";
  if (!what.id.empty()) stream.authid = std::make_unique<const std::string>(what.id);
  stream.tell_version = !greeting_ && stream.server_version;
}

void Engine::deliver(const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out) {
  if (main_lives()) take(main_, stanza, now, out);
}

void Engine::take(Stream& stream, const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out) {
  if (stanza.kind == StanzaKind::stream_error) {
    const Ending ending{xmpp::EndReason::server_error, Condition::remote_stream_error, "stream error"};
    return several() ? lose(stream, ending, stanza.bytes, now, out) : end_by_server(ending, stanza.bytes, now, out);
  }
  const bool deferred_due = stream.restart.from_server(stanza);
  stream.queue.push(stanza, stanza.counts());
  if (deferred_due) stream.restart.header_due() ? send_header(stream, {}, out) : send_deferred(stream, out);
  if (waiting_bytes() >= policy_->queue_high) check_queue(stream, now, out);
}

std::size_t Engine::waiting_bytes() const {
  return main_.queue.bytes() + (streams_ ? streams_->waiting_bytes() : 0);
}

std::size_t Engine::deferred_bytes() const {
  return main_.restart.deferred().size() + (streams_ ? streams_->deferred_bytes() : 0);
}

// The marks are those of the session: several streams may not take more than one.
void Engine::check_queue(Stream& stream, xmpp::Instant now, xmpp::Actions& out) {
  if (window_.any_alive() || reading()) {
    stream.flush_at = now;
    settle(now, out);
  }
  if (waiting_bytes() >= policy_->queue_high && !stream.server_paused) {
    stream.server_paused = true;
    order(stream, xmpp::PauseServer{}, out);
  }
  if (waiting_bytes() <= policy_->queue_cap) return;
  const Ending ending{xmpp::EndReason::policy, Condition::policy_violation, "too much unread"};
  several() ? lose(stream, ending, {}, now, out) : end_by_server(ending, {}, now, out);
}

void Engine::delivered_all(xmpp::Instant now, xmpp::Actions& out) {
  if (!main_lives()) return;
  if (!main_.queue.empty() && main_.flush_at == xmpp::never) main_.flush_at = now + policy_->coalesce;
  settle(now, out);
}

void Engine::congested(bool is, xmpp::Instant now, xmpp::Actions& out) {
  if (!main_lives()) return;
  main_.congested = is;
  if (!is) settle(now, out);
}

// ---- when to answer

// The end of every input: what is due now is done now.
void Engine::settle(xmpp::Instant now, xmpp::Actions& out) {
  if (tombstone_) return;
  if (window_.any_alive() || reading()) imply_restarts(now, out);
  if (reading()) give_events(now, out);
  while (!ends_when_all_is_said(now, out) && window_.held() > 0) {
    if (!window_.oldest().alive) {
      // What becomes of a stream that it asked for is still to be its answer, for when it comes again.
      if (window_.held() == 1 || (streams_ && streams_->undecided(window_.first_held()))) break;
      resolve_dead(now);
    } else if (due(now)) {
      answer_oldest(now, out);
    } else {
      break;
    }
  }
  if (!tombstone_) note_idle(now);
}

bool Engine::due(xmpp::Instant now) const {
  if (greeting_) return creation_due(now);
  if (pushing() && !main_.congested) return true;  // V-004
  if (streams_) {
    const Rid rid = window_.first_held();
    if (streams_->undecided(rid)) return false;
    if (!window_.oldest().answer.empty() || (several() && streams_->anybody_speaks(main_, rid, now))) return true;
  }
  if (window_.first_held() < release_below_ || report_ != 0 || main_.authid || main_.tell_version) return true;
  if (push_ && push_->tell) return true;
  if (!main_.queue.empty() && main_.flush_at <= now && !pushing()) return true;
  if (pacing_.held_until(window_.earliest_arrival()) <= now) return true;
  return surplus_releasable() && pacing_.surplus_at() <= now;
}

// Slowing the client down is all that can be done against a server that does not read.
bool Engine::surplus_releasable() const {
  return !main_.congested && !(streams_ && streams_->any_congested()) && !greeting_ &&
         (pacing_.polling() || !window_.oldest().pinned);
}

bool Engine::creation_due(xmpp::Instant now) const {
  if (pacing_.polling()) return true;
  if (!main_.queue.empty() && main_.flush_at <= now) return true;
  if (main_.opened && !main_.server_version) return true;  // no features will come
  return creation_bound() <= now;
}

xmpp::Instant Engine::creation_bound() const {
  return window_.oldest().at + std::min<xmpp::Duration>(std::chrono::seconds(wait_), policy_->connect_hold);
}

// ---- answering

void Engine::answer_oldest(xmpp::Instant now, xmpp::Actions& out) {
  const Rid rid = window_.first_held();
  Exchange& exchange = window_.oldest();
  const bool plain = exchange.pause || !exchange.answer.empty();
  Stream* const next = several() && !plain ? streams_->next(main_, rid, now) : nullptr;
  Stream& stream = next != nullptr ? *next : main_;
  const ClientQueue::Batch batch = plain || stream.queue.empty() || pushing()
                                       ? ClientQueue::Batch{}
                                       : stream.queue.front(policy_->max_response_bytes);
  const bool with_payload = batch.entries > 0;
  hand_out(stream, rid, batch, now);
  exchange.delivered = answered_elements();
  if (exchange.answer.empty()) exchange.answer = make_answer(stream, batch, rid, now);
  reply_again(exchange.request, exchange, out);
  exchange.at = now;
  if (stream.queue.empty()) stream.flush_at = xmpp::never;
  window_.oldest_is_answered();
  pacing_.answered(with_payload);
  after_answer(now, out);
}

// B-081, B-082
std::optional<Rid> Engine::ack_in_answer_to(Rid rid) const {
  const Rid newest = window_.expected() - 1;
  return server_acks_ && (greeting_ || newest != rid) ? std::optional(newest) : std::nullopt;
}

std::string Engine::make_answer(Stream& stream, const ClientQueue::Batch& batch, Rid rid, xmpp::Instant now) {
  const bool pause = window_.oldest().pause;  // which has no payload (B-095)
  if (!pause && is_last_word(stream)) return last_words_of(stream, rid);
  Head head;
  std::string attributes;
  if (greeting_ || stream.authid || stream.tell_version || (push_ && push_->tell)) {
    attributes = stream_attributes(stream);
  }
  if (streams_) say_whose(stream, batch.entries > 0, attributes);
  head.attributes = attributes;
  head.declare_stream = batch.features || greeting_ != nullptr;
  head.ack = ack_in_answer_to(rid);
  if (report_ != 0 && window_.place(report_, false) == RidWindow::Place::answered) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - window_.at(report_).at).count();
    head.report = report_;
    head.report_ms = static_cast<std::uint32_t>(std::min<std::int64_t>(ms, 65535));  // B-087
  }
  report_ = 0;
  greeting_.reset();
  if (head.plain()) return batch.entries == 0 ? std::string() : stream.queue.pop_as_body(batch);
  std::string body = make_body(head, batch.bytes);
  if (batch.entries > 0) stream.queue.pop(batch);
  return body;
}

// The attributes of the creation answer (B-040 ... B-051, X-005, X-006), or those of the stream that came too late
// for it.
std::string Engine::stream_attributes(Stream& stream) {
  std::string text;
  if (greeting_) {
    append_attribute(text, "wait", wait_);
    append_attribute(text, "requests", greeting_->requests);
    append_attribute(text, "inactivity", inactivity_);
    append_attribute(text, "polling", policy_->polling);
    append_attribute(text, "hold", greeting_->hold);
    append_attribute(text, "ver", std::to_string(greeting_->ver_major) + "." + std::to_string(greeting_->ver_minor));
    append_attribute(text, "from", greeting_->domain);
    append_attribute(text, "sid", greeting_->sid);
    if (policy_->maxpause > 0) append_attribute(text, "maxpause", policy_->maxpause);
    if (policy_->offer_gzip_requests) append_attribute(text, "accept", "deflate,gzip");
  }
  if (stream.authid) append_attribute(text, "authid", *stream.authid);
  stream.authid.reset();
  const bool version = stream.tell_version || (greeting_ && stream.server_version);
  if (version) append_attribute(text, "xmpp:version", "1.0");
  if (greeting_) append_attribute(text, "xmpp:restartlogic", "true");
  if (version || greeting_) append_attribute(text, "xmlns:xmpp", "urn:xmpp:xbosh");
  stream.tell_version = false;
  if (push_ && push_->tell) {
    append_attribute(text, "xmlns:push", push_namespace);
    append_attribute(text, "push:stream", push_->token);
    push_->tell = false;
  }
  return text;
}

// Rule 8: its connection died, and a newer request shows that it will not come again for its answer.
void Engine::resolve_dead(xmpp::Instant now) {
  Exchange& exchange = window_.oldest();
  exchange.delivered = answered_elements();
  exchange.at = now;
  window_.oldest_is_answered();
  pacing_.no_longer(window_.held());
  window_.trim(client_acks_, ledger_.proven());
}

void Engine::after_answer(xmpp::Instant now, xmpp::Actions& out) {
  pacing_.no_longer(window_.held());
  window_.trim(client_acks_, ledger_.proven());
  window_.drop_text_above(policy_->max_cached_bytes);
  if (streams_) streams_->remove_told();
  resume_server(out);
  note_idle(now);
}

void Engine::resume_server(xmpp::Actions& out) {
  if (waiting_bytes() > policy_->queue_low) return;
  const auto resume = [&out](Stream& stream) {
    if (!stream.server_paused) return;
    stream.server_paused = false;
    order(stream, xmpp::ResumeServer{}, out);
  };
  resume(main_);
  if (!streams_) return;
  for (const auto& side : streams_->sides()) resume(side->stream);
}

}  // namespace bosh
