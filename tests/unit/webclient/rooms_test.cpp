// Rooms: transcripts beside XEP-0045.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/webclient/in_room.hpp"

namespace {

using namespace std::chrono_literals;
using namespace webclient;
using testing::HasSubstr;
using testing::Not;
using tests::hall;
using tests::presence;

std::string say(std::string_view nick, std::string_view body, std::string_view more = {}, std::string_view id = {}) {
  std::string text = "<message type='groupchat' from='hall@rooms.example.org/" + std::string(nick) + "'";
  if (!id.empty()) text += " id='" + std::string(id) + "'";
  return text + "><body>" + std::string(body) + "</body>" + std::string(more) + "</message>";
}

constexpr std::string_view old =
    "<delay xmlns='urn:xmpp:delay' from='hall@rooms.example.org' stamp='2019-01-01T00:00:00Z'/>";

class RoomsTest : public tests::InRoom {
 protected:
  std::string send(std::string_view text) {
    return play.does([&](Client& client, auto now, auto& out) {
      EXPECT_EQ(client.send(id(), text, now, out).problem, Problem::none);
    });
  }
};

TEST_F(RoomsTest, Joins) {
  EXPECT_EQ(join(hall, "julia", "secret").problem, Problem::none);
  EXPECT_THAT(said, HasSubstr("to=\"hall@rooms.example.org/julia\""));
  EXPECT_THAT(said, HasSubstr("<password>secret</password>"));
  EXPECT_EQ(room().state, RoomState::joining);
  EXPECT_EQ(join().problem, Problem::busy);
  play.hears(presence("nurse"));
  EXPECT_EQ(room().state, RoomState::joining);
  play.hears(presence("julia", {}, "110"));
  EXPECT_EQ(room().state, RoomState::joined);
  EXPECT_EQ(room().occupants.size(), 2U);
  EXPECT_TRUE(room().occupants.at("julia").self);
  EXPECT_EQ(room().occupants.at("nurse").affiliation, Affiliation::member);
  play.hears(presence("nurse", {}, {}, "unavailable"));
  EXPECT_EQ(room().occupants.size(), 1U);
}

TEST_F(RoomsTest, AddressesAndNicks) {
  EXPECT_EQ(join("", "julia").problem, Problem::bad_address);
  EXPECT_EQ(join("hall", "julia").problem, Problem::bad_address);  // no service is known
  EXPECT_EQ(join("hall@rooms.example.org/x", "julia").problem, Problem::bad_address);
  EXPECT_EQ(join(hall, "\x01").problem, Problem::bad_nick);  // nothing is left of it
  EXPECT_EQ(join(hall, "").problem, Problem::none);
  EXPECT_EQ(room().nick, "julia");
  play.hears("<iq type='result' from='example.org' id='" + play.id_of("disco#items") +
             "'><query xmlns='http://jabber.org/protocol/disco#items'><item jid='rooms.example.org'/></query></iq>");
  play.answers("to=\"rooms.example.org\"",
               "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='conference' type='text'/>"
               "<feature var='http://jabber.org/protocol/muc'/></query>",
               "rooms.example.org");
  EXPECT_EQ(play.model().account().room_service, "rooms.example.org");
  EXPECT_EQ(join("Kitchen", "").problem, Problem::none);
  EXPECT_THAT(said, HasSubstr("to=\"kitchen@rooms.example.org/julia\""));
}

TEST_F(RoomsTest, SaysWhyOneCannotEnter) {
  struct Case {
    const char* condition;
    Problem problem;
  };
  for (const auto& [condition, problem] :
       {Case{"not-authorized", Problem::not_authorized}, Case{"forbidden", Problem::forbidden},
        Case{"conflict", Problem::conflict}, Case{"registration-required", Problem::registration_required},
        Case{"service-unavailable", Problem::service_unavailable}, Case{"item-not-found", Problem::item_not_found}}) {
    ASSERT_EQ(join().problem, Problem::none);
    play.hears("<presence type='error' from='hall@rooms.example.org/julia'><error type='auth'><" +
               std::string(condition) + " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>");
    EXPECT_EQ(room().state, RoomState::outside);
    EXPECT_EQ(room().problem, problem) << condition;
  }
  ASSERT_EQ(join().problem, Problem::none);
  play.waits(59s);
  play.hears("<presence from='example.org'/>");
  play.waits(2s);
  EXPECT_EQ(room().problem, Problem::remote_server_timeout);
}

TEST_F(RoomsTest, SaysWhyOneIsOut) {
  struct Case {
    const char* codes;
    Problem problem;
  };
  for (const auto& [codes, problem] : {Case{"110 307", Problem::room_kicked}, Case{"110 301", Problem::room_banned},
                                       Case{"110 322", Problem::room_members_only},
                                       Case{"110 332", Problem::room_shut_down}, Case{"110", Problem::none}}) {
    play.does([&](Client& client, auto now, auto& out) { client.join_room({hall, "julia", {}}, now, out); });
    play.hears(presence("julia", {}, "110"));
    play.hears(presence("nurse"));
    play.hears(presence("julia", "><reason>spam</reason></item>", codes, "unavailable"));
    EXPECT_EQ(room().state, RoomState::outside);
    EXPECT_EQ(room().problem, problem) << codes;
    EXPECT_TRUE(room().occupants.empty());
  }
  EXPECT_THAT(play.texts(hall), HasSubstr("julia[spam]"));
}

TEST_F(RoomsTest, MakesARoomUsable) {
  ASSERT_EQ(join().problem, Problem::none);
  EXPECT_THAT(play.hears(presence("julia", {}, "110 201")), HasSubstr("muc#owner"));
}

TEST_F(RoomsTest, MessagesAndOurOwnEcho) {
  enter();
  play.hears(say("nurse", "hello", {}, "m1"));
  const auto sent = send("hi all");
  EXPECT_THAT(sent, HasSubstr("type=\"groupchat\""));
  EXPECT_THAT(sent, Not(HasSubstr("urn:xmpp:receipts")));
  EXPECT_EQ(play.row(hall).messages.back().delivery, Delivery::waiting);
  play.hears(say("julia", "hi all", {}, play.id_of("hi all")));
  EXPECT_EQ(play.texts(hall), "nurse[hello]me[hi all]");
  EXPECT_EQ(play.row(hall).messages.back().delivery, Delivery::sent);
  EXPECT_EQ(play.row(hall).unread, 0U);  // who writes has read
  // Another occupant cannot take our place by using our id.
  play.hears(say("nurse", "fake", {}, play.id_of("hi all")));
  EXPECT_EQ(play.texts(hall), "nurse[hello]me[hi all]nurse[fake]");
}

TEST_F(RoomsTest, HistoryIsNotCountedAndNotDoubled) {
  ASSERT_EQ(join().problem, Problem::none);
  play.hears(say("nurse", "before julia came", old, "h1"));
  play.hears(presence("julia", {}, "110"));
  EXPECT_EQ(play.row(hall).unread, 0U);
  EXPECT_TRUE(play.row(hall).messages[0].delayed);
  play.hears(say("nurse", "before julia came", old, "h1"));
  play.hears(say("nurse", "no id", old));
  play.hears(say("nurse", "no id", old));
  EXPECT_EQ(play.texts(hall), "nurse[before julia came]nurse[no id]");
  play.hears(say("nurse", "no id"));
  EXPECT_EQ(play.row(hall).messages.size(), 3U);
}

TEST_F(RoomsTest, AnotherMessageUnderTheSameIdIsAnother) {
  enter();
  const auto archived_as = [](const char* id) {
    return "<stanza-id xmlns='urn:xmpp:sid:0' by='hall@rooms.example.org' id='" + std::string(id) + "'/>";
  };
  play.hears(say("nurse", "good night", {}, "1"));
  play.hears(say("nurse", "good morning", {}, "1"));
  play.hears(say("nurse", "good morning", old, "1"));  // of the history
  play.hears(say("nurse", "yes", archived_as("a1"), "2"));
  play.hears(say("nurse", "yes", archived_as("a2"), "2"));
  play.hears(say("nurse", "yes", archived_as("a2"), "2"));
  EXPECT_EQ(play.texts(hall), "nurse[good night]nurse[good morning]nurse[yes]nurse[yes]");
  // Ours is ours, whatever the room has made of it.
  send("a very long text");
  play.hears(say("julia", "https://rooms.example.org/paste/1", archived_as("a3"), play.id_of("<body>a very long")));
  EXPECT_EQ(play.row(hall).messages.size(), 5U);
  EXPECT_EQ(play.row(hall).messages.back().delivery, Delivery::sent);
}

TEST_F(RoomsTest, MentionsAreWords) {
  enter();
  for (const char* text : {"Julia: come", "is julia there?", "hey @JULIA"}) play.hears(say("nurse", text));
  EXPECT_EQ(play.row(hall).mentions, 3U);
  for (const char* text : {"juliana", "xjulia", "\xc3\xa9julia", "jul ia"}) play.hears(say("nurse", text));
  EXPECT_EQ(play.row(hall).mentions, 3U);
}

// XEP-0308 in rooms: whoever has a nick now need not be who had it then.
TEST_F(RoomsTest, OnlyTheSameOccupantCorrects) {
  enter();
  const std::string correct = "<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>";
  play.hears(say("nurse", "helo", {}, "m1"));
  play.hears(presence("tybalt"));
  play.hears(say("tybalt", "I am a fool", correct, "m2"));
  EXPECT_FALSE(play.row(hall).messages[0].replaced_by);
  play.hears(say("nurse", "hello", correct, "m3"));
  EXPECT_EQ(play.row(hall).messages[0].replaced_by, play.row(hall).messages[2].id);
  play.hears(presence("nurse", {}, {}, "unavailable"));
  play.hears(presence("nurse"));  // somebody else
  play.hears(say("nurse", "goodbye", "<replace xmlns='urn:xmpp:message-correct:0' id='m3'/>", "m4"));
  EXPECT_FALSE(play.row(hall).messages[2].replaced_by);
}

// Rooms take "julia " beside "julia" (XEP-0045 7.1: who somebody is says the whole address).
TEST_F(RoomsTest, ANickThatLooksLikeAnotherIsSomebodyElse) {
  enter();
  send("mine");
  const auto correct = "<replace xmlns='urn:xmpp:message-correct:0' id='" + play.id_of("mine") + "'/>";
  play.hears(say("julia", "mine", {}, play.id_of("mine")));
  for (const auto* const nick : {"julia ", " julia", "nurse "}) play.hears(presence(nick));
  EXPECT_EQ(room().occupants.size(), 5U);
  EXPECT_FALSE(room().occupants.at("julia ").self);
  EXPECT_EQ(room().occupants.at("julia ").nick, "julia\u2423");
  play.hears(say("julia ", "hers", correct, "h1"));
  EXPECT_EQ(play.texts(hall), "me[mine]julia\u2423[hers]");
  EXPECT_FALSE(play.row(hall).messages[0].replaced_by);
  EXPECT_EQ(play.row(hall).unread, 1U);
  play.hears(say("nurse", "here", {}, "n1"));
  play.hears(say("nurse ", "gone", "<replace xmlns='urn:xmpp:message-correct:0' id='n1'/>", "n2"));
  EXPECT_FALSE(play.row(hall).messages[2].replaced_by);
  play.does([&](Client& client, auto now, auto& out) {
    const auto opened = client.start_private(id(), room().occupants.at("nurse ").id, now, out);
    EXPECT_EQ(client.model().find(opened.conversation)->address, "hall@rooms.example.org/nurse ");
    EXPECT_EQ(client.model().find(opened.conversation)->title(), "nurse\u2423");
  });
  for (const auto* const nick : {"julia ", " julia", "nurse "}) play.hears(presence(nick, {}, {}, "unavailable"));
  EXPECT_EQ(room().state, RoomState::joined);
  EXPECT_EQ(room().occupants.size(), 2U);
}

// Whoever had our nick before we came is in the history under it.
TEST_F(RoomsTest, HistoryCorrectsNothingOfOurs) {
  enter();
  send("mine");
  const auto id_of_mine = play.id_of("mine");
  play.hears(say("julia", "mine", {}, id_of_mine));
  play.hears(say("julia", "hers",
                 "<replace xmlns='urn:xmpp:message-correct:0' id='" + id_of_mine + "'/>" + std::string(old), "h1"));
  EXPECT_FALSE(play.row(hall).messages[0].replaced_by);
}

TEST_F(RoomsTest, SubjectAndNicks) {
  ASSERT_EQ(join().problem, Problem::none);
  play.hears("<message type='groupchat' from='hall@rooms.example.org/nurse'><subject>The&#10;feast</subject>" +
             std::string(old) + "</message>");
  play.hears(presence("julia", {}, "110"));
  EXPECT_EQ(room().subject, "The feast");
  EXPECT_EQ(play.texts(hall), "");
  play.hears("<message type='groupchat' from='hall@rooms.example.org/nurse'><subject>Night</subject></message>");
  EXPECT_EQ(room().subject_by, "nurse");
  EXPECT_EQ(play.row(hall).messages.back().notice, Notice::subject);
  play.does([&](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.set_subject(id(), "Day", now, out), Problem::none);
    EXPECT_EQ(client.change_nick(id(), "juliet", now, out), Problem::none);
    EXPECT_EQ(client.change_nick(id(), "\x01", now, out), Problem::bad_nick);
  });
  EXPECT_THAT(play.sent[play.sent.size() - 2], HasSubstr("<subject>Day</subject>"));
  EXPECT_THAT(play.sent.back(), HasSubstr("hall@rooms.example.org/juliet"));
  play.hears(presence("julia", " nick='juliet'/>", "303 110", "unavailable"));
  play.hears(presence("juliet", {}, "110"));
  EXPECT_EQ(room().nick, "juliet");
  EXPECT_EQ(room().state, RoomState::joined);
  EXPECT_EQ(room().occupants.size(), 1U);
  EXPECT_EQ(play.row(hall).messages.back().notice, Notice::nick_changed);
}

