#include "webclient/chat_model.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace {

using namespace webclient;
using namespace std::chrono_literals;

WallTime at(int second) {
  return WallTime{} + std::chrono::seconds(second);
}

Message incoming(std::string text, int second = 1) {
  Message message;
  message.text = std::move(text);
  message.when = at(second);
  message.unread = true;
  return message;
}

Message read(std::string text, int second = 1) {
  auto message = incoming(std::move(text), second);
  message.unread = false;
  return message;
}

std::vector<std::string> texts(const Conversation& conversation) {
  std::vector<std::string> all;
  for (const auto& message : conversation.messages) all.push_back(message.text);
  return all;
}

std::vector<EventKind> events(const ChatModel& model, std::uint64_t from) {
  std::vector<EventKind> kinds;
  for (; from < model.journal().next(); ++from) kinds.push_back(model.journal().at(from).kind);
  return kinds;
}

using Kinds = std::vector<EventKind>;
using Texts = std::vector<std::string>;

TEST(ChatModel, AConversationIsFoundByNumberAndByAddress) {
  ChatModel model{Bounds{}};
  auto* made = model.require("romeo@example.net", RowKind::person);
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(model.require("romeo@example.net", RowKind::person), made);
  EXPECT_EQ(model.find("romeo@example.net"), made);
  EXPECT_EQ(model.find(made->id), made);
  EXPECT_EQ(model.find(ConversationId{77}), nullptr);
  EXPECT_EQ(made->title(), "romeo");
  EXPECT_FALSE(made->listed());
}

// It takes no row more, so nobody has to go for it; a room has to where there may be no more of them.
TEST(ChatModel, AStrangerBecomesARoomInHisOwnPlace) {
  Bounds bounds;
  bounds.conversations = 3;
  bounds.rooms = 1;
  ChatModel model{bounds};
  for (const char* address : {"romeo@example.net", "hall@rooms.example.net", "garden@rooms.example.net"}) {
    ASSERT_NE(model.require(address, RowKind::person), nullptr);
  }
  auto* hall = model.find("hall@rooms.example.net");
  EXPECT_EQ(model.require("hall@rooms.example.net", RowKind::room), hall);
  EXPECT_EQ(hall->kind, RowKind::room);
  EXPECT_NE(model.find("romeo@example.net"), nullptr);
  EXPECT_NE(model.find("garden@rooms.example.net"), nullptr);
  auto* garden = model.require("garden@rooms.example.net", RowKind::room);
  ASSERT_NE(garden, nullptr);
  EXPECT_EQ(garden->kind, RowKind::room);
  EXPECT_EQ(model.find("hall@rooms.example.net"), nullptr);
  EXPECT_NE(model.find("romeo@example.net"), nullptr);
}

TEST(ChatModel, TitlesAreWhatPeopleGave) {
  ChatModel model{Bounds{}};
  auto& buddy = *model.require("romeo@example.net", RowKind::person);
  model.set_buddy(buddy, Buddy{"My Romeo", {}, Subscription::both, false});
  EXPECT_EQ(buddy.title(), "My Romeo");
  EXPECT_EQ(model.require("service.example.net", RowKind::person)->title(), "service.example.net");
  EXPECT_EQ(model.require("hall@rooms.example.net/nurse", RowKind::occupant)->title(), "nurse");
  auto& room = *model.require("hall@rooms.example.net", RowKind::room);
  EXPECT_EQ(room.title(), "hall");
  room.room->bookmark_name = "The hall";
  EXPECT_EQ(room.title(), "The hall");
}

TEST(ChatModel, RowsAreSortedAsPeopleExpect) {
  ChatModel model{Bounds{}};
  const auto buddy = [&](const char* address, Show show) -> Conversation& {
    auto& row = *model.require(address, RowKind::person);
    model.set_buddy(row, Buddy{});
    model.set_presence(row, show, "");
    return row;
  };
  buddy("zoe@x", Show::online);
  buddy("Bert@x", Show::chat);
  buddy("anna@x", Show::offline);
  buddy("carl@x", Show::do_not_disturb);
  buddy("dora@x", Show::extended_away);
  model.add_message(buddy("emil@x", Show::offline), incoming("hi"));
  model.set_asks(*model.require("fred@x", RowKind::person), "may I?");
  model.require("nobody@x", RowKind::person);  // nothing to show
  model.require("room@x", RowKind::room)->room->bookmarked = true;
  Texts order;
  for (const auto* row : model.rows()) order.push_back(row->address);
  EXPECT_EQ(order, (Texts{"fred@x", "emil@x", "room@x", "Bert@x", "zoe@x", "carl@x", "dora@x", "anna@x"}));
}

