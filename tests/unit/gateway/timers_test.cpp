// The timer heap: order, laziness, removal, owners that die. Time is stepped through run().
#include "gateway/timers.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace gateway {
namespace {

using std::chrono::milliseconds;

xmpp::Instant at(int ms) {
  return xmpp::Instant{milliseconds(ms)};
}

class Probe final : public Timed {
 public:
  Probe(Timers& timers, std::vector<std::pair<int, int>>& fired, int name)
      : Timed(timers), fired_(fired), name_(name) {}
  using Timed::arm;
  using Timed::disarm;
  int rearm_at = -1;
  bool die = false;

 private:
  void on_timer(xmpp::Instant now) override {
    fired_.emplace_back(static_cast<int>(std::chrono::duration_cast<milliseconds>(now.time_since_epoch()).count()),
                        name_);
    if (rearm_at >= 0) arm(at(std::exchange(rearm_at, -1)));
    if (die) delete this;
  }
  std::vector<std::pair<int, int>>& fired_;
  int name_;
};

struct TimersTest : testing::Test {
  boost::asio::io_context io;
  Timers timers{io};
  std::vector<std::pair<int, int>> fired;
  using Fired = std::vector<std::pair<int, int>>;
};

// Each cancelled wait would come back as a handler.
TEST_F(TimersTest, SetsTheClockOnceForDeadlinesOfOneMillisecond) {
  const auto later =
      std::chrono::time_point_cast<xmpp::Duration>(std::chrono::steady_clock::now()) + std::chrono::hours(1);
  const auto begin = std::chrono::floor<milliseconds>(later);
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 1; i < 100; ++i) {
    probes.push_back(std::make_unique<Probe>(timers, fired, i));
    probes.back()->arm(begin + std::chrono::microseconds(10 * (i % 2 == 0 ? i : 100 - i)));
  }
  EXPECT_EQ(io.poll(), 0U);
  Probe earlier(timers, fired, 0);
  earlier.arm(begin - milliseconds(1));
  EXPECT_EQ(io.poll(), 1U);
}

TEST_F(TimersTest, FiresInOrderAndOnlyWhatIsDue) {
  Probe a(timers, fired, 1), b(timers, fired, 2), c(timers, fired, 3);
  a.arm(at(30));
  b.arm(at(10));
  c.arm(at(20));
  timers.run(at(9));
  EXPECT_EQ(fired, Fired{});
  timers.run(at(20));
  EXPECT_EQ(fired, (Fired{{20, 2}, {20, 3}}));
  timers.run(at(30));
  EXPECT_EQ(fired, (Fired{{20, 2}, {20, 3}, {30, 1}}));
  EXPECT_EQ(timers.next(), xmpp::never);
}

TEST_F(TimersTest, LaterChangesNothingEarlierMoves) {
  Probe a(timers, fired, 1);
  a.arm(at(20));
  a.arm(at(50));
  EXPECT_EQ(timers.next(), at(20));
  a.arm(at(5));
  EXPECT_EQ(timers.next(), at(5));
  a.arm(xmpp::never);
  EXPECT_EQ(timers.next(), at(5));
}

TEST_F(TimersTest, DisarmedAndDeadDoNotFire) {
  Probe a(timers, fired, 1);
  {
    Probe b(timers, fired, 2);
    b.arm(at(1));
  }
  a.arm(at(2));
  a.disarm();
  timers.run(at(10));
  EXPECT_EQ(fired, Fired{});
}

TEST_F(TimersTest, MayArmItselfAnewOrDieWhenItFires) {
  Probe a(timers, fired, 1);
  auto* const mortal = new Probe(timers, fired, 2);
  mortal->die = true;
  a.rearm_at = 15;
  a.arm(at(10));
  mortal->arm(at(10));
  timers.run(at(10));
  timers.run(at(20));
  EXPECT_EQ(fired, (Fired{{10, 1}, {10, 2}, {20, 1}}));
}

TEST_F(TimersTest, ManyInRandomOrderComeOutSorted) {
  std::mt19937 random(7);
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 0; i < 500; ++i) {
    probes.push_back(std::make_unique<Probe>(timers, fired, i));
    probes.back()->arm(at(static_cast<int>(random() % 1000)));
    if (i % 7 == 0) probes[random() % probes.size()]->disarm();
    if (i % 5 == 0) probes[random() % probes.size()]->arm(at(static_cast<int>(random() % 1000)));
  }
  int previous = -1;
  while (timers.next() != xmpp::never) {
    const auto next = timers.next();
    EXPECT_GE(next, at(previous));
    previous = static_cast<int>(std::chrono::duration_cast<milliseconds>(next.time_since_epoch()).count());
    timers.run(next);
  }
  EXPECT_GT(fired.size(), 400U);
}

// Whoever wants to be woken again for what has passed must not keep the shard from its other work.
TEST_F(TimersTest, ComesToAnEndWhateverIsArmedMeanwhile) {
  struct Endless final : Timed {
    explicit Endless(Timers& timers) : Timed(timers) { arm(at(1)); }
    void on_timer(xmpp::Instant) override {
      if (++fired < 1000) arm(at(1));
    }
    int fired = 0;
  } endless(timers);
  Probe other(timers, fired, 1);
  other.arm(at(2));
  timers.run(at(5));
  EXPECT_LE(endless.fired, 2);
  for (int i = 0; i < 1000; ++i) timers.run(at(5));
  EXPECT_EQ(endless.fired, 1000);
  EXPECT_EQ(fired, (Fired{{5, 1}}));
}

// Nor the machine from its own: between two rounds a millisecond passes, however often it is asked.
TEST_F(TimersTest, RunsNoMoreOftenThanOnceInAMillisecond) {
  struct Wrong final : Timed {
    explicit Wrong(Timers& timers) : Timed(timers) { arm(xmpp::Instant{}); }
    void on_timer(xmpp::Instant) override {
      ++fired;
      arm(xmpp::Instant{});
    }
    int fired = 0;
  } wrong(timers);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20'000; ++i) io.poll();
  const auto passed = std::chrono::ceil<milliseconds>(std::chrono::steady_clock::now() - begin);
  EXPECT_GE(wrong.fired, 1);
  EXPECT_LE(wrong.fired, passed.count() + 1);
}

}  // namespace
}  // namespace gateway
