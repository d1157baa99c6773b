// The order in which the servers of a domain are tried (RFC 2782, RFC 6120 3.2.1, XEP-0368; PROTOCOL U-001...U-005).
// Pure: random values are passed in, nothing is looked up.
#pragma once
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "xmpp/session.hpp"

namespace gateway {

struct SrvRecord {
  std::string target;  // as in DNS, without the trailing dot; empty: "." (not offered)
  std::uint16_t port = 0;
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  xmpp::TlsMode tls = xmpp::TlsMode::starttls;  // direct: from _xmpps-client

  bool operator==(const SrvRecord&) const = default;
};

// Lowest priority value first, among equals by weighted lot. `random` holds one value a record.
[[nodiscard]] std::vector<SrvRecord> order_srv(std::vector<SrvRecord> records, std::span<const std::uint32_t> random);

struct SrvPlan {
  bool fall_back = false;  // no SRV record at all: the addresses of the domain itself
  std::vector<SrvRecord> targets;
};

// Merges the answers about _xmpp-client and _xmpps-client; "." removes itself, yet is a record that forbids falling
// back.
[[nodiscard]] SrvPlan merge_srv(const std::vector<SrvRecord>& starttls, const std::vector<SrvRecord>& direct);

// IPv6, IPv4, IPv6, ... each family in its order (RFC 8305 4).
[[nodiscard]] std::vector<boost::asio::ip::address> interleave(const std::vector<boost::asio::ip::address>& addresses);

}  // namespace gateway
