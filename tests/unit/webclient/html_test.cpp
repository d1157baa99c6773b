// PROTOCOL Z-007: everything from the network is escaped for its context.
#include "webclient/html.hpp"

#include <gtest/gtest.h>

#include <array>

namespace webclient {
namespace {

std::string linked(std::string_view text) {
  std::string out;
  append_html_with_links(out, text);
  return out;
}

std::string link(const std::string& url, const std::string& shown) {
  return "<a href=\"" + url + "\" target=\"_blank\" rel=\"noreferrer noopener nofollow\">" + shown + "</a>";
}

TEST(Html, EscapesForContentAndAttributes) {
  EXPECT_EQ(html("<b a=\"1\" c='2'>&amp;"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;");
  EXPECT_EQ(html("äöü 😀"), "äöü 😀");
}

TEST(Html, MakesLinksOfWebAddresses) {
  EXPECT_EQ(linked("see https://example.org/a?b=1&c=2."),
            "see " + link("https://example.org/a?b=1&amp;c=2", "https://example.org/a?b=1&amp;c=2") + ".");
  EXPECT_EQ(linked("(http://example.org/x_(y))"),
            "(" + link("http://example.org/x_(y)", "http://example.org/x_(y)") + ")");
  EXPECT_EQ(linked("http://a.example http://b.example"),
            link("http://a.example", "http://a.example") + " " + link("http://b.example", "http://b.example"));
}

TEST(Html, EndsAWebAddressAtAnyWhiteSpace) {
  EXPECT_EQ(linked("http://a.example\u3000http://b.example\u00a0c"),
            link("http://a.example", "http://a.example") + "\u3000" + link("http://b.example", "http://b.example") +
                "\u00a0c");
}

// Long enough that a walk which begins anew for each of these would not come to its end today.
TEST(Html, LooksAtEachByteAFewTimesAtMost) {
  const auto repeated = [](std::string_view text, int times) {
    std::string out;
    while (times-- > 0) out += text;
    return out;
  };
  constexpr int many = 20'000;
  const std::string failing = repeated("http://", many) + repeated(")", many);
  EXPECT_EQ(linked(failing), html(failing));
  EXPECT_EQ(linked("http://a.example" + repeated(")", many)),
            link("http://a.example", "http://a.example") + repeated(")", many));
  const std::string words = repeated("http://a@b", many) + " http://c.example";
  EXPECT_EQ(linked(words), html(repeated("http://a@b", many)) + " " + link("http://c.example", "http://c.example"));
}

TEST(Html, MakesNoLinksOfAnythingElse) {
  for (const char* text : {"javascript:alert(1)", "data:text/html,x", "http://", "https:example.org",
                           "httpx://example.org", "http://user:pass@example.org/", "xmpp:alice@example.org"}) {
    EXPECT_EQ(linked(text).find("<a "), std::string::npos) << text;
  }
}

TEST(Html, LetsNoLinkBreakOut) {
  const std::string out = linked("http://example.org/\"onclick=x' <script>alert(1)</script>http://e.example/<b>");
  EXPECT_EQ(out.find("<script"), std::string::npos);
  EXPECT_EQ(out.find("\"onclick"), std::string::npos);
  EXPECT_EQ(out.find("<b>"), std::string::npos);
}

TEST(Css, KeepsEverythingWithinTheString) {
  std::string out;
  append_css_string(out, "a\"</style>\\}\n{ä");
  EXPECT_EQ(out, "\"a\\22 \\3c \\2f style\\3e \\5c \\7d \\0a \\7b ä\"");
}

TEST(Html, NamesFilesAsPeopleDo) {
  const auto link = [](std::string_view url, std::string_view name, std::string_view host) {
    return "<bdi><a href=\"" + html(url) + "\" target=\"_blank\" rel=\"noreferrer noopener nofollow\">" +
           std::string(name) + "</a></bdi> <small><bdi>" + std::string(host) + "</bdi></small>";
  };
  const std::array<std::array<std::string_view, 3>, 9> table{{
      {"https://up.example:5443/f/x/pic%20%C3%BC.png", "pic \u00fc.png", "up.example:5443"},
      {"https://up.example/a/b.txt?c=/d#e/f", "b.txt", "up.example"},
      {"https://up.example/%3Cscript%3E%22%26", "&lt;script&gt;&quot;&amp;", "up.example"},
      {"https://up.example/%FF.png", "%FF.png", "up.example"},                   // no UTF-8
      {"https://up.example/%zz.png", "%zz.png", "up.example"},                   // no escape
      {"https://up.example/a%E2%80%AEgnp.exe", "agnp.exe", "up.example"},        // no turning around
      {"https://up.example/%20%0a", "https://up.example/%20%0a", "up.example"},  // nothing is left
      {"https://up.example", "https://up.example", "up.example"},                // no name
      {"https://up.example/a/?x=y.png", "https://up.example/a/?x=y.png", "up.example"},
  }};
  for (const auto& [url, name, host] : table) {
    std::string out;
    append_file_link(out, url);
    EXPECT_EQ(out, link(url, name, host));
  }
}

}  // namespace
}  // namespace webclient
