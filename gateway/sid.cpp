#include "gateway/sid.hpp"

namespace gateway {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t secret_characters = 22;  // 128 bits, the last character carries 2 of them

int value_of(char character) {
  const auto at = alphabet.find(character);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

std::string write_sid(const Sid& sid) {
  std::string text;
  text.reserve(1 + secret_characters);
  text += alphabet[sid.shard % max_shards];
  unsigned bits = 0, have = 0;
  for (const std::uint8_t byte : sid.secret) {
    bits = (bits << 8 | byte) & 0xffff;
    have += 8;
    while (have >= 6) {
      have -= 6;
      text += alphabet[bits >> have & 63];
    }
  }
  text += alphabet[bits << (6 - have) & 63];
  return text;
}

std::optional<Sid> read_sid(std::string_view text) {
  if (text.size() != 1 + secret_characters) return std::nullopt;
  const int shard = value_of(text.front());
  if (shard < 0) return std::nullopt;
  Sid sid{static_cast<std::uint8_t>(shard), {}};
  unsigned bits = 0, have = 0;
  std::size_t filled = 0;
  for (const char character : text.substr(1)) {
    const int value = value_of(character);
    if (value < 0) return std::nullopt;
    bits = (bits << 6 | static_cast<unsigned>(value)) & 0xffff;
    have += 6;
    if (have >= 8) {
      have -= 8;
      sid.secret[filled++] = static_cast<std::uint8_t>(bits >> have & 0xff);
    }
  }
  // The bits that carry nothing must be nothing: one session, one sid.
  if ((bits & ((1u << have) - 1)) != 0) return std::nullopt;
  return sid;
}

}  // namespace gateway
