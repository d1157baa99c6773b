// Transcripts of whole sessions; that every state knows every event is in session_states_test.cpp.
#include "xmpp/session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/xmpp/session_support.hpp"

namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;

// U-010, U-011, U-012: nothing of the stream before TLS is shown, and the claimed JID is said only after it.
TEST(Session, NegotiatesStartTls) {
  Rig rig;
  EXPECT_THAT(rig.up(TlsMode::starttls), ElementsAre("send " + bare_header));
  EXPECT_THAT(rig.server(theirs), IsEmpty());
  EXPECT_THAT(rig.server("<stream:features>" + mechanisms + tls_features.substr(17)),
              ElementsAre("send <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
  EXPECT_THAT(rig.server(proceed), ElementsAre("encrypt"));
  EXPECT_THAT(rig.encrypted(), ElementsAre("reset", "send " + full_header));
  EXPECT_THAT(rig.server(theirs), IsEmpty());
  EXPECT_THAT(rig.server(sasl_features), ElementsAre("opened i1", delivered(sasl_features)));
  EXPECT_EQ(rig.session->state(), Session::State::active);
}

// Whatever was written behind <proceed/> before TLS (the STARTTLS injection) has no effect.
TEST(Session, IgnoresWhatIsInjectedBeforeTls) {
  Rig rig;
  into_proceed(rig);
  xmpp::StreamEvents events;
  rig.splitter.feed(proceed + sasl_features + "<message/></stream:stream>", events);
  for (const auto& event : events.list) rig.session->on_event(event, rig.now, rig.actions);
  EXPECT_THAT(rig.take(), ElementsAre("encrypt"));
  EXPECT_THAT(rig.encrypted(), ElementsAre("reset", "send " + full_header));
}

// E-48.
TEST(Session, EndsWhereTlsIsStripped) {
  Rig rig;
  into_features_in_clear(rig);
  EXPECT_THAT(rig.to_server("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>secret</auth>"), IsEmpty());
  EXPECT_THAT(rig.server(sasl_features), ElementsAre("send </stream:stream>", "ended connection_failed"));
}

TEST(Session, TakesTheDirectAndThePlainWay) {
  for (const auto mode : {TlsMode::direct, TlsMode::none}) {
    Rig rig;
    // U-010: the claimed JID goes over TLS only.
    EXPECT_THAT(rig.up(mode), ElementsAre("send " + (mode == TlsMode::direct ? full_header : bare_header)));
    EXPECT_THAT(rig.server(theirs + sasl_features), ElementsAre("opened i1", delivered(sasl_features)));
  }
}

//
TEST(Session, OmitsTheVersionOnlyWhereItIsAskedTo) {
  const auto headers = [](bool policy, bool client) {
    StreamPolicy with;
    with.legacy_without_version = policy;
    Rig rig(with, {"", "", client});
    auto lines = rig.up(TlsMode::starttls);
    rig.server(theirs + tls_features + proceed);
    for (const auto& line : rig.encrypted()) lines.push_back(line);
    std::string which;
    for (const auto& line : lines) {
      if (line != "reset") which += line.find("' version='1.0' xmlns") == std::string::npos ? "-" : "v";
    }
    return which;
  };
  EXPECT_EQ(headers(false, true), "vv");
  EXPECT_EQ(headers(false, false), "vv");
  EXPECT_EQ(headers(true, true), "vv");
  EXPECT_EQ(headers(true, false), "v-");
}

TEST(Session, IsUsableAtOnceWithAServerThatHasNoFeatures) {
  Rig rig;
  into_header(rig);
  rig.to_server("<iq id='auth'/>");
  EXPECT_THAT(rig.server(theirs_legacy), ElementsAre("opened i1", "send <iq id='auth'/>"));
  EXPECT_EQ(rig.session->state(), Session::State::active);
}

TEST(Session, EscapesWhatGoesIntoTheHeader) {
  StreamPolicy policy;
  policy.domain = "ex'ample&<>\".org";
  Rig rig(policy, {"en'/><x", "a'b@c/", true});
  EXPECT_THAT(rig.up(TlsMode::direct),
              ElementsAre("send <?xml version='1.0'?><stream:stream to='ex&apos;ample&amp;&lt;&gt;&quot;.org' "
                          "from='a&apos;b@c/' version='1.0' " +
                          ns));
}

// U-012: the server would refuse every login in the clear; the log says what to change.
TEST(Session, EndsWherePlaintextIsConfiguredAndTlsRequired) {
  Rig rig;
  rig.up(TlsMode::none);
  rig.server(theirs);
  EXPECT_THAT(rig.server(tls_features), ElementsAre("opened i1", "send </stream:stream>", "ended connection_failed"));
}

// B-038, X-022: in order, at once when the stream is usable, and behind the features.
TEST(Session, KeepsWhatTheBrowserSendsUntilTheStreamIsUsable) {
  Rig rig;
  EXPECT_THAT(rig.to_server("<a/>"), IsEmpty());
  into_header(rig);
  EXPECT_THAT(rig.to_server("<b/>"), IsEmpty());
  EXPECT_THAT(rig.server(theirs), IsEmpty());
  EXPECT_THAT(rig.to_server("<c/>"), IsEmpty());
  EXPECT_THAT(rig.server(sasl_features), ElementsAre("opened i1", delivered(sasl_features), "send <a/><b/><c/>"));
  EXPECT_THAT(rig.to_server("<d/>"), ElementsAre("send <d/>"));
  rig.server(success);
  rig.restart();
  EXPECT_THAT(rig.to_server("<e/>"), IsEmpty());
  EXPECT_THAT(rig.server(theirs + "<stream:features/>"),
              ElementsAre("opened i1", "deliver <stream:features " + streams_declared + "/>", "send <e/>"));
}

TEST(Session, BoundsWhatItKeeps) {
  StreamPolicy policy;
  policy.max_queued = 10;
  Rig rig(policy);
  into_header(rig);
  EXPECT_THAT(rig.to_server("12345678"), IsEmpty());
  EXPECT_THAT(rig.to_server("90"), IsEmpty());
  EXPECT_THAT(rig.to_server("1"), ElementsAre("send </stream:stream>", "ended too_large"));
  Rig early(policy);
  EXPECT_THAT(early.to_server("12345678901"), ElementsAre("ended too_large"));
}

//
TEST(Session, Restarts) {
  Rig rig;
  into_active(rig);
  EXPECT_THAT(rig.server(success), ElementsAre("deliver " + success));
  EXPECT_THAT(rig.restart("de"),
              ElementsAre("reset",
                          "send <?xml version='1.0'?><stream:stream to='example.org' from='a@example.org' "
                          "version='1.0' xml:lang='de' " +
                              ns));
  EXPECT_THAT(rig.restart(), IsEmpty());
  EXPECT_THAT(rig.server("<?xml version='1.0'?>" + theirs + "<stream:features/>"), testing::SizeIs(2));
  EXPECT_EQ(rig.session->state(), Session::State::active);
}

// U-016.
TEST(Session, FollowsSeeOtherHostTwice) {
  Rig rig;
  rig.to_server("<a/>");
  rig.up(TlsMode::starttls);
  EXPECT_THAT(rig.server(theirs + other_host),
              ElementsAre("send </stream:stream>", "reset", "redirect other.example.org 5223"));
  EXPECT_EQ(rig.session->state(), Session::State::opening);
  EXPECT_THAT(rig.up(TlsMode::direct), ElementsAre("send " + full_header));
  EXPECT_THAT(rig.server(theirs + other_host),
              ElementsAre("send </stream:stream>", "reset", "redirect other.example.org 5223"));
  EXPECT_THAT(rig.up(TlsMode::starttls), ElementsAre("send " + bare_header));
  EXPECT_THAT(rig.server(theirs + other_host),
              ElementsAre(delivered(other_host), "send </stream:stream>", "ended stream_error"));
}

// Bindings hear of the stream that lasts (a second <open/>, a second header of polling, would be out of place).
TEST(Session, ShowsNoHeaderBeforeItIsSureToStay) {
  Rig rig;
  rig.up(TlsMode::none);
  EXPECT_THAT(rig.server(theirs), IsEmpty());
  EXPECT_THAT(rig.server(other_host), ElementsAre("send </stream:stream>", "reset", "redirect other.example.org 5223"));
  rig.up(TlsMode::none);
  rig.server(theirs);
  EXPECT_THAT(rig.server("<message/>"), ElementsAre("opened i1", testing::StartsWith("deliver <message")));
  EXPECT_THAT(rig.server(other_host),
              ElementsAre(delivered(other_host), "send </stream:stream>", "ended stream_error"));
}

TEST(Session, KeepsTheQueueOverARedirect) {
  Rig rig;
  rig.up(TlsMode::none);
  rig.to_server("<a/>");
  rig.server(theirs + other_host);
  rig.to_server("<b/>");
  rig.up(TlsMode::none);
  EXPECT_THAT(rig.server(theirs_legacy), ElementsAre("opened i1", "send <a/><b/>"));
}

TEST(Session, DoesNotFollowAnEmptyOrImpossibleTarget) {
  for (const std::string target : {"", " ", "a b", "[::1", "host:0", "host:65536", "host:x", "<x/>"}) {
    Rig rig;
    rig.up(TlsMode::none);
    rig.server(theirs);
    const auto lines = rig.server("<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>" +
                                  target + "</see-other-host></stream:error>");
    ASSERT_EQ(lines.size(), 4U) << target;
    EXPECT_EQ(lines.back(), "ended stream_error") << target;
  }
}

// U-018: the server hears what was wrong with its bytes.
TEST(Session, AnswersBadXmlWithTheFittingError) {
  const std::pair<std::string, std::string> cases[] = {
      {"<!-- x -->", "restricted-xml"},
      {"<message></iq>", "not-well-formed"},
      {"<message>\xFF</message>", "not-well-formed"},
      {"<a>" + std::string(300'000, 'x'), "policy-violation"},
  };
  for (const auto& [bytes, condition] : cases) {
    Rig rig;
    into_active(rig);
    const auto lines = rig.server("<presence/>" + bytes);
    ASSERT_EQ(lines.size(), 3U) << condition;
    EXPECT_EQ(lines[0], "deliver <presence xmlns='jabber:client'/>");
    EXPECT_EQ(lines[1], "send <stream:error><" + condition +
                            " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>");
  }
  Rig rig;
  rig.up(TlsMode::none);
  EXPECT_THAT(rig.server("<?xml version='1.0' encoding='UTF-16'?>"),
              ElementsAre("send <stream:error><unsupported-encoding xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
                          "</stream:error></stream:stream>",
                          "ended bad_encoding"));
  Rig web;
  web.up(TlsMode::none);
  EXPECT_THAT(web.server("<html>"),
              ElementsAre("send <stream:error><invalid-namespace xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
                          "</stream:error></stream:stream>",
                          "ended invalid_namespace"));
}

// X-040, E-17: the error itself goes to the browser, after what came before it.
TEST(Session, HandsAStreamErrorOn) {
  Rig rig;
  into_active(rig);
  EXPECT_THAT(rig.server("<message/>" + conflict + "</stream:stream>"),
              ElementsAre("deliver <message xmlns='jabber:client'/>", delivered(conflict), "send </stream:stream>",
                          "ended stream_error"));
}

// E-18: also the one of the stream before TLS.
TEST(Session, HandsAStreamErrorBeforeTlsOn) {
  Rig rig;
  rig.up(TlsMode::starttls);
  EXPECT_THAT(rig.server(theirs + conflict),
              ElementsAre(delivered(conflict), "send </stream:stream>", "ended stream_error"));
}

// U-021.
TEST(Session, ClosesCleanly) {
  Rig rig;
  into_active(rig);
  EXPECT_THAT(rig.close(), ElementsAre("send </stream:stream>"));
  EXPECT_THAT(rig.close(), IsEmpty());
  EXPECT_EQ(rig.session->deadline(), rig.now + rig.policy.closing_timeout);
  EXPECT_THAT(rig.server("<presence/></stream:stream>"), ElementsAre("ended closed"));
  EXPECT_EQ(rig.session->deadline(), xmpp::never);
}

TEST(Session, BoundsTheNegotiation) {
  Rig rig;
  EXPECT_EQ(rig.session->deadline(), rig.now + 25s);
  rig.after(10s);
  rig.up(TlsMode::starttls);
  EXPECT_EQ(rig.session->deadline(), rig.now + 15s);
  EXPECT_THAT(rig.after(14s), IsEmpty());
  EXPECT_THAT(rig.after(1s), ElementsAre("send </stream:stream>", "ended timed_out"));
  Rig restarted;
  into_active(restarted);
  restarted.after(60s);
  restarted.restart();
  EXPECT_EQ(restarted.session->deadline(), restarted.now + 25s);
  EXPECT_THAT(restarted.after(25s), ElementsAre("send </stream:stream>", "ended timed_out"));
}

// U-020.
TEST(Session, KeepsTheConnectionAlive) {
  Rig rig;
  into_active(rig);
  EXPECT_THAT(rig.after(89s), IsEmpty());
  EXPECT_THAT(rig.to_server("<a/>"), ElementsAre("send <a/>"));
  EXPECT_THAT(rig.after(89s), IsEmpty());
  EXPECT_THAT(rig.after(1s), ElementsAre("send  "));
  EXPECT_EQ(rig.session->deadline(), rig.now + 90s);
  StreamPolicy never;
  never.keepalive = 0s;
  Rig quiet(never);
  into_active(quiet);
  EXPECT_EQ(quiet.session->deadline(), xmpp::never);
}

bool keeps_alive(const Rig& rig) {
  return rig.session->deadline() != xmpp::never;
}

TEST(Session, SendsNoWhiteSpaceDuringTheLogin) {
  Rig rig;
  into_active(rig);
  EXPECT_TRUE(keeps_alive(rig));
  rig.to_server("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>");
  EXPECT_FALSE(keeps_alive(rig));
  rig.server("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
  EXPECT_FALSE(keeps_alive(rig));
  rig.server(success);
  EXPECT_FALSE(keeps_alive(rig));
  EXPECT_THAT(rig.after(3600s), IsEmpty());
  rig.restart();
  rig.server(theirs + "<stream:features/>");
  EXPECT_TRUE(keeps_alive(rig));
  // After the login SASL is only a word.
  rig.to_server("<message><x xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></message>");
  EXPECT_TRUE(keeps_alive(rig));
}

// features follow the success without a restart.
TEST(Session, SendsNoWhiteSpaceDuringASasl2Login) {
  Rig rig;
  into_active(rig);
  rig.to_server("<authenticate xmlns='urn:xmpp:sasl:2'/>");
  EXPECT_FALSE(keeps_alive(rig));
  EXPECT_THAT(
      rig.server(success_2 + tls_features),
      ElementsAre("deliver " + success_2, "deliver <stream:features " + streams_declared + "></stream:features>"));
  EXPECT_TRUE(keeps_alive(rig));
}

// A login that waits for the features is as silent: what is queued may be the login.
TEST(Session, KnowsOfALoginThatWasQueued) {
  Rig rig;
  rig.to_server("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
  into_active(rig);
  EXPECT_FALSE(keeps_alive(rig));
}

// through the session, so that what is tested of filter_features() is known to be in the way.
TEST(Session, ShowsFeaturesWithoutTlsAndCompression) {
  Rig rig;
  into_features(rig);
  EXPECT_THAT(rig.server("<stream:features>" + mechanisms +
                         "<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>"
                         "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"),
              ElementsAre("opened i1", delivered(sasl_features)));
}

TEST(Session, IsTheSameForTheSameInput) {
  const auto play = [] {
    Rig rig;
    Lines all;
    const auto add = [&](const Lines& lines) { all.insert(all.end(), lines.begin(), lines.end()); };
    add(rig.to_server("<a/>"));
    add(rig.up(TlsMode::starttls));
    add(rig.server(theirs + tls_features + proceed));
    add(rig.encrypted());
    add(rig.server(theirs + sasl_features));
    add(rig.after(90s));
    add(rig.server(success));
    add(rig.restart("fr"));
    add(rig.server(theirs + "<stream:features/><message/>"));
    add(rig.close());
    add(rig.after(2s));
    return all;
  };
  EXPECT_EQ(play(), play());
  EXPECT_EQ(play().back(), "ended timed_out");
}

TEST(Session, IsSmall) {
  EXPECT_LE(sizeof(Session), 200U);
}

}  // namespace
