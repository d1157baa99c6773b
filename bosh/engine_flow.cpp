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
  if (!script_) return forward(*body.payloads, now, out);
  if (const auto fault = script_->take(body.piece)) {
    return end_with({xmpp::EndReason::protocol_fault, fault->condition, fault->text}, Told::culprit,
                    window_.expected() - 1, now, out);
  }
  forward(script_->stanzas(), now, out);
}

void Engine::forward(const std::vector<xmpp::Stanza>& payloads, xmpp::Instant now, xmpp::Actions& out) {
  std::size_t size = 0;
  for (const xmpp::Stanza& payload : payloads) size += payload.bytes.size();
  if (size == 0) return;
  // One block for all that goes on as it is; what is dealt with here leaves a hole at its end.
  char* const block = out.arena.allocate(size);
  char* begin = block;
  char* end = block;
  std::uint32_t stanzas = 0;
  const auto flush = [&] {
    if (begin != end) out.list.emplace_back(xmpp::ToServer{{begin, static_cast<std::size_t>(end - begin)}, stanzas});
    begin = end;
    stanzas = 0;
  };
  for (const xmpp::Stanza& payload : payloads) {
    if (payload.is_sasl()) pin_newest();
    if (handled_here(payload, now, out)) continue;
    const auto step = restart_.from_client(payload.kind);
    if (step == StreamRestart::Step::defer) {
      restart_.defer(payload);
      ++counters_.to_server;
      continue;
    }
    if (step == StreamRestart::Step::restart_first) {
      flush();
      send_header({}, out);
    }
    end = std::copy(payload.bytes.begin(), payload.bytes.end(), end);
    ++counters_.to_server;
    if (payload.counts()) ++stanzas;
  }
  flush();
  if (restart_.deferred().size() > policy_->queue_high)
    end_with({xmpp::EndReason::policy, Condition::policy_violation, "too much sent during SASL"}, Told::culprit,
             window_.expected() - 1, now, out);
}

// the answer belongs to this very request, so older ones that wait for nothing in particular go now.
void Engine::pin_newest() {
  if (!window_.oldest().pinned) release_below_ = std::max(release_below_, window_.expected() - 1);
  window_.newest().pinned = true;
}

// What must not reach the shared stream (B-014), and the one iq that servers no longer know.
bool Engine::handled_here(const xmpp::Stanza& payload, xmpp::Instant now, xmpp::Actions& out) {
  switch (payload.kind) {
    case StanzaKind::starttls:
      push_local("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", StanzaKind::tls_failure, now);
      return true;
    case StanzaKind::compress:
      push_local("<failure xmlns='http://jabber.org/protocol/compress'><unsupported-method/></failure>",
                 StanzaKind::other, now);
      return true;
    case StanzaKind::iq:
      if (!policy_->local_session || payload.type != xmpp::StanzaType::set || !restart_.without_session()) return false;
      if (const auto id = id_of_session_request(payload.bytes)) {
        push_local(out.arena.join({"<iq xmlns='jabber:client' type='result' ", *id, "/>"}), StanzaKind::iq, now);
        return true;
      }
      return false;
    default:
      return false;
  }
}

void Engine::push_local(std::string_view bytes, StanzaKind kind, xmpp::Instant now) {
  queue_.push({bytes, kind, xmpp::StanzaType::result}, false);
  flush_at_ = now;
}

// JSJaC waits for an element called mechanisms even if it wants iq:auth.
void Engine::push_made_up_features(xmpp::Instant now) {
  const xmpp::Stanza features{
      "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
      "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/><auth xmlns='http://jabber.org/features/iq-auth'/>"
      "</stream:features>",
      StanzaKind::features};
  static_cast<void>(restart_.from_server(features));
  push_local(features.bytes, features.kind, now);
}

void Engine::send_header(std::string_view lang, xmpp::Actions& out) {
  out.list.emplace_back(xmpp::RestartStream{out.arena.store(lang)});
  restart_.header_sent();
  send_deferred(out);
}

void Engine::send_deferred(xmpp::Actions& out) {
  if (restart_.deferred().empty()) return;
  out.list.emplace_back(xmpp::ToServer{out.arena.store(restart_.deferred()), restart_.deferred_stanzas()});
  restart_.deferred_sent();
}

// ---- from the server

void Engine::opened(const xmpp::StreamOpened& stream, xmpp::Instant, xmpp::Actions&) {
  if (tombstone_ || opened_) return;  // the id of a restarted stream is of no use to anybody
  opened_ = true;
  server_version_ = !stream.version.empty() && stream.version != "0.9";
  if (!stream.id.empty()) authid_ = std::make_unique<const std::string>(stream.id);
  tell_version_ = !greeting_ && server_version_;
  // The answer is given in delivered_all(): features may follow in the same read.
}

void Engine::deliver(const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out) {
  if (tombstone_) return;
  if (stanza.kind == StanzaKind::stream_error) {
    return end_by_server({xmpp::EndReason::server_error, Condition::remote_stream_error, "stream error"}, stanza.bytes,
                         now, out);
  }
  const bool deferred_due = restart_.from_server(stanza);
  queue_.push(stanza, stanza.counts());
  if (deferred_due) restart_.header_due() ? send_header({}, out) : send_deferred(out);
  if (queue_.bytes() >= policy_->queue_high) check_queue(now, out);
}

