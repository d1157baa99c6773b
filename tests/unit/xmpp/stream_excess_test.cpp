// StreamSplitter: a stanza above Limits, and not by its size, is passed over and costs nobody the session.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/xmpp/splitter_support.hpp"

namespace {

using test::Lines;
using testing::ElementsAre;
using xmpp::Limits;
using xmpp::ParserPool;

const std::string header =
    "<stream:stream id='s1' from='example.org' version='1.0' "
    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const std::string opened = "opened id=s1 from=example.org version=1.0 lang=";
const std::string before = "<iq id='1'/>", after = "<presence/>";
const std::string before_self = "<iq xmlns='jabber:client' id='1'/>", after_self = "<presence xmlns='jabber:client'/>";
const std::string rest = "<message xmlns='jabber:client' from='b@x/y' id='7' type='chat'/>";

std::string repeat(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

Limits small_limits() {
  Limits limits;
  limits.max_bytes = 600;
  limits.max_depth = 6;
  limits.max_attributes = 6;
  limits.max_name_bytes = 60;
  limits.max_elements = 8;
  limits.leave_out = true;
  return limits;
}

std::string message(const std::string& content, const std::string& more = {}) {
  return "<message from='b@x/y' id='7' type='chat'" + more + ">" + content + "</message>";
}

void check(const std::string& bytes, const Lines& expected, const char* what) {
  EXPECT_EQ(test::split_stream(bytes, small_limits()), expected) << what;
  EXPECT_EQ(test::sweep(bytes, small_limits()), "") << what;
}

TEST(StreamExcess, IsPassedOverAndNothingElse) {
  const std::string deep = "<a><b><c><d>", undeep = "</d></c></b></a>";
  const std::string long_name(61, 'n');
  const struct {
    const char* what;
    std::string stanza, line;
  } cases[] = {
      {"depth", message(deep + "<e/>" + undeep), "elements too deep: " + rest},
      {"depth, not empty", message(deep + "<e><f>x</f></e>" + undeep), "elements too deep: " + rest},
      {"depth, and more",
       message("<q/>" + deep +
               "<e><!"
               "[CDATA[</message>]]></e>" +
               undeep + "<body>x</body>"),
       "elements too deep: " + rest},
      {"elements", message(repeat("<a/>", 8)), "too many elements: " + rest},
      {"attributes", message("<a b='' c='' d='' e='' f='' g='' h=''/>"), "too many attributes: " + rest},
      {"attributes of its own", message("", " a='' b='' c='' d='>'"), "too many attributes: " + rest},
      {"attributes of its own, empty", "<presence from='b@x/y' a='' b='' c='' d='' e='' f='/'/>",
       "too many attributes: <presence xmlns='jabber:client' from='b@x/y'/>"},
      {"declarations",
       message("<a xmlns:b='b' xmlns:c='c' xmlns:d='d' xmlns:e='e' xmlns:f='f' xmlns:g='g' xmlns:h='h'/>"),
       "too many attributes: " + rest},
      {"declarations of its own", message("", " xmlns:b='b' xmlns:c='c' xmlns:d='d' xmlns:e='e'"),
       "too many attributes: " + rest},
      {"name of an element", message("<" + long_name + "/>"), "name too long: " + rest},
      {"name of an attribute", message("<a " + long_name + "=''>x</a>"), "name too long: " + rest},
      {"name of an attribute of its own", message("x", " " + long_name + "=''"), "name too long: " + rest},
      {"name of a prefix", message("<a xmlns:" + long_name + "='u'/>"), "name too long: " + rest},
      {"name of a namespace", message("<a xmlns='" + long_name + "'/>"), "name too long: " + rest},
      {"prefixed",
       "<c:iq xmlns:c='jabber:client' type='set' id='&lt;1>' to='a@x'>" + deep + "<e/>" + undeep + "</c:iq>",
       "elements too deep: <iq xmlns='jabber:client' type='set' id='&lt;1>' to='a@x'/>"},
  };
  for (const auto& c : cases) {
    check(header + before + c.stanza + after, {opened, before_self, c.line, after_self}, c.what);
    check(header + c.stanza + " " + c.stanza, {opened, c.line, c.line}, c.what);
  }
}

// What grows too much when its prefixes are gone: each element says a long namespace again.
TEST(StreamExcess, IsNotMadeLong) {
  Limits limits;
  limits.leave_out = true;
  const std::string with_prefix = header.substr(0, header.size() - 1) + " xmlns:c='jabber:client' xmlns:o='u'>";
  const std::string declared = " xmlns:q='" + std::string(200, 'q') + "'>", elements = repeat("<q:b/>", 100);
  const std::string stanza = "<c:message from='b@x/y' id='7' type='chat'" + declared + elements + "</c:message>";
  EXPECT_THAT(test::split_stream(with_prefix + before + stanza + after, limits),
              ElementsAre(opened, before_self, "the names of its namespaces make it too long: " + rest, after_self));
  EXPECT_EQ(test::sweep(with_prefix + before + stanza + after, limits), "");
  EXPECT_THAT(test::split_stream(with_prefix + "<o:a" + declared + elements + "</o:a>" + after, limits),
              ElementsAre(opened, "fault too_large"))
      << "not a stanza";
}

// The size is the server's to keep to, and what is no stanza is nobody else's.
TEST(StreamExcess, StillHasLimits) {
  const std::string deep = repeat("<a>", 5);
  check(header + message(deep + std::string(600, 'x')), {opened, "fault too_large"}, "bytes behind");
  check(header + message(deep + "<!-- -->"), {opened, "fault restricted_xml"}, "a comment");
  check(header + "<x xmlns='u'>" + deep + "</x>", {opened, "fault too_large"}, "not a stanza");
  check(header + "<message xmlns='u'>" + deep + "</message>", {opened, "fault too_large"}, "not of jabber:client");
  const auto size = std::string("</a></a></a></a></a>").size();
  const std::string filled = message(deep + std::string(600 - message(deep).size() - size, 'x') + repeat("</a>", 5));
  EXPECT_EQ(filled.size(), 600U);
  check(header + filled + after, {opened, "elements too deep: " + rest, after_self}, "bytes, just");
}

// Whatever it is made of, none of it is kept.
TEST(StreamExcess, TakesNoMemory) {
  Limits limits;
  limits.max_bytes = 4 * 1024 * 1024;
  limits.leave_out = true;
  ParserPool pool;
  xmpp::StreamSplitter splitter(pool, limits);
  xmpp::StreamEvents events;
  splitter.feed(header + "<message from='b@x/y' id='7' type='chat'>", events);
  for (int i = 0; i < 100; ++i) splitter.feed(repeat("<a b='c'>", 1000), events);
  EXPECT_LT(splitter.held_bytes(), 1024U);
  EXPECT_EQ(splitter.pending_bytes(), rest.size());
  for (int i = 0; i < 100; ++i) splitter.feed(repeat("</a>", 1000), events);
  EXPECT_EQ(events.list.size(), 1U) << "nothing before its end";
  splitter.feed("</message>", events);
  ASSERT_EQ(events.list.size(), 2U);
  EXPECT_EQ(test::describe(events.list.back()), "elements too deep: " + rest);
  EXPECT_EQ(splitter.held_bytes(), 0U);
  splitter.feed("<message>" + repeat("<a>", 100), events);
  splitter.reset();
  splitter.feed(header, events);
  EXPECT_EQ(test::describe(events.list.back()), opened);
}

}  // namespace
