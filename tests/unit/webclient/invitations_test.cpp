// Invitations to rooms, taken, declined and sent: transcripts beside XEP-0045 7.8.2 and XEP-0249.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/webclient/in_room.hpp"

namespace {

using namespace webclient;
using testing::HasSubstr;
using testing::Not;
using tests::hall;

using InvitationsTest = tests::InRoom;

TEST_F(InvitationsTest, AreTakenOrDeclined) {
  play.hears(
      "<message from='hall@rooms.example.org'><x xmlns='http://jabber.org/protocol/muc#user'>"
      "<invite from='nurse@example.net/x'><reason>a feast</reason></invite><password>p</password></x></message>");
  ASSERT_TRUE(room().invitation);
  EXPECT_EQ(room().invitation->name, "nurse@example.net");
  EXPECT_EQ(room().invitation->reason, "a feast");
  EXPECT_TRUE(play.row(hall).listed());
  EXPECT_EQ(join().problem, Problem::none);
  EXPECT_THAT(said, HasSubstr("<password>p</password>"));
  EXPECT_FALSE(room().invitation);
  play.hears(
      "<message from='romeo@example.net/o'><x xmlns='jabber:x:conference' jid='garden@rooms.example.org' "
      "reason='come'/></message>");
  EXPECT_EQ(play.row("garden@rooms.example.org").room->invitation->from, "romeo@example.net");
  const auto declined = play.does([&](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.decline_invitation(play.row("garden@rooms.example.org").id, now, out), Problem::none);
  });
  EXPECT_THAT(declined, HasSubstr("<decline"));
  EXPECT_FALSE(play.row("garden@rooms.example.org").listed());
}

// A room that does not tell addresses names the occupant, and to that one goes the answer.
TEST_F(InvitationsTest, OfAnOccupantHaveTheirName) {
  play.hears(
      "<message from='hall@rooms.example.org'><x xmlns='http://jabber.org/protocol/muc#user'>"
      "<invite from='hall@rooms.example.org/the nurse'/></x></message>");
  ASSERT_TRUE(room().invitation);
  EXPECT_EQ(room().invitation->name, "the nurse");
  const auto declined = play.does([&](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.decline_invitation(id(), now, out), Problem::none);
  });
  EXPECT_THAT(declined, HasSubstr("<decline to=\"hall@rooms.example.org/the nurse\""));
  // Of another room's occupant the room knows nothing but an address.
  play.hears(
      "<message from='hall@rooms.example.org'><x xmlns='http://jabber.org/protocol/muc#user'>"
      "<invite from='garden@rooms.example.org/nurse'/></x></message>");
  EXPECT_EQ(room().invitation->name, "garden@rooms.example.org");
}

// The same one by another way, and what only looks like one.
TEST_F(InvitationsTest, OfOtherDevicesAndForgedOnes) {
  const auto mediated = [](std::string_view from) {
    return "<message xmlns='jabber:client' from='" + std::string(from) +
           "' to='julia@example.org'><x xmlns='http://jabber.org/protocol/muc#user'>"
           "<invite from='nurse@example.net'/></x><body>nurse invites you</body></message>";
  };
  const auto carbon = [&](std::string_view from) {
    return "<message from='" + std::string(from) + "'><received xmlns='urn:xmpp:carbons:2'>" +
           "<forwarded xmlns='urn:xmpp:forward:0'>" + mediated(hall) + "</forwarded></received></message>";
  };
  play.hears(carbon("mallory@example.net"));
  EXPECT_EQ(play.model().find(hall), nullptr);
  play.hears(carbon("julia@example.org"));
  ASSERT_TRUE(room().invitation);
  EXPECT_EQ(play.row(hall).kind, RowKind::room);
  // One that we have sent, as the archive has it, invites nobody.
  play.hears(
      "<message from='julia@example.org/phone' to='hall@rooms.example.org'><x "
      "xmlns='http://jabber.org/protocol/muc#user'><invite to='romeo@example.net'/></x></message>");
  EXPECT_EQ(play.model().find("julia@example.org"), nullptr);
}

