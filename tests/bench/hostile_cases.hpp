// What an attacker may send, a piece of each kind beside usual input, and the parser that it meets. The cases keep what
// they send; nothing is measured here (tests/bench/hostile_bench.cpp).
#pragma once
#include <cstddef>
#include <functional>
#include <vector>

namespace hostile {

// What comes out is counted, so that no work is left out by the compiler, and because what goes on to the server is an
// amplification as well.
struct Sent {
  std::size_t bytes = 0, out = 0;
};

struct Case {
  const char* name;
  std::function<Sent()> run;
  bool packed = false;  // of its bytes the bound is on what comes out, however small they were
};

constexpr std::size_t unpacked_limit = 256 * 1024;

// The first is usual input, beside which all others are seen.
[[nodiscard]] std::vector<Case> all_cases();

}  // namespace hostile
