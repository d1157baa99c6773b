#include "bosh/key_chain.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <stdexcept>

namespace bosh {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;  // B-162
  return -1;
}

bool from_hex(std::string_view text, Digest& out) {
  if (text.size() != 2 * out.size()) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

}  // namespace

Digest key_digest(std::string_view key) {
  Digest digest;
  unsigned size = 0;
  if (EVP_Digest(key.data(), key.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1 || size != digest.size())
    throw std::runtime_error("SHA-1 is not available");  // a FIPS-only OpenSSL; not something a peer can cause
  return digest;
}

bool same_digest(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

KeyChain::KeyChain(std::string_view newkey) {
  if (!newkey.empty()) expect(newkey);
}

bool KeyChain::accept(const std::optional<std::string_view>& key, const std::optional<std::string_view>& newkey) {
  if (state_ != State::unkeyed) {
    if (!key || state_ == State::impossible) return false;
    const Digest digest = key_digest(*key);
    if (!same_digest(digest, expected_)) return false;
    last_ = digest;
    expect(*key);
  }
  // B-164; on a session without keys it starts them (B-165), and an empty one can start nothing.
  if (newkey && (state_ != State::unkeyed || !newkey->empty())) expect(*newkey);
  return true;
}

void KeyChain::expect(std::string_view key) {
  state_ = from_hex(key, expected_) ? State::keyed : State::impossible;
}

}  // namespace bosh
