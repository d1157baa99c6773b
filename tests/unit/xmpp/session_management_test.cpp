// Transcripts of XEP-0198 towards the server: who speaks it, and what each side gets to see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/unit/xmpp/management_support.hpp"

namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

// U-050, U-051: hidden from the client, enabled after the bind, and not a word of it on the other side.
TEST(SessionManagement, IsTheGatewaysAlone) {
  Managed rig;
  into_restarted(rig);
  EXPECT_THAT(rig.server(theirs + bound_features),
              ElementsAre("opened i1", delivered("<stream:features>" + bind_feature + "</stream:features>")));
  EXPECT_THAT(rig.server(bind_result), ElementsAre(delivered(bind_result), "managed", "send " + enable));
  EXPECT_FALSE(rig.session->managed());
  EXPECT_THAT(rig.server(enabled), IsEmpty());
  EXPECT_TRUE(rig.session->managed());
  EXPECT_THAT(rig.server(r), ElementsAre("send " + a(0)));
  rig.now += 250ms;
  EXPECT_THAT(rig.server(message(1) + r), ElementsAre(delivered(message(1)), "send " + a(0)));
  EXPECT_THAT(rig.received(2), IsEmpty());
  rig.now += 250ms;
  EXPECT_THAT(rig.server(r), ElementsAre("send " + a(1)));
}

TEST(SessionManagement, IsHiddenWhileTheStreamIsNegotiated) {
  Managed rig;
  into_restarted(rig);
  EXPECT_THAT(rig.server(theirs), ElementsAre("opened i1"));
  EXPECT_THAT(rig.server(r + a(0) + enabled), IsEmpty());
  EXPECT_THAT(rig.server(bound_features),
              ElementsAre(delivered("<stream:features>" + bind_feature + "</stream:features>")));
  EXPECT_THAT(rig.server(bind_result), ElementsAre(delivered(bind_result), "managed", "send " + enable));
}

TEST(SessionManagement, IsTheClientsWhereItIsTransparent) {
  Managed rig(Management::transparent);
  into_restarted(rig);
  EXPECT_THAT(rig.server(theirs + bound_features), ElementsAre("opened i1", delivered(bound_features)));
  EXPECT_THAT(rig.server(bind_result), ElementsAre(delivered(bind_result)));
  EXPECT_THAT(rig.to_server(enable), ElementsAre("send " + enable));
  EXPECT_THAT(rig.server(enabled), ElementsAre("deliver " + enabled));
  EXPECT_THAT(rig.server(r), ElementsAre("deliver " + r));
  EXPECT_THAT(rig.to_server(a(0)), ElementsAre("send " + a(0)));
  EXPECT_FALSE(rig.session->managed());
}

// W-033, U-050: by what the client says first, apart from requests such as the session of RFC 3921.
TEST(SessionManagement, IsWhosFirstWhereThatIsDecidedLate) {
  Managed client(Management::late);
  into_restarted(client);
  EXPECT_THAT(client.server(theirs + bound_features), ElementsAre("opened i1", delivered(bound_features)));
  EXPECT_THAT(client.server(bind_result), ElementsAre(delivered(bind_result), "managed")) << "until it is decided";
  const std::string session = "<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>";
  const std::string about = "<iq type='result' id='d'><query><feature var='urn:xmpp:sm:3'/></query></iq>";
  EXPECT_THAT(client.to_server(session, 1), ElementsAre("send " + session));
  EXPECT_THAT(client.to_server(about, 1), ElementsAre("send " + about));
  EXPECT_THAT(client.to_server(enable), ElementsAre("not managed", "send " + enable));
  EXPECT_THAT(client.server(enabled + r), ElementsAre("deliver " + enabled, "deliver " + r));
  EXPECT_THAT(client.to_server("<presence/>", 1), ElementsAre("send <presence/>"));
  EXPECT_THAT(client.server(message(1)), ElementsAre(delivered(message(1))));
  EXPECT_THAT(client.close(), ElementsAre("send </stream:stream>"));

  Managed gateway(Management::late);
  EXPECT_THAT(gateway.bind(), ElementsAre(delivered(bind_result), "managed"));
  EXPECT_THAT(gateway.to_server("<presence/>", 1), ElementsAre("send " + enable, "send <presence/>"));
  EXPECT_THAT(gateway.server(enabled + r), ElementsAre("send " + a(0)));
  EXPECT_THAT(gateway.server(a(1)), IsEmpty()) << "the presence, which went behind <enable/>";
  EXPECT_THAT(gateway.to_server(enable), ElementsAre(refusal));

  // A client that does not wait for its bind.
  Managed hasty(Management::late);
  into_restarted(hasty);
  hasty.server(theirs + bound_features);
  EXPECT_THAT(hasty.to_server("<x:presence xmlns:x='jabber:client'/>", 1), testing::SizeIs(1));
  EXPECT_THAT(hasty.server(bind_result), ElementsAre(delivered(bind_result), "managed", "send " + enable));

  // Who resumes has no bind.
  Managed resumes(Management::late);
  into_restarted(resumes);
  resumes.server(theirs + bound_features);
  const std::string resume = "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>";
  EXPECT_THAT(resumes.to_server(resume), ElementsAre("send " + resume));
  EXPECT_THAT(resumes.server("<resumed xmlns='urn:xmpp:sm:3' previd='x' h='0'/>"), testing::SizeIs(1));
  EXPECT_THAT(resumes.to_server("<presence/>", 1), ElementsAre("send <presence/>"));
}

