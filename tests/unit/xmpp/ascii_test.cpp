#include "xmpp/ascii.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace xmpp {
namespace {

TEST(Ascii, LosesTheCaseOfItsLettersOnly) {
  EXPECT_EQ(lowered("A-Z @[`{ \xC3\x84 az"), "a-z @[`{ \xC3\x84 az");
  EXPECT_EQ(lowered(""), "");
}

TEST(Ascii, ComparesNamesWithoutTheirCase) {
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
}  // namespace xmpp
