// What a fuzz target does with a finding: says which promise is broken, by which bytes, and aborts.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace fuzz {

[[noreturn]] inline void complain(const char* what, std::string_view bytes) {
  std::fprintf(stderr, "%s: %.*s\n", what, static_cast<int>(bytes.size()), bytes.data());
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace fuzz
