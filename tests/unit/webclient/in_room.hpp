// julia, logged in, and a room that she enters: what the tests of rooms and of invitations stand on.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/unit/webclient/play.hpp"

namespace tests {

inline constexpr std::string_view hall = "hall@rooms.example.org";

inline std::string presence(std::string_view nick, std::string_view item = {}, std::string_view codes = {},
                            std::string_view type = {}) {
  std::string text = "<presence from='hall@rooms.example.org/" + std::string(nick) + "'";
  if (!type.empty()) text += " type='" + std::string(type) + "'";
  text += "><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' role='participant'" +
          (item.empty() ? std::string("/>") : std::string(item));
  for (std::size_t at = 0; at < codes.size(); at += 4) {
    text += "<status code='" + std::string(codes.substr(at, 3)) + "'/>";
  }
  return text + "</x></presence>";
}

class InRoom : public testing::Test {
 protected:
  InRoom() { play.logs_in(); }

  webclient::Opened join(std::string_view address = hall, std::string_view nick = "julia",
                         std::string_view password = {}) {
    webclient::Opened opened;
    said = play.does([&](webclient::Client& client, auto now, auto& out) {
      opened = client.join_room({address, nick, password}, now, out);
    });
    return opened;
  }
  void enter() {
    ASSERT_EQ(join().problem, webclient::Problem::none);
    play.hears(presence("nurse"));
    play.hears(presence("julia", {}, "110"));
    ASSERT_EQ(room().state, webclient::RoomState::joined);
  }
  const webclient::Room& room() { return *play.row(hall).room; }
  webclient::ConversationId id() { return play.row(hall).id; }
  Play play;
  std::string said;
};

}  // namespace tests
