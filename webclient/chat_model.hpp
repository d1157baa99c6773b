// What pages show of one chat session: the own account, the rows of the list (buddies, rooms, strangers) with their
// conversations, messages, occupants, files on their way, and the journal of what has changed. Small and bounded.
//
// It deliberately does not know XMPP: the client puts in what it has checked, pages read. All text is raw (never HTML)
// and comes through text.hpp: without control characters and bidi overrides, cut to Bounds. One shard, one thread.
// Spec: PROTOCOL section 16 (Z-004, Z-007).
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "webclient/ids.hpp"
#include "webclient/journal.hpp"
#include "webclient/problem.hpp"

namespace webclient {

using WallTime = std::chrono::sys_seconds;

struct Bounds {
  std::size_t roster = 2000;
  std::size_t conversations = 200;         // with messages, or open; buddies without any are only counted in `roster`
  std::size_t rooms = 50;                  // joined, bookmarked or invited to
  std::size_t occupants = 1000;            // of one room; the rest is only counted
  std::size_t messages = 500;              // of one conversation
  std::size_t all_text = 4 * 1024 * 1024;  // bytes of all messages together
  std::size_t text = 16 * 1024;            // bytes of one message; the rest is cut off
  std::size_t label = 256;                 // bytes of a name, nick, group, file name
  std::size_t status = 1024;               // bytes of a status, subject, reason
  std::size_t groups = 16;                 // of one buddy
  std::size_t uploads = 8;                 // at the same time
  std::size_t events = 4096;
  std::size_t sending = 4000;  // characters of a message that is sent
};

// ---- messages

enum class Direction : std::uint8_t { incoming, outgoing, notice };

enum class Notice : std::uint8_t {
  none,
  subject,       // author has set the subject to text (empty: removed it)
  nick_changed,  // author is now called text
  kicked,        // author was removed from the room; text: why
  banned,        // likewise, for good
  invited,       // author invites to this room; text: why
  has_invited,   // we have invited author; text: why
  not_invited,   // the room did not take that; problem
  declined,      // author, whom we have invited, does not come; text: why
};

// How far an outgoing message has come.
enum class Delivery : std::uint8_t {
  none,       // not outgoing
  waiting,    // not yet known to be with the server
  sent,       // the server has it (XEP-0198, or the room has repeated it)
  delivered,  // a receipt has come (XEP-0184)
  failed,     // Message::problem says why
};

struct Message {
  MessageId id{};
  Direction direction = Direction::incoming;
  Notice notice = Notice::none;
  Delivery delivery = Delivery::none;
  Problem problem = Problem::none;
  bool unread = false;
  bool me = false;                       // /me: text is what follows; the name goes before it
  bool mention = false;                  // names us, in a room
  bool cut = false;                      // text was longer
  bool delayed = false;                  // history or stored offline: `when` is not the moment it came
  bool archived = false;                 // came out of the archive
  std::optional<MessageId> replaces;     // it is a correction of this message (XEP-0308)
  std::optional<MessageId> replaced_by;  // it has been corrected: show it struck out or not at all
  WallTime when{};
  std::string author;     // rooms and notices: nick; empty otherwise
  OccupantId occupant{};  // who that was, if they were in the room then
  std::string text;
  std::string link;  // http(s) URL of a file that came with it (XEP-0066), already checked for its scheme
  // For the client, not for pages:
  std::string wire_id;     // id or origin-id, to match receipts, corrections, errors
  std::string archive_id;  // stanza-id of the archive it is in (XEP-0359)
};

// ---- rows

enum class Show : std::uint8_t { offline, chat, online, away, extended_away, do_not_disturb };

enum class Subscription : std::uint8_t { none, to, from, both };

// An item of the roster (RFC 6121 2).
struct Buddy {
  std::string name;  // empty: none given
  std::vector<std::string> groups;
  Subscription subscription = Subscription::none;
  bool asked = false;  // we have asked for their presence, and wait
};

enum class Role : std::uint8_t { none, visitor, participant, moderator };
enum class Affiliation : std::uint8_t { none, member, admin, owner, outcast };

struct Occupant {
  OccupantId id{};
  std::string resource;  // of the occupant's address: who it is (XEP-0045 7.1)
  std::string nick;      // how it is shown; never to be compared
  Show show = Show::online;
  Role role = Role::participant;
  Affiliation affiliation = Affiliation::none;
  bool self = false;
};

enum class RoomState : std::uint8_t { outside, joining, joined };

struct Invitation {
  std::string name;  // who invites: address, or nick where the room tells no more
  std::string from;  // where an answer goes
  std::string reason;
  std::string password;
};

struct Room {
  RoomState state = RoomState::outside;
  Problem problem = Problem::none;  // why one is outside
  std::string nick;                 // own, or the one to join with, as a resource
  std::string subject, subject_by;
  WallTime heard{};  // of the newest message that it has sent us; 0: none
  std::string password;
  bool entered = false;  // at some time: it is a room, not only called one
  bool bookmarked = false;
  bool autojoin = false;
  std::string bookmark_name;
  std::optional<Invitation> invitation;
  std::map<std::string, Occupant, std::less<>> occupants;  // by resource
  std::size_t more_occupants = 0;                          // above the bound, not kept
};

enum class RowKind : std::uint8_t {
  person,    // bare JID: buddy or stranger
  room,      // bare JID of a room
  occupant,  // occupant of a room: full JID
};

enum class Typing : std::uint8_t { no, composing, paused, gone };

struct History {
  bool loading = false;
  bool complete = false;  // nothing older is in the archive
  bool known = false;     // the archive has been asked at least once
  std::string first;      // how far back: the id of the oldest that it has told, shown or not; empty: by the messages
};

struct Conversation {
  ConversationId id{};
  RowKind kind = RowKind::person;
  std::string address;  // prepared bare JID (occupant: full)
  std::string nick;     // kind occupant: how it is shown
  std::optional<Buddy> buddy;
  std::unique_ptr<Room> room;       // kind room
  std::optional<std::string> asks;  // wants to see our presence (RFC 6121 3.1); the text that came with it
  Show show = Show::offline;
  std::string status;
  Typing typing = Typing::no;
  bool open = false;  // shown in the list though no buddy; false after the reader has closed it
  std::uint32_t unread = 0;
  std::uint32_t mentions = 0;  // of the unread
  WallTime last{};             // of the newest message; 0: none
  History history;
  std::deque<Message> messages;  // oldest first

