#include "xmpp/strophe_stanza.hpp"

#include <gtest/gtest.h>

#include <string>

#include "xmpp/utf8.hpp"

namespace {

using xmpp::NewElement;
using xmpp::ParsedElement;

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
