// The one place that reads the clock on the wall, for the times that people see. Nothing is measured by it: whoever
// administers the machine, or a server of time, may set it at any moment, by years.
#pragma once
#include <chrono>

namespace gateway {

inline std::chrono::sys_seconds wall_now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace gateway
