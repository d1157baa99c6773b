#include "xmpp/session.hpp"

#include <algorithm>
#include <utility>

#include "xmpp/features.hpp"
#include "xmpp/names.hpp"
#include "xmpp/stream_error.hpp"
#include "xmpp/stream_header.hpp"

namespace xmpp {
namespace {

constexpr std::uint8_t max_redirects = 2;  // U-016

// Until the login this is looked for in what the browser sends. A message that only quotes it costs a keepalive.
bool begins_sasl(std::string_view bytes) {
  return bytes.find(ns::sasl) != std::string_view::npos || bytes.find(ns::sasl2) != std::string_view::npos;
}

}  // namespace

Session::Session(const StreamPolicy& policy, StreamRequest request, Instant now)
    : policy_(policy), request_(std::move(request)), due_(now + policy.negotiation_timeout), last_sent_(now) {}

Session::State Session::state() const {
  return state_;
}

void Session::send(std::string_view bytes, Instant now, SessionActions& out) {
  out.list.emplace_back(SendBytes{bytes});
  last_sent_ = now;
}

void Session::send_header(Instant now, SessionActions& out) {
  negotiation_.begin(tls_outstanding());
  StreamHeader header;
  header.to = policy_.domain;
  header.lang = request_.lang;
  // The claimed JID is for nobody to read on the way (U-010, B-031).
  if (tls_ == TlsMode::direct || encrypted_) header.from = request_.from;
  // A header without version would get no <starttls/>.
  if (!tls_outstanding()) header.version = request_.version || !policy_.legacy_without_version;
  send(out.arena.store(write_header(header)), now, out);
}

void Session::link_up(TlsMode tls, Instant now, SessionActions& out) {
  if (state_ != State::opening) return;
  state_ = State::negotiating;
  tls_ = tls;
  congested_ = false;
  encrypted_ = tls == TlsMode::direct;
  send_header(now, out);
}

void Session::encrypted(Instant now, SessionActions& out) {
  if (state_ != State::negotiating || negotiation_.phase() != Negotiation::Phase::encrypting) return;
  encrypted_ = true;
  out.list.emplace_back(ResetSplitter{});
  send_header(now, out);
}

void Session::link_down(Fault fault, Instant /*now*/, SessionActions& out) {
  if (is_leaving()) fault = {FaultKind::closed, "closed by us"};
  end(fault, out);
}

// Neither before there is a link nor while it is being encrypted.
bool Session::may_write() const {
  return state_ == State::active || state_ == State::emptying ||
         (state_ == State::negotiating && negotiation_.phase() != Negotiation::Phase::encrypting);
}

void Session::end(Fault fault, SessionActions& out) {
  if (state_ == State::closed) return;
  show_header(out);
  if (!is_leaving()) report_lost(out);
  state_ = State::closed;
  std::string().swap(queue_);
  management_.reset();  // its errors are said, or will never be
  out.list.emplace_back(Ended{fault});
}

// The end that we make because of `fault`: the server hears why, where it is its own fault.
void Session::refuse(Fault fault, Instant now, SessionActions& out) {
  if (may_write()) {
    const auto condition = condition_of(fault.kind);
    settle_accounts(now, out);
    send(condition ? out.arena.store(write_error(*condition)) : stream_end, now, out);
  }
  end(fault, out);
}

void Session::end_stream(Instant now, SessionActions& out) {
  settle_accounts(now, out);
  send(stream_end, now, out);
}

// Before any end that we make: the server learns how far its stanzas came, and who wrote those that are ours learns
// that they did not.
void Session::settle_accounts(Instant now, SessionActions& out) {
  if (managed() && management_->has_news()) acknowledge(now, out);
  if (management_) tell_ours(now, out);
}

void Session::on_event(const StreamEvent& event, Instant now, SessionActions& out) {
  if (state_ == State::opening || state_ == State::closed) return;
  if (management_) management_->heard(now);
  // What follows <proceed/> was written before TLS, by whoever could (U-011).
  if (state_ == State::negotiating && negotiation_.phase() == Negotiation::Phase::encrypting) return;
  if (const auto* fault = std::get_if<Fault>(&event)) return refuse(*fault, now, out);
  if (std::holds_alternative<StreamClosed>(event)) {
    if (may_write()) end_stream(now, out);
    return end({FaultKind::closed, is_leaving() ? "closed by us" : "closed by the server"}, out);
  }
  if (state_ == State::closing) return;
  if (state_ == State::emptying) {
    if (const auto* stanza = std::get_if<Stanza>(&event)) on_emptying(*stanza, now, out);
    return;
  }
  if (const auto* opened = std::get_if<StreamOpened>(&event)) {
    if (state_ == State::active) return refuse({FaultKind::bad_format, "a second stream header"}, now, out);
    return take(negotiation_.on_opened(*opened), event, now, out);
  }
  on_stanza(std::get<Stanza>(event), now, out);
}

void Session::on_stanza(const Stanza& stanza, Instant now, SessionActions& out) {
  if (stanza.kind == StanzaKind::stream_error) return on_stream_error(stanza, now, out);
  const bool ours = stanza.kind == StanzaKind::management && request_.management == Management::owned;
  if (state_ == State::negotiating) {
    if (ours) return;  // there is nothing to count yet, and the client is to see none of it
    show_header(out);
    return take(negotiation_.on_stanza(stanza), stanza, now, out);
  }
  if (stanza.kind == StanzaKind::features) return show_features(stanza, now, out);  // as after SASL2
  if (ours) return on_management(stanza, now, out);
  if (stanza.is_sasl()) logging_in_ = true;
  if (stanza.kind == StanzaKind::sasl_success) logged_in_ = true;
  if (stanza.kind == StanzaKind::sasl2_success) {
    logged_in_ = true;
    logging_in_ = false;
  }
  hand_over(stanza, now, out);
  if (!bound_) note_binding(stanza, now, out);
}

void Session::take(Negotiation::Step step, const StreamEvent& event, Instant now, SessionActions& out) {
  using Step = Negotiation::Step;
  switch (step) {
    case Step::wait:
      return;
    case Step::ask_for_tls:
      return send(starttls_request, now, out);
    case Step::encrypt:
      out.list.emplace_back(Encrypt{});
      return;
    case Step::show_opened: {
      const auto& header = std::get<StreamOpened>(event);
      header_ = std::make_unique<Header>(Header{std::string(header.id), std::string(header.from),
                                                std::string(header.version), std::string(header.lang)});
      if (!may_redirect()) show_header(out);
      return;
    }
    case Step::show_last:
      shown_ = true;
      out.list.emplace_back(Opened{std::get<StreamOpened>(event)});
      return activate(now, out);
    case Step::show:
      return hand_over(std::get<Stanza>(event), now, out);
    case Step::show_features:
      if (tls_ == TlsMode::none && requires_tls(std::get<Stanza>(event).bytes)) {
        // Whatever the browser did now, the server would refuse; so the operator is told what to change.
        return refuse({FaultKind::connection_failed, "the server requires TLS, and tls = \"none\" is configured"}, now,
                      out);
      }
      show_features(std::get<Stanza>(event), now, out);
      return activate(now, out);
    case Step::no_tls:
      // U-012: in the clear nothing is said but good-bye.
      return refuse({FaultKind::connection_failed, "TLS is required and the server does not offer it"}, now, out);
    case Step::out_of_place:
      return refuse({FaultKind::bad_format, "not an element that may come here"}, now, out);
  }
}

void Session::show_features(const Stanza& stanza, Instant now, SessionActions& out) {
  Stanza shown = stanza;
  const bool hide = request_.management == Management::owned;
  management_offered_ |= stanza.bytes.find(ns::management_3) != std::string_view::npos;
  if (const auto filtered = filter_features(stanza.bytes, {policy_.max_bytes_to_server, policy_.idle_seconds, hide})) {
    shown.bytes = out.arena.store(*filtered);
  }
  management_shown_ |= shown.bytes.find(ns::any_management) != std::string_view::npos;
  out.list.emplace_back(Deliver{shown});
  try_to_manage(now, out);
}

void Session::activate(Instant now, SessionActions& out) {
  state_ = State::active;
  if (logged_in_) logging_in_ = false;
  if (queue_.empty()) return;
  send(out.arena.store(queue_), now, out);
  std::string().swap(queue_);
}

// Later the browser must start again itself.
bool Session::may_redirect() const {
  return state_ == State::negotiating && !shown_ && redirects_ < max_redirects;
}

void Session::show_header(SessionActions& out) {
  const auto header = std::exchange(header_, nullptr);
  if (!header) return;
  shown_ = true;
  const auto store = [&out](const std::string& text) { return out.arena.store(text); };
  out.list.emplace_back(Opened{{store(header->id), store(header->from), store(header->version), store(header->lang)}});
}

void Session::on_stream_error(const Stanza& stanza, Instant now, SessionActions& out) {
  if (const auto other = may_redirect() ? see_other_host(stanza.bytes) : std::nullopt) {
    if (may_write()) send(stream_end, now, out);
    header_.reset();
    ++redirects_;
    state_ = State::opening;
    encrypted_ = false;
    out.list.emplace_back(ResetSplitter{});
    out.list.emplace_back(Redirect{out.arena.store(other->host), other->port});
    return;
  }
  show_header(out);
  report_lost(out);  // before the error, behind which bindings hand out nothing
  out.list.emplace_back(Deliver{stanza});
  if (may_write()) send(stream_end, now, out);
  end({FaultKind::stream_error, "the server ended the stream with an error"}, out);
}

void Session::to_server(std::string_view bytes, std::uint32_t stanzas, Instant now, SessionActions& out) {
  if (is_leaving() || state_ == State::closed) return;
  if (request_.management != Management::transparent) bytes = without_management(bytes, out);
  if (bytes.empty()) return;
  if (request_.management == Management::late) note_first_words(bytes, now, out);
  if (!logged_in_ && begins_sasl(bytes)) logging_in_ = true;
  if (state_ == State::active) {
    send(bytes, now, out);
    return count_sent(bytes, stanzas, now, out);
  }
  if (bytes.size() > policy_.max_queued || queue_.size() > policy_.max_queued - bytes.size()) {
    // The browser's doing: the server is not told of a policy.
    if (may_write()) send(stream_end, now, out);
    return end({FaultKind::too_large, "too much for a server that is not ready"}, out);
  }
  queue_.append(bytes);
}

void Session::restart(std::string_view lang, Instant now, SessionActions& out) {
  if (state_ != State::active) return;
  if (!lang.empty()) request_.lang = lang;
  state_ = State::negotiating;
  due_ = now + policy_.negotiation_timeout;
  out.list.emplace_back(ResetSplitter{});
  send_header(now, out);
}

void Session::close(Instant now, SessionActions& out) {
  if (is_leaving() || state_ == State::closed) return;
  if (!may_write()) return end({FaultKind::closed, "closed by us"}, out);
  std::string().swap(queue_);
  header_.reset();
  const bool unsettled = management_ && management_asked_ && (!managed() || management_->has_backlog(now));
  if (unsettled) return begin_emptying(now, out);
  say_end(now, out);
}

void Session::close_at_once(Instant now, SessionActions& out) {
  close(now, out);
  if (state_ == State::emptying) say_end(now, out);
}

void Session::say_end(Instant now, SessionActions& out) {
  end_stream(now, out);
  state_ = State::closing;
  due_ = now + policy_.closing_timeout;
}

void Session::drop(SessionActions& out) {
  end({FaultKind::closed, "dropped by us"}, out);
}

void Session::on_time(Instant now, SessionActions& out) {
  if (now < deadline()) return;
  switch (state_) {
    case State::opening:
    case State::negotiating:
      if (may_write()) send(stream_end, now, out);
      return end({FaultKind::timed_out, "no usable stream in time"}, out);
    case State::active:
      return on_time_active(now, out);
    case State::emptying:
      return say_end(now, out);
    case State::closing:
      return end({FaultKind::timed_out, "no end from the server in time"}, out);
    case State::closed:
      return;
  }
}

// U-020: SASL suffers no other byte.
Instant Session::keepalive_at() const {
  return logging_in_ || policy_.keepalive == Duration::zero() ? never : last_sent_ + policy_.keepalive;
}

Instant Session::deadline() const {
  switch (state_) {
    case State::opening:
    case State::negotiating:
    case State::emptying:
    case State::closing:
      return due_;
    case State::active:
      return std::min(keepalive_at(), management_ ? management_->deadline() : never);
    case State::closed:
      return never;
  }
  return never;
}

}  // namespace xmpp