TEST_F(RoomsTest, SaysWhatTheRoomDoesNotAllow) {
  enter();
  const auto refusal = [](std::string_view kind, std::string_view from, std::string_view condition) {
    return "<" + std::string(kind) + " type='error' id='s' from='" + std::string(from) + "'><error type='auth'><" +
           std::string(condition) + " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></" + std::string(kind) +
           ">";
  };
  play.hears(refusal("message", "hall@rooms.example.org/nurse", "forbidden"));  // an occupant, not the room
  EXPECT_EQ(room().problem, Problem::none);
  play.hears(refusal("message", hall, "forbidden"));
  EXPECT_EQ(room().problem, Problem::forbidden);
  EXPECT_EQ(room().state, RoomState::joined);
  // The next try forgets it.
  play.does([&](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.set_subject(id(), "Day", now, out), Problem::none);
  });
  EXPECT_EQ(room().problem, Problem::none);
  play.hears(refusal("presence", "hall@rooms.example.org/julia", "conflict"));
  EXPECT_EQ(room().problem, Problem::conflict);
  play.does([&](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.change_nick(id(), "juliet", now, out), Problem::none);
  });
  EXPECT_EQ(room().problem, Problem::none);
}

TEST_F(RoomsTest, NobodyElseBecomesUs) {
  enter();
  play.hears(presence("mallory", {}, "110"));
  EXPECT_EQ(room().nick, "julia");
  EXPECT_FALSE(room().occupants.at("mallory").self);
  play.hears(presence("mallory", {}, "110", "unavailable"));
  EXPECT_EQ(room().state, RoomState::joined);
  // While entering too.
  play.hears(presence("julia", {}, "110", "unavailable"));
  ASSERT_EQ(join().problem, Problem::none);
  play.hears(presence("mallory", {}, "110"));
  EXPECT_EQ(room().state, RoomState::joining);
  // Unless the room says that it has changed the nick.
  play.hears(presence("julia_", {}, "110 210"));
  EXPECT_EQ(room().nick, "julia_");
}

