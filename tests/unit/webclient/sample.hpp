// A small chat session for tests of pages: alice with a roster, a room and some messages.
#pragma once
#include <string>
#include <utility>

#include "webclient/chat_model.hpp"
#include "webclient/iframe_stream.hpp"

namespace webclient::sample {

inline const WallTime noon{std::chrono::seconds(1764072000)};  // 2025-11-25 12:00 UTC

inline Message incoming(std::string text, WallTime when = noon) {
  Message message;
  message.text = std::move(text);
  message.when = when;
  return message;
}

inline Message outgoing(std::string text, Delivery delivery = Delivery::sent) {
  Message message = incoming(std::move(text));
  message.direction = Direction::outgoing;
  message.delivery = delivery;
  return message;
}

inline Conversation& buddy(ChatModel& model, const std::string& address, std::string name, std::string group = {}) {
  Conversation& row = *model.require(address, RowKind::person);
  Buddy buddy;
  buddy.name = std::move(name);
  buddy.subscription = Subscription::both;
  if (!group.empty()) buddy.groups.push_back(std::move(group));
  model.set_buddy(row, std::move(buddy));
  return row;
}

inline Occupant occupant(std::string nick, bool self = false) {
  Occupant out;
  out.resource = out.nick = std::move(nick);
  out.self = self;
  return out;
}

inline Conversation& room(ChatModel& model, const std::string& address, std::string subject) {
  Conversation& row = *model.require(address, RowKind::room);
  if (!row.room) row.room = std::make_unique<Room>();
  row.room->state = RoomState::joined;
  row.room->nick = "alice";
  row.room->bookmarked = true;
  row.room->subject = std::move(subject);
  model.set_occupant(row, occupant("alice", true));
  return row;
}

inline void account(ChatModel& model) {
  Account account;
  account.address = "alice@example.org";
  account.show = Show::online;
  account.link = LinkState::online;
  account.bookmarks = true;
  model.set_account(std::move(account), EventKind::own_changed);
}

inline Reader reader(std::string_view language = "en") {
  Reader reader;
  reader.texts = &catalogue(language);
  return reader;
}

}  // namespace webclient::sample