TEST_F(InvitationsTest, OfAFloodKeepTheReaderOutOfNoRoom) {
  const auto rooms = [&] {
    const auto rows = play.model().rows();
    return std::count_if(rows.begin(), rows.end(), [](const Conversation* row) { return row->room != nullptr; });
  };
  for (int i = 0; i < 100; ++i) {
    play.hears("<message from='mallory@example.net/x'><x xmlns='jabber:x:conference' jid='trap" + std::to_string(i) +
               "@rooms.example.org'/></message>");
  }
  EXPECT_EQ(rooms(), 50);
  EXPECT_TRUE(play.row("trap0@rooms.example.org").room->invitation) << "the first come stay";
  enter();
  EXPECT_EQ(rooms(), 50);
}

// Anybody may call any address a room (XEP-0249). Whose it is must be heard all the same.
TEST_F(InvitationsTest, ToAPersonMakeNoRoomOfThem) {
  const std::string romeo = "romeo@example.net";
  const auto invites = [&](const std::string& address) {
    play.hears("<message from='mallory@example.net/x'><x xmlns='jabber:x:conference' jid='" + address +
               "'/></message>");
    EXPECT_EQ(play.row(address).kind, RowKind::room);
  };
  const auto says = [&](const std::string& address, const std::string& more = {}) {
    play.hears("<message from='" + address + "' type='chat' id='m1'><body>it is me</body>" + more + "</message>");
  };
  invites(romeo);
  play.hears(
      "<message from='romeo@example.net' type='chat'><composing "
      "xmlns='http://jabber.org/protocol/chatstates'/></message>");
  says(romeo);
  EXPECT_EQ(play.row(romeo).kind, RowKind::person);
  EXPECT_EQ(play.row(romeo).room, nullptr);
  EXPECT_EQ(play.row(romeo).messages.back().text, "it is me");
  EXPECT_EQ(play.row(romeo).unread, 1U);

  invites("nurse@example.net");
  says("nurse@example.net/phone");
  EXPECT_EQ(play.row("nurse@example.net").unread, 1U);
  EXPECT_EQ(play.model().find("nurse@example.net/phone"), nullptr);

  invites("paris@example.net");
  play.hears("<presence from='paris@example.net' type='subscribe'/>");
  EXPECT_EQ(play.row("paris@example.net").kind, RowKind::person);
  EXPECT_TRUE(play.row("paris@example.net").asks);

  invites("tybalt@example.net");
  play.does([&](Client& client, auto now, auto& out) {
    const auto opened = client.start_chat("tybalt@example.net", now, out);
    EXPECT_EQ(client.send(opened.conversation, "hello", now, out).problem, Problem::none);
  });

  // What a room passes on says so.
  invites(std::string(hall));
  says("hall@rooms.example.org/nurse", "<x xmlns='http://jabber.org/protocol/muc#user'/>");
  EXPECT_EQ(play.row(hall).kind, RowKind::room);
  EXPECT_EQ(play.row("hall@rooms.example.org/nurse").kind, RowKind::occupant);
}

// Where we were once is a room for good.
TEST_F(InvitationsTest, RoomsStayRoomsAfterwards) {
  enter();
  play.does([&](Client& client, auto now, auto& out) { client.leave_room(id(), now, out); });
  play.hears("<message from='hall@rooms.example.org' type='normal'><body>forged?</body></message>");
  play.does([&](Client& client, auto now, auto& out) { client.start_chat(hall, now, out); });
  EXPECT_EQ(play.row(hall).kind, RowKind::room);
}

TEST_F(InvitationsTest, GoByTheRoom) {
  enter();
  const auto invite = [&](std::string_view address, std::string_view reason = {}) {
    Problem problem{};
    said = play.does([&](Client& client, auto now, auto& out) {
      problem = client.invite(id(), {address, reason}, now, out);
    });
    return problem;
  };
  EXPECT_EQ(invite("Romeo@Example.net", " come\nand see "), Problem::none);
  EXPECT_THAT(said, HasSubstr("to=\"hall@rooms.example.org\""));
  EXPECT_THAT(said, HasSubstr("<x xmlns=\"http://jabber.org/protocol/muc#user\"><invite to=\"romeo@example.net\">"
                              "<reason>come and see</reason></invite></x>"));
  EXPECT_EQ(play.row(hall).messages.back().notice, Notice::has_invited);
  EXPECT_EQ(play.row(hall).messages.back().author, "romeo@example.net");
  EXPECT_EQ(play.row(hall).messages.back().text, "come and see");
  EXPECT_EQ(invite("romeo@example.net"), Problem::none);
  EXPECT_THAT(said, Not(HasSubstr("<reason")));

  struct Wrong {
    std::string_view address;
    Problem problem;
  };
  for (const auto& [address, problem] :
       {Wrong{"", Problem::bad_address}, Wrong{"example.net", Problem::bad_address},
        Wrong{"romeo@example.net/o", Problem::bad_address}, Wrong{"ro meo@example.net", Problem::bad_address},
        Wrong{"julia@example.org", Problem::own_address}}) {
    EXPECT_EQ(invite(address), problem) << address;
    EXPECT_EQ(said, "") << address;
  }
  play.does([&](Client& client, auto now, auto& out) { client.leave_room(id(), now, out); });
  EXPECT_EQ(invite("romeo@example.net"), Problem::not_joined);
}

