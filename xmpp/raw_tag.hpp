// Takes a start tag apart without a parser: names and attribute values as they are written. Only for tags whose
// tokens a parser has accepted; it finds the parts, it does not judge them.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xmpp {

struct RawAttribute {
  std::string_view text;   // all of it: name='value'
  std::string_view name;   // with its prefix
  std::string_view value;  // between the quotes, references not resolved
};

struct RawTag {
  std::string_view name;  // with its prefix
  std::vector<RawAttribute> attributes;
  bool empty_element = false;
  std::size_t end = 0;  // position behind '>'
};

// The tag that begins with the '<' at `at`.
[[nodiscard]] std::optional<RawTag> read_start_tag(std::string_view bytes, std::size_t at);

struct SplitName {
  std::string_view prefix, local;
};
[[nodiscard]] SplitName split_name(std::string_view name);

// The prefix that an attribute of this name declares: empty for xmlns, nothing for any other attribute.
[[nodiscard]] std::optional<std::string_view> declared_prefix(std::string_view attribute_name);

// The value of an attribute: references resolved, white space normalised (XML 1.0 3.3.3).
[[nodiscard]] std::string attribute_value(std::string_view raw);

// Character data without markup: references resolved, each line end one line feed (XML 1.0 2.11). A CDATA section has
// no references.
enum class References : bool { none, resolved };
void append_character_data(std::string& out, std::string_view raw, References references);

// For a value in apostrophes, such that attribute_value() gives the text back; fit for character data as well.
void append_escaped(std::string& out, std::string_view text);

}  // namespace xmpp
