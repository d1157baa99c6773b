#include "bosh/event_format.hpp"

namespace bosh {
namespace {

// Enough for the buffers of old browsers and of stations that pass on nothing smaller.
constexpr std::size_t padding = 2048;

// frameElement is null where the page around is of another origin: then nobody is told anything.
constexpr std::string_view frame_functions =
    "var f=null;try{f=window.frameElement}catch(x){}"
    "function e(i,d){if(f&&f.posternEvent)f.posternEvent(i,d)}"
    "function s(n){if(f&&f.posternSign)f.posternSign(n)}";

std::string_view name_of(EventWriter::Sign sign) {
  switch (sign) {
    case EventWriter::Sign::ready:
      return "ready";
    case EventWriter::Sign::alive:
      return "alive";
    case EventWriter::Sign::moved:
      break;
  }
  return "moved";
}

// A line of the stream holds no line end, of whatever kind; the reader puts one between two lines of data. XML reads
// all kinds as the same.
void append_data(std::string& out, std::string_view text) {
  while (true) {
    const auto end = text.find_first_of("\r\n");
    out.append("data: ").append(text.substr(0, end)).append("\n");
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + (text.substr(end, 2) == "\r\n" ? 2 : 1));
  }
}

}  // namespace

// '<' never comes as itself, so that neither </script nor <!-- can be there; U+2028 and U+2029 end a line of JavaScript
// as it was before 2019.
void append_script_text(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&') {
      out.append("\\u00").push_back(hex[c >> 4]);
      out.push_back(hex[c & 15]);
    } else if (text.substr(i, 3) == "\xe2\x80\xa8" || text.substr(i, 3) == "\xe2\x80\xa9") {
      out.append(text[i + 2] == '\xa8' ? "\\u2028" : "\\u2029");
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
}

void EventWriter::begin(std::string& out) const {
  if (format_ == EventFormat::sse) {
    out.append(":").append(padding, ' ').append("\nretry: 1000\n");
  } else {
    out.append("<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>push</title><script nonce=\"")
        .append(nonce_)
        .append("\">")
        .append(frame_functions)
        .append("</script></head><body>\n")
        .append(padding, ' ')
        .append("\n");
  }
  sign(out, Sign::ready);
}

void EventWriter::event(std::string& out, std::uint64_t id, std::string_view document) const {
  if (format_ == EventFormat::sse) {
    out.append("id: ").append(std::to_string(id)).append("\n");
    append_data(out, document);
    out.append("\n");
    return;
  }
  std::string script = "e(" + std::to_string(id) + ",\"";
  append_script_text(script, document);
  call(out, script.append("\")"));
}

// With data, because browsers drop an event that has none.
void EventWriter::sign(std::string& out, Sign sign) const {
  if (format_ == EventFormat::sse) {
    out.append("event: ").append(name_of(sign)).append("\ndata: -\n\n");
  } else {
    call(out, "s(\"" + std::string(name_of(sign)) + "\")");
  }
}

void EventWriter::call(std::string& out, std::string_view script) const {
  out.append("<script nonce=\"").append(nonce_).append("\">").append(script).append("</script>\n");
}

}  // namespace bosh
