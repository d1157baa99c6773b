// JSON as far as buddy speaks it: one flat object of strings a line in, one object of strings and string lists a line
// out. Deliberately not a JSON library: no numbers, no nesting on input.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace buddy {

using Command = std::map<std::string, std::string>;

// {"do":"message","to":"..."}; nothing if the line is anything else.
[[nodiscard]] std::optional<Command> read_command(std::string_view line);

// Builds one line of output.
class Line {
 public:
  explicit Line(std::string_view event) { add("event", event); }
  Line& add(std::string_view name, std::string_view value);
  // Leaves the member out when there is no value.
  Line& add(std::string_view name, const char* value);
  Line& add_raw(std::string_view name, std::string_view json);
  [[nodiscard]] std::string text() const { return text_ + "}\n"; }

 private:
  std::string text_;
};

[[nodiscard]] std::string quoted(std::string_view text);
[[nodiscard]] std::string list_of(const std::vector<std::string>& json_values);

}  // namespace buddy
