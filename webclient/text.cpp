#include "webclient/text.hpp"

#include <algorithm>

namespace webclient {

namespace {

struct Character {
  char32_t value;
  std::string_view bytes;
};

// A byte that begins no character becomes this one.
constexpr Character replacement{0xFFFD, "\xEF\xBF\xBD"};

// The next character of `raw`, which is shortened by it.
Character take(std::string_view& raw) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(raw[i]); };
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
    raw.remove_prefix(1);
    return replacement;
  }
  bool whole = raw.size() >= size;
  for (std::size_t i = 1; whole && i < size; ++i) {
    whole = (byte(i) & 0xC0U) == 0x80U;
    value = (value << 6U) | (byte(i) & 0x3FU);
  }
  if (!whole || value < least || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
    raw.remove_prefix(1);
    return replacement;
  }
  const auto bytes = raw.substr(0, size);
  raw.remove_prefix(size);
  return {value, bytes};
}

bool is_line_end(char32_t value) {
  return value == '\n' || value == 0x2028 || value == 0x2029 || value == 0x85 || value == 0x0B || value == 0x0C;
}

// Shows nothing by itself, and changes how its surroundings look.
bool is_forbidden(char32_t value) {
  return value < 0x20 || (value >= 0x7F && value < 0xA0) || (value >= 0x202A && value <= 0x202E) ||
         (value >= 0x2066 && value <= 0x206F) || value == 0xFEFF || (value >= 0xFFF9 && value <= 0xFFFB) ||
         (value & 0xFFFEU) == 0xFFFEU;
}

}  // namespace

CleanText clean_text(std::string_view raw, std::size_t max_bytes) {
  CleanText out;
  out.text.reserve(std::min(raw.size(), max_bytes));
  while (!raw.empty()) {
    auto [value, bytes] = take(raw);
    if (value == '\r' && !raw.empty() && raw.front() == '\n') continue;
    if (value == '\r' || is_line_end(value)) {
      bytes = "\n";
    } else if (value != '\t' && is_forbidden(value)) {
      continue;
    }
    if (out.text.size() + bytes.size() > max_bytes) {
      out.cut = true;
      break;
    }
    out.text.append(bytes);
  }
  return out;
}

std::string clean_label(std::string_view raw, std::size_t max_bytes) {
  std::string out;
  bool space = false;
  while (!raw.empty()) {
    const auto [value, bytes] = take(raw);
    if (value == ' ' || value == '\t' || value == '\r' || is_line_end(value) || value == 0xA0 || value == 0x3000) {
      space = !out.empty();
      continue;
    }
    if (is_forbidden(value)) continue;
    if (out.size() + (space ? 1 : 0) + bytes.size() > max_bytes) break;
    if (space) out.push_back(' ');
    space = false;
    out.append(bytes);
  }
  return out;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::optional<std::string> web_url(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes) return std::nullopt;
  std::string url(text);
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string::npos) return std::nullopt;
  for (std::size_t i = 0; i < scheme_end; ++i) {
    if (url[i] >= 'A' && url[i] <= 'Z') url[i] = static_cast<char>(url[i] - 'A' + 'a');
  }
  const std::string_view scheme(url.data(), scheme_end);
  if (scheme != "http" && scheme != "https") return std::nullopt;
  const auto rest = std::string_view(url).substr(scheme_end + 3);
  const auto host = rest.substr(0, rest.find_first_of("/?#"));
  if (host.empty() || host.front() == ':' || host.find('@') != std::string_view::npos) return std::nullopt;
  if (rest.find_first_of(" \"'<>\\^`{|}") != std::string_view::npos) return std::nullopt;
  // What cleaning would change is no URL.
  if (clean_label(url, max_bytes) != url) return std::nullopt;
  return url;
}

}  // namespace webclient
