#include "xmpp/bounce.hpp"

#include <optional>
#include <string>

#include "xmpp/jid.hpp"
#include "xmpp/names.hpp"
#include "xmpp/raw_element.hpp"

namespace xmpp {
namespace {

struct Answer {
  std::string_view name, error_type, condition;
};

std::optional<Answer> answer_to(const Stanza& stanza) {
  if (stanza.kind == StanzaKind::iq) {
    if (stanza.type != StanzaType::get && stanza.type != StanzaType::set) return std::nullopt;
    return Answer{"iq", "cancel", "service-unavailable"};
  }
  if (stanza.kind != StanzaKind::message) return std::nullopt;
  switch (stanza.type) {
    case StanzaType::error:
    case StanzaType::headline:
    case StanzaType::groupchat:
      return std::nullopt;
    default:
      return Answer{"message", "wait", "recipient-unavailable"};
  }
}

void append_attribute(std::string& out, std::string_view name, const std::optional<std::string>& value) {
  if (!value) return;
  out.append(" ").append(name).append("='");
  append_escaped(out, *value);
  out += '\'';
}

}  // namespace

std::string_view bounce(const Stanza& undelivered, Arena& arena) {
  const auto answer = answer_to(undelivered);
  if (!answer) return {};
  const auto tag = read_start_tag(undelivered.bytes, 0);
  if (!tag) return {};
  const auto from = attribute(*tag, "from"), id = attribute(*tag, "id");
  if (from && !split_jid(*from)) return {};
  // An iq without a sender is the account's or the server's own (RFC 6120 8.1.2.1), and so is the answer's recipient;
  // without an id nobody could match the answer. A message without a sender has nobody to be told.
  const bool is_iq = undelivered.kind == StanzaKind::iq;
  if (is_iq ? !id : !from) return {};
  std::string out = "<";
  out.append(answer->name).append(" xmlns='jabber:client' type='error'");
  append_attribute(out, "to", from);
  append_attribute(out, "id", id);
  out.append("><error type='").append(answer->error_type).append("'><").append(answer->condition);
  out.append(" xmlns='").append(ns::stanza_conditions).append("'/></error></").append(answer->name).append(">");
  return arena.store(out);
}

std::string_view unconfirmed(std::string_view stanza, Arena& arena) {
  const auto tag = read_start_tag(stanza, 0);
  if (!tag) return {};
  const auto name = split_name(tag->name).local;
  const auto type = attribute(*tag, "type");
  if (name == "iq" ? type != "get" && type != "set" : name != "message" || type == "error") return {};
  const auto id = attribute(*tag, "id"), to = attribute(*tag, "to");
  if (!id && (name == "iq" || !to)) return {};
  std::string out = "<";
  out.append(name).append(" xmlns='jabber:client' type='error'");
  append_attribute(out, "from", to);
  append_attribute(out, "id", id);
  out.append("><error type='wait'><remote-server-timeout xmlns='").append(ns::stanza_conditions);
  out.append("'/><text xmlns='").append(ns::stanza_conditions).append("' xml:lang='en'>");
  out.append("The connection was lost before the server confirmed this.</text></error></").append(name).append(">");
  return arena.store(out);
}

}  // namespace xmpp
