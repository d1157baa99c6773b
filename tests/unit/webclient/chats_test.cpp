// Messages between people: transcripts beside RFC 6121 5, XEP-0085, 0184, 0203, 0280, 0308 and 0359.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/webclient/messages.hpp"
#include "tests/unit/webclient/play.hpp"

namespace {

using namespace std::chrono_literals;
using namespace webclient;
using testing::HasSubstr;
using tests::chat;
using tests::inner;
using tests::Play;
using tests::send;

std::string carbon(std::string_view from, std::string_view kind, std::string_view inner) {
  return "<message from='" + std::string(from) + "' to='julia@example.org/web'><" + std::string(kind) +
         " xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>" + std::string(inner) + "</forwarded></" +
         std::string(kind) + "></message>";
}

const Message& message(const Play& play, std::string_view address, std::size_t index) {
  return play.row(address).messages.at(index);
}

class ChatsTest : public testing::Test {
 protected:
  ChatsTest() { play.logs_in(); }
  void befriend(std::string_view address, std::string_view subscription = "both") {
    play.hears("<iq type='set' id='push'><query xmlns='jabber:iq:roster'><item jid='" + std::string(address) +
               "' subscription='" + std::string(subscription) + "'/></query></iq>");
  }
  Play play;
};

TEST_F(ChatsTest, AMessageOpensAConversation) {
  EXPECT_EQ(play.hears(chat("Romeo@Example.NET/orchard", "hello &lt;b&gt;")), "");
  const auto& row = play.row("romeo@example.net");
  EXPECT_TRUE(row.listed());
  EXPECT_EQ(row.unread, 1U);
  EXPECT_EQ(row.messages.front().text, "hello <b>");
  EXPECT_EQ(row.messages.front().direction, Direction::incoming);
  EXPECT_EQ(row.messages.front().when, WallTime{} + std::chrono::hours(24 * 365 * 50));
  EXPECT_FALSE(row.messages.front().delayed);
  play.does([&](Client& client, auto now, auto& out) { client.open_conversation(row.id, now, out); });
  EXPECT_EQ(row.unread, 0U);
}

TEST_F(ChatsTest, TheTimeIsThatOfTheServer) {
  const auto delay = [](const char* from) {
    return "<delay xmlns='urn:xmpp:delay' from='" + std::string(from) + "' stamp='2002-09-10T23:08:25Z'/>";
  };
  play.hears(chat("romeo@example.net", "offline", delay("example.org")));
  EXPECT_TRUE(message(play, "romeo@example.net", 0).delayed);
  EXPECT_EQ(message(play, "romeo@example.net", 0).when, WallTime{} + std::chrono::seconds(1031699305));
  play.hears(chat("romeo@example.net", "forged", delay("romeo@example.net")));
  EXPECT_FALSE(message(play, "romeo@example.net", 1).delayed);
}

// Somebody may set it while a session lives: what is written and what comes from then on has the time it says.
TEST_F(ChatsTest, TheTimeFollowsTheClockOnTheWall) {
  const auto one = send(play, "romeo@example.net", "early").id;
  const auto early = play.model().find(play.row("romeo@example.net"), one)->when;
  play.now += std::chrono::hours(1);
  play.client->set_clock(play.now, early + std::chrono::hours(9000));
  play.now += std::chrono::seconds(5);
  const auto two = send(play, "romeo@example.net", "late").id;
  play.hears(chat("romeo@example.net/o", "reply"));
  const auto late = early + std::chrono::hours(9000) + std::chrono::seconds(5);
  EXPECT_EQ(play.model().find(play.row("romeo@example.net"), two)->when, late);
  EXPECT_EQ(play.row("romeo@example.net").messages.back().when, late);
}

TEST_F(ChatsTest, MeIsAMark) {
  play.hears(chat("romeo@example.net", "/me waves"));
  EXPECT_TRUE(message(play, "romeo@example.net", 0).me);
  EXPECT_EQ(message(play, "romeo@example.net", 0).text, "waves");
  play.hears(chat("romeo@example.net", "/meow"));
  EXPECT_FALSE(message(play, "romeo@example.net", 1).me);
}

TEST_F(ChatsTest, AFileIsALink) {
  play.hears(chat("romeo@example.net", "https://example.net/a.png",
                  "<x xmlns='jabber:x:oob'><url>https://example.net/a.png</url></x>"));
  EXPECT_EQ(message(play, "romeo@example.net", 0).link, "https://example.net/a.png");
  play.hears(chat("romeo@example.net", "x", "<x xmlns='jabber:x:oob'><url>javascript:alert(1)</url></x>"));
  EXPECT_EQ(message(play, "romeo@example.net", 1).link, "");
}

TEST_F(ChatsTest, SendsWhatTheReaderWrites) {
  const auto sent = send(play, "romeo@example.net/orchard", "/me is\r\nhere \n");
  ASSERT_EQ(sent.problem, Problem::none);
  const auto& stanza = play.sent.at(play.sent.size() - 2);
  EXPECT_THAT(stanza, HasSubstr("to=\"romeo@example.net\""));
  EXPECT_THAT(stanza, HasSubstr("<body>/me is\nhere</body>"));
  EXPECT_THAT(stanza, HasSubstr("<request xmlns=\"urn:xmpp:receipts\"/>"));
  EXPECT_EQ(play.texts("romeo@example.net"), "me[is\nhere]");
  EXPECT_TRUE(message(play, "romeo@example.net", 0).me);
}

TEST_F(ChatsTest, RefusesWhatCannotBeSent) {
  EXPECT_EQ(send(play, "romeo@example.net", " \n ").problem, Problem::empty_text);
  EXPECT_EQ(send(play, "romeo@example.net", "\x01\u202e").problem, Problem::empty_text);
  EXPECT_EQ(send(play, "romeo@example.net", std::string(4001, 'x')).problem, Problem::text_too_long);
  std::string euros;
  for (int i = 0; i < 4000; ++i) euros += "\u20ac";
  EXPECT_EQ(send(play, "romeo@example.net", euros).problem, Problem::none);
  play.does([](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.send(ConversationId{99}, "x", now, out).problem, Problem::no_such_conversation);
    for (const char* bad : {"", "example.org", "@example.org", "a@b@c", "a b@example.org"}) {
      EXPECT_EQ(client.start_chat(bad, now, out).problem, Problem::bad_address) << bad;
    }
    EXPECT_EQ(client.start_chat("Julia@example.org/x", now, out).problem, Problem::own_address);
  });
}

