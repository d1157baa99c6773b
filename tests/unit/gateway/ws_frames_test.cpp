// RFC 6455 5, 7.4, 8.1 as a table of conformance, for a server: PROTOCOL W-012, W-013, W-014, E-43.
// Every stream of frames is read whole, byte by byte, and cut at every place; all must say the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/ws_frames.hpp"

namespace gateway {
namespace {

constexpr std::size_t limit = 70000;

struct Frame {
  std::uint8_t opcode = 1;
  std::string payload;
  bool fin = true;
  std::uint8_t rsv = 0;  // the three bits
  bool masked = true;
  int length_bytes = 0;  // 0: the shortest form
};

std::string write(const Frame& frame) {
  std::string out;
  out += static_cast<char>((frame.fin ? 0x80 : 0) | frame.rsv << 4 | frame.opcode);
  const std::size_t size = frame.payload.size();
  const int length_bytes = frame.length_bytes != 0 ? frame.length_bytes : size <= 125 ? 1 : size <= 0xFFFF ? 2 : 8;
  const std::uint8_t mask_bit = frame.masked ? 0x80 : 0;
  const std::size_t first = length_bytes == 1 ? size : length_bytes == 2 ? 126 : 127;
  out += static_cast<char>(mask_bit | first);
  for (int i = length_bytes - 1; i >= 0 && length_bytes > 1; --i) out += static_cast<char>(size >> (8 * i) & 0xFF);
  if (!frame.masked) return out + frame.payload;
  constexpr std::array<char, 4> key{'\x37', '\xfa', '\x21', '\x3d'};
  out.append(key.data(), key.size());
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(frame.payload[i] ^ key[i % 4]);
  return out;
}

std::string text(std::string payload, bool fin = true) {
  return write({1, std::move(payload), fin});
}
std::string more(std::string payload, bool fin = true) {
  return write({0, std::move(payload), fin});
}
std::string ping(std::string payload) {
  return write({9, std::move(payload)});
}
std::string close(int code, const std::string& reason = "") {
  const std::string two{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  return write({8, two + reason});
}

std::string shorten(std::string_view payload) {
  if (payload.size() <= 40) return std::string(payload);
  return std::string(payload.substr(0, 3)) + "*" + std::to_string(payload.size());
}

std::string describe(const FrameReader::Event& event) {
  switch (event.kind) {
    case FrameReader::Kind::message:
      return (event.compressed ? "deflated " : "message ") + shorten(event.payload);
    case FrameReader::Kind::ping:
      return "ping " + std::string(event.payload);
    case FrameReader::Kind::pong:
      return "pong " + std::string(event.payload);
    case FrameReader::Kind::close:
      return "close " + std::to_string(event.code) + " " + std::string(event.payload);
    case FrameReader::Kind::violation:
      return "fail " + std::to_string(event.code);
    case FrameReader::Kind::more:
      return "more";
  }
  return {};
}

// Each part is given at once; its bytes are gone afterwards.
std::vector<std::string> read(const std::vector<std::string_view>& parts, bool deflate) {
  FrameReader reader(limit, deflate);
  std::vector<std::string> events;
  for (const auto part : parts) {
    std::string bytes(part);
    std::span<char> input(bytes);
    for (;;) {
      const auto event = reader.next(input);
      if (event.kind == FrameReader::Kind::more) break;
      events.push_back(describe(event));
    }
    EXPECT_TRUE(input.empty());
  }
  return events;
}

struct Case {
  const char* what;
  std::string bytes;
  std::vector<std::string> expected;
  bool deflate = false;
};

std::string repeated(std::size_t count, char c = 'x') {
  return std::string(count, c);
}

const std::vector<Case>& cases() {
  static const std::string euro = "\xE2\x82\xAC";
  static const std::vector<Case> all = {
      // ---- data
      {"a message", text("<a/>"), {"message <a/>"}},
      {"an empty message", text(""), {"message "}},
      {"two messages", text("1") + text("2"), {"message 1", "message 2"}},
      {"125 bytes", text(repeated(125)), {"message xxx*125"}},
      {"126 bytes", text(repeated(126)), {"message xxx*126"}},
      {"65535 bytes", text(repeated(65535)), {"message xxx*65535"}},
      {"65536 bytes", text(repeated(65536)), {"message xxx*65536"}},
      {"fragments", text("<a", false) + more("", false) + more("/>"), {"message <a/>"}},
      {"empty fragments only", text("", false) + more("", false) + more(""), {"message "}},
      {"E-43: a ping between fragments", text("<a", false) + ping("p") + more("/>"), {"ping p", "message <a/>"}},
      {"a close between fragments", text("<a", false) + close(1000), {"close 1000 "}},
      {"binary", write({2, "x"}), {"fail 1003"}},
      // ---- what is against 5.1 to 5.5
      {"not masked", write({1, "x", true, 0, false}), {"fail 1002"}},
      {"not masked control", write({9, "x", true, 0, false}), {"fail 1002"}},
      {"RSV1 without extension", write({1, "x", true, 4}), {"fail 1002"}},
      {"RSV2", write({1, "x", true, 2}), {"fail 1002"}},
      {"RSV3", write({1, "x", true, 1}), {"fail 1002"}},
      {"RSV1 on control", write({9, "x", true, 4}), {"fail 1002"}, true},
      {"RSV2 with deflate", write({1, "x", true, 2}), {"fail 1002"}, true},
      {"RSV1 on a continuation", text("a", false) + write({0, "b", true, 4}), {"fail 1002"}, true},
      {"opcode 3", write({3, "x"}), {"fail 1002"}},
      {"opcode 7", write({7, "x"}), {"fail 1002"}},
      {"opcode 11", write({11, "x"}), {"fail 1002"}},
      {"opcode 15", write({15, "x"}), {"fail 1002"}},
      {"a continuation of nothing", more("x"), {"fail 1002"}},
      {"a continuation after the last", text("a") + more("b"), {"message a", "fail 1002"}},
      {"a message inside a message", text("a", false) + text("b"), {"fail 1002"}},
      {"a fragmented ping", write({9, "x", false}), {"fail 1002"}},
      {"a fragmented close", write({8, "", false}), {"fail 1002"}},
      {"a ping of 125 bytes", ping(repeated(125)), {"ping " + repeated(125)}},
      {"a ping of 126 bytes", ping(repeated(126)), {"fail 1002"}},
      {"a short length in 16 bits", write({1, "x", true, 0, true, 2}), {"fail 1002"}},
      {"a short length in 64 bits", write({1, repeated(200), true, 0, true, 8}), {"fail 1002"}},
      {"a length with the highest bit", std::string("\x81\xff\x80\0\0\0\0\0\0\1abcd", 14), {"fail 1002"}},
      {"nothing is read after a violation", write({3, "x"}) + text("a"), {"fail 1002"}},
      // ---- limits, W-013
      {"exactly the limit", text(repeated(limit)), {"message xxx*70000"}},
      {"one above the limit", write({1, repeated(limit + 1)}).substr(0, 14), {"fail 1009"}},
      {"2^62 bytes", std::string("\x81\xff\x40\0\0\0\0\0\0\0abcd", 14), {"fail 1009"}},
      {"above it in fragments", text(repeated(limit - 1), false) + more("ab"), {"fail 1009"}},
      {"exactly it in fragments", text(repeated(limit - 1), false) + more("a"), {"message xxx*70000"}},
      // ---- control
      {"pong", write({10, "p"}), {"pong p"}},
      {"empty ping", ping(""), {"ping "}},
      {"close without a code", write({8, ""}), {"close 1005 "}},
      {"close with a reason", close(1001, "away"), {"close 1001 away"}},
      {"close with half a code", write({8, "x"}), {"fail 1002"}},
      {"close with a reason that is no text", close(1000, "\xff"), {"fail 1007"}},
      {"close with half a character", close(1000, "\xE2\x82"), {"fail 1007"}},
      {"nothing is read after close", close(1000) + text("a"), {"close 1000 "}},
      // ---- text, 8.1
      {"characters of all lengths",
       text("a\xC3\xA9" + euro + "\xF0\x9F\x98\x80"),
       {"message a\xC3\xA9" + euro + "\xF0\x9F\x98\x80"}},
      {"a character in two fragments", text("\xE2", false) + more("\x82\xAC"), {"message " + euro}},
      {"a character around a ping", text("\xE2\x82", false) + ping("") + more("\xAC"), {"ping ", "message " + euro}},
      {"half a character", text("\xE2\x82"), {"fail 1007"}},
      {"half a character at the end of fragments", text("a", false) + more("\xF0\x9F\x98"), {"fail 1007"}},
      {"fails at the wrong byte, not at the end", text("ab\xFFyz", false), {"fail 1007"}},
      {"the next message begins anew", text(euro) + text("\x82"), {"message " + euro, "fail 1007"}},
      // ---- RFC 7692
      {"compressed", write({1, "\xff\xff", true, 4}), {"deflated \xff\xff"}, true},
      {"compressed in fragments", write({1, "\xff", false, 4}) + more("\xfe"), {"deflated \xff\xfe"}, true},
      {"not compressed all the same", text("a"), {"message a"}, true},
      {"text after compressed", write({1, "\xff", true, 4}) + text("\xff"), {"deflated \xff", "fail 1007"}, true},
  };
  return all;
}

TEST(WsFrames, Conformance) {
  for (const auto& c : cases()) EXPECT_EQ(read({c.bytes}, c.deflate), c.expected) << c.what;
}

TEST(WsFrames, ConformanceByteByByte) {
  for (const auto& c : cases()) {
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < c.bytes.size(); ++i) bytes.push_back(std::string_view(c.bytes).substr(i, 1));
    EXPECT_EQ(read(bytes, c.deflate), c.expected) << c.what;
  }
}

TEST(WsFrames, ConformanceCutAtEveryByte) {
  for (const auto& c : cases()) {
    const std::string_view bytes = c.bytes;
    const std::size_t step = bytes.size() > 1000 ? 997 : 1;
    for (std::size_t cut = 0; cut <= bytes.size(); cut += step) {
      EXPECT_EQ(read({bytes.substr(0, cut), bytes.substr(cut)}, c.deflate), c.expected) << c.what << " at " << cut;
    }
  }
}

TEST(WsFrames, CloseCodes) {
  for (int code = 0; code <= 5100; ++code) {
    const bool valid =
        (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
    const std::vector<std::string> expected{valid ? "close " + std::to_string(code) + " " : "fail 1002"};
    EXPECT_EQ(read({close(code)}, false), expected);
  }
}

TEST(WsFrames, AMessageInOneReadIsNotCopied) {
  FrameReader reader(limit, false);
  std::string bytes = text("<presence/>");
  std::span<char> input(bytes);
  const auto event = reader.next(input);
  EXPECT_EQ(event.payload, "<presence/>");
  EXPECT_EQ(event.payload.data(), bytes.data() + 6);
  EXPECT_TRUE(reader.idle());
}

TEST(WsFrames, KnowsWhetherSomethingHasBegun) {
  FrameReader reader(limit, false);
  const auto feed = [&](std::string bytes) {
    std::span<char> input(bytes);
    return reader.next(input).kind;
  };
  EXPECT_TRUE(reader.idle());
  feed(text("abc", false).substr(0, 1));
  EXPECT_FALSE(reader.idle());
  feed(text("abc", false).substr(1));
  EXPECT_FALSE(reader.idle());
  EXPECT_EQ(feed(more("d")), FrameReader::Kind::message);
  EXPECT_TRUE(reader.idle());
}

TEST(WsFrames, Unmasks) {
  constexpr std::array<char, 4> key{1, 2, 3, 4};
  for (std::size_t size = 0; size < 40; ++size) {
    for (std::size_t offset = 0; offset < 9; ++offset) {
      std::string bytes(size, 'a');
      std::string expected = bytes;
      for (std::size_t i = 0; i < size; ++i) expected[i] = static_cast<char>(expected[i] ^ key[(i + offset) % 4]);
      unmask(bytes, key, offset);
      EXPECT_EQ(bytes, expected) << size << " from " << offset;
    }
  }
}

TEST(WsFrames, WritesHeaders) {
  const auto header = [](Opcode opcode, std::size_t size, bool compressed = false) {
    return std::string(frame_header(opcode, size, compressed).view());
  };
  EXPECT_EQ(header(Opcode::text, 0), std::string("\x81\0", 2));
  EXPECT_EQ(header(Opcode::text, 125), "\x81\x7d");
  EXPECT_EQ(header(Opcode::text, 126), std::string("\x81\x7e\0\x7e", 4));
  EXPECT_EQ(header(Opcode::text, 0xFFFF), "\x81\x7e\xff\xff");
  EXPECT_EQ(header(Opcode::text, 0x10000), std::string("\x81\x7f\0\0\0\0\0\1\0\0", 10));
  EXPECT_EQ(header(Opcode::text, 5, true), "\xc1\x05");
  EXPECT_EQ(header(Opcode::ping, 8), "\x89\x08");
  EXPECT_EQ(header(Opcode::pong, 1), "\x8a\x01");
  EXPECT_EQ(header(Opcode::close, 2), "\x88\x02");
}

// RFC 3629 4, and the places where decoders go wrong: every two bytes, alone and cut between them, by the rules.
TEST(WsFrames, Utf8) {
  const auto valid = [](std::string_view bytes) { return is_utf8(bytes); };
  for (int value = 0; value <= 0x110000; value += value < 0x3000 ? 1 : 0x1F) {
    std::string bytes;
    if (value < 0x80) {
      bytes = {static_cast<char>(value)};
    } else if (value < 0x800) {
      bytes = {static_cast<char>(0xC0 | value >> 6), static_cast<char>(0x80 | (value & 0x3F))};
    } else if (value < 0x10000) {
      bytes = {static_cast<char>(0xE0 | value >> 12), static_cast<char>(0x80 | (value >> 6 & 0x3F)),
               static_cast<char>(0x80 | (value & 0x3F))};
    } else {
      bytes = {static_cast<char>(0xF0 | value >> 18), static_cast<char>(0x80 | (value >> 12 & 0x3F)),
               static_cast<char>(0x80 | (value >> 6 & 0x3F)), static_cast<char>(0x80 | (value & 0x3F))};
    }
    const bool expected = value < 0x110000 && (value < 0xD800 || value > 0xDFFF);
    EXPECT_EQ(valid(bytes), expected) << value;
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      Utf8Check check;
      const bool fed =
          check.feed(std::string_view(bytes).substr(0, cut)) && check.feed(std::string_view(bytes).substr(cut));
      EXPECT_EQ(fed && check.complete(), expected) << value << " cut at " << cut;
    }
  }
  for (const std::string_view overlong : {"\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xF0\x80\x80\x80",
                                          "\xF0\x8F\xBF\xBF", "\xF5\x80\x80\x80", "\xFF", "\x80"}) {
    EXPECT_FALSE(valid(overlong));
    EXPECT_FALSE(valid("12345678" + std::string(overlong)));
  }
}

}  // namespace
}  // namespace gateway
