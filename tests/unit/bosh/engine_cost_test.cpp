// What a session costs: memory while idle, allocations and time per message; and that the same inputs give the same
// actions, byte for byte. Time is printed, and bounded only where no sanitizer distorts it.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <new>

#include "tests/unit/bosh/transcript.hpp"

namespace {

// Of this thread's tests only: every allocation of the binary passes here.
std::size_t allocations = 0;
std::size_t live_bytes = 0;

constexpr std::size_t header = alignof(std::max_align_t);

void* counted(std::size_t size) {
  auto* block = static_cast<std::byte*>(std::malloc(size + header));
  if (!block) throw std::bad_alloc();
  new (block) std::size_t(size);
  ++allocations;
  live_bytes += size;
  return block + header;
}

void released(void* p) {
  if (!p) return;
  auto* block = static_cast<std::byte*>(p) - header;
  live_bytes -= *reinterpret_cast<std::size_t*>(block);
  std::free(block);
}

}  // namespace

void* operator new(std::size_t size) {
  return counted(size);
}
void* operator new[](std::size_t size) {
  return counted(size);
}
void operator delete(void* p) noexcept {
  released(p);
}
void operator delete[](void* p) noexcept {
  released(p);
}
void operator delete(void* p, std::size_t) noexcept {
  released(p);
}
void operator delete[](void* p, std::size_t) noexcept {
  released(p);
}

namespace bosh::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
constexpr bool measurable = false;
#else
constexpr bool measurable = true;
#endif

using xmpp::Instant;
using xmpp::RequestId;

struct Bench {
  Policy policy;
  std::vector<xmpp::Stanza> none;
  std::vector<xmpp::Stanza> one = {
      {"<message xmlns='jabber:client' to='juliet@example.org'><body>hi</body></message>", xmpp::StanzaKind::message}};
  xmpp::Stanza incoming{"<message xmlns='jabber:client' from='romeo@example.org'><body>hello</body></message>",
                        xmpp::StanzaKind::message};
  Body body;
  std::unique_ptr<xmpp::Actions> actions = std::make_unique<xmpp::Actions>();
  std::uint64_t id = 1;
  Instant now{};

  Bench() {
    body.payloads = &none;
    body.rid = 1000;
    body.to = "example.org";
    body.ver = "1.6";
    body.has_version = true;
    body.raw = "<body rid='1000' sid='0123456789abcdef' xmlns='http://jabber.org/protocol/httpbind'/>";
  }
  Engine make() {
    xmpp::Actions& out = *actions;
    auto read = read_creation(body, policy);
    Engine engine(policy, std::get<Creation>(read), {"0123456789abcdef0123456789abcdef", "example.org"}, now);
    engine.on_create(RequestId{id++}, body, now, out);
    engine.opened({"streamid", "example.org", "1.0", "en"}, now, out);
    engine.deliver({"<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>", xmpp::StanzaKind::features},
                   now, out);
    engine.delivered_all(now, out);
    return engine;
  }
  // Everything that lives now and is not the shell's scratch.
  std::size_t live() {
    actions.reset();
    const std::size_t bytes = live_bytes;
    actions = std::make_unique<xmpp::Actions>();
    return bytes;
  }
  void step(Engine& engine) {
    xmpp::Actions& out = *actions;
    out.clear();
    ++body.rid;
    engine.on_request(RequestId{id++}, body, now, out);
    engine.deliver(incoming, now, out);
    engine.delivered_all(now, out);
  }
};

// One held request, the last two answers kept: below 1 kB, heap included.
TEST(EngineCost, IdleMemory) {
  Bench bench;
  const std::size_t before = bench.live();
  auto engine = std::make_unique<Engine>(bench.make());
  for (int i = 0; i < 10; ++i) bench.step(*engine);
  ++bench.body.rid;
  engine->on_request(RequestId{bench.id++}, bench.body, bench.now, *bench.actions);
  const std::size_t busy = bench.live() - before;
  for (int i = 0; i < 3; ++i) {
    bench.now += std::chrono::seconds(60);
    engine->on_time(bench.now, *bench.actions);
    ++bench.body.rid;
    engine->on_request(RequestId{bench.id++}, bench.body, bench.now, *bench.actions);
  }
  const std::size_t idle = bench.live() - before;
  std::printf("sizeof(Engine) %zu, sizeof(Exchange) %zu, idle after messages %zu, idle after empty polls %zu bytes\n",
              sizeof(Engine), sizeof(Exchange), busy, idle);
  EXPECT_LT(busy, 1024U);
  EXPECT_LT(idle, 1024U);
}