// A client that does not look at the features gets an answer it can live with, and the rest of its bytes go on.
TEST(SessionManagement, RefusesAClientThatWasNotOfferedIt) {
  Managed rig;
  rig.manage();
  EXPECT_THAT(rig.to_server("<presence/>" + enable + "<message to='b@x'/>", 2),
              ElementsAre(refusal, "send <presence/><message to='b@x'/>"));
  EXPECT_THAT(rig.to_server("<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>"), ElementsAre(refusal));
  EXPECT_THAT(rig.to_server(r + a(3)), IsEmpty());
  EXPECT_THAT(rig.to_server("<enable xmlns='urn:xmpp:sm:2'/>"), ElementsAre(refusal));
  // As text, or within a stanza, it is nobody's business.
  const std::string quoted = "<message to='b@x'><body>urn:xmpp:sm:3</body>" + enable + "</message>";
  EXPECT_THAT(rig.to_server(quoted, 1), ElementsAre("send " + quoted));
}

// SASL2 with Bind 2: no restart, the bind is in the success, the offer was in the features before.
TEST(SessionManagement, FollowsBindTwo) {
  const auto with = [](const std::string& of_bind, const std::string& of_sasl) {
    return "<stream:features><authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><inline>"
           "<bind xmlns='urn:xmpp:bind:0'>" +
           of_bind + "</bind>" + of_sasl + "</inline></authentication></stream:features>";
  };
  const std::string features =
      with("<inline><feature var='urn:xmpp:carbons:2'/><feature var='urn:xmpp:sm:3'/></inline>", sm);
  const std::string bound = "<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'/></success>";
  Managed rig;
  into_features(rig);
  // A child without a namespace of its own is the parent's.
  EXPECT_THAT(rig.server(features),
              ElementsAre("opened i1", delivered(with("<inline><feature var='urn:xmpp:carbons:2'/></inline>", ""))));
  EXPECT_THAT(rig.server(bound), ElementsAre("deliver " + bound, "managed", "send " + enable));
  EXPECT_THAT(rig.server(enabled + r), ElementsAre("send " + a(0)));

  // Asked for within the login, which is not to be rewritten: then it is the client's.
  Managed inlined;
  into_features(inlined);
  inlined.server(features);
  const std::string login = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><bind xmlns='urn:xmpp:bind:0'>" +
                            enable + "</bind></authenticate>";
  EXPECT_THAT(inlined.to_server(login), ElementsAre("send " + login));
  EXPECT_THAT(inlined.server(bound), ElementsAre("deliver " + bound));
  EXPECT_THAT(inlined.server(r), ElementsAre("deliver " + r));
}

