// The gateway as an XMPP client, for one reader of the chat without JavaScript: from the login to the log-out, through
// restarts of the server and cut links, which the reader does not notice (XEP-0198 resume; PROTOCOL U-062, U-063,
// Z-008). It follows the contract of xmpp/binding.hpp; what comes goes into the ChatModel, commands of pages are
// methods.
//
//   start ─► connecting ─► login ─► resuming ─► online ─► ended
//               ▲            └────► binding ──────┘ │
//               └──────── waiting (back-off) ◄──────┘ link lost
//
// OpenLink means: drop whatever link there is, connect, and make a new xmpp::Session. The `location` of XEP-0198 is not
// followed (U-065): the server is where the operator says. Deliberately without browsers, cookies, forms and files: the
// shell and pages have those.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webclient/archive.hpp"
#include "webclient/bookmarks.hpp"
#include "webclient/chats.hpp"
#include "webclient/context.hpp"
#include "webclient/rooms.hpp"
#include "webclient/roster.hpp"
#include "webclient/services.hpp"
#include "webclient/wire.hpp"
#include "xmpp/binding.hpp"
#include "xmpp/login.hpp"
#include "xmpp/stream_splitter.hpp"

namespace webclient {

// A command that makes or finds a conversation.
struct Opened {
  Problem problem = Problem::none;
  ConversationId conversation{};
};

struct PageSeen {
  Wire::Mark mark;
  ConversationId conversation{};  // 0: it shows none
  PageId id = PageId::none;
};

class Client {
 public:
  // `wall` is what the clock on the wall says at `now`; settings must outlive nothing, they are kept.
  Client(ClientSettings settings, xmpp::SaslIdentity identity, xmpp::Instant now, WallTime wall);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] const ChatModel& model() const { return model_; }

  // ---- the binding contract
  void start(xmpp::Instant now, xmpp::Actions& out);
  // The link stands, before opened(): whether it is safe, and what to bind SASL to.
  void secured(xmpp::SaslChannel channel);
  void opened(const xmpp::StreamOpened& stream, xmpp::Instant now, xmpp::Actions& out);
  void deliver(const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out);
  // The link is gone (server_...: it is tried again), or the session is to end (anything else).
  void close(xmpp::EndReason reason, std::string_view text, xmpp::Instant now, xmpp::Actions& out);
  void on_time(xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] xmpp::Instant deadline() const;
  [[nodiscard]] bool ended() const { return state_ == State::ended; }
  // The clock on the wall says `wall` at `now`, whatever it has said before.
  void set_clock(xmpp::Instant now, WallTime wall);
  // For max_buffered_bytes: what there is to show, who is there, and what no server has acknowledged yet.
  [[nodiscard]] std::size_t held_bytes() const {
    return model_.held_bytes() + wire_.held_bytes() + chats_.held_bytes() + roster_.held_bytes();
  }
  // After the end: only why is kept.
  void forget() {
    model_.forget();
    roster_.forget_presence();
  }
  [[nodiscard]] Wire::Mark mark() const { return wire_.mark(); }
  // That page has all there is of the conversation.
  void put_on(PageId page, ConversationId id);
  // What was in the model at the mark has reached a reader, on a page with the texts of the conversation.
  // Until then the server is not told that it has arrived, so that it is not lost with this session: the messages of a
  // reader who has vanished are the server's to keep.
  void seen(const PageSeen& page, xmpp::Instant now, xmpp::Actions& out);
  // All that was put on that page has reached a reader, whatever there is beyond that; or nothing more of it will.
  void page_arrived(PageId page) { chats_.arrived(page); }
  void page_gone(PageId page, xmpp::Instant now, xmpp::Actions& out);

  // ---- commands of pages. What is wrong is a Problem; what happens shows in the model.
  void log_out(xmpp::Instant now, xmpp::Actions& out);
  Problem set_presence(Show show, std::string_view status, xmpp::Instant now, xmpp::Actions& out);

  Opened start_chat(std::string_view address, xmpp::Instant now, xmpp::Actions& out);
  Opened start_private(ConversationId room, OccupantId with, xmpp::Instant now, xmpp::Actions& out);
  // It is on a reader's screen: read, and its history is asked for.
  Problem open_conversation(ConversationId id, xmpp::Instant now, xmpp::Actions& out);
  // See Chats::waiting().
  [[nodiscard]] std::size_t waiting(ConversationId id) const;
  Problem close_conversation(ConversationId id);
  Problem mark_read(ConversationId id, xmpp::Instant now, xmpp::Actions& out);
  Problem load_older(ConversationId id, xmpp::Instant now, xmpp::Actions& out);
  Chats::Sent send(ConversationId to, std::string_view text, xmpp::Instant now, xmpp::Actions& out);
  Chats::Sent correct(ConversationId in, MessageId message, std::string_view text, xmpp::Instant now,
                      xmpp::Actions& out);

