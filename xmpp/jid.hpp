// Addresses (RFC 6120 2.1, RFC 6122, RFC 7622 3): taken apart, prepared for comparison (nodeprep, nameprep,
// resourceprep), and the domain in the form of DNS, SNI and certificates. Deliberately without DNS and without policy:
// whether an address exists or is served is not known here. Pure functions; the only file that sees libidn.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace xmpp {

// The parts as written; an absent part is empty.
struct JidParts {
  std::string_view local, domain, resource;
};

// Only the form: separators, and parts of 1...1023 bytes. Nothing if that is wrong.
[[nodiscard]] std::optional<JidParts> split_jid(std::string_view text);

// Prepared: equal addresses are equal bytes.
struct Jid {
  std::string local, domain, resource;

  [[nodiscard]] std::string bare() const;
  [[nodiscard]] std::string full() const;
  friend bool operator==(const Jid&, const Jid&) = default;
};

[[nodiscard]] std::optional<Jid> parse_jid(std::string_view text);

[[nodiscard]] std::optional<std::string> prepare_local(std::string_view text);
// A-labels become U-labels, one final dot goes. An IP literal (IPv6 in brackets) is a domain of its own: it is
// compared as it is written, but for the case of its letters.
[[nodiscard]] std::optional<std::string> prepare_domain(std::string_view text);
[[nodiscard]] std::optional<std::string> prepare_resource(std::string_view text);

// 192.0.2.1, [2001:db8::1].
[[nodiscard]] bool is_ip_literal(std::string_view domain);

// For DNS, SNI and certificates (PROTOCOL U-003, U-013); IP literals pass.
[[nodiscard]] std::optional<std::string> domain_to_ascii(std::string_view domain);

// B-031: what a client says of itself before it has proven anything, as a prepared bare JID; a resource is cut off.
// Nothing for what cannot be the address of an account.
[[nodiscard]] std::optional<std::string> claimed_bare_jid(std::string_view text);

}  // namespace xmpp
