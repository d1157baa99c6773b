// Who may do what in the chat without scripts: the cookie that names a session (and the one that keeps its reader's
// wishes and allows nothing), tokens that tie a form to its page and session, where a request comes from, and how often
// somebody may try to log in (PROTOCOL Z-005, Z-006).
// No sockets and no session here; the throttle is shared by all shards.
#pragma once
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/request_parser.hpp"
#include "xmpp/time.hpp"

namespace gateway {

enum class Cookie : std::uint8_t {
  session,  // names it, as long as the browser runs
  reader,   // how its reader wants the pages (webclient/kept_reader), for a year
};

// Its value; on TLS only one with the __Host- prefix counts, which no other host and no plain page can set.
[[nodiscard]] std::optional<std::string_view> find_cookie(std::string_view header, Cookie which, bool secure);
// Header fields, with CRLF.
[[nodiscard]] std::string set_cookie(Cookie which, std::string_view value, bool secure);
[[nodiscard]] std::string forget_cookie(Cookie which, bool secure);

// A POST from one of our own pages, as far as the browser tells: Origin and Sec-Fetch-Site, where they are there.
[[nodiscard]] bool is_from_here(const RequestHead& head, bool secure);

// HMAC-SHA-256 of the text, the first 128 bits in hexadecimal.
[[nodiscard]] std::string token_for(std::string_view key, std::string_view text);
// In a time that does not depend on where they differ.
[[nodiscard]] bool same_token(std::string_view a, std::string_view b);

// Tries within a minute, by name: an address, an account. The counters are a fixed number, and a name has the one that
// its hash says: however many names there are, none is forgotten within its minute, and who shares a counter is slowed
// down too early, never too late. Nobody who does not know the key can choose to share one.
class LoginThrottle {
 public:
  explicit LoginThrottle(std::string key) : key_(std::move(key)) {}
  // Counts this try; false: one too many. `allowed` 0: no limit.
  [[nodiscard]] bool try_now(std::string_view name, std::uint32_t allowed, xmpp::Instant now);

 private:
  struct Tries {
    xmpp::Instant since{};
    std::uint32_t count = 0;
  };
  const std::string key_;
  std::mutex mutex_;
  std::vector<Tries> tries_;  // none before the first try
};

}  // namespace gateway
