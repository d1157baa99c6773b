#include "gateway/resolver.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "gateway/dns_channel.hpp"
#include "tests/support/dns_server.hpp"

namespace gateway {
namespace {

using Mood = support::DnsServer::Mood;

std::string text_of(const Resolution& resolution) {
  std::string text;
  for (const auto& candidate : resolution.candidates) {
    const auto& address = candidate.endpoint.address();
    text += candidate.host + '=' + address.to_string() + '#' + std::to_string(candidate.endpoint.port());
    text += candidate.tls == xmpp::TlsMode::direct ? "d " : candidate.tls == xmpp::TlsMode::none ? "n " : "s ";
  }
  return text;
}

class ResolverTest : public testing::Test {
 protected:
  ResolverTest() {
    server.dns = {dns.address()};
    server.dns_timeout = std::chrono::seconds(10);  // a bound, for machines under load
    domain.name = domain.ascii_name = "example.org";
  }

  Resolver& resolver() {
    if (!resolver_) resolver_.emplace(io, server);
    return *resolver_;
  }
  Resolution resolve() {
    return wait([&](auto callback) { return resolver().resolve(domain, std::move(callback)); });
  }
  Resolution redirect(std::string_view host, std::uint16_t port) {
    return wait([&](auto callback) { return resolver().resolve_redirect(domain, host, port, std::move(callback)); });
  }
  template <class Start>
  Resolution wait(Start start) {
    std::optional<Resolution> result;
    unsigned calls = 0;
    const auto lookup = start([&](Resolution found) {
      result = std::move(found);
      ++calls;
    });
    EXPECT_EQ(result.has_value(), lookup == Resolver::Lookup::none);
    io.restart();
    while (!result && io.run_one_for(std::chrono::seconds(20)) > 0) {
    }
    io.poll();
    EXPECT_EQ(calls, 1u);
    return result.value_or(Resolution{});
  }
  void serve_both_kinds() {
    dns.add_srv("_xmpp-client._tcp.example.org", 20, 0, 5222, "plain.example.org");
    dns.add_srv("_xmpps-client._tcp.example.org", 10, 0, 5223, "direct.example.org");
    dns.add_a("plain.example.org", "93.184.216.1");
    dns.add_a("direct.example.org", "93.184.216.2");
    dns.add_aaaa("direct.example.org", "2606:2800::2");
  }

