// What a probe is told of the servers: of those that were tried, and lately.
#include "gateway/health.hpp"

#include <gtest/gtest.h>

namespace gateway {
namespace {

using std::chrono::seconds;

xmpp::Instant at(int second) {
  return xmpp::Instant{seconds(second)};
}

TEST(Health, IsReadyUntilNoServerThatWasTriedCanBeReached) {
  Health health;
  EXPECT_EQ(health.trouble(at(0)), "");
  health.server_reached("a.example", "Connection refused", at(1));
  EXPECT_EQ(health.trouble(at(1)), "server of a.example cannot be reached: Connection refused");
  health.server_reached("b.example", "", at(2));
  EXPECT_EQ(health.trouble(at(2)), "");
  health.server_reached("b.example", "no address", at(3));
  EXPECT_EQ(health.trouble(at(3)),
            "server of a.example cannot be reached: Connection refused\n"
            "server of b.example cannot be reached: no address");
  health.server_reached("a.example", "", at(4));
  EXPECT_EQ(health.trouble(at(4)), "");
}

// Who is taken out of the traffic for it has no session that could show that the server is back.
TEST(Health, AFailureIsForgottenAfterAWhile) {
  Health health;
  health.server_reached("a.example", "Connection refused", at(1));
  health.server_reached("b.example", "Connection refused", at(20));
  EXPECT_NE(health.trouble(at(30)), "");
  EXPECT_EQ(health.trouble(at(31)), "") << "the way to a.example is worth a try";
  health.server_reached("a.example", "Connection refused", at(32));
  EXPECT_NE(health.trouble(at(49)), "");
  EXPECT_EQ(health.trouble(at(62)), "");
}

TEST(Health, WhatWasTriedUnderAnotherConfigurationSaysNothing) {
  Health health;
  health.server_reached("gone.example", "", at(1));
  health.forget();
  health.server_reached("a.example", "Connection refused", at(2));
  EXPECT_NE(health.trouble(at(3)), "") << "gone.example is not served any more";
  health.forget();
  EXPECT_EQ(health.trouble(at(4)), "");
}

TEST(Health, IsNotReadyWhileItIsBeingStopped) {
  Health health;
  health.draining();
  EXPECT_EQ(health.trouble(at(1)), "shutting down");
}

}  // namespace
}  // namespace gateway