  struct BuddyFields {
    std::string_view name;
    std::vector<std::string> groups;
  };
  Opened add_buddy(std::string_view address, const BuddyFields& fields, xmpp::Instant now, xmpp::Actions& out);
  Problem change_buddy(ConversationId id, const BuddyFields& fields, xmpp::Instant now, xmpp::Actions& out);
  Problem remove_buddy(ConversationId id, xmpp::Instant now, xmpp::Actions& out);
  Problem answer_request(ConversationId id, bool accept, xmpp::Instant now, xmpp::Actions& out);

  struct RoomFields {
    std::string_view address;  // room@service, or only the name where the server has a service
    std::string_view nick;     // empty: the local part of our address
    std::string_view password;
  };
  Opened join_room(const RoomFields& fields, xmpp::Instant now, xmpp::Actions& out);
  Problem leave_room(ConversationId id, xmpp::Instant now, xmpp::Actions& out);
  Problem change_nick(ConversationId id, std::string_view nick, xmpp::Instant now, xmpp::Actions& out);
  Problem set_subject(ConversationId id, std::string_view subject, xmpp::Instant now, xmpp::Actions& out);
  struct InviteFields {
    std::string_view address, reason;
  };
  // The answer of the room is in its conversation.
  Problem invite(ConversationId room, const InviteFields& fields, xmpp::Instant now, xmpp::Actions& out);
  Problem decline_invitation(ConversationId id, xmpp::Instant now, xmpp::Actions& out);
  struct BookmarkFields {
    std::string_view name;
    bool autojoin = false;
  };
  Problem set_bookmark(ConversationId id, const BookmarkFields& fields, xmpp::Instant now, xmpp::Actions& out);
  Problem remove_bookmark(ConversationId id, xmpp::Instant now, xmpp::Actions& out);

  UploadStart start_upload(ConversationId to, const Services::File& file, xmpp::Instant now, xmpp::Actions& out);
  Problem finish_upload(UploadId id, bool good, xmpp::Instant now, xmpp::Actions& out);
  Problem dismiss_upload(UploadId id);

 private:
  enum class State : std::uint8_t { idle, connecting, login, resuming, binding, online, waiting, ended };

  [[nodiscard]] Turn turn(xmpp::Instant now, xmpp::Actions& out) const;
  [[nodiscard]] Conversation* edit(ConversationId id);
  [[nodiscard]] Opened open_person(std::string_view address, RowKind kind, Turn& turn);

  // ---- client_stream.cpp: the link, login, resume, back-off
  void connect(Turn& turn);
  void on_login(const xmpp::Stanza& stanza, Turn& turn);
  void on_features(xmpp::ElementView features, Turn& turn);
  void bind(Turn& turn);
  void on_resuming(const xmpp::Stanza& stanza, Turn& turn);
  void on_binding(const xmpp::Stanza& stanza, Turn& turn);
  void on_management(xmpp::ElementView element, Turn& turn);
  void on_stream_error(xmpp::ElementView error);
  void go_online(bool resumed, Turn& turn);
  void begin_session(Turn& turn);
  void resend(Turn& turn);
  void lose_link(Problem why, Turn& turn);
  void end(xmpp::EndReason reason, Problem why, std::string_view text, Turn& turn);
  void set_link(LinkState link, Problem problem);
  void probe(Turn& turn);

  // ---- client.cpp: stanzas of a session that is online
  void on_stanza(const xmpp::Stanza& stanza, Turn& turn);
  void on_message(xmpp::ElementView message, Turn& turn);
  void on_presence(xmpp::ElementView presence, Turn& turn);
  void on_iq(xmpp::ElementView iq, Turn& turn);
  void on_answer(const Asked& asked, xmpp::ElementView iq, Turn& turn);
  void on_no_answer(const Asked& asked);

  ClientSettings settings_;
  xmpp::SaslIdentity identity_;
  Self self_;
  ChatModel model_;
  Wire wire_;
  Roster roster_;
  Chats chats_;
  Rooms rooms_;
  Archive archive_;
  Bookmarks bookmarks_;
  Services services_;

  xmpp::SaslChannel channel_;
  std::unique_ptr<xmpp::Login> login_;
  std::optional<xmpp::SaslMechanism> floor_;
  std::string bind_id_;
  xmpp::Instant clock_read_, due_ = xmpp::never, lost_at_ = xmpp::never, probed_at_ = xmpp::never;
  WallTime clock_said_;
  Problem stream_problem_ = Problem::none;  // what the server said before it closed
  std::uint32_t retries_ = 0;
  State state_ = State::idle;
  bool offers_management_ = false;
  bool was_online_ = false;
};

}  // namespace webclient
