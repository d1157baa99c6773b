// What is kept until the server acknowledges it has a bound, whoever makes us send. PROTOCOL U-062, Z-004, Z-008.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/webclient/in_room.hpp"

namespace {

using namespace std::chrono_literals;
using namespace webclient;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using tests::hall;
using tests::Play;

std::string push(std::string_view id) {
  return "<iq type='set' id='" + std::string(id) + "'><query xmlns='jabber:iq:roster'><item jid='romeo@example.net'/>" +
         "</query></iq>";
}

// A server that does not acknowledge: until nothing more is answered.
void fill(Play& play) {
  for (int i = 0; i < 30; ++i) play.hears(push(std::string(100'000, 'x')));
}

// As a server counts them.
std::string acknowledgement(const Play& play) {
  const auto enable = std::find_if(play.sent.rbegin(), play.sent.rend(),
                                   [](const std::string& bytes) { return bytes.starts_with("<enable "); });
  const auto counts = std::count_if(enable.base(), play.sent.end(), [](const std::string& bytes) {
    return bytes.starts_with("<iq") || bytes.starts_with("<message") || bytes.starts_with("<presence");
  });
  return "<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(counts) + "'/>";
}

std::string stranger(int number) {
  return "<message from='p" + std::to_string(number) + "@example.net/x' id='m'><body>x</body></message>";
}

TEST(Wire, AServerThatNeverAcknowledgesIsNotAnsweredForEver) {
  Play play;
  play.logs_in();
  const auto before = play.client->held_bytes();
  fill(play);
  EXPECT_LT(play.client->held_bytes(), before + 1'200'000);
  EXPECT_EQ(play.hears(push("p")), "");
  EXPECT_EQ(play.hears("<iq type='set' id='p' from='mallory@example.net'><query xmlns='jabber:iq:roster'/></iq>"), "");
  EXPECT_EQ(play.hears("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>"), "");
  play.hears(acknowledgement(play));
  EXPECT_THAT(play.hears(push("p")), HasSubstr("type=\"result\""));
}

std::string ping(std::string_view id) {
  return "<iq type='get' id='" + std::string(id) + "' from='romeo@example.net/o'><ping xmlns='urn:xmpp:ping'/></iq>";
}

Problem says(Play& play, std::string_view text) {
  Problem problem{};
  play.does([&](Client& client, auto now, auto& out) {
    const auto chat = client.start_chat("nurse@example.org", now, out);
    problem = client.send(chat.conversation, text, now, out).problem;
  });
  return problem;
}

constexpr std::string_view ask = "<r xmlns='urn:xmpp:sm:3'/>";

// Whoever makes us answer does not bring it about that nothing more is sent: the server is asked in time what it has.
TEST(Wire, TheServerIsAskedLongBeforeItIsFull) {
  Play play;
  play.logs_in();
  const auto before = play.sent.size();
  unsigned asked = 0;
  for (int i = 0; i < 1100; ++i) {
    if (play.hears(ping(std::to_string(i))).find(ask) == std::string::npos) continue;
    ++asked;
    EXPECT_LT(play.sent.size() - before, 200U * asked);
    play.hears(acknowledgement(play));
  }
  EXPECT_GE(asked, 5U);
  EXPECT_EQ(says(play, "still here"), Problem::none);
}

TEST(Wire, AnswersLeaveRoomForTheReader) {
  Play play;
  play.logs_in();
  for (int i = 0; i < 1100; ++i) play.hears(ping(std::to_string(i)));
  EXPECT_EQ(play.hears(ping("p")), "");
  EXPECT_EQ(says(play, "still here"), Problem::none);
}

TEST(Wire, WhoAsksWithAHugeIdGetsNoAnswer) {
  Play play;
  play.logs_in();
  EXPECT_THAT(play.hears(ping(std::string(1024, 'i'))), HasSubstr("type=\"result\""));
  EXPECT_EQ(play.hears(ping(std::string(1025, 'i'))), "");
  // Nor who would like to write our roster.
  EXPECT_EQ(play.hears("<iq type='set' from='mallory@example.net' id='" + std::string(1025, 'i') +
                       "'><query xmlns='jabber:iq:roster'/></iq>"),
            "");
}

// It says this and that, but never what it has of ours: as good as gone.
TEST(Wire, AServerThatDoesNotSayWhatItHasIsLeft) {
  Play play;
  play.logs_in();
  fill(play);
  play.waits(25s);
  play.hears(stranger(1));
  play.waits(25s);
  play.hears(stranger(2));
  EXPECT_EQ(play.model().account().link, LinkState::online);
  play.waits(25s);
  EXPECT_EQ(play.model().account().link, LinkState::reconnecting);
}

// The question that tries out a silent link is as old as itself.
TEST(Wire, AServerThatWasSilentHasItsTimeToSayWhatItHas) {
  Play play;
  play.logs_in();
  EXPECT_THAT(play.waits(60s), HasSubstr(std::string(ask)));
  fill(play);
  play.waits(10s);
  EXPECT_EQ(play.model().account().link, LinkState::online);
}

class WireInRoom : public tests::InRoom {};

// What the reader asks for is not done in part: it is refused.
TEST_F(WireInRoom, RefusesWhatItCouldNotKeep) {
  enter();
  play.hears(
      "<message from='feast@rooms.example.org'><x xmlns='http://jabber.org/protocol/muc#user'>"
      "<invite from='nurse@example.org'/></x></message>");
  fill(play);
  const auto said_now = play.does([&](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.set_presence(Show::away, "gone", now, out), Problem::offline);
    EXPECT_EQ(client.change_nick(id(), "juliet", now, out), Problem::offline);
    EXPECT_EQ(client.set_subject(id(), "Night", now, out), Problem::offline);
    EXPECT_EQ(client.leave_room(id(), now, out), Problem::offline);
    EXPECT_EQ(client.decline_invitation(play.row("feast@rooms.example.org").id, now, out), Problem::offline);
    EXPECT_EQ(client.join_room({"feast@rooms.example.org", "julia", {}}, now, out).problem, Problem::offline);
    EXPECT_EQ(client.add_buddy("nurse@example.org", {}, now, out).problem, Problem::offline);
  });
  EXPECT_EQ(said_now, "");
  EXPECT_EQ(play.model().account().show, Show::online);
  EXPECT_EQ(room().state, RoomState::joined);
  EXPECT_TRUE(play.row("feast@rooms.example.org").room->invitation);
  play.hears(acknowledgement(play));
  play.does([&](Client& client, auto now, auto& out) { EXPECT_EQ(client.leave_room(id(), now, out), Problem::none); });
}

// Those who have to be told and cannot be: as many as are still to come.
class UntoldTest : public testing::Test {
 protected:
  UntoldTest() {
    play.logs_in();
    while (told < 2000 && play.hears(stranger(told)).find("type=\"error\"") != std::string::npos) ++told;
    for (int i = 1; i < 450; ++i) EXPECT_EQ(errors(play.hears(stranger(told + i))), 0U);
  }
  static Bounds bounds() {
    Bounds bounds;
    bounds.conversations = 0;
    return bounds;
  }
  static std::size_t errors(std::string_view said) {
    std::size_t count = 0;
    for (auto at = said.find("type=\"error\""); at != said.npos; at = said.find("type=\"error\"", at + 1)) ++count;
    return count;
  }
  Play play{bounds()};
  int told = 0;
};

TEST_F(UntoldTest, AreToldWhenThereIsRoom) {
  EXPECT_LT(told, 1000);
  const auto said = play.hears(acknowledgement(play));
  EXPECT_EQ(errors(said), 450U);
  EXPECT_EQ(errors(play.hears(acknowledgement(play))), 0U);
  EXPECT_EQ(play.does([](Client& client, auto now, auto& out) { client.log_out(now, out); }).find("error"),
            std::string::npos);
}

// But for those that the server still has.
TEST_F(UntoldTest, AreToldAtTheEnd) {
  EXPECT_EQ(errors(play.does([](Client& client, auto now, auto& out) { client.log_out(now, out); })), 50U);
}

// It is full, and nothing is acknowledged: such a stream is given up, and not resumed.
TEST_F(UntoldTest, AreToldOnTheNextStream) {
  EXPECT_EQ(play.waits(59s), "");
  EXPECT_EQ(play.waits(2s), "[open]\n");
  EXPECT_EQ(play.model().account().problem, Problem::timed_out);
  EXPECT_THAT(play.authenticates(tests::bound_features), AllOf(HasSubstr("xmpp-bind"), Not(HasSubstr("<resume"))));
  const auto said = play.answers(
      "xmpp-bind", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>julia@example.org/web</jid></bind>");
  EXPECT_GE(errors(said), 50U);
  play.hears(acknowledgement(play));
  EXPECT_THAT(play.hears(stranger(0)), HasSubstr("type=\"error\""));
}

// The last words are not kept, so they need no room.
TEST(Wire, AllAreToldAtTheEnd) {
  Play play;
  play.logs_in();
  for (int i = 0; i < 800; ++i)
    play.hears("<message from='romeo@example.net/o' id='m'><body>" + std::to_string(i) + "</body></message>");
  fill(play);
  const auto said = play.does([](Client& client, auto now, auto& out) { client.log_out(now, out); });
  std::size_t errors = 0;
  for (auto at = said.find("type=\"error\""); at != std::string::npos; at = said.find("type=\"error\"", at + 1))
    ++errors;
  EXPECT_GE(errors, 400U);
  EXPECT_LT(play.client->held_bytes(), 1'000'000U);
}

}  // namespace