TEST_F(RoomsTest, PrivateMessagesAreTheirOwnConversation) {
  enter();
  const std::string x = "<x xmlns='http://jabber.org/protocol/muc#user'/>";
  play.hears("<message type='chat' from='hall@rooms.example.org/nurse'><body>psst</body>" + x + "</message>");
  EXPECT_EQ(play.row("hall@rooms.example.org/nurse").kind, RowKind::occupant);
  EXPECT_EQ(play.texts("hall@rooms.example.org/nurse"), "[psst]");
  const auto nurse = room().occupants.at("nurse").id;
  const auto said_now = play.does([&](Client& client, auto now, auto& out) {
    const auto opened = client.start_private(id(), nurse, now, out);
    EXPECT_EQ(opened.conversation, play.row("hall@rooms.example.org/nurse").id);
    client.send(opened.conversation, "yes?", now, out);
    EXPECT_EQ(client.start_private(id(), room().occupants.at("julia").id, now, out).problem, Problem::own_address);
  });
  EXPECT_THAT(said_now, HasSubstr("to=\"hall@rooms.example.org/nurse\""));
  EXPECT_THAT(said_now, HasSubstr("type=\"chat\""));
}

// One that comes before the room is known, stored by the server for a reader who was away, must not keep him out of it.
TEST_F(RoomsTest, APrivateMessageBeforeTheRoomDoesNotKeepItShut) {
  play.hears("<message type='chat' from='hall@rooms.example.org/nurse'><body>psst</body></message>");
  EXPECT_EQ(play.row(hall).kind, RowKind::person);
  const auto before = play.row(hall).id;
  EXPECT_EQ(join().problem, Problem::none);
  EXPECT_THAT(said, HasSubstr("to=\"hall@rooms.example.org/julia\""));
  EXPECT_EQ(play.row(hall).kind, RowKind::room);
  EXPECT_EQ(play.row(hall).id, before);
  EXPECT_EQ(play.row(hall).messages.front().text, "psst");
  // A buddy is nobody's room.
  play.hears(
      "<iq type='set' id='p'><query xmlns='jabber:iq:roster'><item jid='romeo@example.net' "
      "subscription='both'/></query></iq>");
  EXPECT_EQ(join("romeo@example.net").problem, Problem::not_a_room);
}

