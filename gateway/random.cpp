#include "gateway/random.hpp"

#include <openssl/rand.h>

#include <array>
#include <cstring>
#include <stdexcept>

#include "gateway/encoding.hpp"

namespace gateway {

void fill_at_random(std::span<std::uint8_t> bytes) {
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) throw std::runtime_error("no random numbers");
}

std::uint64_t random_number() {
  std::array<std::uint8_t, sizeof(std::uint64_t)> bytes{};
  fill_at_random(bytes);
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::string random_token() {
  std::array<std::uint8_t, 16> bytes{};
  fill_at_random(bytes);
  return hex(bytes);
}

}  // namespace gateway
