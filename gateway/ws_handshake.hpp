// The HTTP side of RFC 6455 and RFC 7395 3.1: which request becomes a WebSocket, under which subprotocol and extension,
// and what is answered (PROTOCOL W-001 ... W-004). Pure functions of the request and the configuration.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "gateway/config.hpp"
#include "gateway/request_parser.hpp"

namespace gateway {

struct WsHandshake {
  std::string response;  // all of it, up to the empty line
  bool deflate = false;  // permessage-deflate without context takeover on either side
};

struct HandshakeRefusal {
  std::uint16_t status;
  std::string_view text;    // for the client and the log
  std::string_view fields;  // further header fields, each ending in CRLF
};

// The request asks for a WebSocket at all; anything else gets the page that a browser sees.
[[nodiscard]] bool asks_for_websocket(const RequestHead& head);

[[nodiscard]] std::variant<WsHandshake, HandshakeRefusal> answer_handshake(const RequestHead& head,
                                                                           const WebSocketConfig& config);

// RFC 6455 4.2.2 (5.4).
[[nodiscard]] std::string accept_key(std::string_view key);

// Whether one of the offers of permessage-deflate can be taken (RFC 7692 7).
[[nodiscard]] bool offers_deflate(std::string_view extensions);

}  // namespace gateway
