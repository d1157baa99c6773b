#include "tests/support/buddy_json.hpp"

#include <array>
#include <cstdint>
#include <cstdio>

namespace buddy {
namespace {

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0U | (c >> 6U));
    put(0x80U | (c & 0x3FU));
  } else if (c < 0x10000) {
    put(0xE0U | (c >> 12U));
    put(0x80U | ((c >> 6U) & 0x3FU));
    put(0x80U | (c & 0x3FU));
  } else {
    put(0xF0U | (c >> 18U));
    put(0x80U | ((c >> 12U) & 0x3FU));
    put(0x80U | ((c >> 6U) & 0x3FU));
    put(0x80U | (c & 0x3FU));
  }
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<Command> object() {
    Command result;
    if (!take('{')) return std::nullopt;
    if (take('}')) return at_end() ? std::optional(result) : std::nullopt;
    do {
      const auto name = string();
      if (!name || !take(':')) return std::nullopt;
      const auto value = string();
      if (!value) return std::nullopt;
      result[*name] = *value;
    } while (take(','));
    if (!take('}') || !at_end()) return std::nullopt;
    return result;
  }

 private:
  void skip_space() {
    while (pos_ < text_.size() && (text_[pos_] == ' ' || text_[pos_] == '\t' || text_[pos_] == '\r')) ++pos_;
  }
  bool take(char c) {
    skip_space();
    if (pos_ >= text_.size() || text_[pos_] != c) return false;
    ++pos_;
    return true;
  }
  bool at_end() {
    skip_space();
    return pos_ == text_.size();
  }

  std::optional<std::uint32_t> hex4() {
    std::uint32_t value = 0;
    if (text_.size() - pos_ < 4) return std::nullopt;
    for (int i = 0; i < 4; ++i) {
      const char c = text_[pos_++];
      const auto digit = std::string_view("0123456789abcdef").find(static_cast<char>(c | 0x20));
      if (digit == std::string_view::npos) return std::nullopt;
      value = value * 16 + static_cast<std::uint32_t>(digit);
    }
    return value;
  }

  // \uXXXX, twice for what lies beyond the basic plane.
  bool unicode_escape(std::string& out) {
    auto c = hex4();
    if (!c) return false;
    if (*c >= 0xD800 && *c < 0xDC00) {
      if (text_.substr(pos_, 2) != "\\u") return false;
      pos_ += 2;
      const auto low = hex4();
      if (!low || *low < 0xDC00 || *low > 0xDFFF) return false;
      c = 0x10000 + ((*c - 0xD800) << 10U) + (*low - 0xDC00);
    }
    append_utf8(out, *c);
    return true;
  }

  bool escape(std::string& out) {
    if (pos_ >= text_.size()) return false;
    const char c = text_[pos_++];
    if (c == 'u') return unicode_escape(out);
    static constexpr std::string_view names = "\"\\/bfnrt";
    static constexpr std::string_view values = "\"\\/\b\f\n\r\t";
    const auto index = names.find(c);
    if (index == std::string_view::npos) return false;
    out.push_back(values[index]);
    return true;
  }

  std::optional<std::string> string() {
    std::string result;
    if (!take('"')) return std::nullopt;
    while (pos_ < text_.size()) {
      const char c = text_[pos_++];
      if (c == '"') return result;
      if (c != '\\') {
        result.push_back(c);
      } else if (!escape(result)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  std::string_view text_;
  std::size_t pos_ = 0;
};

}  // namespace

std::optional<Command> read_command(std::string_view line) {
  return Reader(line).object();
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escaped.data();
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

std::string list_of(const std::vector<std::string>& json_values) {
  std::string out = "[";
  for (const auto& value : json_values) out += (out.size() > 1 ? "," : "") + value;
  return out + "]";
}

Line& Line::add(std::string_view name, std::string_view value) {
  return add_raw(name, quoted(value));
}

Line& Line::add(std::string_view name, const char* value) {
  return value == nullptr ? *this : add_raw(name, quoted(value));
}

Line& Line::add_raw(std::string_view name, std::string_view json) {
  text_ += text_.empty() ? "{" : ",";
  text_ += quoted(name);
  text_ += ":";
  text_ += json;
  return *this;
}

}  // namespace buddy
