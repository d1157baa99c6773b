// Who is behind a request (H-020): a peer that is not trusted is who it is, whatever its fields say; and what a client
// puts in front of the list that trusted proxies have written changes nothing. The first byte chooses the shape, lines
// are the values of X-Forwarded-For, X-Forwarded-Proto and Forwarded.
#include <array>
#include <boost/asio/ip/address.hpp>
#include <span>
#include <string>
#include <vector>

#include "gateway/address.hpp"
#include "tests/fuzz/complain.hpp"

namespace {

using gateway::Address;
using gateway::Client;
using gateway::ForwardedFields;
using gateway::Network;

Address address(const char* text) {
  return boost::asio::ip::make_address(text);
}

std::span<const std::string_view> values(const std::string_view& value) {
  return value.empty() ? std::span<const std::string_view>() : std::span(&value, 1);
}

Client behind(const Address& peer, std::span<const Network> trusted, std::span<const std::string_view> lines) {
  return gateway::client_behind(peer, false, trusted,
                                ForwardedFields{values(lines[0]), values(lines[1]), values(lines[2])});
}

void check_policy(const Address& client) {
  const gateway::AddressPolicy policy;
  static_cast<void>(policy.refusal(client));
  static_cast<void>(gateway::address_key(client));
  if (gateway::unmapped(gateway::unmapped(client)) != gateway::unmapped(client))
    fuzz::complain("unmapped twice is another address", client.to_string());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<Network> trusted = {*Network::parse("127.0.0.0/8"), *Network::parse("10.0.0.0/8"),
                                               *Network::parse("2001:db8::/32")};
  if (size == 0) return 0;
  std::string_view text = fuzz::text_of(data + 1, size - 1);
  std::array<std::string_view, 3> lines;
  for (auto& line : lines) {
    const auto end = text.find('\n');
    line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  const Address stranger = address("198.51.100.1"), proxy = address("127.0.0.1");
  const Client from_stranger = behind(stranger, trusted, lines);
  if (from_stranger.address != stranger || from_stranger.proxied || from_stranger.secure)
    fuzz::complain("a stranger is believed", lines[0]);

  const Client client = behind(proxy, trusted, lines);
  check_policy(client.address);
  if (const auto network = Network::parse(lines[0])) {
    const auto again = Network::parse(network->to_string());
    if (!again || !(*again == *network)) fuzz::complain("a network that is written otherwise", lines[0]);
  }
  if (gateway::contains(trusted, client.address)) return 0;
  // Somebody was found behind the proxies: what stands left of him is his own invention.
  if (!lines[0].empty() && lines[2].empty()) {
    const std::string longer = "203.0.113.77, " + std::string(lines[0]);
    lines[0] = longer;
    if (behind(proxy, trusted, lines).address != client.address) fuzz::complain("a client chooses its address", longer);
  } else if (lines[0].empty() && !lines[2].empty()) {
    const std::string longer = "for=203.0.113.77, " + std::string(lines[2]);
    lines[2] = longer;
    if (behind(proxy, trusted, lines).address != client.address) fuzz::complain("a client chooses its address", longer);
  }
  return 0;
}
