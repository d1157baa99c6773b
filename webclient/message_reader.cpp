#include "webclient/message_reader.hpp"

#include <algorithm>

#include "webclient/names.hpp"
#include "webclient/stamp.hpp"
#include "xmpp/ascii.hpp"
#include "xmpp/names.hpp"

namespace webclient {

namespace {

constexpr std::size_t max_id = 512;
constexpr std::size_t max_link = 2048;

// An id that is cut would be another id.
std::string id_of(std::string_view text) {
  return text.size() <= max_id ? std::string(text) : std::string();
}

std::optional<Typing> state_of(xmpp::ElementView message) {
  const auto name = message.child_of(ns::chat_states).name();
  if (name == "composing") return Typing::composing;
  if (name == "paused") return Typing::paused;
  if (name == "gone") return Typing::gone;
  if (name == "active" || name == "inactive") return Typing::no;
  return std::nullopt;
}

// Bytes beyond ASCII are letters for this purpose.
bool is_word(char c) {
  return (c >= '0' && c <= '9') || (xmpp::lower(c) >= 'a' && xmpp::lower(c) <= 'z') || c == '_' ||
         (static_cast<unsigned char>(c) & 0x80U) != 0;
}

}  // namespace

ReadMessage read_message(xmpp::ElementView message, const Bounds& bounds) {
  ReadMessage read;
  read.id = id_of(message.attribute("id"));
  if (const auto body = message.child("body", xmpp::ns::client)) {
    read.body = clean_text(body.text(), bounds.text);
    take_me(read.body->text, read.me);
  }
  read.state = state_of(message);
  read.wants_receipt = static_cast<bool>(message.child("request", ns::receipts));
  read.receipt_of = id_of(message.child("received", ns::receipts).attribute("id"));
  read.corrects = id_of(message.child("replace", ns::correct).attribute("id"));
  const auto url = message.child("x", ns::oob).child("url", ns::oob).text();
  read.link = web_url(url, max_link).value_or(std::string());
  return read;
}

std::optional<WallTime> read_delay(xmpp::ElementView message, std::string_view by, std::string_view or_by) {
  for (auto at = message.first_child(); at; at = at.next()) {
    if (!at.is("delay", ns::delay)) continue;
    const auto from = at.attribute("from");
    if (from == by || from == or_by) return read_stamp(at.attribute("stamp"));
  }
  return std::nullopt;
}

std::string read_archive_id(xmpp::ElementView message, std::string_view by) {
  for (auto at = message.first_child(); at; at = at.next()) {
    if (at.is("stanza-id", ns::stanza_id) && at.attribute("by") == by) return id_of(at.attribute("id"));
  }
  return {};
}

Message to_model(const ReadMessage& read) {
  Message message;
  if (read.body) {
    message.text = read.body->text;
    message.cut = read.body->cut;
  }
  message.me = read.me;
  message.link = read.link;
  message.wire_id = read.id;
  return message;
}

bool says_the_same(const Message& one, const Message& other) {
  if (one.wire_id.empty() || one.wire_id != other.wire_id || one.text != other.text || one.me != other.me) return false;
  return !one.text.empty() || one.link == other.link;  // rooms keep texts in their history, but not always links
}

void take_me(std::string& text, bool& me) {
  constexpr std::string_view mark = "/me ";
  me = text.starts_with(mark);
  if (me) text.erase(0, mark.size());
}

bool mentions(std::string_view text, std::string_view nick) {
  if (nick.empty()) return false;
  const auto same = [](char a, char b) { return xmpp::lower(a) == xmpp::lower(b); };
  for (auto at = text.begin();; ++at) {
    at = std::search(at, text.end(), nick.begin(), nick.end(), same);
    if (at == text.end()) return false;
    const auto end = at + static_cast<std::ptrdiff_t>(nick.size());
    if ((at == text.begin() || !is_word(*(at - 1))) && (end == text.end() || !is_word(*end))) return true;
  }
}

}  // namespace webclient