  // What the list calls it: name, bookmark, nick, or the local part of the address.
  [[nodiscard]] std::string_view title() const;
  // Not only an invitation has called it a room, which may name anybody's address (XEP-0249).
  [[nodiscard]] bool is_room() const;
  // It belongs into the list.
  [[nodiscard]] bool listed() const;
};

// ---- the session

enum class LinkState : std::uint8_t { connecting, online, reconnecting, ended };

struct Account {
  std::string address;  // bare JID; empty until a guest has been given one
  bool guest = false;
  Show show = Show::offline;  // as the server was told
  std::string status;
  LinkState link = LinkState::connecting;
  Problem problem = Problem::none;                                           // why the link is down or has ended
  bool archive = false, upload = false, bookmarks = false, carbons = false;  // what the server offers
  std::uint64_t upload_limit = 0;                                            // bytes; 0: none known
  std::string room_service;  // domain for rooms that are named without one; empty: none known
};

enum class UploadState : std::uint8_t {
  asking,  // for a slot
  ready,   // PUT the bytes to put_url, then tell the client how it went
  done,    // the link was sent
  failed,
};

struct Upload {
  UploadId id{};
  ConversationId conversation{};
  UploadState state = UploadState::asking;
  Problem problem = Problem::none;
  std::string name, type;
  std::uint64_t size = 0;
  std::string put_url, get_url;                              // https, or http where the server itself is plain
  std::vector<std::pair<std::string, std::string>> headers;  // for the PUT: only Authorization, Cookie, Expires
};

// What a row is wanted for. A stranger's question (an invitation, a request to see our presence) takes no other's
// place; it goes itself, when nothing else may, for what the reader does and for what is written to him.
enum class Claim : std::uint8_t { content, question };

class ChatModel {
 public:
  explicit ChatModel(const Bounds& bounds);