void Engine::check_queue(xmpp::Instant now, xmpp::Actions& out) {
  if (window_.any_alive() || reading()) {
    flush_at_ = now;
    settle(now, out);
  }
  if (queue_.bytes() >= policy_->queue_high && !server_paused_) {
    server_paused_ = true;
    out.list.emplace_back(xmpp::PauseServer{});
  }
  if (queue_.bytes() <= policy_->queue_cap) return;
  end_by_server({xmpp::EndReason::policy, Condition::policy_violation, "too much unread"}, {}, now, out);
}

void Engine::delivered_all(xmpp::Instant now, xmpp::Actions& out) {
  if (tombstone_) return;
  if (!queue_.empty() && flush_at_ == xmpp::never) flush_at_ = now + policy_->coalesce;
  settle(now, out);
}

void Engine::congested(bool is, xmpp::Instant now, xmpp::Actions& out) {
  congested_ = is;
  if (!tombstone_ && !is) settle(now, out);
}

// ---- when to answer

// The end of every input: what is due now is done now.
void Engine::settle(xmpp::Instant now, xmpp::Actions& out) {
  if (tombstone_) return;
  if ((window_.any_alive() || reading()) && restart_.implied_at(policy_->implied_restart) <= now) send_header({}, out);
  if (reading()) give_events(now, out);
  while (window_.held() > 0) {
    if (!window_.oldest().alive) {
      if (window_.held() == 1) break;
      resolve_dead(now);
    } else if (due(now)) {
      answer_oldest(now, out);
    } else {
      break;
    }
  }
  note_idle(now);
}

bool Engine::due(xmpp::Instant now) const {
  if (greeting_) return creation_due(now);
  if (pushing() && !congested_) return true;  // V-004
  if (window_.first_held() < release_below_ || report_ != 0 || authid_ || tell_version_) return true;
  if (push_ && push_->tell) return true;
  if (!queue_.empty() && flush_at_ <= now && !pushing()) return true;
  if (pacing_.held_until(window_.earliest_arrival()) <= now) return true;
  return surplus_releasable() && pacing_.surplus_at() <= now;
}

// Slowing the client down is all that can be done against a server that does not read.
bool Engine::surplus_releasable() const {
  return !congested_ && !greeting_ && (pacing_.polling() || !window_.oldest().pinned);
}

bool Engine::creation_due(xmpp::Instant now) const {
  if (pacing_.polling()) return true;
  if (!queue_.empty() && flush_at_ <= now) return true;
  if (opened_ && !server_version_) return true;  // no features will come
  return creation_bound() <= now;
}

xmpp::Instant Engine::creation_bound() const {
  return window_.oldest().at + std::min<xmpp::Duration>(std::chrono::seconds(wait_), policy_->connect_hold);
}

// ---- answering

void Engine::answer_oldest(xmpp::Instant now, xmpp::Actions& out) {
  const Rid rid = window_.first_held();
  Exchange& exchange = window_.oldest();
  const ClientQueue::Batch batch =
      exchange.pause || queue_.empty() || pushing() ? ClientQueue::Batch{} : queue_.front(policy_->max_response_bytes);
  const bool with_payload = batch.entries > 0;
  if (batch.sasl_success) restart_.success_handed_out(now);
  counters_.to_client += batch.entries;
  ledger_.hand_out(batch.counted);
  exchange.delivered = answered_elements();
  exchange.answer = make_answer(batch, rid, now);
  reply_again(exchange.request, exchange, out);
  exchange.at = now;
  window_.oldest_is_answered();
  pacing_.answered(with_payload);
  after_answer(now, out);
}

std::string Engine::make_answer(const ClientQueue::Batch& batch, Rid rid, xmpp::Instant now) {
  Head head;
  std::string attributes;
  if (greeting_ || authid_ || tell_version_ || (push_ && push_->tell)) attributes = stream_attributes();
  head.attributes = attributes;
  head.declare_stream = batch.features || greeting_ != nullptr;
  if (server_acks_ && (greeting_ || window_.expected() - 1 != rid)) head.ack = window_.expected() - 1;  // B-081, B-082
  if (report_ != 0 && window_.place(report_, false) == RidWindow::Place::answered) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - window_.at(report_).at).count();
    head.report = report_;
    head.report_ms = static_cast<std::uint32_t>(std::min<std::int64_t>(ms, 65535));  // B-087
  }
  report_ = 0;
  greeting_.reset();
  if (head.plain()) return batch.entries == 0 ? std::string() : queue_.pop_as_body(batch);
  std::string body = make_body(head, batch.bytes);
  if (batch.entries > 0) queue_.pop(batch);
  return body;
}

// The attributes of the creation answer (B-040 ... B-051, X-005, X-006), or those of the stream that came too late
// for it.
std::string Engine::stream_attributes() {
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
  if (authid_) append_attribute(text, "authid", *authid_);
  authid_.reset();
  const bool version = tell_version_ || (greeting_ && server_version_);
  if (version) append_attribute(text, "xmpp:version", "1.0");
  if (greeting_) append_attribute(text, "xmpp:restartlogic", "true");
  if (version || greeting_) append_attribute(text, "xmlns:xmpp", "urn:xmpp:xbosh");
  tell_version_ = false;
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
  if (queue_.empty()) flush_at_ = xmpp::never;
  resume_server(out);
  note_idle(now);
}

void Engine::resume_server(xmpp::Actions& out) {
  if (!server_paused_ || queue_.bytes() > policy_->queue_low) return;
  server_paused_ = false;
  out.list.emplace_back(xmpp::ResumeServer{});
}

}  // namespace bosh
