// The archive of the account: transcripts beside XEP-0313 and 0059.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

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

const Message& message(const Play& play, std::string_view address, std::size_t index) {
  return play.row(address).messages.at(index);
}

class ArchiveTest : public testing::Test {
 protected:
  ArchiveTest() { play.logs_in(); }
  Play play;
};

std::string result(std::string_view queryid, std::string_view id, std::string_view stamp, std::string_view message,
                   std::string_view from = "julia@example.org") {
  return "<message from='" + std::string(from) + "'><result xmlns='urn:xmpp:mam:2' queryid='" + std::string(queryid) +
         "' id='" + std::string(id) + "'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='" +
         std::string(stamp) + "'/>" + std::string(message) + "</forwarded></result></message>";
}

std::string queryid_of(const std::string& said) {
  const auto at = said.find("queryid=\"") + 9;
  return said.substr(at, said.find('"', at) - at);
}

// Who is quick opens a conversation before the server has said that there is an archive.
TEST_F(ArchiveTest, HistoryIsLoadedAsSoonAsThereIsAnArchive) {
  play.hears(chat("romeo@example.net/o", "live", "", "m9"));
  const auto conversation = play.row("romeo@example.net").id;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(play.does([&](Client& client, auto now, auto& out) { client.open_conversation(conversation, now, out); }),
              "");
  }
  EXPECT_THAT(play.has_archive(), HasSubstr("<value>romeo@example.net</value>"));
  EXPECT_TRUE(play.row("romeo@example.net").history.loading);
  EXPECT_EQ(play.has_archive(), "");
}

TEST_F(ArchiveTest, HistoryIsLoadedWhenAConversationIsOpened) {
  play.has_archive();
  play.hears(
      chat("romeo@example.net/o", "live", "<stanza-id xmlns='urn:xmpp:sid:0' by='julia@example.org' id='a9'/>", "m9"));
  const auto conversation = play.row("romeo@example.net").id;
  const auto open = [&] {
    return play.does([&](Client& client, auto now, auto& out) { client.open_conversation(conversation, now, out); });
  };
  const auto said = open();
  EXPECT_THAT(said, HasSubstr("<value>romeo@example.net</value>"));
  EXPECT_THAT(said, HasSubstr("<before>a9</before>"));
  EXPECT_TRUE(play.row("romeo@example.net").history.loading);
  EXPECT_EQ(open(), "");  // not twice
  const auto query = queryid_of(said);
  play.hears(result(query, "a1", "2020-01-01T10:00:00Z",
                    inner("romeo@example.net/o", "julia@example.org", "old", " id='x1'")));
  play.hears(
      result(query, "a2", "2020-01-01T10:00:01Z",
             "<message xmlns='jabber:client' type='chat' id='x2' to='julia@example.org' from='romeo@example.net/o'>"
             "<body>better</body><replace xmlns='urn:xmpp:message-correct:0' id='x1'/></message>"));
  play.hears(
      result(query, "a3", "2020-01-01T10:00:02Z", inner("julia@example.org/phone", "romeo@example.net", "mine")));
  EXPECT_EQ(play.texts("romeo@example.net"), "[live]");  // nothing before the page is whole
  play.answers("<before>a9",
               "<fin xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><first>a1</first></set></fin>");
  EXPECT_EQ(play.texts("romeo@example.net"), "[old][better]me[mine][live]");
  EXPECT_EQ(message(play, "romeo@example.net", 0).replaced_by, message(play, "romeo@example.net", 1).id);
  EXPECT_EQ(play.row("romeo@example.net").unread, 0U);
  const auto& history = play.row("romeo@example.net").history;
  EXPECT_TRUE(history.known);
  EXPECT_FALSE(history.loading);
  EXPECT_FALSE(history.complete);
  const auto older = play.does([&](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.load_older(conversation, now, out), Problem::none);
    EXPECT_EQ(client.load_older(conversation, now, out), Problem::busy);
  });
  EXPECT_THAT(older, HasSubstr("<before>a1</before>"));
  play.answers("<before>a1", "<fin xmlns='urn:xmpp:mam:2' complete='true'/>");
  play.does([&](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.load_older(conversation, now, out), Problem::nothing_older);
  });
}

std::string page_ends(std::string_view first, bool complete = false) {
  return std::string("<fin xmlns='urn:xmpp:mam:2'") + (complete ? " complete='true'" : "") +
         "><set xmlns='http://jabber.org/protocol/rsm'><first>" + std::string(first) +
         "</first><last>z</last></set></fin>";
}