TEST_F(RoomsTest, LeavesAndDoesNotTalkAfterwards) {
  enter();
  const auto left = play.does([&](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.leave_room(id(), now, out), Problem::none);
    EXPECT_EQ(client.send(id(), "x", now, out).problem, Problem::not_joined);
  });
  EXPECT_THAT(left, HasSubstr("type=\"unavailable\""));
  EXPECT_FALSE(play.row(hall).listed());
  play.hears(say("nurse", "gone?"));
  EXPECT_EQ(play.row(hall).messages.size(), 0U);
}

TEST_F(RoomsTest, GoesBackAfterABreak) {
  enter();
  play.hears(say("nurse", "hello"));
  EXPECT_THAT(play.reconnects(), HasSubstr("<resume"));
  play.hears("<failed xmlns='urn:xmpp:sm:3'/>");
  const auto begun =
      play.answers("xmpp-bind", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>julia@example.org/w</jid></bind>");
  EXPECT_THAT(begun, HasSubstr("hall@rooms.example.org/julia"));
  EXPECT_THAT(begun, HasSubstr("since=\""));
  EXPECT_EQ(room().state, RoomState::joining);
}

TEST_F(RoomsTest, GoesBackAfterARestartOfTheServer) {
  enter();
  play.hears(presence("julia", {}, "110 332", "unavailable"));
  EXPECT_EQ(room().problem, Problem::room_shut_down);
  play.begins_anew();
  EXPECT_EQ(room().state, RoomState::joining);
  // The first who comes back makes the room anew; until that is done the others are told that there is none.
  const char* locked =
      "<presence type='error' from='hall@rooms.example.org/julia'><error type='cancel'><item-not-found "
      "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>";
  for (int tries = 0; tries < 3; ++tries) {
    EXPECT_EQ(play.hears(locked), "");
    EXPECT_THAT(play.waits(3s), HasSubstr("hall@rooms.example.org/julia"));
  }
  play.hears(locked);
  EXPECT_EQ(room().problem, Problem::item_not_found);
  // From one that was left on purpose one stays away.
  play.does([&](Client& client, auto now, auto& out) { client.leave_room(id(), now, out); });
  play.hears("<enabled xmlns='urn:xmpp:sm:3' id='resume-me' resume='true'/>");
  play.begins_anew();
  EXPECT_EQ(room().state, RoomState::outside);
}

TEST_F(RoomsTest, ARoomFullOfPeopleIsBounded) {
  enter();
  for (int i = 0; i < 3000; ++i) play.hears(presence("crowd" + std::to_string(i)));
  EXPECT_EQ(room().occupants.size(), play.model().bounds().occupants);
  EXPECT_EQ(room().more_occupants, 3002U - play.model().bounds().occupants);
}

// XEP-0410: who only reads is out of a room, and does not notice.
TEST_F(RoomsTest, ASilentRoomIsAskedWhetherWeAreIn) {
  enter();
  const auto silence = [&](int minutes = 16) {
    std::string sent;
    for (int i = 0; i < minutes && sent.find("hall@") == std::string::npos; ++i) {
      play.hears("<presence from='example.org'/>");  // the link is alive
      sent += play.waits(1min);
    }
    return sent;
  };
  const auto says = [&](const std::string& what) {
    return play.hears("<iq from='hall@rooms.example.org/julia' id='" + play.id_of("urn:xmpp:ping") + "' " + what);
  };
  const auto error = [](const std::string& condition) {
    return "type='error'><error type='cancel'><" + condition +
           " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
  };
  EXPECT_THAT(silence(), HasSubstr("to=\"hall@rooms.example.org/julia\" type=\"get\"><ping"));
  EXPECT_EQ(says("type='result'/>"), "");
  for (const char* inside :
       {"service-unavailable", "feature-not-implemented", "remote-server-not-found", "remote-server-timeout"}) {
    EXPECT_THAT(silence(), HasSubstr("<ping")) << inside;
    EXPECT_EQ(says(error(inside)), "") << inside;
    EXPECT_EQ(room().state, RoomState::joined) << inside;
  }
  for (int i = 0; i < 3; ++i) {
    play.hears("<message from='hall@rooms.example.org/nurse' type='groupchat'><body>hello</body></message>");
    EXPECT_THAT(silence(10), Not(HasSubstr("hall@")));
  }
  for (const char* outside : {"not-acceptable", "item-not-found"}) {
    EXPECT_THAT(silence(), HasSubstr("<ping"));
    EXPECT_THAT(says(error(outside)), HasSubstr("to=\"hall@rooms.example.org/julia\"")) << outside;
    EXPECT_EQ(room().state, RoomState::joining) << outside;
    play.hears(presence("julia", {}, "110"));
  }
}

// Its service was restarted, or has lost us: what we say comes back, and we go in again.
TEST_F(RoomsTest, ARoomThatHasForgottenUsIsEnteredAgain) {
  enter();
  const auto says = [&] {
    return play.does([&](Client& client, auto now, auto& out) {
      EXPECT_EQ(client.send(id(), "anybody?", now, out).problem, Problem::none);
    });
  };
  const auto refused = [&](const std::string& condition, std::string_view from = hall) {
    return play.hears("<message type='error' from='" + std::string(from) + "' id='" + play.id_of("anybody?") +
                      "'><error type='cancel'><" + condition +
                      " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>");
  };
  says();
  EXPECT_EQ(refused("forbidden"), "");
  EXPECT_EQ(refused("not-acceptable", "hall@rooms.example.org/nurse"), "");
  EXPECT_EQ(room().state, RoomState::joined);
  play.hears(
      "<message from='hall@rooms.example.org/nurse' type='groupchat'><body>before</body>"
      "<delay xmlns='urn:xmpp:delay' from='hall@rooms.example.org' stamp='2019-12-01T10:00:00Z'/></message>");
  says();
  // What was said meanwhile is asked for: since what the room has said last, not since what we have.
  EXPECT_THAT(refused("not-acceptable"),
              AllOf(HasSubstr("to=\"hall@rooms.example.org/julia\""), HasSubstr("http://jabber.org/protocol/muc\""),
                    HasSubstr("since=\"2019-12-01T10:00:00Z\"")));
  EXPECT_EQ(room().state, RoomState::joining);
  EXPECT_TRUE(room().occupants.empty());
  EXPECT_EQ(play.row(hall).messages.back().problem, Problem::not_acceptable);
  EXPECT_EQ(refused("not-acceptable"), "");  // all that was on its way comes back
  // Others come back as well, and one of them has made the room anew.
  play.hears(
      "<presence type='error' from='hall@rooms.example.org/julia'><error type='cancel'><item-not-found "
      "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>");
  EXPECT_EQ(room().state, RoomState::joining);
  EXPECT_THAT(play.waits(2s), HasSubstr("to=\"hall@rooms.example.org/julia\""));
  play.hears(presence("julia", {}, "110"));
  EXPECT_EQ(room().state, RoomState::joined);
  // A room that lasted as long as its service is not there any more.
  says();
  EXPECT_THAT(refused("item-not-found"), HasSubstr("to=\"hall@rooms.example.org/julia\""));
}

}  // namespace
