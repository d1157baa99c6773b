// RFC 7395: what one WebSocket message is, and what we say ourselves.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <variant>

#include "xmpp/framing.hpp"
#include "xmpp/stream_error.hpp"

namespace {

using xmpp::Framed;
using xmpp::FramingReader;

const xmpp::Limits limits;

// The kind and the element, or the condition that a client would be told.
std::string read(std::string_view message, const xmpp::Limits& with = limits) {
  FramingReader reader(with);
  const auto result = reader.read(message);
  if (const auto* fault = std::get_if<xmpp::Fault>(&result)) {
    return std::string(xmpp::wire_name(xmpp::condition_of(fault->kind).value()));
  }
  const auto& framed = std::get<Framed>(result);
  switch (framed.kind) {
    case Framed::Kind::nothing:
      return "nothing";
    case Framed::Kind::open:
      return (framed.framing == xmpp::Framing::draft ? "draft open to=" : "open to=") + framed.open.to +
             " from=" + framed.open.from + " lang=" + framed.open.lang + (framed.open.version ? " version" : "");
    case Framed::Kind::close:
      return framed.framing == xmpp::Framing::draft ? "draft close" : "close";
    case Framed::Kind::element:
      return std::string(framed.element.bytes);
  }
  return {};
}

struct Case {
  const char* what;
  std::string message;
  std::string expected;
};

const Case cases[] = {
    {"W-020", "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.org' version='1.0' xml:lang='de'/>",
     "open to=example.org from= lang=de version"},
    {"Q-19: no version", "<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" to=\"example.org\"/>",
     "open to=example.org from= lang="},
    {"references", "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a&amp;b' from='x&#64;y'/>",
     "open to=a&b from=x@y lang="},
    {"a prefix", "<f:open xmlns:f='urn:ietf:params:xml:ns:xmpp-framing' to='e'/>", "open to=e from= lang="},
    {"W-023", "<open to='example.org'/>", "invalid-namespace"},
    {"W-023 foreign", "<open xmlns='jabber:client' to='example.org'/>", "invalid-namespace"},
    {"close", std::string(xmpp::framing_close), "close"},
    {"close foreign", "<close xmlns='urn:x'/>", "invalid-namespace"},
    {"W-010", "<message xmlns='jabber:client' to='a@b'><body>&lt;</body></message>",
     "<message xmlns='jabber:client' to='a@b'><body>&lt;</body></message>"},
    {"without a namespace it is of the stream", "<presence/>", "<presence xmlns='jabber:client'/>"},
    {"SM nonza (W-033)", "<r xmlns='urn:xmpp:sm:3'/>", "<r xmlns='urn:xmpp:sm:3'/>"},
    {"W-011", "<?xml version='1.0'?><presence xmlns='jabber:client'/>", "<presence xmlns='jabber:client'/>"},
    {"W-011 with a line end", "<?xml version='1.0' encoding='UTF-8'?>\n<presence xmlns='jabber:client'/>",
     "<presence xmlns='jabber:client'/>"},
    {"W-012 white space", " \r\n\t", "nothing"},
    {"W-012 nothing", "", "nothing"},
    {"W-012 text", "hello", "bad-format"},
    {"W-010 first character", " <presence/>", "bad-format"},
    {"E-44 two elements", "<presence/><presence/>", "bad-format"},
    {"E-44 half an element", "<message><body>", "not-well-formed"},
    {"E-44 the other half", "</body></message>", "not-well-formed"},
    {"W-036",
     "<stream:stream to='a' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
     "draft open to=a from= lang= version"},
    {"W-036 with a declaration", "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'>",
     "draft open to= from= lang="},
    {"W-036 the end", "</stream:stream>", "draft close"},
    {"W-036 foreign", "<stream:stream xmlns:stream='urn:x'>", "invalid-namespace"},
    {"W-036 undeclared", "<stream:stream to='a'>", "not-well-formed"},
    {"W-036 and more", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'><presence/>", "bad-format"},
    {"W-036 and text", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'> ", "bad-format"},
    {"W-036 both tags", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'></stream:stream>",
     "not-well-formed"},
    {"W-036 an empty stream", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'/>", "not-well-formed"},
    {"W-036 the end, and more", "</stream:stream><presence/>", "not-well-formed"},
    {"closes what is around it", "<presence/></m><m>", "not-well-formed"},
    {"closes what is around it and opens another", "<presence/></m><m xmlns='jabber:client'><presence/>",
     "not-well-formed"},
    {"text behind", "<presence/>x", "bad-format"},
    {"a comment", "<presence><!-- --></presence>", "restricted-xml"},
    {"a processing instruction", "<?php ?><presence/>", "restricted-xml"},
    {"a DTD", "<!DOCTYPE a [<!ENTITY b 'c'>]><presence/>", "not-well-formed"},
    {"undeclared prefix", "<stream:error/>", "not-well-formed"},
    {"undeclared prefix inside", "<message><a:b/></message>", "not-well-formed"},
    {"not well-formed", "<message a=b/>", "not-well-formed"},
};

TEST(Framing, W010ToW023WhatAMessageIs) {
  for (const auto& c : cases) EXPECT_EQ(read(c.message), c.expected) << c.what << ": " << c.message;
}

TEST(Framing, AReaderIsUsedAgainWhateverCameBefore) {
  FramingReader reader(limits);
  for (const auto& first : cases) {
    (void)reader.read(first.message);
    const auto result = reader.read("<iq xmlns='jabber:client' type='get' id='1'/>");
    ASSERT_TRUE(std::holds_alternative<Framed>(result)) << first.what;
    const auto& framed = std::get<Framed>(result);
    EXPECT_EQ(framed.element.bytes, "<iq xmlns='jabber:client' type='get' id='1'/>") << first.what;
    EXPECT_EQ(framed.element.kind, xmpp::StanzaKind::iq) << first.what;
  }
}

TEST(Framing, LimitsAreThoseOfTheMessage) {
  xmpp::Limits small;
  small.max_bytes = 32;
  small.max_depth = 2;
  EXPECT_EQ(read("<a xmlns='u'><b>12345678</b></a>", small), "<a xmlns='u'><b>12345678</b></a>");
  EXPECT_EQ(read("<a xmlns='u'><b>123456789</b></a>", small), "policy-violation");
  EXPECT_EQ(read("<a xmlns='u'><b><c/></b></a>", small), "policy-violation");
}

TEST(Framing, W015W024W025WhatWeSay) {
  EXPECT_EQ(xmpp::write_open({"example.org", "i'1", "1.0", "en"}),
            "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='example.org' id='i&apos;1' version='1.0' "
            "xml:lang='en' />");
  EXPECT_EQ(xmpp::write_open({"example.org", "i'1", "1.0", "en", xmpp::Framing::draft}),
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='example.org' "
            "id='i&apos;1' version='1.0' xml:lang='en'>");
  EXPECT_EQ(xmpp::write_close("wss://b.example/ws", xmpp::Framing::draft), "</stream:stream>");
  EXPECT_EQ(xmpp::write_open({{}, "i1", {}, {}}),
            "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' id='i1' version='1.0' />");
  EXPECT_EQ(xmpp::write_close({}), R"(<close xmlns="urn:ietf:params:xml:ns:xmpp-framing" />)");
  EXPECT_EQ(xmpp::write_close("wss://b.example/ws"),
            "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri='wss://b.example/ws' />");
  EXPECT_EQ(xmpp::write_framed_error(xmpp::StreamCondition::conflict),
            "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><conflict "
            "xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
}

}  // namespace