TEST(SessionManagement, DoesWithoutWhereTheServerHasNone) {
  Managed none;
  EXPECT_THAT(none.bind(no_management), ElementsAre(delivered(bind_result), "managed"));
  EXPECT_THAT(none.undeliverable(2, "<message type='error'/>"), ElementsAre("send <message type='error'/>"));

  Managed refused;
  refused.bind();
  EXPECT_THAT(refused.server(failed), IsEmpty());
  EXPECT_THAT(refused.server(r), IsEmpty());
  EXPECT_THAT(refused.undeliverable(2, "<message type='error'/>"), ElementsAre("send <message type='error'/>"));
  EXPECT_THAT(refused.to_server("<presence/>", 1), ElementsAre("send <presence/>")) << "and it is not tried again";

  Managed old;
  EXPECT_THAT(old.bind("<stream:features>" + bind_feature + sm_2 + "</stream:features>"),
              ElementsAre(delivered(bind_result), "managed"));
}

// such a server keeps nothing, so what the client may not have received is bounced, also if it was handed out.
TEST(SessionManagement, AnswersForAllWhereTheServerHasNone) {
  Managed none, refused, undecided(Management::late);
  none.bind(no_management);
  refused.bind();
  refused.server(failed);
  undecided.bind(no_management);
  for (Managed* rig : {&none, &refused, &undecided}) {
    rig->server(message(1) + "<presence from='b@x'/>" + message(2) + message(3));
    EXPECT_THAT(rig->received(2), IsEmpty());
    rig->to_server("<message to='b@x' id='mine'/>", 1);
    EXPECT_THAT(rig->undeliverable(5, bounce_of(3)), IsEmpty()) << "with the others";
    EXPECT_THAT(rig->close(), ElementsAre("send " + bounce_of(2) + bounce_of(3), "send </stream:stream>"));
  }
  Managed lost;
  lost.bind(no_management);
  lost.to_server("<message to='b@x' id='mine'/>", 1);
  EXPECT_THAT(lost.down(), ElementsAre("ended connection_lost")) << "nothing was going to confirm that";
}

// Who takes his leave has received what he was handed. Where the server counts it knows better.
TEST(SessionManagement, BelievesWhoTakesHisLeaveWhereNobodyCounts) {
  Managed none;
  none.bind(no_management);
  none.server(message(1) + message(2) + message(3));
  none.undeliverable(4, bounce_of(3));
  none.session->client_left(none.now);
  EXPECT_THAT(none.close(), ElementsAre("send " + bounce_of(3), "send </stream:stream>"));
  Managed all;
  all.bind(no_management);
  all.server(message(1));
  all.session->client_left(all.now);
  EXPECT_THAT(all.close(), ElementsAre("send </stream:stream>"));
  Managed counts;
  counts.manage();
  counts.server(message(1));
  counts.session->client_left(counts.now);
  EXPECT_THAT(counts.close(), ElementsAre("send </stream:stream>"));
}

// U-061: what was in an answer that is lost, and will be passed over. The server counts those errors, too.
TEST(SessionManagement, TellsTheSendersOfWhatIsGivenUp) {
  Managed rig;
  rig.bind();
  rig.server(message(1) + enabled + message(2) + "<presence from='b@x'/>" + message(3) + message(4));
  EXPECT_THAT(rig.given_up(1, 3), ElementsAre("send " + bounce_of(1), "send " + bounce_of(2)));
  EXPECT_THAT(rig.given_up(4, 5), ElementsAre("send " + bounce_of(3)));
  EXPECT_THAT(rig.server(a(3)), IsEmpty());
  rig.received(5);
  EXPECT_THAT(rig.close(), ElementsAre("send " + a(3), "send </stream:stream>"));
  EXPECT_THAT(rig.given_up(5, 6), IsEmpty());
  Managed none;
  none.bind(no_management);
  none.server(message(1) + message(2));
  EXPECT_THAT(none.given_up(1, 2), ElementsAre("send " + bounce_of(1)));
  none.received(2);
  EXPECT_THAT(none.close(), ElementsAre("send " + bounce_of(2), "send </stream:stream>"));
}

// X-050 is for what nobody else answers for: here what came before the bind.
TEST(SessionManagement, BouncesOnlyWhatTheServerDoesNotOwn) {
  Managed rig;
  rig.manage();
  rig.server(message(1));
  EXPECT_THAT(rig.undeliverable(1, "<x/>"), ElementsAre("send <x/>"));
  EXPECT_THAT(rig.undeliverable(2, "<x/>"), IsEmpty());
  EXPECT_THAT(rig.close(), ElementsAre("send </stream:stream>"));
}

