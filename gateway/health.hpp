// What /readyz says: whether new sessions can be served now. The shards report how the way to the server of each domain
// went the last time; a probe asks. It knows nothing of a server that nobody has tried to reach lately, and says ready
// then: whoever is not sent any traffic could never show that the server is back. Thread-safe, without a clock of its
// own; told nothing that a browser chooses.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "xmpp/time.hpp"

namespace gateway {

class Health {
 public:
  void draining();
  // `trouble` empty: a stream to this server was opened.
  void server_reached(std::string_view domain, std::string_view trouble, xmpp::Instant now);
  // The configuration was read anew: what was tried may be served no more, or elsewhere.
  void forget();

  // Empty when ready, else one line a reason. Not ready: draining, or the last attempt failed for every domain that
  // was tried, within the last 30 s. Domains that nobody has asked for do not count.
  [[nodiscard]] std::string trouble(xmpp::Instant now) const;

 private:
  mutable std::mutex mutex_;
  bool draining_ = false;
  struct Attempt {
    std::string trouble;  // empty: none
    xmpp::Instant at;
  };
  std::map<std::string, Attempt, std::less<>> last_attempts_;  // by domain
};

}  // namespace gateway
