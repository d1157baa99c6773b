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
  std::size_t max_id = std::string_view::npos;
};

std::optional<Answer> answer_to(const Stanza& stanza) {
  if (stanza.kind == StanzaKind::iq) {
    if (stanza.type != StanzaType::get && stanza.type != StanzaType::set) return std::nullopt;
    return Answer{.name = "iq", .error_type = "cancel", .condition = "service-unavailable"};
  }
  if (stanza.kind != StanzaKind::message) return std::nullopt;
  switch (stanza.type) {
    case StanzaType::error:
    case StanzaType::headline:
    case StanzaType::groupchat:
      return std::nullopt;
    default:
      return Answer{.name = "message", .error_type = "wait", .condition = "recipient-unavailable"};
  }
}

void append_attribute(std::string& out, std::string_view name, const std::optional<std::string>& value) {
  if (!value) return;
  out.append(" ").append(name).append("='");
  append_escaped(out, *value);
  out += '\'';
}

void append_condition(std::string& out, std::string_view type, std::string_view condition) {
  out.append("><error type='").append(type).append("'><").append(condition);
  out.append(" xmlns='").append(ns::stanza_conditions).append("'/></error></");
}

std::string_view error_for_sender(const Stanza& undelivered, const Answer& answer, Arena& arena) {
  const auto tag = read_start_tag(undelivered.bytes, 0);
  if (!tag) return {};
  const auto from = attribute(*tag, "from"), id = attribute(*tag, "id");
  if ((from && !split_jid(*from)) || (id && id->size() > answer.max_id)) return {};
  // An iq without a sender is the account's or the server's own (RFC 6120 8.1.2.1), and so is the answer's recipient;
  // without an id nobody could match the answer. A message without a sender has nobody to be told.
  const bool is_iq = undelivered.kind == StanzaKind::iq;
  if (is_iq ? !id : !from) return {};
  std::string out = "<";
  out.append(answer.name).append(" xmlns='jabber:client' type='error'");
  append_attribute(out, "to", from);
  append_attribute(out, "id", id);
  append_condition(out, answer.error_type, answer.condition);
  return arena.store(out.append(answer.name).append(">"));
}

}  // namespace

std::string_view bounce(const Stanza& undelivered, Arena& arena) {
  const auto answer = answer_to(undelivered);
  return answer ? error_for_sender(undelivered, *answer, arena) : std::string_view{};
}

std::string_view refusal(const Stanza& excessive, Arena& arena) {
  auto answer = answer_to(excessive);
  if (!answer) return {};
  answer->error_type = "modify";
  answer->condition = "policy-violation";
  answer->max_id = max_answered_id;
  return error_for_sender(excessive, *answer, arena);
}

std::string_view left_out(const Stanza& excessive, Arena& arena) {
  std::string out = "<iq xmlns='jabber:client' type='error'";
  if (const auto tag = read_start_tag(excessive.bytes, 0)) {
    for (const auto name : {"from", "to", "id"}) append_attribute(out, name, attribute(*tag, name));
  }
  append_condition(out, "modify", "policy-violation");
  return arena.store(out.append("iq>"));
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
