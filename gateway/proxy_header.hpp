// The header with which a proxy in TCP mode tells who its client is (PROXY protocol, versions 1 and 2, as HAProxy
// specifies it), read from the beginning of a connection. Pure: it is shown what has come and says how much more it
// takes at least, so that not a byte is taken from the stream that follows, which may be TLS. What a header is worth,
// only the address it comes from can tell: that is checked by the listener.
#pragma once
#include <cstddef>
#include <optional>
#include <string_view>
#include <variant>

#include "gateway/address.hpp"

namespace gateway {

struct ProxiedClient {
  // Nothing when the proxy speaks for itself (LOCAL, as for health checks) or does not know (UNKNOWN).
  std::optional<Address> address;
  bool secure = false;  // the client came to the proxy by TLS (version 2 only)
};
struct MoreNeeded {
  std::size_t bytes = 0;  // at least; all of them belong to the header
};
struct NoProxyHeader {
  std::string_view why;
};

using ProxyHeader = std::variant<MoreNeeded, ProxiedClient, NoProxyHeader>;

// `begin`: all that was taken so far, never more than was asked for.
[[nodiscard]] ProxyHeader read_proxy_header(std::string_view begin);

// The longest that is taken. Version 2 may carry more than a certificate's worth of extra fields; nobody needs them
// here.
inline constexpr std::size_t max_proxy_header = 2048;

}  // namespace gateway
