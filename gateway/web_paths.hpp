// The paths of the chat without scripts, by what they begin with: "/app/c7" is of "app". Elsewhere below "/" it has
// nothing, so that files and ways in have room.
#pragma once
#include <algorithm>
#include <array>
#include <string_view>

namespace gateway {

// Of readers who are logged in.
inline constexpr std::array<std::string_view, 10> reader_pages = {"compose", "contact", "file",     "logout", "plain",
                                                                  "private", "room",    "settings", "stream", "upload"};
// Of everybody; "s" is for those whose session the path names.
inline constexpr std::array<std::string_view, 4> open_pages = {"app", "assets", "login", "s"};

// `path` without a slash at its end, but for "/", which is one of them.
[[nodiscard]] constexpr bool is_web_path(std::string_view path) {
  const std::string_view first = path.substr(1, path.find('/', 1) - 1);
  const auto has = [first](const auto& pages) { return std::find(pages.begin(), pages.end(), first) != pages.end(); };
  return path == "/" || has(reader_pages) || has(open_pages);
}

}  // namespace gateway
