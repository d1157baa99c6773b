#include "gateway/wall_clock.hpp"

#include <ctime>
#include <string>

#include "gateway/http_conditions.hpp"

namespace gateway {

std::string_view http_date_now() {
  thread_local std::time_t second = -1;
  thread_local std::string text;
  const std::time_t now = std::chrono::system_clock::to_time_t(wall_now());
  if (now != second) {
    text = http_date(now);
    second = now;
  }
  return text;
}

}  // namespace gateway
