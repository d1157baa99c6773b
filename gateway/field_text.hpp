// The value of a header field, taken apart as HTTP writes lists (RFC 9110 5.6): items between separators, blanks around
// them, names that are the same in large and small letters. It knows no quoted strings: what may hold those (Forwarded,
// multipart) has a reader of its own. Pure; any thread.
#pragma once
#include <string_view>

namespace gateway {

// Without the blanks and tabs at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);
// The first item, trimmed; it and its separator are taken off the list.
std::string_view next_item(std::string_view& list, char separator);
// Whether two names or tokens are the same but for the case of ASCII letters. Not Beast's iequals: that one reads the
// byte behind both where their last letters differ in case (Boost 1.81).
[[nodiscard]] bool same_ignoring_case(std::string_view a, std::string_view b);

}  // namespace gateway
