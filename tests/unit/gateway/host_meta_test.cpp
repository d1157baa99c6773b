// What discovery says of each domain, and to whom (XEP-0156; PROTOCOL D-001...D-006).
#include "gateway/host_meta.hpp"

#include <gtest/gtest.h>

#include <string>

namespace gateway {
namespace {

constexpr std::string_view two_domains = R"(
[[domain]]
name = "example.org"
aliases = ["chat.example.org"]
bosh_url = "https://chat.example.org/http-bind?a=1&b=2"
websocket_url = "wss://chat.example.org/xmpp-websocket"
[[domain]]
name = "example.net"
websocket_url = "wss://example.net:8443/ws"
[[domain]]
name = "example.com"
)";

TEST(HostMeta, WritesBothForms) {  // D-001, D-002, D-006
  const Config config = parse_config(two_domains, "test");
  const HostMeta meta(config);
  const auto* const found = meta.find("example.org");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->xml,
            "<?xml version='1.0' encoding='utf-8'?>\n"
            "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n"
            "  <Link rel='urn:xmpp:alt-connections:xbosh' href='https://chat.example.org/http-bind?a=1&amp;b=2'/>\n"
            "  <Link rel='urn:xmpp:alt-connections:websocket' href='wss://chat.example.org/xmpp-websocket'/>\n"
            "</XRD>\n");
  EXPECT_EQ(found->json,
            "{\"links\":[{\"rel\":\"urn:xmpp:alt-connections:xbosh\","
            "\"href\":\"https://chat.example.org/http-bind?a=1&b=2\"},"
            "{\"rel\":\"urn:xmpp:alt-connections:websocket\",\"href\":\"wss://chat.example.org/xmpp-websocket\"}]}\n");
}

TEST(HostMeta, BelongsToTheDomainThatHostNames) {  // D-005
  const Config config = parse_config(two_domains, "test");
  const HostMeta meta(config);
  EXPECT_EQ(meta.find("EXAMPLE.ORG:443"), meta.find("example.org"));
  EXPECT_EQ(meta.find("chat.example.org"), meta.find("example.org"));
  ASSERT_NE(meta.find("example.net"), nullptr);
  EXPECT_EQ(meta.find("example.net")->xml.find("xbosh"), std::string::npos);
  EXPECT_NE(meta.find("example.net")->json.find("wss://example.net:8443/ws"), std::string::npos);
  // Not announced, not served, no name at all: with several domains nobody is guessed.
  for (const std::string_view host : {"example.com", "other.org", "", "[::1]:443", "[::1", ":"}) {
    EXPECT_EQ(meta.find(host), nullptr) << host;
  }
}

TEST(HostMeta, TheOnlyDomainOrTheDefaultStandsForUnknownHosts) {  // D-009
  const Config one =
      parse_config("[[domain]]\nname = \"example.org\"\nbosh_url = \"https://chat.example.org/bosh\"\n", "test");
  EXPECT_NE(HostMeta(one).find("127.0.0.1:5280"), nullptr);
  const std::string text = "[server]\ndefault_domain = \"example.net\"\n" + std::string(two_domains);
  const Config several = parse_config(text, "test");
  const HostMeta meta(several);
  EXPECT_EQ(meta.find("gateway.internal"), meta.find("example.net"));
  EXPECT_NE(meta.find("gateway.internal"), nullptr);
}

}  // namespace
}  // namespace gateway