// U-051, X-050: what comes between the bind and <enabled/> no server counts, whether a response carried it or not. It
// is the gateway's until the client has proven it, and bounced once.
TEST(SessionManagement, AnswersForWhatCameBeforeEnabled) {
  Managed never_enabled;
  never_enabled.bind();
  never_enabled.server(message(1) + "<presence from='b@x'/>" + message(2));
  EXPECT_THAT(never_enabled.undeliverable(4, bounce_of(2)), IsEmpty());
  EXPECT_THAT(never_enabled.close(), IsEmpty()) << "its <enabled/> stands behind all that is not counted";
  EXPECT_THAT(never_enabled.after(2s), ElementsAre("send " + bounce_of(1) + bounce_of(2), "send </stream:stream>"));

  for (const auto& answer : {enabled, failed}) {
    Managed crossing;
    crossing.bind();
    EXPECT_THAT(crossing.close(), IsEmpty());
    EXPECT_THAT(crossing.server(message(1)), IsEmpty());
    EXPECT_THAT(crossing.server(answer), ElementsAre("send " + bounce_of(1), "send </stream:stream>"));
  }

  Managed enabled_later;
  enabled_later.bind();
  enabled_later.server(message(1) + message(2) + enabled + message(3));
  EXPECT_THAT(enabled_later.received(2), IsEmpty());
  EXPECT_THAT(enabled_later.close(), ElementsAre("send " + bounce_of(2), "send </stream:stream>"));

  Managed proven;
  proven.bind();
  proven.server(message(1));
  proven.received(2);
  proven.server(enabled);
  EXPECT_THAT(proven.close(), ElementsAre("send </stream:stream>"));

  // Also while it is open whose it will be; then the client answers for it.
  Managed undecided(Management::late);
  undecided.bind();
  undecided.server(message(1));
  EXPECT_THAT(undecided.close(), ElementsAre("send " + bounce_of(1), "send </stream:stream>"));
  Managed the_clients(Management::late);
  the_clients.bind();
  the_clients.server(message(1));
  the_clients.to_server(enable);
  EXPECT_THAT(the_clients.close(), ElementsAre("send </stream:stream>"));
}

// Where it is we who end the stream, for what the server sends, the accounts are settled as at any other end.
TEST(SessionManagement, SettlesItsAccountsBeforeAnErrorOfOurs) {
  Managed rig;
  rig.manage();
  rig.server(message(1) + message(2));
  rig.received(2);
  EXPECT_THAT(rig.server("<message></presence>"),
              ElementsAre("send " + a(1), StartsWith("send <stream:error>"), StartsWith("ended")));
  Managed undecided;
  undecided.bind();
  undecided.server(message(1));
  EXPECT_THAT(undecided.server("<message></presence>"),
              ElementsAre("send " + bounce_of(1), StartsWith("send <stream:error>"), StartsWith("ended")));
}

// U-023, X-051: at the end the server learns how far its stanzas came, and keeps the rest.
TEST(SessionManagement, SaysAtTheEndWhatWasReceived) {
  Managed rig;
  rig.manage();
  rig.server(message(1) + message(2));
  rig.received(2);
  EXPECT_THAT(rig.close(), ElementsAre("send " + a(1), "send </stream:stream>"));

  Managed theirs_first;
  theirs_first.manage();
  theirs_first.server(message(1) + message(2));
  theirs_first.received(3);
  EXPECT_THAT(theirs_first.server("</stream:stream>"),
              ElementsAre("send " + a(2), "send </stream:stream>", "ended closed"));
}

TEST(SessionManagement, TellsAProofWithTheNextBytesOrAfterASecond) {
  Managed rig;
  rig.manage();
  rig.server(message(1) + message(2) + message(3));
  EXPECT_THAT(rig.received(2), IsEmpty());
  EXPECT_THAT(rig.to_server("<presence/>", 1), ElementsAre("send <presence/>", "send " + a(1)));
  EXPECT_THAT(rig.received(3), IsEmpty());
  EXPECT_THAT(rig.expire(), ElementsAre("send " + a(2)));
}