// Thirty receipts and markers in a row are a page, and nothing that can be seen.
TEST_F(ArchiveTest, PagesWithNothingToShowAreFollowedByTheNext) {
  play.has_archive();
  play.hears(chat("romeo@example.net/o", "live"));
  const auto conversation = play.row("romeo@example.net").id;
  auto said = play.does([&](Client& client, auto now, auto& out) { client.open_conversation(conversation, now, out); });
  EXPECT_THAT(said, HasSubstr("<before></before>"));
  play.hears(result(queryid_of(said), "a9", "2020-01-01T10:00:00Z",
                    "<message xmlns='jabber:client' from='romeo@example.net/o' to='julia@example.org'>"
                    "<received xmlns='urn:xmpp:receipts' id='x'/></message>"));
  said = play.answers("urn:xmpp:mam:2", page_ends("a9"));
  EXPECT_THAT(said, HasSubstr("<before>a9</before>"));
  EXPECT_TRUE(play.row("romeo@example.net").history.loading);
  play.hears(result(queryid_of(said), "a5", "2020-01-01T09:00:00Z",
                    inner("romeo@example.net/o", "julia@example.org", "old", " id='x1'")));
  play.hears(result(queryid_of(said), "a6", "2020-01-01T09:00:01Z",
                    "<message xmlns='jabber:client' from='romeo@example.net/o' to='julia@example.org'/>"));
  EXPECT_EQ(play.answers("<before>a9", page_ends("a2")), "");
  EXPECT_EQ(play.texts("romeo@example.net"), "[old][live]");
  // The next one is before all that the archive has told, not before what is shown.
  const auto older = [&] {
    return play.does([&](Client& client, auto now, auto& out) {
      EXPECT_EQ(client.load_older(conversation, now, out), Problem::none);
    });
  };
  EXPECT_THAT(older(), HasSubstr("<before>a2</before>"));
  // An archive that is nothing but receipts is asked ten times, then the reader.
  int asked = 1;
  for (int i = 0; i < 20 && play.row("romeo@example.net").history.loading; ++i) {
    asked += play.answers("urn:xmpp:mam:2", page_ends("b" + std::to_string(i))).empty() ? 0 : 1;
  }
  EXPECT_EQ(asked, 10);
  EXPECT_THAT(older(), HasSubstr("<before>b9</before>"));
  EXPECT_EQ(play.answers("<before>b9", page_ends("b9")), "");  // the same again: it is not asked in a circle
}

// What has been dropped for want of room is loaded again from where it was.
TEST(Archive, WhatWasDroppedIsNotSkipped) {
  Bounds bounds;
  bounds.messages = 3;
  Play play(bounds);
  play.logs_in();
  play.has_archive();
  const auto live = [&](const std::string& id) {
    play.hears(chat("romeo@example.net/o", id,
                    "<stanza-id xmlns='urn:xmpp:sid:0' by='julia@example.org' id='" + id + "'/>", id));
  };
  live("l1");
  const auto conversation = play.row("romeo@example.net").id;
  const auto said =
      play.does([&](Client& client, auto now, auto& out) { client.open_conversation(conversation, now, out); });
  play.hears(result(queryid_of(said), "a1", "2020-01-01T10:00:00Z",
                    inner("romeo@example.net/o", "julia@example.org", "old", " id='x1'")));
  play.answers("<before>l1", page_ends("a1"));
  live("l2");
  live("l3");
  EXPECT_EQ(play.texts("romeo@example.net"), "[l1][l2][l3]");
  EXPECT_EQ(play.row("romeo@example.net").history.first, "");
}

// Nor what had to be dropped as soon as it was there.
TEST(Archive, WhatIsDroppedAtOnceIsNotSkipped) {
  Bounds bounds;
  bounds.all_text = 4000;
  Play play(bounds);
  play.logs_in();
  play.has_archive();
  play.hears(chat("romeo@example.net/o", std::string(3000, 'x')));
  const auto conversation = play.row("romeo@example.net").id;
  const auto said =
      play.does([&](Client& client, auto now, auto& out) { client.open_conversation(conversation, now, out); });
  for (const char* id : {"a1", "a2"}) {
    play.hears(result(queryid_of(said), id, "2020-01-01T10:00:00Z",
                      inner("romeo@example.net/o", "julia@example.org", std::string(1000, *id))));
  }
  play.answers("urn:xmpp:mam:2", page_ends("a1", true));
  EXPECT_LT(play.row("romeo@example.net").messages.size(), 3U);
  EXPECT_FALSE(play.row("romeo@example.net").history.complete);
  EXPECT_EQ(play.row("romeo@example.net").history.first, "");
}

