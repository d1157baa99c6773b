#include "bosh/script_syntax.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "bosh/condition.hpp"
#include "xmpp/utf8.hpp"

namespace bosh {
namespace {

constexpr std::string_view space = " \t\r\n";
constexpr std::string_view end_tag = "</body>";
constexpr std::string_view stream_begin =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

// Category Cf of Unicode 15, and the two line ends that only ECMAScript knows.
struct Range {
  char32_t first, last;
};
constexpr std::array<Range, 22> invisible = {{
    {0xAD, 0xAD},       {0x600, 0x605},     {0x61C, 0x61C},     {0x6DD, 0x6DD},     {0x70F, 0x70F},
    {0x890, 0x891},     {0x8E2, 0x8E2},     {0x180E, 0x180E},   {0x200B, 0x200F},   {0x2028, 0x202E},
    {0x2060, 0x2064},   {0x2066, 0x206F},   {0xFEFF, 0xFEFF},   {0xFFF9, 0xFFFB},   {0x110BD, 0x110BD},
    {0x110CD, 0x110CD}, {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0001, 0xE0001},
    {0xE0020, 0xE007F}, {0x7F, 0x9F},
}};

bool is_invisible(char32_t value) {
  return value >= 0x7F && std::any_of(invisible.begin(), invisible.end(),
                                      [value](const Range& r) { return r.first <= value && value <= r.last; });
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_unit(std::string& out, std::uint32_t unit) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[(unit >> static_cast<unsigned>(shift)) & 0xFU];
}

void append_escape(std::string& out, char32_t value) {
  if (value < 0x10000) return append_unit(out, static_cast<std::uint32_t>(value));
  append_unit(out, static_cast<std::uint32_t>(0xD800 + ((value - 0x10000) >> 10U)));
  append_unit(out, static_cast<std::uint32_t>(0xDC00 + ((value - 0x10000) & 0x3FFU)));
}

// The first '>' that is not within the value of an attribute.
std::size_t end_of_tag(std::string_view document) {
  char quote = 0;
  for (std::size_t i = 0; i < document.size(); ++i) {
    const char c = document[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '>') {
      return i;
    }
  }
  return std::string_view::npos;
}

std::string_view without_space_behind(std::string_view text) {
  return text.substr(0, text.find_last_not_of(space) + 1);
}

}  // namespace

bool looks_like_script_query(std::string_view query) {
  return query.starts_with('<') || query.starts_with("%3C") || query.starts_with("%3c");
}

std::optional<std::string> decode_script_query(std::string_view query) {
  std::string document;
  document.reserve(query.size());
  for (std::size_t i = 0; i < query.size(); ++i) {
    if (query[i] != '%') {
      document += query[i];
      continue;
    }
    const int high = i + 2 < query.size() ? hex_value(query[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(query[i + 2]) : -1;
    if (low < 0) return std::nullopt;
    document += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return document;
}

std::variant<Body, BodyFault> read_script_body(BodyReader& reader, std::string_view document, std::string& head) {
  const BodyFault broken{Condition::bad_request, "not one <body/> in the query"};
  const auto end = end_of_tag(document);
  if (end == std::string_view::npos || end == 0) return broken;
  std::string_view content;
  std::string_view tag = document.substr(0, end);
  const std::string_view rest = without_space_behind(document.substr(end + 1));
  if (tag.ends_with('/')) {
    if (!rest.empty()) return broken;
    tag.remove_suffix(1);
  } else {
    if (!rest.ends_with(end_tag)) return broken;
    content = rest.substr(0, rest.size() - end_tag.size());
  }
  head.assign(tag).append("/>");
  auto read = reader.read(head);
  if (auto* const body = std::get_if<Body>(&read)) {
    body->raw = document;
    body->piece = content;
    body->content.reset();  // a script is a script, whatever the client would like to call it
  }
  return read;
}

std::string as_script(std::string_view body) {
  std::string out = "_BOSH_(\"";
  out.reserve(body.size() + body.size() / 8 + 16);
  bool tag_begins = false;
  while (!body.empty()) {
    const auto [value, bytes] = xmpp::take_character(body);
    if (value == '"' || value == '\\') {
      out.append("\\").append(bytes);
    } else if (value == '/' && tag_begins) {
      out += "\\/";  // or a </script> in a message would end the element that a page has put this into
    } else if (value == '\n') {
      out += "\\n";
    } else if (value == '\r') {
      out += "\\r";
    } else if (is_invisible(value)) {
      append_escape(out, value);
    } else {
      out += bytes;
    }
    tag_begins = value == '<';
  }
  return out.append("\")");
}

ScriptStream::ScriptStream(xmpp::ParserPool& pool, const xmpp::Limits& limits) : splitter_(pool, limits) {
  splitter_.feed(stream_begin, events_);
}

void ScriptStream::forget_stanzas() {
  events_.clear();
  std::vector<xmpp::Stanza>().swap(stanzas_);
}

void ScriptStream::close() {
  forget_stanzas();
  splitter_.reset();
}

std::optional<BodyFault> ScriptStream::take(std::string_view content) {
  forget_stanzas();
  splitter_.feed(content, events_);
  for (const xmpp::StreamEvent& event : events_.list) {
    if (const auto* const stanza = std::get_if<xmpp::Stanza>(&event)) {
      stanzas_.push_back(*stanza);
    } else if (const auto* const fault = std::get_if<xmpp::Fault>(&event)) {
      return fault_of(*fault);
    } else if (std::holds_alternative<xmpp::StreamClosed>(event)) {
      return BodyFault{Condition::bad_request, "the content closes what it has not opened"};
    }
  }
  return std::nullopt;
}

}  // namespace bosh
