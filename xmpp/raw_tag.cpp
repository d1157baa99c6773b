#include "xmpp/raw_tag.hpp"

#include <charconv>
#include <cstdint>
#include <utility>

namespace xmpp {
namespace {

constexpr std::string_view white = " \t\r\n";

std::size_t skip_white(std::string_view bytes, std::size_t at) {
  const auto next = bytes.find_first_not_of(white, at);
  return next == std::string_view::npos ? bytes.size() : next;
}

std::optional<RawAttribute> read_attribute(std::string_view bytes, std::size_t at) {
  const auto name_end = bytes.find_first_of(" \t\r\n=", at);
  if (name_end == std::string_view::npos) return std::nullopt;
  const auto equals = skip_white(bytes, name_end);
  if (equals == bytes.size() || bytes[equals] != '=') return std::nullopt;
  const auto quote = skip_white(bytes, equals + 1);
  if (quote == bytes.size()) return std::nullopt;
  const auto close = bytes.find(bytes[quote], quote + 1);
  if (close == std::string_view::npos) return std::nullopt;
  return RawAttribute{bytes.substr(at, close + 1 - at), bytes.substr(at, name_end - at),
                      bytes.substr(quote + 1, close - quote - 1)};
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

void append_reference(std::string& out, std::string_view name) {
  constexpr std::pair<std::string_view, char> predefined[] = {
      {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"apos", '\''}, {"quot", '"'}};
  for (const auto& [entity, character] : predefined) {
    if (name == entity) {
      out += character;
      return;
    }
  }
  if (name.size() < 2 || name[0] != '#') return;
  const bool hex = name[1] == 'x';
  name.remove_prefix(hex ? 2 : 1);
  std::uint32_t code = 0;
  std::from_chars(name.data(), name.data() + name.size(), code, hex ? 16 : 10);
  append_utf8(out, code);
}

}  // namespace

std::optional<RawTag> read_start_tag(std::string_view bytes, std::size_t at) {
  RawTag tag;
  auto next = bytes.find_first_of(" \t\r\n/>", at);
  if (next == std::string_view::npos) return std::nullopt;
  tag.name = bytes.substr(at + 1, next - at - 1);
  for (;;) {
    next = skip_white(bytes, next);
    if (next == bytes.size()) return std::nullopt;
    if (bytes[next] == '>') break;
    if (bytes[next] == '/') {
      tag.empty_element = true;
      ++next;
      continue;
    }
    const auto attribute = read_attribute(bytes, next);
    if (!attribute) return std::nullopt;
    tag.attributes.push_back(*attribute);
    next += attribute->text.size();
  }
  tag.end = next + 1;
  return tag;
}

SplitName split_name(std::string_view name) {
  const auto colon = name.find(':');
  if (colon == std::string_view::npos) return {{}, name};
  return {name.substr(0, colon), name.substr(colon + 1)};
}

std::optional<std::string_view> declared_prefix(std::string_view attribute_name) {
  constexpr std::string_view xmlns = "xmlns";
  if (attribute_name == xmlns) return std::string_view{};
  if (attribute_name.starts_with("xmlns:")) return attribute_name.substr(xmlns.size() + 1);
  return std::nullopt;
}

std::string attribute_value(std::string_view raw) {
  std::string value;
  value.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    if (c == '&') {
      const auto end = raw.find(';', i);
      if (end == std::string_view::npos) break;
      append_reference(value, raw.substr(i + 1, end - i - 1));
      i = end;
    } else if (c == '\r' && i + 1 < raw.size() && raw[i + 1] == '\n') {
      continue;  // a line end is one character (XML 1.0 2.11), whose turn comes next
    } else {
      value += c == '\t' || c == '\r' || c == '\n' ? ' ' : c;
    }
  }
  return value;
}

void append_character_data(std::string& out, std::string_view raw, References references) {
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    if (c == '&' && references == References::resolved) {
      const auto end = raw.find(';', i);
      if (end == std::string_view::npos) return;
      append_reference(out, raw.substr(i + 1, end - i - 1));
      i = end;
    } else if (c == '\r') {
      if (i + 1 == raw.size() || raw[i + 1] != '\n') out += '\n';
    } else {
      out += c;
    }
  }
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&apos;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\t':
        out += "&#9;";
        break;
      case '\n':
        out += "&#10;";
        break;
      case '\r':
        out += "&#13;";
        break;
      default:
        out += c;
    }
  }
}

}  // namespace xmpp
