#include "gateway/toml_text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdint>

#include "xmpp/utf8.hpp"

namespace gateway {

namespace {

bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

// Where in a file we are: among keys and values, in a comment, or in one of the four kinds of strings.
class Place {
 public:
  // The next characters that belong together, of `text` (which begins with ASCII and is shortened by them).
  std::string_view take(std::string_view& text) {
    const std::size_t size = pass(text);
    const auto taken = text.substr(0, size);
    text.remove_prefix(size);
    return taken;
  }

  [[nodiscard]] bool takes_escapes() const { return comment_ || (quote() == '"' && !behind_backslash_); }

 private:
  [[nodiscard]] char quote() const { return string_.empty() ? '\0' : string_[0]; }

  std::size_t pass(std::string_view text) {
    const char c = text[0];
    if (comment_) {
      comment_ = c != '\n';
      return 1;
    }
    if (string_.empty()) return pass_plain(text);
    if (c == '\\' && quote() == '"') {
      behind_backslash_ = text.size() > 1 && !is_ascii(text[1]);
      return behind_backslash_ ? 1 : std::min<std::size_t>(2, text.size());
    }
    if (text.starts_with(string_)) return pass_end(text);
    if (c == '\n' && string_.size() == 1) string_ = {};
    return 1;
  }

  std::size_t pass_plain(std::string_view text) {
    comment_ = text[0] == '#';
    if (text[0] != '"' && text[0] != '\'') return 1;
    const bool several_lines = text.starts_with("\"\"\"") || text.starts_with("'''");
    string_ = text.substr(0, several_lines ? 3 : 1);
    return string_.size();
  }

  std::size_t pass_end(std::string_view text) {
    std::size_t size = string_.size();
    // Up to two quotes more are the string's own.
    while (string_.size() == 3 && size < 5 && size < text.size() && text[size] == quote()) ++size;
    string_ = {};
    return size;
  }

  bool comment_ = false, behind_backslash_ = false;
  std::string_view string_;  // what ends the string that we are in
};

}  // namespace

AsciiToml ascii_toml(std::string_view text) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  AsciiToml result;
  result.text.reserve(text.size());
  Place place;
  while (!text.empty() && result.fault.empty()) {
    if (is_ascii(text[0])) {
      result.text += place.take(text);
      continue;
    }
    const std::size_t before = text.size();
    const char32_t value = xmpp::take_character(text).value;
    if (before - text.size() == 1) {
      result.fault = "a byte that is not UTF-8; save the file as UTF-8";
    } else if (!place.takes_escapes()) {
      result.fault =
          "a character beyond ASCII, which may stand in a comment and in double quotes only (there not behind a "
          "backslash); remove it, or write the text in double quotes";
    } else {
      result.text += fmt::format("\\U{:08X}", static_cast<std::uint32_t>(value));
    }
  }
  if (!result.fault.empty())
    result.fault_line = 1 + static_cast<std::size_t>(std::count(result.text.begin(), result.text.end(), '\n'));
  return result;
}

}  // namespace gateway
