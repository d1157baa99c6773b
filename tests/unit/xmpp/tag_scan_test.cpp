#include "xmpp/tag_scan.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tests/unit/xmpp/splitter_support.hpp"

namespace {

using test::split_stream;
using xmpp::Limits;
using xmpp::ParserPool;
using xmpp::StreamEvents;
using xmpp::StreamSplitter;

const std::string header =
    "<stream:stream id='s1' from='example.org' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";

struct Case {
  const char* bytes;
  bool unfinished;
};

TEST(TagScan, KnowsAnUnfinishedTag) {
  for (const Case& test : {
           Case{"", false},
           {"text", false},
           {"text <", true},
           {"<a", true},
           {"<a>", false},
           {"</a", true},
           {"</a>", false},
           {"<a b='>", true},
           {"<a b='>'", true},
           {"<a b='>'>", false},
           {"<a b=\"'>", true},
           {"<a b=\"'>\" c='\">", true},
           {"<a b=\"'>\" c='\">'/>", false},
           {"<!-->", true},
           {"<!--->", true},
           {"<!-- >", true},
           {"<!-- > -- >", true},
           {"<!-- > -->", false},
           {"<?pi > ", true},
           {"<?pi > ?>", false},
           {"<![CDATA[ <a '", false},
           {"<![CDATA[ ]] > ]]><a", true},
       }) {
    xmpp::TagScan scan;
    scan.advance(test.bytes);
    EXPECT_EQ(scan.in_tag(), test.unfinished) << test.bytes;
  }
}

TEST(TagScan, SaysWhetherATagWasFinishedOnTheWay) {
  xmpp::TagScan scan;
  scan.advance("<a b='");
  EXPECT_TRUE(scan.advance("x>"));
  EXPECT_FALSE(scan.advance("'/><c d='"));
  EXPECT_TRUE(scan.in_tag());
}

// ---- what StreamSplitter makes of it

// Small pieces of a long unfinished tag are kept back; nobody may notice.
TEST(StreamSplitter, ReadsLongTagsInSmallPieces) {
  const std::string padding(3000, 'x');
  for (const std::string& bytes :
       {"<message a='" + padding + "' b=\">'" + padding + "\" c='>\"'><body>" + padding +
            "</body></message><iq id='1'/>",
        "<message><![CDATA[" + padding + "<a '" + padding + "]]><b c='" + padding + "'/><d e=\"" + padding +
            "\"/></message>",
        "<message><!-- > " + padding + " > --></message>", "<message><?pi > " + padding + "?></message>",
        "<message a='" + padding + "' <b/></message>"}) {
    const std::string all = header + bytes;
    std::vector<std::string_view> pieces;
    for (std::size_t i = 0; i < all.size(); ++i) pieces.push_back(std::string_view(all).substr(i, 1));
    ParserPool pool;
    EXPECT_EQ(test::split_stream(pieces, Limits{}, pool), split_stream(all)) << bytes.substr(0, 40);
  }
}

// A stanza is told as soon as its last byte is there, whatever began behind it.
TEST(StreamSplitter, KeepsNothingBackThatIsComplete) {
  ParserPool pool;
  const Limits limits;
  StreamSplitter splitter(pool, limits);
  StreamEvents events;
  splitter.feed(header + "<message a='" + std::string(5000, 'x'), events);
  ASSERT_EQ(events.list.size(), 1U);
  splitter.feed("yz", events);
  EXPECT_EQ(events.list.size(), 1U);
  splitter.feed("'/><iq b='", events);
  EXPECT_EQ(events.list.size(), 2U);
}

// The limit is met where it would have been.
TEST(StreamSplitter, EndsALongTagAtTheLimit) {
  ParserPool pool;
  Limits limits;
  limits.max_bytes = 10'000;
  StreamSplitter splitter(pool, limits);
  StreamEvents events;
  splitter.feed(header + "<message a='", events);
  std::size_t sent = std::string_view("<message a='").size();
  for (; sent < 20'000 && events.list.size() == 1; ++sent) splitter.feed("x", events);
  EXPECT_EQ(sent, 10'000U);
  ASSERT_EQ(events.list.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<xmpp::Fault>(events.list[1]));
}

}  // namespace
