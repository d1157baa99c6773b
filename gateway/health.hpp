// What /readyz says: whether new sessions can be served now. The shards report how the way to the server of each domain
// went the last time; a probe asks. Thread-safe; told nothing that a browser chooses.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace gateway {

class Health {
 public:
  void draining();
  // `trouble` empty: a stream to this server was opened.
  void server_reached(std::string_view domain, std::string_view trouble);

  // Empty when ready, else one line a reason. Not ready: draining, or the last attempt failed for every domain that
  // was tried. Domains nobody asked for yet count as good.
  [[nodiscard]] std::string trouble() const;

 private:
  mutable std::mutex mutex_;
  bool draining_ = false;
  std::map<std::string, std::string, std::less<>> trouble_by_domain_;
};

}  // namespace gateway
