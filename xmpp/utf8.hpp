// One character of UTF-8 at a time, for text that no XML parser has proven yet: what people type into forms.
// Pure functions; not a library of Unicode.
#pragma once
#include <string>
#include <string_view>

namespace xmpp {

struct Character {
  char32_t value;
  std::string_view bytes;
};

// The next character of `text` (not empty), which is shortened by it. A byte that begins no character is taken alone
// and becomes U+FFFD.
[[nodiscard]] Character take_character(std::string_view& text);

// What XML 1.0 (2.2) allows in a document. The rest cannot be written in any way, not even as a reference.
[[nodiscard]] bool is_xml_character(char32_t value);

// `text` without what a document cannot hold; bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string xml_text(std::string_view text);

}  // namespace xmpp
