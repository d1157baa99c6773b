// Bytes as text: digests and random numbers in header fields, pins and pages. Pure.
#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace gateway {

// Two digits a byte, in lower case.
[[nodiscard]] std::string hex(std::span<const std::uint8_t> bytes);
// RFC 4648 4, with its padding.
[[nodiscard]] std::string base64(std::span<const std::uint8_t> bytes);

}  // namespace gateway
