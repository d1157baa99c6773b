// The chat without scripts, from a request to its answer: which page, whose session, may it. Holds no state. What it
// asks of a session goes through the WebEngine; what pages look like is webclient's (PROTOCOL Z-001...Z-010).
#pragma once
#include "gateway/http_connection.hpp"

namespace gateway {

class Shard;

void serve_web(Shard& shard, HttpConnection& connection, const Request& request);

}  // namespace gateway
