#include "bosh/stream_set.hpp"

#include <gtest/gtest.h>

#include <string>

namespace bosh {
namespace {

TEST(HandedOut, ProvesUpToARequest) {
  HandedOut out;
  out.in(5, 2);
  out.in(6, 0);
  out.in(8, 3);
  const auto part = [&out](Rid rid) {
    const auto found = out.in_answer_to(rid);
    return found ? std::to_string(found->after) + " to " + std::to_string(found->up_to) : "nothing";
  };
  EXPECT_EQ(part(5), "0 to 2");
  EXPECT_EQ(part(6), "nothing");
  EXPECT_EQ(part(8), "2 to 5");
  EXPECT_FALSE(out.proven(4, 1));
  EXPECT_TRUE(out.proven(7, 1));
  EXPECT_EQ(out.received(), 2U);
  EXPECT_EQ(part(5), "nothing");
  EXPECT_EQ(part(8), "2 to 5");
  EXPECT_FALSE(out.proven(7, 1));
  EXPECT_TRUE(out.proven(8, 1));
  EXPECT_EQ(out.received(), 5U);
  EXPECT_EQ(out.count(), 5U);
}

// first - 1 is "nothing yet", also where it lies at the other end of the numbers.
TEST(HandedOut, NothingIsProvenBeforeTheFirst) {
  HandedOut out;
  out.in(0, 1);
  EXPECT_FALSE(out.proven(Rid{0} - 1, 0));
  EXPECT_TRUE(out.proven(0, 0));
}

// Who proves nothing costs no more than so much; what is merged is proven later, never earlier.
TEST(HandedOut, IsBounded) {
  HandedOut out;
  for (Rid rid = 1; rid <= 1000; ++rid) out.in(rid, 1);
  EXPECT_FALSE(out.proven(744, 1));
  EXPECT_TRUE(out.proven(745, 1));
  EXPECT_EQ(out.received(), 745U);
  EXPECT_TRUE(out.proven(1000, 1));
  EXPECT_EQ(out.received(), 1000U);
}

TEST(StreamSet, NamesAreNumbersAndNeverUsedTwice) {
  StreamSet set("a", "A");
  std::uint32_t number = 0;
  EXPECT_EQ(set.read("1", number), StreamSet::Name::open);
  EXPECT_EQ(set.read("2", number), StreamSet::Name::unknown);
  OtherStream& side = set.add(set.next_number(), 7);
  side.wish = std::make_unique<Creation>();
  EXPECT_EQ(set.read("2", number), StreamSet::Name::closed);  // nobody can know it yet
  set.accepted(side, "B");
  EXPECT_EQ(set.read("2", number), StreamSet::Name::open);
  EXPECT_EQ(number, 2U);
  for (const char* name : {"", "0", "02", "+2", "2 ", "-1", "two", "4294967298"})
    EXPECT_EQ(set.read(name, number), StreamSet::Name::unknown) << name;
  set.remove(2);
  EXPECT_EQ(set.read("2", number), StreamSet::Name::closed);
  EXPECT_EQ(set.next_number(), 3U);
}

}  // namespace
}  // namespace bosh
