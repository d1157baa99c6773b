#include "xmpp/jid.hpp"

#include <idna.h>
#include <stringprep.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "xmpp/ascii.hpp"

namespace xmpp {
namespace {

constexpr std::size_t max_part = 1023;     // RFC 7622 3.1
constexpr std::size_t max_dns_name = 253;  // RFC 1035 2.3.4, as text
constexpr std::size_t max_dns_label = 63;

struct Free {
  void operator()(char* text) const { std::free(text); }  // what libidn has allocated
};
using IdnText = std::unique_ptr<char, Free>;

bool fits(std::string_view part) {
  // libidn reads to the first NUL.
  return !part.empty() && part.size() <= max_part && part.find('\0') == std::string_view::npos;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

std::optional<std::string> prepare(std::string_view part, const Stringprep_profile* profile) {
  if (!fits(part)) return std::nullopt;
  // Preparation may make a part longer (one character becomes up to 18); the limit is on the result as well.
  std::vector<char> buffer(max_part + 1);
  std::copy(part.begin(), part.end(), buffer.begin());
  if (stringprep(buffer.data(), buffer.size(), static_cast<Stringprep_profile_flags>(0), profile) != STRINGPREP_OK) {
    return std::nullopt;
  }
  std::string prepared(buffer.data());
  if (!fits(prepared)) return std::nullopt;
  return prepared;
}

bool is_ipv4(std::string_view text) {
  int numbers = 0;
  for (;;) {
    const auto dot = text.find('.');
    const auto number = text.substr(0, dot);
    if (number.empty() || number.size() > 3 || !std::all_of(number.begin(), number.end(), is_digit)) return false;
    int value = 0;
    for (const char c : number) value = value * 10 + (c - '0');
    if (value > 255 || (number.size() > 1 && number[0] == '0')) return false;
    ++numbers;
    if (dot == std::string_view::npos) return numbers == 4;
    text.remove_prefix(dot + 1);
  }
}

// How many groups of 16 bits; nothing if one of them is none. An IPv4 address may stand at the end and counts as two.
std::optional<int> count_groups(std::string_view text, bool is_end) {
  int groups = 0;
  while (!text.empty()) {
    const auto colon = text.find(':');
    const auto group = text.substr(0, colon);
    if (is_end && colon == std::string_view::npos && is_ipv4(group)) return groups + 2;
    if (group.empty() || group.size() > 4 || !std::all_of(group.begin(), group.end(), is_hex)) return std::nullopt;
    ++groups;
    if (colon == std::string_view::npos) return groups;
    text.remove_prefix(colon + 1);
    if (text.empty()) return std::nullopt;
  }
  return groups;
}

bool is_ipv6(std::string_view text) {
  constexpr int all = 8;
  const auto gap = text.find("::");
  if (gap == std::string_view::npos) return count_groups(text, true) == all;
  const auto before = count_groups(text.substr(0, gap), false), behind = count_groups(text.substr(gap + 2), true);
  return before && behind && *before + *behind < all;
}

bool is_dns_name(std::string_view name) {
  if (name.empty() || name.size() > max_dns_name) return false;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (!is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-' && c != '_') {  // '_': hosts of Windows networks
      return false;
    } else if (++label > max_dns_label) {
      return false;
    }
  }
  return label > 0;
}

std::string_view without_final_dot(std::string_view domain) {
  if (domain.size() > 1 && domain.back() == '.') domain.remove_suffix(1);
  return domain;
}

}  // namespace

std::optional<JidParts> split_jid(std::string_view text) {
  JidParts parts;
  // The resource may hold every character, so the first slash decides before any at sign (RFC 7622 3.2).
  const auto slash = text.find('/');
  if (slash != std::string_view::npos) {
    parts.resource = text.substr(slash + 1);
    if (!fits(parts.resource)) return std::nullopt;
    text = text.substr(0, slash);
  }
  const auto at = text.find('@');
  if (at != std::string_view::npos) {
    parts.local = text.substr(0, at);
    if (!fits(parts.local)) return std::nullopt;
    text.remove_prefix(at + 1);
  }
  parts.domain = text;
  if (!fits(text) || text.find('@') != std::string_view::npos) return std::nullopt;
  return parts;
}

std::string Jid::bare() const {
  return local.empty() ? domain : local + '@' + domain;
}
std::string Jid::full() const {
  return resource.empty() ? bare() : bare() + '/' + resource;
}

std::optional<Jid> parse_jid(std::string_view text) {
  const auto parts = split_jid(text);
  if (!parts) return std::nullopt;
  Jid jid;
  auto domain = prepare_domain(parts->domain);
  if (!domain) return std::nullopt;
  jid.domain = std::move(*domain);
  if (!parts->local.empty()) {
    auto local = prepare_local(parts->local);
    if (!local) return std::nullopt;
    jid.local = std::move(*local);
  }
  if (!parts->resource.empty()) {
    auto resource = prepare_resource(parts->resource);
    if (!resource) return std::nullopt;
    jid.resource = std::move(*resource);
  }
  return jid;
}

std::optional<std::string> prepare_local(std::string_view text) {
  return prepare(text, stringprep_xmpp_nodeprep);
}

std::optional<std::string> prepare_resource(std::string_view text) {
  return prepare(text, stringprep_xmpp_resourceprep);
}

bool is_ip_literal(std::string_view domain) {
  if (domain.size() > 2 && domain.front() == '[' && domain.back() == ']') {
    return is_ipv6(domain.substr(1, domain.size() - 2));
  }
  return is_ipv4(domain);
}

std::optional<std::string> domain_to_ascii(std::string_view domain) {
  domain = without_final_dot(domain);
  if (!fits(domain)) return std::nullopt;
  if (is_ip_literal(domain)) return lowered(domain);
  auto ascii = lowered(domain);
  if (is_dns_name(ascii)) return ascii;
  char* raw = nullptr;
  const int status = idna_to_ascii_8z(std::string(domain).c_str(), &raw, 0);
  const IdnText converted(raw);
  if (status != IDNA_SUCCESS) return std::nullopt;
  ascii = lowered(converted.get());
  if (!is_dns_name(ascii)) return std::nullopt;
  return ascii;
}

std::optional<std::string> prepare_domain(std::string_view text) {
  // By way of the A-labels, so that every spelling of a name comes out the same.
  auto ascii = domain_to_ascii(text);
  if (!ascii || is_ip_literal(*ascii)) return ascii;
  char* raw = nullptr;
  const int status = idna_to_unicode_8z8z(ascii->c_str(), &raw, 0);
  const IdnText converted(raw);
  if (status != IDNA_SUCCESS) return std::nullopt;
  std::string domain(converted.get());
  if (!fits(domain)) return std::nullopt;
  return domain;
}

std::optional<std::string> claimed_bare_jid(std::string_view text) {
  const auto jid = parse_jid(text);
  if (!jid || jid->local.empty()) return std::nullopt;
  return jid->bare();
}

}  // namespace xmpp
