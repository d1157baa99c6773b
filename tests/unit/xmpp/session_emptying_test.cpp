// Session: what the server has on its way when the session ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/unit/xmpp/management_support.hpp"

namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;

std::string messages(int from, int to) {
  std::string all;
  for (int n = from; n <= to; ++n) all += message(n);
  return all;
}

// A server in full flow has as much on its way again by the time it reads of the end.
TEST(SessionEmptying, AsksAgainWhereMuchHasCome) {
  Managed rig;
  rig.manage();
  rig.server(messages(1, 60));
  EXPECT_THAT(rig.close(), ElementsAre("send " + r));
  EXPECT_THAT(rig.server(messages(61, 120) + a(0)), ElementsAre("send " + r));
  EXPECT_THAT(rig.server(messages(121, 170) + a(0)), ElementsAre("send " + r));
  EXPECT_THAT(rig.server(messages(171, 219) + a(0)), testing::Contains("send </stream:stream>"));
  EXPECT_EQ(rig.session->state(), Session::State::closing);
}

// But not for ever.
TEST(SessionEmptying, EndsInFullFlowAsWell) {
  Managed rig;
  rig.manage();
  rig.server(messages(1, 60));
  Lines said = rig.close();
  EXPECT_THAT(said, ElementsAre("send " + r));
  const auto begin = rig.now;
  for (int i = 1; i < 1000 && rig.session->state() == Session::State::emptying; ++i) {
    rig.now += 1s;
    const auto more = rig.server(messages(i * 60 + 1, i * 60 + 60) + a(said));
    said.insert(said.end(), more.begin(), more.end());
  }
  EXPECT_EQ(rig.now - begin, 30s);
}

std::uint64_t last_h(const Lines& said) {
  std::uint64_t h = 0;
  for (const auto& line : said) {
    if (line.starts_with("send <a ")) h = std::stoull(line.substr(line.find("h='") + 3));
  }
  return h;
}

// Nothing is proven any more, so what is ours is told at once and not kept: there is no end to it.
TEST(SessionEmptying, TellsWhatIsOursAsItComes) {
  Managed rig;
  rig.manage();
  rig.server(messages(1, 210));
  Lines said = rig.close();
  EXPECT_THAT(said, ElementsAre(testing::StartsWith("send " + bounce_of(1)), "send " + r));
  const auto take = [&](const Lines& more) { said.insert(said.end(), more.begin(), more.end()); };
  std::size_t most = 0;
  for (int n = 211; n <= 10'000; ++n) {
    take(rig.server(message(n)));
    most = std::max(most, rig.session->queued_bytes());
  }
  EXPECT_LE(most, 100'000U);
  take(rig.server(a(said)));  // U-064: of ours as well
  EXPECT_THAT(said.back(), "send " + r);
  take(rig.server(a(said)));
  EXPECT_EQ(said.back(), "send </stream:stream>");
  const auto h = last_h(said);
  EXPECT_GE(h, 9'800U);
  std::string all, expected;
  for (const auto& line : said)
    if (line.starts_with("send <message")) all += line.substr(5);
  for (std::uint64_t n = 1; n <= h; ++n) expected += bounce_of(static_cast<int>(n));
  EXPECT_TRUE(all == expected) << "each once, and of no other";
}

// The first of several streams may end before its client: what that proves need not come again.
TEST(SessionEmptying, TakesProofs) {
  Managed rig;
  rig.manage();
  rig.server(messages(1, 60));
  EXPECT_THAT(rig.close(), ElementsAre("send " + r));
  EXPECT_THAT(rig.received(41), IsEmpty());
  EXPECT_THAT(rig.server(message(61) + a(0)), ElementsAre("send " + a(40), "send </stream:stream>"));
}

// Also where the client has proven all: as much as came in the last second may be on its way.
TEST(SessionEmptying, BeginsInFullFlowWhateverIsProven) {
  Managed rig;
  rig.manage();
  rig.server(messages(1, 60));
  rig.now += 900ms;
  rig.server(messages(61, 100));
  rig.received(101);
  EXPECT_THAT(rig.close(), ElementsAre("send " + a(100), "send " + r));
  EXPECT_THAT(rig.server(a(0)), ElementsAre("send </stream:stream>"));

  Managed slower;
  slower.manage();
  slower.server(messages(1, 100));
  slower.received(101);
  slower.now += 2s;
  slower.server(messages(101, 110));
  slower.received(111);
  EXPECT_THAT(slower.close(), ElementsAre("send " + a(110), "send </stream:stream>"));
}

// A stall of a server in full flow is not its end. One that was quiet before is not waited for.
TEST(SessionEmptying, WaitsForAServerThatStalls) {
  Managed stalls;
  stalls.manage();
  stalls.server(messages(1, 60));
  EXPECT_THAT(stalls.close(), ElementsAre("send " + r));
  EXPECT_THAT(stalls.after(10s), IsEmpty());
  EXPECT_THAT(stalls.server(messages(61, 70) + a(0)), ElementsAre("send </stream:stream>"));

  Managed dies;
  dies.manage();
  dies.server(messages(1, 60));
  dies.close();
  EXPECT_EQ(dies.session->deadline(), dies.now + 30s);
  EXPECT_THAT(dies.expire(), ElementsAre("send </stream:stream>"));

  Managed unread;
  unread.manage();
  unread.session->reading(false, unread.now);
  unread.close();
  EXPECT_EQ(unread.session->deadline(), unread.now + 30s) << "nobody knows what it has to say";

  Managed was_quiet;
  was_quiet.manage();
  was_quiet.server(messages(1, 60));
  was_quiet.now += 2s;
  EXPECT_THAT(was_quiet.close(), ElementsAre("send " + r));
  EXPECT_EQ(was_quiet.session->deadline(), was_quiet.now + 2s);
  was_quiet.server(message(61));
  EXPECT_THAT(was_quiet.expire(), ElementsAre("send </stream:stream>"));
}

// An <a/> that nobody has asked for stands behind nothing.
TEST(SessionEmptying, KnowsTheAnswersToItsQuestions) {
  Managed asked;
  asked.manage();
  asked.to_server("<presence/>", 1);
  EXPECT_THAT(asked.after(2s), ElementsAre("send " + r));
  EXPECT_THAT(asked.server(messages(1, 60) + a(0)), testing::SizeIs(60)) << "of before the question";
  EXPECT_THAT(asked.close(), ElementsAre("send " + r));
  EXPECT_THAT(asked.server(a(1) + message(61)), IsEmpty());
  EXPECT_THAT(asked.server(a(1)), ElementsAre("send </stream:stream>"));

  Managed unasked;
  unasked.manage();
  unasked.to_server("<presence/>", 1);
  unasked.server(messages(1, 60));
  EXPECT_THAT(unasked.close(), ElementsAre("send " + r));
  EXPECT_THAT(unasked.server(a(0)), IsEmpty());
  EXPECT_THAT(unasked.server(a(1)), ElementsAre("send </stream:stream>"));

  // The answer to a question with less behind it is told by what it says.
  Managed another;
  another.manage();
  another.to_server("<presence/>", 1);
  another.after(2s);
  another.to_server("<presence/>", 1);
  another.server(messages(1, 60));
  EXPECT_THAT(another.close(), ElementsAre("send " + r));
  EXPECT_THAT(another.server(a(1)), IsEmpty());
  EXPECT_THAT(another.server(a(2)), ElementsAre("send </stream:stream>"));
}

}  // namespace
