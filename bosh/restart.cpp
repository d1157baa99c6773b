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
  if (phase_ == Phase::settled) kept_.reset();
  return Step::forward;
}

void StreamRestart::defer(const xmpp::Stanza& stanza) {
  kept().deferred.append(stanza.bytes);
  if (stanza.counts()) ++kept().deferred_stanzas;
}

StreamRestart::Kept& StreamRestart::kept() {
  if (!kept_) kept_ = std::make_unique<Kept>();
  return *kept_;
}

bool StreamRestart::from_server(const xmpp::Stanza& stanza) {
  switch (stanza.kind) {
    case StanzaKind::features:
      if (phase_ == Phase::first_features) phase_ = Phase::open;
      if (phase_ != Phase::restarting) return false;
      phase_ = Phase::settled;
      kept().features.assign(stanza.bytes);
      session_offered_ = stanza.bytes.find("urn:ietf:params:xml:ns:xmpp-session") != std::string_view::npos;
      return false;
    case StanzaKind::sasl_success:
      phase_ = Phase::succeeded;
      success_at_ = xmpp::never;
      return !deferred().empty();
    case StanzaKind::sasl2_success:
      phase_ = Phase::restarting;
      return !deferred().empty();
    case StanzaKind::sasl_failure:
      if (phase_ == Phase::exchange) phase_ = Phase::open;
      return !deferred().empty();
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

std::string_view StreamRestart::features() const {
  if (!kept_ || kept_->features.empty()) return "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>";
  return kept_->features;
}

}  // namespace bosh