TEST(ChatModel, MessagesAreCountedUntilTheyAreRead) {
  ChatModel model{Bounds{}};
  auto& row = *model.require("romeo@example.net", RowKind::person);
  const auto from = model.journal().next();
  const auto* first = model.add_message(row, incoming("one"));
  auto second = incoming("two, julia");
  second.mention = true;
  model.add_message(row, std::move(second));
  model.add_message(row, read("old"));
  EXPECT_EQ(row.unread, 2U);
  EXPECT_EQ(row.mentions, 1U);
  EXPECT_EQ(model.unread(), 2U);
  EXPECT_EQ(model.find(row, first->id)->text, "one");
  model.mark_read(row);
  EXPECT_EQ(row.unread, 0U);
  EXPECT_EQ(row.mentions, 0U);
  EXPECT_FALSE(row.messages.front().unread);
  model.mark_read(row);  // says nothing twice
  EXPECT_EQ(events(model, from),
            (Kinds{EventKind::message_added, EventKind::unread_changed, EventKind::message_added,
                   EventKind::unread_changed, EventKind::message_added, EventKind::unread_changed}));
}

TEST(ChatModel, WhatTheArchiveBringsGoesToItsPlace) {
  ChatModel model{Bounds{}};
  auto& row = *model.require("romeo@example.net", RowKind::person);
  model.add_message(row, read("a", 10));
  model.add_message(row, read("c", 30));
  const auto from = model.journal().next();
  auto missed = read("b", 20);
  missed.archived = true;
  model.add_message(row, std::move(missed));
  EXPECT_EQ(texts(row), (Texts{"a", "b", "c"}));
  EXPECT_EQ(events(model, from), (Kinds{EventKind::history_changed}));
  // A live message stays where it came, whatever its clock says.
  model.add_message(row, read("d", 5));
  EXPECT_EQ(texts(row), (Texts{"a", "b", "c", "d"}));
  EXPECT_EQ(row.last, at(30));
}

TEST(ChatModel, OlderMessagesGoBeforeTheFirst) {
  ChatModel model{Bounds{}};
  auto& row = *model.require("romeo@example.net", RowKind::person);
  const auto* live = model.add_message(row, read("c", 30));
  const auto id = live->id;
  std::vector<Message> older;
  older.push_back(read("a", 10));
  older.push_back(read("b", 20));
  const auto from = model.journal().next();
  model.prepend_messages(row, std::move(older));
  EXPECT_EQ(texts(row), (Texts{"a", "b", "c"}));
  EXPECT_EQ(events(model, from), (Kinds{EventKind::history_changed}));
  EXPECT_EQ(model.find(row, id)->text, "c");
  EXPECT_NE(row.messages[0].id, row.messages[1].id);
}

TEST(ChatModel, DeliveryAndCorrectionAreToldOnce) {
  ChatModel model{Bounds{}};
  auto& row = *model.require("romeo@example.net", RowKind::person);
  auto* old = model.add_message(row, read("helo"));
  const auto old_id = old->id;
  const auto from = model.journal().next();
  model.set_delivery(row, *old, Delivery::sent);
  model.set_delivery(row, *old, Delivery::sent);
  auto* better = model.add_message(row, read("hello"));
  model.replace(row, *model.edit(row, old_id), *better);
  EXPECT_EQ(model.find(row, old_id)->replaced_by, better->id);
  EXPECT_EQ(better->replaces, old_id);
  EXPECT_EQ(events(model, from),
            (Kinds{EventKind::message_changed, EventKind::message_added, EventKind::message_changed}));
}

TEST(ChatModel, PresenceIsTold) {
  ChatModel model{Bounds{}};
  auto& row = *model.require("romeo@example.net", RowKind::person);
  const auto from = model.journal().next();
  model.set_presence(row, Show::away, "out");
  model.set_presence(row, Show::away, "out");
  model.set_presence(row, Show::away, "gone out");
  model.set_typing(row, Typing::composing);
  model.set_typing(row, Typing::composing);
  EXPECT_EQ(events(model, from), (Kinds{EventKind::presence_changed, EventKind::status_changed,
                                        EventKind::status_changed, EventKind::typing_changed}));
}

