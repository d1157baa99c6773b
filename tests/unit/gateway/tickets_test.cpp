#include "gateway/tickets.hpp"

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using gateway::Tickets;

TEST(TicketsTest, AreGoodOnce) {
  Tickets tickets;
  const xmpp::Instant now{};
  const auto ticket = tickets.issue("sid", now + 30s, now);
  EXPECT_EQ(ticket.size(), 32U);
  EXPECT_NE(ticket, tickets.issue("other", now + 30s, now));
  EXPECT_EQ(tickets.find(ticket), "sid") << "to look does not use it up";
  EXPECT_EQ(tickets.redeem(ticket, now + 29s), "sid");
  EXPECT_EQ(tickets.redeem(ticket, now + 29s), "");
  EXPECT_EQ(tickets.find(ticket), "");
  EXPECT_EQ(tickets.redeem("", now), "");
}

TEST(TicketsTest, AreGoodForAWhile) {
  Tickets tickets;
  const xmpp::Instant now{};
  const auto late = tickets.issue("late", now + 30s, now);
  EXPECT_EQ(tickets.redeem(late, now + 30s), "");
  const auto forgotten = tickets.issue("forgotten", now + 30s, now);
  static_cast<void>(tickets.issue("next", now + 90s, now + 60s));
  EXPECT_EQ(tickets.find(forgotten), "") << "what is over is not kept";
}

}  // namespace
