#include "xmpp/jid.hpp"

#include <gtest/gtest.h>

namespace {

using xmpp::claimed_bare_jid;
using xmpp::domain_to_ascii;
using xmpp::is_ip_literal;
using xmpp::parse_jid;
using xmpp::prepare_domain;
using xmpp::prepare_local;
using xmpp::prepare_resource;
using xmpp::split_jid;

const std::string nothing = "(nothing)";

std::string shown(const std::optional<std::string>& text) {
  return text.value_or(nothing);
}

std::string parts(std::string_view text) {
  const auto jid = split_jid(text);
  if (!jid) return nothing;
  return std::string(jid->local) + " " + std::string(jid->domain) + " " + std::string(jid->resource);
}

// RFC 7622 3.1, and the examples of 3.5 as far as they are about form.
TEST(Jid, IsTakenApart) {
  EXPECT_EQ(parts("juliet@example.com"), "juliet example.com ");
  EXPECT_EQ(parts("juliet@example.com/foo"), "juliet example.com foo");
  EXPECT_EQ(parts("juliet@example.com/foo bar"), "juliet example.com foo bar");
  EXPECT_EQ(parts("juliet@example.com/foo@bar"), "juliet example.com foo@bar");
  EXPECT_EQ(parts("example.com"), " example.com ");
  EXPECT_EQ(parts("example.com/foobar"), " example.com foobar");
  EXPECT_EQ(parts("a.example.com/b@example.net"), " a.example.com b@example.net");
  EXPECT_EQ(parts("example.com/a/b"), " example.com a/b");
  EXPECT_EQ(parts("[2001:db8::1]/x"), " [2001:db8::1] x");
  for (const std::string bad :
       {"", "@", "/", "@example.com", "juliet@", "juliet@/foo", "example.com/", "a@b@c", "juliet@example.com/"}) {
    EXPECT_EQ(parts(bad), nothing) << bad;
  }
  EXPECT_EQ(parts(std::string("a\0b@c", 5)), nothing);
  const std::string longest(1023, 'a');
  EXPECT_NE(parts(longest + "@" + longest + "/" + longest), nothing);
  EXPECT_EQ(parts(longest + "a@b"), nothing);
  EXPECT_EQ(parts("a@" + longest + "a"), nothing);
  EXPECT_EQ(parts("a@b/" + longest + "a"), nothing);
}

TEST(Jid, IsPrepared) {
  const auto full = [](std::string_view text) {
    const auto jid = parse_jid(text);
    return jid ? jid->full() : nothing;
  };
  EXPECT_EQ(full("Juliet@Example.COM/Balcony"), "juliet@example.com/Balcony");
  EXPECT_EQ(full("EXAMPLE.com"), "example.com");
  EXPECT_EQ(full("\xCE\xA3@example.com"), "\xCF\x83@example.com");  // sigma
  EXPECT_EQ(full("fu\xC3\x9F"
                 "ball@example.com"),
            "fussball@example.com");  // sharp s
  EXPECT_EQ(full("a@m\xC3\x9CNCHEN.example"), "a@m\xC3\xBCnchen.example");
  EXPECT_EQ(full("a@xn--mnchen-3ya.example"), "a@m\xC3\xBCnchen.example");
  EXPECT_EQ(full("a@b/\xE2\x85\xA3"), "a@b/IV");  // NFKC in the resource
  EXPECT_EQ(full("a b@example.com"), nothing);
  EXPECT_EQ(full("a'b@example.com"), nothing);
  EXPECT_EQ(full("a\"b@example.com"), nothing);
  EXPECT_EQ(full("<a>@example.com"), nothing);
  EXPECT_EQ(full("a:b@example.com"), nothing);
  EXPECT_EQ(full("a@exa mple.com"), nothing);
  EXPECT_EQ(full("a@b/\x01"), nothing);
  EXPECT_EQ(full("\xFF@example.com"), nothing);
  EXPECT_EQ(full("a@\xC3"), nothing);
  EXPECT_EQ(full("\xC2\xAD@example.com"), nothing);  // a soft hyphen is mapped to nothing
  EXPECT_EQ(parse_jid("A@B.example/r")->bare(), "a@b.example");
  EXPECT_EQ(parse_jid("A@B.example/r"), parse_jid("a@b.EXAMPLE./r"));
}

TEST(Jid, LimitsThePreparedPart) {
  const std::string ligature = "\xEF\xAC\x83";  // ffi: three bytes become three
  std::string expanding;                        // U+FDFA: three bytes become 33
  for (int i = 0; i < 40; ++i) expanding += "\xEF\xB7\xBA";
  EXPECT_EQ(shown(prepare_resource(ligature)), "ffi");
  EXPECT_EQ(shown(prepare_resource(expanding)), nothing);
  EXPECT_EQ(shown(prepare_local(std::string(1023, 'A'))), std::string(1023, 'a'));
}

TEST(Jid, PreparesDomains) {
  EXPECT_EQ(shown(prepare_domain("Example.ORG.")), "example.org");
  EXPECT_EQ(shown(prepare_domain("localhost")), "localhost");
  EXPECT_EQ(shown(prepare_domain("chat_1.intra")), "chat_1.intra");
  EXPECT_EQ(shown(prepare_domain("B\xC3\xBC"
                                 "cher.example")),
            "b\xC3\xBC"
            "cher.example");
  EXPECT_EQ(shown(prepare_domain("192.0.2.1")), "192.0.2.1");
  EXPECT_EQ(shown(prepare_domain("[2001:DB8::1]")), "[2001:db8::1]");
  for (const std::string bad :
       {"", ".", "..", "a..b", ".a", "a:5222", "a/b", "a@b", "a b", "[::1", "[x]", "[]", "a%b"}) {
    EXPECT_EQ(shown(prepare_domain(bad)), nothing) << bad;
  }
  EXPECT_EQ(shown(prepare_domain(std::string(64, 'a') + ".org")), nothing);
  std::string longest = "a";
  while (longest.size() < 253) longest += ".a";
  EXPECT_EQ(shown(prepare_domain(longest)), longest);
  EXPECT_EQ(shown(prepare_domain(longest + "a")), nothing);
}

// U-003, U-013.
TEST(Jid, ConvertsDomainsToALabels) {
  EXPECT_EQ(shown(domain_to_ascii("b\xC3\xBC"
                                  "cher.example")),
            "xn--bcher-kva.example");
  EXPECT_EQ(shown(domain_to_ascii("B\xC3\x9C"
                                  "CHER.Example")),
            "xn--bcher-kva.example");
  EXPECT_EQ(shown(domain_to_ascii("XN--Bcher-KVA.example")), "xn--bcher-kva.example");
  EXPECT_EQ(shown(domain_to_ascii("\xE4\xBE\x8B\xE3\x80\x82\xE4\xBE\x8B")),
            "xn--fsq.xn--fsq");                                                        // ideographic full stop
  EXPECT_EQ(shown(domain_to_ascii("bu\u0308cher.example")), "xn--bcher-kva.example");  // decomposed
  EXPECT_EQ(shown(domain_to_ascii("\uFF45\uFF58ample.org")), "example.org");           // full width
  EXPECT_EQ(shown(domain_to_ascii("example.org\uFF1A5222")), nothing);                 // becomes a colon
  EXPECT_EQ(shown(domain_to_ascii(std::string("example\0.org", 12))), nothing);
  EXPECT_EQ(shown(domain_to_ascii("[2001:DB8::1]")), "[2001:db8::1]");
  EXPECT_EQ(shown(domain_to_ascii("a\xE2\x80\x8B"
                                  "b")),
            "ab");  // a zero-width space is mapped to nothing
  EXPECT_EQ(shown(domain_to_ascii("\xFF.example")), nothing);
}

TEST(Jid, KnowsIpLiterals) {
  for (const std::string good : {"192.0.2.1", "0.0.0.0", "255.255.255.255", "[::]", "[::1]", "[1:2:3:4:5:6:7:8]",
                                 "[2001:db8::1]", "[1::8]", "[::ffff:192.0.2.1]", "[1:2:3:4:5:6:192.0.2.1]"}) {
    EXPECT_TRUE(is_ip_literal(good)) << good;
  }
  for (const std::string bad : {"",
                                "192.0.2",
                                "192.0.2.256",
                                "192.0.2.1.5",
                                "192.0.2.01",
                                "1.2.3.a",
                                "::1",
                                "[]",
                                "[1]",
                                "[1:2:3:4:5:6:7]",
                                "[1:2:3:4:5:6:7:8:9]",
                                "[1::2::3]",
                                "[12345::]",
                                "[::1%eth0]",
                                "[1:2:3:4:5:6:7:8::]",
                                "[:::1]",
                                "[1:]",
                                "[:1]",
                                "[g::]",
                                "[192.0.2.1]",
                                "[1:2:3:4:5:6:7:192.0.2.1]",
                                "[192.0.2.1::]",
                                "example.org"}) {
    EXPECT_FALSE(is_ip_literal(bad)) << bad;
  }
}

// B-031.
TEST(Jid, ChecksWhatAClientClaims) {
  EXPECT_EQ(shown(claimed_bare_jid("Alice@example.org")), "alice@example.org");
  EXPECT_EQ(shown(claimed_bare_jid("alice@example.org/web")), "alice@example.org");
  for (const std::string bad : {"", "example.org", "example.org/x", "@example.org", "alice@", "a'@example.org", "a@b@c",
                                "a@b/", "<x/>", "a b@c"}) {
    EXPECT_EQ(shown(claimed_bare_jid(bad)), nothing) << bad;
  }
}

}  // namespace