TEST(ChatModel, TheListChangesWithAStrangersConversationAndNotWithABuddys) {
  ChatModel model{Bounds{}};
  auto& buddy = *model.require("romeo@example.net", RowKind::person);
  auto& stranger = *model.require("tybalt@example.net", RowKind::person);
  model.set_buddy(buddy, Buddy{});
  const auto from = model.journal().next();
  model.set_open(buddy, true);
  model.set_open(buddy, false);
  EXPECT_EQ(events(model, from), Kinds{});
  model.set_open(stranger, true);
  EXPECT_EQ(events(model, from), Kinds{EventKind::rows_changed});
}

TEST(ChatModel, OccupantsKeepTheirNumber) {
  ChatModel model{Bounds{}};
  auto& room = *model.require("hall@x", RowKind::room);
  Occupant nurse;
  nurse.resource = nurse.nick = "nurse";
  const auto from = model.journal().next();
  const auto id = model.set_occupant(room, nurse)->id;
  nurse.show = Show::away;
  EXPECT_EQ(model.set_occupant(room, nurse)->id, id);
  model.set_occupant(room, nurse);
  EXPECT_EQ(model.find(room, id)->show, Show::away);
  model.remove_occupant(room, "nurse");
  model.remove_occupant(room, "nurse");
  EXPECT_EQ(model.find(room, id), nullptr);
  EXPECT_NE(model.set_occupant(room, nurse)->id, id);
  model.clear_occupants(room);
  EXPECT_TRUE(room.room->occupants.empty());
  EXPECT_EQ(events(model, from),
            (Kinds{EventKind::occupant_joined, EventKind::occupant_changed, EventKind::occupant_left,
                   EventKind::occupant_joined, EventKind::occupant_left}));
}

// ---- bounds: each one, and who has to go

Bounds small() {
  Bounds bounds;
  bounds.conversations = 3;
  bounds.rooms = 2;
  bounds.messages = 4;
  bounds.occupants = 2;
  bounds.uploads = 1;
  bounds.events = 5;
  return bounds;
}

TEST(ChatModelBounds, MessagesOfAConversation) {
  ChatModel model{small()};
  auto& row = *model.require("romeo@example.net", RowKind::person);
  row.history.complete = true;
  for (int i = 0; i < 6; ++i) model.add_message(row, incoming(std::to_string(i), i));
  EXPECT_EQ(texts(row), (Texts{"2", "3", "4", "5"}));
  EXPECT_EQ(row.unread, 6U);  // the reader is told of all of them
  EXPECT_FALSE(row.history.complete);
  std::vector<Message> older;
  older.push_back(read("x"));
  model.prepend_messages(row, std::move(older));
  EXPECT_EQ(row.messages.size(), 4U);
}

TEST(ChatModelBounds, OlderMessagesFillWhatIsLeft) {
  ChatModel model{small()};
  auto& row = *model.require("romeo@example.net", RowKind::person);
  model.add_message(row, read("z", 9));
  std::vector<Message> older;
  for (int i = 0; i < 6; ++i) older.push_back(read(std::to_string(i), i));
  model.prepend_messages(row, std::move(older));
  EXPECT_EQ(texts(row), (Texts{"3", "4", "5", "z"}));
}

TEST(ChatModelBounds, TextOfAllMessagesKeepsWhatIsUnread) {
  auto bounds = small();
  bounds.all_text = 3 * (sizeof(Message) + 100);
  ChatModel model{bounds};
  auto& one = *model.require("one@x", RowKind::person);
  auto& two = *model.require("two@x", RowKind::person);
  model.add_message(one, incoming(std::string(100, 'a'), 1));
  model.add_message(two, read(std::string(100, 'b'), 2));
  model.add_message(two, read(std::string(100, 'c'), 3));
  model.add_message(one, incoming(std::string(100, 'd'), 4));
  EXPECT_EQ(texts(one), (Texts{std::string(100, 'a'), std::string(100, 'd')}));
  EXPECT_EQ(texts(two), (Texts{std::string(100, 'c')}));
  model.add_message(one, incoming(std::string(100, 'e'), 5));
  model.add_message(one, incoming(std::string(100, 'f'), 6));  // only unread ones are left: the oldest goes
  EXPECT_EQ(texts(one), (Texts{std::string(100, 'd'), std::string(100, 'e'), std::string(100, 'f')}));
  EXPECT_EQ(two.messages.size(), 0U);
}

