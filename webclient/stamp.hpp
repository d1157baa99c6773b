// Times on the wire (XEP-0082): UTC to the second. Pure functions.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "webclient/chat_model.hpp"

namespace webclient {

// 2026-03-21T14:05:09Z, with fractions and offsets; the legacy form 20260321T14:05:09 as well.
[[nodiscard]] std::optional<WallTime> read_stamp(std::string_view text);
[[nodiscard]] std::string write_stamp(WallTime when);

}  // namespace webclient
