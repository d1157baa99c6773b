// XEP-0124 16.5, 16.6: how one of several streams ends, and how the session does. PROTOCOL B-184, B-185, X-041, X-050.
#include <gtest/gtest.h>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

// Two streams, both told of; the client's next request is 11.
class EngineStreamsEnd : public testing::Test {
 protected:
  EngineStreamsEnd() { t.start_two(); }
  Transcript t{up_to(2)};
};

// B-184: its payload first, then it alone is closed. The name is used up.
TEST_F(EngineStreamsEnd, TheClientClosesOne) {
  t.run(R"(
    C>11
    C>12 [stream='2' type='terminate'] <presence type='unavailable'/>
      2 U> <presence type='unavailable'/>
      2 SHUT client_terminated
      G>11 [stream='2' type='terminate']
    S> <message id='1'/>
      G>12 [stream='1'] <message id='1'/>
    C>13 [stream='2'] <message/>
    C>14 [to='example.net']
      ACKED 1
      OPEN 3
      G>13 empty
  )");
}

TEST_F(EngineStreamsEnd, TheClientClosesTheFirst) {
  t.run(R"(
    S> <message id='lost' from='x'/>
    C>11 [stream='1' type='terminate']
      BOUNCE message lost
      SHUT client_terminated
      G>11 [stream='1' type='terminate']
    CLOSE server_closed
    C>12 <message id='1'/>
      2 U> <message id='1'/>
    2 S> <message id='a'/>
      G>12 [stream='2'] <message id='a'/>
    C>13 [stream='2' type='terminate']
      G>13 [type='terminate']
      2 SHUT client_terminated
      END client_terminated
  )");
}

// B-184: without a name all are closed, with what the request says to all.
TEST_F(EngineStreamsEnd, TheClientClosesAll) {
  t.run(R"(
    2 S> <message id='a' from='x'/>
    C>11 [type='terminate'] <presence type='unavailable'/>
      U> <presence type='unavailable'/>
      2 U> <presence type='unavailable'/>
      2 BOUNCE message a
      G>11 [type='terminate']
      2 SHUT client_terminated
      END client_terminated
  )");
}

// B-185: the other lives, and what the server had said before comes first (X-041).
TEST_F(EngineStreamsEnd, AServerClosesOne) {
  t.run(R"(
    2 S+ <message id='a'/>
    2 CLOSE server_lost
    C>11
      G>11 [stream='2'] <message id='a'/>
    C>12
      G>12 [stream='2' type='terminate' condition='remote-connection-failed']
    C>13 [stream='1'] <message/>
      U> <message/>
    C>14 [stream='2'] <message/>
      G>13 empty
  )");
}

TEST_F(EngineStreamsEnd, TheFirstServerClosesItsOwn) {
  t.run(R"(
    C>11
    CLOSE server_lost
      SHUT server_lost
      G>11 [stream='1' type='terminate' condition='remote-connection-failed']
    S> <message id='late'/>
    CONGESTED
    C>12 <message/>
      2 U> <message/>
    2 S> <message id='a'/>
      G>12 [stream='2'] <message id='a'/>
  )");
}

// X-040, of one stream.
TEST_F(EngineStreamsEnd, AStreamErrorIsOfOneStream) {
  t.run(R"(
    C>11
    2 S> <stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>
      G>11 [stream='2' type='terminate' condition='remote-stream-error' xmlns:stream='http://etherx.jabber.org/streams'] <stream:error xmlns:stream='http://etherx.jabber.org/streams'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>
    2 CLOSE server_error
    S> <stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>
      SHUT server_error
      END server_error remote-stream-error
    C>12
      G>12 [type='terminate' condition='remote-stream-error' xmlns:stream='http://etherx.jabber.org/streams'] <stream:error xmlns:stream='http://etherx.jabber.org/streams'><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>
  )");
}

// The last one's end is the session's, when all has been said.
TEST_F(EngineStreamsEnd, TheLastServerEndsTheSession) {
  t.run(R"(
    S> <message id='1'/>
    CLOSE server_lost
      SHUT server_lost
    2 S> <message id='a'/>
    2 CLOSE server_closed
    C>11
      G>11 [stream='1'] <message id='1'/>
    C>12
      G>12 [stream='2'] <message id='a'/>
    C>13
      ACKED 1
      G>13 [stream='1' type='terminate' condition='remote-connection-failed']
      END server_closed remote-connection-failed
    C>14
      G>14 [type='terminate' condition='remote-connection-failed']
  )");
}

// Likewise with a request held, which is told of the session and not of a stream.
TEST_F(EngineStreamsEnd, TheLastServerEndsTheSessionUnderARequest) {
  t.run(R"(
    C>11
    2 CLOSE server_lost
      G>11 [stream='2' type='terminate' condition='remote-connection-failed']
    C>12
    CLOSE server_closed
      SHUT server_closed
      G>12 [type='terminate' condition='remote-connection-failed']
      END server_closed remote-connection-failed
  )");
}

TEST_F(EngineStreamsEnd, AFurtherOneIsTheLast) {
  t.run(R"(
    C>11
    CLOSE server_lost
      SHUT server_lost
      G>11 [stream='1' type='terminate' condition='remote-connection-failed']
    C>12
    2 CLOSE server_lost
      G>12 [type='terminate' condition='remote-connection-failed']
      END server_lost remote-connection-failed
  )");
}