// Ids that become known later are counted as they are taken away again: otherwise the sum ends below nothing, which is
// above every bound.
TEST(ChatModelBounds, TextIsCountedWithIdsThatBecomeKnownLater) {
  ChatModel model{Bounds{}};
  auto* chat = model.require("romeo@example.net", RowKind::person);
  const auto before = model.held_bytes();
  auto* message = model.add_message(*chat, read("x"));
  const auto without = model.held_bytes();
  model.set_archive_id(*message, std::string(400, 'a'));
  model.set_wire_id(*message, std::string(300, 'w'));
  EXPECT_EQ(model.held_bytes(), without + 700);
  model.set_wire_id(*message, "w");
  EXPECT_EQ(model.held_bytes(), without + 401);
  for (int i = 0; i < 500; ++i) model.add_message(*chat, read("x"));
  EXPECT_EQ(chat->messages.size(), 500U);
  EXPECT_EQ(chat->messages.front().archive_id, "");
  EXPECT_LT(model.held_bytes(), before + 500 * (sizeof(Message) + 50));
}

TEST(ChatModelBounds, ConversationsOfStrangers) {
  ChatModel model{small()};
  auto& unread = *model.require("unread@x", RowKind::person);
  model.add_message(unread, incoming("hi", 1));
  auto& open = *model.require("open@x", RowKind::person);
  model.set_open(open, true);
  model.require("quiet@x", RowKind::person);
  EXPECT_NE(model.require("new1@x", RowKind::person), nullptr);
  EXPECT_EQ(model.find("quiet@x"), nullptr);
  model.set_asks(*model.edit("new1@x"), "may I?");
  EXPECT_NE(model.require("new2@x", RowKind::person), nullptr);
  EXPECT_EQ(model.find("open@x"), nullptr);
  EXPECT_NE(model.find("unread@x"), nullptr);
  model.set_asks(*model.edit("new2@x"), "and I?");
  EXPECT_NE(model.require("new3@x", RowKind::person), nullptr);  // even unread ones are bounded
  EXPECT_EQ(model.find("unread@x"), nullptr);
  model.set_asks(*model.edit("new3@x"), "me too");
  // Questions alone are left: another one is not asked, but for what the reader does the oldest goes.
  EXPECT_EQ(model.require("new4@x", RowKind::person, Claim::question), nullptr);
  EXPECT_NE(model.require("new4@x", RowKind::person), nullptr);
  EXPECT_EQ(model.find("new1@x"), nullptr);
  EXPECT_NE(model.find("new2@x"), nullptr);
}

TEST(ChatModelBounds, BuddiesDoNotCrowdOutStrangers) {
  ChatModel model{small()};
  for (int i = 0; i < 10; ++i) {
    auto* row = model.require("buddy" + std::to_string(i), RowKind::person);
    ASSERT_NE(row, nullptr);
    model.set_buddy(*row, Buddy{});
  }
  EXPECT_EQ(model.roster_size(), 10U);
  EXPECT_NE(model.require("stranger", RowKind::person), nullptr);
  model.set_buddy(*model.edit("buddy1"), std::nullopt);
  EXPECT_EQ(model.roster_size(), 9U);
}

// Rooms in the roster are buddies, and rooms all the same: their occupants are no fewer.
TEST(ChatModelBounds, RoomsThatAreBuddiesCount) {
  ChatModel model{small()};
  for (const char* address : {"a@rooms.example.net", "b@rooms.example.net"}) {
    auto* const room = model.require(address, RowKind::room);
    ASSERT_NE(room, nullptr);
    model.set_buddy(*room, Buddy{});
  }
  EXPECT_EQ(model.require("c@rooms.example.net", RowKind::room), nullptr);
  EXPECT_NE(model.find("a@rooms.example.net"), nullptr);
  model.set_buddy(*model.edit("a@rooms.example.net"), std::nullopt);
  EXPECT_NE(model.require("c@rooms.example.net", RowKind::room), nullptr);
  EXPECT_EQ(model.find("a@rooms.example.net"), nullptr);
}