// U-052: a server that asks behind each stanza is told four times a second, whatever comes in between, and then all.
TEST(SessionManagement, PacesItsAnswers) {
  Managed rig;
  rig.manage();
  EXPECT_THAT(rig.server(message(1) + r), ElementsAre(delivered(message(1)), "send " + a(0)));
  rig.now += 10ms;
  rig.received(2);
  EXPECT_THAT(rig.to_server("<presence/>", 1), ElementsAre("send <presence/>")) << "not even where a write is due";
  EXPECT_THAT(rig.server(message(2) + r), ElementsAre(delivered(message(2))));
  rig.received(3);
  rig.now += 239ms;
  EXPECT_THAT(rig.after(0s), IsEmpty());
  EXPECT_THAT(rig.after(1ms), ElementsAre("send " + a(2)));
  EXPECT_THAT(rig.server(r), IsEmpty());
  EXPECT_THAT(rig.after(250ms), ElementsAre("send " + a(2))) << "no question is left without an answer";
  EXPECT_THAT(rig.expire(), ElementsAre("send " + r)) << "the presence, after two seconds";
}

// The server's patience is bounded: the oldest become ours, and are answered for.
TEST(SessionManagement, TakesWhatTheServerCannotKeep) {
  StreamPolicy policy;
  policy.management.max_unacknowledged = 4;
  Managed rig(Management::owned, policy);
  rig.manage();
  for (int n = 1; n <= 4; ++n) rig.server(message(n));
  EXPECT_THAT(rig.server(message(5)), ElementsAre(delivered(message(5)), "send " + a(3)));
  EXPECT_THAT(rig.server(r), IsEmpty());
  EXPECT_THAT(rig.after(250ms), ElementsAre("send " + a(3)));
  rig.received(2);  // the bind result and the first message
  EXPECT_THAT(rig.close(), ElementsAre("send " + bounce_of(2) + bounce_of(3), "send " + r));
  EXPECT_THAT(rig.server(a(2)), ElementsAre("send </stream:stream>")) << "it counts those, too (U-064)";
}

// what the server has on its way when the session ends it may have forgotten already.
TEST(SessionManagement, ReadsWhatIsOnItsWayBeforeTheEnd) {
  StreamPolicy policy;
  policy.management.max_unacknowledged = 8;
  const auto backlog = [&] {
    auto rig = std::make_unique<Managed>(Management::owned, policy);
    rig->manage();
    rig->server(message(1) + message(2));
    EXPECT_THAT(rig->close(), ElementsAre("send " + r));
    EXPECT_EQ(rig->session->state(), Session::State::emptying);
    return rig;
  };
  auto all = backlog();
  std::string bounces;
  for (int n = 3; n <= 8; ++n) EXPECT_THAT(all->server(message(n)), IsEmpty()) << "nobody is there";
  for (int n = 1; n <= 5; ++n) bounces += bounce_of(n);
  EXPECT_THAT(all->server(message(9) + "<presence from='b@x'/>"), ElementsAre("send " + a(5), "send " + bounces));
  EXPECT_THAT(all->close(), IsEmpty());
  EXPECT_THAT(all->to_server("<presence/>", 1), IsEmpty());
  EXPECT_THAT(all->server(a(0)), ElementsAre("send " + r)) << "that was much";
  EXPECT_THAT(all->server(a(5)), ElementsAre("send </stream:stream>"));
  EXPECT_THAT(all->server("</stream:stream>"), ElementsAre("ended closed"));

  auto silent = backlog();
  EXPECT_THAT(silent->expire(), ElementsAre("send </stream:stream>"));
  EXPECT_THAT(silent->expire(), ElementsAre("ended timed_out"));
  EXPECT_THAT(backlog()->server("</stream:stream>"), ElementsAre("send </stream:stream>", "ended closed"));
  EXPECT_THAT(backlog()->down(), ElementsAre("ended closed"));
  EXPECT_THAT(backlog()->server(conflict), ElementsAre("send </stream:stream>"));

  // The answer to an older question is not the one that stands behind everything.
  Managed asked(Management::owned, policy);
  asked.manage();
  asked.to_server("<presence/>", 1);
  asked.after(2s);
  asked.server(message(1) + message(2));
  EXPECT_THAT(asked.close(), ElementsAre("send " + r));
  EXPECT_THAT(asked.server(a(1) + message(3)), IsEmpty());
  EXPECT_THAT(asked.server(a(1)), ElementsAre("send </stream:stream>"));

  // As long as it comes, but not for ever.
  Managed talkative;
  talkative.manage();
  for (int i = 0; i < 60; ++i) talkative.server(message(i));
  EXPECT_THAT(talkative.close(), ElementsAre("send " + r));
  Lines said;
  int rounds = 0;
  for (; rounds < 50 && talkative.session->state() == Session::State::emptying; ++rounds) {
    talkative.server(message(rounds));
    said = talkative.after(1500ms);
  }
  EXPECT_EQ(rounds, 20) << "30 s";
  EXPECT_THAT(said, testing::Contains("send </stream:stream>"));

  // A server that was not read has more to say than can be known.
  Managed deaf;
  deaf.manage();
  deaf.session->reading(false, deaf.now);
  EXPECT_THAT(deaf.close(), ElementsAre("send " + r));
}

