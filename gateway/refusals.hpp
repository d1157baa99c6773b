// How many refusals are told in full. Whoever is refused chooses how often, so the log would be his to fill, and each
// line is a system call under the one mutex of the log: in every half minute some have a line of their own, the others
// are counted, and the next one that has a line again says how many they were.
// Told the time; writes nothing itself. One shard, one thread.
#pragma once
#include <chrono>
#include <cstdint>

#include "xmpp/time.hpp"

namespace gateway {

class Refusals {
 public:
  static constexpr std::uint32_t in_full = 100;
  static constexpr xmpp::Duration span = std::chrono::seconds(30);

  struct Said {
    bool in_full;
    std::uint32_t before;  // refusals that had no line, told now
  };
  // There is one more.
  [[nodiscard]] Said note(xmpp::Instant now);

 private:
  xmpp::Instant until_{};  // the end of the present span
  std::uint32_t said_ = 0, unsaid_ = 0;
};

}  // namespace gateway
