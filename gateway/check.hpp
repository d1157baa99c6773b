// `postern check DOMAIN`: walks the way to the server of a domain, DNS, TCP, TLS, certificate, stream features, SASL,
// and says in one line a step what it found, with cause and cure where something is wrong. Uses the gateway's own
// resolver, TLS contexts and session, so it fails where the gateway would. For the command line: it runs its own
// io_context.
#pragma once
#include <iosfwd>
#include <string_view>

#include "gateway/config.hpp"

namespace gateway {

// Exit status: 0 when a session could be opened, else 1. A domain that the configuration lacks is checked by DNS and
// with the defaults, and named as not being served.
[[nodiscard]] int check_domain(const Config& config, std::string_view domain, std::ostream& out);

}  // namespace gateway
