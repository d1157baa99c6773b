// The way of a polling request (XEP-0025; PROTOCOL P-001...P-021) from its bytes to its session: the session by id, or
// the creation of one, whose domain stands in the first header of the client's stream.
#pragma once
#include "gateway/http_connection.hpp"

namespace gateway {

class Shard;

void serve_poll(Shard& shard, HttpConnection& connection, const Request& request);

}  // namespace gateway
