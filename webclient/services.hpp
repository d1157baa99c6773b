// What the server offers (XEP-0030): archive, carbons, upload service with its limit (XEP-0363), rooms; and the way of
// a file: a slot from the upload service, which the shell fills, then the link as a message.
#pragma once
#include <string>
#include <string_view>

#include "webclient/chats.hpp"
#include "webclient/context.hpp"
#include "webclient/wire.hpp"

namespace webclient {

struct UploadStart {
  Problem problem = Problem::none;
  UploadId id{};
};

class Services {
 public:
  Services(ChatModel& model, Wire& wire, const Self& self, const ClientSettings& settings, Chats& chats);

  void discover(Turn& turn);
  // account_features, server_features, server_items, item_features, carbons, slot
  void on_answer(const Asked& asked, xmpp::ElementView iq, Turn& turn);
  void on_no_answer(const Asked& asked);

  // ---- commands
  struct File {
    std::string_view name, type;
    std::uint64_t size;
  };
  UploadStart start_upload(const Conversation& to, const File& file, Turn& turn);
  // The shell has put the bytes to where they belong, or could not.
  Problem finish_upload(UploadId id, bool good, Turn& turn);

 private:
  void ask_info(Question what, std::string address, Turn& turn);
  void take_features(std::string_view address, xmpp::ElementView query);
  void on_slot(const Asked& asked, xmpp::ElementView iq);

  ChatModel& model_;
  Wire& wire_;
  const Self& self_;
  const ClientSettings& settings_;
  Chats& chats_;
  std::string upload_service_;
};

}  // namespace webclient
