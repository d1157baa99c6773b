// The one-time tickets of prebind at the door of WebSocket (PROTOCOL E-51; docs/OPERATIONS.md, "Sessions that a site
// begins"): from the first message of a connection to the session that waits for it, which may live in another shard.
// Holds no state.
#pragma once
#include <variant>

#include "gateway/sid.hpp"
#include "xmpp/framing.hpp"

namespace gateway {

class Shard;
class WsConnection;

// A message of a connection that has a door() and no session yet.
void serve_at_door(Shard& shard, WsConnection& connection, const std::variant<xmpp::Framed, xmpp::Fault>& message);

// The connection has shown the ticket of this session, whose home is this shard.
void attach_session(Shard& shard, WsConnection& connection, const Sid& sid);

}  // namespace gateway
