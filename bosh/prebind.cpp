#include "bosh/prebind.hpp"

#include <algorithm>
#include <utility>

namespace bosh {

namespace {

using xmpp::EndReason;
using xmpp::LoginFailure;

constexpr std::string_view content_type = "application/json";

struct Known {
  LoginFailure failure;
  std::uint16_t status;
  std::string_view error;
};
// 403: the user's fault, trying again with the same is no use. 502: the server's, or that of how it is set up.
constexpr Known known_failures[] = {
    {LoginFailure::not_authorized, 403, "not-authorized"},
    {LoginFailure::bad_identity, 403, "not-authorized"},
    {LoginFailure::account_disabled, 403, "account-disabled"},
    {LoginFailure::credentials_expired, 403, "credentials-expired"},
    {LoginFailure::temporary, 503, "temporary-auth-failure"},
    {LoginFailure::no_common_mechanism, 502, "no-common-mechanism"},
    {LoginFailure::encryption_required, 502, "encryption-required"},
    {LoginFailure::server_not_genuine, 502, "server-not-genuine"},
    {LoginFailure::not_bound, 502, "not-bound"},
    {LoginFailure::refused, 502, "login-refused"},
    {LoginFailure::malformed, 502, "protocol-error"},
};

// The library of the browser names what it wants when it attaches; these are what all of them can live with.
Creation creation_for(const Policy& policy) {
  Creation creation;
  creation.wait = policy.max_wait;
  creation.hold = std::min(policy.max_hold, 1U);
  creation.requests = 2;
  creation.stream.version = true;
  return creation;
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view digits = "0123456789abcdef";
      out += "\\u00";
      out += digits[static_cast<unsigned char>(c) >> 4U];
      out += digits[static_cast<unsigned char>(c) & 15U];
    } else {
      out += c;
    }
  }
  return out + '"';
}

Prebind::Prebind(const Policy& policy, xmpp::SaslIdentity user, std::string resource, PrebindTerms terms)
    : policy_(&policy), terms_(std::move(terms)), user_(std::move(user)), resource_(std::move(resource)) {}
Prebind::~Prebind() = default;
Prebind::Prebind(Prebind&&) noexcept = default;
Prebind& Prebind::operator=(Prebind&&) noexcept = default;

void Prebind::start(xmpp::RequestId request, xmpp::Instant now, xmpp::Actions& out) {
  request_ = request;
  due_ = now + terms_.patience;
  out.list.emplace_back(xmpp::OpenLink{});
}

// Nobody is left who could tell the browser.
void Prebind::on_gone(xmpp::RequestId request, xmpp::Instant, xmpp::Actions& out) {
  if (ended_ || request != request_) return;
  ended_ = true;
  out.list.emplace_back(xmpp::EndSession{EndReason::never_used, {}, "the back end has gone before the login was done"});
  out.list.emplace_back(xmpp::Forget{});
}

void Prebind::secured(xmpp::SaslChannel channel) {
  channel_ = std::move(channel);
}

void Prebind::opened(const xmpp::StreamOpened&, xmpp::Instant, xmpp::Actions&) {
  if (login_ || ended_) return;
  xmpp::LoginGoal goal{true, std::move(resource_), "bind"};
  login_ = std::make_unique<xmpp::Login>(std::move(user_), std::move(channel_), std::move(goal));
}

void Prebind::deliver(const xmpp::Stanza& stanza, xmpp::Instant, xmpp::Actions& out) {
  if (ended_ || !login_) return;
  if (stanza.kind == xmpp::StanzaKind::stream_error) {
    return refuse({502, "remote-stream-error"}, EndReason::server_error, out);
  }
  if (stanza.kind == xmpp::StanzaKind::features) features_ = stanza.bytes;
  const auto step = login_->on_stanza(stanza);
  using Kind = xmpp::Login::Kind;
  if (stanza.counts() && step.kind != Kind::foreign) ++used_up_;
  switch (step.kind) {
    case Kind::wait:
      return;
    case Kind::send: {
      const bool counts = step.bytes.starts_with("<iq");
      out.list.emplace_back(xmpp::ToServer{out.arena.store(step.bytes), counts ? 1U : 0U});
      return;
    }
    case Kind::restart:
      out.list.emplace_back(xmpp::RestartStream{});
      return;
    case Kind::done:
      ready_ = true;
      return;
    case Kind::foreign:
      early_bytes_ += stanza.bytes.size();
      if (early_bytes_ > policy_->queue_cap) return refuse({502, "protocol-error"}, EndReason::policy, out);
      early_.push_back({std::string(stanza.bytes), stanza.kind, stanza.type});
      return;
    case Kind::failed:
      break;
  }
  for (const auto& known : known_failures) {
    if (known.failure == step.failure) return refuse({known.status, known.error}, EndReason::policy, out);
  }
}

