// XEP-0124 9: acknowledgements, and what the client has provably received. PROTOCOL B-032, B-080 ... B-088, U-060,
// U-061, E-08, E-09, Q-40.
#include <gtest/gtest.h>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

constexpr const char* with_acks = "hold='1' ver='1.6' xmpp:version='1.0' ack='1'";

// B-080 ... B-082: on a response that is given after a later request has come, and on no other.
TEST(EngineAcks, AcknowledgesWhatCameMeanwhile) {
  Transcript t;
  t.start(with_acks);
  t.run(R"(
    C>10
    C>11 <message/>
      U> <message/>
    at 2ms
      G>10 [ack='11']
  )");
}

// B-032, Q-40: only the value 1 opts in, and only an operator who wants it.
TEST(EngineAcks, AreOffUnlessBothWantThem) {
  Policy off;
  off.acks = false;
  Transcript t(off);
  t.start(with_acks);
  t.run("C>10\nC>11\n G>10 empty");
  Transcript u;
  u.start("ack='0' ver='1.6' xmpp:version='1.0'");
  u.run("C>10\nC>11\n G>10 empty");
}

// B-083: an ack proves exactly what it says; its absence in a session with acks means everything before.
TEST(EngineAcks, ProveReceipt) {
  Transcript t;
  t.start(with_acks);
  t.run(R"(
    C>10
    S+ <message id='1'/>
    S> <presence/>
      G>10 <message id='1'/><presence/>
    C>11 [ack='9']
    S> <message id='2'/>
      G>11 <message id='2'/>
    C>12
      ACKED 3
  )");
}

// U-060, X-051: only message, presence and iq count.
TEST(EngineAcks, CountOnlyWhatStreamManagementCounts) {
  Transcript t;
  t.start(with_acks);
  t.run(R"(
    C>10
    S> <a xmlns='urn:xmpp:sm:3' h='1'/>
      G>10 <a xmlns='urn:xmpp:sm:3' h='1'/>
    C>11
    S> <iq/>
      G>11 <iq/>
    C>12
      ACKED 1
  )");
}

// B-084: nonsense proves nothing and ends nothing.
TEST(EngineAcks, IgnoreNonsense) {
  for (const char* ack : {"11", "9007199254740991", "0", "8", "-1", "x", ""}) {
    Transcript t;
    t.start(with_acks);
    static_cast<void>(t.play("C>10\nS> <message/>"));
    EXPECT_TRUE(t.play("C>11 [ack='" + std::string(ack) + "']").empty()) << ack;
  }
}

// B-085, B-086, B-087: told once, if the response is old enough not to be simply on its way.
TEST(EngineAcks, ReportAMissingResponse) {
  Transcript t;
  t.start(with_acks);
  t.run(R"(
    C>10
    S> <message id='1'/>
      G>10 <message id='1'/>
    at 499ms
    C>11 [ack='9']
    S> <message id='2'/>
      G>11 <message id='2'/>
    at 1200ms
    C>12 [ack='9']
      G>12 [report='10' time='1200']
    at 2s
    C>13 [ack='9']
    C>10b
      G>10b <message id='1'/>
    at 3s
    S> <message id='3'/>
      G>13 <message id='3'/>
    C>14 [ack='13']
      ACKED 3
  )");
}

// B-087: unsignedShort.
TEST(EngineAcks, ClampTheReportedTime) {
  Transcript t;
  t.start(with_acks);
  static_cast<void>(t.play("C>10\nS> <message id='1'/>\nat 80s"));
  t.run("C>11 [ack='9']\n G>11 [report='10' time='65535']");
}

// B-086: twice the round trip, where that is longer than the threshold.
TEST(EngineAcks, AllowForSlowLines) {
  Transcript t;
  t.start(with_acks);
  t.run(R"(
    C>10
    S> <message id='1'/>
      G>10 <message id='1'/>
    at 2s
    C>11 [ack='10']
      ACKED 1
    S> <message id='2'/>
      G>11 <message id='2'/>
    at 3s
    C>12 [ack='10']
    at 57999ms
    at 58s
      G>12 empty
  )");
}

