#include "bosh/restart.hpp"

namespace bosh {

using xmpp::StanzaKind;

StreamRestart::Answer StreamRestart::requested() const {
  switch (phase_) {
    case Phase::first_features:
    case Phase::restarting:
      return Answer::features_due;
    case Phase::settled:
      return Answer::stored_features;
    case Phase::open:
    case Phase::exchange:  // without a success: what comes of it is between client and server
    case Phase::succeeded:
      break;
  }
  return Answer::header;
}

StreamRestart::Step StreamRestart::from_client(StanzaKind kind) {
  if (phase_ == Phase::succeeded) return Step::restart_first;
  if (kind == StanzaKind::sasl_auth || kind == StanzaKind::sasl_step) {
    if (phase_ != Phase::restarting) phase_ = Phase::exchange;
    return Step::forward;
  }
  if (phase_ == Phase::exchange) return Step::defer;
  // A client that sends stanzas on the new stream has its features, and will not ask for them again.
  if (phase_ == Phase::settled && !features_.empty()) std::string().swap(features_);
  return Step::forward;
}

void StreamRestart::defer(const xmpp::Stanza& stanza) {
  deferred_.append(stanza.bytes);
  if (stanza.counts()) ++deferred_stanzas_;
}

bool StreamRestart::from_server(const xmpp::Stanza& stanza) {
  switch (stanza.kind) {
    case StanzaKind::features:
      if (phase_ == Phase::first_features) phase_ = Phase::open;
      if (phase_ != Phase::restarting) return false;
      phase_ = Phase::settled;
      features_.assign(stanza.bytes);
      features_.shrink_to_fit();
      session_offered_ = stanza.bytes.find("urn:ietf:params:xml:ns:xmpp-session") != std::string_view::npos;
      return false;
    case StanzaKind::sasl_success:
      phase_ = Phase::succeeded;
      success_at_ = xmpp::never;
      return !deferred_.empty();
    case StanzaKind::sasl2_success:
      phase_ = Phase::restarting;
      return !deferred_.empty();
    case StanzaKind::sasl_failure:
      if (phase_ == Phase::exchange) phase_ = Phase::open;
      return !deferred_.empty();
    default:
      return false;
  }
}

void StreamRestart::header_sent() {
  phase_ = Phase::restarting;
  success_at_ = xmpp::never;
}

void StreamRestart::success_handed_out(xmpp::Instant now) {
  if (phase_ == Phase::succeeded) success_at_ = now;
}

xmpp::Instant StreamRestart::implied_at(xmpp::Duration patience) const {
  return success_at_ == xmpp::never ? xmpp::never : success_at_ + patience;
}

void StreamRestart::deferred_sent() {
  std::string().swap(deferred_);
  deferred_stanzas_ = 0;
}

std::string_view StreamRestart::features() const {
  if (features_.empty()) return "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>";
  return features_;
}

void StreamRestart::forget() {
  std::string().swap(features_);
  deferred_sent();
  success_at_ = xmpp::never;
}

}  // namespace bosh
