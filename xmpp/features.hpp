// <stream:features/> on its way to the browser (PROTOCOL, U-017): TLS and compression are between the
// gateway and the server, XEP-0198 is where the gateway speaks it itself (U-050), and the limits of XEP-0478 are the
// smaller of the server's and ours.
// Nothing else is touched, above all not the SASL mechanisms and the channel bindings of XEP-0440: by XEP-0474 a client
// recognises any edit there as a downgrade attack.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xmpp {

struct Filter {
  std::uint64_t max_bytes = 0;     // 0: no limit of our own
  std::uint64_t idle_seconds = 0;  // likewise
  bool hide_management = false;
};

[[nodiscard]] bool offers_tls(std::string_view features);
// RFC 6120 5.4.1: nothing else may be negotiated before TLS.
[[nodiscard]] bool requires_tls(std::string_view features);

// The features as the browser gets them; nothing if they may pass as they are.
[[nodiscard]] std::optional<std::string> filter_features(std::string_view features, const Filter& filter);

}  // namespace xmpp
