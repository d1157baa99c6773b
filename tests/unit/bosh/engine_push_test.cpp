// A session read as a push stream: V-001 ... V-009 of docs/PROTOCOLS.md.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

using std::chrono::seconds;

Policy pushing() {
  Policy policy;
  policy.push.enabled = true;
  return policy;
}

// V-001: whoever asks is told, in the next answer.
TEST(EnginePush, TellsTheTokenToWhoAsks) {
  Transcript t(pushing());
  const auto created = t.play(R"(
    C>9 [to='example.org' wait='60' hold='1' ver='1.6' xmpp:version='1.0' push:ask='1']
    OPENED id=s1 version=1.0
    S> <stream:features/>
  )");
  ASSERT_EQ(created.size(), 2U);
  EXPECT_NE(created[1].find(" xmlns:push='urn:x-postern:push' push:stream='token'"), std::string::npos) << created[1];
  t.run(R"(
    C>10
    C>11 [push:ask='1']
      G>10 [xmlns:push='urn:x-postern:push' push:stream='token']
  )");
  EXPECT_EQ(t.engine().stream_token(), "token");
}

TEST(EnginePush, SaysNothingToWhoDoesNotAsk) {
  Transcript t(pushing());
  const auto created = t.play(R"(
    C>9 [to='example.org' wait='60' hold='1' ver='1.6' xmpp:version='1.0']
    OPENED id=s1 version=1.0
    S> <stream:features/>
  )");
  ASSERT_EQ(created.size(), 2U);
  EXPECT_EQ(created[1].find("push"), std::string::npos) << created[1];
}

TEST(EnginePush, IsNotOfferedUnlessThePolicySaysSo) {
  Transcript t;
  t.start();
  EXPECT_EQ(t.engine().stream_token(), "");
  t.run(R"(
    STREAM a
      BYE a
    C>10 [xmlns:push='urn:x-postern:push' push:ask='1' push:end='1' push:seen='1']
    S> <message/>
      G>10 <message/>
  )");
}

// V-002, V-004: what is held is let go, later requests are answered at once, and all that is for the client is an
// event.
TEST(EnginePush, TakesOverFromTheAnswers) {
  Transcript t(pushing());
  t.start();
  t.run(R"(
    C>10
    STREAM a
      E>a ready
      G>10 empty
    S> <message id='1'/><message id='2'/>
      E>a 1 <message id='1'/><message id='2'/>
    S> <presence/>
      E>a 2 <presence/>
    C>11 <message id='c'/>
      U> <message id='c'/>
      G>11 empty
  )");
}

// V-005: an event is proven by its number, in whatever request it comes, and by nothing else.
TEST(EnginePush, AcknowledgesWhatWasSeen) {
  Transcript t(pushing());
  t.start();
  t.run(R"(
    STREAM a
      E>a ready
    S> <message id='1'/><message id='2'/>
      E>a 1 <message id='1'/><message id='2'/>
    S> <stream:features/>
      E>a 2 [xmlns:stream='http://etherx.jabber.org/streams'] <stream:features xmlns:stream='http://etherx.jabber.org/streams'/>
    S> <message id='3'/>
      E>a 3 <message id='3'/>
    C>10
      G>10 empty
    C>11 [push:seen='0']
      G>11 empty
    C>12 [push:seen='99']
      G>12 empty
    C>13 [push:seen='2']
      ACKED 2
      G>13 empty
    C>14 [push:seen='1']
      G>14 empty
    C>15 [push:seen='3']
      ACKED 3
      G>15 empty
  )");
}

// V-005: events come after what was in answers; where such an answer may be lost they prove nothing yet.
TEST(EnginePush, AnEventProvesNothingAboutAnEarlierAnswer) {
  Transcript t(pushing());
  t.start("wait='60' hold='1' ver='1.6' xmpp:version='1.0' ack='1'");
  t.run(R"(
    C>10
    S> <message id='1'/>
      G>10 <message id='1'/>
    STREAM a
      E>a ready
    S> <message id='2'/>
      E>a 1 <message id='2'/>
    C>11 [push:seen='1' ack='9']
      G>11 empty
    C>12 [push:seen='1']
      ACKED 2
      G>12 empty
  )");
}