// XEP-0184.
TEST_F(ChatsTest, AReceiptOfTheOtherSideCounts) {
  send(play, "romeo@example.net", "hi");
  const auto id = play.id_of("<body>hi");
  const auto receipt = "<received xmlns='urn:xmpp:receipts' id='" + id + "'/>";
  play.hears(chat("mallory@example.net/x", "", receipt));
  EXPECT_EQ(message(play, "romeo@example.net", 0).delivery, Delivery::waiting);
  EXPECT_EQ(play.model().find("mallory@example.net"), nullptr);
  play.hears(chat("romeo@example.net/orchard", "", receipt));
  EXPECT_EQ(message(play, "romeo@example.net", 0).delivery, Delivery::delivered);
}

TEST_F(ChatsTest, ReceiptsGoToWhoMaySeeUs) {
  const auto with_request = chat("romeo@example.net/orchard", "hi", "<request xmlns='urn:xmpp:receipts'/>", "r1");
  EXPECT_EQ(play.hears(with_request), "");
  befriend("romeo@example.net", "to");
  EXPECT_EQ(play.hears(with_request), "");
  befriend("romeo@example.net", "from");
  const auto said = play.hears(chat("romeo@example.net/orchard", "ho", "<request xmlns='urn:xmpp:receipts'/>", "r2"));
  EXPECT_THAT(said, HasSubstr("<received id=\"r2\" xmlns=\"urn:xmpp:receipts\"/>"));
  EXPECT_THAT(said, HasSubstr("to=\"romeo@example.net/orchard\""));
}

