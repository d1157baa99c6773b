#include "bosh/pacing.hpp"

#include <algorithm>

namespace bosh {
namespace {

// Offences. A person who reloads a page a few times in a row must not notice; a loop in a script is ended in seconds.
constexpr std::uint8_t free_offences = 6;
constexpr std::uint8_t max_offences = 24;

xmpp::Duration seconds(std::uint32_t n) {
  return std::chrono::seconds(n);
}

}  // namespace

Pacing::Pacing(const Policy& policy, std::uint32_t wait, std::uint32_t hold, std::uint32_t requests, xmpp::Instant now)
    : policy_(&policy),
      longest_hold_(seconds(wait)),
      previous_at_(now),
      spent_at_(now),
      hold_(static_cast<std::uint16_t>(wait == 0 ? 0 : hold)),
      requests_(static_cast<std::uint16_t>(requests)) {
  if (hold_ == 0) longest_hold_ = std::max(longest_hold_, seconds(std::max(policy.polling, 1U)));
}

Pacing::Verdict Pacing::arrived(const Arrival& arrival, xmpp::Instant now) {
  const bool crowded = !arrival.exempt && arrival.unanswered > requests_;
  const bool frequent = !arrival.exempt && too_frequent(arrival, now);
  const xmpp::Instant allowed_again = previous_at_ + seconds(policy_->polling);
  previous_at_ = now;
  previous_empty_ = arrival.empty && !arrival.exempt;
  answered_with_payload_ = true;  // until its answer says otherwise
  if (!crowded && !frequent) return Verdict::fine;
  if (policy_->strict_overactivity || !spend(now)) return Verdict::abuse;
  if (crowded) return Verdict::crowded;
  if (spent_ > free_offences) throttled_until_ = allowed_again;
  return Verdict::fine;
}

bool Pacing::too_frequent(const Arrival& arrival, xmpp::Instant now) const {
  // B-103: polling=0 is "as fast as it likes".
  if (!arrival.empty || policy_->polling == 0 || now - previous_at_ >= seconds(policy_->polling)) return false;
  if (polling() || arrival.streaming) return previous_empty_ && !answered_with_payload_;  // B-102
  return arrival.unanswered == requests_;                                                 // B-113
}

bool Pacing::spend(xmpp::Instant now) {
  const xmpp::Duration interval = seconds(std::max(policy_->polling, 1U));
  const auto returned = (now - spent_at_) / interval;
  if (returned >= spent_) {
    spent_ = 0;
    spent_at_ = now;
  } else if (returned > 0) {
    spent_ = static_cast<std::uint8_t>(spent_ - returned);
    spent_at_ += returned * interval;
  }
  if (spent_ == 0) spent_at_ = now;
  if (spent_ >= max_offences) return false;
  ++spent_;
  return true;
}

void Pacing::surplus(std::size_t held, bool quick, xmpp::Instant now) {
  if (held > hold_) surplus_at_ = std::min(surplus_at_, quick ? now : now + policy_->surplus_release);
}

xmpp::Instant Pacing::surplus_at() const {
  return std::max(surplus_at_, throttled_until_);
}

}  // namespace bosh
