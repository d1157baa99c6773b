// read_creation() of engine.hpp: the attributes of the first request (XEP-0124 7.1; PROTOCOL B-020 ... B-037).
#include <algorithm>
#include <charconv>
#include <utility>

#include "bosh/engine.hpp"
#include "xmpp/ascii.hpp"
#include "xmpp/jid.hpp"

namespace bosh {
namespace {

constexpr std::uint16_t our_major = 1;
constexpr std::uint16_t our_minor = 11;

using xmpp::lower;
using xmpp::same_ignoring_case;

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// B-025: two integers, never a decimal fraction: "1.10" is above "1.6".
void read_version(std::string_view text, Creation& creation) {
  std::optional<std::uint16_t> major, minor;
  if (const auto dot = text.find('.'); dot != std::string_view::npos) {
    major = number<std::uint16_t>(text.substr(0, dot));
    minor = number<std::uint16_t>(text.substr(dot + 1));
  }
  if (!major || !minor) {
    major = 1;
    minor = 6;
  }
  const auto lowest = std::min(std::pair(*major, *minor), std::pair(our_major, our_minor));
  creation.ver_major = lowest.first;
  creation.ver_minor = lowest.second;
}

// B-029: proto:host:port, an IPv6 literal in brackets; xmpp://host:port is how Punjab took it.
std::optional<Route> read_route(std::string_view text) {
  constexpr std::string_view scheme = "xmpp:";
  if (text.size() < scheme.size() || !same_ignoring_case(text.substr(0, scheme.size()), scheme)) return std::nullopt;
  text.remove_prefix(scheme.size());
  if (text.starts_with("//")) text.remove_prefix(2);
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = number<std::uint16_t>(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return std::nullopt;
    host = host.substr(1, host.size() - 2);
    if (host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) return std::nullopt;
  } else if (host.find_first_of(":/[]@ ") != std::string_view::npos) {
    return std::nullopt;
  }
  if (host.empty() || host.size() > 255 || !port || *port == 0) return std::nullopt;
  return Route{std::string(host), *port};
}

// B-034: whatever a page may make our origin say as a Content-Type is a way into that origin.
std::optional<std::string> read_content(std::string_view text, const Policy& policy) {
  if (std::any_of(text.begin(), text.end(), [](char c) { return c < 0x20 || c > 0x7e; })) return std::nullopt;
  const std::string_view media = trimmed(text.substr(0, text.find(';')));
  const auto allowed = std::find_if(policy.content_types.begin(), policy.content_types.end(),
                                    [media](const std::string& type) { return same_ignoring_case(type, media); });
  if (allowed == policy.content_types.end()) return std::nullopt;
  std::string value = *allowed + "; charset=utf-8";
  if (value == default_content_type) value.clear();
  return value;
}

// RFC 5646 in outline. Anything else is not worth a refusal, and not worth a stream error either.
std::string_view read_lang(std::string_view text) {
  const auto fits = [](char c) { return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-'; };
  return text.size() <= 64 && std::all_of(text.begin(), text.end(), fits) ? text : std::string_view{};
}

std::uint32_t clamped(std::int64_t value, std::uint32_t max) {
  return static_cast<std::uint32_t>(std::min(value, std::int64_t{max}));
}

}  // namespace

std::variant<Creation, Refusal> read_creation(const Body& body, const Policy& policy) {
  Creation creation;
  creation.legacy = !body.ver;
  const auto refuse = [&](Condition condition, std::string_view text) {
    return Refusal{condition, text, creation.legacy};
  };

  if (body.rid > max_rid) return refuse(Condition::bad_request, "rid is above 2^53-1");
  if (body.type == BodyType::terminate) return refuse(Condition::bad_request, "terminate without a sid");
  if (body.bad_number || body.wait.value_or(0) < 0 || body.hold.value_or(0) < 0)
    return refuse(Condition::bad_request, "wait or hold is not a non-negative integer");
  creation.to = body.to.value_or(std::string_view{});
  if (body.route && !body.route->empty()) {
    auto route = read_route(*body.route);
    if (!route) return refuse(Condition::bad_request, "route is not proto:host:port");
    creation.route = std::move(*route);
  }
  if (body.content && !trimmed(*body.content).empty()) {
    auto content = read_content(*body.content, policy);
    if (!content) return refuse(Condition::bad_request, "content type is not allowed");
    creation.content_type = std::move(*content);
  }

  const std::int64_t wait = body.wait.value_or(policy.default_wait);
  const std::int64_t hold = body.hold.value_or(1);
  creation.wait = clamped(wait, policy.max_wait);
  creation.hold = clamped(hold, policy.max_hold);
  // Above what was asked for, not above what is granted (B-041); one more than 1 even for pollers, since `requests='1'`
  // turns JSJaC into one for good.
  creation.requests = std::min(std::max(clamped(hold, 254) + 1, 2U), std::max(policy.max_requests, 2U));
  if (body.ver) {
    read_version(*body.ver, creation);
  } else {
    creation.ver_minor = 5;
  }
  creation.acks = body.ack == std::uint64_t{1};  // B-032: gloox says 0
  if (body.newkey) creation.newkey = *body.newkey;
  if (body.from) creation.stream.from = xmpp::claimed_bare_jid(*body.from).value_or("");
  if (body.lang) creation.stream.lang = read_lang(*body.lang);
  creation.stream.version = body.has_version;
  return creation;
}

}  // namespace bosh
