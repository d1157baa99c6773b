#include "webclient/chats.hpp"

#include <algorithm>
#include <utility>

#include "webclient/names.hpp"
#include "webclient/stanza_error.hpp"
#include "xmpp/names.hpp"

namespace webclient {

namespace {

constexpr auto typing_lasts = std::chrono::seconds(120);  // a client that vanishes says nothing any more

bool sees_us(const Conversation& row) {
  return row.buddy && (row.buddy->subscription == Subscription::from || row.buddy->subscription == Subscription::both);
}

}  // namespace

Message* find_corrected(ChatModel& model, Conversation& in, const Message& by, std::string_view id) {
  if (id.empty()) return nullptr;
  const auto same_author = [&](const Message& old) {
    if (old.wire_id != id || old.direction != by.direction || old.author != by.author || old.id == by.id) return false;
    return in.kind != RowKind::room || (by.direction == Direction::outgoing && !by.delayed) ||
           (by.occupant != OccupantId{} && old.occupant == by.occupant);
  };
  const auto found = std::find_if(in.messages.rbegin(), in.messages.rend(), same_author);
  if (found == in.messages.rend()) return nullptr;
  Message* newest = &*found;
  while (newest != nullptr && newest->replaced_by) newest = model.edit(in, *newest->replaced_by);
  return newest == nullptr || newest->id == by.id ? nullptr : newest;
}

Chats::Chats(ChatModel& model, Wire& wire, const Self& self) : model_(model), wire_(wire), self_(self) {}

// ---- incoming ------------------------------------------------------------------------------------------------------

// Whose conversation a message belongs to.
std::optional<Chats::Place> Chats::place_of(xmpp::ElementView message) const {
  const auto from_text = message.attribute("from");
  const auto from = xmpp::parse_jid(from_text.empty() ? self_.bare : from_text);
  if (!from) return std::nullopt;
  const bool outgoing = from->bare() == self_.bare;
  const auto other = outgoing ? xmpp::parse_jid(message.attribute("to")) : from;
  if (!other) return std::nullopt;
  const auto bare = other->bare();
  const auto* known = model_.find(bare);
  const bool of_room = known != nullptr && known->room && (known->is_room() || message.child("x", ns::muc_user));
  if (!of_room) return Place{bare, RowKind::person, outgoing};
  if (other->resource.empty()) return std::nullopt;
  return Place{other->full(), RowKind::occupant, outgoing};
}

void Chats::on_message(xmpp::ElementView message, Turn& turn) {
  for (const bool sent : {false, true}) {
    const auto carbon = message.child(sent ? "sent" : "received", ns::carbons);
    if (!carbon) continue;
    // XEP-0280 11: from anybody else it is a forgery, and nothing in such a message is to be believed.
    if (message.attribute("from") == self_.bare) on_carbon(carbon.child("forwarded", ns::forward), sent, turn);
    return;
  }
  auto place = place_of(message);
  if (!place) return;
  const auto read = read_message(message, model_.bounds());
  auto fields = to_model(read);
  const auto delay = read_delay(message, self_.domain, self_.bare);
  fields.when = delay.value_or(turn.wall);
  fields.delayed = delay.has_value();
  fields.archive_id = read_archive_id(message, self_.bare);
  if (!place->outgoing && fields.archive_id.empty() && message.attribute("type") != "headline") {
    place->author = message.attribute("from");
  }
  take(*place, message, std::move(fields), read, turn);
}

void Chats::on_carbon(xmpp::ElementView forwarded, bool sent, Turn& turn) {
  const auto inner = forwarded.child("message", xmpp::ns::client);
  const auto type = inner.attribute("type");
  if (!inner || type == "groupchat" || type == "error") return;
  const auto place = place_of(inner);
  if (!place || place->outgoing != sent) return;
  auto read = read_message(inner, model_.bounds());
  read.wants_receipt = false;  // the device that got it answers
  auto fields = to_model(read);
  fields.when = read_delay(forwarded, self_.domain, self_.bare).value_or(turn.wall);
  fields.archive_id = read_archive_id(inner, self_.bare);
  take(*place, inner, std::move(fields), read, turn);
}

void Chats::take_archived(xmpp::ElementView inner, const Archived& archived, Turn& turn) {
  const auto type = inner.attribute("type");
  const auto place = place_of(inner);
  if (!place || type == "groupchat" || type == "error") return;
  auto read = read_message(inner, model_.bounds());
  read.wants_receipt = false;
  read.state.reset();
  auto fields = to_model(read);
  fields.when = archived.when;
  fields.archive_id = archived.id;
  fields.delayed = fields.archived = true;
  fields.unread = archived.unread;
  take(*place, inner, std::move(fields), read, turn);
}

const Message* Chats::find_known(const Conversation& in, const Message& message) const {
  const bool ours = message.direction == Direction::outgoing && wire_.is_own_id(message.wire_id);
  const auto found = std::find_if(in.messages.begin(), in.messages.end(), [&](const Message& there) {
    if (!message.archive_id.empty() && !there.archive_id.empty()) return message.archive_id == there.archive_id;
    if (message.direction != there.direction) return false;
    // One that we sent, and the copy of it in the archive or on its way round, is the same whatever a server has made
    // of its text.
    return ours ? message.wire_id == there.wire_id : says_the_same(message, there);
  });
  return found == in.messages.end() ? nullptr : &*found;
}

void Chats::take(const Place& place, xmpp::ElementView message, Message fields, const ReadMessage& read, Turn& turn) {
  const bool has_text = (read.body && !read.body->text.empty()) || read.me || !read.link.empty();
  auto* row = has_text ? model_.require(place.address, place.kind) : model_.edit(place.address);
  if (row == nullptr || row->kind != place.kind) {
    if (has_text) give_up(place, fields.wire_id, turn);
    return;
  }
  if (!place.outgoing && !read.receipt_of.empty()) {
    const auto found = std::find_if(row->messages.rbegin(), row->messages.rend(), [&](const Message& sent) {
      return sent.direction == Direction::outgoing && sent.wire_id == read.receipt_of;
    });
    if (found != row->messages.rend()) model_.set_delivery(*row, *found, Delivery::delivered);
  }
  // Some clients say nothing more of typing with the message itself.
  if (!place.outgoing && (has_text || read.state)) {
    set_typing(*row, has_text ? Typing::no : *read.state, turn);
  }
  if (!has_text) return;
  fields.direction = place.outgoing ? Direction::outgoing : Direction::incoming;
  fields.delivery = place.outgoing ? Delivery::sent : Delivery::none;
  fields.unread = !place.outgoing && (fields.unread || !fields.archived);
  if (const auto* known = find_known(*row, fields)) {
    if (!place.outgoing) hold_again(*row, *known, place.author, turn);
    // The copy tells under which id the archive has it.
    if (known->archive_id.empty()) model_.set_archive_id(*model_.edit(*row, known->id), std::move(fields.archive_id));
    return;
  }
  if (place.outgoing) {  // from another of our devices, or on its way round: it was read there
    model_.mark_read(*row);
    dismissed(row->id);
  }
  model_.set_open(*row, true);
  const auto* old = find_corrected(model_, *row, fields, read.corrects);
  const auto old_id = old == nullptr ? std::nullopt : std::optional(old->id);
  auto* added = model_.add_message(*row, std::move(fields));
  auto* replaced = old_id ? model_.edit(*row, *old_id) : nullptr;
  if (added == nullptr) {  // older than all else where there is no more room
    give_up(place, read.id, turn);
  } else {
    hold(*row, *added, place.author, turn);
    if (replaced != nullptr) model_.replace(*row, *replaced, *added);
  }
  if (read.wants_receipt && !place.outgoing) send_receipt(*row, message, read, turn);
}

// A receipt tells that we are there: only to who may know that anyway (XEP-0184 8).
void Chats::send_receipt(const Conversation& row, xmpp::ElementView message, const ReadMessage& read, Turn& turn) {
  if (read.id.empty() || !sees_us(row)) return;
  wire_.answer(xmpp::NewElement("message")
                   .set("to", message.attribute("from"))
                   .set("type", message.attribute("type") == "chat" ? "chat" : "normal")
                   .set("id", wire_.new_id())
                   .add(xmpp::NewElement("received", ns::receipts).set("id", read.id))
                   .bytes(),
               turn);
}

void Chats::set_typing(Conversation& of, Typing typing, Turn& turn) {
  if (typing == Typing::no) {
    typing_until_.erase(of.id);
  } else {
    typing_until_[of.id] = turn.now + typing_lasts;
  }
  model_.set_typing(of, typing);
}

void Chats::on_time(xmpp::Instant now) {
  for (auto at = typing_until_.begin(); at != typing_until_.end();) {
    if (at->second > now) {
      ++at;
      continue;
    }
    if (auto* row = model_.edit(at->first)) model_.set_typing(*row, Typing::no);
    at = typing_until_.erase(at);
  }
}

xmpp::Instant Chats::deadline() const {
  auto first = xmpp::never;
  for (const auto& [id, until] : typing_until_) first = std::min(first, until);
  return first;
}

// ---- the archive ---------------------------------------------------------------------------------------------------

std::optional<Chats::Older> Chats::read_archived(xmpp::ElementView inner, const Archived& archived,
                                                 std::string_view with) const {
  const auto type = inner.attribute("type");
  const auto place = place_of(inner);
  if (!place || place->address != with || type == "groupchat" || type == "error") return std::nullopt;
  const auto read = read_message(inner, model_.bounds());
  if (!(read.body && !read.body->text.empty()) && !read.me && read.link.empty()) return std::nullopt;
  Older older{to_model(read), read.corrects};
  older.message.direction = place->outgoing ? Direction::outgoing : Direction::incoming;
  older.message.delivery = place->outgoing ? Delivery::sent : Delivery::none;
  older.message.when = archived.when;
  older.message.archive_id = archived.id;
  older.message.delayed = older.message.archived = true;
  const auto* row = model_.find(with);
  if (row != nullptr && find_known(*row, older.message) != nullptr) return std::nullopt;
  return older;
}

void Chats::link_corrections(Conversation& in,
                             const std::vector<std::pair<std::string, std::string>>& id_and_corrected) {
  for (const auto& [archive_id, corrected_id] : id_and_corrected) {
    const auto found = std::find_if(in.messages.begin(), in.messages.end(),
                                    [&, &id = archive_id](const Message& m) { return m.archive_id == id; });
    // What has been corrected itself cannot correct any more: so no chain becomes a circle.
    if (found == in.messages.end() || found->replaced_by) continue;
    auto* const old = find_corrected(model_, in, *found, corrected_id);
    if (old != nullptr) model_.replace(in, *old, *found);
  }
}

// ---- outgoing ------------------------------------------------------------------------------------------------------

Chats::Sent Chats::send(Conversation& to, std::string_view text, std::string_view link, Turn& turn) {
  return submit(to, text, link, {}, turn);
}

Chats::Sent Chats::correct(Conversation& in, MessageId original, std::string_view text, Turn& turn) {
  const auto* old = model_.find(in, original);
  if (old == nullptr) return {Problem::no_such_message, {}};
  if (old->direction != Direction::outgoing || old->wire_id.empty()) return {Problem::not_ours, {}};
  // XEP-0308 5: every correction names the first version.
  while (old->replaces) {
    const auto* before = model_.find(in, *old->replaces);
    if (before == nullptr) break;
    old = before;
  }
  const std::string id = old->wire_id;
  return submit(in, text, {}, id, turn);
}

Chats::Sent Chats::submit(Conversation& to, std::string_view text, std::string_view link, std::string_view corrects,
                          Turn& turn) {
  auto clean = clean_text(text, model_.bounds().sending * 4);
  while (!clean.text.empty() && (clean.text.back() == '\n' || clean.text.back() == ' ')) clean.text.pop_back();
  if (clean.text.empty()) return {Problem::empty_text, {}};
  if (clean.cut || characters(clean.text) > model_.bounds().sending) return {Problem::text_too_long, {}};
  if (to.kind == RowKind::room && to.room->state != RoomState::joined) return {Problem::not_joined, {}};
  if (!wire_.takes_messages()) return {Problem::offline, {}};

  const auto id = wire_.new_id();
  auto stanza = xmpp::NewElement("message").set("to", to.address).set("id", id);
  stanza.set("type", to.kind == RowKind::room ? "groupchat" : "chat");
  stanza.add(xmpp::NewElement("body").text(clean.text));
  stanza.add(xmpp::NewElement("origin-id", ns::stanza_id).set("id", id));
  if (!corrects.empty()) stanza.add(xmpp::NewElement("replace", ns::correct).set("id", corrects));
  if (!link.empty()) {
    stanza.add(xmpp::NewElement("x", ns::oob).add(xmpp::NewElement("url", ns::oob).text(link)));
  }
  if (to.kind == RowKind::occupant) stanza.add(xmpp::NewElement("x", ns::muc_user));
  if (to.kind == RowKind::person) {
    stanza.add(xmpp::NewElement("active", ns::chat_states));
    stanza.add(xmpp::NewElement("request", ns::receipts));
  }

  Message message;
  message.direction = Direction::outgoing;
  // Without XEP-0198 nobody will ever tell, but for a room.
  const bool known_later = wire_.managed() || !wire_.online() || wire_.has_put_off() || to.kind == RowKind::room;
  message.delivery = known_later ? Delivery::waiting : Delivery::sent;
  message.when = turn.wall;
  message.text = std::move(clean.text);
  take_me(message.text, message.me);
  message.link = link;
  message.wire_id = id;
  if (to.kind == RowKind::room) message.author = nick_label(to.room->nick, model_.bounds().label);
  model_.set_open(to, true);
  const auto* old = find_corrected(model_, to, message, corrects);
  const auto old_id = old == nullptr ? std::nullopt : std::optional(old->id);
  auto* added = model_.add_message(to, std::move(message));
  read(to, turn);  // what had to make room for it is on no page
  if (added == nullptr) return {Problem::too_many, {}};
  const auto added_id = added->id;
  if (auto* replaced = old_id ? model_.edit(to, *old_id) : nullptr) model_.replace(to, *replaced, *added);
  wire_.send_message(stanza, {to.id, added_id}, turn);
  return {Problem::none, added_id};
}

void Chats::on_sent(const std::vector<SentMessage>& arrived) {
  for (const auto& sent : arrived) {
    auto* row = model_.edit(sent.conversation);
    auto* message = row == nullptr ? nullptr : model_.edit(*row, sent.message);
    // In a room it has arrived when the room repeats it.
    if (message == nullptr || message->delivery != Delivery::waiting || row->kind == RowKind::room) continue;
    model_.set_delivery(*row, *message, Delivery::sent);
  }
}

bool Chats::on_error(xmpp::ElementView message) {
  const auto from = xmpp::parse_jid(message.attribute("from"));
  const auto id = message.attribute("id");
  if (!from || id.empty()) return true;
  for (const auto& address : {from->full(), from->bare()}) {
    auto* row = model_.edit(address);
    if (row == nullptr) continue;
    const auto found = std::find_if(row->messages.rbegin(), row->messages.rend(), [&](const Message& sent) {
      return sent.direction == Direction::outgoing && sent.wire_id == id;
    });
    if (found == row->messages.rend()) continue;
    // Later failures of one of several devices do not undo a receipt.
    if (found->delivery != Delivery::delivered) {
      model_.set_delivery(*row, *found, Delivery::failed, problem_of(message));
    }
    return true;
  }
  return false;
}

}  // namespace webclient