  support::DnsServer dns;
  boost::asio::io_context io{1};
  ServerConfig server;
  Domain domain;
  std::optional<Resolver> resolver_;
};

TEST_F(ResolverTest, MergesBothKindsOfService) {  // U-001, U-002, U-005
  serve_both_kinds();
  EXPECT_EQ(text_of(resolve()),
            "direct.example.org=2606:2800::2#5223d direct.example.org=93.184.216.2#5223d "
            "plain.example.org=93.184.216.1#5222s ");
}

TEST_F(ResolverTest, DirectModeUsesDirectRecordsOnly) {
  serve_both_kinds();
  domain.tls = xmpp::TlsMode::direct;
  EXPECT_EQ(text_of(resolve()), "direct.example.org=2606:2800::2#5223d direct.example.org=93.184.216.2#5223d ");
  domain.tls = xmpp::TlsMode::none;
  domain.allow_plaintext = true;
  EXPECT_EQ(text_of(resolve()), "plain.example.org=93.184.216.1#5222n ");
}

TEST_F(ResolverTest, RootTargetMeansNotHere) {  // U-004
  dns.add_srv("_xmpps-client._tcp.example.org", 0, 0, 0, "");
  dns.add_srv("_xmpp-client._tcp.example.org", 0, 0, 5222, "plain.example.org");
  dns.add_a("plain.example.org", "93.184.216.1");
  EXPECT_EQ(text_of(resolve()), "plain.example.org=93.184.216.1#5222s ");
}

TEST_F(ResolverTest, OnlyRootTargetsForbidFallingBack) {
  dns.add_srv("_xmpp-client._tcp.example.org", 0, 0, 0, "");
  dns.add_a("example.org", "93.184.216.9");
  const auto found = resolve();
  EXPECT_EQ(text_of(found), "");
  EXPECT_EQ(found.failure, "DNS says that example.org offers no XMPP to clients (SRV \".\")");
  EXPECT_EQ(dns.questions("example.org"), 0u);
}

TEST_F(ResolverTest, FallsBackToTheDomainItself) {  // U-005
  dns.add_a("example.org", "93.184.216.9");
  dns.add_aaaa("example.org", "2606:2800::9");
  EXPECT_EQ(text_of(resolve()), "example.org=2606:2800::9#5222s example.org=93.184.216.9#5222s ");
}

TEST_F(ResolverTest, FallsBackToTheDirectPort) {
  dns.add_a("example.org", "93.184.216.9");
  dns.add_empty("_xmpp-client._tcp.example.org");
  domain.tls = xmpp::TlsMode::direct;
  EXPECT_EQ(text_of(resolve()), "example.org=93.184.216.9#5223d ");
}

TEST_F(ResolverTest, SrvThatLeadsNowhereForbidsFallingBack) {
  dns.add_srv("_xmpp-client._tcp.example.org", 0, 0, 5222, "gone.example.org");
  dns.add_a("example.org", "93.184.216.9");
  const auto found = resolve();
  EXPECT_EQ(text_of(found), "");
  EXPECT_NE(found.failure.find("gone.example.org"), std::string::npos);
}

TEST_F(ResolverTest, UnknownDomain) {
  const auto found = resolve();
  EXPECT_EQ(text_of(found), "");
  EXPECT_NE(found.failure.find("example.org: "), std::string::npos);
}

TEST_F(ResolverTest, FailingSrvForbidsFallingBackButNotTheOtherKind) {
  dns.add_a("example.org", "93.184.216.9");
  dns.set_mood("_xmpp-client._tcp.example.org", Mood::server_failure);
  EXPECT_EQ(text_of(resolve()), "");
  resolver_.reset();
  dns.add_srv("_xmpps-client._tcp.example.org", 0, 0, 5223, "direct.example.org");
  dns.add_a("direct.example.org", "93.184.216.2");
  EXPECT_EQ(text_of(resolve()), "direct.example.org=93.184.216.2#5223d ");
}

TEST_F(ResolverTest, LiesAndGarbageAreNotTaken) {
  for (const Mood mood : {Mood::garbage, Mood::wrong_id}) {
    dns.clear();
    serve_both_kinds();
    server.dns_timeout = std::chrono::milliseconds(400);
    dns.set_mood("_xmpp-client._tcp.example.org", mood);
    dns.set_mood("_xmpps-client._tcp.example.org", mood);
    resolver_.reset();
    EXPECT_EQ(text_of(resolve()), "");
  }
}

TEST_F(ResolverTest, SilenceIsBounded) {
  server.dns_timeout = std::chrono::milliseconds(300);
  dns.set_mood("_xmpp-client._tcp.example.org", Mood::silent);
  const auto begin = std::chrono::steady_clock::now();
  const auto found = resolve();
  const auto taken = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(text_of(found), "");
  EXPECT_NE(found.failure, "");
  EXPECT_LT(taken, std::chrono::seconds(5));
}

TEST_F(ResolverTest, WhatIsKnownInTimeIsUsed) {
  serve_both_kinds();
  server.dns_timeout = std::chrono::milliseconds(1500);
  dns.set_mood("plain.example.org", Mood::silent);
  EXPECT_EQ(text_of(resolve()), "direct.example.org=2606:2800::2#5223d direct.example.org=93.184.216.2#5223d ");
}

TEST_F(ResolverTest, PrivateAddressesOfDnsAreRefused) {  // U-007, E-46
  dns.add_srv("_xmpp-client._tcp.example.org", 0, 0, 5222, "inside.example.org");
  dns.add_a("inside.example.org", "127.0.0.1");
  dns.add_a("inside.example.org", "169.254.169.254");
  dns.add_a("inside.example.org", "93.184.216.5");
  dns.add_aaaa("inside.example.org", "::ffff:10.0.0.1");
  EXPECT_EQ(text_of(resolve()), "inside.example.org=93.184.216.5#5222s ");
  server.refused_networks = {*Network::parse("93.184.216.0/24")};
  resolver_.reset();
  const auto refused = resolve();
  EXPECT_EQ(text_of(refused), "");
  EXPECT_NE(refused.failure.find("127.0.0.1]: the address is loopback"), std::string::npos) << refused.failure;
  domain.private_addresses = true;
  EXPECT_EQ(text_of(resolve()),
            "inside.example.org=::ffff:10.0.0.1#5222s inside.example.org=127.0.0.1#5222s "
            "inside.example.org=169.254.169.254#5222s ");
}

TEST_F(ResolverTest, StaticAddressNeedsNoDns) {  // U-006
  domain.host = "127.0.0.1";
  domain.port = 15222;
  server.refused_networks = {*Network::parse("127.0.0.0/8")};
  EXPECT_EQ(text_of(resolve()), "127.0.0.1=127.0.0.1#15222s ");
  domain.host = "::1";
  EXPECT_EQ(text_of(resolve()), "::1=::1#15222s ");
  domain.host = "0.0.0.0";
  EXPECT_EQ(text_of(resolve()), "");
  EXPECT_EQ(dns.questions("_xmpp-client._tcp.example.org"), 0u);
}

TEST_F(ResolverTest, StaticNameIsLookedUpWithoutSrv) {
  domain.host = "xmpp.internal.example";
  domain.port = 15222;
  domain.tls = xmpp::TlsMode::direct;
  dns.add_a("xmpp.internal.example", "10.0.0.5");
  EXPECT_EQ(text_of(resolve()), "xmpp.internal.example=10.0.0.5#15222d ");
  EXPECT_EQ(dns.questions("_xmpps-client._tcp.xmpp.internal.example"), 0u);
}

TEST_F(ResolverTest, HostsFileIsRead) {
  domain.host = "localhost";
  domain.port = 15222;
  EXPECT_NE(text_of(resolve()).find("localhost=127.0.0.1#15222s"), std::string::npos);
  EXPECT_EQ(dns.questions("localhost"), 0u);
}

TEST_F(ResolverTest, PlaintextGoesToLoopbackOnly) {  // U-012
  domain.host = "xmpp.internal.example";
  domain.port = 5222;
  domain.tls = xmpp::TlsMode::none;
  dns.add_a("xmpp.internal.example", "10.0.0.5");
  dns.add_a("xmpp.internal.example", "127.0.0.1");
  EXPECT_EQ(text_of(resolve()), "xmpp.internal.example=127.0.0.1#5222n ");
}

TEST_F(ResolverTest, AnswersAreShared) {
  serve_both_kinds();
  unsigned called = 0;
  for (int i = 0; i < 50; ++i) {
    EXPECT_NE(resolver().resolve(domain, [&](Resolution found) { called += found.candidates.size() == 3 ? 1u : 0u; }),
              Resolver::Lookup::none);
  }
  while (called < 50 && io.run_one_for(std::chrono::seconds(10)) > 0) {
  }
  EXPECT_EQ(called, 50u);
  EXPECT_EQ(resolver().resolve(domain, [&](Resolution) { ++called; }), Resolver::Lookup::none);
  EXPECT_EQ(called, 51u);
  EXPECT_EQ(dns.questions("_xmpp-client._tcp.example.org"), 1u);
  EXPECT_EQ(dns.questions("direct.example.org"), 2u);  // A and AAAA
}

TEST_F(ResolverTest, FailuresAreRememberedForAWhile) {  // U-008
  server.dns_negative_ttl = std::chrono::milliseconds(1500);
  EXPECT_EQ(text_of(resolve()), "");
  const unsigned asked = dns.questions("_xmpp-client._tcp.example.org");
  EXPECT_EQ(text_of(resolve()), "");
  EXPECT_EQ(dns.questions("_xmpp-client._tcp.example.org"), asked);
  serve_both_kinds();
  const auto begin = std::chrono::steady_clock::now();
  std::string text;
  while (text.empty() && std::chrono::steady_clock::now() - begin < std::chrono::seconds(20)) {
    io.run_for(std::chrono::milliseconds(10));
    text = text_of(resolve());
  }
  EXPECT_NE(text, "");
}

TEST_F(ResolverTest, WeightsShareTheLoad) {
  dns.add_srv("_xmpp-client._tcp.example.org", 0, 1, 5222, "a.example.org");
  dns.add_srv("_xmpp-client._tcp.example.org", 0, 1, 5222, "b.example.org");
  dns.add_a("a.example.org", "93.184.216.1");
  dns.add_a("b.example.org", "93.184.216.2");
  unsigned first_is_a = 0;
  for (int i = 0; i < 400; ++i) first_is_a += resolve().candidates.front().host == "a.example.org" ? 1u : 0u;
  EXPECT_GT(first_is_a, 100u);
  EXPECT_LT(first_is_a, 300u);
}

TEST_F(ResolverTest, CancelledLookupsAreNotCalledBack) {
  serve_both_kinds();
  bool called = false;
  const auto lookup = resolver().resolve(domain, [&](Resolution) { called = true; });
  resolver().cancel(lookup);
  resolver().cancel(Resolver::Lookup::none);
  resolve();
  EXPECT_FALSE(called);
}

TEST_F(ResolverTest, DestructionInTheMiddle) {
  serve_both_kinds();
  dns.set_mood("plain.example.org", Mood::silent);
  // At every stage: nothing sent yet, SRV answered, addresses on their way.
  for (int steps = 0; steps < 12; ++steps) {
    bool called = false;
    auto local = std::make_unique<Resolver>(io, server);
    EXPECT_NE(local->resolve(domain, [&](Resolution) { called = true; }), Resolver::Lookup::none);
    io.restart();
    for (int i = 0; i < steps; ++i) io.run_one_for(std::chrono::milliseconds(50));
    called = false;
    if (steps % 2 == 0) local->stop();
    local.reset();
    io.restart();
    // Nothing is left that would keep the io_context busy.
    while (io.run_one_for(std::chrono::milliseconds(200)) > 0) {
    }
    EXPECT_TRUE(io.stopped()) << steps;
    EXPECT_FALSE(called);
  }
}

TEST_F(ResolverTest, StoppingFromWithinACallback) {
  serve_both_kinds();
  unsigned called = 0;
  for (int i = 0; i < 3; ++i) {
    EXPECT_NE(resolver().resolve(domain, [&](Resolution) { ++called, resolver().stop(); }), Resolver::Lookup::none);
  }
  while (io.run_one_for(std::chrono::seconds(5)) > 0) {
  }
  EXPECT_EQ(called, 1u);
}

TEST_F(ResolverTest, NewConfigurationAsksAnew) {
  support::DnsServer other;
  dns.set_mood("_xmpp-client._tcp.example.org", Mood::silent);
  other.add_srv("_xmpp-client._tcp.example.org", 0, 0, 5222, "plain.example.org");
  other.add_a("plain.example.org", "93.184.216.1");
  std::string text;
  EXPECT_NE(resolver().resolve(domain, [&](Resolution found) { text = text_of(found); }), Resolver::Lookup::none);
  server.dns = {other.address()};
  resolver().reconfigure(server);
  while (text.empty() && io.run_one_for(std::chrono::seconds(10)) > 0) {
  }
  EXPECT_EQ(text, "plain.example.org=93.184.216.1#5222s ");
  resolver().reconfigure(server);
  EXPECT_NE(resolver().resolve(domain, [&](Resolution) {}), Resolver::Lookup::none);  // nothing is remembered
}

TEST_F(ResolverTest, AskingFromWithinACallback) {
  serve_both_kinds();
  std::string text;
  EXPECT_NE(resolver().resolve(domain,
                               [&](Resolution) {
                                 EXPECT_EQ(resolver().resolve(domain, [&](Resolution found) { text = text_of(found); }),
                                           Resolver::Lookup::none);
                               }),
            Resolver::Lookup::none);
  while (text.empty() && io.run_one_for(std::chrono::seconds(5)) > 0) {
  }
  EXPECT_NE(text, "");
}

TEST_F(ResolverTest, Redirects) {  // U-016, U-007
  domain.host = "127.0.0.1";
  domain.port = 5222;
  dns.add_a("other.example.org", "93.184.216.7");
  dns.add_srv("_xmpp-client._tcp.other.example.org", 0, 0, 5299, "srv.example.org");
  dns.add_a("srv.example.org", "93.184.216.8");
  EXPECT_EQ(text_of(redirect("other.example.org", 5222)), "other.example.org=93.184.216.7#5222s ");
  EXPECT_EQ(text_of(redirect("other.example.org", 0)), "srv.example.org=93.184.216.8#5299s ");
  EXPECT_EQ(text_of(redirect("93.184.216.7", 443)), "93.184.216.7=93.184.216.7#443s ");
  EXPECT_EQ(text_of(redirect("2606:2800::7", 0)), "2606:2800::7=2606:2800::7#5222s ");
  EXPECT_EQ(text_of(redirect("[2606:2800::7]", 0)), "2606:2800::7=2606:2800::7#5222s ");
  const struct {
    std::string host;
    std::uint16_t port;
    std::string text;
  } refused[] = {
      {"other.example.org", 22, "port 22"}, {"127.0.0.1", 5222, "loopback"},      {"::ffff:10.0.0.1", 5222, "private"},
      {"localhost", 5222, "loopback"},      {"bad host\n", 0, "not a host name"},
  };
  for (const auto& row : refused) {
    const auto found = redirect(row.host, row.port);
    EXPECT_EQ(text_of(found), "") << row.host;
    EXPECT_NE(found.failure.find(row.text), std::string::npos) << found.failure;
    EXPECT_EQ(found.failure.find('\n'), std::string::npos);
  }
}

TEST_F(ResolverTest, HostsForFiles) {  // U-007
  dns.add_a("files.example.org", "93.184.216.9");
  dns.add_a("inside.example.org", "10.0.0.9");
  const auto ask = [&](const char* name, std::uint16_t port, bool listed = false) {
    return wait([&](auto callback) {
      return resolver().resolve_host(domain, Resolver::Host{name, port, listed}, std::move(callback));
    });
  };
  EXPECT_EQ(text_of(ask("files.example.org", 443)), "files.example.org=93.184.216.9#443d ");
  EXPECT_EQ(text_of(ask("files.example.org", 5281)), "files.example.org=93.184.216.9#5281d ");
  EXPECT_EQ(text_of(ask("93.184.216.9", 443)), "93.184.216.9=93.184.216.9#443d ");
  const struct {
    std::string host;
    std::uint16_t port;
    std::string text;
  } refused[] = {
      {"files.example.org", 25, "port 25"},     {"inside.example.org", 443, "private"}, {"127.0.0.1", 5280, "loopback"},
      {"::ffff:169.254.169.254", 443, "local"}, {"localhost", 5280, "loopback"},        {"bad host", 443, "not a host"},
  };
  for (const auto& row : refused) {
    const auto found = ask(row.host.c_str(), row.port);
    EXPECT_EQ(text_of(found), "") << row.host;
    EXPECT_NE(found.failure.find(row.text), std::string::npos) << found.failure;
  }
  server.refused_networks = {*Network::parse("10.0.0.0/8")};
  resolver_.reset();
  EXPECT_EQ(text_of(ask("inside.example.org", 80, true)), "inside.example.org=10.0.0.9#80d ");
  EXPECT_EQ(text_of(ask("127.0.0.1", 5280, true)), "127.0.0.1=127.0.0.1#5280d ");
}

TEST_F(ResolverTest, AZoneCannotMakeUsAskWithoutEnd) {
  for (int i = 0; i < 20; ++i) {
    const std::string host = "h" + std::to_string(i) + ".example.org";
    dns.add_srv("_xmpp-client._tcp.example.org", static_cast<std::uint16_t>(i), 0, 5222, host);
    for (int j = 1; j < 12; ++j) dns.add_a(host, "93.184." + std::to_string(i) + '.' + std::to_string(j));
  }
  const auto found = resolve();
  EXPECT_EQ(found.candidates.size(), 16u * 8u);
  EXPECT_EQ(dns.questions("h0.example.org"), 2u);
  EXPECT_EQ(dns.questions("h19.example.org"), 0u);
}

// A server may name as many hosts as it likes, all of a zone of its own (U-016).
TEST_F(ResolverTest, WhatIsKeptOfAnswersIsBounded) {
  const auto host = [](int i) { return "h" + std::to_string(i) + ".example.net"; };
  constexpr int more_than_are_kept = 501;
  for (int i = 0; i < more_than_are_kept; ++i) {
    dns.add_a(host(i), "93.184.216.34", 200);
    EXPECT_NE(text_of(redirect(host(i), 5222)), "") << i;
  }
  EXPECT_NE(text_of(redirect(host(more_than_are_kept - 1), 5222)), "");
  EXPECT_EQ(dns.questions(host(more_than_are_kept - 1)), 2u);
  EXPECT_NE(text_of(redirect(host(1), 5222)), "");
  EXPECT_EQ(dns.questions(host(1)), 2u);
  EXPECT_NE(text_of(redirect(host(0), 5222)), "");
  EXPECT_EQ(dns.questions(host(0)), 4u) << "it would have been good for the shortest time";
}

TEST_F(ResolverTest, WhatIsOverTakesNobodysPlace) {
  server.dns_negative_ttl = xmpp::Duration::zero();
  dns.add_a("good.example.net", "93.184.216.34", 1 << 20);
  EXPECT_NE(text_of(redirect("good.example.net", 5222)), "");
  for (int i = 0; i < 520; ++i) EXPECT_EQ(text_of(redirect("h" + std::to_string(i) + ".example.net", 5222)), "");
  EXPECT_NE(text_of(redirect("good.example.net", 5222)), "");
  EXPECT_EQ(dns.questions("good.example.net"), 2u);
}

TEST(DnsChannel, TakesSoManyAddressesOfEachFamily) {
  support::DnsServer dns;
  // No more than fit into a datagram.
  for (int i = 0; i < 40; ++i) dns.add_a("many.example.org", "93.184.216." + std::to_string(i));
  for (int i = 10; i < 50; ++i) dns.add_aaaa("many.example.org", "2606:2800::" + std::to_string(i), 50);
  boost::asio::io_context io{1};
  DnsChannel::Options options;
  options.servers = {dns.address()};
  DnsChannel channel(io, options);
  std::optional<DnsAddresses> found;
  channel.query_addresses("many.example.org", [&](DnsAddresses result) { found = std::move(result); });
  while (!found && io.run_one_for(std::chrono::seconds(20)) > 0) {
  }
  ASSERT_TRUE(found);
  EXPECT_EQ(found->addresses.size(), 64u);
  EXPECT_EQ(std::count_if(found->addresses.begin(), found->addresses.end(), [](auto& a) { return a.is_v4(); }), 32);
  EXPECT_EQ(found->ttl, 50u);
}

}  // namespace
}  // namespace gateway
