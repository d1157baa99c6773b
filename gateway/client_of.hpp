// Who is behind a request: the peer, or whom a trusted proxy says it speaks for (PROTOCOL H-020).
#pragma once
#include "gateway/address.hpp"
#include "gateway/config.hpp"
#include "gateway/http_connection.hpp"

namespace gateway {

[[nodiscard]] Client client_of(const Request& request, const Config& config);

}  // namespace gateway
