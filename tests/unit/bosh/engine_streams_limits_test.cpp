// XEP-0124 16: what of several streams is proven, repeated, refused and bounded. PROTOCOL B-070, B-114, B-140, B-161,
// B-187, U-060.
#include <gtest/gtest.h>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

// U-060 for each: what an answer proves is proven of the stream whose payload it had, and of no other.
TEST(EngineStreamsLimits, AreProvenEachByItself) {
  Transcript t(up_to(2));
  t.start_two("hold='1' ver='1.6' xmpp:version='1.0' ack='1'");
  t.run(R"(
    C>11
    S> <message id='1'/>
      G>11 [stream='1'] <message id='1'/>
    C>12 [ack='10']
    2 S> <message id='a'/><message id='b'/>
      G>12 [stream='2'] <message id='a'/><message id='b'/>
    C>13 [ack='11']
      ACKED 1
    S> <message id='2'/>
      G>13 [stream='1'] <message id='2'/>
    C>14 [ack='13']
      ACKED 2
      2 ACKED 2
  )");
}

// B-140: a repeat has the same words of the same stream, and a dead connection proves nothing (E-08).
TEST(EngineStreamsLimits, AnAnswerThatWasLostComesAgain) {
  Transcript t(up_to(2));
  t.start_two();
  t.run(R"(
    C>11
    2 S> <message id='a'/>
      G>11 [stream='2'] <message id='a'/>
    GONE 11
    S> <message id='1'/>
    C>12
      G>12 [stream='1'] <message id='1'/>
    C>11b
      G>11b [stream='2'] <message id='a'/>
    C>13
      2 ACKED 1
    S> <message id='2'/>
      G>13 [stream='1'] <message id='2'/>
    C>14
      ACKED 1
  )");
}

TEST(EngineStreamsLimits, AnAnswerThatIsNotFetchedIsNotProven) {
  Transcript t(up_to(2));
  t.start_two();
  t.run(R"(
    C>11
    2 S> <message id='a'/>
      G>11 [stream='2'] <message id='a'/>
    GONE 11
    S> <message id='1'/>
    C>12
      G>12 [stream='1'] <message id='1'/>
    C>13
    S> <message id='2'/>
      G>13 [stream='1'] <message id='2'/>
    C>14
    S> <message id='3'/>
      G>14 [stream='1'] <message id='3'/>
    C>15
  )");
}

// The greeting is not lost with a connection: who comes next gets it.
TEST(EngineStreamsLimits, AGreetingOnADeadConnectionIsGivenAgain) {
  Transcript t(up_to(2));
  t.start();
  t.run(R"(
    C>10 [to='example.net']
      OPEN 2
    ACCEPT 2 example.net
    GONE 10
    2 OPENED id=s2 version=1.0
    2 S> <stream:features/>
    C>11
      G>11 [authid='s2' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh' stream='2' from='example.net' xmlns:stream='http://etherx.jabber.org/streams'] <stream:features xmlns:stream='http://etherx.jabber.org/streams'/>
  )");
}

// A pause is answered without payload (B-095), whoever has some.
TEST(EngineStreamsLimits, APauseIsEmpty) {
  Transcript t(up_to(2));
  t.start_two();
  t.run(R"(
    2 S> <message id='a'/>
    C>11 [pause='20']
      G>11 empty
    C>12
      G>12 [stream='2'] <message id='a'/>
  )");
}

// B-187: the bound, counted with the first. The request that asks for too many is told, and nothing else happens.
TEST(EngineStreamsLimits, TooManyAreAPolicyViolation) {
  Transcript t(up_to(2));
  t.start_two();
  t.run(R"(
    C>11 [to='example.com']
      G>11 [stream='3' type='terminate' condition='policy-violation']
    C>12 [stream='2'] <message/>
      2 U> <message/>
    S> <message id='1'/>
      G>12 [stream='1'] <message id='1'/>
  )");
}

// Its connection was gone before its turn came: it is told when it asks again.
TEST(EngineStreamsLimits, OneThatIsRefusedWithoutAConnectionIsToldLater) {
  Transcript t(up_to(2));
  t.start("hold='2' ver='1.6' xmpp:version='1.0'");
  t.run(R"(
    C>11 [to='example.com']
    GONE 11
    C>12
    C>10
      OPEN 2
      G>10 empty
    REFUSE 2 host-unknown
    C>11b [to='example.com']
      G>11b [stream='2' type='terminate' condition='host-unknown']
  )");
}

TEST(EngineStreamsLimits, OneThatIsRefusedIsTold) {
  Transcript t(up_to(2));
  t.start();
  t.run(R"(
    C>10 [to='example.com']
      OPEN 2
    REFUSE 2 host-unknown
      G>10 [stream='2' type='terminate' condition='host-unknown']
    C>11
    S> <message/>
      G>11 <message/>
    C>12 [to='example.net' route='nonsense']
      G>12 [stream='3' type='terminate' condition='bad-request']
    C>13 [to='example.net']
      ACKED 1
      OPEN 4
  )");
}

// B-114: asking for a stream is no empty poll.
TEST(EngineStreamsLimits, AddingIsNotOveractivity) {
  Policy policy = up_to(8);
  policy.strict_overactivity = true;
  Transcript t(policy);
  t.start("wait='0' hold='0' ver='1.6'");
  t.run(R"(
    C>10 [to='a.example']
      OPEN 2
    ACCEPT 2 a.example
      G>10 [stream='2' from='a.example']
    C>11 [to='b.example']
      OPEN 3
    ACCEPT 3 b.example
      G>11 [stream='3' from='b.example']
  )");
}

// What the marks bound is the session, not each stream of it (B-070).
TEST(EngineStreamsLimits, ShareTheMarks) {
  Policy policy = up_to(2);
  policy.queue_high = 100;
  policy.queue_low = 40;
  Transcript t(policy);
  t.start_two();
  t.run(R"(
    S> <message id='1'>............................</message>
    2 S> <message id='a'>............................</message>
      2 PAUSE
    S> <message id='2'/>
      PAUSE
    C>11
      G>11 [stream='1'] <message id='1'>............................</message><message id='2'/>
    C>12
      G>12 [stream='2'] <message id='a'>............................</message>
      RESUME
      2 RESUME
  )");
}

// A server that does not read slows the client down, whichever it is.
TEST(EngineStreamsLimits, ACongestedServerWithholdsAnswers) {
  Transcript t(up_to(2));
  t.start_two();
  t.run(R"(
    2 CONGESTED
    C>11
    C>12
    at 10ms
    2 FLOWING
      G>11 empty
  )");
}

// Keys are those of the session (B-161).
TEST(EngineStreamsLimits, AreKeyedLikeAllRequests) {
  const auto keys = key_sequence("seed", 5);
  Transcript t(up_to(2));
  t.start("wait='60' hold='1' ver='1.6' newkey='" + keys[4] + "'");
  t.run("C>10 [to='example.net' key='" + keys[3] + "']\n OPEN 2");
  t.run("ACCEPT 2 example.net");
  t.run(
      "C>11 [stream='2' key='wrong'] <message/>\n"
      " G>10 [type='terminate' condition='other-request']\n"
      " G>11 [type='terminate' condition='item-not-found']\n"
      " 2 SHUT protocol_fault\n"
      " END protocol_fault item-not-found");
}

}  // namespace
}  // namespace bosh::test
