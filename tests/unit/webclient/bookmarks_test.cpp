// Bookmarks of rooms: transcripts beside XEP-0402 and 0048.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/webclient/in_room.hpp"

namespace {

using namespace webclient;
using testing::HasSubstr;
using testing::Not;
using tests::hall;

class BookmarksTest : public tests::InRoom {};

constexpr std::string_view stored =
    "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'>"
    "<item id='hall@rooms.example.org'><conference xmlns='urn:xmpp:bookmarks:1' name='The hall' autojoin='true'>"
    "<nick>jules</nick><extensions><state xmlns='http://myclient.example/bookmark/state' "
    "minimized='true'/></extensions>"
    "</conference></item></items></pubsub>";

TEST_F(BookmarksTest, BookmarksAreReadAndJoined) {
  const auto joined = play.answers("urn:xmpp:bookmarks:1", stored);
  EXPECT_THAT(joined, HasSubstr("to=\"hall@rooms.example.org/jules\""));
  EXPECT_TRUE(room().bookmarked);
  EXPECT_EQ(play.row(hall).title(), "The hall");
  EXPECT_TRUE(play.model().account().bookmarks);
}

TEST_F(BookmarksTest, BookmarksAreWrittenWithWhatOthersPutIn) {
  play.answers("urn:xmpp:bookmarks:1", stored);
  const auto written = play.does([&](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.set_bookmark(id(), {"Feast", false}, now, out), Problem::none);
  });
  EXPECT_THAT(written, HasSubstr("name=\"Feast\""));
  EXPECT_THAT(written, HasSubstr("autojoin=\"false\""));
  EXPECT_THAT(written, HasSubstr("minimized=\"true\""));
  EXPECT_THAT(written, HasSubstr("<value>whitelist</value>"));
  const auto removed = play.does(
      [&](Client& client, auto now, auto& out) { EXPECT_EQ(client.remove_bookmark(id(), now, out), Problem::none); });
  EXPECT_THAT(removed, HasSubstr("<retract"));
  EXPECT_FALSE(room().bookmarked);
}

TEST_F(BookmarksTest, OlderBookmarksAreReadAndWrittenWhereTheyAre) {
  const auto asked = play.answers("urn:xmpp:bookmarks:1",
                                  "<pubsub xmlns='http://jabber.org/protocol/pubsub'>"
                                  "<items node='urn:xmpp:bookmarks:1'/></pubsub>");
  EXPECT_THAT(asked, HasSubstr("jabber:iq:private"));
  play.answers(
      "jabber:iq:private",
      "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference "
      "jid='hall@rooms.example.org' name='Hall' autojoin='0'><nick>jules</nick></conference></storage></query>");
  EXPECT_TRUE(room().bookmarked);
  EXPECT_EQ(room().state, RoomState::outside);
  // Another client has changed the list meanwhile, and has more in it than we know.
  const auto list = [](const std::string& content) {
    return "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'>" + content + "</storage></query>";
  };
  const std::string others =
      "<url url='https://example.org' name='Home'/><conference jid='garden@rooms.example.org' minimize='1'/>";
  const auto set = [&](bool autojoin) {
    return play.does([&](Client& client, auto now, auto& out) {
      EXPECT_EQ(client.set_bookmark(id(), {"Great hall", autojoin}, now, out), Problem::none);
    });
  };
  EXPECT_THAT(set(true), AllOf(HasSubstr("type=\"get\""), HasSubstr("storage:bookmarks")));
  EXPECT_EQ(set(false), "");  // the list is on its way
  const auto written = play.answers(
      "jabber:iq:private",
      list(others +
           "<conference jid='Hall@rooms.example.org' name='Hall' print_status='all'><nick>jules</nick></conference>"));
  EXPECT_THAT(written, HasSubstr("type=\"set\""));
  EXPECT_THAT(written, HasSubstr("url=\"https://example.org\""));
  EXPECT_THAT(written, HasSubstr("minimize=\"1\""));
  EXPECT_THAT(written, HasSubstr("name=\"Great hall\""));
  EXPECT_THAT(written, HasSubstr("autojoin=\"false\""));
  EXPECT_THAT(written, HasSubstr("print_status=\"all\""));
  EXPECT_THAT(written, HasSubstr("<nick>jules</nick>"));
  EXPECT_THAT(written, Not(HasSubstr("name=\"Hall\"")));
  const auto asked_again = play.does(
      [&](Client& client, auto now, auto& out) { EXPECT_EQ(client.remove_bookmark(id(), now, out), Problem::none); });
  EXPECT_THAT(asked_again, HasSubstr("type=\"get\""));
  const auto removed = play.answers("jabber:iq:private", list(others + "<conference jid='hall@rooms.example.org'/>"));
  EXPECT_THAT(removed, AllOf(HasSubstr("garden@"), Not(HasSubstr("hall@"))));
}

