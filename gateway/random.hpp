// What nobody is to guess, from the system's generator by way of OpenSSL. Each throws std::runtime_error when there is
// none: a guessable name is worse than no session. From any thread.
#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace gateway {

void fill_at_random(std::span<std::uint8_t> bytes);
[[nodiscard]] std::uint64_t random_number();
// 128 bits in hexadecimal.
[[nodiscard]] std::string random_token();

}  // namespace gateway
