// The one place that reads the steady clock for the engines. Read once per event, then passed on as `now`.
#pragma once
#include <chrono>
#include <cstdint>

#include "xmpp/time.hpp"

namespace gateway {

inline xmpp::Instant steady_now() {
  return std::chrono::time_point_cast<xmpp::Duration>(std::chrono::steady_clock::now());
}

// Modulo 2^32, for places that are kept in great numbers.
inline std::uint32_t second_of(xmpp::Instant at) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
}

}  // namespace gateway
