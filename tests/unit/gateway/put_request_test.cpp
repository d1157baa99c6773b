// Where a file may be sent to: the URL of an upload slot, judged before anything is resolved. PROTOCOL U-007, XEP-0363.
#include "gateway/put_request.hpp"

#include <gtest/gtest.h>

#include "gateway/put_answer.hpp"
#include "gateway/web_upload.hpp"

namespace gateway {
namespace {

Domain example() {
  Domain domain;
  domain.name = domain.ascii_name = "example.org";
  return domain;
}

TEST(PutTarget, TakesAUrlApart) {
  Domain domain = example();
  const auto target = put_target("https://Files.example.org/slot/a%20b.txt?x=1#y", domain);
  ASSERT_TRUE(target);
  EXPECT_TRUE(target->secure);
  EXPECT_FALSE(target->listed);
  EXPECT_EQ(target->host, "files.example.org");
  EXPECT_EQ(target->port, 443);
  EXPECT_EQ(target->authority, "files.example.org");
  EXPECT_EQ(target->path, "/slot/a%20b.txt?x=1");
  EXPECT_EQ(put_target("https://files.example.org", domain)->path, "/");
  EXPECT_EQ(put_target("https://files.example.org?x", domain)->path, "/?x");
  EXPECT_EQ(put_target("https://files.example.org:443/x", domain)->path, "/x");
  EXPECT_EQ(put_target("https://files.example.org:5281/x", domain)->port, 5281);
  domain.upload_origins = {"https://[2001:db8::1]:8443"};
  EXPECT_EQ(put_target("https://[2001:db8::1]:8443/x", domain)->host, "2001:db8::1");
  EXPECT_EQ(put_target("https://[2001:db8::1]:8443/x", domain)->port, 8443);
}

TEST(PutTarget, IsOfTheDomainOrListed) {
  Domain domain = example();
  EXPECT_TRUE(put_target("https://example.org/x", domain));
  EXPECT_TRUE(put_target("https://a.b.example.org/x", domain));
  for (const char* foreign : {"https://example.net/x", "https://badexample.org/x", "https://example.org.evil.example/x",
                              "https://org/x", "https://192.0.2.1/x", "https://evil.example/example.org",
                              "https://evil.example#.example.org", "https://evil.example?.example.org"}) {
    EXPECT_FALSE(put_target(foreign, domain)) << foreign;
  }
  domain.upload_origins = {"https://files.example.net"};
  const auto target = put_target("https://files.example.net:443/x", domain);
  ASSERT_TRUE(target);
  EXPECT_TRUE(target->listed);
  EXPECT_FALSE(put_target("https://files.example.net:444/x", domain));
  EXPECT_FALSE(put_target("https://a.files.example.net/x", domain));
}

TEST(PutTarget, PlainOnlyWhereItIsListed) {
  Domain domain = example();
  EXPECT_FALSE(put_target("http://127.0.0.1:5280/x", domain));
  EXPECT_FALSE(put_target("http://files.example.org/x", domain));
  domain.upload_origins = {"http://127.0.0.1:5280", "http://plain.example.org"};
  const auto target = put_target("http://127.0.0.1:5280/x", domain);
  ASSERT_TRUE(target);
  EXPECT_TRUE(target->listed);
  EXPECT_FALSE(target->secure);
  EXPECT_EQ(put_target("http://plain.example.org/x", domain)->port, 80);
  EXPECT_FALSE(put_target("http://127.0.0.1:5281/x", domain));
  EXPECT_FALSE(put_target("http://127.0.0.1:5280.evil.example/x", domain));
  EXPECT_FALSE(put_target("https://127.0.0.1:5280/x", domain));
}

TEST(PutTarget, RefusesWhatCannotStandInARequest) {
  Domain domain = example();
  domain.upload_origins = {"https://", "https://:443", "https://a b", "https://example.org:99999"};
  for (const char* bad :
       {"", "https://", "https:///x", "https://a b/", "ftp://files.example.org/x", "https://files.example.org/a b",
        "https://files.example.org/a\r\nHost: b", "https://files.example.org\r\nHost: b/", "https://x@example.org/",
        "https://files.example.org/\xc3\xa4", "https://\xc3\xa4.example.org/", "https://example.org:99999/",
        "https://:443/x", "https://example.org:0/x"}) {
    EXPECT_FALSE(put_target(bad, domain)) << bad;
  }
}

TEST(MediaType, IsOneOrNone) {
  EXPECT_EQ(media_type("text/plain"), "text/plain");
  EXPECT_EQ(media_type("application/vnd.oasis.opendocument.text"), "application/vnd.oasis.opendocument.text");
  for (const char* bad :
       {"", "text", "/", "text/", "text/plain; charset=utf-8", "text/pl ain", "text/a\r\nb", "a/b/c"}) {
    EXPECT_EQ(media_type(bad), "application/octet-stream") << bad;
  }
}

TEST(BringsFile, IsAQuestionOfThePath) {
  EXPECT_TRUE(brings_file("/upload/c1"));
  EXPECT_FALSE(brings_file("/upload"));
  EXPECT_FALSE(brings_file("/http-bind"));
  EXPECT_TRUE(brings_file("/s/SID/upload/c1"));
  EXPECT_FALSE(brings_file("/s/upload/c1"));
  EXPECT_FALSE(brings_file("/x/upload/c1"));
}

// What the answer says, however its bytes are cut; 0 for none, and nothing while it is not complete.
std::optional<std::uint16_t> status_in(std::string_view answer) {
  std::optional<std::uint16_t> whole;
  for (std::size_t cut = 0; cut <= answer.size(); ++cut) {
    PutAnswer reader;
    auto verdict = reader.take(answer.substr(0, cut));
    if (!verdict) verdict = reader.take(answer.substr(cut));
    const auto status = verdict ? std::optional(verdict->status) : std::nullopt;
    if (cut == 0) whole = status;
    EXPECT_EQ(status, whole) << "cut at " << cut;
  }
  return whole;
}

TEST(PutAnswer, IsTheFinalStatus) {
  EXPECT_EQ(status_in("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"), 201);
  EXPECT_EQ(status_in("HTTP/1.0 200 OK\r\n\r\nbody"), 200);
  EXPECT_EQ(status_in("HTTP/1.1 413\r\n\r\n"), 413);
  EXPECT_EQ(
      status_in("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 507 Full\r\n\r\n"),
      507);
  EXPECT_EQ(status_in("HTTP/1.1 100 Continue\r\n\r\n"), std::nullopt);
  EXPECT_EQ(status_in("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n"), std::nullopt);
}

// What cleaning leaves in a label, marks of direction among it, is not for a log.
TEST(PutTarget, IsShownInOneLineAsItIs) {
  EXPECT_EQ(origin_for_log("https://Files.example.org:8443/slot"), "https://files.example.org:8443");
  EXPECT_EQ(origin_for_log("https://a\u200e\u200f\u061c.example/"),
            "https://a\\xe2\\x80\\x8e\\xe2\\x80\\x8f\\xd8\\x9c.example");
  EXPECT_LT(origin_for_log("https://" + std::string(5000, 'x') + "/").size(), 310U);
}

TEST(PutAnswer, IsNoneWhereThereIsNoHttp) {
  for (const char* nonsense :
       {"\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 20\r\n\r\n",
        "HTTP/1.1 099 X\r\n\r\n", "HTTP/1.1 600 X\r\n\r\n", "HTTP/1.1 -20 X\r\n\r\n", "HTTP/1.11 20 X\r\n\r\n",
        "220 files.example.org ESMTP\r\n\r\n"}) {
    EXPECT_EQ(status_in(nonsense), 0) << nonsense;
  }
}

TEST(PutAnswer, IsBounded) {
  const std::string start = "HTTP/1.1 200 OK\r\nX: ";
  const std::string longest = start + std::string(8 * 1024 - start.size(), 'x');
  PutAnswer fits, grows, too_long;
  EXPECT_EQ(fits.take(longest + "\r\n\r\n")->status, 200);
  EXPECT_FALSE(grows.take(longest + "\r\n\r"));
  EXPECT_EQ(grows.take("x")->status, 0);
  EXPECT_EQ(too_long.take(longest + "x\r\n\r\n")->status, 0);
}

}  // namespace
}  // namespace gateway
