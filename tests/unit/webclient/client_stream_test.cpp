// Login, resume, back-off and acknowledgement: transcripts beside RFC 6120 and XEP-0198.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/webclient/play.hpp"

namespace {

using namespace std::chrono_literals;
using namespace webclient;
using testing::HasSubstr;
using testing::Not;
using tests::Play;

constexpr std::string_view ask = "<r xmlns='urn:xmpp:sm:3'/>";
std::string answer(int h) {
  return "<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(h) + "'/>\n";
}

// A page with everything there is has arrived, which shows the texts of this conversation.
void reads(Play& play, std::string_view address) {
  const auto shown = address.empty() ? ConversationId{} : play.row(address).id;
  play.does([&](Client& client, auto now, auto& out) {
    client.mark_read(shown, now, out);
    client.put_on(PageId::still, shown);
    client.seen({client.mark(), shown, PageId::still}, now, out);
  });
}

constexpr std::string_view hello =
    "<message from='romeo@example.net/orchard' type='chat' id='m1'><body>hello</body></message>";

MessageId send(Play& play, std::string_view to, std::string_view text, std::string* said = nullptr) {
  MessageId id{};
  const auto out = play.does([&](Client& client, auto now, auto& actions) {
    const auto chat = client.start_chat(to, now, actions);
    EXPECT_EQ(chat.problem, Problem::none);
    const auto sent = client.send(chat.conversation, text, now, actions);
    EXPECT_EQ(sent.problem, Problem::none);
    id = sent.id;
  });
  if (said != nullptr) *said = out;
  return id;
}

Delivery delivery(const Play& play, std::string_view to, MessageId id) {
  return play.model().find(play.row(to), id)->delivery;
}

// Z-008.
TEST(ClientStream, LogsInAndBeginsASession) {
  Play play;
  EXPECT_EQ(play.model().account().link, LinkState::connecting);
  const auto said = play.logs_in();
  EXPECT_THAT(said, HasSubstr("<enable xmlns='urn:xmpp:sm:3' resume='true'/>"));
  EXPECT_THAT(said, HasSubstr("jabber:iq:roster"));
  EXPECT_THAT(said, HasSubstr("<presence>"));
  EXPECT_THAT(said, HasSubstr("urn:xmpp:carbons:2"));
  EXPECT_EQ(play.model().account().link, LinkState::online);
  EXPECT_EQ(play.model().account().address, "julia@example.org");
}

TEST(ClientStream, SaysWhyALoginFailed) {
  struct Case {
    const char* condition;
    Problem problem;
  };
  for (const auto& [condition, problem] :
       {Case{"not-authorized", Problem::wrong_password}, Case{"account-disabled", Problem::account_disabled},
        Case{"credentials-expired", Problem::password_expired},
        Case{"temporary-auth-failure", Problem::login_failed}}) {
    Play play;
    play.does([](Client& client, auto now, auto& out) { client.start(now, out); });
    play.client->secured({true, {}});
    play.hears(tests::stream_header);
    play.hears(
        "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>"
        "</mechanisms></stream:features>");
    EXPECT_EQ(
        play.hears("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><" + std::string(condition) + "/></failure>"),
        "[end]\n");
    EXPECT_EQ(play.model().account().problem, problem) << condition;
    EXPECT_TRUE(play.client->ended());
    EXPECT_EQ(play.client->deadline(), xmpp::never);
  }
}

TEST(ClientStream, SendsNoPasswordInTheClear) {
  Play play;
  play.does([](Client& client, auto now, auto& out) { client.start(now, out); });
  play.client->secured({false, {}});
  play.hears(tests::stream_header);
  EXPECT_EQ(play.hears("<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN"
                       "</mechanism></mechanisms></stream:features>"),
            "[end]\n");
  EXPECT_EQ(play.model().account().problem, Problem::encryption_required);
}

TEST(ClientStream, AServerThatCannotBeReachedIsToldAtOnce) {
  Play play;
  play.does([](Client& client, auto now, auto& out) { client.start(now, out); });
  EXPECT_EQ(play.closes(xmpp::EndReason::server_unreachable), "[end]\n");
  EXPECT_EQ(play.model().account().problem, Problem::server_unreachable);
}

TEST(ClientStream, AServerThatSaysNothingIsLeft) {
  Play play;
  play.does([](Client& client, auto now, auto& out) { client.start(now, out); });
  EXPECT_EQ(play.waits(29s), "");
  EXPECT_EQ(play.waits(2s), "[end]\n");
  EXPECT_EQ(play.model().account().problem, Problem::timed_out);
}

TEST(ClientStream, AGuestHasTheAddressItIsGiven) {
  Play play({}, xmpp::SaslKind::anonymous);
  EXPECT_EQ(play.model().account().address, "");
  play.does([](Client& client, auto now, auto& out) { client.start(now, out); });
  play.authenticates(tests::bound_features);
  EXPECT_THAT(play.sent[0], HasSubstr("ANONYMOUS"));
  play.answers("xmpp-bind",
               "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>x1@guest.example.org/web</jid></bind>");
  EXPECT_TRUE(play.model().account().guest);
  EXPECT_EQ(play.model().account().address, "x1@guest.example.org");
}

// ---- XEP-0198

TEST(ClientStream, AMessageIsSentWhenTheServerSaysSo) {
  Play play;
  play.logs_in();
  const auto before =
      std::count_if(play.sent.begin(), play.sent.end(),
                    [](const auto& bytes) { return bytes.starts_with("<iq") || bytes.starts_with("<presence"); }) -
      1;  // the bind is before <enable/>
  std::string said;
  const auto id = send(play, "romeo@example.net", "hi", &said);
  EXPECT_THAT(said, HasSubstr("<body>hi</body>"));
  EXPECT_THAT(said, HasSubstr("<r xmlns='urn:xmpp:sm:3'/>"));
  EXPECT_EQ(delivery(play, "romeo@example.net", id), Delivery::waiting);
  play.hears("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(before) + "'/>");
  EXPECT_EQ(delivery(play, "romeo@example.net", id), Delivery::waiting);
  play.hears("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(before + 1) + "'/>");
  EXPECT_EQ(delivery(play, "romeo@example.net", id), Delivery::sent);
}

TEST(ClientStream, WithoutStreamManagementAMessageIsSentWhenItIsWritten) {
  Play play;
  play.does([](Client& client, auto now, auto& out) { client.start(now, out); });
  play.authenticates("<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>");
  play.answers("xmpp-bind", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>julia@example.org/web</jid></bind>");
  std::string said;
  const auto id = send(play, "romeo@example.net", "hi", &said);
  EXPECT_THAT(said, Not(HasSubstr("urn:xmpp:sm:3")));
  EXPECT_EQ(delivery(play, "romeo@example.net", id), Delivery::sent);
}

// U-060: what no reader has seen stays the server's.
TEST(ClientStream, AcknowledgesWhatAReaderHas) {
  Play play;
  play.logs_in();
  play.hears(hello);
  play.hears(hello);
  EXPECT_EQ(play.hears("<r xmlns='urn:xmpp:sm:3'/>"), "<a xmlns='urn:xmpp:sm:3' h='0'/>\n");
  reads(play, "romeo@example.net");
  EXPECT_EQ(play.hears("<r xmlns='urn:xmpp:sm:3'/>"), "<a xmlns='urn:xmpp:sm:3' h='2'/>\n");
  for (int i = 0; i < 501; ++i) play.hears("<presence from='a@b/c'/>");
  // A server gives up on who acknowledges nothing for ever.
  EXPECT_EQ(play.hears("<r xmlns='urn:xmpp:sm:3'/>"), "<a xmlns='urn:xmpp:sm:3' h='103'/>\n");
}

// Else a server would count from somewhere that we do not.
TEST(ClientStream, BelievesOneAnswerToItsEnable) {
  Play play;
  play.logs_in();
  play.hears(hello);
  reads(play, "romeo@example.net");
  play.hears("<enabled xmlns='urn:xmpp:sm:3' id='y' resume='true'/>");
  EXPECT_EQ(play.hears("<r xmlns='urn:xmpp:sm:3'/>"), "<a xmlns='urn:xmpp:sm:3' h='1'/>\n");
}

// Whoever looks at the list, or at somebody else, has not got the text.
TEST(ClientStream, AcknowledgesNothingBeyondAMessageThatNobodyHasRead) {
  Play play;
  play.logs_in();
  play.hears("<presence from='romeo@example.net/orchard'/>");
  play.hears(hello);
  play.hears("<message from='nurse@example.net/hall' type='chat' id='m2'><body>Madam!</body></message>");
  reads(play, "");
  EXPECT_EQ(play.hears(ask), answer(1));
  reads(play, "nurse@example.net");
  EXPECT_EQ(play.hears(ask), answer(1));
  reads(play, "romeo@example.net");
  EXPECT_EQ(play.hears(ask), answer(3));
}

// U-063: the server says it again on the new stream, and it is still for nobody but a reader to confirm.
TEST(ClientStream, HoldsWhatComesAgainOnANewStream) {
  Play play;
  play.logs_in();
  play.hears(hello);
  play.closes();
  play.waits(1s);
  play.authenticates(tests::bound_features);
  play.hears("<failed xmlns='urn:xmpp:sm:3'/>");
  play.answers("xmpp-bind", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>julia@example.org/web</jid></bind>");
  play.hears("<enabled xmlns='urn:xmpp:sm:3' id='another' resume='true'/>");
  play.hears(hello);
  EXPECT_EQ(play.texts("romeo@example.net"), "[hello]");
  reads(play, "");
  EXPECT_EQ(play.hears(ask), answer(0));
  reads(play, "romeo@example.net");
  EXPECT_EQ(play.hears(ask), answer(1));
}

// U-063: the reader notices nothing.
// Those that the server counts: not the bind, which is before <enable/>.
auto counted_stanzas(const Play& play) {
  const auto is_stanza = [](const std::string& bytes) {
    return bytes.starts_with("<iq") || bytes.starts_with("<presence") || bytes.starts_with("<message");
  };
  return std::count_if(play.sent.begin(), play.sent.end(), is_stanza) - 1;
}

TEST(ClientStream, ResumesAndSendsAgainWhatWasOnItsWay) {
  Play play;
  play.logs_in();
  play.hears("<message from='romeo@example.net/o' type='chat' id='m1'><body>one</body></message>");
  const auto first = send(play, "romeo@example.net", "first");
  EXPECT_EQ(play.closes(), "");
  EXPECT_EQ(play.model().account().link, LinkState::reconnecting);
  const auto second = send(play, "romeo@example.net", "second");  // written while there is no link
  EXPECT_EQ(play.waits(1s), "[open]\n");
  EXPECT_EQ(play.authenticates(tests::bound_features),
            "<resume h=\"0\" previd=\"resume-me\" xmlns=\"urn:xmpp:sm:3\"/>\n");
  // The server had everything up to "first".
  const auto said = play.hears("<resumed xmlns='urn:xmpp:sm:3' previd='resume-me' h='" +
                               std::to_string(counted_stanzas(play)) + "'/>");
  EXPECT_THAT(said, HasSubstr("second"));
  EXPECT_THAT(said, Not(HasSubstr("first")));
  EXPECT_EQ(delivery(play, "romeo@example.net", first), Delivery::sent);
  EXPECT_EQ(delivery(play, "romeo@example.net", second), Delivery::waiting);
  EXPECT_EQ(play.model().account().link, LinkState::online);
  // What was handled but not acknowledged comes again, and is not shown twice.
  play.hears("<message from='romeo@example.net/o' type='chat' id='m1'><body>one</body></message>");
  play.hears("<message from='romeo@example.net/o' type='chat' id='m2'><body>two</body></message>");
  EXPECT_EQ(play.texts("romeo@example.net"), "[one]me[first]me[second][two]");
  reads(play, "romeo@example.net");
  EXPECT_EQ(play.hears("<r xmlns='urn:xmpp:sm:3'/>"), "<a xmlns='urn:xmpp:sm:3' h='2'/>\n");
}

// What a page shows meanwhile, the server has not heard of: it sends that again, and it counts once.
TEST(ClientStream, WhatIsReadDuringAResumeIsCountedOnce) {
  Play play;
  play.logs_in();
  play.hears("<message from='romeo@example.net/o' type='chat' id='m1'><body>one</body></message>");
  play.closes();
  play.waits(1s);
  EXPECT_THAT(play.authenticates(tests::bound_features), HasSubstr("<resume h=\"0\""));
  reads(play, "romeo@example.net");
  play.hears("<resumed xmlns='urn:xmpp:sm:3' previd='resume-me' h='" + std::to_string(counted_stanzas(play)) + "'/>");
  play.hears("<message from='romeo@example.net/o' type='chat' id='m1'><body>one</body></message>");
  EXPECT_EQ(play.texts("romeo@example.net"), "[one]");
  play.hears("<message from='romeo@example.net/o' type='chat' id='m2'><body>two</body></message>");
  reads(play, "romeo@example.net");
  EXPECT_EQ(play.hears("<r xmlns='urn:xmpp:sm:3'/>"), "<a xmlns='urn:xmpp:sm:3' h='2'/>\n");
}

TEST(ClientStream, TheSecondLoginIsNoWeakerThanTheFirst) {
  Play play;
  play.logs_in();
  play.closes();
  play.waits(1s);
  play.client->secured({false, {}});
  play.hears(tests::stream_header);
  EXPECT_EQ(play.hears("<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN"
                       "</mechanism></mechanisms></stream:features>"),
            "[end]\n");
  EXPECT_EQ(play.model().account().problem, Problem::encryption_required);
}

// The server has an archive: what was on its way waits until that has shown what has arrived.
std::string hears_of_an_archive(Play& play) {
  play.logs_in();
  play.answers("disco#info", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "example.org");
  return play.has_archive();
}

void has_an_archive(Play& play) {
  hears_of_an_archive(play);
  play.hears(
      "<message from='romeo@example.net/o' type='chat' id='m1'><body>one</body>"
      "<stanza-id xmlns='urn:xmpp:sid:0' by='julia@example.org' id='arch-1'/></message>");
}

// To the question to the archive.
std::string does_not_resume(Play& play) {
  EXPECT_THAT(play.reconnects(), HasSubstr("<resume"));
  EXPECT_THAT(play.hears("<failed xmlns='urn:xmpp:sm:3'><item-not-found "
                         "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"),
              HasSubstr("xmpp-bind"));
  return play.answers("xmpp-bind",
                      "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>julia@example.org/web2</jid></bind>");
}

std::string archive_ends(Play& play) {
  return play.hears("<iq type='result' id='" + play.id_of("<after>arch-1") +
                    "'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>");
}

TEST(ClientStream, AResumeThatFailsIsANewSessionWithNothingLostOrDoubled) {
  Play play;
  has_an_archive(play);
  const auto arrived = send(play, "romeo@example.net", "arrived");
  const auto arrived_id = play.id_of("arrived");
  const auto lost = send(play, "romeo@example.net", "lost");
  const auto begun = does_not_resume(play);
  EXPECT_THAT(begun, HasSubstr("<after>arch-1</after>"));
  EXPECT_THAT(begun, Not(HasSubstr("lost")));  // first the archive tells what has arrived
  const auto query = begun.substr(begun.find("queryid=\"") + 9);
  const auto queryid = query.substr(0, query.find('"'));
  const auto result = [&](const std::string& id, const std::string& inner) {
    return "<message from='julia@example.org'><result xmlns='urn:xmpp:mam:2' queryid='" + queryid + "' id='" + id +
           "'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:09Z'/>" +
           inner + "</forwarded></result></message>";
  };
  play.hears(result("arch-2",
                    "<message xmlns='jabber:client' from='julia@example.org/web' to='romeo@example.net' "
                    "type='chat' id='" +
                        arrived_id + "'><body>arrived</body></message>"));
  play.hears(result("arch-3",
                    "<message xmlns='jabber:client' from='romeo@example.net/o' to='julia@example.org' "
                    "type='chat' id='m9'><body>missed</body></message>"));
  const auto after = archive_ends(play);
  EXPECT_THAT(after, HasSubstr("lost"));
  EXPECT_THAT(after, Not(HasSubstr("arrived")));
  EXPECT_EQ(delivery(play, "romeo@example.net", arrived), Delivery::sent);
  EXPECT_EQ(delivery(play, "romeo@example.net", lost), Delivery::waiting);
  EXPECT_THAT(play.texts("romeo@example.net"), HasSubstr("[missed]"));
  EXPECT_EQ(play.row("romeo@example.net").messages.size(), 4U);
  EXPECT_EQ(play.row("romeo@example.net").unread, 1U);
}

// Nothing has come live whose place in the archive was told: its end was asked for at the login.
TEST(ClientStream, WhatWasMissedIsAskedForFromTheLogin) {
  for (const bool was_empty : {false, true}) {
    Play play;
    EXPECT_THAT(hears_of_an_archive(play), HasSubstr("<max>1</max><before></before>"));
    const std::string end = "<set xmlns='http://jabber.org/protocol/rsm'><last>end</last></set>";
    play.answers("<max>1</max>", "<fin xmlns='urn:xmpp:mam:2' complete='true'>" + (was_empty ? "" : end) + "</fin>");
    send(play, "romeo@example.net", "on its way");
    const auto begun = does_not_resume(play);
    EXPECT_THAT(begun, HasSubstr(was_empty ? "<max>100</max></set>" : "<after>end</after>"));
    EXPECT_THAT(begun, Not(HasSubstr("on its way")));
    const auto after = play.answers("<max>100</max>", "<fin xmlns='urn:xmpp:mam:2' complete='true'/>");
    EXPECT_THAT(after, HasSubstr("on its way"));
  }
}

// What is written meanwhile does not overtake it.
TEST(ClientStream, WhatWaitsForTheArchiveGoesOutInItsOrder) {
  Play play;
  has_an_archive(play);
  send(play, "romeo@example.net", "first");
  does_not_resume(play);
  std::string said;
  const auto second = send(play, "romeo@example.net", "second", &said);
  EXPECT_THAT(said, Not(HasSubstr("second")));
  EXPECT_EQ(delivery(play, "romeo@example.net", second), Delivery::waiting);
  const auto after = archive_ends(play);
  const auto at = after.find("first");
  ASSERT_NE(at, std::string::npos);
  EXPECT_NE(after.find("second", at), std::string::npos);
}

// Nobody will ask the archive again: rather twice than not at all.
TEST(ClientStream, WhatWaitsForTheArchiveGoesOutAtTheEnd) {
  Play play;
  has_an_archive(play);
  send(play, "romeo@example.net", "on its way");
  does_not_resume(play);
  EXPECT_THAT(play.does([](Client& client, auto now, auto& out) { client.log_out(now, out); }),
              HasSubstr("on its way"));
}

TEST(ClientStream, AnImpossibleCountEndsTheStream) {
  for (const char* bad : {"4000000000", "1000", "x", ""}) {
    Play play;
    play.logs_in();
    play.hears("<a xmlns='urn:xmpp:sm:3' h='" + std::string(bad) + "'/>");
    EXPECT_EQ(play.model().account().link, LinkState::reconnecting) << bad;
  }
}

TEST(ClientStream, RetriesMoreAndMoreSlowlyAndThenGivesUp) {
  Play play;
  play.logs_in();
  play.closes();
  std::size_t tries = 0;
  xmpp::Duration last{};
  while (!play.client->ended()) {
    const auto before = play.now;
    const auto wait = play.client->deadline() - play.now;
    const auto said = play.waits(wait);
    if (said.find("[open]") != std::string::npos) {
      ++tries;
      last = play.now - before;
      EXPECT_LE(last, 60s);
      play.closes(xmpp::EndReason::server_unreachable);
    }
    ASSERT_LT(tries, 60U);
  }
  EXPECT_GT(tries, 10U);
  EXPECT_GE(last, 30s);
  EXPECT_EQ(play.model().account().problem, Problem::server_unreachable);
}

TEST(ClientStream, ASilentServerIsTriedOutAndThenLeft) {
  Play play;
  play.logs_in();
  play.waits(59s);
  EXPECT_THAT(play.waits(2s), HasSubstr("<r xmlns='urn:xmpp:sm:3'/>"));
  EXPECT_EQ(play.model().account().link, LinkState::online);
  play.waits(20s);
  EXPECT_EQ(play.model().account().link, LinkState::reconnecting);
}

TEST(ClientStream, AServerThatAnswersIsKept) {
  Play play;
  play.logs_in();
  for (int i = 0; i < 5; ++i) {
    play.waits(61s);
    play.hears("<presence from='example.org'/>");
  }
  EXPECT_EQ(play.model().account().link, LinkState::online);
}

TEST(ClientStream, AnotherLoginInOurPlaceIsTheEnd) {
  Play play;
  play.logs_in();
  play.hears("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
  EXPECT_EQ(play.closes(xmpp::EndReason::server_error), "[end]\n");
  EXPECT_EQ(play.model().account().problem, Problem::replaced);
}

TEST(ClientStream, ARestartOfTheServerIsNot) {
  Play play;
  play.logs_in();
  play.hears("<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
  EXPECT_EQ(play.closes(xmpp::EndReason::server_error), "");
  EXPECT_EQ(play.model().account().link, LinkState::reconnecting);
}

TEST(ClientStream, LogsOut) {
  Play play;
  play.logs_in();
  const auto said = play.does([](Client& client, auto now, auto& out) { client.log_out(now, out); });
  EXPECT_EQ(said, "<presence type=\"unavailable\"/>\n<a xmlns='urn:xmpp:sm:3' h='0'/>\n[end]\n");
  EXPECT_EQ(play.model().account().link, LinkState::ended);
  EXPECT_EQ(play.hears(hello), "");
  EXPECT_EQ(play.does([](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.start_chat("romeo@example.net", now, out).problem, Problem::offline);
    client.log_out(now, out);
  }),
            "");
}

TEST(ClientStream, TheGatewayMayEndIt) {
  Play play;
  play.logs_in();
  EXPECT_THAT(play.closes(xmpp::EndReason::shutdown), HasSubstr("[end]"));
  EXPECT_EQ(play.model().account().problem, Problem::shutting_down);
}

TEST(ClientStream, WhatCannotBeKeptIsRefused) {
  Play play;
  play.logs_in();
  Problem last = Problem::none;
  int sent = 0;
  play.does([&](Client& client, auto now, auto& out) {
    const auto chat = client.start_chat("romeo@example.net", now, out);
    for (; last == Problem::none && sent < 2000; ++sent) last = client.send(chat.conversation, "x", now, out).problem;
  });
  EXPECT_EQ(last, Problem::offline);
  EXPECT_GT(sent, 500);
}

// The same inputs give the same actions, byte for byte.
TEST(ClientStream, IsDeterministic) {
  const auto run = [] {
    Play play;
    play.logs_in();
    send(play, "romeo@example.net", "hi");
    play.reconnects();
    return play.sent;
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
