// postern: wiring, visible on one screen. Configuration, log, shards, signals; nothing else.
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "gateway/check.hpp"
#include "gateway/command_line.hpp"
#include "gateway/config.hpp"
#include "gateway/log.hpp"
#include "gateway/password_input.hpp"
#include "gateway/process.hpp"
#include "gateway/setup.hpp"
#include "gateway/shard_set.hpp"
#include "gateway/version.hpp"

namespace {

using namespace gateway;

constexpr int exit_failed = 1;  // another try may do better
constexpr int exit_usage = 2;

Config configuration(const std::string& file) {
  return file.empty() ? default_config() : load_config(file);
}

int check(const CommandLine& line) {
  ignore_broken_pipes();
  std::optional<CheckUser> user;
  if (line.user) {
    user = {*line.user, [&] { return read_password(STDIN_FILENO, "Password of " + *line.user + ": "); }};
  }
  return check_domain(configuration(line.config_file), line.domain, user, std::cout);
}

void reload(ShardSet& shards, const std::string& file) {
  try {
    auto setup = std::make_shared<const Setup>(configuration(file));
    const LogLevel level = setup->config.server.log_level;
    shards.reload(std::move(setup));
    set_log_level(level);
    spdlog::info("configuration loaded anew");
  } catch (const std::exception& error) {
    spdlog::error("configuration not loaded, the old one stays: {}", error.what());
  }
}

int serve(const std::string& file) {
  // First of all: until it is handled here, SIGHUP ends a process.
  boost::asio::io_context io;
  boost::asio::signal_set signals(io, SIGTERM, SIGINT, SIGHUP);
  auto setup = std::make_shared<const Setup>(configuration(file));
  start_log(setup->config.server.log_level);
  ignore_broken_pipes();
  give_back_large_blocks();
  raise_descriptor_limit();
  ShardSet shards(std::move(setup));
  shards.start();
  spdlog::info("postern {} with {} threads", version, shards.count());
  for (const auto& url : shards.urls()) spdlog::info("listening {}", url);

  bool draining = false;
  std::function<void()> wait_for_signal = [&] {
    signals.async_wait([&](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (signal == SIGHUP) {
        reload(shards, file);
      } else if (draining) {
        return io.stop();  // asked twice: now
      } else {
        draining = true;
        spdlog::info("ending all sessions");
        shards.drain([&io] { io.stop(); });
      }
      wait_for_signal();
    });
  };
  wait_for_signal();
  io.run();
  spdlog::info("stopped");
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  open_standard_descriptors();
  try {
    const auto parsed = parse_command_line(count, arguments);
    if (const int* status = std::get_if<int>(&parsed)) return *status;
    const auto& line = std::get<CommandLine>(parsed);
    switch (line.action) {
      case CommandLine::Action::check_config:
        (void)Setup(configuration(line.config_file));
        return 0;
      case CommandLine::Action::print_config:
        std::cout << print_config(configuration(line.config_file));
        return 0;
      case CommandLine::Action::check_domain:
        return check(line);
      case CommandLine::Action::serve:
        return serve(line.config_file);
    }
  } catch (const CannotListen& error) {
    std::fprintf(stderr, "postern: %s\n", error.what());
    return exit_failed;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "postern: %s\n", error.what());
  }
  return exit_usage;
}
