#include "xmpp/parsed_element.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using xmpp::ElementView;
using xmpp::ParsedElement;

constexpr std::string_view client = "jabber:client";

TEST(ElementTree, ReadsAStanza) {
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

TEST(ElementTree, NothingHasNothing) {
  const xmpp::ElementView nothing;
  EXPECT_FALSE(nothing);
  EXPECT_EQ(nothing.child("a", "b").first_child().next().text(), "");
  EXPECT_EQ(nothing.name(), "");
  EXPECT_EQ(nothing.attribute("x"), "");
  EXPECT_FALSE(nothing.is("", ""));
}

TEST(ElementTree, RefusesWhatIsNoElement) {
  for (const char* bad : {"", "text", "<a", "<a>", "<a x=></a>", "<a><![CDATA[</a>"}) {
    EXPECT_FALSE(ParsedElement::parse(bad)) << bad;
  }
}

// A contact may send any attribute in a namespace of its own: it is never taken for one that the server vouches for.
TEST(ElementTree, AttributesWithAPrefixAreNotSeen) {
  const auto parsed = ParsedElement::parse(
      "<message xmlns='jabber:client' xmlns:x='urn:x' x:from='bank@example.org' from='mallory@example.net' "
      "x:type=\"error\"><body xml:lang='en' x:id='7'>x:from='a'</body></message>");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->root().attribute("from"), "mallory@example.net");
  EXPECT_FALSE(parsed->root().has_attribute("type"));
  EXPECT_FALSE(parsed->root().child("body", client).has_attribute("id"));
  EXPECT_EQ(parsed->root().child("body", client).text(), "x:from='a'");
}

TEST(ElementTree, ResolvesNamespacesByScope) {
  const auto parsed = ParsedElement::parse(
      "<m xmlns='urn:1' xmlns:p='urn:p'><p:a xmlns:p='urn:q'><p:b/><c xmlns=''><d/></c></p:a><p:e/><f "
      "xmlns='urn:&lt;'/><g/><xml:h/></m>");
  ASSERT_TRUE(parsed);
  const auto a = parsed->root().child("a", "urn:q");
  ASSERT_TRUE(a);
  EXPECT_TRUE(a.child("b", "urn:q"));
  EXPECT_TRUE(a.child("c", "").child("d", ""));
  EXPECT_TRUE(parsed->root().child("e", "urn:p"));
  EXPECT_TRUE(parsed->root().child("f", "urn:<"));
  EXPECT_TRUE(parsed->root().child("g", "urn:1"));
  EXPECT_TRUE(parsed->root().child("h", "http://www.w3.org/XML/1998/namespace"));
}

TEST(ElementTree, ResolvesReferencesAndLineEnds) {
  const auto parsed =
      ParsedElement::parse("<a b='1&amp;2&#x20AC;\r\n3\t4'>x\r\ny\rz&#13;<![CDATA[&lt;\r\n]]>&quot;<c/>\r</a>");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->root().attribute("b"), "1&2\u20AC 3 4");
  EXPECT_EQ(parsed->root().text(), "x\ny\nz\r&lt;\n\"\n");
}

TEST(ElementTree, GoesThroughItsPartsInOrder) {
  const auto parsed = ParsedElement::parse("<a one='1' x:two='2' three='3'>t<b/><c>inner</c>u<![CDATA[v]]></a>");
  ASSERT_TRUE(parsed);
  std::vector<std::string> parts;
  parsed->root().each_attribute(
      [&](std::string_view name, std::string_view value) { parts.push_back(std::string(name).append(value)); });
  parsed->root().each_part([&](const std::string& text) { parts.push_back(text); },
                           [&](ElementView element) { parts.push_back("<" + std::string(element.name())); });
  EXPECT_EQ(parts, (std::vector<std::string>{"one1", "three3", "t", "<b", "<c", "uv"}));
  EXPECT_EQ(parsed->root().child("c", "").size(), std::string_view("<c>inner</c>").size());
}

// Whoever looks at a view of a tree that was moved sees the same.
TEST(ElementTree, MayBeMoved) {
  auto parsed = ParsedElement::parse("<a b='&lt;'/>");
  const auto root = parsed->root();
  const auto moved = std::move(*parsed);
  EXPECT_EQ(root.attribute("b"), "<");
  EXPECT_EQ(moved.root().attribute("b"), "<");
}

}  // namespace
