#include "gateway/client_of.hpp"

#include <span>
#include <string_view>

namespace gateway {

namespace {

// The fields of one name are joined already, so there is one value or none.
std::span<const std::string_view> values(const std::string_view& joined) {
  return joined.empty() ? std::span<const std::string_view>() : std::span(&joined, 1);
}

}  // namespace

Client client_of(const Request& request, const Config& config) {
  const std::string_view x_for = request.head.x_forwarded_for;
  const std::string_view x_proto = request.head.x_forwarded_proto;
  const std::string_view rfc7239 = request.head.rfc7239_forwarded;
  const std::span<const Network> nobody;
  return client_behind(request.peer.address, request.peer.tls,
                       request.peer.unnamed ? nobody : std::span(config.server.trusted_proxies),
                       ForwardedFields{values(x_for), values(x_proto), values(rfc7239)});
}

}  // namespace gateway
