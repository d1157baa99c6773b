// XEP-0124 7.2, XEP-0206 4: the creation answer. PROTOCOL B-028, B-038 ... B-051, X-001, X-005, X-006, X-032.
#include <gtest/gtest.h>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

constexpr const char* features =
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms "
    "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></stream:features>";

std::string script(std::string text) {
  for (auto at = text.find("$F"); at != std::string::npos; at = text.find("$F")) text.replace(at, 2, features);
  return text;
}

// B-013, B-040 ... B-043, B-045 ... B-049, B-051, B-111, X-005, X-006, Q-32: all attributes that there are to say,
// once, together with the features.
TEST(EngineCreation, AnswersWithEverythingWhenFeaturesAreThere) {
  Transcript t;
  t.run(script(R"(
    C>100 [to='example.org' wait='60' hold='1' ver='1.6' xmpp:version='1.0' content='text/xml; charset=utf-8']
      OPEN
    at 10s
    OPENED id=s&1 version=1.0
    S> $F
      G>100 [wait='55' requests='2' inactivity='90' polling='5' hold='1' ver='1.6' from='example.org' sid='the-sid' maxpause='120' accept='deflate,gzip' authid='s&amp;1' xmpp:version='1.0' xmpp:restartlogic='true' xmlns:xmpp='urn:xmpp:xbosh' xmlns:stream='http://etherx.jabber.org/streams'] $F
    C>101
    S> <message/>
      G>101 <message/>
  )"));
}

// B-042, B-025: `ver` is the lower one; B-045: no maxpause where pause is off.
TEST(EngineCreation, NegotiatesWhatThePolicyHas) {
  Policy policy;
  policy.maxpause = 0;
  policy.offer_gzip_requests = false;
  policy.max_hold = 2;
  policy.max_wait = 30;
  Transcript t(policy);
  t.run(R"(
    C>1 [to='example.org' wait='300' hold='5' ver='1.30']
      OPEN
    OPENED id=s1
      G>1 [wait='30' requests='6' inactivity='90' polling='5' hold='2' ver='1.11' from='example.org' sid='the-sid' authid='s1' xmpp:restartlogic='true' xmlns:xmpp='urn:xmpp:xbosh' xmlns:stream='http://etherx.jabber.org/streams']
  )");
}

// B-028, B-049, B-100, B-101, E-19: a poller is answered at once; what the server says later comes later.
TEST(EngineCreation, AnswersAPollerAtOnce) {
  for (const char* attributes : {"wait='0' hold='1'", "wait='60' hold='0'"}) {
    Transcript t;
    const auto created = t.play("C>1 [to='example.org' ver='1.6' xmpp:version='1.0' " + std::string(attributes) + "]");
    ASSERT_EQ(created.size(), 2U);
    EXPECT_NE(created[1].find(attributes[6] == '0' ? "wait='0'" : "hold='0'"), std::string::npos) << created[1];
    EXPECT_NE(created[1].find("inactivity='120'"), std::string::npos) << created[1];
    t.run(script(R"(
      at 6s
      C>2
        G>2 empty
      OPENED id=s1 version=1.0
      S> $F
      at 12s
      C>3
        G>3 [authid='s1' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh' xmlns:stream='http://etherx.jabber.org/streams'] $F
    )"));
  }
}

// E-19, B-049: the bound. The features then go on the first poll (X-005, X-007), and authid with them (B-051).
TEST(EngineCreation, DoesNotWaitForFeaturesForEver) {
  Transcript t;
  static_cast<void>(t.play("C>1 [to='example.org' ver='1.6' xmpp:version='1.0']"));
  EXPECT_TRUE(t.play("at 24999ms").empty());
  const auto answer = t.play("at 25s");
  ASSERT_EQ(answer.size(), 1U);
  EXPECT_NE(answer[0].find("sid='the-sid'"), std::string::npos);
  EXPECT_EQ(answer[0].find("authid"), std::string::npos);
  EXPECT_EQ(answer[0].find("xmpp:version"), std::string::npos);
  t.run(script(R"(
    at 26s
    C>2
    at 30s
    OPENED id=s1 version=1.0
    S> $F
      G>2 [authid='s1' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh' xmlns:stream='http://etherx.jabber.org/streams'] $F
  )"));
}

// B-049: `wait` is shorter than what we would bear.
TEST(EngineCreation, HoldsTheCreationNoLongerThanWait) {
  Transcript t;
  static_cast<void>(t.play("C>1 [to='example.org' wait='10' ver='1.6' xmpp:version='1.0']"));
  EXPECT_TRUE(t.play("at 9999ms").empty());
  EXPECT_EQ(t.play("at 10s").size(), 1U);
}

// B-050: no sid is ever told.
TEST(EngineCreation, SaysThatTheServerIsOutOfReach) {
  Transcript t;
  t.run(R"(
    C>1 [to='example.org' ver='1.6' xmpp:version='1.0']
      OPEN
    CLOSE server_unreachable
      G>1 [type='terminate' condition='remote-connection-failed']
      END server_unreachable remote-connection-failed
    at 0s
      FORGET
  )");
}

// B-038: payload in the creation goes on in order, none is dropped; the SASL answer waits for a request of its own.
TEST(EngineCreation, ForwardsPayloadOfTheCreation) {
  Transcript t;
  t.run(R"(
    C>1 [to='example.org' ver='1.6' xmpp:version='1.0'] <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/><iq type='set' id='b'/>
      OPEN
      U> <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>
  )");
}

// B-039, E-55: an orphan ends soon, and binds no resource.
TEST(EngineCreation, EndsASessionThatNobodyUses) {
  Transcript t;
  t.start();
  t.run(R"(
    at 29999ms
    at 30s
      END never_used
    C>10
      G>10 [type='terminate' condition='item-not-found']
    at 119s
    at 120s
      FORGET
  )");
}

// Rule 8 of PROTOCOL 0.2 for the one request whose sid is still unknown: nobody can come back.
TEST(EngineCreation, EndsWhenTheCreatorLeavesBeforeTheAnswer) {
  Transcript t;
  t.run(R"(
    C>1 [to='example.org' ver='1.6' xmpp:version='1.0']
      OPEN
    GONE 1
      END never_used
  )");
}

// B-071: before the sid is told nobody can know it; who guesses right gets what every guesser gets.
TEST(EngineCreation, HasNoSessionBeforeTheAnswer) {
  Transcript t;
  t.run(R"(
    C>1 [to='example.org' ver='1.6' xmpp:version='1.0']
      OPEN
    C>2 <message/>
      G>2 [type='terminate' condition='item-not-found']
    CLOSE server_unreachable
      G>1 [type='terminate' condition='remote-connection-failed']
      END server_unreachable remote-connection-failed
  )");
}

// B-044: our acks begin in the creation answer.
TEST(EngineCreation, AcknowledgesTheCreation) {
  Transcript t;
  static_cast<void>(t.play("C>77 [to='example.org' ver='1.6' ack='1']"));
  const auto answer = t.play("OPENED id=s1");
  ASSERT_EQ(answer.size(), 1U);
  EXPECT_NE(answer[0].find(" ack='77'"), std::string::npos) << answer[0];
}

// X-002, X-032: a server without features must not keep a client of iq:auth waiting.
TEST(EngineCreation, DoesNotWaitForFeaturesThatCannotCome) {
  Transcript t;
  t.run(R"(
    C>1 [to='example.org' ver='1.6']
      OPEN
    OPENED id=s1
      G>1 [wait='55' requests='2' inactivity='90' polling='5' hold='1' ver='1.6' from='example.org' sid='the-sid' maxpause='120' accept='deflate,gzip' authid='s1' xmpp:restartlogic='true' xmlns:xmpp='urn:xmpp:xbosh' xmlns:stream='http://etherx.jabber.org/streams']
    C>2
    at 55s
      G>2 empty
  )");
}

// X-032 with the flag: JSJaC needs an element called mechanisms before it does anything.
TEST(EngineCreation, MakesUpFeaturesForIqAuth) {
  Policy policy;
  policy.nonsasl_features = true;
  Transcript t(policy);
  static_cast<void>(t.play("C>1 [to='example.org' ver='1.6']\nOPENED id=s1"));
  t.run(R"(
    C>2
      G>2 [xmlns:stream='http://etherx.jabber.org/streams'] <stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/><auth xmlns='http://jabber.org/features/iq-auth'/></stream:features>
    C>3
    at 55s
      G>3 empty
  )");
}

// B-043, B-048: sid, above all, is never said again; nor is anything else of the creation answer.
TEST(EngineCreation, SaysItOnlyOnce) {
  Transcript t;
  t.start();
  for (const char* line : {"C>10", "C>11 <message/>", "C>12", "C>13 [type='terminate']"})
    for (const auto& out : t.play(line)) EXPECT_EQ(out.find("sid="), std::string::npos) << out;
}

}  // namespace
}  // namespace bosh::test
