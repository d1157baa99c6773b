// XEP-0124 17. PROTOCOL B-195, B-170, H-006.
#include "bosh/condition.hpp"

#include <gtest/gtest.h>

namespace bosh {
namespace {

constexpr std::pair<Condition, const char*> registry[] = {
    {Condition::bad_request, "bad-request"},
    {Condition::host_gone, "host-gone"},
    {Condition::host_unknown, "host-unknown"},
    {Condition::improper_addressing, "improper-addressing"},
    {Condition::internal_server_error, "internal-server-error"},
    {Condition::item_not_found, "item-not-found"},
    {Condition::other_request, "other-request"},
    {Condition::policy_violation, "policy-violation"},
    {Condition::remote_connection_failed, "remote-connection-failed"},
    {Condition::remote_stream_error, "remote-stream-error"},
    {Condition::see_other_uri, "see-other-uri"},
    {Condition::system_shutdown, "system-shutdown"},
    {Condition::undefined_condition, "undefined-condition"},
};

TEST(Condition, HasTheNamesOfTheRegistry) {
  for (const auto& [condition, name] : registry) {
    EXPECT_EQ(wire_name(condition), name);
    EXPECT_EQ(terminal_body(condition), "<body type='terminate' condition='" + std::string(name) +
                                            "' xmlns='http://jabber.org/protocol/httpbind'/>");
  }
  EXPECT_EQ(wire_name(Condition::none), "");
  EXPECT_EQ(terminal_body(Condition::none), "<body type='terminate' xmlns='http://jabber.org/protocol/httpbind'/>");
}

TEST(Condition, HasAStatusForLegacyClients) {
  for (const auto& [condition, name] : registry) {
    int status = 200;
    if (condition == Condition::bad_request) status = 400;
    if (condition == Condition::policy_violation) status = 403;
    if (condition == Condition::item_not_found) status = 404;
    EXPECT_EQ(legacy_status(condition), status) << name;
  }
}

}  // namespace
}  // namespace bosh
