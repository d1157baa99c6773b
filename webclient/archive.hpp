// The archive of our account (XEP-0313): the newest page of a conversation when it is opened, older ones when asked
// for, and after a break that could not be resumed everything since the last message known, or since the login. A page
// with nothing to show (receipts, markers) is followed by the next. Results count only from our own account and only
// for a query that is open. Deliberately without archives of rooms: a room sends its history.
#pragma once
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "webclient/chats.hpp"
#include "webclient/context.hpp"
#include "webclient/rooms.hpp"
#include "webclient/wire.hpp"

namespace webclient {

class Archive {
 public:
  Archive(ChatModel& model, Wire& wire, const Self& self, Chats& chats, Rooms& rooms);

  // The newest page, if the archive has not been asked yet; where the server has not said yet that there is one, as
  // soon as it does.
  void open(Conversation& row, Turn& turn);
  void on_features(Turn& turn);
  Problem older(Conversation& row, Turn& turn);
  // Everything behind the last message that we know to be in the archive.
  void catch_up(Turn& turn);

  // A message that is a result of a query; true: taken (or thrown away as a forgery).
  bool on_message(xmpp::ElementView message, Turn& turn);
  void on_answer(const Asked& asked, xmpp::ElementView iq, Turn& turn);  // Question::archive, archive_end, catch_up
  void on_no_answer(const Asked& asked);
  // Whatever has been received was in the archive with this id.
  void note(std::string_view archive_id);
  [[nodiscard]] bool catching_up() const { return catching_up_; }
  // The stream is a new one: no result of the old one will come.
  void forget();

 private:
  struct Query {
    ConversationId conversation{};  // 0: catching up
    std::vector<Chats::Older> results;
    std::size_t count = 0;
    std::size_t before = 0;  // pages before this one, to show the reader anything
  };
  bool ask(Conversation& row, std::string_view before, std::size_t pages, Turn& turn);
  void ask_for_end(Turn& turn);
  void ask_behind(std::string_view id, Turn& turn);
  void on_page(Query query, Conversation& row, xmpp::ElementView fin, Turn& turn);
  void add(Query query, Conversation& row);
  void close_gap();

  ChatModel& model_;
  Wire& wire_;
  const Self& self_;
  Chats& chats_;
  Rooms& rooms_;
  std::map<std::string, Query, std::less<>> queries_;  // by queryid
  std::deque<ConversationId> early_;                   // opened before the server said whether it has an archive
  std::string last_id_;                                // up to where we know all; empty: nothing yet
  std::string live_id_;                                // what has come since, while there may be something between
  bool was_empty_ = false;                             // the archive, when we came
  std::size_t pages_ = 0;
  bool catching_up_ = false;
  bool has_gap_ = false;  // behind last_id_
};

}  // namespace webclient