TEST_F(ChatsTest, AnErrorStandsBesideTheMessage) {
  send(play, "romeo@example.net", "hi");
  const auto id = play.id_of("<body>hi");
  const auto error = [&](const char* from) {
    return "<message type='error' from='" + std::string(from) + "' id='" + id +
           "'><error type='cancel'><service-unavailable "
           "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>";
  };
  play.hears(error("mallory@example.net"));
  EXPECT_EQ(message(play, "romeo@example.net", 0).delivery, Delivery::waiting);
  play.hears(error("romeo@example.net"));
  EXPECT_EQ(message(play, "romeo@example.net", 0).delivery, Delivery::failed);
  EXPECT_EQ(message(play, "romeo@example.net", 0).problem, Problem::service_unavailable);
}

// XEP-0085.
TEST_F(ChatsTest, AMessageEndsTheTypingThatAnnouncedIt) {
  play.hears(chat("romeo@example.net/o", "first"));
  play.hears(chat("romeo@example.net/o", "", "<composing xmlns='http://jabber.org/protocol/chatstates'/>"));
  EXPECT_EQ(play.row("romeo@example.net").typing, Typing::composing);
  play.hears(chat("romeo@example.net/o", "typed"));
  EXPECT_EQ(play.row("romeo@example.net").typing, Typing::no);
}

TEST_F(ChatsTest, TypingIsShownForAWhile) {
  const std::string composing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
  play.hears(chat("romeo@example.net/o", "", composing));
  EXPECT_EQ(play.model().find("romeo@example.net"), nullptr);  // a stranger does not get into the list by typing
  befriend("romeo@example.net");
  play.hears(chat("romeo@example.net/o", "", composing));
  EXPECT_EQ(play.row("romeo@example.net").typing, Typing::composing);
  play.hears(chat("romeo@example.net/o", "done", "<active xmlns='http://jabber.org/protocol/chatstates'/>"));
  EXPECT_EQ(play.row("romeo@example.net").typing, Typing::no);
  play.hears(chat("romeo@example.net/o", "", composing));
  for (int i = 0; i < 3; ++i) {
    play.waits(50s);
    play.hears("<presence from='example.org'/>");
  }
  EXPECT_EQ(play.row("romeo@example.net").typing, Typing::no);
}

// XEP-0308.
TEST_F(ChatsTest, ACorrectionReplacesWhatTheSameSideWrote) {
  play.hears(chat("romeo@example.net/o", "helo", "", "m1"));
  play.hears(chat("romeo@example.net/o", "hello", "<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>", "m2"));
  play.hears(chat("romeo@example.net/o", "hello!", "<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>", "m3"));
  EXPECT_EQ(message(play, "romeo@example.net", 0).replaced_by, message(play, "romeo@example.net", 1).id);
  EXPECT_EQ(message(play, "romeo@example.net", 1).replaced_by, message(play, "romeo@example.net", 2).id);
  EXPECT_EQ(message(play, "romeo@example.net", 2).replaces, message(play, "romeo@example.net", 1).id);
  // Ours is not theirs to correct.
  send(play, "romeo@example.net", "mine");
  const auto id = play.id_of("<body>mine");
  play.hears(
      chat("romeo@example.net/o", "yours", "<replace xmlns='urn:xmpp:message-correct:0' id='" + id + "'/>", "m4"));
  EXPECT_FALSE(message(play, "romeo@example.net", 3).replaced_by);
  EXPECT_FALSE(message(play, "romeo@example.net", 4).replaces);
  play.hears(chat("mallory@example.net/o", "x", "<replace xmlns='urn:xmpp:message-correct:0' id='m3'/>", "m5"));
  EXPECT_FALSE(message(play, "romeo@example.net", 2).replaced_by);
}

