#include "gateway/ws_handshake.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>

#include "gateway/encoding.hpp"
#include "gateway/field_text.hpp"
#include "xmpp/ascii.hpp"

namespace gateway {

namespace {

using xmpp::same_ignoring_case;

template <typename Same>
bool lists(std::string_view list, std::string_view wanted, Same same) {
  while (!list.empty()) {
    if (same(next_item(list, ','), wanted)) return true;
  }
  return false;
}

// 16 bytes in base64.
bool is_key(std::string_view key) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr std::size_t digits = 22;
  return key.size() == digits + 2 && key.substr(digits) == "==" &&
         key.substr(0, digits).find_first_not_of(alphabet) == std::string_view::npos;
}

// We keep no window between messages and ask the same of the client, so every offer fits that asks for nothing else.
// A smaller window towards the client would need a compressor of its own, and who names the usual one must have it
// named in the answer (RFC 7692 7.1.2.1): neither is taken.
bool fits(std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view value = next_item(parameters, ';');
    const std::string_view name = next_item(value, '=');
    const bool flag = same_ignoring_case(name, "server_no_context_takeover") ||
                      same_ignoring_case(name, "client_no_context_takeover");
    if (flag && value.empty()) continue;
    if (same_ignoring_case(name, "client_max_window_bits")) continue;
    return false;
  }
  return true;
}

bool allowed(std::string_view origin, const WebSocketConfig& config) {
  if (origin.empty()) return true;  // not a browser: it could claim any
  return std::any_of(config.origins.begin(), config.origins.end(),
                     [origin](const std::string& known) { return known == "*" || known == origin; });
}

}  // namespace

bool asks_for_websocket(const RequestHead& head) {
  return head.method == Method::get && !head.http10 && head.upgrade && head.upgrade->asked &&
         lists(head.upgrade->to, "websocket", [](auto a, auto b) { return same_ignoring_case(a, b); });
}

std::variant<WsHandshake, HandshakeRefusal> answer_handshake(const RequestHead& head, const WebSocketConfig& config) {
  const UpgradeFields& fields = *head.upgrade;
  if (fields.version != "13") {
    return HandshakeRefusal{426, "Only version 13 of WebSocket is spoken here.\n",
                            "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n"};
  }
  if (!is_key(fields.key)) return HandshakeRefusal{400, "Sec-WebSocket-Key is not 16 bytes in base64.\n", {}};
  if (!lists(fields.protocols, "xmpp", [](auto a, auto b) { return a == b; })) {
    return HandshakeRefusal{400, "The subprotocol xmpp is needed (RFC 7395).\n", {}};
  }
  if (!allowed(head.origin, config)) return HandshakeRefusal{403, "This origin may not open a WebSocket here.\n", {}};
  WsHandshake handshake;
  handshake.deflate = config.compression && offers_deflate(fields.extensions);
  handshake.response =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
      accept_key(fields.key) + "\r\nSec-WebSocket-Protocol: xmpp\r\n";
  if (handshake.deflate) {
    handshake.response +=
        "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n";
  }
  handshake.response += "\r\n";
  return handshake;
}

std::string accept_key(std::string_view key) {
  const std::string joined = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(joined.data(), joined.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
    throw std::runtime_error("no SHA-1");
  }
  return base64(std::span(digest).first(size));
}

bool offers_deflate(std::string_view extensions) {
  while (!extensions.empty()) {
    std::string_view offer = next_item(extensions, ',');
    if (same_ignoring_case(next_item(offer, ';'), "permessage-deflate") && fits(offer)) return true;
  }
  return false;
}

}  // namespace gateway