// V-006: whoever comes back gets what is missing, once.
TEST(EnginePush, ResumesWithoutLossAndWithoutRepeats) {
  Transcript t(pushing());
  t.start();
  t.run(R"(
    STREAM a
      E>a ready
    S> <message id='1'/>
      E>a 1 <message id='1'/>
    S> <message id='2'/>
      E>a 2 <message id='2'/>
    LOST a
    S> <message id='3'/>
    STREAM b 1
      E>b ready
      E>b 2 <message id='2'/>
      ACKED 1
      E>b 3 <message id='3'/>
    LOST b
    STREAM c
      E>c ready
      E>c 2 <message id='2'/>
      E>c 3 <message id='3'/>
    STREAM d 3
      E>c moved
      BYE c
      E>d ready
      ACKED 3
  )");
}

// V-003: one reader. What the old connection still reports is nobody's.
TEST(EnginePush, ASecondReaderReplacesTheFirst) {
  Transcript t(pushing());
  t.start();
  t.run(R"(
    STREAM a
      E>a ready
    STREAM b
      E>a moved
      BYE a
      E>b ready
    LOST a
    UNSENT a 5
    S> <message/>
      E>b 1 <message/>
  )");
}

// V-007: while a stream stands the session is in use; without one the usual silence ends it, and a request is no
// silence.
TEST(EnginePush, ItIsInactivityWhenNobodyReads) {
  Policy policy = pushing();
  policy.inactivity = 20;
  policy.push.max_stream_time = seconds(100);
  policy.push.keep_alive = seconds(40);
  Transcript t(policy);
  t.start();
  t.run(R"(
    STREAM a
      E>a ready
    at 79s
      E>a alive
    at 80s
      E>a alive
    LOST a
    at 99s
    C>10
      G>10 empty
    S> <message id='m' from='a@b' xmlns='jabber:client'/>
    at 118s
    at 119s
      BOUNCE message m
      END inactivity
  )");
  EXPECT_EQ(t.engine().stream_token(), "");
}

// V-007: a connection is renewed after a time, so that a station which swallows everything does not keep a session
// alive whose client has gone; and after so many bytes, because browsers keep them.
TEST(EnginePush, RollsOver) {
  Policy policy = pushing();
  policy.push.max_stream_time = seconds(20);
  policy.push.max_stream_bytes = 4000;
  policy.push.max_unproven_bytes = 100'000;
  Transcript t(policy);
  t.start();
  t.run(R"(
    STREAM a
      E>a ready
    at 15s
      E>a alive
    at 19s
    at 20s
      BYE a
    STREAM b
      E>b ready
  )");
  const std::string large = "<message id='" + std::string(3000, 'x') + "'/>";
  t.run("S> " + large + "\nE>b 1 " + large + "\nBYE b\n" + R"(
    S> <message id='2'/>
    STREAM c 1
      E>c ready
      ACKED 1
      E>c 2 <message id='2'/>
  )");
}

