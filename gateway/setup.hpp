// One loaded configuration with all that is made from it: TLS contexts, routes. Immutable, shared by the shards; a
// session keeps the one it was created under until it ends, so SIGHUP never changes the ground under a session.
#pragma once
#include <memory>
#include <vector>

#include "gateway/config.hpp"
#include "gateway/routes.hpp"
#include "gateway/tls.hpp"

namespace gateway {

struct Setup {
  explicit Setup(Config loaded);  // throws TlsError, ConfigError

  Config config;
  Routes routes;

  // `domain` is one of config.domains.
  [[nodiscard]] const ClientTls& tls_of(const Domain& domain) const;

 private:
  std::vector<std::unique_ptr<ClientTls>> tls_;  // in the order of config.domains.all()
};

using SetupPtr = std::shared_ptr<const Setup>;

}  // namespace gateway
