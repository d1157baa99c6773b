// Limits per address, per domain and in total (PROTOCOL B-201, B-203); rates with stepped time.
#include "gateway/admission.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace gateway {
namespace {

using std::chrono::seconds;

constexpr AddressKey one{1}, two{2};
xmpp::Instant at(int s) {
  return xmpp::Instant{seconds(s)};
}

Domain domain(std::uint32_t max_sessions = no_limit) {
  Domain domain;
  domain.name = "example.org";
  domain.max_sessions = max_sessions;
  return domain;
}

TEST(Admission, CountsConnectionsPerAddressAndInTotal) {
  Admission admission;
  LimitsConfig limits;
  limits.max_connections_per_address = 2;
  limits.max_connections = 3;
  const auto open = [&](AddressKey from) { return admission.connection_opened(from, limits, at(0)); };
  auto first = open(one), second = open(one), third = open(one);
  EXPECT_EQ(first.why_not, "");
  EXPECT_EQ(second.why_not, "");
  EXPECT_EQ(third.why_not, "max_connections_per_address reached");
  const auto other = open(two), more = open(two);
  EXPECT_EQ(other.why_not, "");
  EXPECT_EQ(more.why_not, "max_connections reached");
  const ConnectionPlace elsewhere = std::move(first.place);  // to another owner: counted as before
  first.place = {};
  EXPECT_EQ(open(two).why_not, "max_connections reached");
  second.place = {};
  const auto again = open(one);
  EXPECT_EQ(again.why_not, "");
  EXPECT_EQ(admission.totals().connections, 3U);
}

// H-020: what comes through a trusted proxy counts for nobody until it is held long for somebody.
TEST(Admission, CountsConnectionsOfAProxyForTheClientsTheyAreHeldFor) {
  Admission admission;
  LimitsConfig limits;
  limits.max_connections_per_address = 1;
  limits.max_connections = 4;
  const auto of_proxy = [&] { return admission.connection_opened(std::nullopt, limits, at(0)); };
  auto first = of_proxy(), second = of_proxy(), third = of_proxy();
  EXPECT_EQ(third.why_not, "");
  EXPECT_EQ(first.place.hold_for(one, limits), "");
  EXPECT_EQ(first.place.hold_for(one, limits), "");  // it is already
  EXPECT_EQ(second.place.hold_for(one, limits), "max_connections_per_address reached");
  EXPECT_EQ(second.place.hold_for(two, limits), "");
  EXPECT_EQ(admission.connection_opened(one, limits, at(0)).why_not, "max_connections_per_address reached");
  first.place = {};
  EXPECT_EQ(third.place.hold_for(one, limits), "");
  EXPECT_EQ(admission.totals().connections, 2U);

  auto direct = admission.connection_opened(AddressKey{3}, limits, at(0));
  EXPECT_EQ(direct.place.hold_for(AddressKey{4}, limits), "");  // counts for its own address and no other
  EXPECT_EQ(admission.connection_opened(AddressKey{4}, limits, at(0)).why_not, "");
  EXPECT_EQ(ConnectionPlace().hold_for(one, limits), "");
}

TEST(Admission, CountsSessionsPerAddressPerDomainAndInTotal) {
  Admission admission;
  LimitsConfig limits;
  limits.max_sessions_per_address = 1;
  limits.max_sessions = 3;
  const Domain small = domain(2);
  Domain other = domain();
  other.name = "example.net";
  const auto start = [&](AddressKey from, const Domain& of) {
    return admission.session_started(from, of, limits, at(0));
  };
  auto first = start(one, small);
  EXPECT_EQ(first.why_not, "");
  EXPECT_EQ(start(one, small).why_not, "max_sessions_per_address reached");
  const auto second = start(two, small);
  EXPECT_EQ(second.why_not, "");
  EXPECT_EQ(start(AddressKey{3}, small).why_not, "max_sessions of the domain reached");
  const auto third = start(AddressKey{3}, other);
  EXPECT_EQ(third.why_not, "");
  EXPECT_EQ(start(AddressKey{4}, other).why_not, "max_sessions reached");
  SessionPlace elsewhere = std::move(first.place);  // to another owner: counted as before
  first.place = {};
  EXPECT_EQ(start(AddressKey{4}, other).why_not, "max_sessions reached");
  elsewhere = {};
  const auto again = start(one, small);
  EXPECT_EQ(again.why_not, "");
  EXPECT_EQ(admission.totals().sessions, 3U);
}

TEST(Admission, RefillsTheRateOfSessionStarts) {
  Admission admission;
  LimitsConfig limits;
  limits.session_starts_per_minute_per_address = 6;
  const Domain any = domain();
  const auto start = [&](AddressKey from, int when) {
    return admission.session_started(from, any, limits, at(when)).why_not;
  };
  for (int i = 0; i < 6; ++i) EXPECT_EQ(start(one, 100), "") << i;
  EXPECT_EQ(start(one, 100), "session_starts_per_minute_per_address reached");
  EXPECT_EQ(start(two, 100), "");
  EXPECT_EQ(start(one, 111), "");  // one of six after a sixth of a minute
  EXPECT_NE(start(one, 111), "");
}

TEST(Admission, EarlyStagesHaveLimitsOfTheirOwn) {  // U-008
  using Stage = SessionPlace::Stage;
  Admission admission;
  LimitsConfig limits;
  limits.max_unauthenticated_sessions = 2;
  Domain slow = domain();
  slow.max_connecting = 1;
  const auto start = [&](const Domain& of) { return admission.session_started(one, of, limits, at(0)); };
  auto first = start(slow);
  EXPECT_EQ(first.why_not, "");
  EXPECT_EQ(start(slow).why_not, "max_connecting of the domain reached");
  first.place.advance(Stage::unauthenticated);
  auto second = start(slow);
  EXPECT_EQ(second.why_not, "");
  second.place.give_back();
  EXPECT_EQ(second.place.stage(), Stage::connecting);  // as it was
  auto third = start(slow);
  EXPECT_EQ(third.why_not, "");
  EXPECT_EQ(start(domain()).why_not, Admission::too_many_strangers);
  third.place.advance(Stage::logged_in);
  auto fourth = start(slow);
  EXPECT_EQ(fourth.why_not, "");
  fourth.place.give_back();
  fourth.place.give_back();  // once
  third.place.give_back();
  first.place.give_back();
  const auto fifth = start(slow);
  EXPECT_EQ(fifth.why_not, "");
  EXPECT_EQ(start(slow).why_not, "max_connecting of the domain reached");
  EXPECT_EQ(admission.totals().sessions, 1U);
}

// For whom somebody else has to go must not be refused for another reason then, and is not charged for the first try.
TEST(Admission, TooManyWhoHaveNotLoggedInIsTheLastReason) {
  Admission admission;
  LimitsConfig limits;
  limits.max_unauthenticated_sessions = 1;
  limits.session_starts_per_minute_per_address = 2;
  const Domain any = domain();
  const auto start = [&] { return admission.session_started(one, any, limits, at(0)); };
  {
    const auto stranger = start();
    EXPECT_EQ(stranger.why_not, "");
    for (int i = 0; i < 5; ++i) EXPECT_EQ(start().why_not, Admission::too_many_strangers);
  }
  EXPECT_EQ(start().why_not, "");
  EXPECT_EQ(start().why_not, "session_starts_per_minute_per_address reached");
}

// Whoever counts them by the thread lets one connection fill the number of all.
TEST(Admission, TheOldestWhoHasNotLoggedInLeavesWhereverItIs) {  // U-008
  using Stage = SessionPlace::Stage;
  Admission admission;
  LimitsConfig limits;
  limits.max_unauthenticated_sessions = 3;
  const Domain any = domain();
  std::vector<SessionPlace> places;
  const auto start = [&](unsigned shard, std::uint32_t slot) {
    auto started = admission.session_started(one, any, limits, at(0));
    if (started.why_not.empty()) places.push_back(std::move(started.place));
    if (started.why_not.empty()) places.back().belongs_to(shard, SessionId{slot, 0});
    return started.why_not;
  };
  EXPECT_FALSE(admission.oldest_leaves());
  for (const unsigned shard : {1U, 0U, 2U}) EXPECT_EQ(start(shard, 7 + shard), "");
  EXPECT_EQ(start(0, 0), Admission::too_many_strangers);
  auto oldest = admission.oldest_leaves();
  ASSERT_TRUE(oldest);
  EXPECT_EQ(oldest->shard, 1U);
  EXPECT_EQ(oldest->session, (SessionId{8, 0}));
  EXPECT_EQ(start(0, 3), "") << "its place is free before it has ended";
  EXPECT_EQ(start(0, 0), Admission::too_many_strangers);
  places[0].give_back();  // and when it ends nobody else's
  EXPECT_EQ(start(0, 0), Admission::too_many_strangers);
  places[1].advance(Stage::logged_in);  // who has logged in is none of them any more
  EXPECT_EQ(start(0, 4), "");
  oldest = admission.oldest_leaves();
  ASSERT_TRUE(oldest);
  EXPECT_EQ(oldest->shard, 2U);
  places[2].advance(Stage::logged_in);  // on its way out: whoever ends it sees that
  EXPECT_EQ(start(1, 5), "");
  EXPECT_EQ(start(1, 0), Admission::too_many_strangers);
  EXPECT_EQ(admission.totals().sessions, 5U);
  places.clear();
  EXPECT_EQ(admission.totals().sessions, 0U);
  EXPECT_FALSE(admission.oldest_leaves());
}

TEST(Admission, SoManyMayBeOnTheirWayOut) {
  Admission admission;
  LimitsConfig limits;
  limits.max_unauthenticated_sessions = 1;
  limits.max_sessions_per_address = limits.session_starts_per_minute_per_address = no_limit;
  const Domain any = domain();
  std::vector<SessionPlace> places;
  for (;;) {
    auto started = admission.session_started(one, any, limits, at(0));
    if (!started.why_not.empty() && !admission.oldest_leaves()) break;
    if (!started.why_not.empty()) continue;
    places.push_back(std::move(started.place));
    places.back().belongs_to(0, SessionId{0, 0});
    ASSERT_LT(places.size(), 1000U);
  }
  EXPECT_EQ(places.size(), 257U);
  places[100].give_back();
  EXPECT_TRUE(admission.oldest_leaves());
  EXPECT_EQ(admission.session_started(one, any, limits, at(0)).why_not, "");
}

// It could not be ended yet.
TEST(Admission, WhoIsAboutToBeCreatedDoesNotLeave) {
  Admission admission;
  const Domain any = domain();
  const auto first = admission.session_started(one, any, LimitsConfig{}, at(0));
  auto second = admission.session_started(one, any, LimitsConfig{}, at(0));
  EXPECT_FALSE(admission.oldest_leaves());
  second.place.belongs_to(3, SessionId{0, 0});
  EXPECT_EQ(admission.oldest_leaves().value_or(Stranger{}).shard, 3U);
}

TEST(Admission, NoLimitIsNone) {
  Admission admission;
  LimitsConfig limits;
  limits.max_sessions_per_address = no_limit;
  limits.session_starts_per_minute_per_address = no_limit;
  const Domain any = domain();
  std::vector<Admission::Started> all;
  for (int i = 0; i < 5000; ++i) {
    all.push_back(admission.session_started(one, any, limits, at(0)));
    ASSERT_EQ(all.back().why_not, "");
  }
  EXPECT_EQ(admission.totals().sessions, 5000U);
  all.clear();
  EXPECT_EQ(admission.totals().sessions, 0U);
}

TEST(Admission, GuessersAreCountedPerAddress) {
  Admission admission;
  LimitsConfig limits;
  limits.sid_misses_per_minute_per_address = 2;
  EXPECT_TRUE(admission.sid_missed(one, limits, at(0)));
  EXPECT_TRUE(admission.sid_missed(one, limits, at(0)));
  EXPECT_FALSE(admission.sid_missed(one, limits, at(0)));
  EXPECT_TRUE(admission.sid_missed(two, limits, at(0)));
  EXPECT_TRUE(admission.sid_missed(one, limits, at(60)));
}

}  // namespace
}  // namespace gateway
