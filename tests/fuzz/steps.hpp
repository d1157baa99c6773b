// For targets whose input is a list of steps: the input as numbers, and what happened on demand.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/fuzz/complain.hpp"

namespace fuzz {

// POSTERN_FUZZ_TRACE=1 shows what happened, for whoever looks at a finding.
inline const bool tracing = std::getenv("POSTERN_FUZZ_TRACE") != nullptr;

inline void trace(const char* what, std::uint64_t number, std::string_view more = {}) {
  if (tracing)
    std::fprintf(stderr, "%s %llu %.*s\n", what, static_cast<unsigned long long>(number), static_cast<int>(more.size()),
                 more.data());
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  [[nodiscard]] bool more() const { return at_ < size_; }
  std::uint8_t byte() { return at_ < size_ ? data_[at_++] : std::uint8_t{0}; }
  unsigned below(unsigned n) { return byte() % n; }
  bool flag() { return (byte() & 1) != 0; }
  // Up to 63 bytes.
  std::string_view text() {
    const std::size_t wanted = below(64);
    const std::size_t size = std::min(wanted, size_ - at_);
    const std::string_view taken(reinterpret_cast<const char*>(data_) + at_, size);
    at_ += size;
    return taken;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_, at_ = 0;
};

}  // namespace fuzz