TEST(ChatModelBounds, Rooms) {
  ChatModel model{small()};
  model.require("a@x", RowKind::room)->room->state = RoomState::joined;
  model.require("b@x", RowKind::room);
  EXPECT_NE(model.require("c@x", RowKind::room), nullptr);
  EXPECT_EQ(model.find("b@x"), nullptr);
  model.edit("c@x")->room->bookmarked = true;
  EXPECT_EQ(model.require("d@x", RowKind::room), nullptr);
  EXPECT_NE(model.require("romeo@x", RowKind::person), nullptr);
  // An invitation holds its place against other invitations, but keeps the reader out of no room.
  model.edit("c@x")->room->bookmarked = false;
  model.edit("c@x")->room->invitation = Invitation{};
  EXPECT_EQ(model.require("d@x", RowKind::room, Claim::question), nullptr);
  EXPECT_NE(model.require("d@x", RowKind::room), nullptr);
  EXPECT_EQ(model.find("c@x"), nullptr);
}

TEST(ChatModelBounds, OccupantsOfARoom) {
  ChatModel model{small()};
  auto& room = *model.require("hall@x", RowKind::room);
  for (const char* nick : {"a", "b", "c"}) {
    Occupant occupant;
    occupant.resource = occupant.nick = nick;
    model.set_occupant(room, occupant);
  }
  EXPECT_EQ(room.room->occupants.size(), 2U);
  EXPECT_EQ(room.room->more_occupants, 1U);
  model.remove_occupant(room, "b");
  Occupant endless;
  endless.resource = std::string(small().label + 1, 'x');
  EXPECT_EQ(model.set_occupant(room, endless), nullptr) << "counted, not kept";
  EXPECT_EQ(room.room->more_occupants, 2U);
  model.remove_occupant(room, endless.resource);
  Occupant self;
  self.resource = self.nick = "julia";
  self.self = true;
  EXPECT_NE(model.set_occupant(room, self), nullptr);
  model.remove_occupant(room, "c");
  EXPECT_EQ(room.room->more_occupants, 0U);
}

TEST(ChatModelBounds, Uploads) {
  ChatModel model{small()};
  const auto* upload = model.add_upload({});
  ASSERT_NE(upload, nullptr);
  EXPECT_EQ(model.add_upload({}), nullptr);
  model.remove_upload(upload->id);
  EXPECT_NE(model.add_upload({}), nullptr);
}

// Z-004: a stream goes on from an event id, or is told that it cannot.
TEST(Journal, IsBoundedAndNumbered) {
  Journal journal(3);
  EXPECT_EQ(journal.next(), 1U);
  EXPECT_TRUE(journal.reaches(1));
  EXPECT_FALSE(journal.reaches(0));
  EXPECT_FALSE(journal.reaches(2));
  for (std::uint32_t i = 1; i <= 5; ++i) journal.add({EventKind::message_added, ConversationId{7}, i});
  EXPECT_EQ(journal.next(), 6U);
  EXPECT_FALSE(journal.reaches(2));
  EXPECT_TRUE(journal.reaches(3));
  EXPECT_EQ(journal.at(3).item, 3U);
  EXPECT_EQ(journal.at(5).item, 5U);
  EXPECT_TRUE(journal.reaches(6));
  EXPECT_FALSE(journal.reaches(7));
}

// For max_buffered_bytes: what comes in counts, what goes is taken off again.
TEST(ChatModel, SaysAboutHowMuchItHolds) {
  ChatModel model{Bounds{}};
  const auto empty = model.held_bytes();
  auto* romeo = model.require("romeo@example.net", RowKind::person);
  model.add_message(*romeo, incoming(std::string(10'000, 'x')));
  EXPECT_GT(model.held_bytes(), empty + 10'000);
  auto before = model.held_bytes();
  model.set_presence(*romeo, Show::away, std::string(1000, 's'));
  EXPECT_GE(model.held_bytes(), before + 1000);
  before = model.held_bytes();
  auto* room = model.require("coven@chat.example", RowKind::room);
  for (int i = 0; i < 100; ++i) {
    Occupant occupant;
    occupant.resource = occupant.nick = "witch" + std::to_string(i);
    model.set_occupant(*room, std::move(occupant));
  }
  EXPECT_GT(model.held_bytes(), before + 100 * sizeof(Occupant));
  model.remove_occupant(*room, "witch7");
  model.clear_occupants(*room);
  EXPECT_LT(model.held_bytes(), before + 10'000);
  model.forget();
  EXPECT_EQ(model.find("romeo@example.net"), nullptr);
  EXPECT_LT(model.held_bytes(), empty + 10'000);
  EXPECT_TRUE(model.rows().empty());
}

}  // namespace
