// What must hold between options, and the values that follow from others. Knows nothing of TOML: where a value stands
// in the file is asked from the caller. Internal to the config_*.cpp files, but for reading a host and its port.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/config.hpp"

namespace gateway::rules {

// "FILE:LINE: " of an option of the table at hand, or of the table where the option is not given.
using Place = std::function<std::string(std::string_view option)>;

struct HostPort {
  std::string host;  // IPv6 without brackets
  std::optional<std::uint16_t> port;
};
// "host", "host:port", "192.0.2.1:5222", "[::1]:5222"; no bare IPv6, which could not be told from a port.
[[nodiscard]] std::optional<HostPort> parse_host_port(std::string_view text);
[[nodiscard]] std::string host_port(std::string_view host, std::uint16_t port);

// One for each core, but no more than a session id can name.
[[nodiscard]] std::uint32_t threads_for(std::uint32_t cores);

void finish(ServerConfig& server, const Place& place);
void finish(Listen& listen, const Place& place);
void finish(Domain& domain, const LimitsConfig& limits, const Place& place);
void finish(bosh::Policy& policy, const Place& place);
void finish(WebSocketConfig& websocket, const Place& place);
void finish(LimitsConfig& limits, const Place& place);
void finish(CorsConfig& cors, const Place& place);
void finish(PathsConfig& paths, const Place& place);
void finish(PrebindConfig& prebind, const Place& place);
// Of all that is read by then: what would never be reached.
void check_shadowed_paths(const Config& config, const Place& place);
// `config`: with all that is read already, the paths and earlier trees among it.
void finish(StaticTree& tree, const Config& config, const Place& place);

// One name or address twice; places are those of the tables, in their order.
void check_listeners(std::vector<Listen>& listeners, const std::vector<Place>& places, const ServerConfig& server);
void check_prebind(const Config& config, const Place& place);
void check_domains(const std::vector<Domain>& domains, const std::vector<Place>& places, const ServerConfig& server,
                   const Place& server_place);

}  // namespace gateway::rules