TEST_F(InvitationsTest, HaveAnAnswer) {
  enter();
  play.does([&](Client& client, auto now, auto& out) { client.invite(id(), {"romeo@example.net", ""}, now, out); });
  const auto refusal = [](std::string_view from, std::string_view id) {
    return "<message type='error' from='" + std::string(from) + "' id='" + std::string(id) +
           "'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>";
  };
  const auto decline = [](std::string_view from, std::string_view who) {
    return "<message from='" + std::string(from) + "'><x xmlns='http://jabber.org/protocol/muc#user'><decline from='" +
           std::string(who) + "'><reason>too late</reason></decline></x></message>";
  };
  const auto asked = play.id_of("<invite");
  const auto before = play.row(hall).messages.size();
  play.hears(refusal("mallory@example.net", asked));
  play.hears(refusal("hall@rooms.example.org/nurse", asked));
  play.hears(decline("hall@rooms.example.org/nurse", "romeo@example.net"));
  play.hears(decline("mallory@example.net", "romeo@example.net"));
  play.hears(decline(hall, "mallory@example.net"));  // whom nobody has invited
  EXPECT_EQ(play.row(hall).messages.size(), before);
  EXPECT_EQ(room().problem, Problem::none);

  play.hears(decline(hall, "romeo@example.net/o"));
  EXPECT_EQ(play.row(hall).messages.back().notice, Notice::declined);
  EXPECT_EQ(play.row(hall).messages.back().author, "romeo@example.net");
  EXPECT_EQ(play.row(hall).messages.back().text, "too late");
  play.hears(refusal(hall, asked));
  EXPECT_EQ(play.row(hall).messages.back().notice, Notice::not_invited);
  EXPECT_EQ(play.row(hall).messages.back().author, "romeo@example.net");
  EXPECT_EQ(play.row(hall).messages.back().problem, Problem::forbidden);
  EXPECT_EQ(room().problem, Problem::none);
}

// Neither one of ours nor one for us gets lost with a stream.
TEST_F(InvitationsTest, SurviveABreak) {
  play.hears(
      "<message from='romeo@example.net/o' id='i1' type='chat'><stanza-id xmlns='urn:xmpp:sid:0' "
      "by='julia@example.org' id='a1'/><body>hi</body></message>");
  play.has_archive();
  enter();
  play.does([&](Client& client, auto now, auto& out) { client.invite(id(), {"romeo@example.net", ""}, now, out); });
  const auto begun = play.begins_anew();
  EXPECT_THAT(begun, HasSubstr("urn:xmpp:mam:2"));
  EXPECT_THAT(begun, Not(HasSubstr("<invite")));
  const auto query = play.id_of("urn:xmpp:mam:2");
  const auto& asked = play.sent.back();
  const auto at = asked.find("queryid=\"") + 9;
  const auto queryid = asked.substr(at, asked.find('"', at) - at);
  play.hears("<message from='julia@example.org'><result xmlns='urn:xmpp:mam:2' queryid='" + queryid +
             "' id='a2'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' "
             "stamp='2019-01-01T00:00:00Z'/><message xmlns='jabber:client' from='garden@rooms.example.org' "
             "to='julia@example.org'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='nurse@example.net'/>"
             "</x><body>you are invited</body></message></forwarded></result></message>");
  ASSERT_EQ(play.row("garden@rooms.example.org").kind, RowKind::room);
  EXPECT_TRUE(play.row("garden@rooms.example.org").room->invitation);
  EXPECT_THAT(play.hears("<iq type='result' id='" + query +
                         "'><fin xmlns='urn:xmpp:mam:2' complete='true'><set "
                         "xmlns='http://jabber.org/protocol/rsm'/></fin></iq>"),
              HasSubstr("<invite to=\"romeo@example.net\""));
}

}  // namespace