// U-064.
TEST(SessionManagement, EndsWhereTheServerCountsWrong) {
  Managed rig;
  rig.manage();
  rig.to_server("<presence/>", 1);
  EXPECT_THAT(rig.server(a(2)),
              ElementsAre("send <stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
                          "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='2' send-count='1'/></stream:error>"
                          "</stream:stream>",
                          "ended bad_format"));
  for (const std::string h : {"", " h='x'", " h='-1'", " h='4294967296'"}) {
    Managed other;
    other.manage();
    const auto lines = other.server("<a xmlns='urn:xmpp:sm:3'" + h + "/>");
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines.back(), "ended bad_format");
  }
}

// U-066: instead of white space, and who does not answer is dead.
TEST(SessionManagement, ProbesAQuietServer) {
  Managed rig;
  rig.manage();
  EXPECT_THAT(rig.after(90s), ElementsAre("send " + r));
  EXPECT_THAT(rig.server(a(0)), IsEmpty());
  EXPECT_THAT(rig.after(90s), ElementsAre("send " + r));
  EXPECT_THAT(rig.after(59s), IsEmpty());
  EXPECT_THAT(rig.after(1s), ElementsAre("send </stream:stream>", "ended connection_lost"));
}

TEST(SessionManagement, DoesNotTakeItsOwnDeafnessForASilentServer) {
  Managed rig;
  rig.manage();
  rig.after(90s);
  rig.session->reading(false, rig.now);
  for (int i = 0; i < 22; ++i) EXPECT_THAT(rig.after(4s), ElementsAre("send " + a(0)));
  rig.session->reading(true, rig.now);
  EXPECT_THAT(rig.after(4s), ElementsAre("send " + a(0)));
  EXPECT_THAT(rig.after(55s), IsEmpty());
  EXPECT_THAT(rig.server(a(0)), IsEmpty());
}

// ejabberd ends a stream whose answer is late, and its question may stand behind what is not read.
TEST(SessionManagement, AnswersWhatItDoesNotRead) {
  Managed rig;
  rig.manage();
  rig.server(message(1) + r);
  rig.session->reading(false, rig.now);
  EXPECT_THAT(rig.after(3s), IsEmpty());
  EXPECT_THAT(rig.after(1s), ElementsAre("send " + a(0))) << "not more than is proven";
  rig.received(2);
  EXPECT_THAT(rig.after(1s), ElementsAre("send " + a(1)));
  EXPECT_THAT(rig.after(3s), IsEmpty());
  EXPECT_THAT(rig.after(1s), ElementsAre("send " + a(1))) << "again and again";
  rig.session->reading(true, rig.now);
  EXPECT_THAT(rig.after(4s), ElementsAre("send " + a(1))) << "the last one";
  EXPECT_THAT(rig.after(80s), IsEmpty());
}

// What a server may not do, or does twice, changes nothing.
TEST(SessionManagement, ShrugsAtWhatComesUnasked) {
  Managed rig;
  rig.bind(no_management);
  EXPECT_THAT(rig.server(enabled + r + a(5) + failed), IsEmpty());
  EXPECT_FALSE(rig.session->managed());
  Managed twice;
  twice.manage();
  twice.server(message(1));
  EXPECT_THAT(twice.server(enabled + failed), IsEmpty());
  twice.received(2);
  EXPECT_THAT(twice.server(r), ElementsAre("send " + a(1)));
}

}  // namespace
