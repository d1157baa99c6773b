#include "gateway/tickets.hpp"

#include <utility>

#include "gateway/random.hpp"

namespace gateway {

std::string Tickets::issue(std::string sid, xmpp::Instant until, xmpp::Instant now) {
  std::string ticket = random_token();
  const std::lock_guard lock(mutex_);
  // As many as back ends may ask for in the life of one: few enough to look through.
  std::erase_if(entries_, [now](const auto& entry) { return entry.second.until <= now; });
  entries_.emplace(ticket, Entry{std::move(sid), until});
  return ticket;
}

std::string Tickets::find(std::string_view ticket) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(std::string(ticket));
  return found == entries_.end() ? std::string() : found->second.sid;
}

std::string Tickets::redeem(std::string_view ticket, xmpp::Instant now) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(std::string(ticket));
  if (found == entries_.end()) return {};
  Entry entry = std::move(found->second);
  entries_.erase(found);
  return entry.until <= now ? std::string() : std::move(entry.sid);
}

}  // namespace gateway
