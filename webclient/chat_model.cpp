#include "webclient/chat_model.hpp"

#include <algorithm>
#include <tuple>

#include "webclient/text.hpp"
#include "xmpp/ascii.hpp"

namespace webclient {

namespace {

std::size_t weight(const Message& message) {
  return sizeof(Message) + message.text.size() + message.author.size() + message.link.size() + message.wire_id.size() +
         message.archive_id.size();
}

template <typename Id>
std::uint32_t number(Id id) {
  return static_cast<std::uint32_t>(id);
}

int rank(const Conversation& row) {
  if (row.asks || (row.room && row.room->invitation)) return 0;
  if (row.unread != 0) return 1;
  if (row.kind != RowKind::person) return 2;
  switch (row.show) {
    case Show::chat:
    case Show::online:
      return 3;
    case Show::away:
    case Show::do_not_disturb:
      return 4;
    case Show::extended_away:
      return 5;
    case Show::offline:
      return 6;
  }
  return 6;
}

// How a row holds its place: nothing but its messages would be lost with it; or a question without an answer; or it
// stays whatever comes.
enum class Hold : std::uint8_t { none, question, firm };

Hold hold_of(const Conversation& conversation) {
  const auto& room = conversation.room;
  if (conversation.buddy || (room && (room->state != RoomState::outside || room->bookmarked))) return Hold::firm;
  return conversation.asks || (room && room->invitation) ? Hold::question : Hold::none;
}

}  // namespace

std::string_view Conversation::title() const {
  if (buddy && !buddy->name.empty()) return buddy->name;
  if (room && !room->bookmark_name.empty()) return room->bookmark_name;
  if (kind == RowKind::occupant) return nick;
  const std::string_view whole(address);
  const auto at = whole.find('@');
  return at == std::string_view::npos ? whole : whole.substr(0, at);
}

bool Conversation::is_room() const {
  return room && (room->entered || room->bookmarked || room->state != RoomState::outside);
}

bool Conversation::listed() const {
  return buddy || open || asks || (room && (room->bookmarked || room->invitation || room->state != RoomState::outside));
}

ChatModel::ChatModel(const Bounds& bounds) : bounds_(bounds), journal_(bounds.events) {}

// ---- reading -------------------------------------------------------------------------------------------------------

const Conversation* ChatModel::find(ConversationId id) const {
  const auto found = conversations_.find(id);
  return found == conversations_.end() ? nullptr : &found->second;
}

const Conversation* ChatModel::find(std::string_view address) const {
  const auto found = by_address_.find(std::string(address));
  return found == by_address_.end() ? nullptr : find(found->second);
}

const Message* ChatModel::find(const Conversation& in, MessageId id) const {
  const auto found = std::find_if(in.messages.rbegin(), in.messages.rend(), [&](const auto& m) { return m.id == id; });
  return found == in.messages.rend() ? nullptr : &*found;
}

const Occupant* ChatModel::find(const Conversation& in, OccupantId id) const {
  if (!in.room) return nullptr;
  const auto& all = in.room->occupants;
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& entry) { return entry.second.id == id; });
  return found == all.end() ? nullptr : &found->second;
}

const Upload* ChatModel::find(UploadId id) const {
  const auto found = uploads_.find(id);
  return found == uploads_.end() ? nullptr : &found->second;
}

