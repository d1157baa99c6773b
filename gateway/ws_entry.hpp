// From a request for a WebSocket to a session: the handshake, and the first <open/> (PROTOCOL W-001 ... W-004, W-020,
// W-022, W-023, W-028). Holds no state.
#pragma once
#include <variant>

#include "gateway/http_connection.hpp"
#include "xmpp/framing.hpp"

namespace gateway {

class Shard;
class WsConnection;

// `request` asks_for_websocket(): the connection becomes a WsConnection, or is told why not.
void serve_upgrade(Shard& shard, HttpConnection& connection, const Request& request);

// The first message of a connection: opens its session, or refuses it in the words of XMPP.
void open_session(Shard& shard, WsConnection& connection, const std::variant<xmpp::Framed, xmpp::Fault>& message);

}  // namespace gateway
