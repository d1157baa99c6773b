#include "gateway/address.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "gateway/field_text.hpp"
#include "xmpp/ascii.hpp"

namespace gateway {

namespace {

using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;
using xmpp::same_ignoring_case;

std::optional<Address> parse_address(std::string_view text) {
  // Asio takes "fe80::1%eth0" and needs a terminated string; neither zones nor long texts belong here.
  if (text.empty() || text.size() > 45 || text.find('%') != text.npos || text.find('\0') != text.npos) return {};
  boost::system::error_code error;
  Address address = boost::asio::ip::make_address(std::string(text), error);
  if (error) return {};
  return address;
}

bool prefix_equal(std::span<const unsigned char> a, std::span<const unsigned char> b, unsigned bits) {
  const unsigned whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const unsigned rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<unsigned char>(0xff << (8 - rest));
  return ((a[whole] ^ b[whole]) & mask) == 0;
}

template <std::size_t Size>
bool host_bits_clear(const std::array<unsigned char, Size>& bytes, unsigned prefix) {
  for (unsigned bit = prefix; bit < Size * 8; ++bit) {
    if (bytes[bit / 8] & (0x80 >> (bit % 8))) return false;
  }
  return true;
}

address_v4 v4_at(const address_v6::bytes_type& bytes, std::size_t offset) {
  return address_v4({bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]});
}

// ---- classes of addresses (IANA special-purpose registries)

enum class Reach : std::uint8_t { global, loopback, not_global, never };

struct Class {
  Network network;
  Reach reach;
  std::string_view text;
};

Class make_class(std::string_view network, Reach reach, std::string_view text) {
  return {*Network::parse(network), reach, text};
}

const std::vector<Class>& v4_classes() {
  static const std::vector<Class> classes = {
      make_class("0.0.0.0/8", Reach::never, "the address is unspecified"),
      make_class("10.0.0.0/8", Reach::not_global, "the address is private"),
      make_class("100.64.0.0/10", Reach::not_global, "the address is that of a carrier's NAT"),
      make_class("127.0.0.0/8", Reach::loopback, "the address is loopback"),
      make_class("169.254.0.0/16", Reach::not_global, "the address is link-local"),
      make_class("172.16.0.0/12", Reach::not_global, "the address is private"),
      make_class("192.0.0.0/24", Reach::not_global, "the address is for protocol assignments"),
      make_class("192.0.2.0/24", Reach::not_global, "the address is for documentation"),
      make_class("192.168.0.0/16", Reach::not_global, "the address is private"),
      make_class("198.18.0.0/15", Reach::not_global, "the address is for benchmarks"),
      make_class("198.51.100.0/24", Reach::not_global, "the address is for documentation"),
      make_class("203.0.113.0/24", Reach::not_global, "the address is for documentation"),
      make_class("224.0.0.0/4", Reach::never, "the address is multicast"),
      make_class("240.0.0.0/4", Reach::never, "the address is reserved or broadcast"),
  };
  return classes;
}

const std::vector<Class>& v6_classes() {
  static const std::vector<Class> classes = {
      make_class("::/128", Reach::never, "the address is unspecified"),
      make_class("::1/128", Reach::loopback, "the address is loopback"),
      make_class("64:ff9b:1::/48", Reach::not_global, "the address is that of a local NAT64"),
      make_class("100::/64", Reach::not_global, "the address is for discarding"),
      make_class("2001::/23", Reach::not_global, "the address is for protocol assignments or Teredo"),
      make_class("2001:db8::/32", Reach::not_global, "the address is for documentation"),
      make_class("fc00::/7", Reach::not_global, "the address is unique local"),
      make_class("fe80::/10", Reach::not_global, "the address is link-local"),
      make_class("fec0::/10", Reach::not_global, "the address is site-local"),
      make_class("ff00::/8", Reach::never, "the address is multicast"),
  };
  return classes;
}

// The IPv4 address that packets to this IPv6 address end up at.
std::optional<address_v4> embedded_v4(const address_v6& address) {
  const auto bytes = address.to_bytes();
  if (address.is_v4_mapped()) return v4_at(bytes, 12);
  static const Network compatible = *Network::parse("::/96");
  static const Network nat64 = *Network::parse("64:ff9b::/96");
  static const Network six_to_four = *Network::parse("2002::/16");
  if (nat64.contains(address)) return v4_at(bytes, 12);
  if (six_to_four.contains(address)) return v4_at(bytes, 2);
  if (compatible.contains(address) && !address.is_loopback() && !address.is_unspecified()) return v4_at(bytes, 12);
  return {};
}

Class classify(const Address& address) {
  for (const Class& c : address.is_v4() ? v4_classes() : v6_classes()) {
    if (c.network.contains(address)) return c;
  }
  return {{}, Reach::global, {}};
}

// ---- header fields about forwarding

bool is_port(std::string_view text) {
  // RFC 7239 also allows an obfuscated port, "_" and a token.
  if (text.starts_with('_')) return text.size() > 1;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && error == std::errc{} && end == text.data() + text.size() && value <= 65535;
}

// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80".
std::optional<Address> parse_node(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == text.npos) return {};
    const auto rest = text.substr(close + 1);
    if (!rest.empty() && (rest[0] != ':' || !is_port(rest.substr(1)))) return {};
    auto address = parse_address(text.substr(1, close - 1));
    if (!address || !address->is_v6()) return {};
    return unmapped(*address);
  }
  if (std::count(text.begin(), text.end(), ':') == 1) {
    const auto colon = text.find(':');
    if (!is_port(text.substr(colon + 1))) return {};
    text = text.substr(0, colon);
  }
  auto address = parse_address(text);
  if (!address) return {};
  return unmapped(*address);
}

