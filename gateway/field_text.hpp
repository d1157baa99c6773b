// The value of a header field, taken apart as HTTP writes lists (RFC 9110 5.6): items between separators, blanks around
// them. Names and tokens are compared by xmpp/ascii. It knows no quoted strings: what may hold those (Forwarded,
// multipart) has a reader of its own. Pure; any thread.
#pragma once
#include <string_view>

namespace gateway {

// Without the blanks and tabs at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);
// The first item, trimmed; it and its separator are taken off the list.
std::string_view next_item(std::string_view& list, char separator);

}  // namespace gateway
