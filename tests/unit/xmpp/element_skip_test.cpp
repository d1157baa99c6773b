#include "xmpp/element_skip.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace {

using xmpp::ElementSkip;

// How much belongs to the element, behind its start tag; the same in every partition.
std::string passed(std::string_view bytes, std::uint64_t open = 1) {
  ElementSkip whole(open);
  const auto size = whole.advance(bytes);
  for (std::size_t piece = 1; piece < 4; ++piece) {
    ElementSkip skip(open);
    std::size_t at = 0;
    while (at < bytes.size() && !skip.over() && !skip.fault()) at += skip.advance(bytes.substr(at, piece));
    EXPECT_EQ(at, size) << bytes << ", pieces of " << piece;
    EXPECT_EQ(skip.over(), whole.over());
    EXPECT_EQ(skip.fault().has_value(), whole.fault().has_value());
  }
  if (whole.fault()) return "fault";
  return std::string(bytes.substr(0, size)) + (whole.over() ? "" : " ...");
}

TEST(ElementSkip, EndsWhereTheElementEnds) {
  EXPECT_EQ(passed("</a>"), "</a>");
  EXPECT_EQ(passed("text</a ><b/>"), "text</a >");
  EXPECT_EQ(passed("<b><b></b></b></a></a>"), "<b><b></b></b></a>");
  EXPECT_EQ(passed("<b/><b c='d'/></a></a>"), "<b/><b c='d'/></a>");
  EXPECT_EQ(passed("</b></a></a>", 2), "</b></a>");
  EXPECT_EQ(passed("<b>"), "<b> ...");
  EXPECT_EQ(passed("</a"), "</a ...");
  EXPECT_EQ(passed(""), " ...");
}

// Or what somebody writes into a text or a value would be read as the server's next stanza.
TEST(ElementSkip, IsNotFooledByWhatLooksLikeATag) {
  EXPECT_EQ(passed("a > b /> ]]&gt; '\"</a>x"), "a > b /> ]]&gt; '\"</a>");
  EXPECT_EQ(passed("<b c='</a>'/></a>x"), "<b c='</a>'/></a>");
  EXPECT_EQ(passed("<b c='/'>'</b></a>x"), "<b c='/'>'</b></a>");
  EXPECT_EQ(passed("<b c=\"'/>\" d='\">'></b></a>x"), "<b c=\"'/>\" d='\">'></b></a>");
  EXPECT_EQ(passed("<b c='/' ></b></a>x"), "<b c='/' ></b></a>");
  EXPECT_EQ(passed("<![CDATA[</a>]]></a>x"), "<![CDATA[</a>]]></a>");
  EXPECT_EQ(passed("<![CDATA[]]]]></a>x"), "<![CDATA[]]]]></a>");
  EXPECT_EQ(passed("<![CDATA[]]></a>x"), "<![CDATA[]]></a>");
  EXPECT_EQ(passed("<![CDATA[] ]>]] ></a>]]></a>x"), "<![CDATA[] ]>]] ></a>]]></a>");
  EXPECT_EQ(passed("<![CDATA[<![CDATA[]]></a>x"), "<![CDATA[<![CDATA[]]></a>");
}

// RFC 6120 11.1, as everywhere else.
TEST(ElementSkip, RefusesWhatIsRestricted) {
  EXPECT_EQ(passed("<!-- --></a>"), "fault");
  EXPECT_EQ(passed("<!DOCTYPE a></a>"), "fault");
  EXPECT_EQ(passed("<?x?></a>"), "fault");
}

}  // namespace
