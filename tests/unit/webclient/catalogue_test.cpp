// The texts: complete in every language, and the right one for a browser.
#include "webclient/catalogue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

namespace webclient {
namespace {

std::multiset<std::string> variables_of(const std::string& text) {
  static const std::regex variable("\\{\\{([a-z_]+)\\}\\}");
  std::multiset<std::string> out;
  for (std::sregex_iterator at(text.begin(), text.end(), variable), end; at != end; ++at) out.insert((*at)[1]);
  return out;
}

TEST(Catalogue, HasEveryTextInEveryLanguage) {
  ASSERT_GE(catalogues().size(), 3u);
  const Catalogue& english = catalogues().front();
  EXPECT_EQ(english.tag(), "en");
  EXPECT_GT(english.all().size(), 50u);
  for (const auto& language : catalogues()) {
    for (const auto& [key, text] : english.all()) {
      ASSERT_TRUE(language.has(key)) << language.tag() << " lacks " << key;
      EXPECT_FALSE(language.text(key).empty()) << language.tag() << " " << key;
      EXPECT_EQ(variables_of(std::string(language.text(key))), variables_of(text)) << language.tag() << " " << key;
    }
    for (const auto& [key, text] : language.all())
      EXPECT_TRUE(english.has(key)) << language.tag() << " alone has " << key;
  }
}

// A brace that opens no variable would be taken for a section or an unescaped variable by the templates.
TEST(Catalogue, HoldsNothingButPlainVariables) {
  const std::regex variable("\\{\\{[a-z_]+\\}\\}");
  for (const auto& language : catalogues()) {
    for (const auto& [key, text] : language.all()) {
      const std::string rest = std::regex_replace(text, variable, "");
      EXPECT_EQ(rest.find_first_of("{}<>"), std::string::npos) << language.tag() << " " << key;
    }
  }
}

TEST(Catalogue, KnowsOneThatIsWrittenFromRightToLeft) {
  EXPECT_EQ(catalogue("ar").text("language.dir"), "rtl");
  EXPECT_EQ(catalogue("en").text("language.dir"), "ltr");
}

TEST(Catalogue, ChoosesByWeightThenByOrder) {
  const auto chosen = [](std::string_view header) { return choose_language(header).tag(); };
  EXPECT_EQ(chosen(""), "en");
  EXPECT_EQ(chosen("de"), "de");
  EXPECT_EQ(chosen("de-AT,de;q=0.9,en;q=0.8"), "de");
  EXPECT_EQ(chosen("en;q=0.5, AR;q=0.9"), "ar");
  EXPECT_EQ(chosen("fr, de;q=0.1"), "de");
  EXPECT_EQ(chosen("de;q=0, fr"), "en");
  EXPECT_EQ(chosen("en, de"), "en");
  EXPECT_EQ(chosen("de;q=banana, ar;q=0.001"), "ar");
  EXPECT_EQ(chosen("en;Q=0.5, de;q=0.9"), "de");
  EXPECT_EQ(chosen("de;Q=0.9, en;Q=0.5"), "de");
  EXPECT_EQ(chosen(",,;;,"), "en");
}

TEST(Catalogue, PutsVariablesIn) {
  const Catalogue texts("xx", "# comment\na = {{x}} and {{y}}{{z}}, {{open\nb=1=2\nnothing\n");
  EXPECT_EQ(texts.fill("a", {{"x", "{{y}}"}, {"y", "<b>"}}), "{{y}} and <b>, {{open");
  EXPECT_EQ(texts.text("b"), "1=2");
  EXPECT_EQ(texts.text("missing"), "missing");
  EXPECT_FALSE(texts.has("nothing"));
}

}  // namespace
}  // namespace webclient
