#include "gateway/health.hpp"

#include <algorithm>

namespace gateway {

void Health::draining() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
}

void Health::server_reached(std::string_view domain, std::string_view trouble) {
  const std::lock_guard lock(mutex_);
  const auto known = trouble_by_domain_.find(domain);
  if (known == trouble_by_domain_.end()) {
    trouble_by_domain_.emplace(domain, trouble);
  } else if (known->second != trouble) {
    known->second = trouble;
  }
}

std::string Health::trouble() const {
  const std::lock_guard lock(mutex_);
  if (draining_) return "shutting down";
  const bool all_failed = std::all_of(trouble_by_domain_.begin(), trouble_by_domain_.end(),
                                      [](const auto& entry) { return !entry.second.empty(); });
  if (trouble_by_domain_.empty() || !all_failed) return {};
  std::string lines;
  for (const auto& [domain, trouble] : trouble_by_domain_) {
    if (!lines.empty()) lines += '\n';
    lines.append("server of ").append(domain).append(" cannot be reached: ").append(trouble);
  }
  return lines;
}

}  // namespace gateway
