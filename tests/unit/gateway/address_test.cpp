#include "gateway/address.hpp"

#include <gtest/gtest.h>

#include <set>

namespace gateway {
namespace {

Address ip(std::string_view text) {
  return boost::asio::ip::make_address(std::string(text));
}

std::vector<Network> networks(std::initializer_list<std::string_view> list) {
  std::vector<Network> result;
  for (const auto text : list) result.push_back(Network::parse(text).value());
  return result;
}

TEST(Network, ReadsAddressesAndPrefixes) {
  const struct {
    std::string_view text, canonical;  // empty: refused
  } table[] = {
      {"192.0.2.1", "192.0.2.1/32"},
      {"192.0.2.0/24", "192.0.2.0/24"},
      {"0.0.0.0/0", "0.0.0.0/0"},
      {"::/0", "::/0"},
      {"2001:db8::/32", "2001:db8::/32"},
      {"::1", "::1/128"},
      {"10.0.0.0/9", "10.0.0.0/9"},
      {"::ffff:10.1.2.3", "10.1.2.3/32"},  // as a socket for both families shows it
      {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
      {"::ffff:0:0/90", ""},
      {"192.0.2.1/24", ""},  // host bits: what was meant?
      {"10.128.0.0/8", ""},
      {"2001:db8::1/64", ""},
      {"192.0.2.0/33", ""},
      {"::/129", ""},
      {"192.0.2.0/", ""},
      {"192.0.2.0/-1", ""},
      {"192.0.2.0/ 24", ""},
      {"192.0.2.0/24x", ""},
      {"192.0.2.0/99999999999", ""},
      {"192.0.2", ""},
      {"fe80::1%eth0", ""},
      {"localhost", ""},
      {"", ""},
      {"/8", ""},
      {std::string_view("1.2.3.4\0", 8), ""},
  };
  for (const auto& row : table) {
    const auto network = Network::parse(row.text);
    EXPECT_EQ(network ? network->to_string() : "", row.canonical) << row.text;
  }
}

TEST(Network, Contains) {
  const struct {
    std::string_view network, address;
    bool inside;
  } table[] = {
      {"10.0.0.0/8", "10.255.255.255", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"10.0.0.0/9", "10.127.255.255", true},
      {"10.0.0.0/9", "10.128.0.0", false},
      {"192.0.2.4/30", "192.0.2.7", true},
      {"192.0.2.4/30", "192.0.2.8", false},
      {"0.0.0.0/0", "255.255.255.255", true},
      {"0.0.0.0/0", "::1", false},
      {"::/0", "1.2.3.4", false},
      {"10.0.0.0/8", "::ffff:10.1.2.3", true},  // seen by a dual-stack listener
      {"2001:db8::/33", "2001:db8:7fff::1", true},
      {"2001:db8::/33", "2001:db8:8000::1", false},
      {"::1", "::1", true},
      {"::1", "127.0.0.1", false},
  };
  for (const auto& row : table) {
    EXPECT_EQ(Network::parse(row.network)->contains(ip(row.address)), row.inside) << row.network << ' ' << row.address;
  }
}

TEST(AddressKey, CountsIpv6BySlash64) {
  EXPECT_EQ(address_key(ip("192.0.2.1")), address_key(ip("::ffff:192.0.2.1")));
  EXPECT_NE(address_key(ip("192.0.2.1")), address_key(ip("192.0.2.2")));
  EXPECT_EQ(address_key(ip("2001:db8:1:2::1")), address_key(ip("2001:db8:1:2:ffff:ffff:ffff:ffff")));
  EXPECT_NE(address_key(ip("2001:db8:1:2::1")), address_key(ip("2001:db8:1:3::1")));
  EXPECT_NE(address_key(ip("0.0.0.1")), address_key(ip("::1")));
  EXPECT_NE(address_key(ip("0.0.0.0")), address_key(ip("::")));
}

// ---- H-020

struct ForwardRow {
  std::string_view name;
  std::string_view peer;
  std::vector<std::string_view> x_for, x_proto, forwarded;
  std::string_view client;
  bool secure;
};

void check_rows(const std::vector<ForwardRow>& table) {
  const auto trusted = networks({"127.0.0.1", "10.0.0.0/8", "2001:db8:ffff::/48"});
  for (const auto& row : table) {
    const Client client =
        client_behind(ip(row.peer), false, trusted, ForwardedFields{row.x_for, row.x_proto, row.forwarded});
    EXPECT_EQ(client.address.to_string(), row.client) << row.name;
    EXPECT_EQ(client.secure, row.secure) << row.name;
  }
}

TEST(ClientBehind, XForwardedForFromRightToLeft) {
  check_rows({
      {"nobody is trusted", "192.0.2.9", {"6.6.6.6"}, {"https"}, {}, "192.0.2.9", false},
      {"no field", "127.0.0.1", {}, {}, {}, "127.0.0.1", false},
      {"one proxy", "127.0.0.1", {"192.0.2.1"}, {"https"}, {}, "192.0.2.1", true},
      {"what the client claims is left of it", "127.0.0.1", {"6.6.6.6, 192.0.2.1"}, {}, {}, "192.0.2.1", false},
      {"several proxies", "127.0.0.1", {"6.6.6.6, 192.0.2.1, 10.1.1.1"}, {}, {}, "192.0.2.1", false},
      {"several fields", "127.0.0.1", {"6.6.6.6", "192.0.2.1", "10.1.1.1"}, {}, {}, "192.0.2.1", false},
      {"all trusted", "127.0.0.1", {"10.2.2.2, 10.1.1.1"}, {}, {}, "10.2.2.2", false},
      {"garbage ends the walk", "127.0.0.1", {"192.0.2.1, nonsense, 10.1.1.1"}, {}, {}, "10.1.1.1", false},
      {"garbage at the end", "127.0.0.1", {"192.0.2.1, <b>"}, {}, {}, "127.0.0.1", false},
      {"empty items", "127.0.0.1", {" , 192.0.2.1,, ,"}, {}, {}, "192.0.2.1", false},
      {"with port", "127.0.0.1", {"192.0.2.1:4711"}, {}, {}, "192.0.2.1", false},
      {"bare IPv6", "127.0.0.1", {"2001:db8::7"}, {}, {}, "2001:db8::7", false},
      {"IPv6 with port", "127.0.0.1", {"[2001:db8::7]:4711"}, {}, {}, "2001:db8::7", false},
      {"IPv6 in brackets", "127.0.0.1", {"[2001:db8::7]"}, {}, {}, "2001:db8::7", false},
      {"bad port", "127.0.0.1", {"192.0.2.1:x"}, {}, {}, "127.0.0.1", false},
      {"bad port behind brackets", "127.0.0.1", {"[2001:db8::7]x"}, {}, {}, "127.0.0.1", false},
      {"port out of range", "127.0.0.1", {"192.0.2.1:65536"}, {}, {}, "127.0.0.1", false},
      {"open bracket", "127.0.0.1", {"[2001:db8::7"}, {}, {}, "127.0.0.1", false},
      {"zone", "127.0.0.1", {"fe80::1%25eth0"}, {}, {}, "127.0.0.1", false},
      {"unknown", "127.0.0.1", {"unknown"}, {"https"}, {}, "127.0.0.1", true},
      {"mapped", "127.0.0.1", {"::ffff:192.0.2.1"}, {}, {}, "192.0.2.1", false},
      {"mapped peer", "::ffff:127.0.0.1", {"192.0.2.1"}, {}, {}, "192.0.2.1", false},
      {"proxy on IPv6", "2001:db8:ffff::5", {"192.0.2.1"}, {}, {}, "192.0.2.1", false},
  });
}

TEST(ClientBehind, SchemeOfXForwardedProto) {
  check_rows({
      {"per hop", "127.0.0.1", {"192.0.2.1, 10.1.1.1"}, {"https, http"}, {}, "192.0.2.1", true},
      {"per hop, the client's claim", "127.0.0.1", {"6.6.6.6, 192.0.2.1"}, {"https, http"}, {}, "192.0.2.1", false},
      {"one for all", "127.0.0.1", {"192.0.2.1, 10.1.1.1"}, {"https"}, {}, "192.0.2.1", true},
      {"counts differ: the nearest", "127.0.0.1", {"192.0.2.1"}, {"https, http"}, {}, "192.0.2.1", false},
      {"without addresses", "127.0.0.1", {}, {"https"}, {}, "127.0.0.1", true},
      {"case", "127.0.0.1", {"192.0.2.1"}, {"HTTPS"}, {}, "192.0.2.1", true},
      {"WebSocket", "127.0.0.1", {"192.0.2.1"}, {"wss"}, {}, "192.0.2.1", true},
      {"something else", "127.0.0.1", {"192.0.2.1"}, {"httpsx"}, {}, "192.0.2.1", false},
      {"untrusted", "192.0.2.9", {}, {"https"}, {}, "192.0.2.9", false},
  });
}

TEST(ClientBehind, Forwarded) {
  check_rows({
      {"plain", "127.0.0.1", {}, {}, {"for=192.0.2.1"}, "192.0.2.1", false},
      {"quoted IPv6 with port", "127.0.0.1", {}, {}, {R"(for="[2001:db8::7]:4711";proto=https)"}, "2001:db8::7", true},
      {"case and order", "127.0.0.1", {}, {}, {"By=10.0.0.1; PROTO=https;  For=192.0.2.1"}, "192.0.2.1", true},
      {"list", "127.0.0.1", {}, {}, {"for=6.6.6.6;proto=https, for=192.0.2.1;proto=http"}, "192.0.2.1", false},
      {"fields", "127.0.0.1", {}, {}, {"for=6.6.6.6", "for=192.0.2.1, for=10.1.1.1"}, "192.0.2.1", false},
      {"the client's hop counts for the scheme",
       "127.0.0.1",
       {},
       {},
       {"for=192.0.2.1;proto=https, for=10.1.1.1;proto=http"},
       "192.0.2.1",
       true},
      {"hidden", "127.0.0.1", {}, {}, {"for=192.0.2.1, for=_secret;proto=https"}, "127.0.0.1", true},
      {"unknown", "127.0.0.1", {}, {}, {"for=192.0.2.1, for=unknown"}, "127.0.0.1", false},
      {"no for", "127.0.0.1", {}, {}, {"proto=https"}, "127.0.0.1", true},
      {"comma in quotes", "127.0.0.1", {}, {}, {R"(host="a,for=6.6.6.6";for=192.0.2.1)"}, "192.0.2.1", false},
      {"escaped quote", "127.0.0.1", {}, {}, {R"(host="\",for=6.6.6.6";for=192.0.2.1)"}, "192.0.2.1", false},
      {"the client's open quote swallows nothing",
       "127.0.0.1",
       {},
       {},
       {R"(for=6.6.6.6;x=", for=192.0.2.1)"},
       "127.0.0.1",
       false},
      {"garbage after a value", "127.0.0.1", {}, {}, {R"(for="192.0.2.1"x)"}, "127.0.0.1", false},
      {"no value", "127.0.0.1", {}, {}, {"for="}, "127.0.0.1", false},
      {"no name", "127.0.0.1", {}, {}, {"=192.0.2.1"}, "127.0.0.1", false},
      {"broken field left of a good one", "127.0.0.1", {}, {}, {"for=\"", "for=192.0.2.1"}, "192.0.2.1", false},
      {"empty", "127.0.0.1", {}, {}, {""}, "127.0.0.1", false},
      {"obfuscated port", "127.0.0.1", {}, {}, {R"(for="192.0.2.1:_p")"}, "192.0.2.1", false},
  });
}

TEST(ClientBehind, TwoFieldsThatDisagreeCountForNothing) {
  check_rows({
      {"same", "127.0.0.1", {"192.0.2.1"}, {"https"}, {"for=192.0.2.1;proto=https"}, "192.0.2.1", true},
      {"addresses differ", "127.0.0.1", {"192.0.2.1"}, {}, {"for=6.6.6.6"}, "127.0.0.1", false},
      {"schemes differ", "127.0.0.1", {"192.0.2.1"}, {"https"}, {"for=192.0.2.1;proto=http"}, "192.0.2.1", false},
  });
}

TEST(ClientBehind, SchemeOfTheConnectionWithoutOtherWord) {
  const auto trusted = networks({"127.0.0.1"});
  EXPECT_TRUE(client_behind(ip("192.0.2.1"), true, trusted, {}).secure);
  const std::vector<std::string_view> x_for = {"192.0.2.1"};
  const Client client = client_behind(ip("127.0.0.1"), true, trusted, {x_for, {}, {}});
  EXPECT_TRUE(client.secure);
  EXPECT_TRUE(client.proxied);
  EXPECT_FALSE(client_behind(ip("192.0.2.1"), true, trusted, {x_for, {}, {}}).proxied);
}

// ---- U-007, E-46

TEST(AddressPolicy, WhatDnsMayNotPointTo) {
  const struct {
    std::string_view address;
    bool by_default, with_private;
  } table[] = {
      {"93.184.216.34", true, true},
      {"2606:2800:220:1::1", true, true},
      {"127.0.0.1", false, true},
      {"127.255.255.254", false, true},
      {"::1", false, true},
      {"10.1.2.3", false, true},
      {"172.16.0.1", false, true},
      {"172.31.255.255", false, true},
      {"172.32.0.1", true, true},
      {"192.168.1.1", false, true},
      {"169.254.169.254", false, true},  // the metadata service of clouds
      {"100.64.0.1", false, true},
      {"100.128.0.1", true, true},
      {"198.18.0.1", false, true},
      {"192.0.2.1", false, true},
      {"fd00::1", false, true},
      {"fe80::1", false, true},
      {"fec0::1", false, true},
      {"2001:db8::1", false, true},
      {"2001::1", false, true},  // Teredo
      {"64:ff9b:1::1", false, true},
      {"::ffff:127.0.0.1", false, true},
      {"::ffff:93.184.216.34", true, true},
      {"::127.0.0.1", false, true},
      {"64:ff9b::7f00:1", false, true},    // NAT64 of 127.0.0.1
      {"64:ff9b::a00:1", false, true},     // of 10.0.0.1
      {"64:ff9b::5db8:d822", true, true},  // of 93.184.216.34
      {"2002:7f00:1::", false, true},      // 6to4 of 127.0.0.1
      {"2002:c0a8:101::1", false, true},   // of 192.168.1.1
      {"2002:5db8:d822::1", true, true},   // of 93.184.216.34
      {"0.0.0.0", false, false},
      {"0.1.2.3", false, false},
      {"::", false, false},
      {"224.0.0.1", false, false},
      {"ff02::1", false, false},
      {"240.0.0.1", false, false},
      {"255.255.255.255", false, false},
      {"::ffff:224.0.0.1", false, false},
      {"::ffff:0.0.0.0", false, false},
      {"64:ff9b::", false, false},
  };
  for (const auto& row : table) {
    AddressPolicy policy;
    EXPECT_EQ(policy.refusal(ip(row.address)).empty(), row.by_default) << row.address;
    policy.private_addresses = true;
    EXPECT_EQ(policy.refusal(ip(row.address)).empty(), row.with_private) << row.address;
  }
}

TEST(AddressPolicy, ConfiguredNetworks) {
  AddressPolicy policy;
  policy.refused = networks({"93.184.216.0/24", "2606:2800::/32"});
  EXPECT_FALSE(policy.refusal(ip("93.184.216.34")).empty());
  EXPECT_FALSE(policy.refusal(ip("::ffff:93.184.216.34")).empty());
  EXPECT_FALSE(policy.refusal(ip("64:ff9b::5db8:d822")).empty());
  EXPECT_FALSE(policy.refusal(ip("2606:2800:220:1::1")).empty());
  EXPECT_TRUE(policy.refusal(ip("93.184.217.34")).empty());
}

TEST(AddressPolicy, PlaintextToLoopbackOnly) {
  AddressPolicy policy;
  policy.private_addresses = true;
  policy.plaintext_loopback_only = true;
  EXPECT_TRUE(policy.refusal(ip("127.0.0.1")).empty());
  EXPECT_TRUE(policy.refusal(ip("::1")).empty());
  EXPECT_TRUE(policy.refusal(ip("::ffff:127.0.0.1")).empty());
  EXPECT_FALSE(policy.refusal(ip("10.0.0.1")).empty());
  EXPECT_FALSE(policy.refusal(ip("93.184.216.34")).empty());
}

// ---- U-015

TEST(ProxyProtocol, Version2) {
  using namespace std::string_literals;
  const auto signature = "\r\n\r\n\0\r\nQUIT\n"s;
  EXPECT_EQ(proxy_protocol_header(ip("192.0.2.1"), 0x1234, ip("127.0.0.1"), 5222),
            signature + "\x21\x11\x00\x0c\xc0\x00\x02\x01\x7f\x00\x00\x01\x12\x34\x14\x66"s);
  const auto six = proxy_protocol_header(ip("2001:db8::1"), 1, ip("::1"), 2);
  EXPECT_EQ(six, signature + "\x21\x21\x00\x24"s + "\x20\x01\x0d\xb8"s + std::string(11, '\0') + '\1' +
                     std::string(15, '\0') + '\1' + "\0\1\0\2"s);
  const auto mixed = proxy_protocol_header(ip("192.0.2.1"), 1, ip("::1"), 2);
  EXPECT_EQ(mixed.size(), 16u + 36u);
  EXPECT_EQ(mixed.substr(16, 16), std::string(10, '\0') + "\xff\xff\xc0\x00\x02\x01"s);
  EXPECT_EQ(proxy_protocol_header(ip("::ffff:192.0.2.1"), 1, ip("127.0.0.1"), 2).size(), 16u + 12u);
}

}  // namespace
}  // namespace gateway
