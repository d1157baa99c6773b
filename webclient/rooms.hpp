// Rooms (XEP-0045, 0410): joining, leaving, occupants, subject, messages and mentions, and invitations: what comes also
// as XEP-0249, what goes by the room only, which decides who may, and adds its password and the membership (7.8.2). A
// room vouches for what comes from its address: nicks, history, its errors; nothing of it counts for another room.
// Bookmarks are in bookmarks.hpp; private messages of occupants are conversations of their own (chats.hpp).
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "webclient/chats.hpp"
#include "webclient/context.hpp"
#include "webclient/roster.hpp"
#include "webclient/wire.hpp"

namespace webclient {

class Rooms {
 public:
  Rooms(ChatModel& model, Wire& wire, const Self& self, const Roster& roster);

  // Of an address that is a room of the model.
  void on_presence(xmpp::ElementView presence, Turn& turn);
  void on_message(xmpp::ElementView message, Turn& turn);  // type groupchat
  // An invitation in a message, or the answer to one of ours; true: it was one.
  bool on_invitation(xmpp::ElementView outer, Turn& turn);
  // What a room says to who is not in it: where we thought to be, we enter again. `of_message`: it is about one of a
  // conversation.
  void on_refused(xmpp::ElementView message, bool of_message, Turn& turn);
  void on_error(xmpp::ElementView message, Turn& turn);                // type error, of no message of a conversation
  void on_ping(const Asked& asked, xmpp::ElementView iq, Turn& turn);  // Question::room_ping
  void on_time(Turn& turn);
  [[nodiscard]] xmpp::Instant deadline() const;

  // ---- commands
  Problem join(Conversation& room, std::string_view nick, std::string_view password, Turn& turn);
  Problem leave(Conversation& room, Turn& turn);
  Problem change_nick(Conversation& room, std::string_view nick, Turn& turn);
  Problem set_subject(Conversation& room, std::string_view subject, Turn& turn);
  Problem invite(Conversation& room, std::string_view address, std::string_view reason, Turn& turn);
  Problem decline(Conversation& room, Turn& turn);
  // Our presence has changed: every room is told.
  void announce(Turn& turn);
  // The stream is a new one: we are in no room any more, and go back into those where we were.
  void rejoin(Turn& turn);

 private:
  void on_join_error(Conversation& room, xmpp::ElementView presence, Turn& turn);
  // `who`: the resource of the occupant's address.
  void on_gone(Conversation& room, std::string_view who, xmpp::ElementView presence, Turn& turn);
  void on_here(Conversation& room, std::string_view who, xmpp::ElementView presence, Turn& turn);
  void on_subject(Conversation& room, std::string_view who, xmpp::ElementView message, Turn& turn);
  void add_message(Conversation& room, std::string_view who, xmpp::ElementView message, Turn& turn);
  bool is_repeat(Conversation& room, const Message& message);
  void outside(Conversation& room, Problem why);
  void on_declined(xmpp::ElementView message, xmpp::ElementView decline, Turn& turn);
  [[nodiscard]] std::string shown(std::string_view resource) const;
  Message* notice(Conversation& room, Notice what, std::string_view name, std::string text, Turn& turn);
  void enter(Conversation& room, Turn& turn);
  void enter_again(Conversation& room, Turn& turn);
  void ask_the_silent(Turn& turn);

  ChatModel& model_;
  Wire& wire_;
  const Self& self_;
  const Roster& roster_;
  struct Joining {
    xmpp::Instant until;
    std::uint8_t returns = 0;  // how often it may be tried again
    bool again = false;        // at `until`, instead of giving up
  };
  std::map<ConversationId, Joining> joining_;
  std::map<ConversationId, xmpp::Instant> heard_;  // of rooms where we are: when they last said anything
};

}  // namespace webclient
