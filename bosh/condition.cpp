#include "bosh/condition.hpp"

#include <array>
#include <cstddef>

namespace bosh {
namespace {

struct Entry {
  std::string_view name;
  std::string_view body;
};

// XEP-0124 17.2 in the order of the enum; the only place where a wire condition is spelt.
#define TERMINAL(name) \
  { name, "<body type='terminate' condition='" name "' xmlns='http://jabber.org/protocol/httpbind'/>" }
constexpr std::array<Entry, 14> table = {{
    {"", "<body type='terminate' xmlns='http://jabber.org/protocol/httpbind'/>"},
    TERMINAL("bad-request"),
    TERMINAL("host-gone"),
    TERMINAL("host-unknown"),
    TERMINAL("improper-addressing"),
    TERMINAL("internal-server-error"),
    TERMINAL("item-not-found"),
    TERMINAL("other-request"),
    TERMINAL("policy-violation"),
    TERMINAL("remote-connection-failed"),
    TERMINAL("remote-stream-error"),
    TERMINAL("see-other-uri"),
    TERMINAL("system-shutdown"),
    TERMINAL("undefined-condition"),
}};
#undef TERMINAL

static_assert(static_cast<std::size_t>(Condition::undefined_condition) + 1 == table.size());

const Entry& entry(Condition condition) {
  return table[static_cast<std::size_t>(condition)];
}

}  // namespace

std::string_view wire_name(Condition condition) {
  return entry(condition).name;
}

std::string_view terminal_body(Condition condition) {
  return entry(condition).body;
}

std::uint16_t legacy_status(Condition condition) {
  switch (condition) {
    case Condition::bad_request:
      return 400;
    case Condition::policy_violation:
      return 403;
    case Condition::item_not_found:
      return 404;
    default:
      return 200;
  }
}

}  // namespace bosh
