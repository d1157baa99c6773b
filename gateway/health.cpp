#include "gateway/health.hpp"

#include <algorithm>

namespace gateway {

namespace {

// How long a failure says something about the next attempt.
constexpr xmpp::Duration trouble_lasts = std::chrono::seconds(30);

}  // namespace

void Health::draining() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
}

void Health::server_reached(std::string_view domain, std::string_view trouble, xmpp::Instant now) {
  const std::lock_guard lock(mutex_);
  const auto known = last_attempts_.find(domain);
  if (known == last_attempts_.end()) {
    last_attempts_.emplace(domain, Attempt{std::string(trouble), now});
  } else {
    known->second.trouble = trouble;
    known->second.at = now;
  }
}

void Health::forget() {
  const std::lock_guard lock(mutex_);
  last_attempts_.clear();
}

std::string Health::trouble(xmpp::Instant now) const {
  const std::lock_guard lock(mutex_);
  if (draining_) return "shutting down";
  const bool all_failed = std::all_of(last_attempts_.begin(), last_attempts_.end(), [now](const auto& entry) {
    return !entry.second.trouble.empty() && now < entry.second.at + trouble_lasts;
  });
  if (last_attempts_.empty() || !all_failed) return {};
  std::string lines;
  for (const auto& [domain, attempt] : last_attempts_) {
    if (!lines.empty()) lines += '\n';
    lines.append("server of ").append(domain).append(" cannot be reached: ").append(attempt.trouble);
  }
  return lines;
}

}  // namespace gateway
