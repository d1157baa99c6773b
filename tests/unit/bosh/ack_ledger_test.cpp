// XEP-0124 9.2. PROTOCOL B-083 ... B-086, U-061.
#include "bosh/ack_ledger.hpp"

#include <gtest/gtest.h>

namespace bosh {
namespace {

struct Row {
  Rid rid;
  std::optional<std::uint64_t> ack;
  Rid last_answered;
  Rid proven;
  bool looks_new = false;
  bool bad_ack = false;
  bool one_more = false;
  std::uint64_t handed_out = 0;
};

void follow(AckLedger& ledger, std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    ledger.arrived({row.rid, row.ack, row.bad_ack, row.looks_new, row.one_more, row.last_answered, row.handed_out, 10});
    EXPECT_EQ(ledger.proven(), row.proven) << "rid " << row.rid;
  }
}

TEST(AckLedger, FollowsAcks) {
  AckLedger ledger(100, 2, true);
  follow(ledger, {{101, {}, 100, 100},
                  {102, 100, 101, 100},
                  {103, 102, 102, 102},
                  {104, 99, 103, 102},               // does not go back
                  {105, 107, 104, 102},              // nonsense
                  {106, {}, 105, 102, false, true},  // unreadable: not even its absence means anything
                  {107, {}, 105, 102},               // says 106, which is not answered
                  {108, 107, 107, 107}});
}

TEST(AckLedger, FollowsTheWindow) {
  AckLedger ledger(100, 2, false);
  follow(ledger,
         {{101, {}, 100, 99}, {102, {}, 101, 100}, {103, {}, 102, 101}, {104, {}, 101, 101}, {105, {}, 104, 103}});
}

// B-112: it may have one more in flight.
TEST(AckLedger, ProvesOneLessWhereOneMoreIsInFlight) {
  AckLedger ledger(100, 2, false);
  follow(ledger, {{101, {}, 100, 99}, {102, {}, 101, 99, false, false, true}, {103, {}, 102, 101}});
}

TEST(AckLedger, FollowsAnUnannouncedAck) {
  AckLedger ledger(100, 2, false);
  follow(ledger, {{101, 100, 100, 100}, {102, {}, 101, 100}});
}

TEST(AckLedger, BeginsAgainWithANewRun) {
  AckLedger ledger(100, 2, false);
  follow(
      ledger,
      {{101, {}, 100, 99}, {102, {}, 101, 100}, {103, {}, 102, 100, true}, {104, {}, 103, 100}, {105, {}, 104, 103}});
}

TEST(AckLedger, StopsAtALostResponse) {
  AckLedger ledger(100, 2, false);
  follow(ledger, {{101, {}, 100, 99}});
  ledger.in_doubt({101, 0, 0, true}, 0);
  ledger.in_doubt({102, 0, 0, true}, 0);
  follow(ledger, {{102, {}, 101, 100}, {103, {}, 102, 100}, {104, {}, 103, 100}});
  ledger.repeated(102);  // not the one
  follow(ledger, {{105, {}, 104, 100}});
  ledger.repeated(101);
  follow(ledger, {{106, {}, 105, 104}});
  ledger.in_doubt({103, 0, 0, true}, 0);  // proven meanwhile
  follow(ledger, {{107, {}, 106, 105}});
  ledger.in_doubt({106, 0, 0, true}, 0);
  follow(ledger, {{108, {}, 107, 105}, {109, 107, 108, 107}, {110, {}, 109, 108}});
}

// What proves one of them says nothing of those above it.
TEST(AckLedger, DoubtsEachResponseByItself) {
  AckLedger repeated(100, 2, false);
  repeated.in_doubt({103, 0, 0, true}, 0);
  repeated.in_doubt({101, 0, 0, true}, 0);
  repeated.repeated(101);
  follow(repeated, {{104, {}, 103, 102}, {105, {}, 104, 102}, {106, {}, 105, 102}});
  AckLedger acknowledged(100, 2, false);
  acknowledged.in_doubt({101, 0, 0, true}, 0);
  acknowledged.in_doubt({102, 0, 0, true}, 0);
  follow(acknowledged, {{103, 101, 102, 101}, {104, {}, 103, 101}, {105, {}, 104, 101}});
  AckLedger from_zero(0, 2, false);
  from_zero.in_doubt({1, 0, 0, true}, 0);
  from_zero.in_doubt({0, 0, 0, true}, 0);
  follow(from_zero, {{2, {}, 1, Rid{0} - 1}, {3, {}, 2, Rid{0} - 1}});
  from_zero.repeated(0);
  follow(from_zero, {{4, {}, 3, 0}, {5, {}, 4, 0}});
}

// So many as were in what may be lost do not count.
TEST(AckLedger, DropsADoubtBehindTenFurtherElements) {
  AckLedger ledger(100, 2, false);
  ledger.in_doubt({100, 0, 0, true}, 500);
  ledger.in_doubt({101, 0, 0, true}, 505);
  follow(ledger, {{102, {}, 101, 99, false, false, false, 505},
                  {103, {}, 102, 99, false, false, false, 510},
                  {104, {}, 103, 100, false, false, false, 511},
                  {105, {}, 104, 100, false, false, false, 515},
                  {106, {}, 105, 104, false, false, false, 516}});
}

// A client that looks new with each request would hold up everything.
TEST(AckLedger, BelievesInNewRunsForTenElements) {
  AckLedger ledger(100, 2, false);
  follow(ledger, {{101, {}, 100, 99, false, false, false, 500},
                  {102, {}, 101, 99, true, false, false, 500},
                  {103, {}, 102, 99, true, false, false, 510},
                  {104, {}, 103, 102, true, false, false, 511},
                  {105, {}, 104, 102, true, false, false, 521},
                  {106, {}, 105, 102, true, false, false, 531},
                  {107, {}, 106, 105, true, false, false, 532}});
}

// Those of a stream that is over are no longer among them.
TEST(AckLedger, CountsNothingThatIsGone) {
  AckLedger ledger(100, 2, false);
  ledger.in_doubt({100, 0, 0, true}, 500);
  follow(ledger, {{102, {}, 101, 99, false, false, false, 20},
                  {103, {}, 102, 99, false, false, false, 30},
                  {104, {}, 103, 102, false, false, false, 31}});
}

TEST(AckLedger, BeginsAtZero) {
  AckLedger ledger(0, 2, false);
  EXPECT_EQ(ledger.proven(), Rid{0} - 1);
  follow(ledger, {{1, {}, 0, Rid{0} - 1}, {2, {}, 1, 0}, {3, {}, 2, 1}});
  AckLedger acks(0, 2, true);
  follow(acks, {{1, {}, 0, 0}});
}

TEST(AckLedger, Counts) {
  AckLedger ledger(100, 2, false);
  EXPECT_EQ(ledger.hand_out(3), 3U);
  EXPECT_EQ(ledger.hand_out(2), 5U);
  EXPECT_TRUE(ledger.received_up_to(3));
  EXPECT_FALSE(ledger.received_up_to(3));
  EXPECT_FALSE(ledger.received_up_to(2));
  EXPECT_EQ(ledger.received(), 3U);
}

TEST(AckLedger, ReportsOnce) {
  AckLedger ledger(100, 2, true);
  const auto arrival = [](Rid rid, std::optional<std::uint64_t> ack, Rid last) {
    return AckLedger::Arrival{rid, ack, false, false, false, last, 0, 10};
  };
  EXPECT_EQ(ledger.missing(arrival(102, 100, 101)), Rid{101});
  EXPECT_EQ(ledger.missing(arrival(102, 101, 101)), std::nullopt);
  EXPECT_EQ(ledger.missing(arrival(102, {}, 101)), std::nullopt);
  EXPECT_EQ(ledger.missing(arrival(102, 105, 101)), std::nullopt);
  ledger.reported(101);
  EXPECT_EQ(ledger.missing(arrival(103, 100, 102)), std::nullopt);
  EXPECT_EQ(ledger.missing(arrival(103, 101, 102)), Rid{102});
  EXPECT_EQ(AckLedger(100, 2, false).missing(arrival(102, 100, 101)), std::nullopt);
}

TEST(AckLedger, SmoothsTheRoundTrip) {
  AckLedger ledger(100, 2, true);
  EXPECT_EQ(ledger.round_trip(), xmpp::Duration::zero());
  ledger.round_trip(std::chrono::milliseconds(800));
  EXPECT_EQ(ledger.round_trip(), std::chrono::milliseconds(800));
  ledger.round_trip(std::chrono::milliseconds(1600));
  EXPECT_EQ(ledger.round_trip(), std::chrono::milliseconds(900));
  ledger.round_trip(std::chrono::hours(5));  // somebody was asleep
  EXPECT_LT(ledger.round_trip(), std::chrono::seconds(10));
}

}  // namespace
}  // namespace bosh
