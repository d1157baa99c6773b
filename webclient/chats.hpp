// Messages between people, and private ones of rooms: live, by carbon (XEP-0280), out of the archive; receipts
// (XEP-0184), chat states (XEP-0085), corrections (XEP-0308), errors; and what the reader writes.
//
// What a message claims counts only from whom it may come: carbons from our own account, receipts and corrections from
// the other side of the same conversation, times and archive ids from our own server.
#pragma once
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "webclient/context.hpp"
#include "webclient/message_reader.hpp"
#include "webclient/wire.hpp"

namespace webclient {

// A page that may arrive or not: an endless one by its connection. Of static pages there is one at a time, since the
// next request of a reader proves the one before.
enum class PageId : std::uint64_t { none, still, first_endless };
[[nodiscard]] constexpr PageId page_of(xmpp::ConnectionRef connection) {
  return PageId{static_cast<std::uint64_t>(connection) + static_cast<std::uint64_t>(PageId::first_endless)};
}

// Of a message out of our archive.
struct Archived {
  WallTime when;
  std::string id;
  bool unread = false;  // it came while there was no link
};

class Chats {
 public:
  Chats(ChatModel& model, Wire& wire, const Self& self);

  // Any message but type groupchat and those that other parts have taken.
  void on_message(xmpp::ElementView message, Turn& turn);
  // A message of the archive, as if it had just come, to its place. The address is the other side.
  void take_archived(xmpp::ElementView inner, const Archived& archived, Turn& turn);
  // The same, but not yet in the model; nothing if it is nothing to be shown, or not of `with`.
  struct Older {
    Message message;
    std::string corrects;
  };
  [[nodiscard]] std::optional<Older> read_archived(xmpp::ElementView inner, const Archived& archived,
                                                   std::string_view with) const;
  // After the older ones are in: links corrections to what they correct.
  void link_corrections(Conversation& in, const std::vector<std::pair<std::string, std::string>>& id_and_corrected);

  // ---- chats_held.cpp: what no reader has got
  // So many messages a page must show to show all that wait for a reader: from the first that is unread, or that was on
  // a page of which nobody knows yet whether it has arrived.
  [[nodiscard]] std::size_t waiting(const Conversation& row) const;
  // A page is to show this conversation, and all of it that is waiting(). Whoever has written what there was no room
  // for, so that it is on none, is told.
  void read(Conversation& row, Turn& turn);
  // That page has all of it now.
  void put_on(PageId page, const Conversation& row);
  // A reader has got that page, with this conversation up to the mark. What had fallen out of the model before it was
  // made may be on another one, which has not arrived.
  void proven(ConversationId in, const Wire::Mark& shown, PageId page);
  // A reader has got all that was put on that page; or will not get it, so that whoever has written what no other page
  // can show is told.
  void arrived(PageId page);
  void gone(PageId page, Turn& turn);
  // Its reader wants no more of it, or has read it elsewhere.
  void dismissed(ConversationId conversation);
  // What the server need not keep, where everything up to `shown` has been shown: nothing beyond the oldest message
  // that no reader has got.
  [[nodiscard]] Wire::Mark not_held(Wire::Mark shown);
  // A new stream begins: what the server still owned of the old one it stores, sends back or sends again.
  void forget_what_the_server_has();
  // There may be room on the wire again, for those who are to be told.
  void on_room(Turn& turn);
  // The session ends: whoever has written what is ours now and no reader has got is told (PROTOCOL U-060, X-050).
  void give_back(Turn& turn);
  [[nodiscard]] std::size_t held_bytes() const { return held_bytes_; }

  void on_sent(const std::vector<SentMessage>& arrived);
  // Of type error, also of a room. False: it is of no message here.
  bool on_error(xmpp::ElementView message);

  // ---- commands; `now` in the reader's text is what was typed
  struct Sent {
    Problem problem = Problem::none;
    MessageId id{};
  };
  Sent send(Conversation& to, std::string_view text, std::string_view link, Turn& turn);
  Sent correct(Conversation& in, MessageId original, std::string_view text, Turn& turn);

  void on_time(xmpp::Instant now);
  [[nodiscard]] xmpp::Instant deadline() const;

 private:
  struct Place {
    std::string address;
    RowKind kind = RowKind::person;
    bool outgoing = false;
    std::string author = {};  // to be told if no reader gets it; empty: another device or the archive has it too
  };
  [[nodiscard]] std::optional<Place> place_of(xmpp::ElementView message) const;
  void on_carbon(xmpp::ElementView forwarded, bool sent, Turn& turn);
  void take(const Place& place, xmpp::ElementView message, Message fields, const ReadMessage& read, Turn& turn);
  [[nodiscard]] const Message* find_known(const Conversation& in, const Message& message) const;
  void hold(const Conversation& in, const Message& message, const std::string& author, Turn& turn);
  void hold_again(const Conversation& in, const Message& message, const std::string& author, Turn& turn);
  void set_typing(Conversation& of, Typing typing, Turn& turn);
  void send_receipt(const Conversation& row, xmpp::ElementView message, const ReadMessage& read, Turn& turn);
  Sent submit(Conversation& to, std::string_view text, std::string_view link, std::string_view corrects, Turn& turn);

  ChatModel& model_;
  Wire& wire_;
  const Self& self_;
  std::map<ConversationId, xmpp::Instant> typing_until_;
  struct Held {
    Wire::Mark mark;  // the stanza that brought it
    ConversationId conversation{};
    MessageId message{};
    std::string author, wire_id;
    bool on_a_page = false;
    PageId page = PageId::none;  // the last that has it, unless that is gone
    bool due = false;            // its author is to be told as soon as the wire has room
    bool stored = false;         // by the server, since a stream that is gone: nobody is to be told
  };
  static std::size_t weight(const Held& held);
  // False: there is no room on the wire. The second remembers that.
  [[nodiscard]] bool tell_author(std::string_view author, std::string_view wire_id, Turn& turn);
  [[nodiscard]] bool tell(Held& held, Turn& turn);
  void give_up(const Place& place, const std::string& wire_id, Turn& turn);
  void hold(Held held, Turn& turn);
  template <typename Which>
  void release(Which which);

  // With no reader yet: the server keeps them too, or else (Wire::is_ours) we answer for them. Oldest first. What falls
  // out of the model stays here.
  std::deque<Held> held_;
  std::size_t held_bytes_ = 0;
  std::size_t due_ = 0;  // of them
};

// The newest in a chain of corrections that begins with the message of this id, written by the same as `by`; null if
// there is none. A room's history names nobody who could be told from another of the same nick.
[[nodiscard]] Message* find_corrected(ChatModel& model, Conversation& in, const Message& by, std::string_view id);

}  // namespace webclient
