// The command line: postern [--config FILE] [--check-config] [--print-config] [--version],
// postern check DOMAIN [--user USER].
#pragma once
#include <optional>
#include <string>
#include <variant>

namespace gateway {

struct CommandLine {
  enum class Action { serve, check_config, print_config, check_domain };
  Action action = Action::serve;
  std::string config_file;  // empty: built-in configuration
  std::string domain;       // of check_domain, and who logs in there; a password is never part of the line
  std::optional<std::string> user;
};

// The other alternative: the exit status, when all is said (--help, --version: 0) or the line is wrong (2).
[[nodiscard]] std::variant<CommandLine, int> parse_command_line(int count, const char* const* arguments);

}  // namespace gateway
