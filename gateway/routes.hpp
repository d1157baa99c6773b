// From a request to who answers it: the paths, the methods, and what a BOSH request needs before a session sees it
// (PROTOCOL H-004...H-020, B-020...B-030, B-170, B-201, W-002). Holds no state of a request or session.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config.hpp"
#include "gateway/cors.hpp"
#include "gateway/http_connection.hpp"

namespace gateway {

class Shard;

class Routes {
 public:
  explicit Routes(const Config& config);

  // Answers now, or later through the session.
  void serve(Shard& shard, HttpConnection& connection, const Request& request) const;
  // What could not be read to its end.
  void refuse(Shard& shard, HttpConnection& connection, const Request& request, Refusal refusal) const;

  [[nodiscard]] const Cors& cors() const { return cors_; }
  [[nodiscard]] StreamedBody streamed_body() const;

 private:
  // A path may be for both: only who asks for an upgrade wants the second.
  enum class Endpoint : std::uint8_t { none, bosh, websocket, web, healthz, readyz };

  [[nodiscard]] Endpoint find(const RequestHead& head, bool private_listener) const;

  std::vector<std::string> bosh_paths_, websocket_paths_;
  bool web_ = false;  // everything else is the chat without scripts
  Cors cors_;
};

}  // namespace gateway
