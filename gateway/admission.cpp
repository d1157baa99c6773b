#include "gateway/admission.hpp"

#include <algorithm>
#include <chrono>

namespace gateway {

namespace {

constexpr xmpp::Duration window = std::chrono::minutes(1);

}  // namespace

bool Admission::Bucket::take(std::uint32_t per_minute, xmpp::Instant now) {
  if (per_minute == no_limit) return true;
  const double size = per_minute;
  if (!started) {
    tokens = size;
    started = true;
  } else {
    const double passed = std::chrono::duration<double>(now - filled) / std::chrono::duration<double>(window);
    tokens = std::min(size, tokens + passed * size);
  }
  filled = now;
  if (tokens < 1) return false;
  tokens -= 1;
  return true;
}

bool Admission::Bucket::idle(xmpp::Instant now) const {
  return !started || now - filled >= window;
}

std::string_view Admission::connection_opened(AddressKey address, const LimitsConfig& limits, xmpp::Instant now) {
  const std::lock_guard lock(mutex_);
  if (by_address_.size() >= sweep_at_) sweep(now);
  if (connections_ >= limits.max_connections) return "max_connections reached";
  Counts& counts = by_address_[address];
  if (counts.connections >= limits.max_connections_per_address) return "max_connections_per_address reached";
  ++connections_;
  ++counts.connections;
  return {};
}

void Admission::connection_closed(AddressKey address) {
  const std::lock_guard lock(mutex_);
  --connections_;
  --by_address_[address].connections;
}

std::string_view Admission::session_started(AddressKey address, const Domain& domain, const LimitsConfig& limits,
                                            xmpp::Instant now) {
  const std::lock_guard lock(mutex_);
  if (by_address_.size() >= sweep_at_) sweep(now);
  if (sessions_ >= limits.max_sessions) return "max_sessions reached";
  if (unauthenticated_ >= limits.max_unauthenticated_sessions) return "max_unauthenticated_sessions reached";
  DomainCounts& of_domain = by_domain_[domain.name];
  if (of_domain.sessions >= domain.max_sessions) return "max_sessions of the domain reached";
  if (of_domain.connecting >= domain.max_connecting) return "max_connecting of the domain reached";
  Counts& counts = by_address_[address];
  if (counts.sessions >= limits.max_sessions_per_address) return "max_sessions_per_address reached";
  if (!counts.starts.take(limits.session_starts_per_minute_per_address, now)) {
    return "session_starts_per_minute_per_address reached";
  }
  ++sessions_;
  ++unauthenticated_;
  ++of_domain.sessions;
  ++of_domain.connecting;
  ++counts.sessions;
  return {};
}

void Admission::session_advanced(const Domain& domain, Stage from, Stage to) {
  const std::lock_guard lock(mutex_);
  if (from == Stage::connecting && to != Stage::connecting) --by_domain_[domain.name].connecting;
  if (from != Stage::logged_in && to == Stage::logged_in) --unauthenticated_;
}

void Admission::session_ended(AddressKey address, const Domain& domain, Stage stage) {
  const std::lock_guard lock(mutex_);
  --sessions_;
  if (stage != Stage::logged_in) --unauthenticated_;
  DomainCounts& of_domain = by_domain_[domain.name];
  --of_domain.sessions;
  if (stage == Stage::connecting) --of_domain.connecting;
  --by_address_[address].sessions;
}

bool Admission::sid_missed(AddressKey address, const LimitsConfig& limits, xmpp::Instant now) {
  const std::lock_guard lock(mutex_);
  if (by_address_.size() >= sweep_at_) sweep(now);
  return by_address_[address].misses.take(limits.sid_misses_per_minute_per_address, now);
}

Admission::Totals Admission::totals() const {
  const std::lock_guard lock(mutex_);
  return {connections_, sessions_};
}

void Admission::sweep(xmpp::Instant now) {
  std::erase_if(by_address_, [now](const auto& entry) {
    const Counts& counts = entry.second;
    return counts.connections == 0 && counts.sessions == 0 && counts.starts.idle(now) && counts.misses.idle(now);
  });
  sweep_at_ = std::max<std::size_t>(1024, by_address_.size() * 2);
}

}  // namespace gateway
