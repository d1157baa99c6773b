#include "webclient/text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using webclient::clean_label;
using webclient::clean_text;
using webclient::nick_label;
using webclient::web_url;

TEST(CleanText, KeepsWhatPeopleWrite) {
  const std::string text = "Grüße\n\tan 你好 👩‍👩‍👧 שלום\u200f!";
  const auto clean = clean_text(text, 1000);
  EXPECT_EQ(clean.text, text);
  EXPECT_FALSE(clean.cut);
}

TEST(CleanText, EveryLineEndIsOne) {
  EXPECT_EQ(clean_text("a\r\nb\rc\nd\u2028e\u2029f\u0085g\x0Bh\x0Ci", 100).text, "a\nb\nc\nd\ne\nf\ng\nh\ni");
}

// Z-007: nothing that a contact sends turns the page around or hides in it.
TEST(CleanText, WithoutControlsAndBidiOverrides) {
  EXPECT_EQ(clean_text(std::string("a\0b\x01\x1b[31m\x7f", 10) + "\u0080\u009b", 100).text, "ab[31m");
  EXPECT_EQ(
      clean_text("\u202aa\u202bb\u202cc\u202dd\u202ee\u2066f\u2067g\u2068h\u2069i\u206aj\ufeffk\ufff9l", 100).text,
      "abcdefghijkl");
  EXPECT_EQ(clean_text("a\uFFFE\uFFFF\U0001FFFEb", 100).text, "ab");
}

TEST(CleanText, BytesThatAreNoCharacterAreReplaced) {
  EXPECT_EQ(clean_text("a\xffz", 100).text, "a\uFFFDz");
  EXPECT_EQ(clean_text("\xC0\x80", 100).text, "\uFFFD\uFFFD");
  EXPECT_EQ(clean_text("\xE2\x82", 100).text, "\uFFFD\uFFFD");
  EXPECT_EQ(clean_text("\xED\xA0\x80", 100).text, "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(clean_text("\xF4\x90\x80\x80", 100).text, "\uFFFD\uFFFD\uFFFD\uFFFD");
}

TEST(CleanText, CutsBetweenCharacters) {
  for (std::size_t bound = 0; bound <= 7; ++bound) {
    const auto clean = clean_text("a\u20acb\u20ac", bound);  // 1 + 3 + 1 + 3
    EXPECT_LE(clean.text.size(), bound);
    EXPECT_TRUE(clean.cut) << bound;
    EXPECT_EQ(clean.text, std::string("a\u20acb\u20ac").substr(0, bound < 1 ? 0 : bound < 4 ? 1 : bound < 5 ? 4 : 5));
  }
  EXPECT_FALSE(clean_text("a\u20acb\u20ac", 8).cut);
}

TEST(CleanLabel, IsOneLine) {
  EXPECT_EQ(clean_label("  Romeo \r\n\t of\u2028\u00a0 Verona\u202e  ", 100), "Romeo of Verona");
  EXPECT_EQ(clean_label("\n \t", 100), "");
  EXPECT_EQ(clean_label("ab cd", 3), "ab");
  EXPECT_EQ(clean_label("ab cd", 4), "ab c");
}

TEST(NickLabel, ShowsWhatCannotBeSeen) {
  EXPECT_EQ(nick_label("nurse", 10), "nurse");
  EXPECT_EQ(nick_label("old nurse", 10), "old nurse");
  for (const auto* const alike : {"nurse ", " nurse", "\u00a0nurse", "nur\u202ase"}) {
    EXPECT_EQ(nick_label(alike, 10), "nurse\u2423") << alike;
  }
  EXPECT_EQ(nick_label("old  nurse", 20), "old nurse\u2423");
  EXPECT_EQ(nick_label(" ", 10), "\u2423");
  EXPECT_EQ(nick_label("abcdefghijk", 10), "abcdefg\u2423");
}

TEST(Characters, AreCodePoints) {
  EXPECT_EQ(webclient::characters("a\u20ac\U0001F600"), 3U);
  EXPECT_EQ(webclient::characters(""), 0U);
}

TEST(WebUrl, OnlyTheWeb) {
  EXPECT_EQ(web_url("https://example.org/a?b#c", 100), "https://example.org/a?b#c");
  EXPECT_EQ(web_url("HTTP://[::1]:8080/x", 100), "http://[::1]:8080/x");
  for (const char* bad : {"", "javascript:alert(1)", "data:text/html,x", "ftp://a/", "https://", "https:///x", "//a/b",
                          "https://:80/", "https://user:pass@bank.example/", "https://a/\"onload=x", "https://a/ b",
                          "https://a/<b>", "https://a/\n", "https://a\\b/", "https://a/\u202e"}) {
    EXPECT_FALSE(web_url(bad, 100)) << bad;
  }
  EXPECT_FALSE(web_url("https://example.org/", 10));
}

}  // namespace
