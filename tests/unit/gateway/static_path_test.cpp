// Which names a URL may reach, and as what they are served.
#include "gateway/static_path.hpp"

#include <gtest/gtest.h>

namespace gateway {
namespace {

TEST(StaticPath, Names) {
  EXPECT_EQ(file_name_of(""), "");
  EXPECT_EQ(file_name_of("index.html"), "index.html");
  EXPECT_EQ(file_name_of("js/"), "js/");
  EXPECT_EQ(file_name_of("a/b/c..d"), "a/b/c..d");
  EXPECT_EQ(file_name_of("a%20b%c3%A9.js"), "a b\xc3\xa9.js");
  EXPECT_EQ(file_name_of("100%25"), "100%");
}

TEST(StaticPath, NothingLeadsOutOrToWhatIsHidden) {
  for (const char* const path :
       {".",       "..", "../x", "a/../b",     "a/..",   ".git/config", "a/.htaccess", "%2e%2e/x",  "%2E%2E/x",
        "a/%2e/b", "/a", "a//b", "a%2f..%2fb", "..%2fb", "a%5c..%5cb",  "a\\b",        "a%00b",     "a%0ab",
        "a%7f",    "%",  "a%2",  "a%zz",       "a%2x",   "//",          ".%2e/x",      "%252e/../x"}) {
    EXPECT_FALSE(file_name_of(path)) << path;
  }
  EXPECT_EQ(file_name_of("%252e%252e/x"), "%2e%2e/x");  // decoded once and never again
}

TEST(StaticPath, Types) {
  EXPECT_EQ(file_type_of("a/index.html").media_type, "text/html; charset=utf-8");
  EXPECT_EQ(file_type_of("A.JS").media_type, "text/javascript; charset=utf-8");
  EXPECT_TRUE(file_type_of("converse.min.js").compressible);
  EXPECT_FALSE(file_type_of("a.png").compressible);
  EXPECT_EQ(file_type_of("a.woff2").media_type, "font/woff2");
  for (const char* const name : {"html", "a.", "a.exe", "", "a.html~", "a.php"}) {
    EXPECT_EQ(file_type_of(name).media_type, "application/octet-stream") << name;
  }
}

}  // namespace
}  // namespace gateway
