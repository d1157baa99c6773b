// The one place that reads the steady clock for the engines. Read once per event, then passed on as `now`.
#pragma once
#include <chrono>

#include "xmpp/time.hpp"

namespace gateway {

inline xmpp::Instant steady_now() {
  return std::chrono::time_point_cast<xmpp::Duration>(std::chrono::steady_clock::now());
}

}  // namespace gateway