  // ---- for pages
  [[nodiscard]] const Account& account() const { return account_; }
  [[nodiscard]] const Journal& journal() const { return journal_; }
  [[nodiscard]] const Bounds& bounds() const { return bounds_; }
  [[nodiscard]] const Conversation* find(ConversationId id) const;
  [[nodiscard]] const Conversation* find(std::string_view address) const;
  [[nodiscard]] const Message* find(const Conversation& in, MessageId id) const;
  [[nodiscard]] const Occupant* find(const Conversation& in, OccupantId id) const;
  [[nodiscard]] const Upload* find(UploadId id) const;
  // What is listed(), as people expect it: what waits for an answer, then rooms and people with unread messages, then
  // by presence, then by title.
  [[nodiscard]] std::vector<const Conversation*> rows() const;
  [[nodiscard]] std::size_t size() const { return conversations_.size(); }  // those that are not listed too
  [[nodiscard]] std::uint32_t unread() const;                               // of all conversations
  // Whether there may be older messages in the archive than those that it holds, and it has room for them.
  [[nodiscard]] bool may_have_older(const Conversation& in) const;
  // About what it takes: texts to the byte, rows, occupants and events by their number.
  [[nodiscard]] std::size_t held_bytes() const;

  // ---- for the client: every change goes through one of these and is in the journal
  // The session is over: what is kept from here on is the account, which says why.
  void forget();
  void set_account(Account account, EventKind what);  // own_changed or link_changed
  // Finds or makes it. Null: the bound is reached and nothing may be dropped for it. Who was taken for a stranger
  // becomes a room when one is required: an occupant may have written before it was known (XEP-0045 7.5); and what is
  // no room for sure becomes a person.
  Conversation* require(std::string_view address, RowKind kind, Claim claim = Claim::content);
  Conversation* edit(ConversationId id);
  Conversation* edit(std::string_view address);
  void note(EventKind what, ConversationId conversation, std::uint32_t item = 0);

  void set_buddy(Conversation& of, std::optional<Buddy> buddy);
  [[nodiscard]] std::size_t roster_size() const { return roster_size_; }
  void set_presence(Conversation& of, Show show, std::string status);
  void set_typing(Conversation& of, Typing typing);
  void set_asks(Conversation& of, std::optional<std::string> text);
  void set_open(Conversation& of, bool open);
  void mark_read(Conversation& of);

  // Appends, or puts before the first that is later (out of the archive). The id is minted here.
  Message* add_message(Conversation& to, Message message);
  // Older ones, in order, before the first.
  void prepend_messages(Conversation& to, std::vector<Message> older);
  [[nodiscard]] Message* edit(Conversation& in, MessageId id);
  // What becomes known of one that is there.
  void set_wire_id(Message& message, std::string id);
  void set_archive_id(Message& message, std::string id);
  void set_delivery(Conversation& in, Message& message, Delivery delivery, Problem problem = Problem::none);
  void replace(Conversation& in, Message& old, Message& with);

  void set_problem(Conversation& room, Problem problem);
  Occupant* set_occupant(Conversation& in, Occupant occupant);  // by resource; keeps the id of the one that is there
  void remove_occupant(Conversation& in, std::string_view resource);
  void clear_occupants(Conversation& in);

  Upload* add_upload(Upload upload);  // null: too many
  Upload* edit(UploadId id);
  void remove_upload(UploadId id);

 private:
  void trim(Conversation& conversation);
  void trim_text();
  void drop_oldest(Conversation& in);
  // For one more of the kind; `for_new_row`: and one more row.
  bool make_space(RowKind kind, bool for_new_row, Claim claim);
  void erase(ConversationId id);

  Bounds bounds_;
  Account account_;
  Journal journal_;
  std::map<ConversationId, Conversation> conversations_;
  std::unordered_map<std::string, ConversationId> by_address_;
  std::map<UploadId, Upload> uploads_;
  std::size_t roster_size_ = 0, text_size_ = 0;
  std::size_t status_size_ = 0, occupants_ = 0;  // bytes of all status texts; in all rooms
  std::uint32_t last_conversation_ = 0, last_message_ = 0, last_occupant_ = 0, last_upload_ = 0;
};

}  // namespace webclient
