// The time after the end, for who comes late. PROTOCOL B-144, B-199, U-066.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

// What is left after the end goes where memory is short: who comes late finds what anybody finds after the time of a
// tombstone.
TEST(EngineTombstone, LetsGoOfWhatItKeepsForRepeats) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message/>
      G>10 <message/>
    C>11 [type='terminate']
      G>11 [type='terminate']
      END client_terminated
    C>11b [type='terminate']
      G>11b [type='terminate']
  )");
  EXPECT_FALSE(t.engine().has_last_words());
  EXPECT_GT(t.engine().held_bytes(), 0U);
  t.engine().let_go();
  EXPECT_EQ(t.engine().held_bytes(), 0U);
  EXPECT_EQ(t.engine().deadline(), xmpp::never);
  t.run(R"(
    C>11c [type='terminate']
      G>11c [type='terminate' condition='item-not-found']
    C>12
      G>12 [type='terminate' condition='item-not-found']
  )");
}

// B-116: nor are there more repeats than in life.
TEST(EngineTombstone, RepeatsAnAnswerNoMoreOftenThanALivingOne) {
  Transcript t;
  t.start();
  static_cast<void>(t.play("C>10\nS> <message/>\nC>11 [type='terminate']"));
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(t.play("C>10b"), testing::ElementsAre(testing::HasSubstr("G>10b <message/>")));
  }
  t.run(R"(
    C>10c
      G>10c [type='terminate' condition='item-not-found']
  )");
}

// B-145, B-166: what the owner has fetched after the end is repeated to nobody who cannot show the key.
TEST(EngineTombstone, RepeatsTheLastWordsWithTheKeyOnly) {
  const auto k = key_sequence("seed", 4);
  Transcript t;
  t.start("ver='1.6' newkey='" + k[3] + "'");
  t.run("S> <message/>\nCLOSE server_lost\n END server_lost remote-connection-failed\n" + std::string("C>10 [key='") +
        k[2] + "']\n G>10 <message/>\n" + "C>10b\n G>10b [type='terminate' condition='item-not-found']\n" +
        "C>10c [key='" + k[2] + "']\n G>10c <message/>\n");
}

TEST(EngineTombstone, HasLastWordsUntilTheyAreSaid) {
  Transcript t;
  t.start();
  t.engine().let_go();  // a living one does not
  t.run(R"(
    C>10
    GONE 10
    S> <message/>
    CLOSE server_lost
      END server_lost remote-connection-failed
  )");
  EXPECT_TRUE(t.engine().has_last_words());
  EXPECT_GT(t.engine().held_bytes(), 0U);
  t.engine().let_go();
  EXPECT_FALSE(t.engine().has_last_words());
  EXPECT_EQ(t.engine().held_bytes(), 0U);
}

// U-066: what waited for its turn has reached nobody.
TEST(EngineTombstone, WhatIsAheadOfAGapComesBack) {
  Transcript t;
  t.start();
  t.run(R"(
    C>11 <message to='b@x' id='1'/>
    CLOSE server_lost
      G>11 [type='terminate' condition='remote-connection-failed'] <message type='error' from='b@x' id='1'><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>The connection was lost before the server confirmed this.</text></error></message>
      END server_lost remote-connection-failed
  )");
  Transcript held;
  held.start("hold='2' ver='1.6' xmpp:version='1.0'");
  held.run(R"(
    C>10
    C>12 <message to='b@x' id='1'/>
    CLOSE server_lost
      G>10 <message type='error' from='b@x' id='1'><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>The connection was lost before the server confirmed this.</text></error></message>
      G>12 [type='terminate' condition='remote-connection-failed']
      END server_lost remote-connection-failed
  )");
}

// Two that crossed the end, the later first: it has the last words, and its stanzas with them.
TEST(EngineTombstone, TheLaterOfTwoThatCrossedTheEndIsTold) {
  Transcript t;
  t.start();
  t.run(R"(
    CLOSE server_lost
      END server_lost remote-connection-failed
    C>11 <message to='b@x' id='1'/>
      G>11 [type='terminate' condition='remote-connection-failed'] <message type='error' from='b@x' id='1'><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>The connection was lost before the server confirmed this.</text></error></message>
    C>10
      G>10 [type='terminate' condition='item-not-found']
  )");
}

// Who puts a stanza into every request is told with the second, and has them all back.
TEST(EngineTombstone, IsToldWhateverItGoesOnSaying) {
  Transcript t;
  t.start();
  t.run(R"(
    CLOSE server_lost
      END server_lost remote-connection-failed
    C>10 <message to='b@x' id='1'/>
      G>10 <message type='error' from='b@x' id='1'><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>The connection was lost before the server confirmed this.</text></error></message>
    C>11 <message to='b@x' id='2'/>
      G>11 [type='terminate' condition='remote-connection-failed'] <message type='error' from='b@x' id='2'><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>The connection was lost before the server confirmed this.</text></error></message>
    C>12
      G>12 [type='terminate' condition='item-not-found']
  )");
}

// B-199, B-097: who has said for how long is told when it comes back.
TEST(EngineTombstone, IsToldBehindAPause) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10 [pause='100']
      G>10 empty
    CLOSE server_lost
      END server_lost remote-connection-failed
    at 99s
    C>11
      G>11 [type='terminate' condition='remote-connection-failed']
  )");
}

}  // namespace
}  // namespace bosh::test
