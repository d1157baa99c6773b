// Whose step is being done. An exception that ends a step leaves the name behind, so that Shard::run(), where it stops,
// knows whom it has to end; every other end of a step gives the place back to the step around it. Not a lock and not a
// stack: one shard, one thread. attempt() is for what comes afterwards.
#pragma once
#include <exception>
#include <optional>
#include <utility>

namespace gateway {

// For what has to go on after an exception, and must not be ended by the next one. True: nothing was thrown.
template <typename Call>
bool attempt(Call call) noexcept {
  try {
    call();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

template <typename Id>
class Step {
 public:
  Step(std::optional<Id>& current, Id id) : current_(current), outer_(std::exchange(current, id)) {}
  ~Step() {
    if (std::uncaught_exceptions() == exceptions_) current_ = outer_;
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

 private:
  std::optional<Id>& current_;
  const std::optional<Id> outer_;
  const int exceptions_ = std::uncaught_exceptions();
};

}  // namespace gateway
