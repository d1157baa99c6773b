#include "webclient/rooms.hpp"

#include <algorithm>
#include <utility>

#include "webclient/names.hpp"
#include "webclient/stamp.hpp"
#include "webclient/stanza_error.hpp"
#include "xmpp/names.hpp"

namespace webclient {

namespace {

constexpr auto join_patience = std::chrono::seconds(60);
constexpr auto return_after = std::chrono::seconds(2);
constexpr std::uint8_t max_returns = 3;
constexpr auto silence = std::chrono::minutes(15);  // XEP-0410 3
constexpr const char* history_wanted = "50";

bool has_status(xmpp::ElementView presence, std::string_view code) {
  for (auto at = presence.child("x", ns::muc_user).first_child(); at; at = at.next()) {
    if (at.is("status", ns::muc_user) && at.attribute("code") == code) return true;
  }
  return false;
}

Role read_role(std::string_view text) {
  if (text == "moderator") return Role::moderator;
  if (text == "participant") return Role::participant;
  if (text == "visitor") return Role::visitor;
  return Role::none;
}

Affiliation read_affiliation(std::string_view text) {
  if (text == "owner") return Affiliation::owner;
  if (text == "admin") return Affiliation::admin;
  if (text == "member") return Affiliation::member;
  if (text == "outcast") return Affiliation::outcast;
  return Affiliation::none;
}

// Why our own presence in a room ended.
Problem why_gone(xmpp::ElementView presence) {
  if (presence.child("x", ns::muc_user).child("destroy", ns::muc_user)) return Problem::room_destroyed;
  if (has_status(presence, "301")) return Problem::room_banned;
  if (has_status(presence, "307")) return Problem::room_kicked;
  if (has_status(presence, "321") || has_status(presence, "322")) return Problem::room_members_only;
  if (has_status(presence, "332")) return Problem::room_shut_down;
  return Problem::none;
}

}  // namespace

Rooms::Rooms(ChatModel& model, Wire& wire, const Self& self, const Roster& roster)
    : model_(model), wire_(wire), self_(self), roster_(roster) {}

// ---- presence ------------------------------------------------------------------------------------------------------

void Rooms::on_presence(xmpp::ElementView presence, Turn& turn) {
  const auto from = xmpp::parse_jid(presence.attribute("from"));
  auto* room = from ? model_.edit(from->bare()) : nullptr;
  if (room == nullptr || !room->room || room->room->state == RoomState::outside) return;
  const auto type = presence.attribute("type");
  if (type == "error") return on_join_error(*room, presence, turn);
  if (room->room->state == RoomState::joined) heard_[room->id] = turn.now;
  if (from->resource.empty()) return;
  if (type == "unavailable") return on_gone(*room, from->resource, presence, turn);
  if (type.empty()) on_here(*room, from->resource, presence, turn);
}

void Rooms::on_join_error(Conversation& room, xmpp::ElementView presence, Turn& turn) {
  const auto problem = problem_of(presence);
  if (room.room->state != RoomState::joining) {
    // Another nick was wanted and is not to be had; one is still in.
    return model_.set_problem(room, problem);
  }
  // After a restart the first who comes back makes the room anew, and it is locked until that is done.
  const auto joining = joining_.find(room.id);
  if (problem == Problem::item_not_found && joining != joining_.end() && joining->second.returns > 0) {
    --joining->second.returns;
    joining->second.again = true;
    joining->second.until = turn.now + return_after;
    return;
  }
  outside(room, problem);
}

void Rooms::on_here(Conversation& room, std::string_view who, xmpp::ElementView presence, Turn& turn) {
  const auto item = presence.child("x", ns::muc_user).child("item", ns::muc_user);
  Occupant occupant;
  occupant.resource = who;
  occupant.nick = shown(who);
  occupant.show = read_show(presence);
  occupant.role = read_role(item.attribute("role"));
  occupant.affiliation = read_affiliation(item.attribute("affiliation"));
  // Where a service lets occupants write status codes, only the nick that we asked for is ours.
  const bool wanted = who == room.room->nick;
  occupant.self = room.room->state == RoomState::joined
                      ? wanted
                      : has_status(presence, "110") && (wanted || has_status(presence, "210"));
  const bool is_self = occupant.self;
  model_.set_occupant(room, std::move(occupant));
  if (!is_self) return;
  joining_.erase(room.id);
  const bool was_joined = room.room->state == RoomState::joined;
  const bool renamed = room.room->nick != who;
  room.room->state = RoomState::joined;
  room.room->entered = true;
  heard_[room.id] = turn.now;
  room.room->nick = who;
  if (!was_joined || renamed) {
    room.room->problem = Problem::none;
    model_.note(EventKind::room_changed, room.id);
  }
  if (!has_status(presence, "201")) return;
  // We have made it: without this nobody else gets in (XEP-0045 10.1.2).
  auto form = xmpp::NewElement("x", ns::data_form).set("type", "submit");
  auto iq =
      xmpp::NewElement("iq").set("type", "set").add(xmpp::NewElement("query", ns::muc_owner).add(std::move(form)));
  wire_.ask(std::move(iq), {Question::room_config, room.id, 0, room.address, {}, {}}, turn);
}

void Rooms::on_gone(Conversation& room, std::string_view who, xmpp::ElementView presence, Turn& turn) {
  const auto x = presence.child("x", ns::muc_user);
  const auto item = x.child("item", ns::muc_user);
  const bool is_self = who == room.room->nick;
  if (has_status(presence, "303")) {
    const auto new_nick = xmpp::prepare_resource(item.attribute("nick"));
    model_.remove_occupant(room, who);
    if (!new_nick || new_nick->empty()) return;
    if (is_self) room.room->nick = *new_nick;
    notice(room, Notice::nick_changed, shown(who), shown(*new_nick), turn);
    return;
  }
  const auto reason = clean_label(item.child("reason", ns::muc_user).text(), model_.bounds().status);
  const bool banned = has_status(presence, "301"), kicked = has_status(presence, "307");
  if (banned || kicked) notice(room, banned ? Notice::banned : Notice::kicked, shown(who), reason, turn);
  if (is_self) return outside(room, why_gone(presence));
  model_.remove_occupant(room, who);
}

void Rooms::outside(Conversation& room, Problem why) {
  joining_.erase(room.id);
  heard_.erase(room.id);
  room.room->state = RoomState::outside;
  room.room->problem = why;
  model_.clear_occupants(room);
  model_.note(EventKind::room_changed, room.id);
}

std::string Rooms::shown(std::string_view resource) const {
  return nick_label(resource, model_.bounds().label);
}

Message* Rooms::notice(Conversation& room, Notice what, std::string_view name, std::string text, Turn& turn) {
  Message message;
  message.direction = Direction::notice;
  message.notice = what;
  message.author = name;
  message.text = std::move(text);
  message.when = turn.wall;
  return model_.add_message(room, std::move(message));
}

// ---- messages ------------------------------------------------------------------------------------------------------

void Rooms::on_message(xmpp::ElementView message, Turn& turn) {
  const auto from = xmpp::parse_jid(message.attribute("from"));
  auto* room = from ? model_.edit(from->bare()) : nullptr;
  // Joining: the history comes before our own presence does, in some servers.
  if (room == nullptr || !room->room || room->room->state == RoomState::outside) return;
  if (room->room->state == RoomState::joined) heard_[room->id] = turn.now;
  const auto& who = from->resource;
  const bool has_body = static_cast<bool>(message.child("body", xmpp::ns::client));
  if (message.child("subject", xmpp::ns::client) && !has_body) return on_subject(*room, who, message, turn);
  add_message(*room, who, message, turn);
}

void Rooms::on_subject(Conversation& room, std::string_view who, xmpp::ElementView message, Turn& turn) {
  auto subject = clean_label(message.child("subject", xmpp::ns::client).text(), model_.bounds().status);
  if (subject == room.room->subject) return;
  room.room->subject = subject;
  room.room->subject_by = shown(who);
  model_.note(EventKind::room_changed, room.id);
  // The one that was there before us is no news.
  const bool old = read_delay(message, room.address, self_.domain).has_value() || room.room->state != RoomState::joined;
  if (!old && !who.empty()) notice(room, Notice::subject, shown(who), std::move(subject), turn);
}

void Rooms::add_message(Conversation& room, std::string_view who, xmpp::ElementView message, Turn& turn) {
  const auto read = read_message(message, model_.bounds());
  const bool has_text = (read.body && !read.body->text.empty()) || read.me || !read.link.empty();
  if (!has_text || who.empty()) return;
  auto fields = to_model(read);
  const auto delay = read_delay(message, room.address, self_.domain);
  fields.when = delay.value_or(turn.wall);
  fields.delayed = delay.has_value();
  fields.archive_id = read_archive_id(message, room.address);
  room.room->heard = std::max(room.room->heard, fields.when);
  fields.author = shown(who);
  const bool ours = who == room.room->nick;
  fields.direction = ours ? Direction::outgoing : Direction::incoming;
  fields.delivery = ours ? Delivery::sent : Delivery::none;
  const auto& occupants = room.room->occupants;
  const auto occupant = occupants.find(who);
  if (occupant != occupants.end() && !fields.delayed) fields.occupant = occupant->second.id;
  if (is_repeat(room, fields)) return;
  // What was said before we came is there to be read, not to be counted.
  fields.unread = !ours && !fields.delayed;
  fields.mention = !ours && mentions(fields.text, room.room->nick);
  const auto* old = find_corrected(model_, room, fields, read.corrects);
  const auto old_id = old == nullptr ? std::nullopt : std::optional(old->id);
  auto* added = model_.add_message(room, std::move(fields));
  auto* replaced = old_id ? model_.edit(room, *old_id) : nullptr;
  if (added != nullptr && replaced != nullptr) model_.replace(room, *replaced, *added);
}

// What we have sent comes back, and history comes again when we enter again.
bool Rooms::is_repeat(Conversation& room, const Message& message) {
  const bool ours = message.direction == Direction::outgoing && wire_.is_own_id(message.wire_id);
  const auto found = std::find_if(room.messages.rbegin(), room.messages.rend(), [&](const Message& there) {
    if (!message.archive_id.empty() && !there.archive_id.empty()) return message.archive_id == there.archive_id;
    if (there.author != message.author || there.direction != message.direction) return false;
    if (ours) return there.wire_id == message.wire_id;  // rooms put long texts elsewhere, or take words out
    if (!message.wire_id.empty() && !there.wire_id.empty()) return says_the_same(there, message);
    return message.delayed && there.text == message.text && there.when == message.when;
  });
  if (found == room.messages.rend()) return false;
  if (found->archive_id.empty()) model_.set_archive_id(*found, message.archive_id);
  if (found->delivery == Delivery::waiting) model_.set_delivery(room, *found, Delivery::sent);
  return true;
}

// ---- whether we are in -------------------------------------------------------------------------------------------

// It has forgotten us: its service was restarted, so that there may be no such room any more, or lost the way to our
// server.
void Rooms::on_refused(xmpp::ElementView message, bool of_message, Turn& turn) {
  const auto from = xmpp::parse_jid(message.attribute("from"));
  auto* const room = from && from->resource.empty() ? model_.edit(from->bare()) : nullptr;
  if (room == nullptr || !room->room || room->room->state != RoomState::joined) return;
  const auto problem = problem_of(message);
  if (problem != Problem::not_acceptable && !(of_message && problem == Problem::item_not_found)) return;
  enter_again(*room, turn);
}

// Who only reads would not notice (XEP-0410): a ping to ourselves goes by the room, which knows whether we are in.
void Rooms::ask_the_silent(Turn& turn) {
  for (auto& [id, heard] : heard_) {
    if (turn.now < heard + silence) continue;
    heard = turn.now;
    const auto* const room = model_.find(id);
    if (room == nullptr || !wire_.online()) continue;
    const auto own = room->address + "/" + room->room->nick;
    auto iq = xmpp::NewElement("iq").set("type", "get").set("to", own).add(xmpp::NewElement("ping", ns::ping));
    wire_.ask(std::move(iq), {Question::room_ping, id, 0, own, {}, {}}, turn);
  }
}

void Rooms::on_ping(const Asked& asked, xmpp::ElementView iq, Turn& turn) {
  auto* const room = model_.edit(asked.conversation);
  if (room == nullptr || !room->room || room->room->state != RoomState::joined) return;
  const bool renamed = asked.address != room->address + "/" + room->room->nick;
  if (iq.attribute("type") == "result" || renamed) return;
  // XEP-0410 3.1; but Prosody and ejabberd say item-not-found of a room that is not there any more.
  switch (problem_of(iq)) {
    case Problem::service_unavailable:  // one of our own clients, in the room, does not know what a ping is
    case Problem::feature_not_implemented:
    case Problem::remote_server_not_found:  // nobody knows
    case Problem::remote_server_timeout:
      return;
    default:
      return enter_again(*room, turn);
  }
}

void Rooms::on_error(xmpp::ElementView message, Turn& turn) {
  const auto from = xmpp::parse_jid(message.attribute("from"));
  auto* const room = from && from->resource.empty() ? model_.edit(from->bare()) : nullptr;
  if (room == nullptr || !room->room || room->room->state != RoomState::joined) return;
  const auto id = message.attribute("id");
  const auto invited = std::find_if(room->messages.rbegin(), room->messages.rend(), [&](const Message& there) {
    return there.notice == Notice::has_invited && there.wire_id == id;
  });
  if (invited == room->messages.rend()) {  // a subject that the room does not take from us
    return model_.set_problem(*room, problem_of(message));
  }
  const auto who = invited->author;
  auto* said = notice(*room, Notice::not_invited, who, {}, turn);
  if (said != nullptr) said->problem = problem_of(message);
}

// ---- commands ------------------------------------------------------------------------------------------------------

Problem Rooms::join(Conversation& room, std::string_view nick, std::string_view password, Turn& turn) {
  if (!room.room) return Problem::not_a_room;
  const auto prepared = xmpp::prepare_resource(clean_label(nick, model_.bounds().label));
  if (!prepared || prepared->empty()) return Problem::bad_nick;
  if (room.room->state == RoomState::joined) return change_nick(room, *prepared, turn);
  if (room.room->state == RoomState::joining) return Problem::busy;
  if (!wire_.online() || wire_.full()) return Problem::offline;
  room.room->nick = *prepared;
  room.room->password = password.substr(0, model_.bounds().label);
  if (room.room->password.empty() && room.room->invitation) room.room->password = room.room->invitation->password;
  room.room->invitation.reset();
  model_.set_open(room, true);
  enter(room, turn);
  model_.note(EventKind::rows_changed, room.id);
  return Problem::none;
}

void Rooms::enter(Conversation& room, Turn& turn) {
  heard_.erase(room.id);
  room.room->state = RoomState::joining;
  room.room->problem = Problem::none;
  joining_[room.id].until = turn.now + join_patience;
  auto x = xmpp::NewElement("x", ns::muc);
  auto history = xmpp::NewElement("history", ns::muc).set("maxstanzas", history_wanted);
  if (room.room->heard != WallTime{}) history.set("since", write_stamp(room.room->heard));
  x.add(std::move(history));
  if (!room.room->password.empty()) x.add(xmpp::NewElement("password", ns::muc).text(room.room->password));
  wire_.send(roster_.own_presence(room.address + "/" + room.room->nick).add(std::move(x)), turn);
  model_.note(EventKind::room_changed, room.id);
}

void Rooms::enter_again(Conversation& room, Turn& turn) {
  model_.clear_occupants(room);
  joining_[room.id] = {xmpp::never, max_returns, false};
  enter(room, turn);
}

Problem Rooms::leave(Conversation& room, Turn& turn) {
  if (!room.room) return Problem::not_a_room;
  if (wire_.full()) return Problem::offline;
  if (room.room->state != RoomState::outside) {
    wire_.send(xmpp::NewElement("presence").set("to", room.address + "/" + room.room->nick).set("type", "unavailable"),
               turn);
  }
  outside(room, Problem::none);
  model_.set_open(room, false);
  return Problem::none;
}

Problem Rooms::change_nick(Conversation& room, std::string_view nick, Turn& turn) {
  if (!room.room) return Problem::not_a_room;
  if (room.room->state != RoomState::joined) return Problem::not_joined;
  const auto prepared = xmpp::prepare_resource(clean_label(nick, model_.bounds().label));
  if (!prepared || prepared->empty()) return Problem::bad_nick;
  if (wire_.full()) return Problem::offline;
  model_.set_problem(room, Problem::none);
  if (*prepared != room.room->nick) wire_.send(roster_.own_presence(room.address + "/" + *prepared), turn);
  return Problem::none;
}

Problem Rooms::set_subject(Conversation& room, std::string_view subject, Turn& turn) {
  if (!room.room) return Problem::not_a_room;
  if (room.room->state != RoomState::joined) return Problem::not_joined;
  if (wire_.full()) return Problem::offline;
  model_.set_problem(room, Problem::none);
  wire_.send(xmpp::NewElement("message")
                 .set("to", room.address)
                 .set("type", "groupchat")
                 .set("id", wire_.new_id())
                 .add(xmpp::NewElement("subject").text(clean_label(subject, model_.bounds().status))),
             turn);
  return Problem::none;
}

void Rooms::announce(Turn& turn) {
  for (const auto* row : model_.rows()) {
    if (!row->room || row->room->state != RoomState::joined) continue;
    wire_.send(roster_.own_presence(row->address + "/" + row->room->nick), turn);
  }
}

void Rooms::rejoin(Turn& turn) {
  for (const auto* row : model_.rows()) {
    if (!row->room) continue;
    // A server that is going down takes its rooms down first.
    const bool was_in = row->room->state != RoomState::outside || row->room->problem == Problem::room_shut_down;
    if (!was_in) continue;
    enter_again(*model_.edit(row->id), turn);
  }
}

void Rooms::on_time(Turn& turn) {
  ask_the_silent(turn);
  for (auto at = joining_.begin(); at != joining_.end();) {
    auto& [id, joining] = *at;
    auto* room = model_.edit(id);
    if (joining.until > turn.now) {
      ++at;
    } else if (room != nullptr && std::exchange(joining.again, false)) {
      enter(*room, turn);
      ++at;
    } else {
      at = joining_.erase(at);
      if (room != nullptr) outside(*room, Problem::remote_server_timeout);
    }
  }
}

xmpp::Instant Rooms::deadline() const {
  auto first = xmpp::never;
  for (const auto& [id, joining] : joining_) first = std::min(first, joining.until);
  for (const auto& [id, heard] : heard_) first = std::min(first, heard + silence);
  return first;
}

}  // namespace webclient
