#include "gateway/command_line.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "gateway/version.hpp"

namespace gateway {

std::variant<CommandLine, int> parse_command_line(int count, const char* const* arguments) {
  CommandLine line;
  bool check_config = false;
  bool print_config = false;

  CLI::App app(
      "A gateway between web browsers and an XMPP server: BOSH, WebSocket, polling, and a chat without scripts.",
      "postern");
  app.set_version_flag("--version", "postern " + std::string(version));
  const auto add_config = [&](CLI::App& to) {
    to.add_option("--config", line.config_file, "configuration file; without one: 127.0.0.1:5280 for localhost")
        ->type_name("FILE");
  };
  add_config(app);
  auto* const check =
      app.add_flag("--check-config", check_config, "read the configuration, say what is wrong, and end");
  app.add_flag("--print-config", print_config, "print the configuration in effect, and end")->excludes(check);

  CLI::App* const domain = app.add_subcommand("check", "walk the way to the XMPP server of a domain, and report");
  domain->add_option("DOMAIN", line.domain, "the domain that clients put into `to`")->required();
  domain->add_option("--user", line.user, "log in as well; the password is a line of standard input, or asked for")
      ->type_name("USER");
  add_config(*domain);

  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    // CLI11's own numbers for wrong lines differ by kind; 2 is what every wrong start of postern ends with.
    return app.exit(error, std::cout, std::cerr) == 0 ? 0 : 2;
  }
  if (domain->parsed()) {
    if (check_config || print_config) {
      std::cerr << "postern: check goes together with neither --check-config nor --print-config\n";
      return 2;
    }
    line.action = CommandLine::Action::check_domain;
  } else if (check_config) {
    line.action = CommandLine::Action::check_config;
  } else if (print_config) {
    line.action = CommandLine::Action::print_config;
  }
  return line;
}

}  // namespace gateway