enum class Scheme : std::uint8_t { unsaid, plain, secure };

Scheme parse_scheme(std::string_view text) {
  if (same_ignoring_case(text, "https") || same_ignoring_case(text, "wss")) return Scheme::secure;
  return text.empty() ? Scheme::unsaid : Scheme::plain;
}

// One step on the way: what a proxy says about whom it spoke to.
struct Hop {
  std::optional<Address> address;  // nothing: hidden, or garbage
  Scheme scheme = Scheme::unsaid;
};

std::vector<std::string_view> split_list(std::span<const std::string_view> values) {
  std::vector<std::string_view> items;
  for (std::string_view value : values) {
    while (!value.empty()) {
      if (const auto item = next_item(value, ','); !item.empty()) items.push_back(item);
    }
  }
  return items;
}

std::vector<Hop> hops_of_x_forwarded(const ForwardedFields& fields) {
  std::vector<Hop> hops;
  for (const auto item : split_list(fields.x_forwarded_for)) hops.push_back({parse_node(item), Scheme::unsaid});
  const auto schemes = split_list(fields.x_forwarded_proto);
  if (schemes.size() == hops.size()) {
    for (std::size_t i = 0; i < hops.size(); ++i) hops[i].scheme = parse_scheme(schemes[i]);
  } else if (!schemes.empty()) {
    // Most proxies replace this field but extend the other one; the nearest one's word is the last.
    for (Hop& hop : hops) hop.scheme = parse_scheme(schemes.back());
  }
  return hops;
}

bool is_token(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && std::strchr("!#$%&'*+-.^_`|~", c) != nullptr);
}

// Reads the elements of one Forwarded value (RFC 7239 4). Its quoted strings may hold commas, so it can only be read
// from left to right; a value that does not parse to its end is worth nothing, since an unclosed quote of the client's
// would swallow what the proxy appended.
class ForwardedReader {
 public:
  explicit ForwardedReader(std::string_view text) : text_(text) {}

  bool read(std::vector<Hop>& hops) {
    for (;;) {
      Hop hop;
      bool any = false;
      if (!element(hop, any)) return false;
      if (any) hops.push_back(hop);
      if (at_ == text_.size()) return true;
      ++at_;  // the comma
    }
  }

 private:
  void skip_blank() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  // Pairs up to a comma or the end.
  bool element(Hop& hop, bool& any) {
    for (;;) {
      skip_blank();
      if (at_ == text_.size() || text_[at_] == ',') return true;
      if (text_[at_] == ';') {
        ++at_;
        continue;
      }
      std::string_view name;
      std::string value;
      if (!pair(name, value)) return false;
      any = true;
      if (same_ignoring_case(name, "for")) hop.address = parse_node(value);
      if (same_ignoring_case(name, "proto")) hop.scheme = parse_scheme(value);
      skip_blank();
      if (at_ < text_.size() && text_[at_] != ';' && text_[at_] != ',') return false;
    }
  }

  bool pair(std::string_view& name, std::string& value) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_token(text_[at_])) ++at_;
    name = text_.substr(begin, at_ - begin);
    if (name.empty() || at_ == text_.size() || text_[at_] != '=') return false;
    ++at_;
    if (at_ < text_.size() && text_[at_] == '"') return quoted(value);
    // Unquoted addresses with colons and brackets are not tokens, but common.
    while (at_ < text_.size() &&
           (is_token(text_[at_]) || text_[at_] == ':' || text_[at_] == '[' || text_[at_] == ']')) {
      value += text_[at_++];
    }
    return !value.empty();
  }

  bool quoted(std::string& value) {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return true;
      }
      if (text_[at_] == '\\' && ++at_ == text_.size()) return false;
      value += text_[at_];
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::vector<Hop> hops_of_forwarded(std::span<const std::string_view> values) {
  std::vector<Hop> hops;
  for (const auto value : values) {
    if (!ForwardedReader(value).read(hops)) hops.push_back({});  // garbage: ends the walk here
  }
  return hops;
}

struct Walked {
  Address address;
  Scheme scheme = Scheme::unsaid;
};

Walked walk(const Address& peer, std::span<const Network> trusted, const std::vector<Hop>& hops) {
  Walked result{peer};
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    // Written by a trusted proxy, so its scheme counts even where it hides the address.
    result.scheme = hop->scheme;
    if (!hop->address) break;
    result.address = *hop->address;
    if (!contains(trusted, result.address)) break;
  }
  return result;
}

}  // namespace

Address unmapped(const Address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) return v4_at(address.to_v6().to_bytes(), 12);
  return address;
}

