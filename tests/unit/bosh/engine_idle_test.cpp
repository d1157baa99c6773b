// XEP-0124 10: inactivity and pause. PROTOCOL B-090 ... B-099, B-09A, Q-14, Q-72, Q-78, E-13, E-14, E-50.
#include <gtest/gtest.h>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

// B-090, Q-15, Q-72, Q-78: from the last answer on; the client is not told, and later requests see no session.
TEST(EngineIdle, EndsASilentSession) {
  Transcript t;
  t.start();
  t.run(R"(
    at 5s
    C>10
    S> <message/>
      G>10 <message/>
    at 94999ms
    at 95s
      END inactivity
    C>10b
      G>10b [type='terminate' condition='item-not-found']
    C>11
      G>11 [type='terminate' condition='item-not-found']
    at 185s
      FORGET
    C>11b
      G>11b [type='terminate' condition='item-not-found']
  )");
}

// B-090: never while a request is held.
TEST(EngineIdle, DoesNotRunWhileARequestIsHeld) {
  Policy policy;
  policy.inactivity = 10;
  Transcript t(policy);
  t.start();
  t.run(R"(
    C>10
    at 54s
    at 55s
      G>10 empty
    at 64s
    C>11
    at 119s
      G>11 empty
    at 129s
      END inactivity
  )");
}

// E-50: a hidden tab whose timers fire once a minute.
TEST(EngineIdle, E50_OutlivesABackgroundTab) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    at 55s
      G>10 empty
    at 120s
    C>11
    S> <message/>
      G>11 <message/>
  )");
}

// B-092: a dead connection holds nothing.
TEST(EngineIdle, CountsADeadConnectionAsNone) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    at 10s
    GONE 10
    at 99999ms
    at 100s
      END inactivity
  )");
}

// B-091: a repeat shows that somebody is there, once per rid.
TEST(EngineIdle, IsExtendedOnceByARepeat) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message/>
      G>10 <message/>
    at 80s
    C>10b
      G>10b <message/>
    at 160s
    C>10c
      G>10c <message/>
    at 169999ms
    at 170s
      END inactivity
  )");
}

// B-091: what is unparsable does not even reach the engine, and what makes no sense is not activity.
TEST(EngineIdle, IsNotExtendedByNonsense) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message/>
      G>10 <message/>
    at 80s
    C>11 [pause='soon']
      G>11 [type='terminate' condition='bad-request']
    at 90s
      END inactivity
  )");
}

// E-13, B-094 ... B-096, B-098, B-09A, Q-14: all answered at once, payload forwarded, queued payload kept for later.
TEST(EngineIdle, E13_Pauses) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    C>11 [pause='100'] <presence type='unavailable'/>
      U> <presence type='unavailable'/>
      G>10 empty
      G>11 empty
    S> <message/>
    C>11b [pause='100'] <presence type='unavailable'/>
      G>11b empty
    at 99s
    C>12
      G>12 <message/>
    at 188999ms
    at 189s
      END inactivity
  )");
}

// B-094: the pause has its own end; X-050: what was never handed out goes back.
TEST(EngineIdle, EndsAfterThePause) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10 [pause='60']
      G>10 empty
    S> <message from='a@b' id='m'/>
    at 59999ms
    at 60s
      BOUNCE message m
      END inactivity
  )");
}

// B-097, E-14: clamped; shorter than inactivity is legal; nought is one.
TEST(EngineIdle, E14_ClampsThePause) {
  struct Case {
    const char* pause;
    int seconds;
  };
  for (const Case& c : {Case{"500", 120}, Case{"120", 120}, Case{"-1", 120}, Case{"0", 1}, Case{"7", 7},
                        Case{"99999999999999999999", 120}}) {
    Transcript t;
    t.start();
    EXPECT_EQ(t.play("C>10 [pause='" + std::string(c.pause) + "']").size(), 1U);
    EXPECT_TRUE(t.play("at " + std::to_string(c.seconds * 1000 - 1) + "ms").empty()) << c.pause;
    EXPECT_EQ(t.play("at " + std::to_string(c.seconds) + "s"), std::vector<std::string>{"END inactivity"}) << c.pause;
  }
}

// E-14, B-093: not offered, not known.
TEST(EngineIdle, E14_IgnoresAPauseThatWasNotOffered) {
  Policy policy;
  policy.maxpause = 0;
  Transcript t(policy);
  t.start();
  t.run(R"(
    C>10 [pause='60']
    at 1s
    S> <message/>
      G>10 <message/>
  )");
}

// B-099: pause answers take no place among those kept.
TEST(EngineIdle, DoesNotKeepPauseAnswersInsteadOfOthers) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message id='1'/>
      G>10 <message id='1'/>
    C>11
    S> <message id='2'/>
      G>11 <message id='2'/>
    C>12 [pause='60']
      ACKED 1
      G>12 empty
    C>10b
      G>10b <message id='1'/>
    C>12b [pause='60']
      G>12b empty
  )");
}

// B-098: the next request ends the pause, though a request ahead of a gap does not.
TEST(EngineIdle, ReturnsToNormalWithTheNextRequest) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10 [pause='20']
      G>10 empty
    at 10s
    C>12
    at 20s
      G>12 [type='terminate' condition='item-not-found']
      END inactivity
  )");
}

// One whose connection is gone waits for its repeat. Nothing is due for it, however long that takes.
TEST(EngineIdle, ARequestThatIsGoneIsNotWaitedForWhileSomebodyReads) {
  Policy policy;
  policy.push.enabled = true;
  Transcript t(policy);
  t.start();
  t.run(R"(
    C>10
    GONE 10
    STREAM a
      E>a ready
  )");
  EXPECT_GT(t.engine().deadline(), t.now());
  t.run(R"(
    at 14s
    at 15s
      E>a alive
    C>10b
      G>10b empty
  )");
}

// The same for one that is held for its haste, whose time was up before anybody read.
TEST(EngineIdle, ARequestThatIsGoneIsNotHeldForItsHaste) {
  Policy policy;
  policy.push.enabled = true;
  Transcript t(policy);
  t.start("ver='1.6' wait='0'");
  int rid = 10;
  while (!t.play("C>" + std::to_string(rid)).empty()) ASSERT_LT(++rid, 40) << "none is held";
  static_cast<void>(t.play("GONE " + std::to_string(rid) + "\nSTREAM a"));
  for (int second = 1; second < 14; ++second) {
    static_cast<void>(t.play("at " + std::to_string(second) + "s"));
    EXPECT_GT(t.engine().deadline(), t.now()) << second;
  }
}

}  // namespace
}  // namespace bosh::test
