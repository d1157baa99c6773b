// XEP-0124 8, 11, 12. PROTOCOL B-064, B-065, B-100 ... B-103, B-110 ... B-115.
#include "bosh/pacing.hpp"

#include <gtest/gtest.h>

namespace bosh {
namespace {

using Verdict = Pacing::Verdict;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr xmpp::Instant start{seconds(1000)};
constexpr Pacing::Arrival empty_alone{true, false, 1};
constexpr Pacing::Arrival empty_second{true, false, 2};

Policy strict() {
  Policy policy;
  policy.strict_overactivity = true;
  return policy;
}

TEST(Pacing, HoldsAsLongAsWait) {
  const Policy policy;
  const Pacing normal(policy, 55, 1, 2, start);
  EXPECT_FALSE(normal.polling());
  EXPECT_EQ(normal.held_until(start), start + seconds(55));
  EXPECT_TRUE(Pacing(policy, 0, 1, 2, start).polling());
  EXPECT_TRUE(Pacing(policy, 55, 0, 2, start).polling());
}

TEST(Pacing, ReleasesASurplus) {
  const Policy policy;
  Pacing pacing(policy, 55, 1, 2, start);
  EXPECT_EQ(pacing.surplus_at(), xmpp::never);
  pacing.surplus(1, true, start);
  EXPECT_EQ(pacing.surplus_at(), xmpp::never);
  pacing.surplus(2, false, start);
  EXPECT_EQ(pacing.surplus_at(), start + milliseconds(2));
  pacing.surplus(2, false, start + milliseconds(1));  // a later one grants no more time
  EXPECT_EQ(pacing.surplus_at(), start + milliseconds(2));
  pacing.surplus(3, true, start + milliseconds(1));
  EXPECT_EQ(pacing.surplus_at(), start + milliseconds(1));
  pacing.no_longer(2);
  EXPECT_EQ(pacing.surplus_at(), start + milliseconds(1));
  pacing.no_longer(1);
  EXPECT_EQ(pacing.surplus_at(), xmpp::never);
}

TEST(Pacing, JudgesARun) {
  const Policy policy = strict();
  for (const auto& [arrival, after, verdict] :
       {std::tuple(empty_second, 4999, Verdict::abuse), std::tuple(empty_second, 5000, Verdict::fine),
        std::tuple(empty_alone, 0, Verdict::fine), std::tuple(Pacing::Arrival{false, false, 2}, 0, Verdict::fine),
        std::tuple(Pacing::Arrival{true, true, 2}, 0, Verdict::fine),
        std::tuple(Pacing::Arrival{false, false, 3}, 9000, Verdict::abuse),
        std::tuple(Pacing::Arrival{false, true, 3}, 0, Verdict::fine)}) {
    Pacing pacing(policy, 55, 1, 2, start);
    EXPECT_EQ(pacing.arrived(empty_alone, start), Verdict::fine);
    EXPECT_EQ(pacing.arrived(arrival, start + milliseconds(after)), verdict) << arrival.unanswered << " " << after;
  }
}

TEST(Pacing, JudgesPolls) {
  const Policy policy = strict();
  for (const bool with_payload : {false, true}) {
    Pacing pacing(policy, 0, 1, 2, start);
    EXPECT_EQ(pacing.arrived(empty_alone, start), Verdict::fine);
    pacing.answered(with_payload);
    EXPECT_EQ(pacing.arrived(empty_alone, start + milliseconds(4999)), with_payload ? Verdict::fine : Verdict::abuse);
  }
}

TEST(Pacing, DelaysThenEnds) {
  const Policy policy;
  Pacing pacing(policy, 55, 1, 2, start);
  xmpp::Instant now = start;
  int bearable = 0;
  bool delayed = false;
  for (; bearable < 100; ++bearable) {
    if (pacing.arrived(empty_second, now) == Verdict::abuse) break;
    pacing.surplus(2, true, now);
    delayed |= pacing.surplus_at() > now;
    if (bearable < 6) {
      EXPECT_FALSE(delayed) << bearable;
    }
    pacing.no_longer(1);
    now += milliseconds(10);
  }
  EXPECT_TRUE(delayed);
  EXPECT_EQ(bearable, 24);
  // Patience grows back at the polling rate.
  EXPECT_EQ(pacing.arrived(empty_second, now + milliseconds(4)), Verdict::abuse);
  EXPECT_EQ(pacing.arrived(empty_second, now + seconds(4)), Verdict::abuse);
  EXPECT_EQ(pacing.arrived(empty_second, now + seconds(5)), Verdict::fine);
  EXPECT_EQ(pacing.arrived(empty_second, now + seconds(6)), Verdict::abuse);
}

TEST(Pacing, BearsForEverWhatComesSlowlyEnough) {
  const Policy policy;
  Pacing pacing(policy, 55, 1, 2, start);
  xmpp::Instant now = start;
  for (int i = 0; i < 1000; ++i) {
    // Two close behind each other every ten seconds.
    EXPECT_NE(pacing.arrived(empty_alone, now), Verdict::abuse);
    EXPECT_NE(pacing.arrived(empty_second, now + milliseconds(50)), Verdict::abuse);
    now += seconds(10);
  }
}

TEST(Pacing, IsCrowdedBeforeItIsAbuse) {
  const Policy policy;
  Pacing pacing(policy, 55, 1, 2, start);
  EXPECT_EQ(pacing.arrived({false, false, 3}, start), Verdict::crowded);
  int n = 0;
  while (n < 100 && pacing.arrived({false, false, 3}, start) == Verdict::crowded) ++n;
  EXPECT_LT(n, 100);
}

}  // namespace
}  // namespace bosh
