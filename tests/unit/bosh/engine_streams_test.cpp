// XEP-0124 16 and XEP-0206 4: several streams to servers in one session. PROTOCOL B-048, B-180 ... B-187, Q-31. How
// streams and the session end is in engine_streams_end_test.cpp.
#include <gtest/gtest.h>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

// B-048: the name is how a client learns that it may add streams, so it is there if and only if it may.
TEST(EngineStreams, AreOfferedByTheNameOfTheFirst) {
  Transcript t(up_to(2));
  const auto said = t.play("C>9 [to='example.org' ver='1.6']\nOPENED id=s1 version=1.0\nS> <stream:features/>");
  ASSERT_EQ(said.size(), 2U);
  EXPECT_NE(said[1].find(" stream='1'"), std::string::npos) << said[1];
}

TEST(EngineStreams, AreNotOfferedWhereTheyAreOff) {
  Transcript t;
  const auto said = t.play("C>9 [to='example.org' ver='1.6']\nOPENED id=s1 version=1.0\nS> <stream:features/>");
  EXPECT_EQ(said[1].find(" stream="), std::string::npos) << said[1];
}

// XEP-0252 cuts requests as pieces of one stream: there is no room for a second.
TEST(EngineStreams, AreNotOfferedInScripts) {
  Transcript t(up_to(2));
  t.speak_script();
  const auto said = t.play("C>9 [to='example.org' ver='1.6']\nOPENED id=s1 version=1.0\nS> <stream:features/>");
  EXPECT_EQ(said[1].find(" stream="), std::string::npos) << said[1];
}

// B-180: off is off, whatever a body says, and a name in it means nothing.
TEST(EngineStreams, OffIsAnEmptyRequest) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10 [to='example.net' xmpp:version='1.0']
    C>11 [stream='7'] <message/>
      U> <message/>
    S> <message id='1'/>
      G>10 <message id='1'/>
  )");
}

