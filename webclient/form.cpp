#include "webclient/form.hpp"

#include <algorithm>
#include <cstdint>

#include "webclient/chat_model.hpp"
#include "webclient/text.hpp"

namespace webclient {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Nothing for an escape that is none.
std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '+' && plus_is_space) {
      out += ' ';
    } else if (c != '%') {
      out += c;
    } else {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

// Length of the UTF-8 sequence that begins here; 0 for none.
std::size_t sequence_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  if (first == 0xe0 && at(1) < 0xa0) return 0;
  if (first == 0xed && at(1) > 0x9f) return 0;
  if (first == 0xf0 && at(1) < 0x90) return 0;
  if (first == 0xf4 && at(1) > 0x8f) return 0;
  return length;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::optional<std::string_view> Form::find(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

void Form::wipe() {
  for (auto& [key, value] : fields_) {
    // Volatile, or the compiler would see that nobody reads it again.
    volatile char* const bytes = value.data();
    for (std::size_t i = 0; i < value.size(); ++i) bytes[i] = 0;
    value.clear();
  }
}

std::variant<Form, FormFault> read_form(std::string_view body, const FormLimits& limits) {
  Form form;
  while (!body.empty()) {
    const auto end = std::min(body.find('&'), body.size());
    const std::string_view pair = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (pair.empty()) continue;
    if (form.fields_.size() >= limits.max_fields) return FormFault::too_many;
    const auto equals = std::min(pair.find('='), pair.size());
    // Three bytes for one at most: what is longer than that needs no decoding to be too long.
    if (equals > limits.max_name_bytes * 3 || pair.size() - equals > limits.max_value_bytes * 3 + 1) {
      return FormFault::too_long;
    }
    auto name = decode(pair.substr(0, equals), true);
    auto value = decode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value) return FormFault::malformed;
    if (name->size() > limits.max_name_bytes || value->size() > limits.max_value_bytes) return FormFault::too_long;
    if (!is_utf8(*name) || !is_utf8(*value)) return FormFault::not_utf8;
    if (form.find(*name)) return FormFault::repeated;
    form.fields_.emplace_back(std::move(*name), std::move(*value));
  }
  return form;
}

std::optional<std::string> decode_component(std::string_view text) {
  auto out = decode(text, false);
  if (out && !is_utf8(*out)) return std::nullopt;
  return out;
}

std::string encode_component(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
  return out;
}

std::vector<std::string> split_groups(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty() && out.size() < Bounds{}.groups) {
    const auto end = std::min(text.find(','), text.size());
    std::string group = clean_label(text.substr(0, end), Bounds{}.label);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!group.empty() && std::find(out.begin(), out.end(), group) == out.end()) out.push_back(std::move(group));
  }
  return out;
}

}  // namespace webclient
