// Instants and durations of the pure rooms. Time is always an argument: nothing here, and nothing that
// includes only this, can read a clock. The shell reads the steady clock once per event and passes it on.
#pragma once
#include <chrono>

namespace xmpp {

using Duration = std::chrono::microseconds;
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

// "No deadline". Arithmetic with it would overflow: compare, never add.
inline constexpr Instant never = Instant::max();

}  // namespace xmpp
