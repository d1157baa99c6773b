#include "gateway/web_access.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <charconv>
#include <span>
#include <stdexcept>

#include "gateway/encoding.hpp"
#include "gateway/field_text.hpp"

namespace gateway {

namespace {

constexpr std::string_view attributes = "; Path=/; HttpOnly; SameSite=";
constexpr auto window = std::chrono::minutes(1);
constexpr std::size_t counters = 65'536;  // 1 MB: what it takes to fill them is more than a machine can log in

std::string_view name_of(Cookie which, bool secure) {
  if (which == Cookie::session) return secure ? "__Host-postern" : "postern";
  return secure ? "__Host-postern-reader" : "postern-reader";
}

std::string cookie(Cookie which, std::string_view value, bool secure, std::string_view more) {
  std::string out = "Set-Cookie: ";
  out.append(name_of(which, secure)).append("=").append(value).append(attributes);
  // Who comes by a link of another site is a stranger until a page of ours has asked, but is to be spoken to in the
  // language they chose.
  out.append(which == Cookie::session ? "Strict" : "Lax");
  if (secure) out += "; Secure";
  return out.append(more).append("\r\n");
}

}  // namespace

std::optional<std::string_view> find_cookie(std::string_view header, Cookie which, bool secure) {
  const std::string_view wanted = name_of(which, secure);
  std::optional<std::string_view> found;
  while (!header.empty()) {
    const std::string_view pair = next_item(header, ';');
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || pair.substr(0, equals) != wanted) continue;
    if (found) return std::nullopt;  // two of them: somebody else has set one
    found = pair.substr(equals + 1);
  }
  return found;
}

std::string set_cookie(Cookie which, std::string_view value, bool secure) {
  return cookie(which, value, secure, which == Cookie::session ? "" : "; Max-Age=31536000");
}

std::string forget_cookie(Cookie which, bool secure) {
  return cookie(which, "", secure, "; Max-Age=0");
}

bool is_from_here(const RequestHead& head, bool secure) {
  if (!head.sec_fetch_site.empty() && head.sec_fetch_site != "same-origin") return false;
  if (head.origin.empty()) return true;  // browsers of old send none; the token decides then
  return head.origin == (secure ? "https://" : "http://") + head.host;
}

std::string token_for(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, text.size(), digest.data(), &length) ==
      nullptr) {
    throw std::runtime_error("no HMAC");
  }
  return hex(std::span(digest).first(16));
}

bool same_token(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool LoginThrottle::try_now(std::string_view name, std::uint32_t allowed, xmpp::Instant now) {
  if (allowed == 0) return true;
  std::uint32_t hash = 0;
  const std::string token = token_for(key_, name);
  std::from_chars(token.data(), token.data() + 8, hash, 16);
  const std::lock_guard lock(mutex_);
  if (tries_.empty()) tries_.resize(counters);
  Tries& tries = tries_[hash % counters];
  if (tries.count == 0 || now - tries.since >= window) tries = Tries{now, 0};
  if (tries.count >= allowed) return false;
  ++tries.count;
  return true;
}

}  // namespace gateway
