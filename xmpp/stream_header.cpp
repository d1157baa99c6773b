#include "xmpp/stream_header.hpp"

#include "xmpp/raw_tag.hpp"

namespace xmpp {
namespace {

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
  out.append(" ").append(name).append("='");
  append_escaped(out, value);
  out += '\'';
}

bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

std::string write_header(const StreamHeader& header) {
  std::string out = "<?xml version='1.0'?><stream:stream";
  append_attribute(out, "to", header.to);
  if (!header.from.empty()) append_attribute(out, "from", header.from);
  if (header.version) append_attribute(out, "version", "1.0");
  if (is_language_tag(header.lang)) append_attribute(out, "xml:lang", header.lang);
  append_attribute(out, "xmlns", ns::client);
  append_attribute(out, "xmlns:stream", ns::streams);
  out += '>';
  return out;
}

std::string write_error(StreamCondition condition) {
  std::string out = "<stream:error><";
  out += wire_name(condition);
  append_attribute(out, "xmlns", ns::stream_conditions);
  out += "/></stream:error>";
  out += stream_end;
  return out;
}

bool is_language_tag(std::string_view text) {
  constexpr std::size_t longest_subtag = 8, longest = 64;
  if (text.empty() || text.size() > longest) return false;
  std::size_t subtag = 0;
  bool first = true;
  for (const char c : text) {
    if (c == '-') {
      if (subtag == 0) return false;
      subtag = 0;
      first = false;
    } else if (!is_alpha(c) && (first || !is_digit(c))) {
      return false;
    } else if (++subtag > longest_subtag) {
      return false;
    }
  }
  return subtag != 0;
}

}  // namespace xmpp