// What comes live meanwhile says nothing of what is missing in between.
TEST_F(ArchiveTest, AGapThatIsNotClosedIsAskedForAgain) {
  const auto live = [&](const std::string& id) {
    play.hears(chat("romeo@example.net/o", id,
                    "<stanza-id xmlns='urn:xmpp:sid:0' by='julia@example.org' id='" + id + "'/>", id));
  };
  play.has_archive();
  live("l1");
  EXPECT_THAT(play.begins_anew(), HasSubstr("<after>l1</after>"));
  live("l9");
  EXPECT_THAT(play.begins_anew(), HasSubstr("<after>l1</after>"));
  const auto fails = [&](const std::string& about, const std::string& condition) {
    play.hears("<iq type='error' id='" + play.id_of(about) + "'><error type='wait'><" + condition +
               " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
  };
  fails("<after>l1", "internal-server-error");
  live("l10");
  EXPECT_THAT(play.begins_anew(), HasSubstr("<after>l1</after>"));
  EXPECT_EQ(play.answers("<after>l1", "<fin xmlns='urn:xmpp:mam:2' complete='true'/>"), "");
  live("l12");
  EXPECT_THAT(play.begins_anew(), HasSubstr("<after>l12</after>"));
  fails("<after>l12", "item-not-found");  // the archive has forgotten that one
  live("l13");
  EXPECT_THAT(play.begins_anew(), HasSubstr("<after>l13</after>"));
  play.answers("<after>l13", "<fin xmlns='urn:xmpp:mam:2' complete='true'/>");
  // Of one that another device has got it stands inside; what a stranger calls such a copy says nothing.
  const auto copy = [&](const std::string& from, const std::string& id) {
    play.hears("<message from='" + from +
               "'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>" +
               "<message xmlns='jabber:client' from='romeo@example.net/o' to='julia@example.org/phone'><stanza-id "
               "xmlns='urn:xmpp:sid:0' by='julia@example.org' id='" +
               id + "'/></message></forwarded></received></message>");
  };
  copy("julia@example.org", "c14");
  copy("mallory@example.net", "f15");
  EXPECT_THAT(play.begins_anew(), HasSubstr("<after>c14</after>"));
}

// As far as it goes: somebody may have written for days. But an archive that tells nothing has no further page.
TEST_F(ArchiveTest, EverythingMissedIsAskedFor) {
  play.has_archive();
  play.hears(
      chat("romeo@example.net/o", "live", "<stanza-id xmlns='urn:xmpp:sid:0' by='julia@example.org' id='a0'/>", "m0"));
  auto said = play.begins_anew();
  const auto last = [](const std::string& id) {
    return "<fin xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><last>" + id +
           "</last></set></fin>";
  };
  for (int i = 0; i < 50; ++i) {
    const std::string before = "a" + std::to_string(i), id = "a" + std::to_string(i + 1);
    ASSERT_THAT(said, HasSubstr("<after>" + before + "</after>"));
    play.hears(result(queryid_of(said), id, "2020-01-01T10:00:00Z",
                      inner("romeo@example.net/o", "julia@example.org", "text " + id)));
    said = play.answers("<after>" + before + "<", last(id));
  }
  EXPECT_THAT(play.texts("romeo@example.net"), HasSubstr("[text a1][text a2]"));
  EXPECT_THAT(play.texts("romeo@example.net"), HasSubstr("[text a49][text a50]"));
  EXPECT_EQ(play.answers("<after>a50<", last("a51")), "");
}

// As the server counts them (XEP-0198).
std::ptrdiff_t stanzas_behind_enable(const Play& play, std::size_t since) {
  const auto begins = [](const std::string& said, std::string_view name) { return said.starts_with(name); };
  const auto from = std::find_if(play.sent.begin() + static_cast<std::ptrdiff_t>(since), play.sent.end(),
                                 [&](const std::string& said) { return begins(said, "<enable "); });
  return std::count_if(from, play.sent.end(), [&](const std::string& said) {
    return begins(said, "<iq") || begins(said, "<presence") || begins(said, "<message");
  });
}

// A server could go on for ever.
TEST_F(ArchiveTest, WhatIsMissedIsNotAskedForWithoutEnd) {
  play.has_archive();
  play.hears(
      chat("romeo@example.net/o", "live", "<stanza-id xmlns='urn:xmpp:sid:0' by='julia@example.org' id='a0'/>", "m0"));
  const auto before = play.sent.size();
  std::string said = play.begins_anew();
  int pages = 0;
  for (; said.find("<after>") != std::string::npos && pages < 2000; ++pages) {
    play.hears("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(stanzas_behind_enable(play, before)) + "'/>");
    play.hears(result(queryid_of(said), "b" + std::to_string(pages), "2020-01-01T10:00:00Z",
                      inner("romeo@example.net/o", "julia@example.org", "again")));
    said = play.answers("<after>", "<fin xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><last>b" +
                                       std::to_string(pages) + "</last></set></fin>");
  }
  EXPECT_EQ(pages, 1000);
}

// What came live and without the id under which the archive has it, ours too.
TEST_F(ArchiveTest, HistoryDoesNotRepeatWhatIsThere) {
  play.has_archive();
  play.hears(chat("romeo@example.net/o", "live", {}, "1"));
  const auto conversation = play.row("romeo@example.net").id;
  const auto query = queryid_of(
      play.does([&](Client& client, auto now, auto& out) { client.open_conversation(conversation, now, out); }));
  send(play, "romeo@example.net", "mine");
  const auto mine = play.id_of("<body>mine");
  const auto theirs = [](std::string_view text) {
    return inner("romeo@example.net/o", "julia@example.org", text, " id='1'");
  };
  play.hears(result(query, "a1", "2020-01-01T10:00:00Z", theirs("of another day")));
  play.hears(result(query, "a2", "2020-01-01T10:00:01Z", theirs("live")));
  play.hears(result(query, "a3", "2020-01-01T10:00:02Z",
                    inner("julia@example.org/web", "romeo@example.net", "mine", " id='" + mine + "'")));
  play.answers("urn:xmpp:mam:2", "<fin xmlns='urn:xmpp:mam:2' complete='true'/>");
  EXPECT_EQ(play.texts("romeo@example.net"), "[of another day][live]me[mine]");
}

TEST_F(ArchiveTest, ForgedResultsAreNothing) {
  play.has_archive();
  play.hears(chat("romeo@example.net/o", "live"));
  const auto conversation = play.row("romeo@example.net").id;
  const auto query = queryid_of(
      play.does([&](Client& client, auto now, auto& out) { client.open_conversation(conversation, now, out); }));
  const auto words = inner("romeo@example.net/o", "julia@example.org", "forged");
  play.hears(result(query, "f1", "2020-01-01T10:00:00Z", words, "mallory@example.net"));
  play.hears(result(query, "f2", "2020-01-01T10:00:00Z", words, "julia@example.org/x"));
  play.hears(result("another", "f3", "2020-01-01T10:00:00Z", words));
  play.hears(
      result(query, "f4", "2020-01-01T10:00:00Z", inner("mallory@example.net/o", "julia@example.org", "not of here")));
  play.hears(result(query, "", "2020-01-01T10:00:00Z", words));
  play.hears(result(query, "f6", "yesterday", words));
  const auto id = play.id_of("urn:xmpp:mam:2");
  play.hears("<iq type='result' from='mallory@example.net' id='" + id +
             "'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>");
  EXPECT_TRUE(play.row("romeo@example.net").history.loading);
  play.hears("<iq type='result' from='julia@example.org' id='" + id +
             "'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>");
  EXPECT_EQ(play.texts("romeo@example.net"), "[live]");
  EXPECT_EQ(play.model().find("mallory@example.net"), nullptr);
}

TEST_F(ArchiveTest, CorrectionsInTheArchiveMakeNoCircle) {
  play.has_archive();
  play.hears(chat("romeo@example.net/o", "live"));
  const auto conversation = play.row("romeo@example.net").id;
  const auto query = queryid_of(
      play.does([&](Client& client, auto now, auto& out) { client.open_conversation(conversation, now, out); }));
  const auto entry = [](const char* id, const char* corrects) {
    return "<message xmlns='jabber:client' type='chat' id='" + std::string(id) +
           "' to='julia@example.org' from='romeo@example.net/o'>"
           "<body>x</body><replace xmlns='urn:xmpp:message-correct:0' id='" +
           corrects + "'/></message>";
  };
  play.hears(result(query, "a1", "2020-01-01T10:00:00Z", entry("x1", "x2")));
  play.hears(result(query, "a2", "2020-01-01T10:00:01Z", entry("x2", "x1")));
  play.answers("urn:xmpp:mam:2", "<fin xmlns='urn:xmpp:mam:2' complete='true'/>");
  // One more walks the chain.
  play.hears(chat("romeo@example.net/o", "y", "<replace xmlns='urn:xmpp:message-correct:0' id='x1'/>", "m4"));
  EXPECT_EQ(play.row("romeo@example.net").messages.size(), 4U);
}

TEST_F(ArchiveTest, AnArchiveThatDoesNotAnswerIsNotWaitedFor) {
  play.has_archive();
  play.hears(chat("romeo@example.net/o", "live"));
  const auto conversation = play.row("romeo@example.net").id;
  play.does([&](Client& client, auto now, auto& out) { client.open_conversation(conversation, now, out); });
  play.waits(50s);
  play.hears("<presence from='example.org'/>");
  play.waits(11s);
  EXPECT_FALSE(play.row("romeo@example.net").history.loading);
}

}  // namespace
