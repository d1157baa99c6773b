// How far a TCP connection has come. Apart, because what the kernel says and what Asio includes for it do not go into
// one file.
#pragma once
#include <cstdint>

namespace gateway {

// Bytes that the peer's machine has acknowledged since the connection began; 0 where the kernel does not tell.
[[nodiscard]] std::uint64_t acknowledged_bytes(int descriptor);

}  // namespace gateway
