#include "gateway/proxy_header.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>

namespace gateway {

namespace {

constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);  // of version 2
constexpr std::size_t fixed_part = 16;                             // of version 2, the length included
constexpr std::string_view word = "PROXY ";                        // of version 1
constexpr std::size_t shortest_line = 15;                          // "PROXY UNKNOWN\r\n"
constexpr std::size_t longest_line = 107;

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::size_t number_at(std::string_view bytes, std::size_t at) {
  return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}

bool begins(std::string_view text, std::string_view with) {
  const std::size_t size = std::min(text.size(), with.size());
  return text.substr(0, size) == with.substr(0, size);
}

// ---- version 1 -----------------------------------------------------------------------------------------------------

std::string_view next_word(std::string_view& line) {
  const auto space = line.find(' ');
  const std::string_view found = line.substr(0, space);
  line.remove_prefix(space == line.npos ? line.size() : space + 1);
  return found;
}

bool is_port(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && text.size() <= 5 && error == std::errc{} && end == text.data() + text.size() &&
         value <= 65535;
}

std::optional<Address> address_of(std::string_view text, bool six) {
  boost::system::error_code error;
  const Address address = boost::asio::ip::make_address(std::string(text), error);
  // A zone would be one of the proxy's machine.
  if (error || address.is_v6() != six || text.find('%') != text.npos) return {};
  return address;
}

ProxyHeader read_line(std::string_view line) {
  line.remove_prefix(word.size());
  const std::string_view family = next_word(line);
  if (family == "UNKNOWN") return ProxiedClient{};
  const bool six = family == "TCP6";
  if (!six && family != "TCP4") return NoProxyHeader{"another protocol than TCP4 and TCP6"};
  const auto client = address_of(next_word(line), six);
  const auto server = address_of(next_word(line), six);
  const bool ports = is_port(next_word(line)) && is_port(line);
  if (!client || !server || !ports) return NoProxyHeader{"an address or a port is none"};
  return ProxiedClient{unmapped(*client), false};
}

ProxyHeader read_version_1(std::string_view begin) {
  const auto end = begin.find("\r\n");
  if (end != begin.npos) return read_line(begin.substr(0, end));
  if (begin.size() < shortest_line) return MoreNeeded{shortest_line - begin.size()};
  const std::size_t more = begin.back() == '\r' ? 1 : 2;
  if (begin.size() + more > longest_line) return NoProxyHeader{"a line too long"};
  return MoreNeeded{more};
}

// ---- version 2 -----------------------------------------------------------------------------------------------------

template <class Address>
Address address_at(std::string_view bytes, std::size_t at) {
  typename Address::bytes_type raw{};
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), raw.size(), raw.begin());
  return Address(raw);
}

// Type, length, value. Whether the client used TLS is in the first byte of one of them.
bool read_extra_fields(std::string_view fields, ProxiedClient& client) {
  constexpr unsigned type_ssl = 0x20;
  constexpr unsigned by_tls = 0x01;
  constexpr std::size_t head = 3;
  while (!fields.empty()) {
    if (fields.size() < head) return false;
    const std::size_t length = number_at(fields, 1);
    if (fields.size() - head < length) return false;
    if (byte_at(fields, 0) == type_ssl && length > 0) client.secure = (byte_at(fields, head) & by_tls) != 0;
    fields.remove_prefix(head + length);
  }
  return true;
}

ProxyHeader read_version_2(std::string_view begin) {
  constexpr unsigned local = 0x20, proxy = 0x21, tcp4 = 0x11, tcp6 = 0x21;
  constexpr std::size_t tcp4_size = 12, tcp6_size = 36;
  if (begin.size() < fixed_part) return MoreNeeded{fixed_part - begin.size()};
  const unsigned command = byte_at(begin, 12);
  if (command != local && command != proxy) return NoProxyHeader{"another version or command"};
  const std::size_t size = fixed_part + number_at(begin, 14);
  if (size > max_proxy_header) return NoProxyHeader{"too long"};
  if (begin.size() < size) return MoreNeeded{size - begin.size()};
  ProxiedClient client;
  // The rest of LOCAL, and addresses of families that are not ours, are skipped, as the specification asks.
  if (command == local) return client;
  std::string_view rest = begin.substr(fixed_part, size - fixed_part);
  const unsigned family = byte_at(begin, 13);
  if (family != tcp4 && family != tcp6) return client;
  const std::size_t addresses = family == tcp4 ? tcp4_size : tcp6_size;
  if (rest.size() < addresses) return NoProxyHeader{"shorter than its addresses"};
  if (family == tcp4) {
    client.address = address_at<boost::asio::ip::address_v4>(rest, 0);
  } else {
    client.address = unmapped(address_at<boost::asio::ip::address_v6>(rest, 0));
  }
  if (!read_extra_fields(rest.substr(addresses), client)) return NoProxyHeader{"its extra fields do not add up"};
  return client;
}

}  // namespace

ProxyHeader read_proxy_header(std::string_view begin) {
  // Both versions are longer than this.
  if (begins(begin, signature)) {
    return begin.size() < signature.size() ? ProxyHeader(MoreNeeded{signature.size() - begin.size()})
                                           : read_version_2(begin);
  }
  if (begins(begin, word)) return read_version_1(begin);
  return NoProxyHeader{"no such header"};
}

}  // namespace gateway
