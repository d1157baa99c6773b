#include "gateway/field_text.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace gateway {
namespace {

TEST(FieldText, LosesItsBlanks) {
  EXPECT_EQ(trimmed(" \ta b\t "), "a b");
  EXPECT_EQ(trimmed("a"), "a");
  EXPECT_EQ(trimmed(" \t "), "");
  EXPECT_EQ(trimmed(""), "");
}

TEST(FieldText, GivesItsItemsOneByOne) {
  std::string_view list = "a , ,b;c,";
  EXPECT_EQ(next_item(list, ','), "a");
  EXPECT_EQ(next_item(list, ','), "");
  EXPECT_EQ(next_item(list, ','), "b;c");
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(next_item(list, ','), "");
}

TEST(FieldText, ComparesNamesWithoutTheirCase) {
  EXPECT_TRUE(same_ignoring_case("gzip", "GZIP"));
  EXPECT_TRUE(same_ignoring_case("", ""));
  EXPECT_FALSE(same_ignoring_case("gzip", "gzi"));
  EXPECT_FALSE(same_ignoring_case("gzip", "gzis"));
  EXPECT_FALSE(same_ignoring_case("@[`{", "`{@["));
  // Not a byte behind either, where they differ at their end (tests/issues: forwarded_fuzz, compression_fuzz).
  const std::vector<char> a = {'h', 't', 't', 'p', 's'}, b = {'H', 'T', 'T', 'P', 'S'};
  EXPECT_TRUE(same_ignoring_case({a.data(), a.size()}, {b.data(), b.size()}));
}

}  // namespace
}  // namespace gateway
