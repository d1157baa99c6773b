// Bookmarks of rooms, read and written: XEP-0402 where the server has it or nothing is stored yet, otherwise the
// private storage of XEP-0048. That is one list: it is read again for each change, and what is not changed is written
// back as it was, like other clients' extensions of a bookmark. Events count only from our own account. Rooms with
// autojoin are entered after the login.
#pragma once
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "webclient/context.hpp"
#include "webclient/rooms.hpp"
#include "webclient/wire.hpp"

namespace webclient {

class Bookmarks {
 public:
  Bookmarks(ChatModel& model, Wire& wire, const Self& self, Rooms& rooms);

  void fetch(Turn& turn);
  // Question::bookmarks, private_bookmarks, private_edit, private_write, bookmark_edit
  void on_answer(const Asked& asked, xmpp::ElementView iq, Turn& turn);
  void on_no_answer(const Asked& asked);
  // A new stream: what is not stored yet is tried again.
  void write_again(Turn& turn);
  // An event in a message; true: it was one of bookmarks.
  bool on_event(xmpp::ElementView message);

  Problem set(Conversation& room, std::string_view name, bool autojoin, Turn& turn);
  Problem remove(Conversation& room, Turn& turn);

 private:
  enum class Store : std::uint8_t {
    unknown,
    untried,  // items, as far as anybody knows: nothing is stored
    items,
    private_storage,
  };
  void take(std::string_view address, xmpp::ElementView conference, std::string_view ns);
  void forget(std::string_view address);
  void join_marked(Turn& turn);
  void use(Store store);
  Problem write(const Conversation& room, Turn& turn);
  void on_items(xmpp::ElementView iq, Turn& turn);
  void on_private(xmpp::ElementView iq, Turn& turn);
  void on_refused(const Asked& asked, Problem problem, Turn& turn);
  void on_not_stored(Problem problem);
  void say(std::string_view address, Problem problem);
  bool change_private(std::string_view address, Turn& turn);
  void write_private(xmpp::ElementView storage, Turn& turn);

  ChatModel& model_;
  Wire& wire_;
  const Self& self_;
  Rooms& rooms_;
  std::map<std::string, std::string, std::less<>> extensions_;  // by address, as they are written
  std::set<std::string, std::less<>> changed_, written_;        // addresses: not in the private storage yet; on the way
  Store store_ = Store::unknown;
  bool reading_ = false;  // the list, for changed_
};

}  // namespace webclient
