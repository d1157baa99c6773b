#include "xmpp/negotiation.hpp"

#include <algorithm>

#include "xmpp/features.hpp"

namespace xmpp {

bool sends_features(std::string_view version) {
  const auto major = version.substr(0, version.find('.'));
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return std::all_of(major.begin(), major.end(), is_digit) && major.find_first_not_of('0') != std::string_view::npos;
}

void Negotiation::begin(bool tls_outstanding) {
  phase_ = Phase::header;
  before_tls_ = tls_outstanding;
}

Negotiation::Step Negotiation::on_opened(const StreamOpened& stream) {
  if (phase_ != Phase::header) return Step::out_of_place;
  const bool features = sends_features(stream.version);
  if (before_tls_ && !features) return Step::no_tls;
  phase_ = features ? Phase::features : Phase::done;
  if (before_tls_) return Step::wait;
  return features ? Step::show_opened : Step::show_last;
}

Negotiation::Step Negotiation::on_stanza(const Stanza& stanza) {
  if (before_tls_) return on_stanza_before_tls(stanza);
  if (phase_ == Phase::header) return Step::out_of_place;
  if (stanza.kind != StanzaKind::features) return Step::show;
  phase_ = Phase::done;
  return Step::show_features;
}

Negotiation::Step Negotiation::on_stanza_before_tls(const Stanza& stanza) {
  switch (phase_) {
    case Phase::features:
      if (stanza.kind != StanzaKind::features) return Step::out_of_place;
      if (!offers_tls(stanza.bytes)) return Step::no_tls;
      phase_ = Phase::proceed;
      return Step::ask_for_tls;
    case Phase::proceed:
      if (stanza.kind == StanzaKind::tls_failure) return Step::no_tls;
      if (stanza.kind != StanzaKind::tls_proceed) return Step::out_of_place;
      phase_ = Phase::encrypting;
      return Step::encrypt;
    case Phase::encrypting:
    case Phase::header:
    case Phase::done:
      return Step::out_of_place;
  }
  return Step::out_of_place;
}

}  // namespace xmpp
