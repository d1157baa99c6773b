// XEP-0252: from a query to a <body/>, from an answer to a script. PROTOCOL S-001, S-002, S-004.
#include "bosh/script_syntax.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "xmpp/parser_pool.hpp"

namespace bosh {
namespace {

const std::string ns = " xmlns='http://jabber.org/protocol/httpbind'";

// Example 3 of the XEP, without its line breaks.
TEST(ScriptSyntax, DecodesTheQuery) {
  const std::string_view query =
      "%3Cbody%20rid='1249243562'%20sid='SomeSID'%20xmlns='http://jabber.org/protocol/httpbind'%3E%3Cmessage%20"
      "to='friend@example.com'%20xmlns='jabber:client'%3E%3Cbody%3EI%20said%20%22Hi!%22%3C/body%3E%3C/message%3E%3C/"
      "body%3E";
  EXPECT_TRUE(looks_like_script_query(query));
  EXPECT_EQ(decode_script_query(query),
            "<body rid='1249243562' sid='SomeSID'" + ns +
                "><message to='friend@example.com' xmlns='jabber:client'><body>I said \"Hi!\"</body></message></body>");
  EXPECT_EQ(decode_script_query("a+b%c3%A4"), "a+b\xC3\xA4") << "a plus is a plus";
  for (const char* const bad : {"%", "%4", "%3", "a%4g", "%g1", "%%41", "%-1"}) {
    EXPECT_FALSE(decode_script_query(bad)) << bad;
  }
}

TEST(ScriptSyntax, KnowsItsQueriesFromOthers) {
  EXPECT_TRUE(looks_like_script_query("%3cbody/%3e"));
  EXPECT_TRUE(looks_like_script_query("<body/>"));
  for (const char* const other : {"", "x=1", "%20", "%3Dbody", "%3"})
    EXPECT_FALSE(looks_like_script_query(other)) << other;
}

TEST(ScriptSyntax, LeavesAloneWhatIsBetweenTheTags) {
  xmpp::Limits limits;
  BodyReader reader(limits);
  std::string head;
  const auto content_of = [&](const std::string& document) {
    const auto read = read_script_body(reader, document, head);
    const auto* const body = std::get_if<Body>(&read);
    if (body == nullptr) return "fault: " + std::string(std::get<BodyFault>(read).text);
    EXPECT_EQ(body->rid, 7U);
    EXPECT_EQ(body->raw, document);
    EXPECT_TRUE(body->payloads->empty());
    EXPECT_EQ(body->empty(), body->piece.empty());
    EXPECT_FALSE(body->content) << "no type that the session would have to refuse or to use";
    return std::string(body->piece);
  };
  EXPECT_EQ(content_of("<body rid='7'" + ns + "/>"), "");
  EXPECT_EQ(content_of("<body rid='7'" + ns + "></body>"), "");
  EXPECT_EQ(content_of("<body rid='7' content='text/javascript; charset=utf-8'" + ns + "/>"), "");
  EXPECT_EQ(content_of("<body rid='7'" + ns + "> cut < anywhere</body>\n"), " cut < anywhere");
  EXPECT_EQ(content_of("<body rid='7'" + ns + "><message><body>hi</body></body>"), "<message><body>hi</body>");
  EXPECT_EQ(content_of("<body rid='7' to='a>b' from=\"'/>\"" + ns + ">x</body>"), "x");
  const std::string not_one = "fault: not one <body/> in the query";
  for (const std::string bad : {"", ">", "<body rid='7'", "<body rid='7>", "<body rid='7'>x", "<body rid='7'/>x"}) {
    EXPECT_EQ(content_of(bad), not_one) << bad;
  }
  EXPECT_THAT(content_of("<body rid='7'/>"), testing::StartsWith("fault: not a <body/>"));
  EXPECT_THAT(content_of("<body rid='x'" + ns + ">x</body>"), testing::StartsWith("fault: no valid rid"));
  EXPECT_THAT(content_of("<!DOCTYPE a><body rid='7'" + ns + ">x</body>"), testing::StartsWith("fault: "));
}

TEST(ScriptSyntax, EscapesWhatScriptsCannotHold) {
  EXPECT_EQ(as_script("<body a='x'/>"), "_BOSH_(\"<body a='x'/>\")");
  EXPECT_EQ(as_script("\"\\\r\n"), R"(_BOSH_("\"\\\r\n"))");
  EXPECT_EQ(as_script("</script></body>"), R"(_BOSH_("<\/script><\/body>"))");
  EXPECT_EQ(as_script("\u2028\u2029"), R"(_BOSH_("\u2028\u2029"))");
  // One of each range of category Cf; above U+FFFF as two units.
  EXPECT_EQ(as_script("\u00AD\u200E\u202E\u2066\uFEFF\uFFF9\U000110BD\U000E0041"),
            R"(_BOSH_("\u00ad\u200e\u202e\u2066\ufeff\ufff9\ud804\udcbd\udb40\udc41"))");
  EXPECT_EQ(as_script("\u00E4\u4E2D\U0001F600\t"), "_BOSH_(\"\u00E4\u4E2D\U0001F600\t\")")
      << "everything else as it is";
}

struct Stream {
  xmpp::Limits limits;
  xmpp::ParserPool pool;
  ScriptStream stream{pool, limits};
  // The stanzas that a piece completes, each on a line, or the condition.
  std::string take(std::string_view content) {
    if (const auto fault = stream.take(content)) return "!" + std::string(wire_name(fault->condition));
    std::string all;
    for (const auto& stanza : stream.stanzas()) all.append(stanza.bytes).append("\n");
    return all;
  }
};

// S-004: cut at every byte, the same stanzas.
TEST(ScriptSyntax, PutsStanzasTogether) {
  const std::string text =
      "<presence/> <message to='b@x'><body>h\u00E4 &amp; co</body></message><iq type='get' id='1'/>";
  const std::string whole = Stream().take(text);
  EXPECT_EQ(whole,
            "<presence xmlns='jabber:client'/>\n<message xmlns='jabber:client' to='b@x'><body>h\u00E4 &amp; "
            "co</body></message>\n<iq xmlns='jabber:client' type='get' id='1'/>\n");
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Stream stream;
    const std::string first = stream.take(std::string_view(text).substr(0, cut));
    EXPECT_EQ(first + stream.take(std::string_view(text).substr(cut)), whole) << cut;
  }
}

TEST(ScriptSyntax, LetsNothingCloseTheStream) {
  EXPECT_EQ(Stream().take("<presence/></stream:stream>"), "!bad-request");
  EXPECT_EQ(Stream().take("</message>"), "!bad-request");
  EXPECT_EQ(Stream().take("<!-- -->"), "!bad-request");
  EXPECT_EQ(Stream().take("<?x?>"), "!bad-request");
  EXPECT_EQ(Stream().take("<m>&lol;</m>"), "!bad-request");
  Stream huge;
  huge.limits.max_bytes = 1000;
  EXPECT_EQ(huge.take("<message>" + std::string(600, 'x')), "");
  EXPECT_EQ(huge.take(std::string(600, 'x')), "!policy-violation") << "the stanza counts, not the request";
}

}  // namespace
}  // namespace bosh
