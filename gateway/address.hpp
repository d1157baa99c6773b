// IP addresses as far as policy goes: networks (CIDR), the key under which limits count a client, whose word about the
// client's address is taken (PROTOCOL H-020), and which addresses a session may be connected to (U-007, E-46).
// Pure functions; no lookup, no socket.
#pragma once
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gateway {

using Address = boost::asio::ip::address;

// IPv4-mapped IPv6 addresses become IPv4; everything else stays. A dual-stack listener sees IPv4 clients as mapped.
[[nodiscard]] Address unmapped(const Address& address);

class Network {
 public:
  // "192.0.2.0/24", "2001:db8::/32", or one address. Host bits that are set are an error: they are a typing mistake.
  [[nodiscard]] static std::optional<Network> parse(std::string_view text);

  [[nodiscard]] bool contains(const Address& address) const;
  [[nodiscard]] std::string to_string() const;
  bool operator==(const Network&) const = default;

 private:
  Address base_;
  unsigned prefix_ = 0;
};

[[nodiscard]] bool contains(std::span<const Network> networks, const Address& address);

// What limits are counted by: an IPv4 address, or the /64 of an IPv6 address (one subscriber owns all of it).
enum class AddressKey : std::uint64_t {};
[[nodiscard]] AddressKey address_key(const Address& address);

// The values of the header fields in their order of appearance; each may hold a comma-separated list.
struct ForwardedFields {
  std::span<const std::string_view> x_forwarded_for;
  std::span<const std::string_view> x_forwarded_proto;
  std::span<const std::string_view> forwarded;  // RFC 7239
};

struct Client {
  Address address;
  bool secure = false;   // the browser spoke HTTPS, to us or to a trusted proxy
  bool proxied = false;  // the peer is a trusted proxy
};

// Who is behind `peer`. Header fields count only if `peer` is trusted; then they are read from right to left, up to the
// first address that is not trusted. Garbage ends the walk: what stands left of it may be the client's invention.
// Where X-Forwarded-For and Forwarded are both present and name different clients, one of them was not written by the
// proxy; then neither counts and the result is the peer.
[[nodiscard]] Client client_behind(const Address& peer, bool peer_secure, std::span<const Network> trusted,
                                   const ForwardedFields& fields);

// Which addresses of a server may be connected to. Checked on the very address that is then connected, so a name that
// changes between check and use (DNS rebinding) gains nothing.
struct AddressPolicy {
  bool private_addresses = false;        // loopback, private, link-local, ULA, carrier NAT and the like
  bool plaintext_loopback_only = false;  // TLS mode none without allow_plaintext
  std::vector<Network> refused;          // whatever else the operator forbids

  // Why not, for the log; empty if permitted. Multicast, broadcast, unspecified and reserved are never permitted; an
  // IPv4 address in IPv6 clothes (mapped, compatible, NAT64, 6to4) is judged as the IPv4 address.
  [[nodiscard]] std::string_view refusal(const Address& address) const;
};

// PROXY protocol version 2 header that tells the server who the browser is (U-015).
[[nodiscard]] std::string proxy_protocol_header(const Address& client, std::uint16_t client_port, const Address& server,
                                                std::uint16_t server_port);

}  // namespace gateway
