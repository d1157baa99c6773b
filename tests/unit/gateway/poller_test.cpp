// Who is told of what, and what is put off to the end of a round, over pairs of sockets.
#include "gateway/poller.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <vector>

namespace gateway {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

struct PollerTest : testing::Test {
  boost::asio::io_context io;
  Poller poller{io};
  std::vector<std::string> told;

  // Returns once nothing is ready any more.
  void run() {
    io.restart();
    while (io.poll() > 0) {
    }
  }
};

class Probe final : public Watcher {
 public:
  Probe(PollerTest& test, std::string name) : test_(test), name_(std::move(name)) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_.data()), 0);
    EXPECT_TRUE(test_.poller.add(ends_[0], *this, true, false));
  }
  ~Probe() {
    leave();
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  void wake() { EXPECT_EQ(::write(ends_[1], "x", 1), 1); }
  void leave() { test_.poller.remove(ends_[0], *this); }

  std::function<void()> when_ready = [] {};
  std::function<void()> at_end = [] {};

 private:
  void on_ready(Ready ready) override {
    std::array<char, 8> bytes{};
    EXPECT_TRUE(ready.read);
    EXPECT_GT(::read(ends_[0], bytes.data(), bytes.size()), 0);
    test_.told.push_back(name_);
    when_ready();
  }
  void on_round_end() override {
    test_.told.push_back(name_ + " end");
    at_end();
  }

  PollerTest& test_;
  std::string name_;
  std::array<int, 2> ends_{};
};

TEST_F(PollerTest, DoesWhatIsPutOffAfterEverybodyWasTold) {
  Probe a(*this, "a"), b(*this, "b");
  for (Probe* const probe : {&a, &b}) {
    probe->wake();
    probe->when_ready = [this, probe] { EXPECT_TRUE(poller.put_off(*probe)); };
  }
  run();
  ASSERT_EQ(told.size(), 4U);
  EXPECT_THAT(std::vector(told.begin(), told.begin() + 2), UnorderedElementsAre("a", "b"));
  EXPECT_THAT(std::vector(told.begin() + 2, told.end()), UnorderedElementsAre("a end", "b end"));
}

TEST_F(PollerTest, PutsNothingOffOutsideOfARound) {
  Probe a(*this, "a");
  EXPECT_FALSE(poller.put_off(a));
  a.wake();
  run();
  EXPECT_FALSE(poller.put_off(a));
  run();
  EXPECT_THAT(told, ElementsAre("a"));
}

TEST_F(PollerTest, ForgetsWhatOneWhoLeavesHasPutOff) {
  Probe a(*this, "a"), b(*this, "b");
  for (Probe* const probe : {&a, &b}) {
    probe->wake();
    probe->when_ready = [this, probe] { EXPECT_TRUE(poller.put_off(*probe)); };
    probe->at_end = [probe, &a, &b] { (probe == &a ? b : a).leave(); };
  }
  run();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_TRUE(told.back() == "a end" || told.back() == "b end");
}

TEST_F(PollerTest, PutsOffOnceMoreAtTheEnd) {
  Probe a(*this, "a"), b(*this, "b");
  a.wake();
  a.when_ready = [&] { EXPECT_TRUE(poller.put_off(a)); };
  a.at_end = [&] { EXPECT_TRUE(poller.put_off(b)); };
  run();
  EXPECT_THAT(told, ElementsAre("a", "a end", "b end"));
}

// A bug or no memory in one of them must not make the others wait for ever.
TEST_F(PollerTest, EndsTheRoundAfterAnException) {
  Probe a(*this, "a"), b(*this, "b");
  for (Probe* const probe : {&a, &b}) probe->wake();
  bool thrown = false;
  const auto put_off_then_throw = [&](Probe& probe) {
    EXPECT_TRUE(poller.put_off(probe));
    if (std::exchange(thrown, true)) throw std::runtime_error("test");
  };
  a.when_ready = [&] { put_off_then_throw(a); };
  b.when_ready = [&] { put_off_then_throw(b); };
  EXPECT_THROW(run(), std::runtime_error);
  poller.end_round();
  EXPECT_THAT(told, testing::IsSupersetOf({"a end", "b end"}));
  EXPECT_FALSE(poller.put_off(a));
  told.clear();
  a.when_ready = [] {};
  a.wake();
  run();
  EXPECT_THAT(told, ElementsAre("a"));
}

}  // namespace
}  // namespace gateway