std::optional<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return {};
  Network network;
  network.base_ = *address;
  const unsigned longest = address->is_v4() ? 32 : 128;
  network.prefix_ = longest;
  if (slash != text.npos) {
    const auto digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), network.prefix_);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return {};
    if (network.prefix_ > longest) return {};
  }
  const bool clear = address->is_v4() ? host_bits_clear(address->to_v4().to_bytes(), network.prefix_)
                                      : host_bits_clear(address->to_v6().to_bytes(), network.prefix_);
  if (!clear) return {};
  // Of IPv4 in the clothes of IPv6, as sockets for both families show it.
  if (address->is_v6() && address->to_v6().is_v4_mapped() && network.prefix_ >= 96) {
    network.base_ = unmapped(*address);
    network.prefix_ -= 96;
  }
  return network;
}

bool Network::contains(const Address& address) const {
  if (base_.is_v4()) {
    const Address plain = unmapped(address);
    return plain.is_v4() && prefix_equal(plain.to_v4().to_bytes(), base_.to_v4().to_bytes(), prefix_);
  }
  return address.is_v6() && prefix_equal(address.to_v6().to_bytes(), base_.to_v6().to_bytes(), prefix_);
}

std::string Network::to_string() const {
  return base_.to_string() + '/' + std::to_string(prefix_);
}

bool contains(std::span<const Network> networks, const Address& address) {
  return std::any_of(networks.begin(), networks.end(), [&](const Network& n) { return n.contains(address); });
}

AddressKey address_key(const Address& address) {
  const Address plain = unmapped(address);
  if (plain.is_v4()) {
    // ffff:ffff::/32 is multicast and never a client, so the two families cannot collide.
    return AddressKey{0xffffffff00000000u | plain.to_v4().to_uint()};
  }
  const auto bytes = plain.to_v6().to_bytes();
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < 8; ++i) key = key << 8 | bytes[i];
  return AddressKey{key};
}

Client client_behind(const Address& peer, bool peer_secure, std::span<const Network> trusted,
                     const ForwardedFields& fields) {
  Client client{unmapped(peer), peer_secure, false};
  if (trusted.empty() || !contains(trusted, client.address)) return client;
  client.proxied = true;
  const auto x_hops = hops_of_x_forwarded(fields);
  const auto hops = hops_of_forwarded(fields.forwarded);
  Walked by_x = walk(client.address, trusted, x_hops);
  const Walked by_standard = walk(client.address, trusted, hops);
  if (x_hops.empty()) {
    // A proxy may tell only the scheme.
    const auto schemes = split_list(fields.x_forwarded_proto);
    if (!schemes.empty()) by_x.scheme = parse_scheme(schemes.back());
  }
  if (hops.empty() || by_x.address == by_standard.address) {
    client.address = by_x.address;
  } else if (x_hops.empty()) {
    client.address = by_standard.address;
  }
  Scheme scheme = by_x.scheme;
  if (scheme == Scheme::unsaid) scheme = by_standard.scheme;
  if (by_standard.scheme != Scheme::unsaid && by_standard.scheme != scheme) scheme = Scheme::plain;
  if (scheme != Scheme::unsaid) client.secure = scheme == Scheme::secure;
  return client;
}

std::string_view AddressPolicy::refusal(const Address& address) const {
  Address judged = address;
  if (address.is_v6()) {
    if (const auto inner = embedded_v4(address.to_v6())) judged = *inner;
  }
  if (contains(refused, address) || contains(refused, judged)) return "the network is refused by the configuration";
  const Class found = classify(judged);
  if (found.reach == Reach::never) return found.text;
  if (plaintext_loopback_only && found.reach != Reach::loopback) return "without TLS only loopback is allowed";
  if (!private_addresses && found.reach != Reach::global) return found.text;
  return {};
}

std::string proxy_protocol_header(const Address& client, std::uint16_t client_port, const Address& server,
                                  std::uint16_t server_port) {
  constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
  std::string header(signature);
  const auto add_port = [&](std::uint16_t port) {
    header += static_cast<char>(port >> 8);
    header += static_cast<char>(port & 0xff);
  };
  const auto add = [&](const auto& bytes) { header.append(reinterpret_cast<const char*>(bytes.data()), bytes.size()); };
  const Address from = unmapped(client);
  const Address to = unmapped(server);
  header += '\x21';  // version 2, PROXY
  if (from.is_v4() && to.is_v4()) {
    header.append("\x11\x00\x0c", 3);  // TCP over IPv4, 12 bytes
    add(from.to_v4().to_bytes());
    add(to.to_v4().to_bytes());
  } else {
    // One family for both is all the format has.
    const auto widen = [](const Address& a) {
      return a.is_v6() ? a.to_v6() : boost::asio::ip::make_address_v6(boost::asio::ip::v4_mapped, a.to_v4());
    };
    header.append("\x21\x00\x24", 3);  // TCP over IPv6, 36 bytes
    add(widen(from).to_bytes());
    add(widen(to).to_bytes());
  }
  add_port(client_port);
  add_port(server_port);
  return header;
}

}  // namespace gateway