// B-088, B-141: what is acknowledged is not kept, what is not is: up to four times `requests`.
TEST(EngineAcks, DecideWhatIsKept) {
  Transcript t;
  t.start(with_acks);
  t.run(R"(
    C>10
    S> <message id='10'/>
      G>10 <message id='10'/>
    C>11 [ack='9']
    S> <message id='11'/>
      G>11 <message id='11'/>
    C>12 [ack='9']
    S> <message id='12'/>
      G>12 <message id='12'/>
    C>13 [ack='9']
    C>10b
      G>10b <message id='10'/>
    S> <message id='13'/>
      G>13 <message id='13'/>
    C>14
      ACKED 4
    S> <message id='14'/>
      G>14 <message id='14'/>
    C>13b
      G>13b [type='terminate' condition='item-not-found']
      END protocol_fault item-not-found
  )");
}

// U-061: without acks, request r proves the response to r - requests.
TEST(EngineAcks, FollowFromTheWindow) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message id='1'/>
      G>10 <message id='1'/>
    C>11
    S> <message id='2'/>
      G>11 <message id='2'/>
    C>12
      ACKED 1
    S> <message id='3'/>
      G>12 <message id='3'/>
    C>13
      ACKED 2
  )");
}

// U-061: a request that nobody had reason to send looks like a reloaded page, which knows nothing of its predecessor's
// responses; only what the new page itself has asked for proves anything.
TEST(EngineAcks, DoNotFollowFromARestartedClient) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message id='1'/>
      G>10 <message id='1'/>
    C>11
    C>12
      G>11 empty
    S> <message id='2'/>
      G>12 <message id='2'/>
    C>13
    S> <message id='3'/>
      G>13 <message id='3'/>
    C>14
      ACKED 2
  )");
}

// U-061 with hold='2': a second poll is what the manager has asked for, and no sign of anything.
TEST(EngineAcks, FollowFromAClientThatKeepsTwoOpen) {
  Policy policy;
  policy.max_hold = 2;
  Transcript t(policy);
  t.start("hold='2' ver='1.6' xmpp:version='1.0'");
  t.run(R"(
    C>10
    C>11
    S> <message id='1'/>
      G>10 <message id='1'/>
    C>12
    S> <message id='2'/>
      G>11 <message id='2'/>
    C>13
      ACKED 1
  )");
}

// E-08: likewise where the death of the old connection was seen.
TEST(EngineAcks, DoNotFollowFromAClientThatGaveUpARequest) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message id='1'/>
      G>10 <message id='1'/>
    C>11
    GONE 11
    C>12 <message/>
      U> <message/>
    S> <message id='2'/>
      G>12 <message id='2'/>
    C>13
    S> <message id='3'/>
      G>13 <message id='3'/>
    C>14
      ACKED 2
  )");
}

// E-09: the connection has died with the answer in it, and the client goes on: the window proves nothing any more.
TEST(EngineAcks, E09_AreWithheldFromALostAnswer) {
  Transcript t;
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
  )");
}

// An empty answer that did not arrive has lost nothing, and does not hold up the proofs of what follows.
TEST(EngineAcks, AreNotWithheldForAnEmptyAnswer) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message id='1'/>
      G>10 <message id='1'/>
    C>11
    at 55s
      G>11 empty
    GONE 11
    C>12
      ACKED 1
    S> <message id='2'/>
      G>12 <message id='2'/>
    C>13
    S> <message id='3'/>
      G>13 <message id='3'/>
    C>14
      ACKED 2
  )");
}

// U-061: more than the window at once proves no more than what was answered.
TEST(EngineAcks, NeverCoverWhatWasNotAnswered) {
  Transcript t;
  t.start();
  t.run(R"(
    CONGESTED
    C>10 <message/>
      U> <message/>
    C>11 <message/>
      U> <message/>
    C>12 [pause='10'] <message/>
      U> <message/>
      G>10 empty
      G>11 empty
      G>12 empty
  )");
}

// U-061, B-112: who leaves needs no free place in the window for it, so nothing is known of the answer before.
TEST(EngineAcks, ALeavingRequestMayHaveCrossedAnAnswer) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message id='lost'/>
      G>10 <message id='lost'/>
    C>11 <message/>
      U> <message/>
    C>12 [type='terminate']
      G>11 [type='terminate']
      G>12 empty
      END client_terminated
  )");
}

// Who had come to wait before had nothing in flight, and must not find at the next login what it has read.
TEST(EngineAcks, WhoWaitedHasHadAllAnswers) {
  for (const char* leave : {"type='terminate'", "pause='20'"}) {
    Transcript t;
    t.start();
    t.run(R"(
      C>10
      S> <message id='read'/>
        G>10 <message id='read'/>
      C>11
    )");
    EXPECT_EQ(t.play("C>12 [" + std::string(leave) + "]").front(), "ACKED 1") << leave;
  }
}

}  // namespace
}  // namespace bosh::test