// A list that could not be read is not written over.
TEST_F(BookmarksTest, OlderBookmarksAreNotReplacedByWhatIsKnown) {
  play.answers("urn:xmpp:bookmarks:1",
               "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>");
  const std::string list =
      "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'>"
      "<conference jid='hall@rooms.example.org'/></storage></query>";
  play.answers("jabber:iq:private", list);
  const auto set = [&] {
    return play.does([&](Client& client, auto now, auto& out) {
      EXPECT_EQ(client.set_bookmark(id(), {"Hall", true}, now, out), Problem::none);
    });
  };
  const auto fails = [&] {
    return play.hears("<iq type='error' id='" + play.id_of("jabber:iq:private") + "'><error type='wait'/></iq>");
  };
  set();
  EXPECT_EQ(fails(), "");
  EXPECT_NE(room().problem, Problem::none);
  EXPECT_THAT(set(), HasSubstr("type=\"get\""));
  EXPECT_THAT(play.answers("jabber:iq:private", list), HasSubstr("name=\"Hall\""));
  // What is not stored is tried again with the next stream.
  EXPECT_EQ(fails(), "");
  EXPECT_THAT(play.begins_anew(), HasSubstr("storage:bookmarks"));
  EXPECT_THAT(play.answers("jabber:iq:private", list), HasSubstr("name=\"Hall\""));
}

class RefusedBookmarksTest : public BookmarksTest {
 protected:
  std::string is_refused(const std::string& condition) {
    const auto written = play.does([&](Client& client, auto now, auto& out) {
      EXPECT_EQ(client.set_bookmark(id(), {"Feast", false}, now, out), Problem::none);
    });
    EXPECT_THAT(written, HasSubstr("<publish "));
    return play.hears("<iq type='error' id='" + play.id_of("<publish ") + "'><error type='cancel'><" + condition +
                      " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
  }
};

TEST_F(RefusedBookmarksTest, AreNotPutElsewhereThanTheOthers) {
  play.answers("urn:xmpp:bookmarks:1", stored);
  EXPECT_EQ(is_refused("conflict"), "");
  EXPECT_EQ(room().problem, Problem::not_acceptable);
  EXPECT_EQ(is_refused("resource-constraint"), "");
}

// ejabberd 23.01 has items, but does not know all the options that they need.
TEST_F(RefusedBookmarksTest, GoToTheOlderStorageWhereThereAreNoneYet) {
  enter();
  play.answers("urn:xmpp:bookmarks:1",
               "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>");
  const std::string empty = "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>";
  play.answers("jabber:iq:private", empty);
  EXPECT_THAT(is_refused("resource-constraint"), HasSubstr("jabber:iq:private"));
  EXPECT_THAT(play.answers("jabber:iq:private", empty), HasSubstr("jid=\"hall@rooms.example.org\""));
}

// There are some now: the next login would not look into the older storage.
TEST_F(RefusedBookmarksTest, StayWhereAnotherClientHasBegun) {
  enter();
  play.answers("urn:xmpp:bookmarks:1",
               "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>");
  play.answers("jabber:iq:private", "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>");
  play.hears(
      "<message from='julia@example.org'><event xmlns='http://jabber.org/protocol/pubsub#event'>"
      "<items node='urn:xmpp:bookmarks:1'><item id='garden@rooms.example.org'>"
      "<conference xmlns='urn:xmpp:bookmarks:1'/></item></items></event></message>");
  EXPECT_EQ(is_refused("resource-constraint"), "");
}

TEST_F(BookmarksTest, BookmarksOfOtherDevicesArriveFromOurAccountOnly) {
  const auto event = [](const char* from, const char* content) {
    return "<message from='" + std::string(from) +
           "' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'>"
           "<items node='urn:xmpp:bookmarks:1'>" +
           content + "</items></event></message>";
  };
  const char* item = "<item id='hall@rooms.example.org'><conference xmlns='urn:xmpp:bookmarks:1' name='Trap'/></item>";
  play.hears(event("mallory@example.net", item));
  EXPECT_EQ(play.model().find(hall), nullptr);
  play.hears(event("julia@example.org", item));
  EXPECT_TRUE(room().bookmarked);
  play.hears(event("mallory@example.net", "<retract id='hall@rooms.example.org'/>"));
  EXPECT_TRUE(room().bookmarked);
  play.hears(event("julia@example.org", "<retract id='hall@rooms.example.org'/>"));
  EXPECT_FALSE(room().bookmarked);
}

}  // namespace
