// XEP-0124 8: payload both ways, hold and wait. PROTOCOL B-014, B-060 ... B-071, H-006, X-041, E-10, E-11, E-12.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bosh/response.hpp"
#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

// B-060, B-063, B-065 (payload first, then the surplus), B-069.
TEST(EngineFlow, HoldsUntilThereIsSomethingToSay) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    at 20s
    S> <message id='a'/>
      G>10 <message id='a'/>
    C>11 <message id='b'/><presence/>
      U> <message id='b'/><presence/>
    at 30s
    S> <iq id='c'/>
      G>11 <iq id='c'/>
  )");
}

// B-064, Q-22: on the dot, each request by its own arrival.
TEST(EngineFlow, AnswersEmptyWhenWaitIsOver) {
  Transcript t;
  t.start();
  t.run(R"(
    at 3s
    C>10
    at 57999ms
    at 58s
      G>10 empty
  )");
}

// B-065: an empty second poll wants nothing from the server, so the first is let go at once.
TEST(EngineFlow, ReleasesTheOlderPollAtOnce) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    at 10s
    C>11
      G>10 empty
    at 64999ms
    at 65s
      G>11 empty
  )");
}

// B-065, E-10: a reply that comes quickly takes the surplus request, and one request per message is enough.
TEST(EngineFlow, LetsAQuickReplyUseTheSurplusRequest) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    at 10s
    C>11 <iq id='1' type='get'/>
      U> <iq id='1' type='get'/>
    at 10001ms
    S> <iq id='1' type='result'/>
      G>10 <iq id='1' type='result'/>
    at 40s
    S> <message/>
      G>11 <message/>
  )");
}

// B-065, E-10: and if none comes, nobody waits longer than the policy says; never on both.
TEST(EngineFlow, ReleasesTheSurplusRequestWhenNoReplyComes) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    at 10s
    C>11 <iq id='1' type='get'/>
      U> <iq id='1' type='get'/>
    at 10001ms
    at 10002ms
      G>10 empty
    at 10005ms
    S> <iq id='1' type='result'/>
      G>11 <iq id='1' type='result'/>
  )");
}

// B-027, B-061, B-065 with hold='2': two are held, the third lets the first go.
TEST(EngineFlow, HoldsAsManyAsNegotiated) {
  Policy policy;
  policy.max_hold = 2;
  Transcript t(policy);
  t.start("wait='60' hold='2' ver='1.6' xmpp:version='1.0'");
  t.run(R"(
    C>10
    at 6s
    C>11
    at 12s
    C>12
      G>10 empty
    S> <message id='a'/>
      G>11 <message id='a'/>
    S> <message id='b'/>
      G>12 <message id='b'/>
  )");
}

// E-11: the wait of the oldest ends in the tick in which a stanza comes. One answer, with the stanza.
TEST(EngineFlow, AnswersOnceWhenPayloadAndTimeMeet) {
  Transcript t;
  t.start();
  static_cast<void>(t.play("C>10\nat 54999ms\nS+ <message/>"));
  t.run(R"(
    at 55s
      G>10 <message/>
    at 60s
  )");
}

// B-066, B-067: what one read brings travels together.
TEST(EngineFlow, GathersWhatOneReadBrings) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S+ <presence from='a'/>
    S+ <presence from='b'/>
    S> <message/>
      G>10 <presence from='a'/><presence from='b'/><message/>
  )");
}

// B-066: with a time to gather, several reads do.
TEST(EngineFlow, GathersForAsLongAsThePolicySays) {
  Policy policy;
  policy.coalesce = std::chrono::milliseconds(10);
  Transcript t(policy);
  t.start();
  static_cast<void>(t.play("at 1s"));  // the creation answer is gathered as well
  t.run(R"(
    C>10
    at 2s
    S> <presence from='a'/>
    at 2009ms
    S> <presence from='b'/>
    at 2010ms
      G>10 <presence from='a'/><presence from='b'/>
  )");
}

