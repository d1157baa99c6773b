#include "webclient/client.hpp"

#include <utility>

#include "webclient/features.hpp"
#include "webclient/names.hpp"
#include "webclient/text.hpp"
#include "xmpp/bounce.hpp"
#include "xmpp/names.hpp"

namespace webclient {

namespace {

// Also of one that another device of ours has sent or got (XEP-0280): it stands inside.
std::string known_archive_id(xmpp::ElementView message, const Self& self) {
  for (const char* const kind : {"received", "sent"}) {
    const auto copy = message.child(kind, ns::carbons);
    if (!copy || message.attribute("from") != self.bare) continue;
    return read_archive_id(copy.child("forwarded", ns::forward).child("message", xmpp::ns::client), self.bare);
  }
  return read_archive_id(message, self.bare);
}

}  // namespace

Client::Client(ClientSettings settings, xmpp::SaslIdentity identity, xmpp::Instant now, WallTime wall)
    : settings_(std::move(settings)),
      identity_(std::move(identity)),
      model_(settings_.bounds),
      wire_(settings_, self_),
      roster_(model_, wire_, self_),
      chats_(model_, wire_, self_),
      rooms_(model_, wire_, self_, roster_),
      archive_(model_, wire_, self_, chats_, rooms_),
      bookmarks_(model_, wire_, self_, rooms_),
      services_(model_, wire_, self_, settings_, chats_),
      clock_read_(now),
      clock_said_(wall) {
  self_.domain = settings_.domain;
  Account account;
  account.guest = identity_.kind == xmpp::SaslKind::anonymous;
  if (!account.guest) account.address = identity_.user + "@" + settings_.domain;
  account.show = Show::online;
  model_.set_account(std::move(account), EventKind::own_changed);
}

Client::~Client() = default;

void Client::set_clock(xmpp::Instant now, WallTime wall) {
  clock_read_ = now;
  clock_said_ = wall;
}

Turn Client::turn(xmpp::Instant now, xmpp::Actions& out) const {
  return {now, clock_said_ + std::chrono::duration_cast<std::chrono::seconds>(now - clock_read_), out};
}

void Client::put_on(PageId page, ConversationId id) {
  if (const auto* row = model_.find(id)) chats_.put_on(page, *row);
}

void Client::seen(const PageSeen& page, xmpp::Instant now, xmpp::Actions& out) {
  auto step = turn(now, out);
  chats_.proven(page.conversation, page.mark, page.id);
  wire_.seen(chats_.not_held(page.mark), step);
}

void Client::page_gone(PageId page, xmpp::Instant now, xmpp::Actions& out) {
  auto step = turn(now, out);
  chats_.gone(page, step);
}

// ---- stanzas -------------------------------------------------------------------------------------------------------

void Client::on_stanza(const xmpp::Stanza& stanza, Turn& turn) {
  if (stanza.counts() && !wire_.received(turn)) return;
  if (!stanza.excess.empty()) {
    // Beyond the limits: who wrote it is told, as the session tells for clients that leave the counting to it, and as
    // there not at any price.
    if (const auto refused = xmpp::refusal(stanza, turn.out.arena); !refused.empty())
      return wire_.answer(refused, turn);
    if (stanza.kind != xmpp::StanzaKind::iq) return;  // that is the answer to a question of ours
  }
  const auto parsed = xmpp::ParsedElement::parse(stanza.bytes);
  if (!parsed) return;
  const auto root = parsed->root();
  switch (stanza.kind) {
    case xmpp::StanzaKind::message:
      return on_message(root, turn);
    case xmpp::StanzaKind::presence:
      return on_presence(root, turn);
    case xmpp::StanzaKind::iq:
      return on_iq(root, turn);
    case xmpp::StanzaKind::management:
      return on_management(root, turn);
    default:
      return;
  }
}

void Client::on_message(xmpp::ElementView message, Turn& turn) {
  const auto type = message.attribute("type");
  if (type == "error") {
    const bool of_message = chats_.on_error(message);
    if (!of_message) rooms_.on_error(message, turn);
    return rooms_.on_refused(message, of_message, turn);
  }
  if (archive_.on_message(message, turn)) return;
  if (bookmarks_.on_event(message)) return;
  archive_.note(known_archive_id(message, self_));
  if (type == "groupchat") return rooms_.on_message(message, turn);
  if (rooms_.on_invitation(message, turn)) return;
  chats_.on_message(message, turn);
}

void Client::on_presence(xmpp::ElementView presence, Turn& turn) {
  const auto from = xmpp::parse_jid(presence.attribute("from"));
  const auto* row = from ? model_.find(from->bare()) : nullptr;
  if (row != nullptr && row->is_room()) return rooms_.on_presence(presence, turn);
  roster_.on_presence(presence, turn);
}

void Client::on_iq(xmpp::ElementView iq, Turn& turn) {
  const auto type = iq.attribute("type");
  if (type == "result" || type == "error") {
    if (const auto asked = wire_.answered(iq)) on_answer(*asked, iq, turn);
    return;
  }
  if (type != "get" && type != "set") return;
  // RFC 6121 2.1.6: anybody else would like to write our roster.
  const bool push = type == "set" && iq.child("query", ns::roster) && self_.is_account(iq.attribute("from"));
  if (push) return roster_.on_push(iq, turn);
  // Who asks more than the server takes from us gets no answer.
  if (iq.attribute("id").size() > xmpp::max_answered_id) return;
  wire_.answer(answer_question(iq, settings_, turn.wall).bytes(), turn);
}

void Client::on_answer(const Asked& asked, xmpp::ElementView iq, Turn& turn) {
  switch (asked.what) {
    case Question::roster:
      return roster_.on_answer(iq, turn);
    case Question::archive:
    case Question::archive_end:
    case Question::catch_up:
      archive_.on_answer(asked, iq, turn);
      if (wire_.has_put_off() && !archive_.catching_up()) resend(turn);
      return;
    case Question::bookmarks:
    case Question::private_bookmarks:
    case Question::private_edit:
    case Question::private_write:
    case Question::bookmark_edit:
      return bookmarks_.on_answer(asked, iq, turn);
    case Question::account_features:
      services_.on_answer(asked, iq, turn);
      return archive_.on_features(turn);
    case Question::carbons:
    case Question::server_features:
    case Question::server_items:
    case Question::item_features:
    case Question::slot:
      return services_.on_answer(asked, iq, turn);
    case Question::room_ping:
      return rooms_.on_ping(asked, iq, turn);
    case Question::roster_edit:
    case Question::ping:
    case Question::room_config:
      return;
  }
}

void Client::on_no_answer(const Asked& asked) {
  archive_.on_no_answer(asked);
  bookmarks_.on_no_answer(asked);
  services_.on_no_answer(asked);
}

// ---- commands ------------------------------------------------------------------------------------------------------

Conversation* Client::edit(ConversationId id) {
  return state_ == State::ended ? nullptr : model_.edit(id);
}

Problem Client::set_presence(Show show, std::string_view status, xmpp::Instant now, xmpp::Actions& out) {
  if (state_ == State::ended || wire_.full()) return Problem::offline;
  auto step = turn(now, out);
  roster_.set_own(show, status, step);
  if (wire_.online()) rooms_.announce(step);
  return Problem::none;
}

Opened Client::open_person(std::string_view address, RowKind kind, Turn& turn) {
  if (state_ == State::ended) return {Problem::offline, {}};
  auto* row = model_.require(address, kind);
  if (row == nullptr) return {Problem::too_many, {}};
  model_.set_open(*row, true);
  archive_.open(*row, turn);
  return {Problem::none, row->id};
}

Opened Client::start_chat(std::string_view address, xmpp::Instant now, xmpp::Actions& out) {
  const auto jid = xmpp::parse_jid(address);
  if (!jid || jid->local.empty()) return {Problem::bad_address, {}};
  if (jid->bare() == self_.bare) return {Problem::own_address, {}};
  auto step = turn(now, out);
  return open_person(jid->bare(), RowKind::person, step);
}

Opened Client::start_private(ConversationId room, OccupantId with, xmpp::Instant now, xmpp::Actions& out) {
  const auto* row = edit(room);
  if (row == nullptr || !row->room) return {Problem::no_such_conversation, {}};
  const auto* occupant = model_.find(*row, with);
  if (occupant == nullptr) return {Problem::no_such_conversation, {}};
  if (occupant->self) return {Problem::own_address, {}};
  const auto jid = xmpp::parse_jid(row->address + "/" + occupant->resource);
  if (!jid) return {Problem::bad_address, {}};
  auto step = turn(now, out);
  return open_person(jid->full(), RowKind::occupant, step);
}

Problem Client::open_conversation(ConversationId id, xmpp::Instant now, xmpp::Actions& out) {
  auto* row = edit(id);
  if (row == nullptr) return Problem::no_such_conversation;
  auto step = turn(now, out);
  chats_.read(*row, step);
  if (wire_.online()) archive_.open(*row, step);
  return Problem::none;
}

std::size_t Client::waiting(ConversationId id) const {
  const auto* row = model_.find(id);
  return row == nullptr ? 0 : chats_.waiting(*row);
}

Problem Client::close_conversation(ConversationId id) {
  auto* row = edit(id);
  if (row == nullptr) return Problem::no_such_conversation;
  model_.mark_read(*row);
  chats_.dismissed(id);
  model_.set_open(*row, false);
  return Problem::none;
}

Problem Client::mark_read(ConversationId id, xmpp::Instant now, xmpp::Actions& out) {
  auto* row = edit(id);
  if (row == nullptr) return Problem::no_such_conversation;
  auto step = turn(now, out);
  chats_.read(*row, step);
  return Problem::none;
}

Problem Client::load_older(ConversationId id, xmpp::Instant now, xmpp::Actions& out) {
  auto* row = edit(id);
  if (row == nullptr) return Problem::no_such_conversation;
  if (!wire_.online()) return Problem::offline;
  auto step = turn(now, out);
  return archive_.older(*row, step);
}

Chats::Sent Client::send(ConversationId to, std::string_view text, xmpp::Instant now, xmpp::Actions& out) {
  auto* row = edit(to);
  if (row == nullptr) return {Problem::no_such_conversation, {}};
  auto step = turn(now, out);
  return chats_.send(*row, text, {}, step);
}

Chats::Sent Client::correct(ConversationId in, MessageId message, std::string_view text, xmpp::Instant now,
                            xmpp::Actions& out) {
  auto* row = edit(in);
  if (row == nullptr) return {Problem::no_such_conversation, {}};
  auto step = turn(now, out);
  return chats_.correct(*row, message, text, step);
}

Opened Client::add_buddy(std::string_view address, const BuddyFields& fields, xmpp::Instant now, xmpp::Actions& out) {
  const auto jid = xmpp::parse_jid(address);
  if (!jid || !jid->resource.empty()) return {Problem::bad_address, {}};
  if (!wire_.online()) return {Problem::offline, {}};
  auto step = turn(now, out);
  const auto problem = roster_.add(*jid, fields.name, fields.groups, step);
  const auto* row = model_.find(jid->bare());
  return {problem, row == nullptr ? ConversationId{} : row->id};
}

Problem Client::change_buddy(ConversationId id, const BuddyFields& fields, xmpp::Instant now, xmpp::Actions& out) {
  const auto* row = edit(id);
  if (row == nullptr) return Problem::no_such_conversation;
  if (!wire_.online()) return Problem::offline;
  auto step = turn(now, out);
  return roster_.change(*row, fields.name, fields.groups, step);
}

Problem Client::remove_buddy(ConversationId id, xmpp::Instant now, xmpp::Actions& out) {
  const auto* row = edit(id);
  if (row == nullptr) return Problem::no_such_conversation;
  if (!wire_.online()) return Problem::offline;
  auto step = turn(now, out);
  return roster_.remove(*row, step);
}

Problem Client::answer_request(ConversationId id, bool accept, xmpp::Instant now, xmpp::Actions& out) {
  auto* row = edit(id);
  if (row == nullptr) return Problem::no_such_conversation;
  if (!wire_.online()) return Problem::offline;
  auto step = turn(now, out);
  return roster_.answer(*row, accept, step);
}

Opened Client::join_room(const RoomFields& fields, xmpp::Instant now, xmpp::Actions& out) {
  if (state_ == State::ended) return {Problem::offline, {}};
  std::string address = clean_label(fields.address, 3071);
  const auto& service = model_.account().room_service;
  if (address.find('@') == std::string::npos && !service.empty()) address += "@" + service;
  const auto jid = xmpp::parse_jid(address);
  if (!jid || jid->local.empty() || !jid->resource.empty()) return {Problem::bad_address, {}};
  auto* row = model_.require(jid->bare(), RowKind::room);
  if (row == nullptr) return {Problem::too_many, {}};
  if (!row->room) return {Problem::not_a_room, row->id};
  auto step = turn(now, out);
  std::string nick(fields.nick);
  if (nick.empty()) nick = row->room->nick;
  if (nick.empty()) nick = self_.bare.substr(0, self_.bare.find('@'));
  return {rooms_.join(*row, nick, fields.password, step), row->id};
}

Problem Client::leave_room(ConversationId id, xmpp::Instant now, xmpp::Actions& out) {
  auto* row = edit(id);
  if (row == nullptr) return Problem::no_such_conversation;
  auto step = turn(now, out);
  return rooms_.leave(*row, step);
}

Problem Client::change_nick(ConversationId id, std::string_view nick, xmpp::Instant now, xmpp::Actions& out) {
  auto* row = edit(id);
  if (row == nullptr) return Problem::no_such_conversation;
  if (!wire_.online()) return Problem::offline;
  auto step = turn(now, out);
  return rooms_.change_nick(*row, nick, step);
}

Problem Client::set_subject(ConversationId id, std::string_view subject, xmpp::Instant now, xmpp::Actions& out) {
  auto* row = edit(id);
  if (row == nullptr) return Problem::no_such_conversation;
  if (!wire_.online()) return Problem::offline;
  auto step = turn(now, out);
  return rooms_.set_subject(*row, subject, step);
}

Problem Client::invite(ConversationId room, const InviteFields& fields, xmpp::Instant now, xmpp::Actions& out) {
  auto* row = edit(room);
  if (row == nullptr) return Problem::no_such_conversation;
  if (!wire_.online()) return Problem::offline;
  auto step = turn(now, out);
  return rooms_.invite(*row, fields.address, fields.reason, step);
}

Problem Client::decline_invitation(ConversationId id, xmpp::Instant now, xmpp::Actions& out) {
  auto* row = edit(id);
  if (row == nullptr) return Problem::no_such_conversation;
  auto step = turn(now, out);
  return rooms_.decline(*row, step);
}

Problem Client::set_bookmark(ConversationId id, const BookmarkFields& fields, xmpp::Instant now, xmpp::Actions& out) {
  auto* row = edit(id);
  if (row == nullptr) return Problem::no_such_conversation;
  auto step = turn(now, out);
  return bookmarks_.set(*row, fields.name, fields.autojoin, step);
}

Problem Client::remove_bookmark(ConversationId id, xmpp::Instant now, xmpp::Actions& out) {
  auto* row = edit(id);
  if (row == nullptr) return Problem::no_such_conversation;
  auto step = turn(now, out);
  return bookmarks_.remove(*row, step);
}

UploadStart Client::start_upload(ConversationId to, const Services::File& file, xmpp::Instant now, xmpp::Actions& out) {
  const auto* row = edit(to);
  if (row == nullptr) return {Problem::no_such_conversation, {}};
  if (!wire_.online()) return {Problem::offline, {}};
  auto step = turn(now, out);
  return services_.start_upload(*row, file, step);
}

Problem Client::finish_upload(UploadId id, bool good, xmpp::Instant now, xmpp::Actions& out) {
  if (state_ == State::ended) return Problem::offline;
  auto step = turn(now, out);
  return services_.finish_upload(id, good, step);
}

Problem Client::dismiss_upload(UploadId id) {
  if (model_.find(id) == nullptr) return Problem::no_such_upload;
  model_.remove_upload(id);
  return Problem::none;
}

}  // namespace webclient
