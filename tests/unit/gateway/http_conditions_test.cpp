// Conditional and range requests as a table (RFC 9110 13, 14).
#include "gateway/http_conditions.hpp"

#include <gtest/gtest.h>

namespace gateway {
namespace {

constexpr std::time_t modified = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
constexpr std::uint64_t size = 1000;

// Fields: If-None-Match, If-Modified-Since, Range, If-Range.
std::string outcome(const Conditions& conditions, std::string_view etag = "\"a\"", std::uint64_t length = size) {
  const Wanted wanted = wanted_of(conditions, Version{etag, modified, length});
  if (std::holds_alternative<WholeFile>(wanted)) return "whole";
  if (std::holds_alternative<NotModified>(wanted)) return "not modified";
  if (std::holds_alternative<UnsatisfiableRange>(wanted)) return "unsatisfiable";
  const auto& part = std::get<PartOfFile>(wanted);
  return std::to_string(part.first) + '+' + std::to_string(part.length);
}

TEST(HttpConditions, Dates) {
  EXPECT_EQ(http_date(modified), "Sun, 06 Nov 1994 08:49:37 GMT");
  for (const std::string_view text :
       {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
    EXPECT_EQ(read_http_date(text), modified) << text;
  }
  for (const std::string_view text : {"", "yesterday", "Sun, 06 Nov 1994 08:49:37 GMT+1", "Sun, 06 Nov 1994", "0"}) {
    EXPECT_FALSE(read_http_date(text)) << text;
  }
}

TEST(HttpConditions, TagsAndDatesTellWhetherACopyIsGood) {
  EXPECT_EQ(outcome({}), "whole");
  EXPECT_EQ(outcome({"\"a\"", {}, {}, {}}), "not modified");
  EXPECT_EQ(outcome({"W/\"a\"", {}, {}, {}}), "not modified");
  EXPECT_EQ(outcome({"\"a\"", {}, {}, {}}, "W/\"a\""), "not modified");
  EXPECT_EQ(outcome({"\"x\", \"y,\" , W/\"a\"", {}, {}, {}}), "not modified");
  EXPECT_EQ(outcome({"*", {}, {}, {}}), "not modified");
  EXPECT_EQ(outcome({"\"b\"", {}, {}, {}}), "whole");
  EXPECT_EQ(outcome({"a", {}, {}, {}}), "whole");
  EXPECT_EQ(outcome({"\"a", {}, {}, {}}), "whole");
  EXPECT_EQ(outcome({{}, "Sun, 06 Nov 1994 08:49:37 GMT", {}, {}}), "not modified");
  EXPECT_EQ(outcome({{}, "Sun, 06 Nov 1994 08:49:36 GMT", {}, {}}), "whole");
  EXPECT_EQ(outcome({{}, "nonsense", {}, {}}), "whole");
  // The tag is the better witness.
  EXPECT_EQ(outcome({"\"b\"", "Sun, 06 Nov 1994 08:49:37 GMT", {}, {}}), "whole");
}

TEST(HttpConditions, Ranges) {
  const auto range = [](std::string text, std::uint64_t length = size) {
    return outcome({{}, {}, std::move(text), {}}, "\"a\"", length);
  };
  EXPECT_EQ(range("bytes=0-0"), "0+1");
  EXPECT_EQ(range("bytes=10-19"), "10+10");
  EXPECT_EQ(range("bytes=990-"), "990+10");
  EXPECT_EQ(range("bytes=990-5000"), "990+10");
  EXPECT_EQ(range("bytes=-1"), "999+1");
  EXPECT_EQ(range("bytes=-5000"), "0+1000");
  EXPECT_EQ(range("bytes=1000-"), "unsatisfiable");
  EXPECT_EQ(range("bytes=-0"), "unsatisfiable");
  EXPECT_EQ(range("bytes=0-", 0), "unsatisfiable");
  EXPECT_EQ(range("bytes=-1", 0), "unsatisfiable");
  for (const char* const text :
       {"bytes=5-4", "bytes=0-1,5-6", "bytes=", "bytes=-", "bytes=a-b", "bytes=--1", "lines=1-2", "bytes 0-1",
        "bytes=18446744073709551616-", "bytes=0-18446744073709551616", "bytes=+1-2", ","}) {
    EXPECT_EQ(range(text), "whole") << text;
  }
  EXPECT_EQ(range("bytes=0-18446744073709551615"), "0+1000");
}

TEST(HttpConditions, IfRangeNeedsAStrongMatch) {
  EXPECT_EQ(outcome({{}, {}, "bytes=0-1", "\"a\""}), "0+2");
  EXPECT_EQ(outcome({{}, {}, "bytes=0-1", "\"b\""}), "whole");
  EXPECT_EQ(outcome({{}, {}, "bytes=0-1", "W/\"a\""}, "W/\"a\""), "whole");
  EXPECT_EQ(outcome({{}, {}, "bytes=0-1", "Sun, 06 Nov 1994 08:49:37 GMT"}), "0+2");
  EXPECT_EQ(outcome({{}, {}, "bytes=0-1", "Sun, 06 Nov 1994 08:49:38 GMT"}), "whole");
}

}  // namespace
}  // namespace gateway
