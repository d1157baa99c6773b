#include "gateway/certificate.hpp"

#include <gtest/gtest.h>

#include "tests/support/certificates.hpp"

namespace gateway {
namespace {

CertificateNames with(const std::string& alternative, const std::string& common = "unused.example") {
  const auto identity = support::make_identity({.common_name = common, .names = alternative});
  return names_of(identity.certificate.get());
}

constexpr const char* srv = "otherName:1.3.6.1.5.5.7.8.7;IA5STRING:";
constexpr const char* xmpp = "otherName:1.3.6.1.5.5.7.8.5;UTF8:";

TEST(CertificateNames, EveryKind) {
  const auto names = with(std::string("DNS:a.example,DNS:*.b.example,IP:192.0.2.1,IP:2001:db8::1,email:x@y.example,") +
                              srv + "_xmpp-client.c.example," + xmpp + "d.example",
                          "cn.example");
  EXPECT_EQ(names.dns, (std::vector<std::string>{"a.example", "*.b.example"}));
  EXPECT_EQ(names.addresses, (std::vector<std::string>{"192.0.2.1", "2001:db8::1"}));
  EXPECT_EQ(names.srv, (std::vector<std::string>{"_xmpp-client.c.example"}));
  EXPECT_EQ(names.xmpp, (std::vector<std::string>{"d.example"}));
  EXPECT_EQ(names.common, (std::vector<std::string>{"cn.example"}));
  EXPECT_TRUE(names.has_alternative_names);
  EXPECT_EQ(describe(names),
            "a.example, *.b.example, SRV _xmpp-client.c.example, XMPP d.example, address 192.0.2.1 and 1 more");
}

TEST(CertificateNames, None) {
  const auto names = with("", "cn.example");
  EXPECT_FALSE(names.has_alternative_names);
  EXPECT_EQ(describe(names), "CN cn.example");
  EXPECT_FALSE(with("email:x@y.example").has_alternative_names);
  EXPECT_EQ(describe(CertificateNames{}), "no name at all");
}

TEST(CertificateNames, HostileTextIsMadeSafe) {
  CertificateNames names;
  names.dns = {"a\nb"};
  names.has_alternative_names = true;
  EXPECT_EQ(describe(names), "a\\x0ab");
}

TEST(CertificateMatch, Table) {  // U-013, E-47
  const struct {
    std::string alternative, name;
    bool fits;
  } table[] = {
      {"DNS:example.org", "example.org", true},
      {"DNS:EXAMPLE.ORG", "example.org", true},
      {"DNS:example.org", "EXAMPLE.org", true},
      {"DNS:example.org", "example.com", false},
      {"DNS:example.org", "xexample.org", false},
      {"DNS:example.org", "chat.example.org", false},
      {"DNS:chat.example.org", "example.org", false},  // the SRV target is not the domain
      {"DNS:example.com,DNS:example.org", "example.org", true},
      {"DNS:*.example.org", "chat.example.org", true},
      {"DNS:*.example.org", "CHAT.example.org", true},
      {"DNS:*.example.org", "example.org", false},
      {"DNS:*.example.org", "a.b.example.org", false},
      {"DNS:*.example.org", ".example.org", false},
      {"DNS:c*.example.org", "chat.example.org", false},  // not the whole label
      {"DNS:*t.example.org", "chat.example.org", false},
      {"DNS:chat.*.org", "chat.example.org", false},
      {"DNS:*.*.org", "chat.example.org", false},
      {"DNS:*.org", "example.org", false},
      {"DNS:*", "localhost", false},
      {"DNS:*.", "localhost", false},
      {"DNS:localhost", "localhost", true},
      {"DNS:xn--bcher-kva.example", "bücher.example", true},
      {"DNS:xn--bcher-kva.example", "xn--bcher-kva.example", true},
      {"DNS:xn--bcher-kva.example", "bucher.example", false},
      {"DNS:*.example.org", "bücher.example.org", true},
      {"DNS:xn--*.example.org", "xn--bcher-kva.example.org", false},
      {std::string(srv) + "_xmpp-client.example.org", "example.org", true},
      {std::string(srv) + "_XMPP-Client.Example.Org", "example.org", true},
      {std::string(srv) + "_xmpp-server.example.org", "example.org", false},
      {std::string(srv) + "example.org", "example.org", false},
      {std::string(srv) + "_xmpp-client.example.com", "example.org", false},
      {std::string(srv) + "_xmpp-client.xn--bcher-kva.example", "bücher.example", true},
      {std::string(xmpp) + "example.org", "example.org", true},
      {std::string(xmpp) + "Example.Org", "example.org", true},
      {std::string(xmpp) + "user@example.org", "example.org", false},
      {std::string(xmpp) + "*.example.org", "chat.example.org", false},
      {"URI:xmpp:example.org", "example.org", false},
      {"IP:192.0.2.1", "192.0.2.1", true},
      {"IP:192.0.2.1", "192.0.2.2", false},
      {"IP:2001:db8::1", "[2001:db8::1]", true},
      {"DNS:192.0.2.1", "192.0.2.1", false},  // an address is no DNS name
      {"DNS:example.org", "", false},
      {"DNS:example.org", "not a name", false},
  };
  for (const auto& row : table) {
    EXPECT_EQ(certificate_matches(with(row.alternative), row.name, false), row.fits)
        << row.alternative << " for " << row.name;
  }
}

TEST(CertificateMatch, XmppAddressIsWrittenInUnicode) {
  CertificateNames names;
  names.xmpp = {"bücher.example"};
  EXPECT_TRUE(certificate_matches(names, "xn--bcher-kva.example", false));
  EXPECT_TRUE(certificate_matches(names, "Bücher.example", false));
  EXPECT_FALSE(certificate_matches(names, "bucher.example", false));
}

TEST(CertificateMatch, CommonNameOnlyWhereAllowedAndAlone) {
  EXPECT_FALSE(certificate_matches(with("", "example.org"), "example.org", false));
  EXPECT_TRUE(certificate_matches(with("", "example.org"), "example.org", true));
  EXPECT_FALSE(certificate_matches(with("", "example.org"), "example.com", true));
  EXPECT_FALSE(certificate_matches(with("DNS:other.example", "example.org"), "example.org", true));
  EXPECT_FALSE(certificate_matches(with("IP:192.0.2.1", "example.org"), "example.org", true));
  EXPECT_TRUE(certificate_matches(with("email:x@y.example", "example.org"), "example.org", true));
}

TEST(CertificateMatch, NulInsideANameIsNoEnd) {
  CertificateNames names = with("DNS:example.org");
  names.dns = {std::string("example.org\0.evil.example", 25)};
  EXPECT_FALSE(certificate_matches(names, "example.org", false));
}

TEST(PublicKeyPin, IsThatOfTheKeyNotOfTheCertificate) {
  const auto one = support::make_identity({.common_name = "a"});
  const auto other = support::make_identity({.common_name = "a"});
  const std::string pin = public_key_pin(one.certificate.get());
  EXPECT_EQ(pin.size(), 8u + 44u);
  EXPECT_TRUE(pin.starts_with("sha256//"));
  EXPECT_NE(pin, public_key_pin(other.certificate.get()));
}

}  // namespace
}  // namespace gateway
