// XEP-0124 6 and the attributes of requests. PROTOCOL B-001 ... B-012, B-020, B-026, B-084, B-193, H-005, H-021,
// E-27 ... E-32, E-38, E-54.
#include "bosh/body.hpp"

#include <gtest/gtest.h>

namespace bosh {
namespace {

const std::string ns = " xmlns='http://jabber.org/protocol/httpbind'";

class BodyTest : public ::testing::Test {
 protected:
  Body good(const std::string& document) {
    document_ = document;
    const auto read = reader_.read(document_);
    if (const auto* fault = std::get_if<BodyFault>(&read)) {
      ADD_FAILURE() << fault->text << ": " << document;
      Body none;
      static const std::vector<xmpp::Stanza> empty;
      none.payloads = &empty;
      return none;
    }
    return std::get<Body>(read);
  }
  Condition bad(const std::string& document) {
    document_ = document;
    const auto read = reader_.read(document_);
    const auto* fault = std::get_if<BodyFault>(&read);
    if (fault) {
      EXPECT_FALSE(fault->text.empty());
    }
    return fault ? fault->condition : Condition::none;
  }

  xmpp::Limits limits_;
  BodyReader reader_{limits_};
  std::string document_;
};

// B-001, B-020, E-54.
TEST_F(BodyTest, IsTheOneRoot) {
  EXPECT_EQ(good("<body rid='1'" + ns + "/>").rid, 1U);
  for (const char* wrong :
       {"", " ", "x", "<body rid='1'/>", "<body rid='1' xmlns='http://jabber.org/protocol/HTTPBIND'/>",
        "%3Cbody%20rid%3D%271%27%2F%3E", "{\"rid\":1}"})
    EXPECT_EQ(bad(wrong), Condition::bad_request) << wrong;
  EXPECT_EQ(bad("<Body rid='1'" + ns + "/>"), Condition::bad_request);
  EXPECT_EQ(bad("<body rid='1'" + ns + "/><body rid='2'" + ns + "/>"), Condition::bad_request);
  EXPECT_EQ(bad("<body rid='1'" + ns + ">"), Condition::bad_request);
}

// E-28: the namespace counts, not the prefix.
TEST_F(BodyTest, MayHaveAPrefix) {
  const Body body = good(
      "<b:body xmlns:b='http://jabber.org/protocol/httpbind' rid='7' sid='s' xmlns:x='jabber:client'>"
      "<x:message/></b:body>");
  EXPECT_EQ(body.rid, 7U);
  ASSERT_EQ(body.payloads->size(), 1U);
  EXPECT_EQ(body.payloads->front().kind, xmpp::StanzaKind::message);
}

// B-020, B-120, E-38.
TEST_F(BodyTest, NeedsAProperRid) {
  EXPECT_EQ(good("<body rid='0'" + ns + "/>").rid, 0U);
  EXPECT_EQ(good("<body rid='9007199254740991'" + ns + "/>").rid, max_rid);
  EXPECT_EQ(good("<body rid='007'" + ns + "/>").rid, 7U);
  // Beyond 2^53-1 it is a number still: what that means depends on whether there is a session.
  EXPECT_EQ(good("<body rid='9007199254740992'" + ns + "/>").rid, max_rid + 1);
  for (const char* rid :
       {"", "-1", "1e3", "+5", " 5", "5 ", "0x10", "1.0", "12345678901234567890", "99999999999999999999999"})
    EXPECT_EQ(bad("<body rid='" + std::string(rid) + "'" + ns + "/>"), Condition::bad_request) << rid;
  EXPECT_EQ(bad("<body" + ns + "/>"), Condition::bad_request);
}

// B-020: an empty sid is a sid.
TEST_F(BodyTest, TellsAbsentFromEmpty) {
  const Body absent = good("<body rid='1'" + ns + "/>");
  for (const auto& attribute : {absent.sid, absent.to, absent.from, absent.route, absent.ver, absent.content,
                                absent.lang, absent.key, absent.newkey, absent.stream, absent.charsets})
    EXPECT_FALSE(attribute);
  EXPECT_FALSE(absent.ack || absent.wait || absent.hold || absent.pause);
  EXPECT_FALSE(absent.bad_number || absent.bad_pause || absent.bad_ack || absent.restart || absent.has_version);
  EXPECT_EQ(absent.type, BodyType::none);
  EXPECT_TRUE(absent.empty());
  const Body empty = good("<body rid='1' sid='' to='' key=''" + ns + "/>");
  EXPECT_EQ(empty.sid, "");
  EXPECT_EQ(empty.to, "");
  EXPECT_EQ(empty.key, "");
}

TEST_F(BodyTest, ReadsEveryAttribute) {
  const Body body = good(
      "<body rid='1' sid='a&amp;b' to='t' from='f' route='r' ver='1.10' content='c' xml:lang='de' key='k'"
      " newkey='n' stream='st' charsets='cs' ack='5' wait='60' hold='1' pause='120'"
      " xmpp:version='1.0' xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'" +
      ns + "/>");
  EXPECT_EQ(body.sid, "a&b");
  EXPECT_EQ(body.to, "t");
  EXPECT_EQ(body.from, "f");
  EXPECT_EQ(body.route, "r");
  EXPECT_EQ(body.ver, "1.10");
  EXPECT_EQ(body.content, "c");
  EXPECT_EQ(body.lang, "de");
  EXPECT_EQ(body.key, "k");
  EXPECT_EQ(body.newkey, "n");
  EXPECT_EQ(body.stream, "st");
  EXPECT_EQ(body.charsets, "cs");
  EXPECT_EQ(body.ack, 5U);
  EXPECT_EQ(body.wait, 60);
  EXPECT_EQ(body.hold, 1);
  EXPECT_EQ(body.pause, 120);
  EXPECT_TRUE(body.has_version);
  EXPECT_TRUE(body.restart);
  EXPECT_EQ(body.raw, document_);
}

// B-026, B-084, B-097: as sent, beyond the range clamped, garbage marked.
TEST_F(BodyTest, ReadsNumbers) {
  EXPECT_EQ(good("<body rid='1' wait='-1'" + ns + "/>").wait, -1);
  EXPECT_EQ(good("<body rid='1' wait='99999999999999999999'" + ns + "/>").wait,
            std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(good("<body rid='1' pause='-99999999999999999999'" + ns + "/>").pause,
            std::numeric_limits<std::int64_t>::min());
  for (const char* garbage : {"", "x", "1.5", "+1", " 1", "1e3", "--1", "-"}) {
    const std::string g = garbage;
    EXPECT_TRUE(good("<body rid='1' wait='" + g + "'" + ns + "/>").bad_number) << g;
    EXPECT_TRUE(good("<body rid='1' hold='" + g + "'" + ns + "/>").bad_number) << g;
    EXPECT_TRUE(good("<body rid='1' pause='" + g + "'" + ns + "/>").bad_pause) << g;
    EXPECT_TRUE(good("<body rid='1' ack='" + g + "'" + ns + "/>").bad_ack) << g;
  }
  EXPECT_TRUE(good("<body rid='1' ack='-1'" + ns + "/>").bad_ack);
  EXPECT_TRUE(good("<body rid='1' wait='x' hold='1'" + ns + "/>").bad_number);
}

// B-193.
TEST_F(BodyTest, KnowsItsTypes) {
  EXPECT_EQ(good("<body rid='1' type='terminate'" + ns + "/>").type, BodyType::terminate);
  EXPECT_EQ(good("<body rid='1' type='terminal'" + ns + "/>").type, BodyType::terminate);
  EXPECT_EQ(good("<body rid='1' type='error'" + ns + "/>").type, BodyType::error);
  EXPECT_EQ(good("<body rid='1' type='get'" + ns + "/>").type, BodyType::other);
}

// B-005: by namespace with any prefix; by the literal name where the prefix is declared nowhere; not in another one's.
TEST_F(BodyTest, MatchesXboshByNamespace) {
  EXPECT_TRUE(good("<body rid='1' x:restart='1' xmlns:x='urn:xmpp:xbosh'" + ns + "/>").restart);
  EXPECT_TRUE(good("<body rid='1' xmpp:restart='true'" + ns + "/>").restart);
  EXPECT_FALSE(good("<body rid='1' xmpp:restart='true' xmlns:xmpp='urn:other'" + ns + "/>").restart);
  EXPECT_FALSE(good("<body rid='1' restart='true'" + ns + "/>").restart);
  EXPECT_FALSE(good("<body rid='1' xmpp:restart='yes'" + ns + "/>").restart);
  EXPECT_TRUE(good("<body rid='1' xmpp:version='1.0'" + ns + "/>").has_version);
  EXPECT_FALSE(good("<body rid='1' lang='de'" + ns + "/>").lang);
  EXPECT_FALSE(good("<body rid='1' xmlns:x='urn:x' x:sid='s'" + ns + "/>").sid);
}

// B-003, E-27, Q-18.
TEST_F(BodyTest, BearsTextUnlessStrict) {
  EXPECT_TRUE(good("<body rid='1'" + ns + "> \n </body>").empty());
  EXPECT_TRUE(good("<body rid='1'" + ns + "></body>").empty());
  EXPECT_EQ(good("<body rid='1'" + ns + ">text<message/></body>").payloads->size(), 1U);
  BodyReader strict(limits_, true);
  EXPECT_TRUE(std::holds_alternative<Body>(strict.read("<body rid='1'" + ns + "> </body>")));
  const auto read = strict.read("<body rid='1'" + ns + ">text</body>");
  ASSERT_TRUE(std::holds_alternative<BodyFault>(read));
  EXPECT_EQ(std::get<BodyFault>(read).condition, Condition::bad_request);
}

// B-004, B-006, E-29.
TEST_F(BodyTest, CutsOutPayloads) {
  const Body body = good("<body rid='1' xmlns:p='urn:p'" + ns +
                         "><message><body>x</body></message><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
                         "<iq xmlns='jabber:client' type='get'/><p:q/></body>");
  ASSERT_EQ(body.payloads->size(), 4U);
  const auto& p = *body.payloads;
  EXPECT_EQ(p[0].bytes, "<message xmlns='jabber:client'><body>x</body></message>");
  EXPECT_EQ(p[1].kind, xmpp::StanzaKind::sasl_auth);
  EXPECT_EQ(p[2].type, xmpp::StanzaType::get);
  EXPECT_NE(p[3].bytes.find("urn:p"), std::string_view::npos);
}

// B-002, E-30, E-31.
TEST_F(BodyTest, RefusesRestrictedXml) {
  for (const char* inside : {"<!-- c -->", "<?pi x?>", "<message>&nbsp;</message>", "<message><!-- c --></message>",
                             "<message/></stream:stream>", "<message>", "<message a='1' a='2'/>", "<a:b/>"})
    EXPECT_EQ(bad("<body rid='1'" + ns + ">" + inside + "</body>"), Condition::bad_request) << inside;
  EXPECT_EQ(bad("<!DOCTYPE body [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;'>]><body rid='1'" + ns + ">&b;</body>"),
            Condition::bad_request);
  EXPECT_EQ(bad("<!DOCTYPE body SYSTEM 'file:///etc/passwd'><body rid='1'" + ns + "/>"), Condition::bad_request);
  EXPECT_EQ(good("<body rid='1'" + ns + "><message>]]&gt;&lt;/stream:stream&gt;&#x41;<![CDATA[</x>]]></message></body>")
                .payloads->size(),
            1U);
}

// B-011: the operator's limits are policy, not syntax.
TEST_F(BodyTest, HasLimits) {
  const std::string big(limits_.max_bytes, 'x');
  EXPECT_EQ(bad("<body rid='1'" + ns + "><message>" + big + "</message></body>"), Condition::policy_violation);
  std::string deep;
  for (unsigned i = 0; i < limits_.max_depth; ++i) deep += "<a>";
  for (unsigned i = 0; i < limits_.max_depth; ++i) deep += "</a>";
  EXPECT_EQ(bad("<body rid='1'" + ns + ">" + deep + "</body>"), Condition::policy_violation);
  EXPECT_EQ(good("<body rid='1'" + ns + "/>").rid, 1U);  // and the reader is none the worse for it
}

// B-012, E-32, Q-73: a body that is cut off in the middle of a character is malformed, and nothing else happens.
TEST_F(BodyTest, IsUtf8) {
  EXPECT_EQ(good("<body rid='1'" + ns + "><message>\xC3\xBC\xF0\x9F\x98\x80</message></body>").payloads->size(), 1U);
  for (const char* wrong : {"\xFC", "\xC3", "\xED\xA0\x80", "\xC0\x80", "&#0;", "\x01", "&#xD800;"})
    EXPECT_EQ(bad("<body rid='1'" + ns + "><message>" + std::string(wrong) + "</message></body>"),
              Condition::bad_request);
  EXPECT_EQ(bad("<?xml version='1.0' encoding='ISO-8859-1'?><body rid='1'" + ns + "/>"), Condition::bad_request);
}

// H-021.
TEST_F(BodyTest, MayHaveSurroundings) {
  EXPECT_EQ(good("\xEF\xBB\xBF<?xml version='1.0' encoding='utf-8'?>\r\n <body rid='3'" + ns + "/>\n").rid, 3U);
}

}  // namespace
}  // namespace bosh
