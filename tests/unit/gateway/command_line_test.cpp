#include "gateway/command_line.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "gateway/version.hpp"

namespace gateway {
namespace {

std::variant<CommandLine, int> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "postern");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

TEST(CommandLine, Actions) {
  const struct {
    std::vector<const char*> arguments;
    CommandLine::Action action;
    std::string file, domain;
  } table[] = {
      {{}, CommandLine::Action::serve, "", ""},
      {{"--config", "a.toml"}, CommandLine::Action::serve, "a.toml", ""},
      {{"--config=a.toml"}, CommandLine::Action::serve, "a.toml", ""},
      {{"--config", "a.toml", "--check-config"}, CommandLine::Action::check_config, "a.toml", ""},
      {{"--print-config"}, CommandLine::Action::print_config, "", ""},
      {{"check", "example.org"}, CommandLine::Action::check_domain, "", "example.org"},
      {{"check", "example.org", "--config", "a.toml"}, CommandLine::Action::check_domain, "a.toml", "example.org"},
      {{"--config", "a.toml", "check", "example.org"}, CommandLine::Action::check_domain, "a.toml", "example.org"},
  };
  for (const auto& row : table) {
    const auto result = parse(row.arguments);
    const auto* line = std::get_if<CommandLine>(&result);
    ASSERT_NE(line, nullptr);
    EXPECT_EQ(line->action, row.action);
    EXPECT_EQ(line->config_file, row.file);
    EXPECT_EQ(line->domain, row.domain);
  }
}

TEST(CommandLine, VersionAndHelpEndWithZero) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(std::get<int>(parse({"--version"})), 0);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "postern " + std::string(version) + "\n");
  testing::internal::CaptureStdout();
  EXPECT_EQ(std::get<int>(parse({"--help"})), 0);
  EXPECT_NE(testing::internal::GetCapturedStdout().find("--check-config"), std::string::npos);
}

TEST(CommandLine, MistakesEndWithTwo) {
  for (const auto& arguments : std::vector<std::vector<const char*>>{{"--nonsense"},
                                                                     {"nonsense"},
                                                                     {"--config"},
                                                                     {"check"},
                                                                     {"check", "a", "b"},
                                                                     {"--check-config", "--print-config"},
                                                                     {"--check-config", "check", "example.org"}}) {
    testing::internal::CaptureStderr();
    const auto result = parse(arguments);
    EXPECT_NE(testing::internal::GetCapturedStderr(), "");
    ASSERT_TRUE(std::holds_alternative<int>(result));
    EXPECT_EQ(std::get<int>(result), 2);
  }
}

}  // namespace
}  // namespace gateway