// The only other stream is closed while one is wished for, which then is refused. Of each it was said when it was
// closed whether anything is in doubt; nothing is left for the end of all.
TEST_F(EngineStreamsEnd, TheLastOneIsRefused) {
  t.run(R"(
    C>11 [stream='1' type='terminate']
      SHUT client_terminated
      G>11 [stream='1' type='terminate']
    C>13 [stream='2' type='terminate']
    C>12 [to='example.com']
      OPEN 3
      2 SHUT client_terminated
    REFUSE 3 host-unknown
      G>12 [stream='3' type='terminate' condition='host-unknown']
      G>13 [type='terminate']
      END client_terminated in doubt
  )");
}

// What was written before the client could know comes back ahead of the stream's last words.
TEST_F(EngineStreamsEnd, WhatIsSaidToAStreamThatIsOverComesBack) {
  t.run(R"(
    2 CLOSE server_lost
    C>11 [stream='2'] <message to='x' id='7'/>
      G>11 [stream='2'] <message type='error' from='x' id='7'><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>The connection was lost before the server confirmed this.</text></error></message>
    C>12
      G>12 [stream='2' type='terminate' condition='remote-connection-failed']
    C>13 [stream='2'] <message to='x' id='8'/>
    at 5s
  )");
}

// More comes back than an answer takes along: who goes on is as one who reads too little (B-070).
TEST(EngineStreamsNew, WhatComesBackIsBounded) {
  Policy policy = up_to(2);
  policy.queue_cap = 2000;
  Transcript t(policy);
  t.start_two();
  std::string many = "C>11 [stream='2' pause='60'] ";
  for (int i = 0; i < 20; ++i) many += "<message to='x'/>";
  const auto lines = t.play("2 CLOSE server_lost\n" + many);
  EXPECT_EQ(lines.back(), "END policy policy-violation");
}

// Likewise what was on its way to a branch when that ended: it comes back before the end is reported.
TEST_F(EngineStreamsEnd, WhatFoundNobodyComesBack) {
  t.run(R"(
    C>11 [stream='2'] <message to='x' id='7'/><iq type='get' id='8'/><presence/>
      2 U> <message to='x' id='7'/><iq type='get' id='8'/><presence/>
    2 BACK <message xmlns='jabber:client' to='x' id='7'/><iq xmlns='jabber:client' type='get' id='8'/><presence xmlns='jabber:client'/>
      G>11 [stream='2'] <message type='error' from='x' id='7'><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>The connection was lost before the server confirmed this.</text></error></message><iq type='error' id='8'><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>The connection was lost before the server confirmed this.</text></error></iq>
    2 CLOSE server_lost
    C>12
      G>12 [stream='2' type='terminate' condition='remote-connection-failed']
    2 BACK <message xmlns='jabber:client' to='x' id='9'/>
  )");
}

// The answer to a pause has no payload (B-095), and no words of a stream either.
TEST_F(EngineStreamsEnd, APauseTellsNothing) {
  t.run(R"(
    CLOSE server_lost
      SHUT server_lost
    C>11 [pause='10']
      G>11 empty
    C>12
      G>12 [stream='1' type='terminate' condition='remote-connection-failed']
  )");
}

// One that never came up is told to the request that asked for it.
TEST(EngineStreamsNew, AServerThatCannotBeReached) {
  Transcript t(up_to(2));
  t.start();
  t.run(R"(
    C>10 [to='example.net']
      OPEN 2
    ACCEPT 2 example.net
    2 CLOSE server_unreachable
      G>10 [stream='2' type='terminate' condition='remote-connection-failed']
    C>11
    S> <message/>
      G>11 [stream='1'] <message/>
  )");
}

// Too much unread ends the stream that it came from (B-070), and gives back what it kept.
TEST(EngineStreamsNew, TooMuchUnread) {
  Policy policy = up_to(2);
  policy.queue_high = 60;
  policy.queue_low = 20;
  policy.queue_cap = 100;
  Transcript t(policy);
  t.start_two();
  t.run(R"(
    S> <message id='1'/>
    2 S> <message id='a' from='x'/><message id='b' from='x'/><message id='c' from='x'/>
      2 PAUSE
      2 BOUNCE message a
      2 BOUNCE message b
      2 SHUT policy
    C>11
      G>11 [stream='1'] <message id='1'/>
    C>12
      G>12 [stream='2' type='terminate' condition='policy-violation']
  )");
}

// Whatever ends the session ends all streams, and what none of them could hand out goes back to each.
TEST_F(EngineStreamsEnd, TheSessionEndsWithAllStreams) {
  t.run(R"(
    S> <message id='1' from='x'/>
    2 S> <message id='a' from='x'/>
    at 90s
      BOUNCE message 1
      2 BOUNCE message a
      2 SHUT inactivity
      END inactivity
  )");
}

TEST_F(EngineStreamsEnd, AShutdownIsOfTheWholeSession) {
  t.run(R"(
    C>11
    CLOSE shutdown
      G>11 [type='terminate' condition='system-shutdown']
      2 SHUT shutdown
      END shutdown system-shutdown
    2 S> <message id='late'/>
    2 CLOSE server_closed
  )");
}

}  // namespace
}  // namespace bosh::test
