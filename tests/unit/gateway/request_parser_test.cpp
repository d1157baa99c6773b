// What the gateway sees of a request, whole and cut at every byte, and what it refuses (PROTOCOL H-001...H-014).
#include "gateway/request_parser.hpp"

#include <gtest/gtest.h>

#include <boost/beast/http/error.hpp>
#include <memory>
#include <string>

namespace gateway {
namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t header_limit = 2048;
constexpr std::uint64_t body_limit = 100;

struct Outcome {
  boost::system::error_code error;
  bool done = false;
  std::size_t used = 0;
  std::string body;
};

// Feeds `bytes` in two parts; the first part's memory is gone when the second comes.
Outcome parse(RequestParser& parser, const std::string& bytes, std::size_t cut) {
  Outcome outcome;
  std::string unparsed;
  for (const std::string& part : {bytes.substr(0, cut), bytes.substr(cut)}) {
    unparsed += part;
    while (!unparsed.empty() && !parser.is_done()) {
      const std::size_t used = parser.parse(unparsed, outcome.error);
      outcome.used += used;
      parser.keep_body();
      unparsed.erase(0, used);
      if (outcome.error) break;
    }
    if (outcome.error && outcome.error != http::error::need_more) return outcome;
  }
  outcome.done = parser.is_done();
  outcome.body = parser.body();
  return outcome;
}

// Whoever reads the body by himself is told its length, and no limit is kept here.
TEST(RequestParser, LeavesAStreamedBodyAlone) {
  const StreamedBody streamed = [](std::string_view target) { return target.starts_with("/upload/"); };
  const auto read = [&](const std::string& start, const std::string& fields) {
    auto parser = std::make_unique<RequestParser>(header_limit, body_limit, streamed);
    const std::string bytes =
        start + " HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=X\r\n" + fields + "\r\n\r\nabc";
    boost::system::error_code error;
    parser->parse(bytes, error);
    parser->keep_body();
    EXPECT_EQ(parser->is_header_done(), !error || error == http::error::need_more) << start << ' ' << error.message();
    return parser;
  };
  auto parser = read("POST /upload/c1", "Content-Length: 5000000000");
  EXPECT_TRUE(parser->head().streamed);
  EXPECT_EQ(parser->head().length, 5'000'000'000u);
  EXPECT_EQ(parser->head().content_type, "multipart/form-data; boundary=X");
  EXPECT_EQ(parser->body(), "abc");
  parser = read("POST /upload/c1", "Transfer-Encoding: chunked");
  EXPECT_TRUE(parser->head().streamed);
  EXPECT_FALSE(parser->head().length);
  parser = read("POST /login", "Content-Length: 5000000000");
  EXPECT_FALSE(parser->is_header_done());
  parser = read("PUT /upload/c1", "Content-Length: 50");
  EXPECT_FALSE(parser->head().streamed);
}

TEST(RequestParser, TakesWhatItNeedsWhereverItIsCut) {
  const std::string request =
      "POST /http-bind/ HTTP/1.1\r\nHost: chat.example.org:5280\r\nOrigin: https://example.org\r\n"
      "Accept-Encoding: gzip, deflate\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n"
      "X-Forwarded-Proto: https\r\nForwarded: for=192.0.2.9\r\nContent-Length: 5\r\n\r\nhello";
  for (std::size_t cut = 0; cut <= request.size(); ++cut) {
    RequestParser parser(header_limit, body_limit);
    const Outcome outcome = parse(parser, request, cut);
    ASSERT_TRUE(outcome.done) << cut << ' ' << outcome.error.message();
    EXPECT_EQ(outcome.body, "hello");
    const RequestHead& head = parser.head();
    EXPECT_EQ(head.method, Method::post);
    EXPECT_EQ(head.target, "/http-bind/");
    EXPECT_EQ(head.host, "chat.example.org:5280");
    EXPECT_EQ(head.origin, "https://example.org");
    EXPECT_EQ(head.accept_encoding, "gzip, deflate");
    EXPECT_EQ(head.x_forwarded_for, "192.0.2.1, 192.0.2.2");
    EXPECT_EQ(head.x_forwarded_proto, "https");
    EXPECT_EQ(head.rfc7239_forwarded, "for=192.0.2.9");
    EXPECT_TRUE(head.keep_alive);
    EXPECT_FALSE(head.http10);
  }
}

TEST(RequestParser, ChunkedBodies) {
  const std::string request =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nT: x\r\n\r\n";
  for (std::size_t cut = 0; cut <= request.size(); ++cut) {
    RequestParser parser(header_limit, body_limit);
    const Outcome outcome = parse(parser, request, cut);
    ASSERT_TRUE(outcome.done) << cut << ' ' << outcome.error.message();
    EXPECT_EQ(outcome.body, "hello") << cut;
  }
}

TEST(RequestParser, ByteByByte) {  // H-004
  const std::string start = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const auto* chunks :
       {"0\r\n\r\n", "0\r\nA: b\r\n\r\n", "1\r\nx\r\n0\r\n\r\n", "1;a=b\r\nx\r\n000;c\r\nA: b\r\n\r\n"}) {
    RequestParser parser(header_limit, body_limit);
    std::string unparsed;
    boost::system::error_code error;
    for (const char byte : start + chunks) {
      ASSERT_FALSE(parser.is_done()) << chunks;
      unparsed += byte;
      unparsed.erase(0, parser.parse(unparsed, error));
      parser.keep_body();
    }
    EXPECT_TRUE(parser.is_done()) << chunks << ": " << error.message();
  }
}

TEST(RequestParser, FieldsOfTheTrailerCountForNothing) {  // RFC 9110 6.5.1, H-020
  const std::string request =
      "POST / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
      "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nForwarded: for=203.0.113.9\r\nOrigin: y\r\n"
      "Host: y\r\nContent-Encoding: gzip\r\nAccept-Encoding: gzip\r\nContent-Type: text/xml; charset=utf-16\r\n\r\n";
  for (std::size_t cut = 0; cut <= request.size(); ++cut) {
    RequestParser parser(header_limit, body_limit);
    ASSERT_TRUE(parse(parser, request, cut).done) << cut;
    const RequestHead& head = parser.head();
    EXPECT_EQ(head.x_forwarded_for, "192.0.2.1");
    EXPECT_EQ(head.x_forwarded_proto + head.rfc7239_forwarded + head.origin + head.accept_encoding, "");
    EXPECT_EQ(head.host, "x");
    EXPECT_EQ(head.coding, Coding::identity);
    EXPECT_FALSE(head.foreign_charset);
  }
}

// Whatever is sent for ever in small pieces is refused after the limit: as much as the parser may have to keep.
TEST(RequestParser, NothingComesWithoutEnd) {  // H-014
  const std::string chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const struct {
    const char* what;
    std::string begin, more;
  } cases[] = {
      {"fields", "POST / HTTP/1.1\r\nHost: x\r\n", "X-Forwarded-For: 192.0.2.1\r\n"},
      {"one field", "POST / HTTP/1.1\r\nHost: x\r\nA: ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
      {"one chunk extension", chunked + "1;a=", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
      {"trailer fields", chunked + "0\r\n", "X-Forwarded-For: 192.0.2.1\r\n"},
      {"one trailer field", chunked + "0\r\nA: ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
  };
  for (const auto& endless : cases) {
    RequestParser parser(header_limit, body_limit);
    std::string unparsed = endless.begin;
    boost::system::error_code error;
    std::size_t sent = 0;
    for (; sent < 2 * header_limit; sent += endless.more.size()) {
      unparsed.erase(0, parser.parse(unparsed, error));
      if (error != http::error::need_more) break;
      unparsed += endless.more;
    }
    EXPECT_EQ(error, http::error::header_limit) << endless.what << " after " << sent;
  }
}

TEST(RequestParser, LeavesThePipelinedNextRequestAlone) {
  const std::string first = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab";
  RequestParser parser(header_limit, body_limit);
  const Outcome outcome = parse(parser, first + "POST / HTTP/1.1\r\n", 0);
  EXPECT_TRUE(outcome.done);
  EXPECT_EQ(outcome.used, first.size());
}

TEST(RequestParser, KeepAliveByVersionAndField) {
  const auto keep_alive = [](const std::string& head) {
    RequestParser parser(header_limit, body_limit);
    EXPECT_TRUE(parse(parser, head + "Content-Length: 0\r\n\r\n", 0).done);
    return parser.head().keep_alive;
  };
  EXPECT_TRUE(keep_alive("POST / HTTP/1.1\r\nHost: x\r\n"));
  EXPECT_FALSE(keep_alive("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"));
  EXPECT_FALSE(keep_alive("POST / HTTP/1.0\r\n"));
  EXPECT_TRUE(keep_alive("POST / HTTP/1.0\r\nConnection: keep-alive\r\n"));
}

TEST(RequestParser, CharsetsAndCodings) {
  const auto head_of = [](const std::string& field) {
    RequestParser parser(header_limit, body_limit);
    EXPECT_TRUE(parse(parser, "POST / HTTP/1.1\r\nHost: x\r\n" + field + "\r\nContent-Length: 0\r\n\r\n", 0).done);
    return parser.head();
  };
  EXPECT_FALSE(head_of("Content-Type: text/xml; charset=utf-8").foreign_charset);
  EXPECT_FALSE(head_of("Content-Type: text/xml; charset=\"UTF-8\"").foreign_charset);
  EXPECT_FALSE(head_of("Content-Type: application/x-www-form-urlencoded").foreign_charset);
  EXPECT_TRUE(head_of("Content-Type: text/xml; charset=iso-8859-1").foreign_charset);
  EXPECT_TRUE(head_of("Content-Type: text/xml; a=b; charset=utf-16").foreign_charset);
  EXPECT_EQ(head_of("Content-Encoding: gzip").coding, Coding::gzip);
  EXPECT_EQ(head_of("Content-Encoding: text/xml; charset=utf-8").coding, Coding::identity);  // H-009, Q-30
  EXPECT_TRUE(head_of("Expect: 100-continue").expects_continue);
}

struct BadRequest {
  const char* what;
  std::string bytes;
};

TEST(RequestParser, RefusesWhatCouldBeReadInTwoWays) {
  const std::string start = "POST / HTTP/1.1\r\nHost: x\r\n";
  const BadRequest cases[] = {
      {"both lengths", start + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"both lengths, other order", start + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"},
      {"two lengths", start + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"},
      {"negative length", start + "Content-Length: -1\r\n\r\n"},
      {"length with sign", start + "Content-Length: +3\r\n\r\nabc"},
      {"list of lengths", start + "Content-Length: 3,3\r\n\r\nabc"},
      {"length in hex", start + "Content-Length: 0x3\r\n\r\nabc"},
      {"unknown transfer coding", start + "Transfer-Encoding: gzip\r\n\r\n"},
      {"chunked not last", start + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"},
      {"chunked twice", start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"chunked identity", start + "Transfer-Encoding: identity\r\n\r\n"},
      {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"bad chunk size", start + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"},
      {"huge chunk size", start + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"},
      {"chunk longer than it says", start + "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n"},
      {"no Host", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"},
      {"two Hosts", start + "Host: y\r\n\r\n"},
      {"space before colon", start + "Content-Length : 0\r\n\r\n"},
      {"bare LF", "POST / HTTP/1.1\nHost: x\n\n"},
      {"NUL in a field", start + std::string("A: b\0c\r\n\r\n", 10)},
      {"no version", "POST /\r\n\r\n"},
      {"HTTP/0.9", "GET / HTTP/0.9\r\n\r\n"},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {"TLS to a plain port", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + "\r\n\r\n"},
      {"space in the target", "POST /a b HTTP/1.1\r\n\r\n"},
      {"body over the limit", start + "Content-Length: 101\r\n\r\n"},
      {"chunks over the limit",
       start + "Transfer-Encoding: chunked\r\n\r\n65\r\n" + std::string(101, 'x') + "\r\n0\r\n\r\n"},
      {"header over the limit", start + "A: " + std::string(header_limit, 'x') + "\r\n\r\n"},
      {"folded field", start + "Content-Length:\r\n 3\r\n\r\nabc"},
      {"folded after a value", start + "Content-Length: 1\r\n 3\r\n\r\nabc"},
      {"folded to nothing", start + "A: \r\n \r\nB: 1\r\n\r\n"},
      {"folded transfer coding", start + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"},
  };
  for (const auto& bad : cases) {
    RequestParser parser(header_limit, body_limit);
    const Outcome outcome = parse(parser, bad.bytes, 0);
    EXPECT_FALSE(outcome.done) << bad.what;
    EXPECT_TRUE(outcome.error && outcome.error != http::error::need_more)
        << bad.what << ": " << outcome.error.message();
  }
}

// The request line and the fields together, in whatever pieces they come.
TEST(RequestParser, LimitsTheWholeHeader) {
  const std::string line = "GET /" + std::string(header_limit / 2, 'x') + " HTTP/1.1\r\n", fields = "Host: x\r\nA: ";
  const std::size_t left = header_limit - line.size() - fields.size() - 4;
  for (const std::size_t cut : {0U, 1U, 100U, 1500U}) {
    RequestParser exact(header_limit, body_limit), over(header_limit, body_limit);
    EXPECT_TRUE(parse(exact, line + fields + std::string(left, 'y') + "\r\n\r\n", cut).done) << cut;
    const auto outcome = parse(over, line + fields + std::string(left + 1, 'y') + "\r\n\r\n", cut);
    EXPECT_EQ(outcome.error, http::error::header_limit) << cut;
  }
}

}  // namespace
}  // namespace gateway
