// The version of the gateway: `--version`, the page of an endpoint, the log.
#pragma once
#include <string_view>

namespace gateway {

inline constexpr std::string_view version = POSTERN_VERSION;

}  // namespace gateway
