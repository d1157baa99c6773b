// Buddies: the roster (RFC 6121 2), their presence (4), subscriptions (3), and our own presence. Pushes count from our
// own account only; presence is kept of people who are in the list, one best resource each.
// Deliberately without roster versions (XEP-0237) and groups of groups.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "webclient/context.hpp"
#include "webclient/wire.hpp"

namespace webclient {

class Roster {
 public:
  Roster(ChatModel& model, Wire& wire, const Self& self);

  void fetch(Turn& turn);
  void on_answer(xmpp::ElementView iq, Turn& turn);          // Question::roster
  void on_push(xmpp::ElementView iq, Turn& turn);            // iq set; answers it
  void on_presence(xmpp::ElementView presence, Turn& turn);  // not of rooms
  // The stream was not resumed: nobody is known to be there until they say so.
  void forget_presence();
  [[nodiscard]] std::size_t held_bytes() const { return held_bytes_; }

  // ---- commands
  Problem add(const xmpp::Jid& who, std::string_view name, const std::vector<std::string>& groups, Turn& turn);
  Problem change(const Conversation& row, std::string_view name, const std::vector<std::string>& groups, Turn& turn);
  Problem remove(const Conversation& row, Turn& turn);
  Problem answer(Conversation& row, bool accept, Turn& turn);  // to who wants to see our presence
  void set_own(Show show, std::string_view status, Turn& turn);
  // Says our presence again, to a room or (empty) to everybody.
  void announce(std::string_view to, Turn& turn);
  // With what presence is announced to everybody or to `to`; rooms add their own to it.
  [[nodiscard]] xmpp::NewElement own_presence(std::string_view to) const;

 private:
  struct Seen {
    int priority = 0;
    Show show = Show::online;
    std::string status;
  };
  using Resources = std::map<std::string, Seen>;
  static std::size_t weight(const Resources::value_type& one);
  void forget(Resources& in, const std::string& resource);
  void forget(ConversationId of);
  void forget_the_gone();
  Problem push(const Conversation& row, std::string_view name, const std::vector<std::string>& groups, Turn& turn);
  void take_item(xmpp::ElementView item);
  void show_best(Conversation& row);
  void on_subscribe(std::string_view address, xmpp::ElementView presence, Turn& turn);
  bool send_subscription(std::string_view to, std::string_view type, Turn& turn);

  ChatModel& model_;
  Wire& wire_;
  const Self& self_;
  std::map<ConversationId, Resources> seen_;
  std::size_t held_bytes_ = 0;  // of it
};

// RFC 6121 4.7.2.1; no such element: online.
[[nodiscard]] Show read_show(xmpp::ElementView presence);

}  // namespace webclient