// V-007 and V-006: over many connections that end for their size every message comes once, whatever of it the client
// had acknowledged when it came back.
TEST(EnginePush, NothingIsLostOrRepeatedWhereAStreamRollsOver) {
  Policy policy = pushing();
  policy.push.max_stream_bytes = 4000;
  policy.push.max_unproven_bytes = 100'000;
  Transcript t(policy);
  t.start();
  std::size_t next = 1;
  std::size_t rolled = 0;
  char reader = 'a';
  const auto take = [&](const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
      if (line.starts_with("BYE")) ++rolled;
      if (!line.starts_with("E>") || line.ends_with(" ready")) continue;
      EXPECT_TRUE(line.starts_with("E>" + std::string(1, reader) + " " + std::to_string(next) + " <message id='" +
                                   std::to_string(next) + "'"))
          << line;
      ++next;
    }
  };
  take(t.play("STREAM a"));
  for (std::size_t n = 1; n <= 100; ++n) {
    const std::size_t before = rolled;
    take(t.play("S> <message id='" + std::to_string(n) + "' x='" + std::string(n * 37 % 900, 'x') + "'/>"));
    if (rolled == before) continue;
    EXPECT_EQ(next, n + 1);
    reader = reader == 'z' ? 'a' : static_cast<char>(reader + 1);
    take(t.play("S> <message id='" + std::to_string(++n) + "'/>"));  // while nobody reads
    take(t.play("STREAM " + std::string(1, reader) + " " + std::to_string(next - 1)));
  }
  EXPECT_GE(next, 101U);
  EXPECT_GT(rolled, 10U);
}

// V-004: nothing is given to a reader that does not take it or does not say what it has; the server is made to wait.
TEST(EnginePush, KeepsLittleForASlowReader) {
  Policy policy = pushing();
  policy.queue_high = 300;
  policy.queue_low = 100;
  policy.push.max_unproven_bytes = 250;
  Transcript t(policy);
  t.start();
  const std::string m = "<message id='" + std::string(150, 'x') + "'/>";
  t.run("STREAM a\nE>a ready\nS> " + m + "\nE>a 1 " + m + "\nUNSENT a 100\nS> " + m + "\nS> " + m + "\nPAUSE\n" +
        "UNSENT a 50\nUNSENT a 0\nE>a 2 " + m + m + "\nRESUME\nS> " + m +
        "\nC>10 [push:seen='1']\nACKED 1\nG>10 empty\nC>11 [push:seen='2']\nACKED 3\nE>a 3 " + m + "\nG>11 empty");
  EXPECT_LT(t.engine().held_bytes(), 1000U);
}

// V-008: the client goes back to answers; what it has not seen comes there, in order, once.
TEST(EnginePush, GoesBackToAnswers) {
  Transcript t(pushing());
  t.start();
  t.run(R"(
    STREAM a
      E>a ready
    S> <message id='1'/>
      E>a 1 <message id='1'/>
    S> <message id='2'/>
      E>a 2 <message id='2'/>
    S> <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
      E>a 3 <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
    LOST a
    S> <message id='3'/>
    C>10 [push:end='1' push:seen='1']
      ACKED 1
      G>10 <message id='2'/>
    C>11
      G>11 <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
    C>12
      ACKED 2
      G>12 <message id='3'/>
    C>13
    STREAM b
      E>b ready
      G>13 empty
    S> <message id='4'/>
      E>b 4 <message id='4'/>
    C>14 [push:end='1' push:seen='4']
      ACKED 4
      BYE b
    C>15
      G>14 empty
  )");
}

// V-009: the end is the last event, with all that waits before it, and kept for who comes back.
TEST(EnginePush, TheEndOfTheServerComesAsAnEvent) {
  Transcript t(pushing());
  t.start();
  t.run(R"(
    STREAM a
      E>a ready
    S> <message id='1'/>
      E>a 1 <message id='1'/>
    LOST a
    S> <message id='2'/>
    CLOSE server_lost
      END server_lost remote-connection-failed
    STREAM b 1
      E>b ready
      E>b 2 <message id='2'/>
      E>b 3 [type='terminate' condition='remote-connection-failed']
      BYE b
    C>10
      G>10 [type='terminate' condition='remote-connection-failed']
    at 90s
      FORGET
  )");
}

TEST(EnginePush, AStreamErrorIsInTheLastEvent) {
  Transcript t(pushing());
  t.start();
  t.run(R"(
    STREAM a
      E>a ready
    S> <message id='1'/><stream:error/>
      E>a 1 <message id='1'/>
      E>a 2 [type='terminate' condition='remote-stream-error' xmlns:stream='http://etherx.jabber.org/streams'] <stream:error xmlns:stream='http://etherx.jabber.org/streams'/>
      BYE a
      END server_error remote-stream-error
  )");
}