// B-180, B-181, B-186: the answer has the name and whose it is, and nothing of a creation.
TEST(EngineStreams, ASecondOneIsAdded) {
  Transcript t(up_to(2));
  t.start();
  t.run(R"(
    C>10 [to='example.net' xml:lang='de' xmpp:version='1.0']
      OPEN 2
    ACCEPT 2 example.net
    2 OPENED id=s2 version=1.0
    2 S> <stream:features/>
      G>10 [authid='s2' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh' stream='2' from='example.net' xmlns:stream='http://etherx.jabber.org/streams'] <stream:features xmlns:stream='http://etherx.jabber.org/streams'/>
  )");
}

// What is wished for is read like a creation.
TEST(EngineStreams, TheShellReadsWhatIsWishedFor) {
  Transcript t(up_to(2));
  t.start();
  t.run("C>10 [to='example.net' xml:lang='de' from='a@example.net/x' xmpp:version='1.0']\n OPEN 2");
  const Creation* const wish = t.engine().wish(2);
  ASSERT_NE(wish, nullptr);
  EXPECT_EQ(wish->to, "example.net");
  EXPECT_EQ(wish->stream.lang, "de");
  EXPECT_EQ(wish->stream.from, "a@example.net");
  EXPECT_TRUE(wish->stream.version);
  EXPECT_EQ(t.engine().wish(3), nullptr);
  t.run("ACCEPT 2 example.net");
  EXPECT_EQ(t.engine().wish(2), nullptr);
}

// The request waits for its server, as a creation does; what waits before it has nothing to wait for any more.
TEST(EngineStreams, TheAnswerWaitsForTheServer) {
  Transcript t(up_to(2));
  t.start();
  t.run(R"(
    C>10
    C>11 [to='example.net']
      OPEN 2
      G>10 empty
    ACCEPT 2 example.net
    at 54s
    at 55s
      G>11 [stream='2' from='example.net']
    C>12
    2 OPENED id=s2 version=1.0
      # told of late, as for the first
    2 S> <stream:features/>
      G>12 [authid='s2' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh' stream='2' xmlns:stream='http://etherx.jabber.org/streams'] <stream:features xmlns:stream='http://etherx.jabber.org/streams'/>
  )");
}

// What the first stream has to say in the meantime does not wait for the other's server.
TEST(EngineStreams, TheOtherStreamsGoOnMeanwhile) {
  Transcript t(up_to(2));
  t.start();
  t.run(R"(
    C>10 [to='example.net']
      OPEN 2
    ACCEPT 2 example.net
    S> <message id='1'/>
      G>10 [stream='2' from='example.net']
    C>11
      G>11 [stream='1'] <message id='1'/>
  )");
}

// Q-31: `to` and xml:lang on every body, of clients that know nothing of streams.
TEST(EngineStreams, AClientThatAlwaysSaysToAddsNone) {
  Transcript t(up_to(2));
  t.start();
  t.run(R"(
    C>10 [to='example.org' xml:lang='en'] <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
      U> <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
    S> <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
      G>10 <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
    C>11 [to='example.org' xml:lang='en' xmpp:restart='true']
      RESTART en
    S> <stream:features/>
      G>11 [xmlns:stream='http://etherx.jabber.org/streams'] <stream:features xmlns:stream='http://etherx.jabber.org/streams'/>
    C>12 [to='example.org' xml:lang='en']
    S> <message/>
      G>12 <message/>
    C>13 [to='example.org' xml:lang='en' pause='20']
      G>13 empty
    C>14 [to='example.org' xml:lang='en' type='terminate']
      G>14 [type='terminate']
      END client_terminated
  )");
}

// The same domain twice, two accounts say: xmpp:version tells it from the habit.
TEST(EngineStreams, TheSameDomainNeedsAVersion) {
  Transcript t(up_to(3));
  t.start();
  t.run(R"(
    C>10 [to='example.org' xmpp:version='1.0']
      OPEN 2
    ACCEPT 2 example.org
    C>11 [to='example.net']
      OPEN 3
      G>10 [stream='2' from='example.org']
    ACCEPT 3 example.net
    C>12 [to='example.net']
    at 2ms
    S> <message/>
      G>11 [stream='3' from='example.net']
      G>12 [stream='1'] <message/>
  )");
}

// B-180: only an empty body that is nothing else.
TEST(EngineStreams, WhatIsSomethingElseAddsNone) {
  Transcript t(up_to(2));
  t.start();
  t.run(R"(
    C>10 [to='example.net' xmpp:version='1.0'] <presence/>
      U> <presence/>
    C>11 [to='example.net' xmpp:version='1.0' stream='1']
      G>10 empty
    C>12 [to='example.net' xmpp:version='1.0' pause='20']
      G>11 empty
      G>12 empty
  )");
}

// B-182: a payload has one name, and all have their turn.
TEST(EngineStreams, TakeTurns) {
  Transcript t(up_to(2));
  t.start_two();
  t.run(R"(
    S> <message id='1'/>
    S> <message id='2'/>
    2 S> <message id='a'/>
    S> <message id='3'/>
    2 S> <message id='b'/>
    C>11
      G>11 [stream='1'] <message id='1'/><message id='2'/><message id='3'/>
    S> <message id='4'/>
    C>12
      G>12 [stream='2'] <message id='a'/><message id='b'/>
    C>13
      ACKED 3
      G>13 [stream='1'] <message id='4'/>
    2 S> <message id='c'/>
    C>14
      2 ACKED 2
      G>14 [stream='2'] <message id='c'/>
  )");
}

// With a flood on one of them the others still come every other time.
TEST(EngineStreams, AFloodDoesNotStarveTheOther) {
  Policy policy = up_to(3);
  policy.max_response_bytes = 60;
  Transcript t(policy);
  t.start_two();
  t.run(R"(
    S> <message id='1'>....................</message><message id='2'>....................</message><message id='3'>....................</message>
    2 S> <message id='a'>....................</message><message id='b'>....................</message>
    C>11
      G>11 [stream='1'] <message id='1'>....................</message>
    C>12
      G>12 [stream='2'] <message id='a'>....................</message>
    C>13
      ACKED 1
      G>13 [stream='1'] <message id='2'>....................</message>
    C>14
      2 ACKED 1
      G>14 [stream='2'] <message id='b'>....................</message>
    C>15
      ACKED 2
      G>15 [stream='1'] <message id='3'>....................</message>
  )");
}

// B-187: an empty answer names nobody.
TEST(EngineStreams, EmptyAnswersHaveNoName) {
  Transcript t(up_to(2));
  t.start_two();
  t.run(R"(
    C>11
    C>12
      G>11 empty
  )");
}

// B-183.
TEST(EngineStreams, PayloadGoesWhereItSays) {
  Transcript t(up_to(2));
  t.start_two();
  t.run(R"(
    C>11 [stream='2'] <message id='1'/>
      2 U> <message id='1'/>
    C>12 [stream='1'] <message id='2'/>
      U> <message id='2'/>
    at 2ms
      G>11 empty
    C>13 <presence/>
      U> <presence/>
      2 U> <presence/>
  )");
}

// B-183: the stream that does not exist is over, and the session is not.
TEST(EngineStreams, AnUnknownNameIsItemNotFound) {
  for (const std::string name : {"3", "0", "01", "x", ""}) {
    Transcript t(up_to(2));
    t.start_two();
    t.run("C>11 [stream='" + name + "'] <message/>\n G>11 [stream='" + name +
          "' type='terminate' condition='item-not-found']\nC>12 [stream='2'] <message/>\n 2 U> <message/>");
  }
}

TEST(EngineStreams, AnUnknownNameIsEchoedSafely) {
  Transcript t(up_to(2));
  t.start_two();
  t.run(R"(
    C>11 [stream='&lt;&apos;&amp;'] <message/>
      G>11 [stream='&lt;&apos;&amp;' type='terminate' condition='item-not-found']
  )");
}

// It is the answer to that request and no other, and what was held before it goes first (B-061).
TEST(EngineStreams, AnUnknownNameIsToldInOrder) {
  Transcript t(up_to(2));
  t.start_two();
  t.run(R"(
    C>11
    C>12 [stream='9'] <message/>
      G>11 empty
      G>12 [stream='9' type='terminate' condition='item-not-found']
    C>12b [stream='9'] <message/>
      G>12b [stream='9' type='terminate' condition='item-not-found']
  )");
}

// B-187: a name on an empty body is ignored.
TEST(EngineStreams, ANameOnAnEmptyBodyMeansNothing) {
  Transcript t(up_to(2));
  t.start_two();
  t.run(R"(
    C>11 [stream='9']
    S> <message id='1'/>
      G>11 [stream='1'] <message id='1'/>
  )");
}

// B-186: a restart names its stream. Where it does not, it is that of the stream which waits for one.
TEST(EngineStreams, RestartsAreOfOneStream) {
  Transcript t(up_to(2));
  t.start_two();
  t.run(R"(
    C>11 [stream='2'] <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
      2 U> <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
    2 S> <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
      G>11 [stream='2'] <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
    C>12 [stream='2' xmpp:restart='true' xml:lang='fr']
      2 RESTART fr
    2 S> <stream:features/>
      G>12 [stream='2' xmlns:stream='http://etherx.jabber.org/streams'] <stream:features xmlns:stream='http://etherx.jabber.org/streams'/>
    C>13 [stream='1'] <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
      U> <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
    S> <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
      G>13 [stream='1'] <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
    C>14 [xmpp:restart='true']
      RESTART
  )");
}

// X-024 (c) holds for each.
TEST(EngineStreams, ASilentRestartIsImpliedForEach) {
  Transcript t(up_to(2));
  t.start_two();
  t.run(R"(
    C>11 [stream='2'] <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
      2 U> <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
    2 S> <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
      G>11 [stream='2'] <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
    C>12
    at 1s
      2 RESTART
  )");
}

// The rules that guard the shared stream hold for each (B-014, X-025).
TEST(EngineStreams, WhatIsAnsweredHereIsAnsweredInItsName) {
  Transcript t(up_to(2));
  t.start_two();
  t.run(R"(
    C>11 [stream='2'] <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>
      G>11 [stream='2'] <failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>
  )");
}

// Who overtakes another on the second connection still means what it says (B-140).
TEST(EngineStreams, ARequestAheadOfAGapKeepsItsStream) {
  Transcript t(up_to(3));
  t.start_two();
  t.run(R"(
    C>12 [stream='2'] <message id='b'/>
    C>11 [stream='1'] <message id='a'/>
      U> <message id='a'/>
      2 U> <message id='b'/>
    C>14 [to='example.com']
    C>13
      OPEN 3
      G>11 empty
      G>12 empty
      G>13 empty
    ACCEPT 3 example.com
    C>16 [stream='2' type='terminate']
    C>15 [stream='9'] <message/>
      2 SHUT client_terminated
      G>14 [stream='3' from='example.com']
      G>15 [stream='9' type='terminate' condition='item-not-found']
      G>16 [stream='2' type='terminate']
  )");
}

}  // namespace
}  // namespace bosh::test
