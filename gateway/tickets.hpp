// One-time tickets for sessions that somebody else has begun (docs/OPERATIONS.md, "Sessions that a site begins"): who
// brings one learns the session's id, once and for seconds. Shared by all shards. Told the time.
#pragma once
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "xmpp/time.hpp"

namespace gateway {

class Tickets {
 public:
  // A new one for the session `sid`. Throws when there are no random numbers.
  [[nodiscard]] std::string issue(std::string sid, xmpp::Instant until, xmpp::Instant now);
  // The session's id, to find its shard; empty when there is none.
  [[nodiscard]] std::string find(std::string_view ticket);
  // The same, and the ticket is used up, whatever becomes of the session.
  [[nodiscard]] std::string redeem(std::string_view ticket, xmpp::Instant now);

 private:
  struct Entry {
    std::string sid;
    xmpp::Instant until;
  };
  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace gateway
