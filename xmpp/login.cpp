#include "xmpp/login.hpp"

#include <utility>

#include "xmpp/jid.hpp"
#include "xmpp/names.hpp"
#include "xmpp/strophe_stanza.hpp"

namespace xmpp {

namespace {

// More than any mechanism needs; a server may not keep us here.
constexpr std::uint8_t max_steps = 8;

LoginFailure of_sasl(SaslFailure failure) {
  switch (failure) {
    case SaslFailure::no_common_mechanism:
      return LoginFailure::no_common_mechanism;
    case SaslFailure::encryption_required:
      return LoginFailure::encryption_required;
    case SaslFailure::bad_identity:
      return LoginFailure::bad_identity;
    case SaslFailure::too_weak:
    case SaslFailure::server_not_genuine:
      return LoginFailure::server_not_genuine;
    case SaslFailure::malformed:
      return LoginFailure::malformed;
  }
  return LoginFailure::malformed;
}

LoginFailure of_server(ElementView failure) {
  struct Known {
    std::string_view name;
    LoginFailure means;
  };
  constexpr Known known[] = {
      {"not-authorized", LoginFailure::not_authorized},           {"account-disabled", LoginFailure::account_disabled},
      {"credentials-expired", LoginFailure::credentials_expired}, {"temporary-auth-failure", LoginFailure::temporary},
      {"encryption-required", LoginFailure::encryption_required},
  };
  for (const auto& [name, means] : known) {
    if (failure.child(name, ns::sasl)) return means;
  }
  return LoginFailure::refused;
}

std::string sasl_element(const char* name, std::string_view data) {
  auto element = NewElement(name, ns::sasl);
  if (!data.empty()) element.text(data);
  return element.bytes();
}

}  // namespace

SaslOffer sasl_offer(ElementView features) {
  SaslOffer offer;
  for (auto at = features.child("mechanisms", ns::sasl).first_child(); at; at = at.next()) {
    if (at.is("mechanism", ns::sasl)) offer.mechanisms.push_back(at.text());
  }
  for (auto at = features.child("sasl-channel-binding", ns::channel_binding).first_child(); at; at = at.next()) {
    if (at.attribute("type") == "tls-exporter") offer.tls_exporter = true;
  }
  return offer;
}

std::string bind_request(const LoginGoal& goal) {
  auto bind = NewElement("bind", ns::bind);
  if (!goal.resource.empty()) bind.add(NewElement("resource", ns::bind).text(goal.resource));
  return NewElement("iq").set("type", "set").set("id", goal.bind_id).add(std::move(bind)).bytes();
}

std::optional<std::string> bound_address(ElementView iq) {
  if (iq.attribute("type") != "result") return std::nullopt;
  auto address = iq.child("bind", ns::bind).child("jid", ns::bind).text();
  const auto parts = split_jid(address);
  if (!parts || parts->local.empty() || parts->resource.empty()) return std::nullopt;
  return address;
}

Login::Login(SaslIdentity identity, SaslChannel channel, LoginGoal goal, std::optional<SaslMechanism> floor)
    : identity_(std::move(identity)), channel_(std::move(channel)), goal_(std::move(goal)), floor_(floor) {}

Login::Step Login::fail(LoginFailure failure) {
  state_ = State::over;
  sasl_.reset();
  return {Kind::failed, {}, failure};
}

Login::Step Login::on_stanza(const Stanza& stanza) {
  if (state_ == State::over) return {Kind::foreign, {}, {}};
  const auto element = ParsedElement::parse(stanza.bytes);
  if (!element) return fail(LoginFailure::malformed);
  const auto root = element->root();
  switch (state_) {
    case State::features:
      if (stanza.kind == StanzaKind::features) return begin_sasl(root);
      break;
    case State::sasl:
      if (stanza.is_sasl()) return on_sasl(stanza, root);
      break;
    case State::restarted:
      if (stanza.kind == StanzaKind::features) return begin_bind(root);
      break;
    case State::binding:
      if (stanza.kind == StanzaKind::iq && root.attribute("id") == goal_.bind_id) return on_bind(root);
      return {Kind::foreign, {}, {}};
    case State::over:
      break;
  }
  // Nobody else may speak before the login is done.
  return fail(LoginFailure::malformed);
}

Login::Step Login::begin_sasl(ElementView features) {
  const auto offer = sasl_offer(features);
  const auto choice = choose_mechanism(offer, identity_.kind, channel_, floor_);
  if (const auto* failure = std::get_if<SaslFailure>(&choice)) return fail(of_sasl(*failure));
  mechanism_ = std::get<SaslMechanism>(choice);
  sasl_ = std::make_unique<SaslClient>(*mechanism_, identity_, channel_);
  const auto first = sasl_->start();
  if (const auto* failure = std::get_if<SaslFailure>(&first)) return fail(of_sasl(*failure));
  state_ = State::sasl;
  auto auth = NewElement("auth", ns::sasl).set("mechanism", wire_name(*mechanism_));
  return {Kind::send, auth.text(std::get<std::string>(first)).bytes(), {}};
}

Login::Step Login::on_sasl(const Stanza& stanza, ElementView element) {
  if (stanza.kind == StanzaKind::sasl_failure) return fail(of_server(element));
  if (stanza.kind == StanzaKind::sasl_success) {
    if (const auto failure = sasl_->finish(element.text())) return fail(of_sasl(*failure));
    sasl_.reset();
    state_ = State::restarted;
    return {Kind::restart, {}, {}};
  }
  if (!element.is("challenge", ns::sasl) || ++steps_ > max_steps) return fail(LoginFailure::malformed);
  const auto answer = sasl_->step(element.text());
  if (const auto* failure = std::get_if<SaslFailure>(&answer)) return fail(of_sasl(*failure));
  return {Kind::send, sasl_element("response", std::get<std::string>(answer)), {}};
}

Login::Step Login::begin_bind(ElementView features) {
  if (!goal_.bind) {
    state_ = State::over;
    return {Kind::done, {}, {}};
  }
  if (!features.child("bind", ns::bind)) return fail(LoginFailure::not_bound);
  state_ = State::binding;
  return {Kind::send, bind_request(goal_), {}};
}

Login::Step Login::on_bind(ElementView iq) {
  auto address = bound_address(iq);
  if (!address) return fail(LoginFailure::not_bound);
  bound_ = std::move(*address);
  state_ = State::over;
  return {Kind::done, {}, {}};
}

}  // namespace xmpp
