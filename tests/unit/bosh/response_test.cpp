// XEP-0124 6, 7.2, 9. PROTOCOL B-009, B-010, B-068, B-080, B-085, X-040.
#include "bosh/response.hpp"

#include <gtest/gtest.h>

namespace bosh {
namespace {

TEST(Response, WritesTheHead) {
  struct Case {
    Head head;
    const char* payload;
    const char* body;
  };
  Head acked, reported, ended, failed, stream;
  acked.ack = 5;
  reported.report = 7;
  reported.report_ms = 852;
  ended.terminate = Condition::none;
  failed.terminate = Condition::remote_stream_error;
  failed.declare_stream = true;
  stream.attributes = " a='b'";
  for (const Case& c : {
           Case{{}, "", "<body xmlns='http://jabber.org/protocol/httpbind'/>"},
           Case{{}, "<m/>", "<body xmlns='http://jabber.org/protocol/httpbind'><m/></body>"},
           Case{acked, "", "<body xmlns='http://jabber.org/protocol/httpbind' ack='5'/>"},
           Case{reported, "<m/>",
                "<body xmlns='http://jabber.org/protocol/httpbind' report='7' time='852'><m/></body>"},
           Case{ended, "", "<body xmlns='http://jabber.org/protocol/httpbind' type='terminate'/>"},
           Case{failed, "<e/>",
                "<body xmlns='http://jabber.org/protocol/httpbind' type='terminate' condition='remote-stream-error' "
                "xmlns:stream='http://etherx.jabber.org/streams'><e/></body>"},
           Case{stream, "", "<body xmlns='http://jabber.org/protocol/httpbind' a='b'/>"},
       }) {
    const std::string body = make_body(c.head, c.payload);
    EXPECT_EQ(body, c.body);
    EXPECT_EQ(body.capacity(), body.size());
  }
  EXPECT_EQ(make_body({}, ""), empty_body);
  EXPECT_EQ(make_body({}, "<m/>"), std::string(body_open) + "<m/>" + std::string(body_close));
  EXPECT_TRUE(Head{}.plain());
  EXPECT_FALSE(acked.plain() || reported.plain() || ended.plain() || failed.plain() || stream.plain());
}

TEST(Response, EscapesAttributes) {
  std::string out;
  append_attribute(out, "a", "<&'\">\t\n\r\xC3\xBC");
  EXPECT_EQ(out, " a='&lt;&amp;&apos;\">&#9;&#10;&#13;\xC3\xBC'");
  out.clear();
  append_attribute(out, "n", std::uint64_t{18446744073709551615U});
  EXPECT_EQ(out, " n='18446744073709551615'");
}

}  // namespace
}  // namespace bosh
