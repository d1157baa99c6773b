#include "bosh/body.hpp"

#include <charconv>
#include <limits>

#include "xmpp/names.hpp"

namespace bosh {
namespace {

using xmpp::Attribute;

// XML Schema integers: white space around them collapses, a leading '+' is not for us (E-38).
template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Values beyond the range are integers all the same: they are clamped by whoever knows the limits (E-39).
std::optional<std::int64_t> integer(std::string_view text) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  if (const auto value = number<std::int64_t>(text)) return value;
  return text.front() == '-' ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
}

bool is_true(std::string_view text) {
  return text == "true" || text == "1";
}

void read_number(std::optional<std::int64_t>& to, bool& bad, std::string_view text) {
  to = integer(text);
  bad |= !to;
}

void read_plain(const Attribute& a, Body& body, bool& rid_seen) {
  const std::string_view v = a.value;
  if (a.name == "rid") {
    // Signed, though it cannot be negative: 20 digits are no rid, even where they would fit (E-38).
    const auto rid = v.starts_with('-') ? std::nullopt : number<std::int64_t>(v);
    rid_seen = rid.has_value();
    body.rid = static_cast<Rid>(rid.value_or(0));
  } else if (a.name == "sid") {
    body.sid = v;
  } else if (a.name == "key") {
    body.key = v;
  } else if (a.name == "newkey") {
    body.newkey = v;
  } else if (a.name == "ack") {
    const auto ack = integer(v);
    body.bad_ack = !ack || *ack < 0;
    if (!body.bad_ack) body.ack = static_cast<std::uint64_t>(*ack);
  } else if (a.name == "type") {
    body.type = v == "terminate" || v == "terminal" ? BodyType::terminate
                : v == "error"                      ? BodyType::error
                                                    : BodyType::other;
  } else if (a.name == "pause") {
    read_number(body.pause, body.bad_pause, v);
  } else if (a.name == "wait") {
    read_number(body.wait, body.bad_number, v);
  } else if (a.name == "hold") {
    read_number(body.hold, body.bad_number, v);
  } else if (a.name == "to") {
    body.to = v;
  } else if (a.name == "from") {
    body.from = v;
  } else if (a.name == "route") {
    body.route = v;
  } else if (a.name == "ver") {
    body.ver = v;
  } else if (a.name == "content") {
    body.content = v;
  } else if (a.name == "stream") {
    body.stream = v;
  } else if (a.name == "charsets") {
    body.charsets = v;
  }
}

void read_push(const Attribute& a, Body& body) {
  if (a.name == "ask") {
    body.push_ask = is_true(a.value);
  } else if (a.name == "end") {
    body.push_end = is_true(a.value);
  } else if (a.name == "seen") {
    body.push_seen = number<std::uint64_t>(a.value);
  }
}

void read_attribute(const Attribute& a, Body& body, bool& rid_seen) {
  // B-005: by namespace, or by the literal name where the prefix is declared nowhere.
  const bool of_xbosh = a.ns == xmpp::ns::xbosh || (a.ns.empty() && a.prefix == "xmpp");
  const bool of_xml = a.ns == xmpp::ns::xml || (a.ns.empty() && a.prefix == "xml");
  if (of_xbosh && a.name == "restart") {
    body.restart = is_true(a.value);
  } else if (of_xbosh && a.name == "version") {
    body.has_version = true;
  } else if (of_xml && a.name == "lang") {
    body.lang = a.value;
  } else if (a.ns == push_namespace) {
    read_push(a, body);
  } else if (a.ns.empty() && a.prefix.empty()) {
    read_plain(a, body, rid_seen);
  }
}

}  // namespace

BodyFault fault_of(const xmpp::Fault& fault) {
  // Limits are the operator's, so going beyond them is no syntax error (B-011).
  return {fault.kind == xmpp::FaultKind::too_large ? Condition::policy_violation : Condition::bad_request, fault.text};
}

BodyReader::BodyReader(const xmpp::Limits& limits, bool strict_text) : splitter_(limits), strict_text_(strict_text) {}

std::variant<Body, BodyFault> BodyReader::read(std::string_view document) {
  fragment_.clear();
  const auto result = splitter_.split(document, xmpp::ns::httpbind, fragment_);
  if (const auto* fault = std::get_if<xmpp::Fault>(&result)) return fault_of(*fault);
  if (fragment_.root_ns != xmpp::ns::httpbind || fragment_.root_name != "body")
    return BodyFault{Condition::bad_request, "not a <body/> of the httpbind namespace"};
  if (fragment_.text && strict_text_) return BodyFault{Condition::bad_request, "text inside <body/>"};

  Body body;
  body.raw = document;
  body.payloads = &fragment_.children;
  bool rid_seen = false;
  for (const Attribute& a : fragment_.attributes) read_attribute(a, body, rid_seen);
  if (!rid_seen) return BodyFault{Condition::bad_request, "no valid rid"};
  return body;
}

}  // namespace bosh
