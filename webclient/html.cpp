#include "webclient/html.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "webclient/text.hpp"

namespace webclient {

namespace {

constexpr std::size_t max_url_bytes = 2048;

// Where a URL that begins with `text` ends: before white space and what cannot be in a URL, and without the punctuation
// that a sentence puts after it.
std::size_t url_length(std::string_view text) {
  std::size_t end = text.find_first_of(" \t\r\n<>\"'`{}|\\^");
  end = std::min(end, text.size());
  while (end > 0) {
    const char last = text[end - 1];
    const std::string_view url = text.substr(0, end);
    if (last == ')' && std::count(url.begin(), url.end(), '(') >= std::count(url.begin(), url.end(), ')')) break;
    if (std::string_view(".,;:!?)]*_~").find(last) == std::string_view::npos) break;
    --end;
  }
  return end;
}

std::size_t find_url(std::string_view text, std::size_t from) {
  for (auto at = text.find("http", from); at != std::string_view::npos; at = text.find("http", at + 4)) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("http://") || rest.starts_with("https://")) return at;
  }
  return std::string_view::npos;
}

}  // namespace

void append_html(std::string& out, std::string_view text) {
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
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
}

std::string html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_html(out, text);
  return out;
}

void append_html_with_links(std::string& out, std::string_view text) {
  std::size_t done = 0;
  for (auto at = find_url(text, 0); at != std::string_view::npos; at = find_url(text, std::max(done, at + 4))) {
    const std::string_view found = text.substr(at, url_length(text.substr(at)));
    const auto url = web_url(found, max_url_bytes);
    if (!url) continue;
    append_html(out, text.substr(done, at - done));
    out += "<a href=\"";
    append_html(out, *url);
    out += "\" target=\"_blank\" rel=\"noreferrer noopener nofollow\">";
    append_html(out, found);
    out += "</a>";
    done = at + found.size();
  }
  append_html(out, text.substr(done));
}

void append_css_string(std::string& out, std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    const bool plain =
        byte >= 0x80 || c == ' ' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (plain) {
      out += c;
    } else {
      out += '\\';
      out += digits[byte >> 4];
      out += digits[byte & 15];
      out += ' ';
    }
  }
  out += '"';
}

}  // namespace webclient
