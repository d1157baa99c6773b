// Rooms: who is invited, by us and by others.
#include <algorithm>
#include <utility>

#include "webclient/names.hpp"
#include "webclient/rooms.hpp"
#include "xmpp/names.hpp"

namespace webclient {

bool Rooms::on_invitation(xmpp::ElementView outer, Turn& turn) {
  // Or the copy of one that another device of ours has got (XEP-0280); from anybody else that is a forgery.
  const auto copy =
      outer.child("received", ns::carbons).child("forwarded", ns::forward).child("message", xmpp::ns::client);
  const auto message = copy && outer.attribute("from") == self_.bare ? copy : outer;
  const auto mediated = message.child("x", ns::muc_user);
  if (const auto decline = mediated.child("decline", ns::muc_user)) {
    on_declined(message, decline, turn);
    return true;
  }
  const auto invite = mediated.child("invite", ns::muc_user);
  const auto direct = message.child("x", ns::conference);
  if (!invite && !(direct && direct.has_attribute("jid"))) return false;
  const auto sender = xmpp::parse_jid(message.attribute("from"));
  if (sender && sender->bare() == self_.bare) return false;  // one that we have sent, out of the archive
  const auto address = invite ? sender : xmpp::parse_jid(direct.attribute("jid"));
  if (!sender || !address || address->local.empty()) return true;
  const auto* known = model_.find(address->bare());
  if (known != nullptr && (!known->room || known->room->state != RoomState::outside)) return true;
  const auto& bounds = model_.bounds();
  Invitation invitation;
  const auto from = xmpp::parse_jid(invite ? invite.attribute("from") : message.attribute("from"));
  const bool is_occupant = from && from->bare() == address->bare() && !from->resource.empty();
  invitation.from = is_occupant ? from->full() : (from ? from->bare() : address->bare());
  invitation.name = is_occupant ? shown(from->resource) : invitation.from;
  invitation.reason = clean_label(
      invite ? invite.child("reason", ns::muc_user).text() : std::string(direct.attribute("reason")), bounds.status);
  invitation.password =
      invite ? mediated.child("password", ns::muc_user).text() : std::string(direct.attribute("password"));
  if (invitation.password.size() > bounds.label) invitation.password.clear();
  auto* room = model_.require(address->bare(), RowKind::room, Claim::question);
  if (room == nullptr || !room->room) return true;
  const auto name = invitation.name;
  auto reason = invitation.reason;
  room->room->invitation = std::move(invitation);
  model_.note(EventKind::rows_changed, room->id);
  notice(*room, Notice::invited, name, std::move(reason), turn);
  return true;
}

// Anybody can have a room pass on such a thing: it counts from whom we have invited.
void Rooms::on_declined(xmpp::ElementView message, xmpp::ElementView decline, Turn& turn) {
  const auto from = xmpp::parse_jid(message.attribute("from"));
  const auto who = xmpp::parse_jid(decline.attribute("from"));
  auto* room = from && from->resource.empty() ? model_.edit(from->bare()) : nullptr;
  if (room == nullptr || !room->room || !who) return;
  const auto asked = std::any_of(room->messages.begin(), room->messages.end(), [&](const Message& there) {
    return there.notice == Notice::has_invited && there.author == who->bare();
  });
  if (!asked) return;
  notice(*room, Notice::declined, who->bare(),
         clean_label(decline.child("reason", ns::muc_user).text(), model_.bounds().status), turn);
}

Problem Rooms::invite(Conversation& room, std::string_view address, std::string_view reason, Turn& turn) {
  if (!room.room) return Problem::not_a_room;
  if (room.room->state != RoomState::joined) return Problem::not_joined;
  const auto jid = xmpp::parse_jid(address);
  if (!jid || jid->local.empty() || !jid->resource.empty()) return Problem::bad_address;
  if (jid->bare() == self_.bare) return Problem::own_address;
  if (!wire_.takes_messages()) return Problem::offline;
  model_.set_problem(room, Problem::none);
  auto invite = xmpp::NewElement("invite", ns::muc_user).set("to", jid->bare());
  auto why = clean_label(reason, model_.bounds().status);
  if (!why.empty()) invite.add(xmpp::NewElement("reason", ns::muc_user).text(why));
  auto* said = notice(room, Notice::has_invited, jid->bare(), std::move(why), turn);
  if (said == nullptr) return Problem::too_many;
  model_.set_wire_id(*said, wire_.new_id());
  // Like a message: it survives a stream that is not resumed.
  wire_.send_message(xmpp::NewElement("message")
                         .set("to", room.address)
                         .set("id", said->wire_id)
                         .add(xmpp::NewElement("x", ns::muc_user).add(std::move(invite))),
                     {room.id, said->id}, turn);
  return Problem::none;
}

Problem Rooms::decline(Conversation& room, Turn& turn) {
  if (!room.room || !room.room->invitation) return Problem::no_such_conversation;
  if (wire_.full()) return Problem::offline;
  auto decline = xmpp::NewElement("decline", ns::muc_user).set("to", room.room->invitation->from);
  wire_.send(xmpp::NewElement("message")
                 .set("to", room.address)
                 .set("id", wire_.new_id())
                 .add(xmpp::NewElement("x", ns::muc_user).add(std::move(decline))),
             turn);
  room.room->invitation.reset();
  model_.note(EventKind::rows_changed, room.id);
  return Problem::none;
}

}  // namespace webclient
