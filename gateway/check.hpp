// `postern check DOMAIN`: walks the way to the server of a domain, DNS, TCP, TLS, certificate, stream features, SASL,
// if wanted through the login of a user, and says in one line a step what it found, with cause and cure where something
// is wrong. Uses the gateway's own resolver, TLS contexts and session, so it fails where the gateway would. For the
// command line: it runs its own io_context, and waits.
#pragma once
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/config.hpp"
#include "xmpp/secret.hpp"

namespace gateway {

struct CheckUser {
  std::string name;                        // local part, or bare JID, as it was typed
  std::function<xmpp::Secret()> password;  // asked for once, if the name is one; what it throws is passed on
};

// Exit status: 0 when a session could be opened, and the user could log in, else 1. A domain that the configuration
// lacks is checked by DNS and with the defaults, and named as not being served.
[[nodiscard]] int check_domain(const Config& config, std::string_view domain, const std::optional<CheckUser>& user,
                               std::ostream& out);

}  // namespace gateway
