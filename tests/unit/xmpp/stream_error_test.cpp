#include "xmpp/stream_error.hpp"

#include <gtest/gtest.h>

#include "xmpp/stream_header.hpp"

namespace {

using xmpp::parse_host_and_port;
using xmpp::see_other_host;

std::string parsed(std::string_view text) {
  const auto other = parse_host_and_port(text);
  return other ? other->host + " " + std::to_string(other->port) : "nothing";
}

// RFC 6120 4.9.3.19, U-016.
TEST(StreamError, ParsesTheTargetOfSeeOtherHost) {
  EXPECT_EQ(parsed("example.org"), "example.org 0");
  EXPECT_EQ(parsed(" example.org:5223\n"), "example.org 5223");
  EXPECT_EQ(parsed("192.0.2.1"), "192.0.2.1 0");
  EXPECT_EQ(parsed("192.0.2.1:443"), "192.0.2.1 443");
  EXPECT_EQ(parsed("[2001:41D0:1:A49b::1]:9222"), "2001:41D0:1:A49b::1 9222");
  EXPECT_EQ(parsed("[2001:db8::1]"), "2001:db8::1 0");
  EXPECT_EQ(parsed("2001:db8::1"), "2001:db8::1 0");
  EXPECT_EQ(parsed("m\xC3\xBCnchen.example:5222"), "m\xC3\xBCnchen.example 5222");
  EXPECT_EQ(parsed("host:65535"), "host 65535");
  for (const std::string bad : {"",         "  ",  ":5222",  "host:",     "host:0",      "host:65536", "host:+1",
                                "host:5x",  "[]",  "[]:1",   "[::1",      "[::1]5222",   "[::1]:",     "[::1]:0",
                                "[host]:1", "a b", "a\tb:1", "user@host", "http://host", "ho'st",      "ho<st"}) {
    EXPECT_EQ(parsed(bad), "nothing") << bad;
  }
  EXPECT_EQ(parsed(std::string(255, 'a')), std::string(255, 'a') + " 0");
  EXPECT_EQ(parsed(std::string(256, 'a')), "nothing");
}

TEST(StreamError, FindsSeeOtherHost) {
  const std::string begin = "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>", end = "</stream:error>";
  const std::string ns = " xmlns='urn:ietf:params:xml:ns:xmpp-streams'";
  const auto found = [&](const std::string& content) {
    const auto other = see_other_host(begin + content + end);
    return other ? other->host + " " + std::to_string(other->port) : "nothing";
  };
  EXPECT_EQ(found("<see-other-host" + ns + ">a.org:1</see-other-host><text" + ns + ">b</text>"), "a.org 1");
  EXPECT_EQ(found("<text" + ns +
                  ">b</text><e:see-other-host xmlns:e='urn:ietf:params:xml:ns:xmpp-streams'>"
                  "a&#46;org</e:see-other-host>"),
            "a.org 0");
  EXPECT_EQ(found("<see-other-host" + ns + "><![CDATA[a.]]>org</see-other-host>"), "a.org 0");
  EXPECT_EQ(found("<see-other-host>a.org</see-other-host>"), "nothing");
  EXPECT_EQ(found("<see-other-host" + ns + "/>"), "nothing");
  EXPECT_EQ(found("<see-other-host" + ns + "><a/></see-other-host>"), "nothing");
  EXPECT_EQ(found("<conflict" + ns + "/>"), "nothing");
  EXPECT_EQ(found("<text" + ns + "><see-other-host" + ns + ">a</see-other-host></text>"), "nothing");
}

TEST(StreamError, NamesItsCondition) {
  const std::string begin = "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>", end = "</stream:error>";
  const std::string ns = " xmlns='urn:ietf:params:xml:ns:xmpp-streams'";
  const auto named = [&](const std::string& content) {
    const auto condition = xmpp::condition_in(begin + content + end);
    return condition ? std::string(xmpp::wire_name(*condition)) : "";
  };
  EXPECT_EQ(named("<conflict" + ns + "/>"), "conflict");
  EXPECT_EQ(named("<text" + ns + ">not here</text><x xmlns='urn:x'/><host-unknown" + ns + "/>"), "host-unknown");
  EXPECT_EQ(named("<conflict xmlns='urn:x'/><made-up" + ns + "/>"), "");
  EXPECT_EQ(named(""), "");
}

TEST(StreamError, HasAConditionForEveryFaultOfTheServersXml) {
  using xmpp::FaultKind;
  const auto condition = [](FaultKind kind) {
    const auto found = xmpp::condition_of(kind);
    return found ? std::string(wire_name(*found)) : "nothing";
  };
  EXPECT_EQ(condition(FaultKind::not_well_formed), "not-well-formed");
  EXPECT_EQ(condition(FaultKind::restricted_xml), "restricted-xml");
  EXPECT_EQ(condition(FaultKind::bad_encoding), "unsupported-encoding");
  EXPECT_EQ(condition(FaultKind::too_large), "policy-violation");
  EXPECT_EQ(condition(FaultKind::bad_format), "bad-format");
  EXPECT_EQ(condition(FaultKind::invalid_namespace), "invalid-namespace");
  for (const auto kind : {FaultKind::stream_error, FaultKind::closed, FaultKind::connection_failed,
                          FaultKind::connection_lost, FaultKind::timed_out}) {
    EXPECT_EQ(condition(kind), "nothing");
  }
}

// RFC 6120 4.9.3, in its order.
TEST(StreamError, SpellsEveryCondition) {
  const std::string_view spelt[] = {"bad-format",
                                    "bad-namespace-prefix",
                                    "conflict",
                                    "connection-timeout",
                                    "host-gone",
                                    "host-unknown",
                                    "improper-addressing",
                                    "internal-server-error",
                                    "invalid-from",
                                    "invalid-namespace",
                                    "invalid-xml",
                                    "not-authorized",
                                    "not-well-formed",
                                    "policy-violation",
                                    "remote-connection-failed",
                                    "reset",
                                    "resource-constraint",
                                    "restricted-xml",
                                    "see-other-host",
                                    "system-shutdown",
                                    "undefined-condition",
                                    "unsupported-encoding",
                                    "unsupported-feature",
                                    "unsupported-stanza-type",
                                    "unsupported-version"};
  for (const auto name : spelt) {
    const auto condition = xmpp::stream_condition(name);
    ASSERT_TRUE(condition) << name;
    EXPECT_EQ(wire_name(*condition), name);
  }
  EXPECT_EQ(static_cast<std::size_t>(xmpp::StreamCondition::unsupported_version) + 1, std::size(spelt));
  EXPECT_EQ(wire_name(xmpp::StreamCondition::see_other_host), "see-other-host");
  EXPECT_FALSE(xmpp::stream_condition("bad_format"));
  EXPECT_FALSE(xmpp::stream_condition(""));
}

TEST(StreamHeader, SaysOnlyWhatIsALanguage) {
  for (const std::string good : {"en", "de-AT", "zh-Hans-CN", "x-klingon", "de-1996"}) {
    EXPECT_TRUE(xmpp::is_language_tag(good)) << good;
  }
  for (const std::string bad : {"", "-", "en-", "-en", "en--us", "e'", "en us", "abcdefghi", "1996", "d\xC3\xA9"}) {
    EXPECT_FALSE(xmpp::is_language_tag(bad)) << bad;
  }
  EXPECT_FALSE(xmpp::is_language_tag("en" + std::string(63, 'a')));
}

}  // namespace
