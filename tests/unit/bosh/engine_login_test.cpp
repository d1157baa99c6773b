// XEP-0206 3 ... 5: features, SASL, stream restart. PROTOCOL X-005, X-007, X-010, X-020 ... X-034, B-010, B-051, Q-08,
// Q-09, Q-10, Q-11, Q-26, Q-33, Q-70, Q-75, E-20 ... E-22, E-49.
#include <gtest/gtest.h>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

// Short names for what every login says.
std::string login(std::string text) {
  const std::pair<std::string, std::string> names[] = {
      {"$auth", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGI=</auth>"},
      {"$challenge", "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>eA==</challenge>"},
      {"$response", "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'> eQ==  </response>"},
      {"$success", "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"},
      {"$failure", "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>"},
      {"$FEATURES",
       "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><bind "
       "xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>"},
      {"$stream", "[xmlns:stream='http://etherx.jabber.org/streams']"},
      {"$auth2", "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>"},
      {"$done2", "<success xmlns='urn:xmpp:sasl:2'/>"},
  };
  for (const auto& [name, value] : names) {
    for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size())) {
      const auto after = at + name.size();
      if (after < text.size() && text[after] == '2') continue;
      text.replace(at, name.size(), value);
    }
  }
  return text;
}

// To where <success/> was handed out on request 11.
void authenticate(Transcript& t) {
  t.start();
  t.run(login(R"(
    C>10 $auth
      U> $auth
    S> $challenge
      G>10 $challenge
    C>11 $response
      U> $response
    S> $success
      G>11 $success
  )"));
}

// X-020 ... X-023, Q-10, Q-26: the header at once, the answer when the features are there; then bind.
TEST(EngineLogin, RestartsWhenAsked) {
  Transcript t;
  authenticate(t);
  t.run(login(R"(
    C>12 [xmpp:restart='true' to='example.org' xml:lang='de']
      RESTART de
    at 100ms
    OPENED id=s2 version=1.0
    S> $FEATURES
      G>12 $stream $FEATURES
    C>13 <iq type='set' id='bind'/>
      U> <iq type='set' id='bind'/>
    S> <iq type='result' id='bind'/>
      G>13 <iq type='result' id='bind'/>
  )"));
}

// X-020: '1' as well; B-005: whatever the prefix, or the literal name where none is declared.
TEST(EngineLogin, KnowsARestartHoweverItIsWritten) {
  for (const char* attribute : {"xmlns:x='urn:xmpp:xbosh' x:restart='1'", "xmpp:restart='true'",
                                "xmlns:xmpp='urn:xmpp:xbosh' xmpp:restart='1'"}) {
    Transcript t;
    authenticate(t);
    EXPECT_EQ(t.play("C>12 <body rid='12' sid='s' xmlns='http://jabber.org/protocol/httpbind' " +
                     std::string(attribute) + "/>"),
              std::vector<std::string>{"RESTART"})
        << attribute;
  }
  Transcript t;
  authenticate(t);
  EXPECT_TRUE(t.play("C>12 [xmpp:restart='false']").empty());
}

// X-022: queued by the session until the features are in.
TEST(EngineLogin, ForwardsPayloadOfARestartBehindTheHeader) {
  Transcript t;
  authenticate(t);
  t.run(R"(
    C>12 [xmpp:restart='true'] <iq type='set' id='bind'/>
      RESTART
      U> <iq type='set' id='bind'/>
  )");
}

// E-20, X-024: the poll of JSJaC between <success/> and restart does not get the features, in either order of arrival.
TEST(EngineLogin, E20_GivesTheFeaturesToTheRestart) {
  Transcript t;
  authenticate(t);
  t.run(login(R"(
    C>12
    at 100ms
    C>13 [xmpp:restart='true']
      RESTART
      G>12 empty
    S> $FEATURES
      G>13 $stream $FEATURES
  )"));
  Transcript u;
  authenticate(u);
  u.run(login(R"(
    C>13 [xmpp:restart='true']
    C>12
      RESTART
      G>12 empty
    S> $FEATURES
      G>13 $stream $FEATURES
  )"));
}

// X-023, Q-06: a poll behind the restart does not push it out.
TEST(EngineLogin, KeepsTheRestartUntilItsFeatures) {
  Transcript t;
  authenticate(t);
  t.run(login(R"(
    C>12 [xmpp:restart='true']
      RESTART
    at 100ms
    C>13
    at 10s
    S> $FEATURES
      G>12 $stream $FEATURES
    S> <message/>
      G>13 <message/>
  )"));
}

// X-023: bounded by wait; the features then take the next request.
TEST(EngineLogin, DoesNotKeepTheRestartForEver) {
  Transcript t;
  authenticate(t);
  t.run(login(R"(
    C>12 [xmpp:restart='true']
      RESTART
    at 55s
      G>12 empty
    C>13
    S> $FEATURES
      G>13 $stream $FEATURES
  )"));
}

// X-024 (b): a client that never asks. Success and features never share a body.
TEST(EngineLogin, RestartsForAClientThatGoesOn) {
  Transcript t;
  authenticate(t);
  t.run(login(R"(
    C>12 <iq type='set' id='bind'/>
      RESTART
      U> <iq type='set' id='bind'/>
    S+ $FEATURES
    S> <iq type='result' id='bind'/>
      G>12 $stream $FEATURES
    C>13
      G>13 <iq type='result' id='bind'/>
  )"));
}

// X-024 (b), B-038: auth and bind in one body.
TEST(EngineLogin, KeepsStanzasOutOfTheSaslExchange) {
  Transcript t;
  t.start();
  t.run(login(R"(
    C>10 $auth<iq type='set' id='bind'/>
      U> $auth
    S> $success
      RESTART
      U> <iq type='set' id='bind'/>
      G>10 $success
    C>11
    S> $FEATURES
      G>11 $stream $FEATURES
  )"));
}

// ... and they go where they belong when it fails.
TEST(EngineLogin, ForwardsThemAfterAFailure) {
  Transcript t;
  t.start();
  t.run(login(R"(
    C>10 $auth
      U> $auth
    C>11 <iq type='get' id='reg'/>
    S> $failure
      U> <iq type='get' id='reg'/>
      G>10 $failure
    C>12 $auth
      U> $auth
      G>11 empty
  )"));
}

// X-022: a client that restarts in the middle of it all gets what it asks for, in order.
TEST(EngineLogin, RestartsInTheMiddleOfSasl) {
  Transcript t;
  t.start();
  t.run(login(R"(
    C>10 $auth<message id='1'/>
      U> $auth
    C>11 [xmpp:restart='true'] <message id='2'/>
      RESTART
      U> <message id='1'/>
      U> <message id='2'/>
      G>10 empty
  )"));
}

// B-011, B-203: not without bound.
TEST(EngineLogin, BoundsWhatWaitsForSasl) {
  Policy policy;
  policy.queue_high = 100;
  Transcript t(policy);
  t.start();
  static_cast<void>(t.play(login("C>10 $auth")));
  EXPECT_EQ(t.play("C>11 <message id='" + std::string(100, 'x') + "'/>").back(), "END policy policy-violation");
}

// X-024 (c): silence for a second after success was handed out, with a request to answer.
TEST(EngineLogin, RestartsAfterASecondOfSilence) {
  Transcript t;
  authenticate(t);
  t.run(login(R"(
    at 500ms
    C>12
    at 999ms
    at 1s
      RESTART
    S> $FEATURES
      G>12 $stream $FEATURES
    C>13 [xmpp:restart='true']
      G>13 $stream $FEATURES
    C>14 <iq type='set' id='bind'/>
      U> <iq type='set' id='bind'/>
  )"));
  // Without one it waits for the next: a client that is gone needs no features.
  Transcript u;
  authenticate(u);
  u.run(R"(
    at 5s
    C>12
      RESTART
  )");
}

// X-024: the explicit restart that overtakes the features of the implied one.
TEST(EngineLogin, SendsOneHeaderOnly) {
  Transcript t;
  authenticate(t);
  t.run(login(R"(
    C>12
    at 1s
      RESTART
    C>13 [xmpp:restart='true']
      G>12 empty
    S> $FEATURES
      G>13 $stream $FEATURES
  )"));
}

// E-21: the repeat of a restart.
TEST(EngineLogin, E21_DoesNotRestartTwice) {
  Transcript t;
  authenticate(t);
  t.run(login(R"(
    C>12 [xmpp:restart='true']
      RESTART
    C>12b [xmpp:restart='true']
      G>12 [type='error']
    S> $FEATURES
      G>12b $stream $FEATURES
    C>12c [xmpp:restart='true']
      G>12c $stream $FEATURES
    C>13 [xmpp:restart='true']
      G>13 $stream $FEATURES
  )"));
}

// E-22, X-025: SASL2 needs none. Whoever asks all the same has his answer from here; XEP-0206 5 knows empty features.
TEST(EngineLogin, E22_DoesNotRestartAfterSasl2) {
  Transcript t;
  t.start();
  t.run(login(R"(
    C>10 $auth2
      U> $auth2
    S+ $done2
    S> $FEATURES
      G>10 $done2
    C>11
      G>11 $stream $FEATURES
    C>12 [xmpp:restart='true']
      G>12 $stream $FEATURES
    C>13 <presence/>
      U> <presence/>
    at 2ms
    S> <presence/>
      G>13 <presence/>
    C>14 [xmpp:restart='true']
      G>14 $stream <stream:features xmlns:stream='http://etherx.jabber.org/streams'/>
  )"));
}

// B-010, Q-08, Q-70, X-030: one SASL element an answer, first child, alone, and on the request that asked for it.
TEST(EngineLogin, Q70_AnswersSaslOnItsOwnRequest) {
  Transcript t;
  t.start();
  t.run(login(R"(
    C>10 $auth
      U> $auth
    at 100ms
    C>11
    at 3s
    S> $challenge
      G>10 $challenge
    C>12 $response
      U> $response
      G>11 empty
    S+ $success
    S> <message/>
      G>12 $success
    C>13
      G>13 <message/>
  )"));
}

// Q-08, X-010: what the server says before the challenge goes before it, and does not join it.
TEST(EngineLogin, Q08_PutsNothingBesideASaslElement) {
  Transcript t;
  t.start();
  t.run(login(R"(
    S+ <message id='1'/>
    S+ $challenge
    S> <message id='2'/>
    C>10
      G>10 <message id='1'/>
    C>11
      G>11 $challenge
    C>12
      ACKED 1
      G>12 <message id='2'/>
  )"));
}

// Q-70: bounded by wait.
TEST(EngineLogin, DoesNotKeepASaslRequestForEver) {
  Transcript t;
  t.start();
  t.run(login(R"(
    C>10 $auth
      U> $auth
    at 55s
      G>10 empty
    C>11
    S> $success
      G>11 $success
  )"));
}

// X-020: without a success it is between client and server what comes of it.
TEST(EngineLogin, PassesARestartWithoutLoginOn) {
  Transcript t;
  t.start();
  t.run("C>10 [xmpp:restart='true']\n RESTART");
}

// X-007: not before the first features, where a header of ours is on its way already.
TEST(EngineLogin, AnswersAnEarlyRestartWithTheFirstFeatures) {
  Transcript t;
  static_cast<void>(t.play("C>9 [to='example.org' wait='0' ver='1.6']"));
  t.run(login(R"(
    C>10 [xmpp:restart='true']
      G>10 empty
    OPENED id=s1 version=1.0
    S> $FEATURES
    at 6s
    C>11
      G>11 [authid='s1' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh' xmlns:stream='http://etherx.jabber.org/streams'] $FEATURES
  )"));
}

// X-024 (c) in a polling session.
TEST(EngineLogin, RestartsForAPoller) {
  Transcript t;
  t.start("wait='0' ver='1.6' xmpp:version='1.0'");
  static_cast<void>(t.play(login("at 5s\nC>10\nC>11 $auth\nS> $success")));
  t.run(login(R"(
    at 10s
    C>12
      RESTART
      G>12 empty
    S> $FEATURES
    at 15s
    C>13
      G>13 $stream $FEATURES
  )"));
}

// X-033, Q-11: answered here where the server has finished the restart and does not know it; forwarded where it does.
TEST(EngineLogin, AnswersTheSessionIqForServersWithoutIt) {
  const std::string iq = "<iq type='set' id='s&amp;1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>";
  Transcript t;
  authenticate(t);
  static_cast<void>(t.play(login("C>12 [xmpp:restart='true']\nS> $FEATURES")));
  t.run("C>13 " + iq +
        "\n G>13 <iq type='result' id='s&amp;1'/>\nC>14\nS> <a/>\n G>14 <a/>\nC>15");  // and it is not counted

  Transcript u;
  authenticate(u);
  static_cast<void>(
      u.play("C>12 [xmpp:restart='true']\nS> <stream:features><session "
             "xmlns='urn:ietf:params:xml:ns:xmpp-session'/></stream:features>"));
  u.run("C>13 " + iq + "\n U> " + iq);

  Policy off;
  off.local_session = false;
  Transcript v(off);
  authenticate(v);
  static_cast<void>(v.play(login("C>12 [xmpp:restart='true']\nS> $FEATURES")));
  v.run("C>13 " + iq + "\n U> " + iq);
}

// E-49, B-051: the id of the first stream that the session model shows, which is the one after TLS; not of later ones.
TEST(EngineLogin, E49_TellsTheIdOfTheFirstStreamOnly) {
  Transcript t;
  authenticate(t);
  for (const auto& line : t.play(login("C>12 [xmpp:restart='true']\nOPENED id=s2 version=1.0\nS> $FEATURES")))
    EXPECT_EQ(line.find("authid"), std::string::npos) << line;
}

// X-034, X-032, Q-29, Q-74: iq:register and iq:auth are stanzas like any other.
TEST(EngineLogin, PassesIqAuthAndRegistrationOn) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10 <iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>
      U> <iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>
    S> <iq type='result' id='r'/>
      G>10 <iq type='result' id='r'/>
    C>11 <iq type='set' id='a'><query xmlns='jabber:iq:auth'/></iq>
      U> <iq type='set' id='a'><query xmlns='jabber:iq:auth'/></iq>
  )");
}

// Q-75, U-050: XEP-0198 of the client passes untouched, in order with its stanzas.
TEST(EngineLogin, Q75_PassesStreamManagementOn) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10 <enable xmlns='urn:xmpp:sm:3'/><message/><r xmlns='urn:xmpp:sm:3'/>
      U> <enable xmlns='urn:xmpp:sm:3'/><message/><r xmlns='urn:xmpp:sm:3'/>
    S+ <enabled xmlns='urn:xmpp:sm:3'/>
    S> <message/>
      G>10 <enabled xmlns='urn:xmpp:sm:3'/><message/>
  )");
}

}  // namespace
}  // namespace bosh::test
