// The files of templates/, assets/ and texts/ as they were at build time. The table is made by cmake/embed.cmake.
#pragma once
#include <span>
#include <string_view>

namespace webclient {

struct EmbeddedFile {
  std::string_view name;  // "templates/login.mustache"
  std::string_view content;
};

[[nodiscard]] std::span<const EmbeddedFile> embedded_files();

// Empty when there is no such file.
[[nodiscard]] inline std::string_view embedded(std::string_view name) {
  for (const auto& file : embedded_files()) {
    if (file.name == name) return file.content;
  }
  return {};
}

}  // namespace webclient
