#include "gateway/refusals.hpp"

#include <utility>

namespace gateway {

Refusals::Said Refusals::note(xmpp::Instant now) {
  if (now >= until_) {
    until_ = now + span;
    said_ = 0;
  }
  if (said_ == in_full) {
    ++unsaid_;
    return {false, 0};
  }
  ++said_;
  return {true, std::exchange(unsaid_, 0)};
}

}  // namespace gateway
