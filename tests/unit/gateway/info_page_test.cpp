#include "gateway/info_page.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "gateway/version.hpp"

namespace gateway {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

InfoRequest request() {
  return {.path = "/http-bind",
          .scheme = "https",
          .host = "chat.example.org",
          .origin = "https://app.example.org",
          .client = "192.0.2.1",
          .peer = "127.0.0.1",
          .http_version = "HTTP/1.1",
          .proxy_trusted = true,
          .forwarded_fields = true};
}

TEST(InfoPage, SaysWhatTheGatewaySees) {  // H-017
  const std::string page = info_page(request());
  for (const auto* part : {"https://chat.example.org/http-bind", "192.0.2.1", "127.0.0.1", "https://app.example.org",
                           "HTTP/1.1", "trusted proxy", "BOSH"}) {
    EXPECT_TRUE(contains(page, part)) << part;
  }
  EXPECT_TRUE(contains(page, version));
  EXPECT_FALSE(contains(page, "<script"));
  EXPECT_FALSE(contains(page, "not encrypted"));
}

TEST(InfoPage, SaysWhatIsWrongWithTheProxy) {
  InfoRequest seen = request();
  seen.proxy_trusted = false;
  seen.scheme = "http";
  EXPECT_TRUE(contains(info_page(seen), "trusted_proxies"));
  EXPECT_TRUE(contains(info_page(seen), "not encrypted"));
  seen = request();
  seen.forwarded_fields = false;
  EXPECT_TRUE(contains(info_page(seen), "let it send"));
  seen.proxy_trusted = false;
  seen.peer = seen.client;
  EXPECT_FALSE(contains(info_page(seen), "trusted_proxies"));
  EXPECT_FALSE(contains(info_page(seen), "Address of the proxy"));
}

TEST(InfoPage, EscapesEverythingFromTheRequest) {
  const std::string_view attack = "<script>alert('1')</script>&\"\r\n\x01\xff";
  for (auto field : {&InfoRequest::path, &InfoRequest::scheme, &InfoRequest::host, &InfoRequest::origin,
                     &InfoRequest::client, &InfoRequest::peer, &InfoRequest::http_version}) {
    InfoRequest seen = request();
    seen.*field = attack;
    const std::string page = info_page(seen);
    EXPECT_FALSE(contains(page, "<script"));
    EXPECT_FALSE(contains(page, "alert('"));
    EXPECT_FALSE(contains(page, "\x01"));
    EXPECT_FALSE(contains(page, "\xff"));
    EXPECT_TRUE(contains(page, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;????"));
  }
}

TEST(InfoPage, LongFieldsAreCut) {
  InfoRequest seen = request();
  const std::string origin(100000, 'x');
  seen.origin = origin;
  EXPECT_LT(info_page(seen).size(), 4000u);
}

TEST(InfoPage, PolicyAllowsThePagesOwnStyleOnly) {
  const std::string page = info_page(request());
  const auto begin = page.find("<style>") + 7;
  const std::string style = page.substr(begin, page.find("</style>") - begin);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(style.data()), style.size(), digest);
  char base64[64];
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64), digest, sizeof digest);
  const std::string policy(info_page_policy());
  EXPECT_TRUE(contains(policy, "default-src 'none'"));
  EXPECT_TRUE(contains(policy, "'sha256-" + std::string(base64) + "'")) << policy;
  EXPECT_FALSE(contains(policy, "unsafe"));
}

}  // namespace
}  // namespace gateway
