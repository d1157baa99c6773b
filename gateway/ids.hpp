// Names for things inside one shard. A slot says where to look, a generation whether it is still the same thing: who
// holds an id of something that is gone finds nothing, which is a normal answer.
#pragma once
#include <cstdint>

#include "xmpp/binding.hpp"

namespace gateway {

struct SessionId {
  std::uint32_t slot = ~std::uint32_t{0};
  std::uint32_t generation = 0;
  bool operator==(const SessionId&) const = default;
};
inline constexpr SessionId no_session{};

struct ConnectionId {
  std::uint32_t slot = 0;
  std::uint16_t generation = 0;
};

// xmpp::RequestId = sequence number within the connection (24 bits) | slot (24 bits) | generation (16 bits).
inline constexpr std::uint32_t sequence_mask = (1u << 24) - 1;
inline constexpr std::uint32_t max_connections_per_shard = 1u << 24;

[[nodiscard]] constexpr xmpp::RequestId make_request_id(ConnectionId connection, std::uint32_t sequence) {
  return xmpp::RequestId{(std::uint64_t{sequence & sequence_mask} << 40) | (std::uint64_t{connection.slot} << 16) |
                         connection.generation};
}
[[nodiscard]] constexpr ConnectionId connection_of(xmpp::RequestId id) {
  const auto bits = static_cast<std::uint64_t>(id);
  return {static_cast<std::uint32_t>((bits >> 16) & sequence_mask), static_cast<std::uint16_t>(bits & 0xffff)};
}
[[nodiscard]] constexpr std::uint32_t sequence_of(xmpp::RequestId id) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(id) >> 40);
}

[[nodiscard]] constexpr xmpp::ConnectionRef make_connection_ref(ConnectionId connection) {
  return xmpp::ConnectionRef{(std::uint64_t{connection.slot} << 16) | connection.generation};
}
[[nodiscard]] constexpr ConnectionId connection_of(xmpp::ConnectionRef ref) {
  const auto bits = static_cast<std::uint64_t>(ref);
  return {static_cast<std::uint32_t>(bits >> 16), static_cast<std::uint16_t>(bits & 0xffff)};
}

}  // namespace gateway
