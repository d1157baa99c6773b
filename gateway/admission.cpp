#include "gateway/admission.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace gateway {

namespace {

constexpr xmpp::Duration window = std::chrono::minutes(1);
// So many more than max_unauthenticated_sessions may be there until the threads of the oldest get round to ending them.
constexpr std::size_t most_leaving = 256;
constexpr std::string_view per_address = "max_connections_per_address reached";

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

Admission::Entered Admission::connection_opened(std::optional<AddressKey> address, const LimitsConfig& limits,
                                                xmpp::Instant now) {
  const std::lock_guard lock(mutex_);
  if (by_address_.size() >= sweep_at_) sweep(now);
  if (connections_ >= limits.max_connections) return {{}, "max_connections reached"};
  if (address && !count_connection(*address, limits)) return {{}, per_address};
  ++connections_;
  return {ConnectionPlace(*this, address), {}};
}

bool Admission::count_connection(AddressKey address, const LimitsConfig& limits) {
  Counts& counts = by_address_[address];
  if (counts.connections >= limits.max_connections_per_address) return false;
  ++counts.connections;
  return true;
}

void Admission::connection_closed(std::optional<AddressKey> address) {
  const std::lock_guard lock(mutex_);
  --connections_;
  if (address) --by_address_.find(*address)->second.connections;  // known as long as it counts something
}

ConnectionPlace::ConnectionPlace(ConnectionPlace&& other) noexcept
    : admission_(std::exchange(other.admission_, nullptr)), address_(other.address_) {}

ConnectionPlace& ConnectionPlace::operator=(ConnectionPlace&& other) noexcept {
  if (admission_ != nullptr) admission_->connection_closed(address_);
  admission_ = std::exchange(other.admission_, nullptr);
  address_ = other.address_;
  return *this;
}

ConnectionPlace::~ConnectionPlace() {
  if (admission_ != nullptr) admission_->connection_closed(address_);
}

std::string_view ConnectionPlace::hold_for(AddressKey client, const LimitsConfig& limits) {
  if (admission_ == nullptr || address_) return {};
  const std::lock_guard lock(admission_->mutex_);
  if (!admission_->count_connection(client, limits)) return per_address;
  address_ = client;
  return {};
}

Admission::Started Admission::session_started(AddressKey address, const Domain& domain, const LimitsConfig& limits,
                                              xmpp::Instant now) {
  const auto no = [](std::string_view why) { return Started{{}, why}; };
  const std::lock_guard lock(mutex_);
  if (by_address_.size() >= sweep_at_) sweep(now);
  if (sessions_ >= limits.max_sessions) return no("max_sessions reached");
  DomainCounts& of_domain = by_domain_[domain.name];
  if (of_domain.sessions >= domain.max_sessions) return no("max_sessions of the domain reached");
  if (of_domain.connecting >= domain.max_connecting) return no("max_connecting of the domain reached");
  Counts& counts = by_address_[address];
  if (counts.sessions >= limits.max_sessions_per_address) return no("max_sessions_per_address reached");
  if (!counts.starts.take(limits.session_starts_per_minute_per_address, now)) {
    return no("session_starts_per_minute_per_address reached");
  }
  if (strangers_.size() >= limits.max_unauthenticated_sessions) {
    counts.starts.put_back();  // it may try again as soon as there is room
    return no(too_many_strangers);
  }
  strangers_.emplace_back();
  ++sessions_;
  ++of_domain.sessions;
  ++of_domain.connecting;
  ++counts.sessions;
  return {SessionPlace(*this, address, of_domain, std::prev(strangers_.end())), {}};
}

std::optional<Stranger> Admission::oldest_leaves() {
  const std::lock_guard lock(mutex_);
  if (leaving_.size() >= most_leaving) return {};
  const auto oldest = std::find_if(strangers_.begin(), strangers_.end(),
                                   [](const Stranger& stranger) { return stranger.session != no_session; });
  if (oldest == strangers_.end()) return {};
  oldest->leaving = true;
  leaving_.splice(leaving_.end(), strangers_, oldest);
  return *oldest;
}

void Admission::forget(SessionPlace::Strangers::iterator stranger) noexcept {
  (stranger->leaving ? leaving_ : strangers_).erase(stranger);
}

SessionPlace::SessionPlace(SessionPlace&& other) noexcept
    : admission_(std::exchange(other.admission_, nullptr)),
      domain_(other.domain_),
      stranger_(other.stranger_),
      address_(other.address_),
      stage_(other.stage_) {}

SessionPlace& SessionPlace::operator=(SessionPlace&& other) noexcept {
  give_back();
  admission_ = std::exchange(other.admission_, nullptr);
  domain_ = other.domain_;
  stranger_ = other.stranger_;
  address_ = other.address_;
  stage_ = other.stage_;
  return *this;
}

void SessionPlace::advance(Stage to) {
  const Stage from = std::exchange(stage_, to);
  if (admission_ == nullptr) return;
  const std::lock_guard lock(admission_->mutex_);
  if (from == Stage::connecting && to != Stage::connecting) --domain_->connecting;
  if (from != Stage::logged_in && to == Stage::logged_in) admission_->forget(stranger_);
}

void SessionPlace::belongs_to(unsigned shard, SessionId session) {
  if (admission_ == nullptr) return;
  const std::lock_guard lock(admission_->mutex_);
  stranger_->shard = shard;
  stranger_->session = session;
}

void SessionPlace::give_back() noexcept {
  Admission* const admission = std::exchange(admission_, nullptr);
  if (admission == nullptr) return;
  const std::lock_guard lock(admission->mutex_);
  --admission->sessions_;
  if (stage_ != Stage::logged_in) admission->forget(stranger_);
  --domain_->sessions;
  if (stage_ == Stage::connecting) --domain_->connecting;
  --admission->by_address_.find(address_)->second.sessions;  // known as long as it counts something
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