void Prebind::delivered_all(xmpp::Instant, xmpp::Actions&) {}

void Prebind::congested(bool, xmpp::Instant, xmpp::Actions&) {}

HandedOver Prebind::hand_over(xmpp::Instant now, xmpp::Actions& out) {
  if (terms_.websocket) return to_websocket(now, out);
  return to_bosh(now, out);
}

Engine Prebind::to_bosh(xmpp::Instant now, xmpp::Actions& out) {
  const std::string sid = terms_.identity.sid;
  Engine engine(*policy_, creation_for(*policy_), std::move(terms_.identity), now);
  if (!stream_token_.empty()) engine.offer_stream(std::move(stream_token_));
  engine.hand_over({terms_.first, used_up_, terms_.lifetime, features_}, now, out);
  for (const auto& early : early_) engine.deliver({early.bytes, early.kind, early.type}, now, out);
  answer("{\"jid\":" + json_string(login_->bound()) + ",\"sid\":" + json_string(sid) +
             ",\"rid\":" + std::to_string(terms_.first) + "}\n",
         out);
  return engine;
}

// The form that converse.js expects of its credentials_url.
xmpp::WsEngine Prebind::to_websocket(xmpp::Instant now, xmpp::Actions& out) {
  const auto& terms = *terms_.websocket;
  xmpp::WsHandOver what{login_->bound(), features_, used_up_, std::chrono::seconds(terms_.lifetime)};
  xmpp::WsEngine engine(*terms.policy, terms.domain, terms.random, std::move(what), now);
  if (used_up_ > 0) out.list.emplace_back(xmpp::AcknowledgedUpTo{used_up_});
  for (const auto& early : early_) engine.deliver({early.bytes, early.kind, early.type}, now, out);
  answer("{\"jid\":" + json_string(login_->bound()) + ",\"password\":" + json_string(terms.ticket) + "}\n", out);
  return engine;
}

void Prebind::answer(std::string_view body, xmpp::Actions& out) const {
  out.list.emplace_back(xmpp::Reply{request_, 200, content_type, out.arena.store(body)});
}

// ---- the end -------------------------------------------------------------------------------------------------------

void Prebind::refuse(const Refused& how, EndReason reason, xmpp::Actions& out) {
  ended_ = true;
  login_.reset();
  const std::string body = "{\"error\":" + json_string(how.error) + "}\n";
  out.list.emplace_back(xmpp::Reply{request_, how.status, content_type, out.arena.store(body)});
  out.list.emplace_back(xmpp::EndSession{reason, how.error, "no session for the back end"});
  out.list.emplace_back(xmpp::Forget{});
}

void Prebind::close(EndReason reason, std::string_view, xmpp::Instant, xmpp::Actions& out) {
  if (ended_) return;
  switch (reason) {
    case EndReason::server_unreachable:
    case EndReason::server_closed:
    case EndReason::server_error:
    case EndReason::server_lost:
      return refuse({502, "remote-connection-failed"}, reason, out);
    case EndReason::shutdown:
      return refuse({503, "system-shutdown"}, reason, out);
    default:
      return refuse({503, "policy-violation"}, reason, out);
  }
}

void Prebind::on_time(xmpp::Instant now, xmpp::Actions& out) {
  if (!ended_ && due_ <= now) refuse({504, "timeout"}, EndReason::server_unreachable, out);
}

xmpp::Instant Prebind::deadline() const {
  return ended_ ? xmpp::never : due_;
}

}  // namespace bosh
