// Session ids: the number of the home shard and 128 random bits, as 23 characters of base64url. Unguessable, and any
// shard can tell whose a sid is without asking (PROTOCOL B-040, B-201). The random bits are minted by the shard.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gateway {

using SidSecret = std::array<std::uint8_t, 16>;

struct Sid {
  std::uint8_t shard = 0;  // at most 64 shards
  SidSecret secret{};
};
inline constexpr unsigned max_shards = 64;

[[nodiscard]] std::string write_sid(const Sid& sid);
[[nodiscard]] std::optional<Sid> read_sid(std::string_view text);

}  // namespace gateway
