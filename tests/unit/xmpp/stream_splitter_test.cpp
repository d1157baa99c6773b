#include "xmpp/stream_splitter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/xmpp/splitter_support.hpp"
#include "xmpp/namespace_fixup.hpp"

namespace {

using test::Lines;
using test::split_stream;
using test::sweep;
using testing::ElementsAre;
using xmpp::Limits;
using xmpp::ParserPool;
using xmpp::StanzaKind;
using xmpp::StanzaType;
using xmpp::StreamEvents;
using xmpp::StreamSplitter;

const std::string header =
    "<?xml version='1.0'?><stream:stream id='s1' from='example.org' version='1.0' xml:lang='en' "
    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const std::string opened = "opened id=s1 from=example.org version=1.0 lang=en";

Lines after_header(const std::string& bytes, const Limits& limits = {}) {
  Lines lines = split_stream(header + bytes, limits);
  EXPECT_FALSE(lines.empty());
  if (lines.empty()) return lines;
  EXPECT_EQ(lines.front(), opened);
  lines.erase(lines.begin());
  return lines;
}

TEST(StreamSplitter, ReportsTheHeader) {
  EXPECT_THAT(split_stream(header), ElementsAre(opened));
  EXPECT_THAT(split_stream("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
                           "from='a&amp;b'>"),
              ElementsAre("opened id= from=a&b version= lang="));
  EXPECT_THAT(split_stream("\xEF\xBB\xBF<?xml version='1.0' encoding='utf-8'?>\n<stream:stream xmlns='jabber:client' "
                           "xmlns:stream='http://etherx.jabber.org/streams'>"),
              ElementsAre("opened id= from= version= lang="));
}

struct Case {
  const char* what;
  std::string bytes;
  Lines expected;
};

// B-007, W-015: what leaves the stream says its namespaces itself.
const std::vector<Case>& fix_ups() {
  static const std::vector<Case> cases = {
      {"default namespace of the header",
       "<message><body>x</body></message>",
       {"<message xmlns='jabber:client'><body>x</body></message>"}},
      {"empty element", "<presence/>", {"<presence xmlns='jabber:client'/>"}},
      {"empty element with attributes", "<iq type='get' id='1' />", {"<iq xmlns='jabber:client' type='get' id='1' />"}},
      {"said already", "<message xmlns='jabber:client'/>", {"<message xmlns='jabber:client'/>"}},
      {"said in quotes", "<message to='a' xmlns=\"jabber:client\"/>", {"<message to='a' xmlns=\"jabber:client\"/>"}},
      {"other namespace, said",
       "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>aGk=</challenge>",
       {"<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>aGk=</challenge>"}},
      {"features",
       "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
       {"<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>"}},
      {"Q-09: mechanisms, which clients find by their literal xmlns",
       "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
       "</stream:features>",
       {"<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
        "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
        "</stream:features>"}},
      {"features with a child that relies on the default",
       "<stream:features><x/></stream:features>",
       {"<stream:features xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><x/>"
        "</stream:features>"}},
      {"features, said already",
       "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>",
       {"<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>"}},
      {"no namespace", "<x xmlns=''/>", {"<x xmlns=''/>"}},
      {"below: default taken away and back",
       "<iq><a xmlns=''><b xmlns='jabber:client'><c/></b></a></iq>",
       {"<iq xmlns='jabber:client'><a xmlns=''><b xmlns='jabber:client'><c/></b></a></iq>"}},
      {"bytes stay: CDATA, references, line ends, quotes",
       "<message\r\n a='\r\n&#10;'><body><![CDATA[</message><x>]]>&lt;&#x1F600;\r\n</body></message>",
       {"<message xmlns='jabber:client'\r\n a='\r\n&#10;'><body><![CDATA[</message><x>]]>&lt;&#x1F600;\r\n</body>"
        "</message>"}},
      // B-009: no prefixes but `stream`.
      {"prefixed stanza",
       "<x:message xmlns:x='jabber:client' to='a'><x:body>hi</x:body></x:message>",
       {"<message xmlns='jabber:client' xmlns:x='jabber:client' to='a'><body>hi</body></message>"}},
      {"prefixed stanza, mixed namespaces",
       "<x:iq xmlns:x='jabber:client' xmlns='urn:d'><q><x:y/><z/></q><n xmlns=''><m/></n><x:e/></x:iq>",
       {"<iq xmlns='jabber:client' xmlns:x='jabber:client'><q xmlns='urn:d'><y xmlns='jabber:client'/><z/></q>"
        "<n xmlns=''><m/></n><e/></iq>"}},
      {"prefixed stanza with a prefixed attribute",
       "<x:message xmlns:x='jabber:client' xmlns:p='urn:p' p:a='1'><y p:b='2'/></x:message>",
       {"<message xmlns='jabber:client' xmlns:x='jabber:client' xmlns:p='urn:p' p:a='1'><y p:b='2'/></message>"}},
      {"prefixed element that is not a stanza",
       "<s:success xmlns:s='urn:ietf:params:xml:ns:xmpp-sasl'/>",
       {"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl' xmlns:s='urn:ietf:params:xml:ns:xmpp-sasl'/>"}},
      {"prefixed, CDATA and tags in values",
       "<x:message xmlns:x='jabber:client' a='&lt;/x:message>'><![CDATA[</x:message>]]></x:message >",
       {"<message xmlns='jabber:client' xmlns:x='jabber:client' "
        "a='&lt;/x:message>'><![CDATA[</x:message>]]></message>"}},
      {"features in another prefix",
       "<s:features xmlns:s='http://etherx.jabber.org/streams'><s:a/><b/></s:features>",
       {"<stream:features xmlns:stream='http://etherx.jabber.org/streams' "
        "xmlns:s='http://etherx.jabber.org/streams'><a xmlns='http://etherx.jabber.org/streams'/>"
        "<b xmlns='jabber:client'/></stream:features>"}},
      {"features without a prefix",
       "<features xmlns='http://etherx.jabber.org/streams'><b/></features>",
       {"<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
        "<b xmlns='http://etherx.jabber.org/streams'/></stream:features>"}},
      {"text between stanzas",
       " \r\n<presence/>text &amp; <![CDATA[<iq/>]]>\n<presence/>\r",
       {"<presence xmlns='jabber:client'/>", "<presence xmlns='jabber:client'/>"}},
      {"end", "<presence/></stream:stream><presence/>", {"<presence xmlns='jabber:client'/>", "closed"}},
  };
  return cases;
}

TEST(StreamSplitter, MakesStanzasSelfContained) {
  for (const auto& c : fix_ups()) EXPECT_EQ(after_header(c.bytes), c.expected) << c.what;
}

// B-008, E-29, in the direction of the client.
TEST(StreamSplitter, DeclaresPrefixesOfTheHeaderAgainWhereTheyAreUsed) {
  const std::string head =
      "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client' xmlns:p='urn:p&amp;q' "
      "xmlns:d='urn:d'>";
  const std::string open = "opened id= from= version= lang=";
  EXPECT_THAT(
      split_stream(head + "<message><p:x/></message><message a='1'><x p:y='d:z'/></message><message d:t='1'/>"
                          "<message><p:x xmlns:p='urn:other'/></message><message/><s:features/><p:q/>"
                          "<message><p:x xmlns:p='urn:other'/><p:x/></message>"
                          "<s:features xmlns:stream='http://etherx.jabber.org/streams' p:a='1'/></s:stream>"),
      ElementsAre(open, "<message xmlns='jabber:client' xmlns:p='urn:p&amp;q'><p:x/></message>",
                  "<message xmlns='jabber:client' xmlns:p='urn:p&amp;q' a='1'><x p:y='d:z'/></message>",
                  "<message xmlns='jabber:client' xmlns:d='urn:d' d:t='1'/>",
                  "<message xmlns='jabber:client'><p:x xmlns:p='urn:other'/></message>",
                  "<message xmlns='jabber:client'/>",
                  "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>", "<q xmlns='urn:p&amp;q'/>",
                  "<message xmlns='jabber:client' xmlns:p='urn:p&amp;q'><p:x xmlns:p='urn:other'/><p:x/></message>",
                  "<stream:features xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p&amp;q' p:a='1'/>",
                  "closed"));
}

TEST(StreamSplitter, TakesAHeaderWhoseDefaultNamespaceIsThatOfStreams) {
  EXPECT_THAT(
      split_stream("<stream xmlns='http://etherx.jabber.org/streams'><features><x xmlns='urn:x'/></features>"
                   "<message xmlns='jabber:client'/><other/></stream>"),
      ElementsAre("opened id= from= version= lang=",
                  "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><x xmlns='urn:x'/>"
                  "</stream:features>",
                  "<message xmlns='jabber:client'/>", "<other xmlns='http://etherx.jabber.org/streams'/>", "closed"));
}

TEST(StreamSplitter, SaysThatThereIsNoDefaultNamespace) {
  EXPECT_THAT(split_stream("<stream:stream xmlns:stream='http://etherx.jabber.org/streams'><x/><stream:error><y/>"
                           "</stream:error>"),
              ElementsAre("opened id= from= version= lang=", "<x xmlns=''/>",
                          "<stream:error xmlns='' xmlns:stream='http://etherx.jabber.org/streams'><y/>"
                          "</stream:error>"));
}

TEST(StreamSplitter, RefusesAForeignMeaningOfThePrefixStream) {
  EXPECT_THAT(split_stream("<s:stream xmlns:s='http://etherx.jabber.org/streams'>"
                           "<s:features xmlns:stream='urn:x' stream:a='1'/>"),
              ElementsAre("opened id= from= version= lang=", "fault bad_format"));
  EXPECT_THAT(split_stream("<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns:stream='urn:x'>"
                           "<s:features stream:a='1'/>"),
              ElementsAre("opened id= from= version= lang=", "fault bad_format"));
}

struct Classified {
  const char* bytes;
  StanzaKind kind;
  StanzaType type;
};

TEST(StreamSplitter, Classifies) {
  const std::vector<Classified> cases = {
      {"<message/>", StanzaKind::message, StanzaType::none},
      {"<message type='chat'/>", StanzaKind::message, StanzaType::other},
      {"<message type='groupchat'/>", StanzaKind::message, StanzaType::groupchat},
      {"<message type='headline'/>", StanzaKind::message, StanzaType::headline},
      {"<message type='error'/>", StanzaKind::message, StanzaType::error},
      {"<message xmlns:x='urn:x' x:type='error'/>", StanzaKind::message, StanzaType::none},
      {"<presence type='unavailable'/>", StanzaKind::presence, StanzaType::unavailable},
      {"<iq type='get'/>", StanzaKind::iq, StanzaType::get},
      {"<iq type='set'/>", StanzaKind::iq, StanzaType::set},
      {"<iq type='r&#101;sult'/>", StanzaKind::iq, StanzaType::result},
      {"<message xmlns='urn:x'/>", StanzaKind::other, StanzaType::none},
      {"<x:iq xmlns:x='jabber:client'/>", StanzaKind::iq, StanzaType::none},
      {"<stream:features/>", StanzaKind::features, StanzaType::none},
      {"<stream:error/>", StanzaKind::stream_error, StanzaType::none},
      {"<error/>", StanzaKind::other, StanzaType::none},
      {"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", StanzaKind::sasl_auth, StanzaType::none},
      {"<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", StanzaKind::sasl_step, StanzaType::none},
      {"<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", StanzaKind::sasl_step, StanzaType::none},
      {"<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", StanzaKind::sasl_step, StanzaType::none},
      {"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", StanzaKind::sasl_success, StanzaType::none},
      {"<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", StanzaKind::sasl_failure, StanzaType::none},
      {"<authenticate xmlns='urn:xmpp:sasl:2'/>", StanzaKind::sasl2, StanzaType::none},
      {"<success xmlns='urn:xmpp:sasl:2'/>", StanzaKind::sasl2_success, StanzaType::none},
      {"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", StanzaKind::starttls, StanzaType::none},
      {"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", StanzaKind::tls_proceed, StanzaType::none},
      {"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", StanzaKind::tls_failure, StanzaType::none},
      {"<compress xmlns='http://jabber.org/protocol/compress'/>", StanzaKind::compress, StanzaType::none},
      {"<compressed xmlns='http://jabber.org/protocol/compress'/>", StanzaKind::other, StanzaType::none},
      {"<enable xmlns='urn:xmpp:sm:3'/>", StanzaKind::management, StanzaType::none},
      {"<r xmlns='urn:xmpp:sm:2'/>", StanzaKind::management, StanzaType::none},
      {"<db:result xmlns:db='jabber:server:dialback' type='error'/>", StanzaKind::other, StanzaType::error},
  };
  for (const auto& c : cases) {
    ParserPool pool;
    const Limits limits;
    StreamSplitter splitter(pool, limits);
    StreamEvents events;
    splitter.feed(header + c.bytes, events);
    ASSERT_EQ(events.list.size(), 2U) << c.bytes;
    const auto* stanza = std::get_if<xmpp::Stanza>(&events.list[1]);
    ASSERT_NE(stanza, nullptr) << c.bytes;
    EXPECT_EQ(stanza->kind, c.kind) << c.bytes;
    EXPECT_EQ(stanza->type, c.type) << c.bytes;
  }
}

// Everything that RFC 6120 11.1 restricts and XML forbids, each behind a good stanza that must come out first.
const std::vector<Case>& faults() {
  static const std::vector<Case> cases = {
      {"comment", "<!-- x -->", {"fault restricted_xml"}},
      {"comment in a stanza", "<message><!-- x --></message>", {"fault restricted_xml"}},
      {"processing instruction", "<?x y?>", {"fault restricted_xml"}},
      {"processing instruction in a stanza", "<message><?x?></message>", {"fault restricted_xml"}},
      {"second XML declaration", "<?xml version='1.0'?>", {"fault restricted_xml"}},
      {"entity", "<message>&nbsp;</message>", {"fault restricted_xml"}},
      {"entity in a value", "<message a='&nbsp;'/>", {"fault restricted_xml"}},
      {"entity between stanzas", "&nbsp;", {"fault restricted_xml"}},
      {"DTD in the middle", "<!DOCTYPE x>", {"fault not_well_formed"}},
      {"not well-formed", "<message></iq>", {"fault not_well_formed"}},
      {"unbound prefix", "<message><x:y/></message>", {"fault not_well_formed"}},
      {"unbound prefix of an attribute", "<message x:y='1'/>", {"fault not_well_formed"}},
      {"prefix of a finished sibling", "<message><a xmlns:x='urn:x'/><x:y/></message>", {"fault not_well_formed"}},
      {"twice the same attribute", "<message a='1' a='2'/>", {"fault not_well_formed"}},
      {"twice the same attribute by namespace",
       "<m xmlns:a='urn:a' xmlns:b='urn:a' a:x='1' b:x='2'/>",
       {"fault not_well_formed"}},
      {"prefix xml bound otherwise", "<m xmlns:xml='urn:x'/>", {"fault not_well_formed"}},
      {"prefix xmlns bound", "<m xmlns:xmlns='urn:x'/>", {"fault not_well_formed"}},
      {"prefix undeclared", "<m xmlns:x='urn:x'><n xmlns:x=''/></m>", {"fault not_well_formed"}},
      {"two colons", "<a:b:c xmlns:a='urn:a'/>", {"fault not_well_formed"}},
      {"]]> in text", "<message>]]></message>", {"fault not_well_formed"}},
      {"]]> between stanzas", "]]>", {"fault not_well_formed"}},
      {"< in a value", "<message a='<'/>", {"fault not_well_formed"}},
      {"U+0000", std::string("<message>\0</message>", 20), {"fault not_well_formed"}},
      {"&#0;", "<message>&#0;</message>", {"fault not_well_formed"}},
      {"&#xD800;", "<message>&#xD800;</message>", {"fault not_well_formed"}},
      {"&#xFFFE;", "<message>&#xFFFE;</message>", {"fault not_well_formed"}},
      {"&#x110000;", "<message>&#x110000;</message>", {"fault not_well_formed"}},
      {"control character", "<message>\x0B</message>", {"fault not_well_formed"}},
      {"U+FFFE", "<message>\xEF\xBF\xBE</message>", {"fault not_well_formed"}},
      {"U+FFFF", "<message>\xEF\xBF\xBF</message>", {"fault not_well_formed"}},
      {"surrogate", "<message>\xED\xA0\x80</message>", {"fault not_well_formed"}},
      {"overlong, two bytes", "<message>\xC0\xBC</message>", {"fault not_well_formed"}},
      {"overlong, three bytes", "<message>\xE0\x80\xBC</message>", {"fault not_well_formed"}},
      {"overlong, four bytes", "<message>\xF0\x80\x80\xBC</message>", {"fault not_well_formed"}},
      {"above U+10FFFF", "<message>\xF4\x90\x80\x80</message>", {"fault not_well_formed"}},
      {"lone continuation byte", "<message>\x80</message>", {"fault not_well_formed"}},
      {"character cut short", "<message>\xE2\x82</message>", {"fault not_well_formed"}},
      {"invalid UTF-8 between stanzas", "\xFF", {"fault not_well_formed"}},
      {"stream in a stream", "<stream:stream/>", {"fault bad_format"}},
      {"wrong end", "</stream:straem>", {"fault not_well_formed"}},
  };
  return cases;
}

TEST(StreamSplitter, RefusesWhatIsRestrictedOrIllFormed) {
  for (const auto& c : faults()) {
    Lines expected = {"<presence xmlns='jabber:client'/>"};
    expected.insert(expected.end(), c.expected.begin(), c.expected.end());
    EXPECT_EQ(after_header("<presence/>" + c.bytes + "<presence/>"), expected) << c.what;
  }
}

const std::vector<Case>& bad_headers() {
  const auto stream = [](const char* more) {
    return "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'" + std::string(more) +
           ">";
  };
  static const std::vector<Case> cases = {
      {"no stream", "<html>", {"fault invalid_namespace"}},
      {"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", {"fault not_well_formed"}},
      {"stream without a namespace", "<stream>", {"fault invalid_namespace"}},
      {"other element of the namespace",
       "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>",
       {"fault bad_format"}},
      {"for servers",
       "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>",
       {"fault invalid_namespace"}},
      {"unbound prefix", "<stream:stream xmlns='jabber:client'>", {"fault not_well_formed"}},
      {"unbound prefix of an attribute", stream(" x:y='1'"), {"fault not_well_formed"}},
      {"DTD", "<!DOCTYPE x>" + stream(""), {"fault restricted_xml"}},
      {"external DTD", "<!DOCTYPE x SYSTEM 'file:///etc/passwd'>" + stream(""), {"fault restricted_xml"}},
      {"billion laughs",
       "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'><!ENTITY c '&b;&b;&b;'>]>" + stream(" id='&c;'"),
       {"fault restricted_xml"}},
      {"comment", "<!-- -->" + stream(""), {"fault restricted_xml"}},
      {"processing instruction", "<?x?>" + stream(""), {"fault restricted_xml"}},
      {"ISO-8859-1", "<?xml version='1.0' encoding='ISO-8859-1'?>" + stream(""), {"fault bad_encoding"}},
      {"UTF-16 declared", "<?xml version='1.0' encoding='UTF-16'?>" + stream(""), {"fault bad_encoding"}},
      {"UTF-16, big end", "\xFE\xFF", {"fault bad_encoding"}},
      {"UTF-16, little end", "\xFF\xFE<", {"fault bad_encoding"}},
      {"UTF-16 without a mark", std::string("<\0s\0", 4), {"fault bad_encoding"}},
      {"UTF-16 without a mark, big end", std::string("\0<\0s", 4), {"fault bad_encoding"}},
  };
  return cases;
}

TEST(StreamSplitter, RefusesABadHeader) {
  for (const auto& c : bad_headers()) EXPECT_EQ(split_stream(c.bytes), c.expected) << c.what;
}

Limits small_limits() {
  Limits limits;
  limits.max_bytes = 400;
  limits.max_depth = 6;
  limits.max_attributes = 6;
  limits.max_name_bytes = 60;
  limits.max_elements = 8;
  return limits;
}

std::string repeat(std::string_view text, std::size_t times) {
  if (text.size() == 1) return std::string(times, text[0]);
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

// The header counts as the first level, as the <body/> does in a document.
const std::vector<Case>& over_limits() {
  static const std::vector<Case> cases = {
      {"depth, just", "<a xmlns='u'><b><c><d><e/></d></c></b></a>", {"<a xmlns='u'><b><c><d><e/></d></c></b></a>"}},
      {"depth", "<a><b><c><d><e><f/></e></d></c></b></a>", {"fault too_large"}},
      {"depth of a stanza", "<message><b><c><d><e><f/></e></d></c></b></message>", {"fault too_large"}},
      {"attributes, just", "<a xmlns='u' b='' c='' d='' e='' f=''/>", {"<a xmlns='u' b='' c='' d='' e='' f=''/>"}},
      {"attributes", "<a b='' c='' d='' e='' f='' g='' h=''/>", {"fault too_large"}},
      {"namespace declarations",
       "<a xmlns:b='b' xmlns:c='c' xmlns:d='d' xmlns:e='e' xmlns:f='f' xmlns:g='g' xmlns:h='h'/>",
       {"fault too_large"}},
      {"attributes and declarations",
       "<a b='' c='' d='' xmlns:e='e' xmlns:f='f' xmlns:g='g' xmlns:h='h'/>",
       {"fault too_large"}},
      {"name of an element", "<" + repeat("n", 61) + "/>", {"fault too_large"}},
      {"name of an attribute", "<a " + repeat("n", 61) + "=''/>", {"fault too_large"}},
      {"name of a prefix", "<a xmlns:" + repeat("n", 61) + "='u'/>", {"fault too_large"}},
      {"name of a namespace", "<a xmlns='" + repeat("n", 61) + "'/>", {"fault too_large"}},
      {"elements, just", "<a xmlns='u'>" + repeat("<b/>", 7) + "</a>", {"<a xmlns='u'>" + repeat("<b/>", 7) + "</a>"}},
      {"elements", "<a>" + repeat("<b/>", 8) + "</a>", {"fault too_large"}},
      {"bytes, just", "<a xmlns='u'>" + repeat("x", 383) + "</a>", {"<a xmlns='u'>" + repeat("x", 383) + "</a>"}},
      {"bytes", "<a xmlns='u'>" + repeat("x", 384) + "</a>", {"fault too_large"}},
      {"bytes of a tag", "<a b='" + repeat("x", 400), {"fault too_large"}},
      {"what is wrong behind the limit does not count", "<a>" + repeat("x", 400) + "<!-- -->", {"fault too_large"}},
      {"bytes in a comment", "<!--" + repeat("x", 400), {"fault too_large"}},
      {"bytes in CDATA between stanzas", "<![CDATA[" + repeat("x", 400), {"fault too_large"}},
  };
  return cases;
}

TEST(StreamSplitter, EnforcesLimits) {
  for (const auto& c : over_limits()) EXPECT_EQ(after_header(c.bytes, small_limits()), c.expected) << c.what;
}

// A namespace of the header, repeated on each of the smallest stanzas, would make a hundred bytes of each that came;
// and one of the stanza's own, on each of its elements, once their prefixes are gone.
TEST(StreamSplitter, LetsAStanzaGrowALittle) {
  const std::string start = header.substr(0, header.size() - 1) + " xmlns:p='";
  const auto with = [&](const std::string& uri, const std::string& stanza) {
    return split_stream(start + uri + "'>" + stanza).back();
  };
  const auto most = [](std::string_view stanza) { return xmpp::most_growth * stanza.size() + xmpp::most_declared; };
  const std::string element(most("<p:a/>") - std::string("<a xmlns=''/>").size(), 'u');
  EXPECT_EQ(with(element, "<p:a/>"), "<a xmlns='" + element + "'/>");
  EXPECT_EQ(with(element + "u", "<p:a/>"), "fault too_large");
  const std::string attribute(most("<m p:b=''/>") - std::string("<m xmlns='jabber:client' xmlns:p='' p:b=''/>").size(),
                              'u');
  EXPECT_EQ(with(attribute, "<m p:b=''/>"), "<m xmlns='jabber:client' xmlns:p='" + attribute + "' p:b=''/>");
  EXPECT_EQ(with(attribute + "u", "<m p:b=''/>"), "fault too_large");
  const std::string inner = "<p:a xmlns:q='" + std::string(200, 'q') + "'>";
  EXPECT_EQ(with("u", inner + repeat("<q:b/>", 100) + "</p:a>"), "fault too_large");
}

TEST(StreamSplitter, CountsTheBytesOfOneStanzaNotOfTheChunk) {
  const auto lines = after_header(repeat(" <presence/>\n", 10'000), small_limits());
  EXPECT_EQ(lines.size(), 10'000U);
  EXPECT_EQ(lines.back(), "<presence xmlns='jabber:client'/>");
  EXPECT_THAT(after_header(repeat(" ", 10'000) + "<presence/>", small_limits()),
              ElementsAre("<presence xmlns='jabber:client'/>"));
}

TEST(StreamSplitter, LimitsTheHeader) {
  EXPECT_THAT(split_stream("<stream:stream a='" + repeat("x", 400), small_limits()), ElementsAre("fault too_large"));
}

// Large parts of hostile streams, in reads of the usual size: the answer is a limit, and it comes soon.
TEST(StreamSplitter, RefusesFloods) {
  Limits limits;
  limits.max_bytes = 4 * 1024 * 1024;
  std::string attributes, declarations;
  for (int i = 0; i < 100'000; ++i) {
    attributes += " a" + std::to_string(i) + "=''";
    declarations += " xmlns:a" + std::to_string(i) + "='u'";
  }
  const Case cases[] = {
      {"depth", repeat("<a>", 100'000), {}},
      {"attributes", "<m" + attributes + "/>", {}},
      {"declarations", "<m" + declarations + "/>", {}},
      {"name", "<" + repeat("n", 1024 * 1024) + "/>", {}},
      {"name without an end", "<" + repeat("n", 5 * 1024 * 1024), {}},
      {"namespace", "<m xmlns='" + repeat("n", 1024 * 1024) + "'/>", {}},
      {"elements", "<m>" + repeat("<a/>", 100'000), {}},
      {"text", "<m>" + repeat("x", 5 * 1024 * 1024), {}},
      {"CDATA between stanzas", "<![CDATA[" + repeat("x", 5 * 1024 * 1024), {}},
      {"comment", "<!--" + repeat("x", 5 * 1024 * 1024), {}},
  };
  for (const auto& c : cases) {
    const std::string bytes = header + c.bytes;
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < bytes.size(); at += 65'536) {
      pieces.push_back(std::string_view(bytes).substr(at, 65'536));
    }
    ParserPool pool;
    EXPECT_THAT(split_stream(pieces, limits, pool), ElementsAre(opened, "fault too_large")) << c.what;
  }
}

TEST(StreamSplitter, IsIndependentOfThePartition) {
  for (const auto& c : fix_ups()) EXPECT_EQ(sweep(header + c.bytes, {}), "") << c.what;
  for (const auto& c : faults()) EXPECT_EQ(sweep(header + "<presence/>" + c.bytes + "<presence/>", {}), "") << c.what;
  for (const auto& c : bad_headers()) EXPECT_EQ(sweep(c.bytes, {}), "") << c.what;
  for (const auto& c : over_limits())
    EXPECT_EQ(sweep(header + "<presence/>" + c.bytes + "<presence/>", small_limits()), "") << c.what;
  for (const auto& c : faults()) EXPECT_EQ(sweep(header + repeat("<p/>", 30) + c.bytes, small_limits()), "") << c.what;
  EXPECT_EQ(sweep(header + repeat(" <presence/>\r\n\r", 40) + repeat(" ", 500) + "<iq/>", small_limits()), "")
      << "many";
  std::string everything = header;
  for (const auto& c : fix_ups()) everything += c.bytes;
  EXPECT_EQ(sweep(everything, {}), "") << "everything";
}

TEST(StreamSplitter, BeginsAgainAfterReset) {
  ParserPool pool;
  const Limits limits;
  StreamSplitter splitter(pool, limits);
  StreamEvents events;
  splitter.feed(header + "<message>", events);
  splitter.reset();
  splitter.feed(header + "<!-- -->", events);
  splitter.feed(header, events);
  splitter.reset();
  splitter.feed(header + "</stream:stream>", events);
  splitter.reset();
  splitter.feed(header, events);
  Lines lines;
  for (const auto& event : events.list) lines.push_back(test::describe(event));
  EXPECT_THAT(lines, ElementsAre(opened, opened, "fault restricted_xml", opened, "closed", opened));
}

// For the caps on memory: what has begun counts, whatever it is, and nothing else.
TEST(StreamSplitter, CountsWhatIsUnfinished) {
  ParserPool pool;
  const Limits limits;
  StreamSplitter splitter(pool, limits);
  StreamEvents events;
  EXPECT_EQ(splitter.held_bytes(), 0U);
  splitter.feed(header + "<message/> ", events);
  EXPECT_EQ(splitter.pending_bytes(), 0U);
  EXPECT_EQ(splitter.held_bytes(), 0U);
  const std::string text(100'000, 'x');
  splitter.feed("<message><body>", events);
  splitter.feed(text, events);
  EXPECT_EQ(splitter.pending_bytes(), text.size() + 15);
  EXPECT_GT(splitter.held_bytes(), text.size());
  EXPECT_LT(splitter.held_bytes(), 3 * text.size());
  splitter.feed("</body></message>", events);
  EXPECT_EQ(splitter.held_bytes(), 0U);
  // Of a tag expat keeps a copy, and small pieces of it are kept back.
  splitter.feed("<message a='" + text, events);
  splitter.feed("yyy", events);
  EXPECT_EQ(splitter.pending_bytes(), text.size() + 15);
  EXPECT_GT(splitter.held_bytes(), 2 * text.size());
  splitter.reset();
  EXPECT_EQ(splitter.held_bytes(), 0U);
}

}  // namespace
