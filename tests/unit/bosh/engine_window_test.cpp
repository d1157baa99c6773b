// XEP-0124 14: order, window, repeats, broken connections. PROTOCOL B-110, B-112, B-116, B-120 ... B-125,
// B-140 ... B-152, 0.2 rules 2 ... 8; Q-14, Q-27, Q-72; E-01 ... E-09, E-26, E-38.
#include <gtest/gtest.h>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

Policy hold(std::uint32_t n) {
  Policy policy;
  policy.max_hold = n;
  return policy;
}

// E-01, B-140, B-146: a lost answer is given again, and the message is not sent twice.
TEST(EngineWindow, E01_RepeatsALostAnswer) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10 <message id='m'/>
      U> <message id='m'/>
    S+ <message id='1'/>
    S> <message id='2'/>
      G>10 <message id='1'/><message id='2'/>
    C>10b <message id='m'/>
      G>10b <message id='1'/><message id='2'/>
    C>11 <message id='n'/>
      U> <message id='n'/>
  )");
  EXPECT_EQ(t.engine().counters().repeats, 1U);
  EXPECT_EQ(t.engine().counters().altered_repeats, 0U);
}

// B-140: empty answers and the oldest that is kept are given again as well (B-141: as many as `requests`).
TEST(EngineWindow, RepeatsAsManyAnswersAsRequests) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message id='1'/>
      G>10 <message id='1'/>
    C>11
    at 60s
      G>11 empty
    C>10b
      G>10b <message id='1'/>
    C>11b
      G>11b empty
  )");
}

// E-02, B-142: older than what is kept.
TEST(EngineWindow, E02_EndsOnAnAnswerThatIsGone) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message id='0'/>
      G>10 <message id='0'/>
    C>11
    S> <message id='1'/>
      G>11 <message id='1'/>
    C>12
      ACKED 1
    S> <message id='2'/>
      G>12 <message id='2'/>
    C>13
      ACKED 2
    C>10b
      G>10b [type='terminate' condition='item-not-found']
      G>13 [type='terminate' condition='other-request']
      END protocol_fault item-not-found
  )");
}

// E-03, E-34, B-147, B-150 ... B-152, 0.2 rule 2: repeated while held.
TEST(EngineWindow, E03_MovesAHeldRequestToTheNewConnection) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    at 20s
    C>10b
      G>10 [type='error']
    at 30s
    S> <message/>
      G>10b <message/>
    C>11
    at 40s
    GONE 11
    C>11b
    at 90s
    S> <message/>
      G>11b <message/>
  )");
}

// E-03: the wait still counts from the first copy, so that no client times out first.
TEST(EngineWindow, E03_KeepsTheTimeOfTheFirstCopy) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    at 20s
    C>10b
      G>10 [type='error']
    at 54999ms
    at 55s
      G>10b empty
  )");
}

// E-04, B-060, B-061, B-121, Q-72.
TEST(EngineWindow, E04_PutsRequestsInOrder) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message/>
      G>10 <message/>
    C>12 <message id='b'/>
    at 100ms
    C>11 <message id='a'/>
      U> <message id='a'/>
      ACKED 1
      U> <message id='b'/>
    at 102ms
      G>11 empty
    S> <message/>
      G>12 <message/>
  )");
}

// E-05, B-124: a gap that is never filled ends the session; 12 neither keeps it alive nor is held for ever.
TEST(EngineWindow, E05_EndsWhenAGapIsNotFilled) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message/>
      G>10 <message/>
    at 20s
    C>12
    at 74999ms
    at 75s
      G>12 [type='terminate' condition='item-not-found']
      END protocol_fault item-not-found
  )");
}

// E-05, B-091: inactivity runs on below a gap.
TEST(EngineWindow, E05_AGapDoesNotPostponeInactivity) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message/>
      G>10 <message/>
    at 60s
    C>12
    at 89999ms
    at 90s
      G>12 [type='terminate' condition='item-not-found']
      END inactivity
  )");
}

