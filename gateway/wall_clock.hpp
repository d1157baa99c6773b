// The one place that reads the clock on the wall, for the times that people see and the dates of answers. Nothing is
// measured by it: whoever administers the machine, or a server of time, may set it at any moment, by years.
#pragma once
#include <chrono>
#include <string_view>

namespace gateway {

inline std::chrono::sys_seconds wall_now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

// For the field Date (RFC 9110 6.6.1). Good until the next call in this thread.
[[nodiscard]] std::string_view http_date_now();

}  // namespace gateway
