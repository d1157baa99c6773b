// What a message stanza says, whoever sent it: text, chat state, receipts, correction, file, ids, and the time it
// claims. It decides nothing: whom to believe is the caller's question. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "webclient/chat_model.hpp"
#include "webclient/text.hpp"
#include "xmpp/parsed_element.hpp"

namespace webclient {

struct ReadMessage {
  std::optional<CleanText> body;  // without the /me
  bool me = false;
  std::optional<Typing> state;
  bool wants_receipt = false;
  std::string receipt_of;  // id
  std::string corrects;    // id
  std::string link;
  std::string id;
};

[[nodiscard]] ReadMessage read_message(xmpp::ElementView message, const Bounds& bounds);

// XEP-0203, if it is of somebody whose clock counts: `by` or `or_by`.
[[nodiscard]] std::optional<WallTime> read_delay(xmpp::ElementView message, std::string_view by,
                                                 std::string_view or_by);

// XEP-0359: the id under which `by` has put it into its archive.
[[nodiscard]] std::string read_archive_id(xmpp::ElementView message, std::string_view by);

// A message as the model keeps it, but for when, who and how far it has come.
[[nodiscard]] Message to_model(const ReadMessage& read);

// The same id and the same words. An id alone tells nothing of another's message: it need be unique within one stream
// only (RFC 6120 8.1.3), and some libraries begin to count anew with each process.
[[nodiscard]] bool says_the_same(const Message& one, const Message& other);

// What is typed, as it goes into the model: the /me becomes a mark.
void take_me(std::string& text, bool& me);

// `nick` is in `text` as a word of its own, in whatever case (letters of ASCII).
[[nodiscard]] bool mentions(std::string_view text, std::string_view nick);

}  // namespace webclient