// B-124: everyone is told.
TEST(EngineWindow, TellsAllOfAGap) {
  Transcript t(hold(2));
  t.start("hold='2' ver='1.6' xmpp:version='1.0'");
  t.run(R"(
    at 20s
    C>10
    at 21s
    C>12
    at 75s
      G>10 empty
    C>13
    at 76s
      G>12 [type='terminate' condition='item-not-found']
      G>13 [type='terminate' condition='item-not-found']
      END protocol_fault item-not-found
  )");
}

// E-06, B-122, B-196, B-202, 0.2 rule 3.
TEST(EngineWindow, E06_EndsAboveTheWindow) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    C>13
      G>10 [type='terminate' condition='other-request']
      G>13 [type='terminate' condition='item-not-found']
      END protocol_fault item-not-found
  )");
}

// E-06, B-112, B-123, B-194: one more for terminate and for pause, and both wait for their turn.
TEST(EngineWindow, E06_AllowsOneMoreToLeave) {
  for (const char* attribute : {"type='terminate'", "pause='20'"}) {
    Transcript t;
    t.start();
    static_cast<void>(t.play("C>10"));
    EXPECT_TRUE(t.play("C>13 [" + std::string(attribute) + "]").empty()) << attribute;
    const auto out = t.play("C>12\nC>11");
    EXPECT_EQ(out.size(), attribute[0] == 't' ? 5U : 4U) << attribute;
  }
}

// B-110, B-112: more unanswered ones than `requests`. Ended at once if strict; else the oldest are let go.
TEST(EngineWindow, DoesNotHoldMoreThanRequests) {
  Transcript t;
  t.start();
  t.run(R"(
    CONGESTED
    C>10 <message/>
      U> <message/>
    C>11 <message/>
      U> <message/>
    C>12 <message/>
      U> <message/>
      G>10 empty
  )");
  Policy strict;
  strict.strict_overactivity = true;
  Transcript u(strict);
  u.start();
  u.run(R"(
    CONGESTED
    C>10 <message/>
      U> <message/>
    C>11 <message/>
      U> <message/>
    C>12 <message/>
      G>10 [type='terminate' condition='other-request']
      G>11 [type='terminate' condition='other-request']
      G>12 [type='terminate' condition='policy-violation']
      END policy policy-violation
  )");
}

// E-07: two gaps.
TEST(EngineWindow, E07_FillsSeveralGaps) {
  Transcript t(hold(3));
  t.start("hold='3' ver='1.6' xmpp:version='1.0'");
  t.run(R"(
    C>13 <message id='d'/>
    C>12 <message id='c'/>
    C>11 <message id='b'/>
    C>10 <message id='a'/>
      U> <message id='a'/>
      U> <message id='b'/>
      U> <message id='c'/>
      U> <message id='d'/>
    at 2ms
      G>10 empty
  )");
}

// 0.2 rule 4: the same future rid twice.
TEST(EngineWindow, MovesAStoredRequestToTheNewConnection) {
  Transcript t;
  t.start();
  t.run(R"(
    C>11 <message id='b'/>
    C>11b <message id='b'/>
      G>11 [type='error']
    GONE 11b
    C>11c <message id='b'/>
    C>10 <message id='a'/>
      U> <message id='a'/>
      U> <message id='b'/>
    at 1s
      G>10 empty
    S> <message/>
      G>11c <message/>
  )");
}

// E-08, 0.2 rule 8, Q-27, Q-77: a reload. The message goes to the new page, not into the dead connection.
TEST(EngineWindow, E08_DeliversToTheReloadedPage) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    GONE 10
    S> <message/>
    at 1s
    C>11
      G>11 <message/>
    C>10b
      G>10b empty
  )");
}

// E-08, E-09: the death is noticed late. The message stays with its rid, and is not taken for received.
TEST(EngineWindow, E09_KeepsWhatWentIntoADeadConnection) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message id='lost'/>
      G>10 <message id='lost'/>
    GONE 10
    at 5s
    C>10b
      G>10b <message id='lost'/>
    C>11
    at 20s
    S> <message/>
      G>11 <message/>
    C>12
      ACKED 1
  )");
}

