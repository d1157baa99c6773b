#include "webclient/html.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "webclient/form.hpp"
#include "webclient/text.hpp"

namespace webclient {

namespace {

constexpr std::size_t max_url_bytes = 2048;
constexpr std::size_t max_name_bytes = 200;  // of a file

// All that could belong to a URL which `text` begins with: up to white space (that of other scripts too) and what no
// URL contains.
std::string_view take_run(std::string_view text) {
  text = text.substr(0, text.find_first_of(" \t\r\n<>\"'`{}|\\^"));
  for (const std::string_view space : {"\u00a0", "\u3000"}) text = text.substr(0, text.find(space));
  return text;
}

// The same without the punctuation that a sentence puts after it. A parenthesis belongs to it if it closes another one.
std::string_view without_punctuation(std::string_view run) {
  const auto opened = std::count(run.begin(), run.end(), '(');
  auto closed = std::count(run.begin(), run.end(), ')');
  while (!run.empty() && std::string_view(".,;:!?)]*_~").find(run.back()) != std::string_view::npos) {
    if (run.back() == ')' && opened >= closed--) break;
    run.remove_suffix(1);
  }
  return run;
}

void append_link(std::string& out, std::string_view url, std::string_view words) {
  out += "<a href=\"";
  append_html(out, url);
  out += "\" target=\"_blank\" rel=\"noreferrer noopener nofollow\">";
  append_html(out, words);
  out += "</a>";
}

// What people called the file; the address as it is where it has no such name.
std::string name_of_file(std::string_view url, std::string_view host) {
  const auto begin = static_cast<std::size_t>(host.data() - url.data()) + host.size();
  const std::string_view path = url.substr(begin, url.find_first_of("?#", begin) - begin);
  const std::string_view last = path.substr(path.rfind('/') + 1);
  const auto decoded = decode_component(last);
  const std::string name = clean_label(decoded.value_or(std::string(last)), max_name_bytes);
  return name.empty() ? std::string(url) : name;
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

// Strangers choose the text, so each byte is looked at a few times at most: where no link comes of a run, none is
// looked for within it.
void append_html_with_links(std::string& out, std::string_view text) {
  std::size_t done = 0;
  for (auto at = find_url(text, 0); at != std::string_view::npos;) {
    const std::string_view run = take_run(text.substr(at));
    const std::string_view found = without_punctuation(run);
    if (const auto url = web_url(found, max_url_bytes)) {
      append_html(out, text.substr(done, at - done));
      append_link(out, *url, found);
      done = at + found.size();
    }
    at = find_url(text, at + run.size());
  }
  append_html(out, text.substr(done));
}

void append_file_link(std::string& out, std::string_view url) {
  const auto scheme_end = url.find("://") + 3;
  const std::string_view host = url.substr(scheme_end, url.find_first_of("/?#", scheme_end) - scheme_end);
  out += "<bdi>";
  append_link(out, url, name_of_file(url, host));
  out += "</bdi> <small><bdi>";
  append_html(out, host);
  out += "</bdi></small>";
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