TEST_F(ChatsTest, CorrectsItsOwn) {
  play.hears(chat("romeo@example.net/o", "hey", "", "m1"));
  const auto first = send(play, "romeo@example.net", "helo");
  const auto first_id = play.id_of("<body>helo");
  const auto conversation = play.row("romeo@example.net").id;
  Chats::Sent second, third;
  play.does([&](Client& client, auto now, auto& out) {
    second = client.correct(conversation, first.id, "hello", now, out);
    third = client.correct(conversation, second.id, "hello!", now, out);
    EXPECT_EQ(client.correct(conversation, MessageId{99}, "x", now, out).problem, Problem::no_such_message);
    const auto theirs = play.row("romeo@example.net").messages[0].id;
    EXPECT_EQ(client.correct(conversation, theirs, "x", now, out).problem, Problem::not_ours);
  });
  EXPECT_THAT(play.sent[play.sent.size() - 1], HasSubstr("<replace id=\"" + first_id + "\""));
  EXPECT_EQ(play.model().find(play.row("romeo@example.net"), first.id)->replaced_by, second.id);
  EXPECT_EQ(play.model().find(play.row("romeo@example.net"), second.id)->replaced_by, third.id);
}

// XEP-0280.
TEST_F(ChatsTest, CarbonsOfOurOwnAccount) {
  play.hears(
      carbon("julia@example.org", "sent", inner("julia@example.org/phone", "romeo@example.net", "from my phone")));
  play.hears(
      carbon("julia@example.org", "received", inner("romeo@example.net/o", "julia@example.org/phone", "to my phone")));
  EXPECT_EQ(play.texts("romeo@example.net"), "me[from my phone][to my phone]");
  EXPECT_EQ(message(play, "romeo@example.net", 0).delivery, Delivery::sent);
  EXPECT_EQ(play.row("romeo@example.net").unread, 1U);
  // Writing elsewhere is reading.
  play.hears(carbon("julia@example.org", "sent", inner("julia@example.org/phone", "romeo@example.net", "again")));
  EXPECT_EQ(play.row("romeo@example.net").unread, 0U);
}

TEST_F(ChatsTest, ForgedCarbonsAreNothing) {
  const auto words = inner("romeo@example.net/o", "julia@example.org/phone", "I never said that");
  play.hears(carbon("mallory@example.net", "received", words));
  play.hears(carbon("julia@example.org/phone", "received", words));
  play.hears(carbon("julia@example.org.evil", "sent", inner("julia@example.org/phone", "romeo@example.net", "nor I")));
  // Direction and kind must fit.
  play.hears(carbon("julia@example.org", "sent", words));
  play.hears(
      "<message from='mallory@example.net' type='chat'><body>cover</body><received xmlns='urn:xmpp:carbons:2'>"
      "<forwarded xmlns='urn:xmpp:forward:0'>" +
      words + "</forwarded></received></message>");
  EXPECT_EQ(play.model().find("romeo@example.net"), nullptr);
  EXPECT_EQ(play.model().find("mallory@example.net"), nullptr);
}

// XEP-0359.
TEST_F(ChatsTest, TheSameMessageTwiceIsOne) {
  const std::string by_us = "<stanza-id xmlns='urn:xmpp:sid:0' by='julia@example.org' id='a1'/>";
  play.hears(chat("romeo@example.net/o", "once", by_us, "m1"));
  play.hears(chat("romeo@example.net/o", "once", by_us, "m1"));
  EXPECT_EQ(play.texts("romeo@example.net"), "[once]");
  // An archive id that a contact has made up hides nothing.
  const std::string by_them = "<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@example.net' id='a1'/>";
  play.hears(chat("romeo@example.net/o", "twice", by_them, "m2"));
  EXPECT_EQ(play.texts("romeo@example.net"), "[once][twice]");
}

std::string archived_as(std::string_view id) {
  return "<stanza-id xmlns='urn:xmpp:sid:0' by='julia@example.org' id='" + std::string(id) + "'/>";
}

