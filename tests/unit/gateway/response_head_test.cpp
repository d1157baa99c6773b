// Response heads, byte for byte (PROTOCOL H-003, H-007, H-016, H-019).
#include "gateway/response_head.hpp"

#include <gtest/gtest.h>

#include "gateway/cors.hpp"

namespace gateway {
namespace {

std::string head_of(const ResponseHead& head) {
  std::string out;
  write_response_head(out, head);
  return out;
}

TEST(ResponseHead, Plain) {
  ResponseHead head;
  head.content_type = "text/xml; charset=utf-8";
  head.length = 60;
  EXPECT_EQ(head_of(head),
            "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: 60\r\n"
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n");
}

TEST(ResponseHead, Everything) {
  ResponseHead head;
  head.status = 404;
  head.content_type = "text/plain";
  head.length = 0;
  head.coding = "gzip";
  head.vary_encoding = true;
  head.cors = "Access-Control-Allow-Origin: *\r\n";
  head.fields = "A: b\r\n";
  head.close = true;
  EXPECT_EQ(head_of(head),
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nContent-Encoding: gzip\r\n"
            "Vary: Accept-Encoding\r\nAccess-Control-Allow-Origin: *\r\nA: b\r\nCache-Control: no-store\r\n"
            "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n");
}

TEST(ResponseHead, NoContentHasNoLength) {
  ResponseHead head;
  head.status = 204;
  head.http10 = true;
  EXPECT_EQ(head_of(head),
            "HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
            "Connection: keep-alive\r\n\r\n");
}

TEST(Cors, AnyOrigin) {
  const Cors cors{CorsConfig{}};
  EXPECT_FALSE(cors.depends_on_origin());
  EXPECT_EQ(cors.allow(CrossOrigin::configured, "https://a"), "Access-Control-Allow-Origin: *\r\n");
  EXPECT_EQ(cors.preflight(),
            "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\nAccess-Control-Allow-Headers: Content-Type\r\n"
            "Access-Control-Max-Age: 86400\r\n");
}

TEST(Cors, ListOfOrigins) {
  CorsConfig config;
  config.origins = {"https://a", "null"};
  config.credentials = true;
  const Cors cors{config};
  EXPECT_TRUE(cors.depends_on_origin());
  EXPECT_EQ(cors.allow(CrossOrigin::configured, "https://a"),
            "Vary: Origin\r\nAccess-Control-Allow-Origin: https://a\r\nAccess-Control-Allow-Credentials: true\r\n");
  EXPECT_EQ(cors.allow(CrossOrigin::configured, "null"),
            "Vary: Origin\r\nAccess-Control-Allow-Origin: null\r\nAccess-Control-Allow-Credentials: true\r\n");
  EXPECT_EQ(cors.allow(CrossOrigin::configured, "https://a.evil"), "Vary: Origin\r\n");
  EXPECT_EQ(cors.allow(CrossOrigin::configured, ""), "Vary: Origin\r\n");
  EXPECT_EQ(cors.allow(CrossOrigin::any, "https://a.evil"), "Access-Control-Allow-Origin: *\r\n");  // D-004
  EXPECT_EQ(cors.allow(CrossOrigin::none, "https://a"), "");
}

// V-013, Z-002: neither a length nor chunks, and nobody on the way gathers.
TEST(ResponseHead, Endless) {
  EXPECT_EQ(endless_head("text/event-stream", "Vary: Origin\r\n", "Fri, 27 Nov 2026 20:00:00 GMT"),
            "HTTP/1.1 200 OK\r\nDate: Fri, 27 Nov 2026 20:00:00 GMT\r\nContent-Type: text/event-stream\r\nConnection: "
            "close\r\nVary: Origin\r\n"
            "Cache-Control: no-store, no-transform\r\nX-Accel-Buffering: no\r\n"
            "X-Content-Type-Options: nosniff\r\n\r\n");
}

}  // namespace
}  // namespace gateway
