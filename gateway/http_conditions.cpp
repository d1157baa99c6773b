#include "gateway/http_conditions.hpp"

#include <array>
#include <charconv>

namespace gateway {

namespace {

std::string_view opaque_part(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  return etag;
}

bool is_weak(std::string_view etag) {
  return etag.starts_with("W/");
}

// If-None-Match compares weakly (RFC 9110 13.1.2).
bool lists(std::string_view field, std::string_view etag) {
  if (field == "*") return true;
  const std::string_view wanted = opaque_part(etag);
  while (!field.empty()) {
    // Commas may stand inside of the quotes, so the list is walked by them.
    const auto open = field.find('"');
    if (open == field.npos) return false;
    const auto close = field.find('"', open + 1);
    if (close == field.npos) return false;
    if (field.substr(open, close - open + 1) == wanted) return true;
    field.remove_prefix(close + 1);
  }
  return false;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

Wanted range_of(std::string_view field, std::uint64_t size) {
  constexpr std::string_view unit = "bytes=";
  if (!field.starts_with(unit)) return WholeFile{};
  field.remove_prefix(unit.size());
  const auto dash = field.find('-');
  if (dash == field.npos || field.find(',') != field.npos) return WholeFile{};
  const std::string_view from = field.substr(0, dash);
  const std::string_view to = field.substr(dash + 1);
  if (from.empty()) {
    const auto last = number(to);
    if (!last) return WholeFile{};
    if (*last == 0 || size == 0) return UnsatisfiableRange{};
    const std::uint64_t length = std::min(*last, size);
    return PartOfFile{size - length, length};
  }
  const auto first = number(from);
  const auto last = to.empty() ? std::optional(size) : number(to);
  if (!first || !last || (!to.empty() && *last < *first)) return WholeFile{};
  if (*first >= size) return UnsatisfiableRange{};
  return PartOfFile{*first, std::min(*last, size - 1) - *first + 1};
}

bool unchanged_since(std::string_view date, std::time_t modified) {
  const auto then = read_http_date(date);
  return then && modified <= *then;
}

bool range_applies(const Conditions& conditions, const Version& version) {
  if (conditions.if_range.empty()) return true;
  if (conditions.if_range.find('"') != std::string::npos) {
    return !is_weak(version.etag) && conditions.if_range == version.etag;
  }
  const auto date = read_http_date(conditions.if_range);
  return date && *date == version.modified;
}

}  // namespace

Wanted wanted_of(const Conditions& conditions, const Version& version) {
  // A date is only looked at where there is no tag (RFC 9110 13.2.2).
  const bool fresh = conditions.if_none_match.empty() ? unchanged_since(conditions.if_modified_since, version.modified)
                                                      : lists(conditions.if_none_match, version.etag);
  if (fresh) return NotModified{};
  if (conditions.range.empty() || !range_applies(conditions, version)) return WholeFile{};
  return range_of(conditions.range, version.size);
}

std::string http_date(std::time_t time) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  const auto size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

std::optional<std::time_t> read_http_date(std::string_view text) {
  constexpr std::size_t longest = 64;
  if (text.empty() || text.size() > longest) return {};
  const std::string terminated(text);
  // The process never leaves the C locale, so names are English. %y alone knows 2069 from 1969 as POSIX has it.
  for (const char* const form : {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    std::tm parts{};
    const char* const end = ::strptime(terminated.c_str(), form, &parts);
    if (end != nullptr && *end == '\0') return ::timegm(&parts);
  }
  return {};
}

}  // namespace gateway