// B-066, X-041, E-33: what does not fit stays queued and goes on the next one at once; one larger stanza goes alone.
TEST(EngineFlow, SplitsWhatDoesNotFit) {
  Policy policy;
  policy.max_response_bytes = 64;
  policy.max_hold = 2;
  Transcript t(policy);
  t.start("hold='2' ver='1.6' xmpp:version='1.0'");
  const std::string big = "<message id='" + std::string(100, 'x') + "'/>";
  t.run(R"(
    C>10
    C>11
    S+ <presence id='1'/>
    S+ )" +
        big + R"(
    S> <presence id='2'/>
      G>10 <presence id='1'/>
      G>11 )" +
        big + R"(
    C>12
      G>12 <presence id='2'/>
  )");
}

// B-067: what comes between two polls waits for the next, in order, and is not lost.
TEST(EngineFlow, KeepsWhatComesBetweenPolls) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message id='a'/>
      G>10 <message id='a'/>
    S> <message id='b'/>
    S> <message id='c'/>
    at 5s
    C>11
      G>11 <message id='b'/><message id='c'/>
  )");
}

// B-061, E-12, Q-21, Q-23, Q-52: the second stanza never overtakes, on whatever connection.
TEST(EngineFlow, AnswersInRidOrder) {
  Policy policy;
  policy.max_hold = 2;
  Transcript t(policy);
  t.start("hold='2' ver='1.6' xmpp:version='1.0'");
  t.run(R"(
    C>11
    C>10 <iq/>
      U> <iq/>
    S> <message id='a'/>
      G>10 <message id='a'/>
    S> <message id='b'/>
      G>11 <message id='b'/>
  )");
}

// B-070: reading stops above the high mark and goes on below the low one; above the cap the session ends.
TEST(EngineFlow, BoundsWhatWaitsForTheClient) {
  Policy policy;
  policy.queue_high = 100;
  policy.queue_low = 20;
  policy.queue_cap = 200;
  policy.max_response_bytes = 90;
  Transcript t(policy);
  t.start();
  const std::string m = "<message from='a@b' id='" + std::string(19, 'm') + "'/>";  // 67 bytes with its namespace
  t.run("C>10\nS> " + m + "\n G>10 " + m + "\nS> " + m + "\nS> " + m + "\n PAUSE\nC>11\n G>11 " + m +
        "\nC>12\n ACKED 1\n G>12 " + m + "\n RESUME\nS> " + m + "\nS> " + m + "\n PAUSE\nS> " + m +
        "\n BOUNCE message mmmmmmmmmmmmmmmmmmm\n BOUNCE message mmmmmmmmmmmmmmmmmmm\n BOUNCE message "
        "mmmmmmmmmmmmmmmmmmm\n" +
        " END policy policy-violation\nC>13\n G>13 [type='terminate' condition='policy-violation']");
}

// B-070, B-065: while the server does not read, surplus requests stay, so that the client cannot send more.
TEST(EngineFlow, SlowsTheClientDownWhenTheServerDoesNotRead) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    CONGESTED
    at 10s
    C>11 <message id='a'/>
      U> <message id='a'/>
    at 20s
    FLOWING
      G>10 empty
    CONGESTED
    at 30s
    C>12 <message id='b'/>
      U> <message id='b'/>
    at 64999ms
    at 65s
      G>11 empty
    S> <message/>
      G>12 <message/>
  )");
}

// B-014: answered here, in order, never forwarded.
TEST(EngineFlow, RefusesWhatWouldBreakTheStream) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10 <message id='a'/><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><message id='b'/>
      U> <message id='a'/><message id='b'/>
      G>10 <failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>
    C>11 <compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>
      G>11 <failure xmlns='http://jabber.org/protocol/compress'><unsupported-method/></failure>
  )");
}

