// PROXY protocol headers, versions 1 and 2, cut at every byte; and that never more is asked for than belongs to them.
#include "gateway/proxy_header.hpp"

#include <gtest/gtest.h>

#include <string>

namespace gateway {
namespace {

// Shows what is asked for and not a byte more, as a socket does, `step` bytes at most at a time. `left`: what was not
// taken.
std::string read_all(std::string_view stream, std::size_t step, std::string& left) {
  std::string begin;
  for (;;) {
    const ProxyHeader header = read_proxy_header(begin);
    if (const auto* const none = std::get_if<NoProxyHeader>(&header)) return "none: " + std::string(none->why);
    if (const auto* const client = std::get_if<ProxiedClient>(&header)) {
      left = stream.substr(begin.size());
      return (client->address ? client->address->to_string() : "unknown") + (client->secure ? " secure" : "");
    }
    const std::size_t wanted = std::get<MoreNeeded>(header).bytes;
    EXPECT_GT(wanted, 0u);
    EXPECT_LE(begin.size() + wanted, max_proxy_header);
    const std::string_view next = stream.substr(begin.size()).substr(0, std::min(wanted, step));
    if (next.empty()) return "incomplete";
    begin += next;
  }
}

std::string read_all(const std::string& stream) {
  std::string left;
  const std::string whole = read_all(stream, max_proxy_header, left);
  for (std::size_t step = 1; step < 20; ++step) {
    std::string other_left;
    EXPECT_EQ(read_all(stream, step, other_left), whole);
    EXPECT_EQ(other_left, left);
  }
  return whole + (left.empty() ? "" : " | " + left);
}

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string version_2(char command, char family, const std::string& rest) {
  std::string out = signature + command + family;
  out += static_cast<char>(rest.size() >> 8);
  out += static_cast<char>(rest.size() & 0xff);
  return out + rest;
}

const std::string four("\xc0\x00\x02\x07\x7f\x00\x00\x01\x04\xd2\x14\xa0", 12);

TEST(ProxyHeader, Version1) {
  EXPECT_EQ(read_all("PROXY TCP4 192.0.2.7 127.0.0.1 1234 5280\r\nGET /"), "192.0.2.7 | GET /");
  EXPECT_EQ(read_all("PROXY TCP6 2001:db8::7 ::1 1 65535\r\n"), "2001:db8::7");
  EXPECT_EQ(read_all("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n"), "192.0.2.7");
  EXPECT_EQ(read_all("PROXY UNKNOWN\r\nG"), "unknown | G");
  EXPECT_EQ(read_all("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\nG"), "unknown | G");
}

TEST(ProxyHeader, Version1Malformed) {
  for (const char* const line :
       {"PROXY TCP4 192.0.2.7 127.0.0.1 1234\r\n", "PROXY TCP4 192.0.2.7 127.0.0.1 1234 5280 \r\n",
        "PROXY TCP4 192.0.2.256 127.0.0.1 1234 5280\r\n", "PROXY TCP4 ::1 127.0.0.1 1 2\r\n",
        "PROXY TCP6 192.0.2.7 ::1 1 2\r\n", "PROXY TCP6 fe80::1%lo ::1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 127.0.0.1 65536 1\r\n", "PROXY TCP4 192.0.2.7 127.0.0.1 -1 1\r\n",
        "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "proxy TCP4 192.0.2.7 127.0.0.1 1 2\r\n", "GET / HTTP/1.1\r\n", "PROXX TCP4 1\r\n",
        "\x16\x03\x01\x02\x00\x01"}) {
    EXPECT_EQ(read_all(line).substr(0, 5), "none:") << line;
  }
  EXPECT_EQ(read_all("PROXY TCP4 " + std::string(200, '1')), "none: a line too long");
  EXPECT_EQ(read_all("PROXY TCP4 192.0.2.7 127.0.0.1 1 2"), "incomplete");
  EXPECT_EQ(read_all(""), "incomplete");
}

// 107 bytes with their end. Two are asked for at a time, one behind a CR: where that stands decides which come
// together.
TEST(ProxyHeader, ALineEndsWithinItsBound) {
  const auto line = [](std::size_t size, const std::string& begin) {
    return begin + std::string(size - begin.size() - 2, 'x') + "\r\n";
  };
  for (const std::string begin : {"PROXY UNKNOWN ", "PROXY UNKNOWN \r", "PROXY UNKNOWN x\r"}) {
    EXPECT_EQ(read_all(line(106, begin)), "unknown") << begin;
    EXPECT_EQ(read_all(line(107, begin)), "unknown") << begin;
    EXPECT_EQ(read_all(line(108, begin)), "none: a line too long") << begin;
  }
}

TEST(ProxyHeader, Version2) {
  EXPECT_EQ(read_all(version_2('\x21', '\x11', four) + "GET /"), "192.0.2.7 | GET /");
  const std::string six = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x07" + std::string(15, '\0') +
                          "\x01" + std::string("\x04\xd2\x14\xa0", 4);
  EXPECT_EQ(read_all(version_2('\x21', '\x21', six)), "2001:db8::7");
  const std::string mapped = std::string(10, '\0') + "\xff\xff\xc0" + std::string("\x00\x02\x07", 3) +
                             std::string(16, '\0') + std::string("\x04\xd2\x14\xa0", 4);
  EXPECT_EQ(read_all(version_2('\x21', '\x21', mapped)), "192.0.2.7");
  // LOCAL, and families that are no TCP: the rest is skipped.
  EXPECT_EQ(read_all(version_2('\x20', '\x00', "") + "G"), "unknown | G");
  EXPECT_EQ(read_all(version_2('\x20', '\x11', four) + "G"), "unknown | G");
  EXPECT_EQ(read_all(version_2('\x21', '\x00', "abc") + "G"), "unknown | G");
  EXPECT_EQ(read_all(version_2('\x21', '\x31', std::string(216, 'x')) + "G"), "unknown | G");
}

TEST(ProxyHeader, Version2ExtraFields) {
  const std::string tls("\x20\x00\x05\x01\x00\x00\x00\x00", 8);
  const std::string no_tls("\x20\x00\x05\x00\x00\x00\x00\x00", 8);
  const std::string noop(
      "\x04\x00\x03"
      "abc",
      6);
  EXPECT_EQ(read_all(version_2('\x21', '\x11', four + noop + tls)), "192.0.2.7 secure");
  EXPECT_EQ(read_all(version_2('\x21', '\x11', four + no_tls + noop)), "192.0.2.7");
}

TEST(ProxyHeader, Version2Malformed) {
  EXPECT_EQ(read_all(version_2('\x11', '\x11', four)), "none: another version or command");
  EXPECT_EQ(read_all(version_2('\x22', '\x11', four)), "none: another version or command");
  EXPECT_EQ(read_all(version_2('\x21', '\x11', four.substr(1))), "none: shorter than its addresses");
  EXPECT_EQ(read_all(version_2('\x21', '\x21', four)), "none: shorter than its addresses");
  EXPECT_EQ(read_all(version_2('\x21', '\x11', four + "\x20")), "none: its extra fields do not add up");
  EXPECT_EQ(read_all(version_2('\x21', '\x11', four + std::string("\x20\x00\x09x", 4))),
            "none: its extra fields do not add up");
  EXPECT_EQ(read_all(version_2('\x21', '\x11', std::string(3000, 'x'))), "none: too long");
  EXPECT_EQ(read_all(signature.substr(0, 11)), "incomplete");
  EXPECT_EQ(read_all(signature.substr(0, 11) + "X"), "none: no such header");
}

// What the gateway itself writes towards servers (U-015) is what it would read.
TEST(ProxyHeader, ReadsWhatIsWrittenForServers) {
  const auto address = [](const char* text) { return boost::asio::ip::make_address(text); };
  for (const auto& [client, server, seen] : {std::tuple{"192.0.2.7", "127.0.0.1", "192.0.2.7"},
                                             {"2001:db8::7", "::1", "2001:db8::7"},
                                             {"192.0.2.7", "::1", "192.0.2.7"},
                                             {"2001:db8::7", "127.0.0.1", "2001:db8::7"},
                                             {"::ffff:192.0.2.7", "127.0.0.1", "192.0.2.7"}}) {
    EXPECT_EQ(read_all(proxy_protocol_header(address(client), 0, address(server), 5222) + "<"),
              std::string(seen) + " | <");
  }
}

}  // namespace
}  // namespace gateway
