#include "xmpp/features.hpp"

#include <gtest/gtest.h>

namespace {

using xmpp::Filter;
using xmpp::filter_features;
using xmpp::offers_tls;

const std::string begin = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>",
                  end = "</stream:features>";
const std::string starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
const std::string compression =
    "<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>";

std::string filtered(const std::string& content, const Filter& limits = {}) {
  const auto result = filter_features(begin + content + end, limits);
  if (!result) return "unchanged";
  EXPECT_TRUE(result->starts_with(begin));
  EXPECT_TRUE(result->ends_with(end));
  return result->substr(begin.size(), result->size() - begin.size() - end.size());
}

TEST(Features, OffersTls) {
  EXPECT_TRUE(offers_tls(begin + starttls + end));
  EXPECT_TRUE(offers_tls(begin + "<a xmlns='a'/> <t:starttls xmlns:t='urn:ietf:params:xml:ns:xmpp-tls'/>" + end));
  EXPECT_FALSE(offers_tls(begin + end));
  EXPECT_FALSE(offers_tls("<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>"));
  EXPECT_FALSE(offers_tls(begin + "<starttls xmlns='urn:other'/>" + end));
  EXPECT_FALSE(offers_tls(begin + "<a xmlns='a'>" + starttls + "</a>" + end));
  EXPECT_FALSE(offers_tls(begin + "<a xmlns='a'><![CDATA[" + starttls + "]]></a>" + end));
  EXPECT_TRUE(
      offers_tls("<stream:features xmlns='urn:ietf:params:xml:ns:xmpp-tls' xmlns:stream='x'><starttls/>" + end));
}

TEST(Features, RequireTls) {
  EXPECT_TRUE(xmpp::requires_tls(begin + starttls + end));
  EXPECT_FALSE(xmpp::requires_tls(begin + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" + end));
  EXPECT_FALSE(
      xmpp::requires_tls(begin + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><optional/></starttls>" + end));
  EXPECT_FALSE(xmpp::requires_tls(begin + "<required/>" + end));
  EXPECT_FALSE(xmpp::requires_tls(begin + end));
}

// the two, and not a byte more.
TEST(Features, LoseTlsAndCompressionOnly) {
  const std::string rest =
      "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\r\n <mechanism>SCRAM-SHA-256-PLUS</mechanism>"
      "<mechanism >PLAIN</mechanism></mechanisms>"
      "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>"
      "<register xmlns=\"http://jabber.org/features/iq-register\"/>";
  EXPECT_EQ(filtered(rest), "unchanged");
  EXPECT_EQ(filtered(starttls), "");
  EXPECT_EQ(filtered(starttls + rest + compression), rest);
  EXPECT_EQ(filtered(" " + rest + compression + "\n" + rest + starttls + "<z xmlns='z'/>"),
            " " + rest + "\n" + rest + "<z xmlns='z'/>");
  EXPECT_EQ(filtered("<starttls xmlns='x'/><compression xmlns='y'/><a xmlns='a'>" + starttls + "</a>"), "unchanged");
  EXPECT_EQ(filtered("<c:compression xmlns:c='http://jabber.org/features/compress'/><a xmlns='a'/>"), "<a xmlns='a'/>");
}

//
TEST(Features, SayTheSmallerLimits) {
  const auto limits = [](const std::string& content) {
    return "<limits xmlns='urn:xmpp:stream-limits:0'>" + content + "</limits>";
  };
  const std::string theirs = limits("<max-bytes>262144</max-bytes><idle-seconds>1800</idle-seconds>");
  EXPECT_EQ(filtered(theirs), "unchanged");
  EXPECT_EQ(filtered(theirs, {262144, 1800}), "unchanged");
  EXPECT_EQ(filtered(theirs, {500000, 0}), "unchanged");
  EXPECT_EQ(filtered(theirs, {10000, 0}), limits("<max-bytes>10000</max-bytes><idle-seconds>1800</idle-seconds>"));
  EXPECT_EQ(filtered(theirs, {500000, 90}), limits("<max-bytes>262144</max-bytes><idle-seconds>90</idle-seconds>"));
  EXPECT_EQ(filtered(limits("<max-bytes> 20000 </max-bytes>"), {10000, 90}),
            limits("<max-bytes>10000</max-bytes><idle-seconds>90</idle-seconds>"));
  EXPECT_EQ(filtered(limits("<max-bytes>many</max-bytes>"), {10000, 0}), limits("<max-bytes>10000</max-bytes>"));
  EXPECT_EQ(filtered("<limits xmlns='urn:xmpp:stream-limits:0'/>", {0, 90}), limits("<idle-seconds>90</idle-seconds>"));
  EXPECT_EQ(filtered("<limits xmlns='urn:other'/>", {1, 1}), "unchanged");
  EXPECT_EQ(filtered(starttls + theirs + starttls), theirs);
}

}  // namespace
