// XEP-0124 11, 12: polling sessions and overactivity. PROTOCOL B-100 ... B-103, B-110 ... B-115, Q-06, E-27.
#include <gtest/gtest.h>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

constexpr const char* polling = "wait='0' hold='1' ver='1.6' xmpp:version='1.0'";

Policy strict() {
  Policy policy;
  policy.strict_overactivity = true;
  return policy;
}

// B-100: at once, with what there is. A poll with payload may wait the little time that a quick reply takes: without it
// the reply would lie here for a whole polling interval.
TEST(EnginePacing, AnswersPollsAtOnce) {
  Transcript t;
  t.start(polling);
  static_cast<void>(t.play("at 5s\nC>10"));  // features
  t.run(R"(
    S> <message id='1'/>
    C>11
      G>11 <message id='1'/>
    at 10s
    C>12
      G>12 empty
    at 16s
    C>13 <iq id='a'/>
      ACKED 1
      U> <iq id='a'/>
    at 16001ms
    S> <iq id='b'/>
      G>13 <iq id='b'/>
    C>14 <iq id='c'/>
      U> <iq id='c'/>
    at 16003ms
      G>14 empty
  )");
}

// B-102, B-103.
TEST(EnginePacing, EndsAPollerThatIsTooFast) {
  Transcript t(strict());
  t.start(polling);
  static_cast<void>(t.play("at 5s\nC>10"));
  t.run(R"(
    at 10s
    C>11
      G>11 empty
    at 14999ms
    C>12
      G>12 [type='terminate' condition='policy-violation']
      END policy policy-violation
  )");
  Policy any = strict();
  any.polling = 0;
  Transcript u(any);
  u.start(polling);
  static_cast<void>(u.play("C>10"));
  u.run("C>11\n G>11 empty\nC>12\n G>12 empty");
}

// B-102: neither after payload, nor with payload, nor with anything that B-114 names.
TEST(EnginePacing, LetsAPollerBeFastWhereThereIsReason) {
  Transcript t(strict());
  t.start(polling);
  static_cast<void>(t.play("at 5s\nC>10"));
  t.run(R"(
    S> <message/>
    at 10s
    C>11
      G>11 <message/>
    C>12
      G>12 empty
    C>13 <message/>
      ACKED 1
      U> <message/>
    at 10002ms
      G>13 empty
    C>14
      G>14 empty
    C>15 [pause='30']
      G>15 empty
    C>16
      G>16 empty
    C>17 [newkey='0123456789012345678901234567890123456789']
      G>17 empty
  )");
}

// B-115: by default the first offences cost nothing, then answers come at the polling rate, then it ends.
TEST(EnginePacing, DelaysBeforeItPunishes) {
  Transcript t;
  t.start(polling);
  static_cast<void>(t.play("at 5s\nC>10"));
  t.run("at 10s\nC>11\n G>11 empty");
  for (int i = 12; i < 18; ++i) EXPECT_EQ(t.play("C>" + std::to_string(i)).size(), 1U) << i;
  t.run(R"(
    at 12s
    C>18
    at 14999ms
    at 15s
      G>18 empty
  )");
  // A poller that heeds the answers is now slow enough, and is never ended.
  for (int i = 19; i < 60; ++i) {
    const auto second = std::to_string(15 + (i - 18) * 5);
    EXPECT_EQ(t.play("at " + second + "s\nC>" + std::to_string(i)).size(), 1U) << i;
  }
}

// B-110, B-115: one that heeds nothing is.
TEST(EnginePacing, EndsSustainedAbuse) {
  Transcript t;
  t.start(polling);
  bool ended = false;
  for (int i = 10; i < 60 && !ended; ++i)
    for (const auto& line : t.play("C>" + std::to_string(i))) ended |= line == "END policy policy-violation";
  EXPECT_TRUE(ended);
}

// B-115: payload is never delayed.
TEST(EnginePacing, DeliversToADelayedPoller) {
  Transcript t;
  t.start(polling);
  static_cast<void>(t.play("at 5s\nC>10\nat 10s\nC>11"));
  for (int i = 12; i < 18; ++i) static_cast<void>(t.play("C>" + std::to_string(i)));
  t.run(R"(
    C>18
    S> <message/>
      G>18 <message/>
  )");
}

// B-113: in a normal session a run of `requests`, the last one empty, within the polling interval.
TEST(EnginePacing, EndsAHastySecondPollIfStrict) {
  Transcript t(strict());
  t.start();
  t.run(R"(
    C>10
    at 4999ms
    C>11
      G>10 [type='terminate' condition='other-request']
      G>11 [type='terminate' condition='policy-violation']
      END policy policy-violation
  )");
  Transcript u(strict());
  u.start();
  u.run("C>10\nat 5s\nC>11\n G>10 empty");
}

// B-113, B-114: payload, restart, pause, terminate and newkey are no empty polls. E-27: white space is.
TEST(EnginePacing, KnowsWhatAnEmptyRequestIs) {
  for (const char* request : {"<message/>", "[xmpp:restart='true']", "[pause='10']", "[type='terminate']",
                              "[newkey='0123456789012345678901234567890123456789']"}) {
    Transcript t(strict());
    t.start();
    static_cast<void>(t.play("C>10"));
    for (const auto& line : t.play("C>11 " + std::string(request)))
      EXPECT_EQ(line.find("policy-violation"), std::string::npos) << request << line;
  }
  Transcript t(strict());
  t.start();
  static_cast<void>(t.play("C>10"));
  EXPECT_EQ(t.play("C>11 <body rid='11' sid='s' xmlns='http://jabber.org/protocol/httpbind'> </body>").size(), 3U);
}

// B-115, E-08: a person who reloads a few times is no abuser, and is not kept waiting.
TEST(EnginePacing, BearsReloads) {
  Transcript t;
  t.start();
  static_cast<void>(t.play("C>10"));
  for (int i = 11; i < 17; ++i) {
    const std::string previous = std::to_string(i - 1);
    EXPECT_EQ(t.play("C>" + std::to_string(i)), std::vector<std::string>{"G>" + previous + " empty"});
  }
  t.run(R"(
    C>17
    at 5s
      G>16 empty
    S> <message/>
      G>17 <message/>
  )");
}

// Q-06: JSJaC polls again 100 ms after each answer, which is as it should be.
TEST(EnginePacing, Q06_BearsAnEagerClient) {
  Transcript t(strict());
  t.start();
  int rid = 10;
  for (int ms = 100; ms < 5000; ms += 100, ++rid)
    for (const auto& line : t.play("at " + std::to_string(ms) + "ms\nC>" + std::to_string(rid) + "\nS> <message/>"))
      EXPECT_EQ(line.find("terminate"), std::string::npos);
}

}  // namespace
}  // namespace bosh::test
