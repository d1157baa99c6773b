#include "gateway/setup.hpp"

#include <utility>

namespace gateway {

Setup::Setup(Config loaded) : config(std::move(loaded)), routes(config) {
  for (const Domain& domain : config.domains.all()) tls_.push_back(std::make_unique<ClientTls>(domain));
}

const ClientTls& Setup::tls_of(const Domain& domain) const {
  return *tls_[static_cast<std::size_t>(&domain - config.domains.all().data())];
}

}  // namespace gateway
