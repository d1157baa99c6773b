#include "xmpp/strophe_stanza.hpp"

#include <gtest/gtest.h>

#include <string>

#include "xmpp/utf8.hpp"

namespace {

using xmpp::NewElement;
using xmpp::ParsedElement;

constexpr std::string_view client = "jabber:client";

TEST(StropheStanza, ReadsAStanza) {
  const auto parsed = ParsedElement::parse(
      "<message xmlns='jabber:client' from='romeo@example.net/orchard' type='chat'><body>Wherefore &lt;art&gt; "
      "<![CDATA[<thou>]]>?</body> <x:data xmlns:x='urn:x'><x:item a='1'/>text<x:item a='2'/></x:data></message>");
  ASSERT_TRUE(parsed);
  const auto root = parsed->root();
  EXPECT_TRUE(root.is("message", client));
  EXPECT_EQ(root.attribute("from"), "romeo@example.net/orchard");
  EXPECT_EQ(root.attribute("id"), "");
  EXPECT_FALSE(root.has_attribute("id"));
  EXPECT_EQ(root.child("body", client).text(), "Wherefore <art> <thou>?");
  const auto data = root.child("data", "urn:x");
  EXPECT_EQ(data.text(), "text");
  EXPECT_EQ(data.first_child().attribute("a"), "1");
  EXPECT_EQ(data.first_child().next().attribute("a"), "2");
  EXPECT_FALSE(data.first_child().next().next());
  EXPECT_EQ(root.child_of("urn:x").name(), "data");
}

TEST(StropheStanza, NothingHasNothing) {
  const xmpp::ElementView nothing;
  EXPECT_FALSE(nothing);
  EXPECT_EQ(nothing.child("a", "b").first_child().next().text(), "");
  EXPECT_EQ(nothing.name(), "");
  EXPECT_EQ(nothing.attribute("x"), "");
  EXPECT_FALSE(nothing.is("", ""));
}

TEST(StropheStanza, RefusesWhatIsNoElement) {
  for (const char* bad : {"", "text", "<a", "<a>", "<a x=></a>", "<a><![CDATA[</a>"}) {
    EXPECT_FALSE(ParsedElement::parse(bad)) << bad;
  }
}

// A contact may send any attribute in a namespace of its own: it is never taken for one that the server vouches for.
TEST(StropheStanza, AttributesWithAPrefixAreNotSeen) {
  const auto parsed = ParsedElement::parse(
      "<message xmlns='jabber:client' xmlns:x='urn:x' x:from='bank@example.org' from='mallory@example.net' "
      "x:type=\"error\"><body xml:lang='en' x:id='7'>x:from='a'</body></message>");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->root().attribute("from"), "mallory@example.net");
  EXPECT_FALSE(parsed->root().has_attribute("type"));
  EXPECT_FALSE(parsed->root().child("body", client).has_attribute("id"));
  EXPECT_EQ(parsed->root().child("body", client).text(), "x:from='a'");
}

TEST(StropheStanza, WritesWhatWasBuilt) {
  auto message = NewElement("message").set("to", "a&b@example.org").set("type", "chat");
  message.add(NewElement("body").text("1 < 2 & \"3\" > '2'"));
  message.add(NewElement("x", "urn:x").add(NewElement("y", "urn:x")).add(NewElement("z", "urn:z")));
  const auto bytes = message.bytes();
  const auto again = ParsedElement::parse(bytes);
  ASSERT_TRUE(again) << bytes;
  EXPECT_EQ(again->root().attribute("to"), "a&b@example.org");
  EXPECT_EQ(again->root().child("body", "").text(), "1 < 2 & \"3\" > '2'");
  EXPECT_TRUE(again->root().child("x", "urn:x").child("y", "urn:x"));
  EXPECT_TRUE(again->root().child("x", "urn:x").child("z", "urn:z"));
  EXPECT_EQ(bytes.find("jabber:client"), std::string::npos);
}

TEST(StropheStanza, WritesOnlyWhatXmlCanHold) {
  const auto bytes = NewElement("a").set("b", std::string("x\0\x01\xffy", 5)).text("1\x1b\xC0\uFFFE2\n").bytes();
  EXPECT_EQ(bytes, "<a b=\"x\uFFFDy\">1\uFFFD2\n</a>");
  EXPECT_TRUE(ParsedElement::parse(bytes));
}

TEST(StropheStanza, CopiesATree) {
  std::string bytes;
  {
    const auto parsed = ParsedElement::parse("<a xmlns='urn:a'><ext xmlns='urn:e' k='v'><i>1</i></ext></a>");
    auto copy = NewElement("conference", "urn:c").add(NewElement::copy_of(parsed->root().first_child()));
    bytes = copy.bytes();
  }
  EXPECT_EQ(bytes, "<conference xmlns=\"urn:c\"><ext k=\"v\" xmlns=\"urn:e\"><i>1</i></ext></conference>");
}

TEST(Utf8, TakesOneCharacterAtATime) {
  std::string_view text = "a\u00e9\u20ac\U0001F600\xff\xE2\x82";
  const char32_t expected[] = {'a', 0xe9, 0x20ac, 0x1F600, 0xFFFD, 0xFFFD, 0xFFFD};
  for (const auto value : expected) EXPECT_EQ(xmpp::take_character(text).value, value);
  EXPECT_TRUE(text.empty());
}

}  // namespace
