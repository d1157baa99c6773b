// A configuration file in ASCII, which is what toml++ 3.3 can be given safely: it declares several other characters
// impossible to the compiler where it looks for blanks (is_non_ascii_horizontal_whitespace), so what comes of an "ü"
// there is undefined. What stands in comments and in double quotes is written with TOML's escapes and means the same.
// Not a TOML parser: what is no TOML is still none behind it. Pure; any thread.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace gateway {

struct AsciiToml {
  std::string text;            // the same lines
  std::size_t fault_line = 0;  // from 1: of a character that cannot be escaped there; 0: none, `text` is whole
  std::string_view fault;      // what is wrong with it, and what to do; for people. Static storage
};

[[nodiscard]] AsciiToml ascii_toml(std::string_view text);

}  // namespace gateway
