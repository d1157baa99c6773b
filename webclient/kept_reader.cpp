#include "webclient/kept_reader.hpp"

#include <algorithm>
#include <charconv>

#include "webclient/pages.hpp"

namespace webclient {

namespace {

std::string_view next_part(std::string_view& text) {
  const auto end = std::min(text.find('.'), text.size());
  const auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string keep_reader(const Reader& reader) {
  std::string out(reader.texts->tag());
  out.append(".").append(std::to_string(reader.zone_minutes)).append(".").append(std::to_string(reader.reload_seconds));
  return out;
}

void restore_reader(std::string_view kept, Reader& reader) {
  const auto tag = next_part(kept);
  int zone = 0;
  std::uint32_t seconds = 0;
  if (!read_number(next_part(kept), zone) || !is_offered_zone(zone) || !read_number(kept, seconds) ||
      !is_offered_reload(seconds)) {
    return;
  }
  const Catalogue& texts = catalogue(tag);
  if (texts.tag() != tag) return;
  reader.texts = &texts;
  reader.zone_minutes = zone;
  reader.reload_seconds = seconds;
}

}  // namespace webclient
