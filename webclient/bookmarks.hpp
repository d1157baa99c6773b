// Bookmarks of rooms, read and written: XEP-0402 where the server has it or nothing is stored yet, otherwise the
// private storage of XEP-0048. Other clients' extensions of a bookmark are kept as they were. Events count only from
// our own account. Rooms with autojoin are entered after the login.
#pragma once
#include <map>
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
  void on_answer(const Asked& asked, xmpp::ElementView iq, Turn& turn);  // bookmarks, private_bookmarks, bookmark_edit
  // An event in a message; true: it was one of bookmarks.
  bool on_event(xmpp::ElementView message);

  Problem set(Conversation& room, std::string_view name, bool autojoin, Turn& turn);
  Problem remove(Conversation& room, Turn& turn);

 private:
  enum class Store : std::uint8_t { unknown, items, private_storage };
  void take(std::string_view address, xmpp::ElementView conference, std::string_view ns);
  void forget(std::string_view address);
  void join_marked(Turn& turn);
  void use(Store store);
  Problem write(const Conversation& room, Turn& turn);
  bool write_private(Turn& turn);

  ChatModel& model_;
  Wire& wire_;
  const Self& self_;
  Rooms& rooms_;
  std::map<std::string, std::string, std::less<>> extensions_;  // by address, as they are written
  Store store_ = Store::unknown;
};

}  // namespace webclient
