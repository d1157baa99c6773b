#include "xmpp/names.hpp"

#include <array>
#include <cstddef>

namespace xmpp {
namespace {

constexpr std::array<std::string_view, 25> conditions = {
    "bad-format",
    "bad-namespace-prefix",
    "conflict",
    "connection-timeout",
    "host-gone",
    "host-unknown",
    "improper-addressing",
    "internal-server-error",
    "invalid-from",
    "invalid-namespace",
    "invalid-xml",
    "not-authorized",
    "not-well-formed",
    "policy-violation",
    "remote-connection-failed",
    "reset",
    "resource-constraint",
    "restricted-xml",
    "see-other-host",
    "system-shutdown",
    "undefined-condition",
    "unsupported-encoding",
    "unsupported-feature",
    "unsupported-stanza-type",
    "unsupported-version",
};
static_assert(conditions.size() == static_cast<std::size_t>(StreamCondition::unsupported_version) + 1);

}  // namespace

std::string_view wire_name(StreamCondition condition) {
  return conditions[static_cast<std::size_t>(condition)];
}

std::optional<StreamCondition> stream_condition(std::string_view wire_name) {
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    if (conditions[i] == wire_name) return static_cast<StreamCondition>(i);
  }
  return std::nullopt;
}

}  // namespace xmpp
