// The handshake of RFC 6455 4.2 and RFC 7395 3.1 as a table: PROTOCOL W-001 ... W-004; and messages of RFC 7692.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <variant>

#include "gateway/compression.hpp"
#include "gateway/request_parser.hpp"
#include "gateway/ws_handshake.hpp"

namespace gateway {
namespace {

const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const std::string upgrade = "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
const std::string usual = upgrade + key + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n";

RequestHead head_of(const std::string& fields, const std::string& line = "GET /ws HTTP/1.1") {
  RequestParser parser(16 * 1024, 1024);
  boost::system::error_code error;
  parser.parse(line + "\r\n" + fields + "\r\n", error);
  EXPECT_FALSE(error) << error.message();
  return parser.head();
}

// "page" for what is no WebSocket, else the status; with what was agreed on.
std::string answer(const std::string& fields, const WebSocketConfig& config = {},
                   const std::string& line = "GET /ws HTTP/1.1") {
  const RequestHead head = head_of(fields, line);
  if (!asks_for_websocket(head)) return "page";
  const auto answered = answer_handshake(head, config);
  if (const auto* refusal = std::get_if<HandshakeRefusal>(&answered)) return std::to_string(refusal->status);
  return std::get<WsHandshake>(answered).deflate ? "101 deflate" : "101";
}

TEST(WsHandshake, W001W002Table) {
  struct Case {
    const char* what;
    std::string fields, expected;
  };
  const Case cases[] = {
      {"as browsers do", usual, "101"},
      {"any case",
       "Host: h\r\nUPGRADE: WebSocket\r\nconnection: keep-alive, UPGRADE\r\n" + key +
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n",
       "101"},
      {"several subprotocols",
       upgrade + key + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat,  xmpp ,x\r\n", "101"},
      {"in two fields",
       upgrade + key +
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n"
           "Sec-WebSocket-Protocol: xmpp\r\n",
       "101"},
      {"subprotocols differ by case", upgrade + key + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: XMPP\r\n",
       "400"},
      {"another subprotocol", upgrade + key + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpps\r\n", "400"},
      {"no subprotocol", upgrade + key + "Sec-WebSocket-Version: 13\r\n", "400"},
      {"another version", upgrade + key + "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Protocol: xmpp\r\n", "426"},
      {"no version", upgrade + key + "Sec-WebSocket-Protocol: xmpp\r\n", "426"},
      {"no key", upgrade + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n", "400"},
      {"a short key",
       upgrade + "Sec-WebSocket-Key: abc=\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Protocol: xmpp\r\n",
       "400"},
      {"two keys", usual + key, "400"},
      {"Upgrade alone", "Host: h\r\nUpgrade: websocket\r\n" + key, "page"},
      {"Connection alone", "Host: h\r\nConnection: Upgrade\r\n" + key, "page"},
      {"another protocol", "Host: h\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" + key, "page"},
      {"a plain GET", "Host: h\r\n", "page"},
  };
  for (const auto& c : cases) EXPECT_EQ(answer(c.fields), c.expected) << c.what;
  EXPECT_EQ(answer(usual, {}, "POST /ws HTTP/1.1"), "page");
  EXPECT_EQ(answer(usual, {}, "GET /ws HTTP/1.0"), "page");
}

TEST(WsHandshake, W001TheAnswerOfTheRfc) {
  EXPECT_EQ(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  const auto answered = answer_handshake(head_of(usual), {});
  EXPECT_EQ(std::get<WsHandshake>(answered).response,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n");
}

TEST(WsHandshake, W003Origin) {
  WebSocketConfig config;
  const std::string origin = "Origin: https://chat.example.org\r\n";
  EXPECT_EQ(answer(usual + origin, config), "101");
  config.origins = {"https://chat.example.org"};
  EXPECT_EQ(answer(usual + origin, config), "101");
  EXPECT_EQ(answer(usual + "Origin: https://evil.example\r\n", config), "403");
  EXPECT_EQ(answer(usual + "Origin: null\r\n", config), "403");
  EXPECT_EQ(answer(usual, config), "101") << "no browser, or it would have said so";
}

TEST(WsHandshake, W004OffersOfDeflate) {
  struct Case {
    std::string_view offer;
    bool taken;
  };
  for (const auto& [offer, taken] : {
           Case{"permessage-deflate", true},
           Case{"permessage-deflate; client_max_window_bits", true},
           Case{"permessage-deflate; client_max_window_bits=10; server_no_context_takeover", true},
           Case{"permessage-deflate; server_max_window_bits=15", false},
           Case{"permessage-deflate; server_max_window_bits=15, permessage-deflate", true},
           Case{"permessage-deflate; server_max_window_bits=10", false},
           Case{"permessage-deflate; server_max_window_bits=10, permessage-deflate", true},
           Case{"permessage-deflate; server_no_context_takeover=1", false},
           Case{"permessage-deflate; something_else", false},
           Case{"permessage-bzip2", false},
           Case{"x-webkit-deflate-frame", false},
           Case{"", false},
       }) {
    EXPECT_EQ(offers_deflate(offer), taken) << offer;
  }
  const std::string offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
  EXPECT_EQ(answer(usual + offer), "101 deflate");
  WebSocketConfig without;
  without.compression = false;
  EXPECT_EQ(answer(usual + offer, without), "101");
}

// RFC 7692 7.2.3.
TEST(WsHandshake, W004Messages) {
  Codec codec(3);
  const auto inflate = [&](std::string_view bytes, std::size_t limit = 1000) -> std::string {
    std::string out;
    switch (codec.inflate_message(bytes, limit, out)) {
      case Codec::Outcome::ok:
        return out;
      case Codec::Outcome::too_large:
        return "too large";
      case Codec::Outcome::malformed:
        return "malformed";
    }
    return {};
  };
  EXPECT_EQ(inflate("\xf2\x48\xcd\xc9\xc9\x07" + std::string(1, '\0')), "Hello");
  EXPECT_EQ(inflate(std::string("\xf3\x48\xcd\xc9\xc9\x07\0\0", 8)), "Hello") << "a final block, 7.2.3.4";
  EXPECT_EQ(inflate(std::string("\xf2\x48\x05\0\0\0\xff\xff\xca\xc9\xc9\x07\0", 13)), "Hello") << "two blocks, 7.2.3.5";
  EXPECT_EQ(inflate(std::string("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11)), "Hello") << "no compression";
  EXPECT_EQ(inflate(std::string(1, '\0')), "") << "empty, 7.2.3.6";
  EXPECT_EQ(inflate("\xff\xff\xff"), "malformed");
  const std::string plain(1000, 'a');
  std::string packed;
  ASSERT_TRUE(codec.deflate_message(plain, packed));
  EXPECT_LT(packed.size(), 50U);
  EXPECT_EQ(inflate(packed), plain);
  EXPECT_EQ(inflate(packed, 999), "too large");
  std::string second;
  ASSERT_TRUE(codec.deflate_message(plain, second));
  EXPECT_EQ(second, packed) << "no context from one message to the next";
  std::string unchanged = "before";
  EXPECT_FALSE(codec.deflate_message("q", unchanged));
  EXPECT_FALSE(codec.deflate_message("\x01\x93\xf7\x55\xa0\x3e", unchanged));
  EXPECT_EQ(unchanged, "before");
}

}  // namespace
}  // namespace gateway
