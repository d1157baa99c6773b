// Cookies, tokens, origins and the throttle of the chat without scripts. PROTOCOL Z-005, Z-006.
#include "gateway/web_access.hpp"
#include "gateway/random.hpp"

#include <gtest/gtest.h>

namespace gateway {
namespace {

TEST(WebAccess, FindsItsCookie) {
  EXPECT_EQ(find_cookie("a=b; postern=SID; c=d", Cookie::session, false), "SID");
  EXPECT_EQ(find_cookie("postern=SID", Cookie::session, false), "SID");
  EXPECT_FALSE(find_cookie("", Cookie::session, false));
  EXPECT_FALSE(find_cookie("xpostern=SID; postern", Cookie::session, false));
}

// A plain cookie can be set by any other host of the domain; on TLS it counts for nothing.
TEST(WebAccess, TrustsOnlyThePrefixedCookieOnTls) {
  EXPECT_EQ(find_cookie("__Host-postern=SID; postern=X", Cookie::session, true), "SID");
  EXPECT_FALSE(find_cookie("postern=SID", Cookie::session, true));
  EXPECT_FALSE(find_cookie("__Host-postern=SID", Cookie::session, false));
}

TEST(WebAccess, TakesNeitherOfTwoCookies) {
  EXPECT_FALSE(find_cookie("postern=A; postern=B", Cookie::session, false));
}

TEST(WebAccess, SetsTheStrictestCookie) {
  EXPECT_EQ(set_cookie(Cookie::session, "SID", false),
            "Set-Cookie: postern=SID; Path=/; HttpOnly; SameSite=Strict\r\n");
  EXPECT_EQ(set_cookie(Cookie::session, "SID", true),
            "Set-Cookie: __Host-postern=SID; Path=/; HttpOnly; SameSite=Strict; Secure\r\n");
  EXPECT_EQ(forget_cookie(Cookie::session, false),
            "Set-Cookie: postern=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0\r\n");
}

TEST(WebAccess, KeepsTheReadersWishesApart) {
  EXPECT_EQ(set_cookie(Cookie::reader, "de.60.0", true),
            "Set-Cookie: __Host-postern-reader=de.60.0; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=31536000\r\n");
  EXPECT_EQ(find_cookie("postern=SID; postern-reader=de.60.0", Cookie::reader, false), "de.60.0");
  EXPECT_EQ(find_cookie("postern=SID; postern-reader=de.60.0", Cookie::session, false), "SID");
  EXPECT_FALSE(find_cookie("postern-reader=de.60.0", Cookie::reader, true));
}

TEST(WebAccess, KnowsWhereAFormComesFrom) {
  const auto from = [](std::string origin, std::string site, bool secure = false) {
    RequestHead head;
    head.host = "chat.example.org:5280";
    head.origin = std::move(origin);
    head.sec_fetch_site = std::move(site);
    return is_from_here(head, secure);
  };
  EXPECT_TRUE(from("http://chat.example.org:5280", "same-origin"));
  EXPECT_TRUE(from("http://chat.example.org:5280", ""));
  EXPECT_TRUE(from("", ""));  // the token decides
  EXPECT_FALSE(from("", "cross-site"));
  EXPECT_FALSE(from("http://chat.example.org:5280", "same-site"));
  EXPECT_FALSE(from("http://chat.example.org", ""));
  EXPECT_FALSE(from("https://chat.example.org:5280", ""));
  EXPECT_TRUE(from("https://chat.example.org:5280", "", true));
  EXPECT_FALSE(from("null", ""));
  EXPECT_FALSE(from("http://evil.example", "same-origin"));
}

TEST(WebAccess, MakesTokensOfKeyAndForm) {
  const std::string token = token_for("key", "/compose/c1");
  EXPECT_EQ(token.size(), 32u);
  EXPECT_EQ(token, token_for("key", "/compose/c1"));
  EXPECT_NE(token, token_for("key", "/compose/c2"));
  EXPECT_NE(token, token_for("kez", "/compose/c1"));
  EXPECT_TRUE(same_token(token, token));
  EXPECT_FALSE(same_token(token, token.substr(1)));
  EXPECT_FALSE(same_token(token, ""));
  EXPECT_NE(random_token(), random_token());
}

TEST(WebAccess, ThrottlesByName) {
  LoginThrottle throttle("key");
  const xmpp::Instant now{std::chrono::seconds(1000)};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(throttle.try_now("account a", 3, now));
  EXPECT_FALSE(throttle.try_now("account a", 3, now + std::chrono::seconds(59)));
  EXPECT_TRUE(throttle.try_now("account b", 3, now));
  EXPECT_TRUE(throttle.try_now("account a", 3, now + std::chrono::seconds(60)));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(throttle.try_now("account c", 0, now)) << "no limit";
}

TEST(WebAccess, KeepsCountWhateverFloodOfNamesComes) {
  LoginThrottle throttle("key");
  const xmpp::Instant now{std::chrono::seconds(1000)};
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(throttle.try_now("account a", 10, now));
  int refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (!throttle.try_now("address " + std::to_string(i), 30, now)) ++refused;
  }
  EXPECT_EQ(refused, 0) << "the crowd itself is below its limits";
  EXPECT_FALSE(throttle.try_now("account a", 10, now + std::chrono::seconds(59)));
  EXPECT_TRUE(throttle.try_now("account b", 10, now));
  EXPECT_TRUE(throttle.try_now("account a", 10, now + std::chrono::seconds(60)));
}

}  // namespace
}  // namespace gateway