// A tombstone costs no more than the session did (B-144).
TEST(EngineCost, TombstoneMemory) {
  Bench bench;
  const std::size_t before = bench.live();
  auto engine = std::make_unique<Engine>(bench.make());
  for (int i = 0; i < 10; ++i) bench.step(*engine);
  for (int i = 0; i < 1000; ++i) engine->deliver(bench.incoming, bench.now, *bench.actions);
  engine->on_time(bench.now + std::chrono::hours(1), *bench.actions);
  EXPECT_LT(bench.live() - before, 1024U);
}

// The cached answer, and nothing else, is allocated for a message to the client.
TEST(EngineCost, AllocationsPerMessage) {
  Bench bench;
  Engine engine = bench.make();
  for (int i = 0; i < 10; ++i) bench.step(engine);
  const std::size_t before = allocations;
  for (int i = 0; i < 100; ++i) bench.step(engine);
  EXPECT_EQ(allocations - before, 100U);
}

TEST(EngineCost, TimePerMessage) {
  Bench bench;
  Engine engine = bench.make();
  bench.body.payloads = &bench.one;
  const int rounds = measurable ? 1'000'000 : 10'000;
  for (int i = 0; i < rounds / 10; ++i) bench.step(engine);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i) bench.step(engine);
  const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
  std::printf("request with a message, answer with a message: %.0f ns\n", spent.count() / rounds);
  if (measurable) {
    EXPECT_LT(spent.count() / rounds, 1000.0);
  }
}

// CPU time of this thread, which a busy machine does not lengthen.
std::int64_t nanoseconds_spent() {
  timespec spent{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return std::int64_t{spent.tv_sec} * 1'000'000'000 + spent.tv_nsec;
}

// An answer that nobody proves keeps all later ones in doubt (U-061). What is in doubt is looked through behind each
// pause: that must be what is still known, not all that ever was.
TEST(EngineCost, PausesCostTheSameHoweverManyThereWere) {
  Bench bench;
  Engine engine = bench.make();
  bench.step(engine);
  engine.on_gone(RequestId{bench.id - 1}, bench.now, *bench.actions);
  bench.body.pause = 60;
  const auto pauses = [&](int count) {
    const auto before = nanoseconds_spent();
    for (int i = 0; i < count; ++i) {
      bench.actions->clear();
      bench.now += std::chrono::milliseconds(1);
      ++bench.body.rid;
      engine.on_request(RequestId{bench.id++}, bench.body, bench.now, *bench.actions);
    }
    return nanoseconds_spent() - before;
  };
  const auto least_of_some = [&] {
    auto least = pauses(50);
    for (int i = 0; i < 4; ++i) least = std::min(least, pauses(50));
    return least;
  };
  const auto early = least_of_some();
  pauses(20'000);
  const auto late = least_of_some();
  std::printf("a pause: %.1f us, after 20000 others %.1f us\n", static_cast<double>(early) / 50e3,
              static_cast<double>(late) / 50e3);
  EXPECT_LT(late, 5 * early);
  EXPECT_EQ(engine.counters().requests, 20'000U + 2 * 250 + 2);
}

// The engine contract: same inputs, same actions.
TEST(EngineCost, IsDeterministic) {
  const char* script = R"(
    C>10 <message/>
    S> <message id='1'/>
    C>12
    C>11 <iq/>
    at 1s
    S+ <presence/>
    S> <iq/>
    C>11b <iq/>
    GONE 12
    at 30s
    C>13 [pause='30']
    S> <message/>
    at 50s
    C>14
    C>15 [type='terminate'] <presence/>
    at 200s
  )";
  const auto play = [script] {
    Transcript t;
    t.start("ver='1.6' xmpp:version='1.0' hold='1' ack='1'");
    return t.play(script);
  };
  const auto first = play();
  EXPECT_GT(first.size(), 10U);
  EXPECT_EQ(first, play());
}

}  // namespace
}  // namespace bosh::test
