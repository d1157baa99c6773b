// From a request to who answers it: the paths, the methods, and what a BOSH request needs before a session sees it
// (PROTOCOL H-004...H-020, B-020...B-030, B-170, B-201, D-001...D-005, W-002, V-002). Holds no state of a request or
// session.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config.hpp"
#include "gateway/cors.hpp"
#include "gateway/host_meta.hpp"
#include "gateway/http_connection.hpp"
#include "gateway/static_files.hpp"

namespace gateway {

class Shard;

class Routes {
 public:
  // `config` must outlive this.
  explicit Routes(const Config& config);

  // Answers now, or later through the session.
  void serve(Shard& shard, HttpConnection& connection, const Request& request) const;
  // What could not be read to its end.
  void refuse(Shard& shard, HttpConnection& connection, const Request& request, Refusal refusal) const;

  [[nodiscard]] const Cors& cors() const { return cors_; }
  // Whoever serves a POST to this target reads its body by himself (see StreamedBody).
  [[nodiscard]] bool streams_body(std::string_view target) const;

 private:
  // A path may be for both BOSH and WebSocket: only who asks for an upgrade wants the second.
  enum class Endpoint : std::uint8_t {
    none,
    bosh,
    poll,
    websocket,
    ticket,  // WebSocket for sessions that a back end has begun
    web,
    host_meta,
    host_meta_json,
    healthz,
    readyz,
    prebind
  };

  [[nodiscard]] Endpoint find(const RequestHead& head, bool private_listener) const;
  void serve_host_meta(HttpConnection& connection, const Request& request, bool json) const;

  std::vector<std::string> bosh_paths_, websocket_paths_, poll_paths_;
  bool web_ = false;  // everything else is the chat without scripts
  bool prebind_ = false;
  Cors cors_;
  HostMeta host_meta_;
  StaticFiles static_files_;
};

}  // namespace gateway
