#include "xmpp/features.hpp"

#include <algorithm>
#include <charconv>

#include "xmpp/names.hpp"
#include "xmpp/raw_element.hpp"

namespace xmpp {
namespace {

bool is_tls(const RawElement& feature) {
  return feature.uri == ns::tls && feature.local == "starttls";
}
bool is_compression(const RawElement& feature) {
  return feature.uri == ns::compress_feature && feature.local == "compression";
}

// Nothing where there is no number: then there is no limit either.
std::optional<std::uint64_t> number_in(const RawElement& element) {
  auto text = text_of(element.content).value_or(std::string());
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return std::nullopt;
  const auto end = text.find_last_not_of(" \t\r\n") + 1;
  std::uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data() + begin, text.data() + end, value);
  if (error != std::errc() || rest != text.data() + end) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> smaller(std::optional<std::uint64_t> theirs, std::uint64_t ours) {
  if (ours == 0) return theirs;
  return std::min(theirs.value_or(ours), ours);
}

void append_limit(std::string& out, std::string_view name, std::optional<std::uint64_t> value) {
  if (!value) return;
  out.append("<").append(name).append(">").append(std::to_string(*value)).append("</").append(name).append(">");
}

// Nothing if the server's limits are the smaller ones already.
std::optional<std::string> limits_element(const RawElement& element, const OwnLimits& ours) {
  std::optional<std::uint64_t> max_bytes, idle_seconds;
  const auto children = read_children(element.bytes);
  if (!children) return std::nullopt;
  for (const auto& child : children->list) {
    if (child.local == "max-bytes") max_bytes = number_in(child);
    if (child.local == "idle-seconds") idle_seconds = number_in(child);
  }
  const auto bytes = smaller(max_bytes, ours.max_bytes), idle = smaller(idle_seconds, ours.idle_seconds);
  if (bytes == max_bytes && idle == idle_seconds) return std::nullopt;
  std::string out = "<limits xmlns='urn:xmpp:stream-limits:0'>";
  append_limit(out, "max-bytes", bytes);
  append_limit(out, "idle-seconds", idle);
  out += "</limits>";
  return out;
}

}  // namespace

bool offers_tls(std::string_view features) {
  const auto children = read_children(features);
  return children && std::any_of(children->list.begin(), children->list.end(), is_tls);
}

bool requires_tls(std::string_view features) {
  const auto children = read_children(features);
  if (!children) return false;
  const auto tls = std::find_if(children->list.begin(), children->list.end(), is_tls);
  if (tls == children->list.end()) return false;
  const auto inside = read_children(tls->bytes);
  return inside && std::any_of(inside->list.begin(), inside->list.end(),
                               [](const RawElement& element) { return element.local == "required"; });
}

std::optional<std::string> filter_features(std::string_view features, const OwnLimits& limits) {
  const auto children = read_children(features);
  if (!children) return std::nullopt;
  std::string out;
  std::size_t done = 0;  // what lies before is in `out` or left out
  bool changed = false;
  const auto replace = [&](const RawElement& feature, std::string_view by) {
    const auto at = static_cast<std::size_t>(feature.bytes.data() - features.data());
    out.append(features, done, at - done).append(by);
    done = at + feature.bytes.size();
    changed = true;
  };
  for (const auto& feature : children->list) {
    if (is_tls(feature) || is_compression(feature)) {
      replace(feature, {});
    } else if (feature.uri == ns::limits && feature.local == "limits") {
      if (const auto element = limits_element(feature, limits)) replace(feature, *element);
    }
  }
  if (!changed) return std::nullopt;
  out.append(features, done);
  return out;
}

}  // namespace xmpp
