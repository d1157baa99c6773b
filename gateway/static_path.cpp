#include "gateway/static_path.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "xmpp/ascii.hpp"

namespace gateway {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The character at `at`, which moves to the last one it took. Negative where there is no such encoding.
int decoded(std::string_view text, std::size_t& at) {
  if (text[at] != '%') return static_cast<unsigned char>(text[at]);
  if (at + 2 >= text.size()) return -1;
  const int high = hex_digit(text[at + 1]);
  const int low = hex_digit(text[at + 2]);
  if (high < 0 || low < 0) return -1;
  at += 2;
  const int value = high * 16 + low;
  return value == '/' ? -1 : value;
}

constexpr std::array<std::pair<std::string_view, FileType>, 37> types{{
    {"html", {"text/html; charset=utf-8", true}},
    {"htm", {"text/html; charset=utf-8", true}},
    {"xhtml", {"application/xhtml+xml; charset=utf-8", true}},
    {"js", {"text/javascript; charset=utf-8", true}},
    {"mjs", {"text/javascript; charset=utf-8", true}},
    {"css", {"text/css; charset=utf-8", true}},
    {"json", {"application/json", true}},
    {"map", {"application/json", true}},
    {"webmanifest", {"application/manifest+json", true}},
    {"xml", {"text/xml; charset=utf-8", true}},
    {"xsl", {"text/xml; charset=utf-8", true}},
    {"txt", {"text/plain; charset=utf-8", true}},
    {"md", {"text/markdown; charset=utf-8", true}},
    {"csv", {"text/csv; charset=utf-8", true}},
    {"svg", {"image/svg+xml", true}},
    {"wasm", {"application/wasm", true}},
    {"ico", {"image/vnd.microsoft.icon", true}},
    {"ttf", {"font/ttf", true}},
    {"otf", {"font/otf", true}},
    {"eot", {"application/vnd.ms-fontobject", true}},
    {"woff", {"font/woff"}},
    {"woff2", {"font/woff2"}},
    {"png", {"image/png"}},
    {"jpg", {"image/jpeg"}},
    {"jpeg", {"image/jpeg"}},
    {"gif", {"image/gif"}},
    {"webp", {"image/webp"}},
    {"avif", {"image/avif"}},
    {"mp3", {"audio/mpeg"}},
    {"ogg", {"audio/ogg"}},
    {"oga", {"audio/ogg"}},
    {"opus", {"audio/ogg"}},
    {"wav", {"audio/wav"}},
    {"m4a", {"audio/mp4"}},
    {"mp4", {"video/mp4"}},
    {"webm", {"video/webm"}},
    {"pdf", {"application/pdf"}},
}};

}  // namespace

std::optional<std::string> file_name_of(std::string_view path) {
  std::string name;
  bool segment_begins = true;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '/') {
      if (segment_begins) return {};
      segment_begins = true;
      name += '/';
      continue;
    }
    const int c = decoded(path, i);
    if (c < 0x20 || c == 0x7f || c == '\\' || (segment_begins && c == '.')) return {};
    segment_begins = false;
    name += static_cast<char>(c);
  }
  return name;
}

FileType file_type_of(std::string_view name) {
  const auto dot = name.rfind('.');
  const std::string ending = xmpp::lowered(dot == name.npos ? std::string_view{} : name.substr(dot + 1));
  const auto* const found =
      std::find_if(types.begin(), types.end(), [&](const auto& type) { return type.first == ending; });
  return found == types.end() ? FileType{"application/octet-stream", false} : found->second;
}

}  // namespace gateway
