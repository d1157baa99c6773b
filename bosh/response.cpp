#include "bosh/response.hpp"

#include <charconv>

namespace bosh {
namespace {

constexpr std::string_view stream_declaration = " xmlns:stream='http://etherx.jabber.org/streams'";

}  // namespace

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
  out.append(" ").append(name).append("='");
  for (const char c : value) {
    switch (c) {
      case '&':
        out.append("&amp;");
        break;
      case '<':
        out.append("&lt;");
        break;
      case '\'':
        out.append("&apos;");
        break;
      case '\t':
      case '\n':
      case '\r':  // would come out as blanks
        out.append("&#").append(std::to_string(static_cast<int>(c))).append(";");
        break;
      default:
        out.push_back(c);
    }
  }
  out.push_back('\'');
}

void append_attribute(std::string& out, std::string_view name, std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  append_attribute(out, name, std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

std::string make_body(const Head& head, std::string_view payload) {
  std::string attributes(head.attributes);
  if (head.terminate) {
    append_attribute(attributes, "type", "terminate");
    if (*head.terminate != Condition::none) append_attribute(attributes, "condition", wire_name(*head.terminate));
  }
  if (head.ack) append_attribute(attributes, "ack", *head.ack);
  if (head.report) {
    append_attribute(attributes, "report", *head.report);
    append_attribute(attributes, "time", head.report_ms);
  }
  if (head.declare_stream) attributes.append(stream_declaration);

  const std::string_view open = body_open.substr(0, body_open.size() - 1);
  std::string body;
  body.reserve(open.size() + attributes.size() + (payload.empty() ? 2 : 1 + payload.size() + body_close.size()));
  body.append(open).append(attributes);
  if (payload.empty()) return body.append("/>"), body;
  body.append(">").append(payload).append(body_close);
  return body;
}

}  // namespace bosh
