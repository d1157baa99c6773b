// What a <stream:error/> of the server says, as far as we act on it (RFC 6120 4.9; PROTOCOL U-016), and which
// condition tells the server what was wrong with its bytes.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "xmpp/fault.hpp"
#include "xmpp/names.hpp"

namespace xmpp {

struct OtherHost {
  std::string host;        // without brackets
  std::uint16_t port = 0;  // 0: not said
};

// The target of <see-other-host/>; nothing for other errors, and where it makes no sense.
[[nodiscard]] std::optional<OtherHost> see_other_host(std::string_view stream_error);

// The condition that it names, of those of RFC 6120 4.9.3.
[[nodiscard]] std::optional<StreamCondition> condition_in(std::string_view stream_error);

// host, host:port, IPv4, IPv6 with or without brackets, [IPv6]:port (RFC 6120 4.9.3.19).
[[nodiscard]] std::optional<OtherHost> parse_host_and_port(std::string_view text);

// For a fault in the server's XML; nothing for faults that are not the server's to hear.
[[nodiscard]] std::optional<StreamCondition> condition_of(FaultKind kind);

}  // namespace xmpp
