// What a browser keeps of its reader's settings from one login to the next: language, zone, and how often static pages
// reload. One word of letters, digits, '-' and '.', which fits into a cookie. What to show and where to is not in it,
// and nothing about the account. Pure.
#pragma once
#include <string>
#include <string_view>

#include "webclient/iframe_stream.hpp"

namespace webclient {

[[nodiscard]] std::string keep_reader(const Reader& reader);
// Whatever the browser brings: what settings do not offer leaves the reader as it is.
void restore_reader(std::string_view kept, Reader& reader);

}  // namespace webclient
