// Letters of ASCII without their case, for names that a protocol compares so: domains, header fields, media types.
// Other bytes stay as they are; this is not Unicode's case folding. Pure functions.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>

namespace xmpp {

[[nodiscard]] constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] inline std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

// Not Beast's iequals: that one reads the byte behind both where their last letters differ in case (Boost 1.81).
[[nodiscard]] inline bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace xmpp
