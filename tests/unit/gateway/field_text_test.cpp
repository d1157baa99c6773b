#include "gateway/field_text.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace gateway