// 0.2 rule 8: the dead one is resolved by the newer one; its own repeat then finds the empty answer.
TEST(EngineWindow, ResolvesADeadRequestWhenANewerOneComes) {
  Transcript t(hold(2));
  t.start("hold='2' ver='1.6' xmpp:version='1.0'");
  t.run(R"(
    C>10
    C>11
    GONE 10
    S> <message/>
      G>11 <message/>
    C>10b
      G>10b empty
  )");
}

// B-116: repeats without end.
TEST(EngineWindow, EndsOnTooManyRepeats) {
  Transcript t;
  t.start();
  static_cast<void>(t.play("C>10\nS> <message/>\nC>11"));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(t.play("C>10b").size(), 1U);
  t.run(R"(
    C>10c
      G>10c [type='terminate' condition='policy-violation']
      G>11 [type='terminate' condition='other-request']
      END policy policy-violation
  )");
}

// B-145: other bytes under a known rid: the same answer, and a count for the log.
TEST(EngineWindow, AnswersAnAlteredRepeatFromTheCache) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10 <message id='a'/>
      U> <message id='a'/>
    S> <message id='x'/>
      G>10 <message id='x'/>
    C>10b <message id='b'/>
      G>10b <message id='x'/>
  )");
  EXPECT_EQ(t.engine().counters().altered_repeats, 1U);
}

// E-33, B-141: large answers are not kept beyond the limit, but the newest always is.
TEST(EngineWindow, E33_BoundsTheAnswersKept) {
  Policy policy;
  policy.max_cached_bytes = 1000;
  Transcript t(policy);
  t.start();
  const std::string big = "<iq id='" + std::string(900, 'r') + "'/>";
  t.run("C>10\nS> " + big + "\n G>10 " + big + "\nC>10b\n G>10b " + big + "\nC>11\nS> " + big + "\n G>11 " + big +
        "\nC>11b\n G>11b " + big +
        "\nC>10c\n G>10c [type='terminate' condition='item-not-found']\n END protocol_fault item-not-found");
}

// E-38, B-020, B-120: the largest rid is good, the one after it is not; nothing wraps around.
TEST(EngineWindow, E38_EndsAtTheLargestRid) {
  Transcript t;
  static_cast<void>(t.play("C>9007199254740990 [to='example.org' ver='1.6']\nOPENED id=s"));
  t.run(R"(
    C>9007199254740991
    C>9007199254740992
      G>9007199254740991 [type='terminate' condition='other-request']
      G>9007199254740992 [type='terminate' condition='item-not-found']
      END protocol_fault item-not-found
  )");
}

// B-020: Strophe may begin with 0.
TEST(EngineWindow, BeginsAtZero) {
  Transcript t;
  static_cast<void>(t.play("C>0 [to='example.org' ver='1.6']\nOPENED id=s"));
  t.run(R"(
    C>1
    S> <message/>
      G>1 <message/>
    C>2
    C>3 <message/>
      ACKED 1
      U> <message/>
    at 1s
      G>2 empty
  )");
}

// B-151, Q-25: JSJaC and Strophe do not know type='error'; it is never the only answer to a request.
TEST(EngineWindow, SaysErrorOnlyToTheSuperseded) {
  Transcript t;
  t.start();
  const auto out = t.play("C>10\nC>10b\nC>10c\nS> <message/>\nC>11\nC>12");
  EXPECT_EQ(
      out, (std::vector<std::string>{"G>10 [type='error']", "G>10b [type='error']", "G>10c <message/>", "G>11 empty"}));
}

// What has not gone to the server counts for who has not logged in.
TEST(EngineWindow, CountsWhatWaitsForAGap) {
  Transcript t;
  t.start();
  static_cast<void>(t.play("C>11 <message id='" + std::string(3000, 'x') + "'/>"));
  EXPECT_GE(t.engine().unforwarded_bytes(), 3000U);
  static_cast<void>(t.play("C>10"));
  EXPECT_EQ(t.engine().unforwarded_bytes(), 0U);
}

}  // namespace
}  // namespace bosh::test