// B-009, B-068, H-006, B-033, Q-07: exact bytes and types.
TEST(EngineFlow, WritesBodiesExactly) {
  Policy policy;
  Body body;
  std::vector<xmpp::Stanza> none;
  body.payloads = &none;
  body.rid = 1;
  body.to = "example.org";
  body.content = "TEXT/plain;charset=ascii";
  body.ver = "1.6";
  auto read = read_creation(body, policy);
  Engine engine(policy, std::get<Creation>(read), {"sid", "example.org"}, xmpp::Instant{});
  xmpp::Actions out;
  engine.on_create(xmpp::RequestId{1}, body, xmpp::Instant{}, out);
  engine.opened({"s", "", "", ""}, xmpp::Instant{}, out);
  engine.delivered_all(xmpp::Instant{}, out);
  out.clear();
  body.rid = 2;
  engine.on_request(xmpp::RequestId{2}, body, xmpp::Instant{}, out);
  ASSERT_TRUE(out.list.empty());
  engine.on_time(xmpp::Instant{} + std::chrono::seconds(60), out);
  ASSERT_EQ(out.list.size(), 1U);
  const auto& empty = std::get<xmpp::Reply>(out.list[0]);
  EXPECT_EQ(empty.body, "<body xmlns='http://jabber.org/protocol/httpbind'/>");
  EXPECT_EQ(empty.content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(empty.status, 200);
  out.clear();
  body.rid = 3;
  engine.on_request(xmpp::RequestId{3}, body, xmpp::Instant{}, out);
  engine.deliver({"<message xmlns='jabber:client'/>", xmpp::StanzaKind::message}, xmpp::Instant{}, out);
  engine.deliver({"<iq xmlns='jabber:client'/>", xmpp::StanzaKind::iq}, xmpp::Instant{}, out);
  engine.delivered_all(xmpp::Instant{}, out);
  ASSERT_EQ(out.list.size(), 1U);
  // B-009, B-010: no prefix, no white space.
  EXPECT_EQ(
      std::get<xmpp::Reply>(out.list[0]).body,
      "<body xmlns='http://jabber.org/protocol/httpbind'><message xmlns='jabber:client'/><iq xmlns='jabber:client'/>"
      "</body>");
}

// B-062: every request gets its answer, whatever it carried, also when the session ends.
TEST(EngineFlow, AnswersEveryRequest) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10 <message id='a'/>
      U> <message id='a'/>
    C>11 <presence/>
      U> <presence/>
    at 2ms
      G>10 empty
    C>12 <message id='b'/><iq id='c'/>
      U> <message id='b'/><iq id='c'/>
    at 4ms
      G>11 empty
    S> <message id='d'/>
      G>12 <message id='d'/>
    C>13
    C>14 [type='terminate'] <message id='e'/>
      ACKED 1
      U> <message id='e'/>
      G>13 [type='terminate']
      G>14 empty
      END client_terminated
  )");
}

TEST(EngineFlow, CountsWhatItForwards) {
  Transcript t;
  t.start();
  static_cast<void>(t.play("C>10 <message/><presence/>\nS> <message/>\nC>11"));
  EXPECT_EQ(t.engine().counters().requests, 3U);
  EXPECT_EQ(t.engine().counters().to_server, 2U);
  EXPECT_EQ(t.engine().counters().to_client, 2U);  // features and a message
}

// B-070: what the engine answers in a server's place waits for the client like all else, and counts for one who has not
// logged in.
TEST(EngineFlow, WhatIsAnsweredHereIsBounded) {
  const std::string_view refused = "<compress xmlns='http://jabber.org/protocol/compress'/>";
  Policy policy;
  policy.queue_cap = 500;
  Transcript t(policy);
  t.start();
  static_cast<void>(t.play("C>10 [pause='60'] " + std::string(refused)));
  EXPECT_EQ(t.engine().unforwarded_bytes(), 84U);
  std::string many;
  for (int i = 0; i < 10; ++i) many += refused;
  const auto lines = t.play("C>11 [pause='60'] " + many);
  EXPECT_THAT(lines, testing::Contains("END policy policy-violation"));
}

}  // namespace
}  // namespace bosh::test
