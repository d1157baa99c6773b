#include "xmpp/utf8.hpp"

#include <cstddef>

namespace xmpp {

namespace {

constexpr Character replacement{0xFFFD, "\xEF\xBF\xBD"};

}  // namespace

Character take_character(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  std::size_t size = 1;
  char32_t value = first, least = 0;
  if (first >= 0xF0 && first < 0xF5) {
    size = 4, value = first & 0x07U, least = 0x10000;
  } else if (first >= 0xE0 && first < 0xF0) {
    size = 3, value = first & 0x0FU, least = 0x800;
  } else if (first >= 0xC2 && first < 0xE0) {
    size = 2, value = first & 0x1FU, least = 0x80;
  } else if (first >= 0x80) {
    text.remove_prefix(1);
    return replacement;
  }
  bool whole = text.size() >= size;
  for (std::size_t i = 1; whole && i < size; ++i) {
    whole = (byte(i) & 0xC0U) == 0x80U;
    value = (value << 6U) | (byte(i) & 0x3FU);
  }
  if (!whole || value < least || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
    text.remove_prefix(1);
    return replacement;
  }
  const auto bytes = text.substr(0, size);
  text.remove_prefix(size);
  return {value, bytes};
}

bool is_xml_character(char32_t value) {
  return (value >= 0x20 && value != 0xFFFE && value != 0xFFFF) || value == '\t' || value == '\n' || value == '\r';
}

std::string xml_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto [value, bytes] = take_character(text);
    if (is_xml_character(value)) out.append(bytes);
  }
  return out;
}

}  // namespace xmpp
