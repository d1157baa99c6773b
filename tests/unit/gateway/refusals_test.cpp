// How many refusals have a line in the log, with stepped time.
#include "gateway/refusals.hpp"

#include <gtest/gtest.h>

namespace gateway {
namespace {

using std::chrono::seconds;

constexpr xmpp::Instant start{seconds(1000)};

TEST(Refusals, AFewAreToldInFull) {
  Refusals refusals;
  for (std::uint32_t i = 0; i < Refusals::in_full; ++i) {
    const auto said = refusals.note(start + seconds(i % 30));
    EXPECT_TRUE(said.in_full) << i;
    EXPECT_EQ(said.before, 0U) << i;
  }
}

TEST(Refusals, OfAFloodTheRestIsANumber) {
  Refusals refusals;
  for (std::uint32_t i = 0; i < Refusals::in_full; ++i) EXPECT_TRUE(refusals.note(start).in_full) << i;
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(refusals.note(start + seconds(29)).in_full) << i;
  const auto next = refusals.note(start + Refusals::span);
  EXPECT_TRUE(next.in_full);
  EXPECT_EQ(next.before, 1000U);
  EXPECT_EQ(refusals.note(start + Refusals::span).before, 0U);  // told once
}

TEST(Refusals, AFloodThatGoesOnHasNoMoreLinesThanThat) {
  Refusals refusals;
  std::uint32_t lines = 0, told = 0;
  constexpr std::uint32_t all = 30'000;
  for (std::uint32_t i = 0; i < all; ++i) {  // a hundred a second for five minutes
    const auto said = refusals.note(start + std::chrono::milliseconds(10 * i));
    if (said.in_full) ++lines;
    told += said.before;
  }
  EXPECT_EQ(lines, 10 * Refusals::in_full);
  EXPECT_EQ(lines + told, all - (all / 10 - Refusals::in_full));  // but for those of the last half minute
}

}  // namespace
}  // namespace gateway
