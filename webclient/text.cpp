#include "webclient/text.hpp"

#include <algorithm>

#include "xmpp/ascii.hpp"
#include "xmpp/utf8.hpp"

namespace webclient {

namespace {

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
    auto [value, bytes] = xmpp::take_character(raw);
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
    const auto [value, bytes] = xmpp::take_character(raw);
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

std::string nick_label(std::string_view resource, std::size_t max_bytes) {
  constexpr std::string_view mark = "\u2423";  // an open box, as for a blank that is to be seen
  auto label = clean_label(resource, max_bytes);
  if (label == resource) return label;
  label = clean_label(resource, max_bytes - mark.size());
  return label.append(mark);
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string origin_of(std::string_view url) {
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return {};
  std::string out(url.substr(0, url.find_first_of("/?#", scheme_end + 3)));
  std::transform(out.begin(), out.end(), out.begin(), xmpp::lower);
  const std::string_view usual = out.starts_with("https://") ? ":443" : ":80";
  if (out.ends_with(usual)) out.resize(out.size() - usual.size());
  return out;
}

std::optional<std::string> web_url(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes) return std::nullopt;
  std::string url(text);
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string::npos) return std::nullopt;
  std::transform(url.begin(), url.begin() + static_cast<std::ptrdiff_t>(scheme_end), url.begin(), xmpp::lower);
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