std::vector<const Conversation*> ChatModel::rows() const {
  struct Row {
    int rank;
    std::string key;
    const Conversation* conversation;
    bool operator<(const Row& other) const {
      return std::tie(rank, key, conversation->address) < std::tie(other.rank, other.key, other.conversation->address);
    }
  };
  std::vector<Row> sorted;
  for (const auto& [id, conversation] : conversations_) {
    // Without the case of other letters than ASCII's: whoever needs more needs a locale.
    if (conversation.listed())
      sorted.push_back({rank(conversation), xmpp::lowered(conversation.title()), &conversation});
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<const Conversation*> rows;
  rows.reserve(sorted.size());
  for (const auto& row : sorted) rows.push_back(row.conversation);
  return rows;
}

std::uint32_t ChatModel::unread() const {
  std::uint32_t sum = 0;
  for (const auto& [id, conversation] : conversations_) sum += conversation.unread;
  return sum;
}

bool ChatModel::may_have_older(const Conversation& in) const {
  return account_.archive && in.kind != RowKind::room && !in.history.complete && in.messages.size() < bounds_.messages;
}

// What a row and an occupant take beside their texts, with the nodes of the maps and usual names.
std::size_t ChatModel::held_bytes() const {
  constexpr std::size_t row = sizeof(Conversation) + 300, occupant = sizeof(Occupant) + 150;
  return text_size_ + status_size_ + conversations_.size() * row + occupants_ * occupant +
         static_cast<std::size_t>(journal_.next() - journal_.first()) * sizeof(Event);
}

void ChatModel::forget() {
  conversations_.clear();
  by_address_.clear();
  uploads_.clear();
  roster_size_ = text_size_ = status_size_ = occupants_ = 0;
}

// ---- session and rows ----------------------------------------------------------------------------------------------

void ChatModel::note(EventKind what, ConversationId conversation, std::uint32_t item) {
  journal_.add({what, conversation, item});
}

void ChatModel::set_account(Account account, EventKind what) {
  account_ = std::move(account);
  note(what, {});
}

Conversation* ChatModel::edit(ConversationId id) {
  return const_cast<Conversation*>(std::as_const(*this).find(id));
}

Conversation* ChatModel::edit(std::string_view address) {
  return const_cast<Conversation*>(std::as_const(*this).find(address));
}

Conversation* ChatModel::require(std::string_view address, RowKind kind, Claim claim) {
  auto* const there = edit(address);
  if (there != nullptr && there->room && kind == RowKind::person && !there->is_room()) {
    there->kind = RowKind::person;
    there->room.reset();  // with nobody in it
    note(EventKind::rows_changed, there->id);
    return there;
  }
  const bool is_stranger = there != nullptr && there->kind == RowKind::person && !there->buddy;
  if (there != nullptr && !(is_stranger && kind == RowKind::room)) return there;
  if (!make_space(kind, there == nullptr, claim)) return nullptr;
  if (there != nullptr) {
    there->kind = RowKind::room;
    there->room = std::make_unique<Room>();
    note(EventKind::rows_changed, there->id);
    return there;
  }
  const ConversationId id{++last_conversation_};
  Conversation& made = conversations_[id];
  made.id = id;
  made.kind = kind;
  made.address = address;
  if (kind == RowKind::room) made.room = std::make_unique<Room>();
  if (kind == RowKind::occupant) made.nick = nick_label(address.substr(address.find('/') + 1), bounds_.label);
  by_address_.emplace(made.address, id);
  return &made;
}

// Those without anything unread go first, then those the reader has closed, then the quietest.
bool ChatModel::make_space(RowKind kind, bool for_new_row, Claim claim) {
  std::size_t rooms = 0, others = 0;
  const Conversation* least = nullptr;
  const Conversation* least_room = nullptr;
  const auto order = [](const Conversation& c) {
    return std::make_tuple(hold_of(c), c.unread != 0, c.open, c.last, c.id);
  };
  const Hold weaker_than = claim == Claim::content ? Hold::firm : Hold::question;
  const auto better = [&](const Conversation& c, const Conversation* than) {
    return hold_of(c) < weaker_than && (than == nullptr || order(c) < order(*than));
  };
  for (const auto& [id, conversation] : conversations_) {
    const bool is_room = conversation.kind == RowKind::room;
    if (is_room) ++rooms;
    if (conversation.buddy) continue;
    ++others;
    if (better(conversation, least)) least = &conversation;
    if (is_room && better(conversation, least_room)) least_room = &conversation;
  }
  const Conversation* goes = nullptr;
  if (kind == RowKind::room && rooms >= bounds_.rooms) {
    goes = least_room;
  } else if (for_new_row && others >= bounds_.conversations) {
    goes = least;
  } else {
    return true;
  }
  if (goes == nullptr) return false;
  erase(goes->id);
  return true;
}

void ChatModel::erase(ConversationId id) {
  const auto found = conversations_.find(id);
  if (found == conversations_.end()) return;
  Conversation& conversation = found->second;
  for (const auto& message : conversation.messages) text_size_ -= weight(message);
  status_size_ -= conversation.status.size();
  if (conversation.room) occupants_ -= conversation.room->occupants.size();
  if (conversation.listed()) note(EventKind::rows_changed, id);
  by_address_.erase(conversation.address);
  conversations_.erase(found);
}

void ChatModel::set_buddy(Conversation& of, std::optional<Buddy> buddy) {
  if (buddy && !of.buddy) ++roster_size_;
  if (!buddy && of.buddy) --roster_size_;
  of.buddy = std::move(buddy);
  note(EventKind::rows_changed, of.id);
}

void ChatModel::set_presence(Conversation& of, Show show, std::string status) {
  if (of.show != show) {
    of.show = show;
    note(EventKind::presence_changed, of.id);
  }
  if (of.status == status) return;
  status_size_ += status.size();
  status_size_ -= of.status.size();
  of.status = std::move(status);
  note(EventKind::status_changed, of.id);
}

void ChatModel::set_typing(Conversation& of, Typing typing) {
  if (of.typing == typing) return;
  of.typing = typing;
  note(EventKind::typing_changed, of.id);
}

void ChatModel::set_asks(Conversation& of, std::optional<std::string> text) {
  if (of.asks == text) return;
  of.asks = std::move(text);
  note(EventKind::rows_changed, of.id);
}

void ChatModel::set_open(Conversation& of, bool open) {
  const bool listed = of.listed();
  of.open = open;
  // A buddy stands in the list anyway.
  if (of.listed() != listed) note(EventKind::rows_changed, of.id);
}

void ChatModel::mark_read(Conversation& of) {
  if (of.unread == 0) return;
  for (auto& message : of.messages) message.unread = false;
  of.unread = of.mentions = 0;
  note(EventKind::unread_changed, of.id);
}

// ---- messages ------------------------------------------------------------------------------------------------------

Message* ChatModel::edit(Conversation& in, MessageId id) {
  return const_cast<Message*>(std::as_const(*this).find(in, id));
}

Message* ChatModel::add_message(Conversation& to, Message message) {
  message.id = MessageId{++last_message_};
  const MessageId id = message.id;
  text_size_ += weight(message);
  if (message.unread) {
    ++to.unread;
    if (message.mention) ++to.mentions;
  }
  auto place = to.messages.end();
  if (message.archived) {
    while (place != to.messages.begin() && std::prev(place)->when > message.when) --place;
  }
  const bool in_order = place == to.messages.end();
  to.last = std::max(to.last, message.when);
  const bool counts = message.unread;
  to.messages.insert(place, std::move(message));
  if (in_order) {
    note(EventKind::message_added, to.id, number(id));
  } else {
    note(EventKind::history_changed, to.id);
  }
  if (counts) note(EventKind::unread_changed, to.id);
  trim(to);
  trim_text();
  return edit(to, id);
}

void ChatModel::set_wire_id(Message& message, std::string id) {
  text_size_ += id.size() - message.wire_id.size();  // modulo 2^64
  message.wire_id = std::move(id);
}

void ChatModel::set_archive_id(Message& message, std::string id) {
  text_size_ += id.size() - message.archive_id.size();  // modulo 2^64
  message.archive_id = std::move(id);
}

void ChatModel::prepend_messages(Conversation& to, std::vector<Message> older) {
  // What would be dropped again at once is not taken in.
  const auto space = bounds_.messages - std::min(bounds_.messages, to.messages.size());
  if (older.size() > space) older.erase(older.begin(), older.end() - static_cast<std::ptrdiff_t>(space));
  for (auto at = older.rbegin(); at != older.rend(); ++at) {
    at->id = MessageId{++last_message_};
    to.last = std::max(to.last, at->when);
    text_size_ += weight(*at);
    to.messages.push_front(std::move(*at));
  }
  note(EventKind::history_changed, to.id);
  trim_text();
}

void ChatModel::drop_oldest(Conversation& in) {
  text_size_ -= weight(in.messages.front());
  in.messages.pop_front();
  in.history.complete = false;  // it can be loaded again
  in.history.first.clear();
}

void ChatModel::trim(Conversation& conversation) {
  while (conversation.messages.size() > bounds_.messages) drop_oldest(conversation);
}

// Over all conversations the oldest goes first, but what has been read before what has not. Reading goes from the
// oldest to the newest, so an unread message at the front means that nothing behind it was read either.
void ChatModel::trim_text() {
  while (text_size_ > bounds_.all_text) {
    Conversation* from = nullptr;
    const auto order = [](const Conversation& c) {
      return std::make_tuple(c.messages.front().unread, c.messages.front().when);
    };
    for (auto& [id, conversation] : conversations_) {
      if (conversation.messages.empty()) continue;
      if (from == nullptr || order(conversation) < order(*from)) from = &conversation;
    }
    if (from == nullptr) return;
    drop_oldest(*from);
  }
}

void ChatModel::set_delivery(Conversation& in, Message& message, Delivery delivery, Problem problem) {
  if (message.delivery == delivery && message.problem == problem) return;
  message.delivery = delivery;
  message.problem = problem;
  note(EventKind::message_changed, in.id, number(message.id));
}

void ChatModel::replace(Conversation& in, Message& old, Message& with) {
  old.replaced_by = with.id;
  with.replaces = old.id;
  note(EventKind::message_changed, in.id, number(old.id));
}

// ---- occupants -----------------------------------------------------------------------------------------------------

void ChatModel::set_problem(Conversation& room, Problem problem) {
  if (!room.room || room.room->problem == problem) return;
  room.room->problem = problem;
  note(EventKind::room_changed, room.id);
}

Occupant* ChatModel::set_occupant(Conversation& in, Occupant occupant) {
  auto& all = in.room->occupants;
  const auto there = all.find(occupant.resource);
  if (there != all.end()) {
    Occupant& known = there->second;
    occupant.id = known.id;
    const bool same = known.show == occupant.show && known.role == occupant.role &&
                      known.affiliation == occupant.affiliation && known.self == occupant.self;
    known = std::move(occupant);
    if (!same) note(EventKind::occupant_changed, in.id, number(known.id));
    return &known;
  }
  // One's own presence says that one is in: it is always kept. Of others neither too many nor what is too long.
  if ((all.size() >= bounds_.occupants || occupant.resource.size() > bounds_.label) && !occupant.self) {
    ++in.room->more_occupants;
    return nullptr;
  }
  occupant.id = OccupantId{++last_occupant_};
  ++occupants_;
  Occupant& made = all[occupant.resource];
  made = std::move(occupant);
  note(EventKind::occupant_joined, in.id, number(made.id));
  return &made;
}

void ChatModel::remove_occupant(Conversation& in, std::string_view resource) {
  auto& all = in.room->occupants;
  const auto there = all.find(resource);
  if (there == all.end()) {
    if (in.room->more_occupants > 0) --in.room->more_occupants;
    return;
  }
  note(EventKind::occupant_left, in.id, number(there->second.id));
  all.erase(there);
  --occupants_;
}

void ChatModel::clear_occupants(Conversation& in) {
  for (const auto& [resource, occupant] : in.room->occupants)
    note(EventKind::occupant_left, in.id, number(occupant.id));
  occupants_ -= in.room->occupants.size();
  in.room->occupants.clear();
  in.room->more_occupants = 0;
}

// ---- files ---------------------------------------------------------------------------------------------------------

Upload* ChatModel::add_upload(Upload upload) {
  if (uploads_.size() >= bounds_.uploads) return nullptr;
  const UploadId id{++last_upload_};
  upload.id = id;
  Upload& made = uploads_[id];
  made = std::move(upload);
  note(EventKind::upload_changed, made.conversation, number(id));
  return &made;
}

Upload* ChatModel::edit(UploadId id) {
  return const_cast<Upload*>(std::as_const(*this).find(id));
}

void ChatModel::remove_upload(UploadId id) {
  const auto* upload = find(id);
  if (upload == nullptr) return;
  const auto conversation = upload->conversation;
  uploads_.erase(id);
  note(EventKind::upload_changed, conversation, number(id));
}

}  // namespace webclient
