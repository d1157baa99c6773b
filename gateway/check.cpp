#include "gateway/check.hpp"

#include <boost/asio/io_context.hpp>
#include <utility>
#include <vector>

#include "gateway/check_report.hpp"
#include "gateway/check_walk.hpp"
#include "gateway/config_rules.hpp"
#include "gateway/log.hpp"
#include "gateway/resolver.hpp"
#include "xmpp/jid.hpp"
#include "xmpp/login.hpp"

namespace gateway {

namespace {

std::string_view name_of(xmpp::TlsMode tls) {
  switch (tls) {
    case xmpp::TlsMode::starttls:
      return "STARTTLS";
    case xmpp::TlsMode::direct:
      return "direct TLS";
    case xmpp::TlsMode::none:
      return "no TLS";
  }
  return {};
}

// ---- finding the server

Resolution find_server(const Config& config, const Domain& domain) {
  boost::asio::io_context io(1);
  Resolver resolver(io, config.server);
  std::optional<Resolution> result;
  const auto lookup = resolver.resolve(domain, [&](Resolution found) { result = std::move(found); });
  if (lookup != Resolver::Lookup::none) {
    while (!result && io.run_one() > 0) {
    }
  }
  return result ? std::move(*result) : Resolution{{}, "the lookup came to no end"};
}

bool check_dns(CheckReport& report, const Domain& domain, const Resolution& found) {
  const std::string_view step = domain.static_server() ? "server" : "dns";
  if (found.candidates.empty()) {
    report.bad(step, found.failure,
               domain.static_server()
                   ? "correct `server` of the [[domain]], or let its name resolve"
                   : "publish SRV records for _xmpp-client._tcp or _xmpps-client._tcp (or A/AAAA), or "
                     "name the server with `server` in the [[domain]]");
    return false;
  }
  std::vector<std::string> places;
  for (const auto& candidate : found.candidates) {
    places.push_back(place_of(candidate) + " with " + std::string(name_of(candidate.tls)));
  }
  report.good(step, (domain.static_server() ? "configured: " : "found: ") + join(places));
  return true;
}

Domain domain_by_dns(const Config& config, const std::string& prepared) {
  Domain domain;
  domain.name = prepared;
  rules::finish(domain, config.limits, [](std::string_view) { return std::string(); });
  return domain;
}

// ---- who logs in

// SASL prepares the name in its own way, so it goes on as it was typed.
std::optional<xmpp::SaslIdentity> identity_of(CheckReport& report, const Config& config, const Domain& domain,
                                              const CheckUser& user) {
  const std::string address = user.name.find('@') == std::string::npos ? user.name + '@' + domain.name : user.name;
  const auto parts = xmpp::split_jid(address);
  const auto jid = xmpp::parse_jid(address);
  if (!parts || !jid || jid->local.empty() || !jid->resource.empty()) {
    report.bad("login", safe_text(user.name) + " is not the name of an account",
               "write it like alice, or alice@" + domain.name);
    return std::nullopt;
  }
  if (jid->domain != domain.name && config.domains.find(jid->domain).domain != &domain) {
    report.bad("login", safe_text(user.name) + " is not an account of " + domain.name,
               "take one that is, or check " + safe_text(jid->domain));
    return std::nullopt;
  }
  return xmpp::SaslIdentity{xmpp::SaslKind::password, std::string(parts->local), {}, user.password()};
}

}  // namespace

int check_domain(const Config& config, std::string_view name, const std::optional<CheckUser>& user, std::ostream& out) {
  CheckReport report(out);
  const Domains::Found found = config.domains.find(name);
  Domain unlisted;
  const Domain* domain = found.domain;
  if (domain != nullptr) {
    report.good("config", safe_text(name) + " is served" + (domain->name == name ? "" : " as " + domain->name));
  } else {
    const auto prepared = xmpp::prepare_domain(name);
    if (!prepared || !xmpp::domain_to_ascii(*prepared)) {
      report.bad("config", safe_text(name) + " is not a domain", "write it like example.org, without a port");
      return 1;
    }
    const bool removed = found.standing == Domains::Standing::removed;
    report.bad("config", safe_text(name) + (removed ? " is among removed_domains" : " is not served"),
               "add a [[domain]] with this name; what follows is checked by DNS and with the defaults");
    unlisted = domain_by_dns(config, *prepared);
    domain = &unlisted;
  }
  std::optional<xmpp::SaslIdentity> identity;
  if (user) {
    identity = identity_of(report, config, *domain, *user);
    if (!identity) return 1;
  }
  const Resolution places = find_server(config, *domain);
  if (!check_dns(report, *domain, places)) return 1;
  for (const Candidate& candidate : places.candidates) {
    const auto outcome = CheckWalk(report, config, *domain, identity).run(candidate);
    if (outcome == CheckWalk::Outcome::no_connection) continue;
    return outcome == CheckWalk::Outcome::good && found.domain != nullptr ? 0 : 1;
  }
  return 1;
}

}  // namespace gateway
