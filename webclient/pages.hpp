// Every page of the chat as a whole document, made from the model and the templates. It shows and links; it decides
// nothing, and knows no request. What a form must carry is given by the shell: `token` mints one for the path of a
// form. One instance a shard, like the templates it holds. Pure.
#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webclient/iframe_stream.hpp"
#include "webclient/templates.hpp"

namespace webclient {

using TokenFor = std::function<std::string(std::string_view form)>;

struct View {
  const ChatModel& model;
  const Reader& reader;
  const TokenFor& token;
};

struct LoginPage {
  std::string message;   // what went wrong, or what has happened
  bool is_error = true;  // how it is shown
  std::string user;      // as it was typed
  std::string token;
  std::string domain;  // the only one there is: the address may do without it
  bool guests = false;
  std::uint32_t linger_minutes = 10;
  bool static_pages = false;
  bool offers_no_cookie = false;  // the path may name the session instead
  bool no_cookie = false;         // and is chosen to
};

struct NoticePage {
  std::string title, message;
  std::string link, link_text;
  std::string target;      // "_top" where the page may stand in a frame
  std::uint32_t wait = 0;  // seconds until the link is followed by itself; 0: never
  bool alert = false;
  bool strip = false;  // stands where the form does: there is room for a line
  std::string kept{};  // what was written and is not sent, to be copied
};

struct ComposePage {
  std::string message;  // why the text was not sent
  std::string text;
  std::string once;  // minted for this page
  bool lines = false;
  std::optional<MessageId> edit;
  std::size_t asked = 0;  // messages, by the address of a static page; 0: as many as usual
};

// How many messages a page shows of a conversation, unless its reader asks for older ones or has not had so many yet.
inline constexpr std::size_t first_backlog = 50;

// The form that invites somebody to a room, with what was typed into it where it is shown again.
struct InviteForm {
  std::string once;  // of this form alone: sent twice it counts once
  std::string address, reason;
};

struct FilePage {
  std::string message;  // why the last one was not sent
  std::string once;
  std::uint64_t limit = 0;  // bytes; 0: none known
  std::string text{};       // what stood in the form for messages, and goes back there
  bool framed = true;       // in the place of the form for messages; or a page by itself
};

struct StreamPage {
  std::string nonce;
  std::string path;    // of the stream
  std::string window;  // names the frame that asks, to tell it from others
  std::size_t backlog = first_backlog;

  // Where this frame has the stream, whatever number of messages it asks for.
  [[nodiscard]] std::string self() const;
  // Where it has the same page again.
  [[nodiscard]] std::string address() const;
};

class Pages {
 public:
  [[nodiscard]] std::string login(const LoginPage& page, const Catalogue& texts);
  [[nodiscard]] std::string notice(const NoticePage& page, const Catalogue& texts);

  // The frame around a stream; `shown` is null for the list. `window` goes into the stream's address.
  [[nodiscard]] std::string app(const Conversation* shown, std::string_view id, std::string_view window,
                                std::uint32_t unread, const Reader& reader);
  // The beginning of an endless page, all there is to show included; `shown` is null for the list.
  [[nodiscard]] std::string stream(const StreamPage& page, const View& view, const Conversation* shown);
  [[nodiscard]] std::string compose(const ComposePage& page, const View& view, const Conversation& to);

  // The form for a file, in the frame of compose() or by itself.
  [[nodiscard]] std::string file(const FilePage& page, const View& view, const Conversation& to);

  [[nodiscard]] std::string plain_list(const View& view);
  [[nodiscard]] std::string plain(const ComposePage& page, std::size_t backlog, const View& view,
                                  const Conversation& shown);

  [[nodiscard]] std::string contact_add(const View& view, const std::string& message, const std::string& address,
                                        const std::string& name, const std::string& groups);
  [[nodiscard]] std::string contact(const View& view, const Conversation& who, const std::string& message);
  [[nodiscard]] std::string room_join(const View& view, const std::string& message, const std::string& address,
                                      const std::string& nick);
  [[nodiscard]] std::string room(const View& view, const Conversation& which, const std::string& message,
                                 const InviteForm& invite);
  [[nodiscard]] std::string settings(const View& view, const std::string& message, WallTime now);

  [[nodiscard]] const Templates& templates() const { return templates_; }

 private:
  Templates templates_;
};

// The zones and reload times that settings offer.
[[nodiscard]] bool is_offered_zone(int minutes);
[[nodiscard]] bool is_offered_reload(std::uint32_t seconds);
[[nodiscard]] bool is_offered_linger(std::uint32_t minutes);

}  // namespace webclient
