#include "gateway/config.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "gateway/config_rules.hpp"
#include "gateway/text_file.hpp"
#include "xmpp/jid.hpp"

namespace gateway {

Domains::Domains(std::vector<Domain> domains, const std::vector<std::string>& removed) : domains_(std::move(domains)) {
  for (const auto& name : removed) by_name_.emplace(name, removed_mark);
  for (std::size_t i = 0; i < domains_.size(); ++i) {
    by_name_.emplace(domains_[i].name, i);
    for (const auto& alias : domains_[i].aliases) by_name_.emplace(alias, i);
  }
}

std::optional<Domains::Found> Domains::find_prepared(std::string_view name) const {
  const auto it = by_name_.find(name);
  if (it == by_name_.end()) return {};
  if (it->second == removed_mark) return Found{Standing::removed, nullptr};
  return Found{Standing::served, &domains_[it->second]};
}

Domains::Found Domains::find(std::string_view to) const {
  // Nearly all clients send the prepared form; preparing it again costs more than the lookup.
  if (const auto found = find_prepared(to)) return *found;
  if (const auto prepared = xmpp::prepare_domain(to)) {
    if (const auto found = find_prepared(*prepared)) return *found;
  }
  return {};
}

Config load_config(const std::string& file) {
  const auto text = read_text_file(file);
  if (!text) {
    const int reason = errno;
    throw ConfigError(file + ":1: the file cannot be read: " + std::strerror(reason) +
                      "; name a readable one with --config");
  }
  return parse_config(*text, file);
}

Config default_config() {
  Config config;
  const rules::Place nowhere = [](std::string_view) { return std::string("built-in configuration: "); };
  Listen listen;
  listen.address = {boost::asio::ip::address_v4::loopback(), 5280};
  config.listen.push_back(listen);

  Domain domain;
  domain.name = "localhost";
  domain.host = "127.0.0.1";
  domain.port = 5222;
  // A server as it comes from the package has a certificate that nobody signed, or none. On loopback encryption
  // protects nothing, so doing without works with every server that does not insist on it.
  domain.tls = xmpp::TlsMode::none;
  domain.check_certificate = false;

  rules::finish(config.server, nowhere);
  rules::finish(config.limits, nowhere);
  rules::finish(domain, config.limits, nowhere);
  std::vector<Domain> domains;
  domains.push_back(std::move(domain));
  config.domains = Domains(std::move(domains), {});
  return config;
}

}  // namespace gateway
