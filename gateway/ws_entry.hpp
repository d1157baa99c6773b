// From a request for a WebSocket to a session: the handshake, and the first <open/> (PROTOCOL W-001 ... W-004, W-020,
// W-022, W-023, W-028). Holds no state.
#pragma once
#include <variant>

#include "gateway/config.hpp"
#include "gateway/http_connection.hpp"
#include "xmpp/framing.hpp"
#include "xmpp/names.hpp"

namespace gateway {

class Shard;
class WsConnection;

// `request` asks_for_websocket(): the connection becomes a WsConnection, or is told why not. `ticketed`: for a session
// that a back end has begun (ws_ticket.hpp).
void serve_upgrade(Shard& shard, HttpConnection& connection, const Request& request, bool ticketed);

// The first message of a connection: opens its session, or refuses it in the words of XMPP.
void open_session(Shard& shard, WsConnection& connection, const std::variant<xmpp::Framed, xmpp::Fault>& message);

// For who opens a stream `to` somewhere; null: it has been refused.
[[nodiscard]] const Domain* served_domain(Shard& shard, WsConnection& connection, const std::string& to,
                                          xmpp::Framing framing);
// W-022.
void refuse_stream(Shard& shard, WsConnection& connection, xmpp::StreamCondition condition, std::string_view why,
                   xmpp::Framing framing = xmpp::Framing::rfc7395);

}  // namespace gateway
