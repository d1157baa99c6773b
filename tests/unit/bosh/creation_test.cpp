// read_creation(): XEP-0124 7.1. PROTOCOL B-020 ... B-037, B-041, 0.1, Q-02, Q-05, Q-20, Q-40, E-39.
#include <gtest/gtest.h>

#include "bosh/engine.hpp"

namespace bosh {
namespace {

class CreationTest : public ::testing::Test {
 protected:
  CreationTest() {
    body.payloads = &none;
    body.rid = 1;
    body.to = "example.org";
    body.ver = "1.6";
  }
  Creation good() {
    auto read = read_creation(body, policy);
    if (const auto* refusal = std::get_if<Refusal>(&read)) {
      ADD_FAILURE() << refusal->text;
      return {};
    }
    return std::get<Creation>(std::move(read));
  }
  Condition bad() {
    const auto read = read_creation(body, policy);
    const auto* refusal = std::get_if<Refusal>(&read);
    if (!refusal) return Condition::none;
    EXPECT_FALSE(refusal->text.empty());
    EXPECT_EQ(refusal->legacy, !body.ver);
    return refusal->condition;
  }

  Policy policy;
  std::vector<xmpp::Stanza> none;
  Body body;
};

// 0.1: what is absent.
TEST_F(CreationTest, HasDefaults) {
  const Creation c = good();
  EXPECT_EQ(c.to, "example.org");
  EXPECT_EQ(c.wait, 55U);
  EXPECT_EQ(c.hold, 1U);
  EXPECT_EQ(c.requests, 2U);
  EXPECT_EQ(c.content_type, "");
  EXPECT_EQ(c.newkey, "");
  EXPECT_FALSE(c.acks);
  EXPECT_FALSE(c.legacy);
  EXPECT_FALSE(c.stream.version);
  EXPECT_EQ(c.stream.from, "");
  EXPECT_EQ(c.stream.lang, "");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(c.route));
}

// B-026 ... B-028, B-041, E-39: `requests` exceeds the hold that was asked for, not the one that is granted (Q-40).
TEST_F(CreationTest, ClampsNumbers) {
  struct Case {
    std::int64_t wait, hold;
    std::uint32_t max_hold, expect_wait, expect_hold, expect_requests;
  };
  for (const Case& c : {Case{300, 1, 1, 55, 1, 2}, Case{10, 1, 1, 10, 1, 2}, Case{99999, 2, 1, 55, 1, 3},
                        Case{60, 2, 2, 55, 2, 3}, Case{0, 1, 1, 0, 1, 2}, Case{60, 0, 1, 55, 0, 2},
                        Case{60, 300, 2, 55, 2, 6}, Case{60, INT64_MAX, 1, 55, 1, 6}}) {
    body.wait = c.wait;
    body.hold = c.hold;
    policy.max_hold = c.max_hold;
    const Creation made = good();
    EXPECT_EQ(made.wait, c.expect_wait) << c.wait;
    EXPECT_EQ(made.hold, c.expect_hold) << c.hold;
    EXPECT_EQ(made.requests, c.expect_requests) << c.hold;
    EXPECT_GT(made.requests, made.hold);
  }
}

// E-39, B-026.
TEST_F(CreationTest, RefusesBadNumbers) {
  body.wait = -1;
  EXPECT_EQ(bad(), Condition::bad_request);
  body.wait = 60;
  body.hold = -2;
  EXPECT_EQ(bad(), Condition::bad_request);
  body.hold = {};
  body.bad_number = true;
  EXPECT_EQ(bad(), Condition::bad_request);
}

// B-020: beyond 2^53-1.
TEST_F(CreationTest, RefusesARidBeyondTheLargest) {
  body.rid = max_rid;
  EXPECT_EQ(good().to, "example.org");
  body.rid = max_rid + 1;
  EXPECT_EQ(bad(), Condition::bad_request);
}

// B-021: which domain an absent one means, if any, is known to the shell.
TEST_F(CreationTest, LeavesAnAbsentDomainEmpty) {
  body.to = "";
  EXPECT_EQ(good().to, "");
  body.to = {};
  EXPECT_EQ(good().to, "");
}

// B-025, E-39.
TEST_F(CreationTest, NegotiatesTheVersion) {
  struct Case {
    const char* ver;
    int major, minor;
  };
  for (const Case& c :
       {Case{"1.6", 1, 6}, Case{"1.10", 1, 10}, Case{"1.11", 1, 11}, Case{"1.12", 1, 11}, Case{"2.0", 1, 11},
        Case{"0.9", 0, 9}, Case{"1.5", 1, 5}, Case{"x", 1, 6}, Case{"", 1, 6}, Case{"1", 1, 6}, Case{"1.", 1, 6},
        Case{"1.6.1", 1, 6}, Case{"-1.6", 1, 6}, Case{"99999.1", 1, 6}}) {
    body.ver = c.ver;
    const Creation made = good();
    EXPECT_EQ(made.ver_major, c.major) << c.ver;
    EXPECT_EQ(made.ver_minor, c.minor) << c.ver;
    EXPECT_FALSE(made.legacy);
  }
  body.ver = {};
  EXPECT_TRUE(good().legacy);
  EXPECT_EQ(good().ver_minor, 5);
}

// B-033, B-034.
TEST_F(CreationTest, AllowsOnlyHarmlessContentTypes) {
  const std::pair<const char*, const char*> allowed[] = {
      {"text/xml; charset=utf-8", ""},
      {"text/xml", ""},
      {"TEXT/XML;charset=iso-8859-1", ""},
      {" text/plain ; charset=us-ascii", "text/plain; charset=utf-8"},
      {"application/xml", "application/xml; charset=utf-8"},
      {"", ""},
      {"  ", ""},
  };
  for (const auto& [content, value] : allowed) {
    body.content = content;
    EXPECT_EQ(good().content_type, value) << content;
  }
  for (const char* content :
       {"text/html", "text/html; charset=utf-8", "image/svg+xml", "text/xml\r\nX-Evil: 1", "text/xml;\x01",
        "text/xml; \xC3\xBC", "text", "text/xmlx", "; charset=utf-8", "application/xhtml+xml"}) {
    body.content = content;
    EXPECT_EQ(bad(), Condition::bad_request) << content;
  }
  policy.content_types.push_back("text/html");
  body.content = "text/html";
  EXPECT_EQ(good().content_type, "text/html; charset=utf-8");
}

// B-029, B-030 (form only), Q-17, Q-18, Q-40.
TEST_F(CreationTest, ReadsTheRoute) {
  struct Case {
    const char* route;
    const char* host;
    int port;
  };
  for (const Case& c :
       {Case{"xmpp:jabber.org:5222", "jabber.org", 5222}, Case{"xmpp://jabber.org:9999", "jabber.org", 9999},
        Case{"XMPP:a:1", "a", 1}, Case{"xmpp:[2001:db8::1]:5222", "2001:db8::1", 5222},
        Case{"xmpp:127.0.0.1:5222", "127.0.0.1", 5222}}) {
    body.route = c.route;
    const Creation made = good();
    ASSERT_TRUE(std::holds_alternative<Route>(made.route)) << c.route;
    EXPECT_EQ(std::get<Route>(made.route).host, c.host);
    EXPECT_EQ(std::get<Route>(made.route).port, c.port);
  }
  for (const char* route :
       {"jabber.org", "xmpp:jabber.org", "http:jabber.org:80", "xmpp:jabber.org:0", "xmpp:jabber.org:65536",
        "xmpp::5222", "xmpp:a:b", "xmpp:2001:db8::1:5222", "xmpp:[2001:db8::1:5222", "xmpp:[]:5222",
        "xmpp:[evil.example]:5222", "xmpp:user@host:5222", "xmpp:a/b:5222", "xmpp:a: 1", "xmpp:a:+1"}) {
    body.route = route;
    EXPECT_EQ(bad(), Condition::bad_request) << route;
  }
  body.route = "";
  EXPECT_TRUE(std::holds_alternative<std::monostate>(good().route));
}

// B-031, X-003: never trusted, at most passed on; malformed is ignored.
TEST_F(CreationTest, KeepsAWellFormedFrom) {
  const std::pair<const char*, const char*> cases[] = {
      {"juliet@example.org", "juliet@example.org"},
      {"juliet@example.org/balcony", "juliet@example.org"},
      {"Juliet@EXAMPLE.org", "juliet@example.org"},
      {"example.org", ""},
      {"@example.org", ""},
      {"juliet@", ""},
      {"a b@example.org", ""},
      {"a'b@example.org", ""},
      {"a@b@c", ""},
      {"j\n@example.org", ""},
      {"a@<b>", ""},
      {"", ""},
  };
  for (const auto& [from, kept] : cases) {
    body.from = from;
    EXPECT_EQ(good().stream.from, kept) << from;
  }
}

// B-015, B-024, X-004, X-001.
TEST_F(CreationTest, KeepsLanguageAndVersion) {
  body.lang = "de-CH";
  body.has_version = true;
  EXPECT_EQ(good().stream.lang, "de-CH");
  EXPECT_TRUE(good().stream.version);
  body.lang = "de'/><x";
  EXPECT_EQ(good().stream.lang, "");
}

// B-032, B-035, Q-40.
TEST_F(CreationTest, OptsIn) {
  body.ack = 1;
  EXPECT_TRUE(good().acks);
  for (const std::uint64_t ack : {0U, 2U}) {
    body.ack = ack;
    EXPECT_FALSE(good().acks);
  }
  body.newkey = "ca393b51b682f61f98e7877d61146407f3d0a770";
  EXPECT_EQ(good().newkey, "ca393b51b682f61f98e7877d61146407f3d0a770");
}

// There is nothing to terminate.
TEST_F(CreationTest, RefusesToTerminateNothing) {
  body.type = BodyType::terminate;
  EXPECT_EQ(bad(), Condition::bad_request);
}

}  // namespace
}  // namespace bosh
