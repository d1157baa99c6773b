// What is not known to have arrived (U-061, E-08, E-09, Q-14): how long that holds up the proofs of what follows, and
// whose loss is told then.
#include <gtest/gtest.h>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

// U-061: doubts are bounded, or a server would keep everything for ever.
TEST(EngineDoubts, AreDroppedWhenMuchHasFollowed) {
  Policy policy;
  policy.max_in_doubt = 2;
  Transcript t(policy);
  t.start();
  t.run(R"(
    C>10
    S> <message id='lost'/>
      G>10 <message id='lost'/>
    GONE 10
    C>11
    S> <message id='2'/>
      G>11 <message id='2'/>
    C>12
    S> <message id='3'/>
      G>12 <message id='3'/>
    C>13
    S> <message id='4'/>
      G>13 <message id='4'/>
    C>14
      GIVEN UP 1 to 1
      ACKED 3
  )");
}

// U-061: what was in the lost answer itself is none of them, however much it was.
TEST(EngineDoubts, DoNotCountWhatTheyAreAbout) {
  Policy policy;
  policy.max_in_doubt = 2;
  Transcript t(policy);
  t.start();
  t.run(R"(
    C>10
    S> <message id='1'/><message id='2'/><message id='3'/><message id='4'/>
      G>10 <message id='1'/><message id='2'/><message id='3'/><message id='4'/>
    GONE 10
    C>11
    S> <message id='5'/>
      G>11 <message id='5'/>
    C>12
    S> <message id='6'/>
      G>12 <message id='6'/>
    C>13
  )");
}

// U-061: what is between two of them is proven when the first is dropped, though the window has forgotten it.
TEST(EngineDoubts, AreDroppedOneAfterTheOther) {
  Policy policy;
  policy.max_in_doubt = 3;
  Transcript t(policy);
  t.start();
  t.run(R"(
    C>10
    S> <message id='lost'/>
      G>10 <message id='lost'/>
    GONE 10
    C>11
    S> <message id='2'/>
      G>11 <message id='2'/>
    C>12
    S> <message id='3'/>
      G>12 <message id='3'/>
    GONE 12
    C>13
    S> <message id='4'/>
      G>13 <message id='4'/>
    C>14
    S> <message id='5'/>
      G>14 <message id='5'/>
    C>15
      GIVEN UP 1 to 1
      ACKED 2
    S> <message id='6'/>
      G>15 <message id='6'/>
    C>16
    S> <message id='7'/>
      G>16 <message id='7'/>
    C>17
      GIVEN UP 3 to 3
      ACKED 6
  )");
}

// U-061: what a push stream brings counts as well.
TEST(EngineDoubts, AgeByEventsToo) {
  Policy policy;
  policy.push.enabled = true;
  policy.max_in_doubt = 2;
  Transcript t(policy);
  t.start();
  t.run(R"(
    C>10
    S> <message id='1'/>
      G>10 <message id='1'/>
    GONE 10
    STREAM a
      E>a ready
    S> <message id='2'/><message id='3'/>
      E>a 1 <message id='2'/><message id='3'/>
    C>11 [push:seen='1']
      G>11 empty
    C>12
      G>12 empty
    S> <message id='4'/>
      E>a 2 <message id='4'/>
    C>13 [push:seen='2']
      GIVEN UP 1 to 1
      ACKED 4
      G>13 empty
  )");
}

// U-061, Q-14: behind a pause there is another page, which never saw what the old one was given last.
TEST(EngineDoubts, StayBehindAPause) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message id='lost'/>
      G>10 <message id='lost'/>
    C>11 [pause='20']
      G>11 empty
    C>12
    S> <message id='2'/>
      G>12 <message id='2'/>
    C>13
    S> <message id='3'/>
      G>13 <message id='3'/>
    C>14
  )");
}

// The doubt is about each of them.
TEST(EngineDoubts, AreAboutOneAnswerEach) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message id='1'/>
      G>10 <message id='1'/>
    GONE 10
    C>11
    S> <message id='2'/>
      G>11 <message id='2'/>
    GONE 11
    C>10b
      G>10b <message id='1'/>
    C>12
      ACKED 1
    S> <message id='3'/>
      G>12 <message id='3'/>
    C>13
    S> <message id='4'/>
      G>13 <message id='4'/>
    C>14
  )");
}

// The old page has most probably had what is only in doubt for a pause: nobody is told that it has not.
TEST(EngineDoubts, AreNoLossBehindAPause) {
  Policy policy;
  policy.max_in_doubt = 1;
  Transcript t(policy);
  t.start();
  t.run(R"(
    C>10
    S> <message id='1'/>
      G>10 <message id='1'/>
    C>11 [pause='20']
      G>11 empty
    C>12
    S> <message id='2'/>
      G>12 <message id='2'/>
    C>13
    S> <message id='3'/>
      G>13 <message id='3'/>
    C>14
      ACKED 2
  )");
}

// Who takes his leave has had what nothing says is lost: an error for it would reach whoever wrote last at every
// log-out.
TEST(EngineDoubts, AreAllThatSpeaksAgainstWhoTakesHisLeave) {
  const std::string said = R"(
    C>10
    S> <message id='1'/>
      G>10 <message id='1'/>
  )";
  Transcript unproven;
  unproven.start();
  unproven.run(said + R"(
    C>11 [type='terminate']
      G>11 [type='terminate']
      END client_terminated
  )");
  Transcript lost;
  lost.start();
  lost.run(said + R"(
    GONE 10
    C>11 [type='terminate']
      G>11 [type='terminate']
      END client_terminated in doubt
  )");
  Transcript with_acks;
  with_acks.start("hold='1' ver='1.6' xmpp:version='1.0' ack='1'");
  with_acks.run(said + R"(
    C>11 [type='terminate' ack='9']
      G>11 [type='terminate']
      END client_terminated in doubt
  )");
}

// What was given up and is fetched after all is lost to nobody; nor is what an ack covers.
TEST(EngineDoubts, AreOverWhenTheAnswerIsFetched) {
  Policy policy;
  policy.max_in_doubt = 1;
  const std::string lost = R"(
    C>10
    S> <message id='lost'/><message id='too'/>
      G>10 <message id='lost'/><message id='too'/>
    GONE 10
    C>11
    S> <message id='3'/><message id='4'/>
      G>11 <message id='3'/><message id='4'/>
  )";
  Transcript given_up(policy);
  given_up.start();
  given_up.run(lost + R"(
    C>12
      GIVEN UP 1 to 2
      ACKED 2
  )");
  Transcript repeated(policy);
  repeated.start();
  repeated.run(lost + R"(
    C>10b
      G>10b <message id='lost'/><message id='too'/>
    C>12
      ACKED 2
  )");
  Transcript acknowledged(policy);
  acknowledged.start();
  acknowledged.run(lost + R"(
    C>12 [ack='11']
      ACKED 4
  )");
}

}  // namespace
}  // namespace bosh::test
