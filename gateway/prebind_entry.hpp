// Sessions that a site's back end begins for its user, on the private listener (PROTOCOL E-51, Q-61; docs/OPERATIONS.md
// "Sessions that a site begins"): who may ask, how often, for whom; then the login as any other session's. A session of
// BOSH is handed over by {jid, sid, rid}, one of WebSocket or of the chat without scripts by a one-time ticket.
#pragma once
#include "gateway/http_connection.hpp"

namespace gateway {

class Shard;

void serve_prebind(Shard& shard, HttpConnection& connection, const Request& request);

}  // namespace gateway