// RFC 6120 8.1.3: an id is unique within one stream; a library that counts from a constant begins again at every start.
TEST_F(ChatsTest, AnotherMessageUnderTheSameIdIsAnother) {
  play.hears(chat("romeo@example.net/o", "good night", {}, "1"));
  play.hears(chat("romeo@example.net/o", "good morning", {}, "1"));
  play.hears(chat("romeo@example.net/o", "/me good morning", {}, "1"));
  play.hears(chat("romeo@example.net/o", "good morning", {}, "1"));  // sent again
  EXPECT_EQ(play.texts("romeo@example.net"), "[good night][good morning][good morning]");
  for (const char* url : {"https://example.net/a", "https://example.net/b"}) {
    play.hears(chat("romeo@example.net/o", "", "<x xmlns='jabber:x:oob'><url>" + std::string(url) + "</url></x>", "1"));
  }
  EXPECT_EQ(play.row("romeo@example.net").messages.size(), 5U);
  for (const char* text : {"one", "two"}) {
    play.hears(
        carbon("julia@example.org", "sent", inner("julia@example.org/phone", "romeo@example.net", text, " id='1'")));
  }
  EXPECT_EQ(play.row("romeo@example.net").messages.size(), 7U);
}

TEST_F(ChatsTest, TheArchiveTellsTheSameWordsApart) {
  play.hears(chat("romeo@example.net/o", "yes", archived_as("a1"), "1"));
  play.hears(chat("romeo@example.net/o", "yes", archived_as("a2"), "1"));
  play.hears(chat("romeo@example.net/o", "yes", archived_as("a2"), "2"));
  EXPECT_EQ(play.texts("romeo@example.net"), "[yes][yes]");
}

// Of what is longer than the model keeps both copies are cut; and what has been corrected has kept its words.
TEST_F(ChatsTest, RecognisesCopiesOfWhatWasCutOrCorrected) {
  const std::string huge(20'000, 'W');
  for (int i = 0; i < 2; ++i) {
    play.hears(chat("romeo@example.net/o", huge, {}, "1"));
    play.hears(chat("romeo@example.net/o", "helo", {}, "2"));
    play.hears(chat("romeo@example.net/o", "hello", "<replace xmlns='urn:xmpp:message-correct:0' id='2'/>", "3"));
  }
  EXPECT_EQ(play.row("romeo@example.net").messages.size(), 3U);
}

// A filter of the server may have been at it.
TEST_F(ChatsTest, TheCopyOfOursIsOursWhateverItSays) {
  send(play, "romeo@example.net", "a rude word");
  const auto id = play.id_of("<body>a rude word");
  play.hears(carbon("julia@example.org", "sent",
                    inner("julia@example.org/web", "romeo@example.net", "a *** word", " id='" + id + "'")));
  EXPECT_EQ(play.texts("romeo@example.net"), "me[a rude word]");
}

// Z-007: names, texts and statuses of a hostile contact, in the size it likes.
TEST_F(ChatsTest, AHostileContactIsCutToSize) {
  befriend("mallory@example.net");
  const std::string huge(100 * 1024, 'W');
  play.hears(chat("mallory@example.net/o", huge));
  play.hears("<presence from='mallory@example.net/o'><status>&#x202e;" + huge + "</status></presence>");
  play.hears(chat("mallory@example.net/o", "&lt;/style&gt;&lt;script&gt;&#x202e;"));
  const auto& row = play.row("mallory@example.net");
  EXPECT_EQ(row.messages[0].text.size(), play.model().bounds().text);
  EXPECT_TRUE(row.messages[0].cut);
  EXPECT_EQ(row.messages[1].text, "</style><script>");
  EXPECT_LE(row.status.size(), play.model().bounds().status);
  EXPECT_EQ(row.status.find("\u202e"), std::string::npos);
}

TEST_F(ChatsTest, StrangersByTheThousandAreBounded) {
  for (int i = 0; i < 1000; ++i) play.hears(chat("spam" + std::to_string(i) + "@example.net", "buy"));
  EXPECT_LE(play.model().rows().size(), play.model().bounds().conversations);
}

}  // namespace