// What was not given goes back to its sender, as with answers; what was given is the server's, which owns it.
TEST(EnginePush, TerminateEndsTheStream) {
  Transcript t(pushing());
  t.start();
  t.run(R"(
    STREAM a
      E>a ready
    S> <message id='1' from='a@b'/>
      E>a 1 <message id='1' from='a@b'/>
    UNSENT a 7
    S> <message id='2' from='a@b'/>
    C>10 [type='terminate']
      BOUNCE message 2
      E>a 2 [type='terminate']
      BYE a
      G>10 [type='terminate']
      END client_terminated
  )");
}

TEST(EnginePush, AFaultOfTheClientEndsTheStreamToo) {
  Transcript t(pushing());
  t.start();
  t.run(R"(
    STREAM a
      E>a ready
    C>99
      E>a 1 [type='terminate' condition='item-not-found']
      BYE a
      G>99 [type='terminate' condition='item-not-found']
      END protocol_fault item-not-found
  )");
}

// Where memory is short nothing is kept for anybody.
TEST(EnginePush, OverloadKeepsNothing) {
  Transcript t(pushing());
  t.start();
  t.run(R"(
    STREAM a
      E>a ready
    S> <message/>
      E>a 1 <message/>
    CLOSE overload
      BYE a
      END overload policy-violation
  )");
  EXPECT_EQ(t.engine().held_bytes(), 0U);
  EXPECT_EQ(t.engine().stream_token(), "");
}

// V-004: a loop of empty requests is held up by nothing here, so it counts as with polling clients.
TEST(EnginePush, EmptyRequestsForNothingAreOveractivity) {
  Transcript t(pushing());
  t.start();
  static_cast<void>(t.play("STREAM a"));
  std::string last;
  for (int rid = 10; rid < 60 && last.find("END") == std::string::npos; ++rid) {
    const auto out = t.play("C>" + std::to_string(rid));
    last = out.back();
  }
  EXPECT_EQ(last, "END policy policy-violation");
}

TEST(EnginePush, RequestsThatAcknowledgeAreNone) {
  Transcript t(pushing());
  t.start();
  static_cast<void>(t.play("STREAM a"));
  for (int n = 1; n < 60; ++n) {
    const std::string script = "S> <message/>\nE>a " + std::to_string(n) + " <message/>\nC>" + std::to_string(9 + n) +
                               " [push:seen='" + std::to_string(n) + "']\nACKED " + std::to_string(n) + "\nG>" +
                               std::to_string(9 + n) + " empty\n";
    t.run(script);
  }
}

// The server does not read: requests wait, as they do without a stream.
TEST(EnginePush, ACongestedServerHoldsUpTheRequests) {
  Transcript t(pushing());
  t.start();
  t.run(R"(
    STREAM a
      E>a ready
    CONGESTED
    C>10 <message/>
      U> <message/>
    FLOWING
      G>10 empty
  )");
}

// X-024: consent by silence needs no request that is held.
TEST(EnginePush, RestartsByItselfWhileSomebodyReads) {
  Transcript t(pushing());
  t.start();
  t.run(R"(
    STREAM a
      E>a ready
    S> <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
      E>a 1 <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>
    at 999ms
    at 1s
      RESTART
  )");
}

// A stream ends a pause as a request does (B-098), and its loss is no longer part of it.
TEST(EnginePush, AReaderEndsAPause) {
  Transcript t(pushing());
  t.start();
  t.run(R"(
    C>10 [pause='120']
      G>10 empty
    at 1s
    STREAM a
      E>a ready
    at 2s
    LOST a
    at 91s
    at 92s
      END inactivity
  )");
}

}  // namespace
}  // namespace bosh::test
