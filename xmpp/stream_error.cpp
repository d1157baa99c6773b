#include "xmpp/stream_error.hpp"

#include <algorithm>
#include <charconv>

#include "xmpp/raw_element.hpp"

namespace xmpp {
namespace {

constexpr std::string_view white = " \t\r\n";
constexpr std::size_t longest_host = 255;

bool is_host_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_' || c == ':';
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || rest != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

std::optional<OtherHost> checked(std::string_view host, std::uint16_t port, bool may_have_colons) {
  if (host.empty() || host.size() > longest_host) return std::nullopt;
  if (!std::all_of(host.begin(), host.end(), is_host_character)) return std::nullopt;
  if (!may_have_colons && host.find(':') != std::string_view::npos) return std::nullopt;
  return OtherHost{std::string(host), port};
}

}  // namespace

std::optional<OtherHost> parse_host_and_port(std::string_view text) {
  const auto begin = text.find_first_not_of(white);
  if (begin == std::string_view::npos) return std::nullopt;
  text = text.substr(begin, text.find_last_not_of(white) + 1 - begin);
  if (text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    const auto host = text.substr(1, close - 1), rest = text.substr(close + 1);
    if (host.find(':') == std::string_view::npos) return std::nullopt;  // brackets are for IPv6
    if (rest.empty()) return checked(host, 0, true);
    const auto port = rest.front() == ':' ? parse_port(rest.substr(1)) : std::nullopt;
    return port ? checked(host, *port, true) : std::nullopt;
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return checked(text, 0, false);
  if (text.find(':', colon + 1) != std::string_view::npos) return checked(text, 0, true);  // IPv6 without brackets
  const auto port = parse_port(text.substr(colon + 1));
  return port ? checked(text.substr(0, colon), *port, false) : std::nullopt;
}

std::optional<OtherHost> see_other_host(std::string_view stream_error) {
  const auto children = read_children(stream_error);
  if (!children) return std::nullopt;
  for (const auto& child : children->list) {
    if (child.uri != ns::stream_conditions || child.local != wire_name(StreamCondition::see_other_host)) continue;
    const auto text = text_of(child.content);
    return text ? parse_host_and_port(*text) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<StreamCondition> condition_in(std::string_view stream_error) {
  const auto children = read_children(stream_error);
  if (!children) return std::nullopt;
  for (const auto& child : children->list) {
    if (child.uri != ns::stream_conditions) continue;
    if (const auto condition = stream_condition(child.local)) return condition;
  }
  return std::nullopt;
}

std::optional<StreamCondition> condition_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::not_well_formed:
      return StreamCondition::not_well_formed;
    case FaultKind::restricted_xml:
      return StreamCondition::restricted_xml;
    case FaultKind::bad_encoding:
      return StreamCondition::unsupported_encoding;
    case FaultKind::too_large:
      return StreamCondition::policy_violation;
    case FaultKind::bad_format:
      return StreamCondition::bad_format;
    case FaultKind::invalid_namespace:
      return StreamCondition::invalid_namespace;
    case FaultKind::stream_error:
    case FaultKind::closed:
    case FaultKind::connection_failed:
    case FaultKind::connection_lost:
    case FaultKind::timed_out:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace xmpp
