#include "xmpp/features.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

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
std::optional<std::string> limits_element(const RawElement& element, const Filter& ours) {
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

bool is_management(const RawElement& feature) {
  return feature.local == "sm" && (feature.uri == ns::management_2 || feature.uri == ns::management_3);
}

struct Edit {
  std::string_view old;  // within the features
  std::string by;
};

// SASL2 offers it twice over: <authentication><inline><sm/> to resume, and <inline><bind><inline><feature/> to enable.
// Only what declares its own namespace is found, as servers write it.
void hide_inline(const RawElement& element, std::vector<Edit>& edits) {
  const auto children = read_children(element.bytes);
  if (!children) return;
  for (const auto& child : children->list) {
    const bool of_bind = child.local == "feature" && child.bytes.find(ns::management_3) != std::string_view::npos;
    if (is_management(child) || of_bind) {
      edits.push_back({child.bytes, {}});
    } else if (child.local == "inline" || child.uri == ns::bind_2) {
      hide_inline(child, edits);
    }
  }
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

std::optional<std::string> filter_features(std::string_view features, const Filter& filter) {
  const auto children = read_children(features);
  if (!children) return std::nullopt;
  std::vector<Edit> edits;
  for (const auto& feature : children->list) {
    if (is_tls(feature) || is_compression(feature) || (filter.hide_management && is_management(feature))) {
      edits.push_back({feature.bytes, {}});
    } else if (feature.uri == ns::limits && feature.local == "limits") {
      if (auto element = limits_element(feature, filter)) edits.push_back({feature.bytes, std::move(*element)});
    } else if (filter.hide_management && feature.uri == ns::sasl2 && feature.local == "authentication") {
      hide_inline(feature, edits);
    }
  }
  if (edits.empty()) return std::nullopt;
  std::string out;
  std::size_t done = 0;  // what lies before is in `out` or left out
  for (const Edit& edit : edits) {
    const auto at = static_cast<std::size_t>(edit.old.data() - features.data());
    out.append(features, done, at - done).append(edit.by);
    done = at + edit.old.size();
  }
  out.append(features, done);
  return out;
}

}  // namespace xmpp
