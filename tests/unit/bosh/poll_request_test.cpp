// Requests of XEP-0025 taken apart, their keys, and what is told of a session (PROTOCOL P-001...P-007, P-017, P-020).
#include "bosh/poll_request.hpp"

#include <gtest/gtest.h>

#include "xmpp/parser_pool.hpp"

namespace bosh {
namespace {

std::string shown(std::string_view body) {
  const auto request = read_poll_request(body);
  if (!request) return "none";
  const auto part = [](const std::optional<std::string_view>& text) {
    return text ? "[" + std::string(*text) + "]" : std::string("-");
  };
  return std::string(request->id) + " " + part(request->key) + " " + part(request->newkey) + " " +
         std::string(request->xml);
}

TEST(PollRequestTest, Parts) {  // P-001, P-003
  EXPECT_EQ(shown("0,"), "0 - - ");
  EXPECT_EQ(shown("7776:2054,<a b='c,d;e'/>"), "7776:2054 - - <a b='c,d;e'/>");
  EXPECT_EQ(shown("0;VvxEk07IFy6hUmG/PPBlTLE2fiA=,<stream:stream"),
            "0 [VvxEk07IFy6hUmG/PPBlTLE2fiA=] - <stream:stream");
  EXPECT_EQ(shown("7-a;key;new,"), "7-a [key] [new] ");
  EXPECT_EQ(shown("7;;new,x"), "7 [] [new] x");
  for (const char* const body :
       {"", "0", "0;a;b", ",x", ";a,x", "a b,x", "a_b,x", "0;a;b;c,x", "<stream:stream>", "%30%2C<x/>"}) {
    EXPECT_EQ(shown(body), "none") << body;
  }
  EXPECT_EQ(shown(std::string(65, 'a') + ","), "none");
  EXPECT_EQ(shown("0;" + std::string(129, 'a') + ","), "none");
}

TEST(PollRequestTest, Cookies) {  // P-004, P-017, P-020
  EXPECT_EQ(poll_cookie("abc:1", "/http-poll"), "Set-Cookie: ID=abc:1; path=/http-poll/; expires=-1\r\n");
  EXPECT_EQ(poll_error_id(PollError::unknown_session), "0:0");
  EXPECT_EQ(poll_error_id(PollError::server_error), "-1:0");
  EXPECT_EQ(poll_error_id(PollError::bad_request), "-2:0");
  EXPECT_EQ(poll_error_id(PollError::key_error), "-3:0");
}

PollRequest with(std::optional<std::string_view> key, std::optional<std::string_view> newkey = {}) {
  return PollRequest{"id", key, newkey, {}};
}

// The sequence of XEP-0025: K(0) is "foo".
constexpr std::string_view k1 = "C+7Hteo/D9vJXQ3UfzxbwnXaijM=";
constexpr std::string_view k2 = "6UU8CDmH3O4aHFmCqSORCn721+M=";

TEST(PollKeysTest, RunDownTheSequence) {  // P-005, P-006
  PollKeys keys(k2);
  EXPECT_FALSE(keys.accept(with({}))) << "P-021";
  EXPECT_FALSE(keys.accept(with(k2)));
  EXPECT_FALSE(keys.accept(with("foo"))) << "one too far";
  EXPECT_TRUE(keys.accept(with(k1)));
  EXPECT_FALSE(keys.accept(with(k1))) << "a repeated request";
  EXPECT_TRUE(keys.accept(with("foo")));
}

TEST(PollKeysTest, SwitchToANewSequence) {
  PollKeys keys(k2);
  EXPECT_TRUE(keys.accept(with(k1, k1)));
  EXPECT_FALSE(keys.accept(with(k1)));
  EXPECT_TRUE(keys.accept(with("foo")));
}

TEST(PollKeysTest, PaddingMeansNothing) {  // P-007
  PollKeys keys(k2.substr(0, k2.size() - 1));
  EXPECT_TRUE(keys.accept(with(k1)));
  PollKeys hashed_as_received(k1);
  EXPECT_FALSE(hashed_as_received.accept(with("foo=")));
}

TEST(PollKeysTest, AreOptional) {
  PollKeys keys({});
  EXPECT_TRUE(keys.accept(with({})));
  EXPECT_TRUE(keys.accept(with("whatever")));
}

TEST(PollHeaderTest, SaysWhereTo) {
  xmpp::ParserPool pool;
  const xmpp::Limits limits;
  const auto read = [&](std::string_view xml) { return read_poll_header(xml, pool, limits); };
  const auto header = read(
      "<?xml version='1.0'?>\n<stream:stream id='x' to='example&#46;org' xml:lang='de' version='1.0' "
      "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><auth");
  ASSERT_TRUE(header);
  EXPECT_EQ(header->to, "example.org");
  EXPECT_EQ(header->lang, "de");
  EXPECT_TRUE(header->version);
  const auto old =
      read("<stream:stream to=\"a\" xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
  ASSERT_TRUE(old);
  EXPECT_FALSE(old->version);
  for (const char* const xml :
       {"", " ", "<", "<stream:stream to='a'", "<?xml version='1.0'?>", "<body/>", "garbage",
        "<!DOCTYPE a><stream:stream to='a'>", "<stream:stream to='a' xmlns='jabber:client' xmlns:stream='wrong'>"}) {
    EXPECT_FALSE(read(xml)) << xml;
  }
}

}  // namespace
}  // namespace bosh
