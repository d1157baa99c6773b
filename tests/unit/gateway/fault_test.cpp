// A bug, or no memory, in one session ends that session only. The fault is an allocation that fails in a shard's
// thread, wherever one can: after the first, the second, the third ... of a whole life of a session. After each the
// gateway must be as good as new: the neighbour goes on, whoever waited has an answer or a closed connection, nothing
// is left counted. Of operator new and of the handlers of Asio, which come from aligned_alloc(); not of C libraries.
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

#include "tests/support/scripted_server.hpp"
#include "tests/unit/gateway/shell_support.hpp"

namespace {

// Allocations of shards until one fails, and so many behind it.
std::atomic<long> until_fault{LONG_MAX};
std::atomic<long> failing{1};

bool in_shard() {
  thread_local const bool is = [] {
    std::array<char, 16> name{};
    pthread_getname_np(pthread_self(), name.data(), name.size());
    return std::strncmp(name.data(), "shard", 5) == 0;
  }();
  return is;
}

bool fails_now() {
  if (!in_shard()) return false;
  const long left = until_fault.fetch_sub(1);
  return left <= 0 && left > -failing.load();
}

}  // namespace

extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  void* memory = nullptr;
  if (fails_now() || posix_memalign(&memory, std::max(alignment, sizeof(void*)), size) != 0) return nullptr;
  return memory;
}

void* operator new(std::size_t size) {
  if (fails_now()) throw std::bad_alloc();
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
// Inlined, they look to GCC as if memory of another operator new went to free().
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace gateway {
namespace {

using namespace test;

// Gives what came of it no thought: each step may fail in any way but by silence.
void live(std::uint16_t port) {
  HttpClient client(port);
  const auto ask = [&client](const std::string& body) -> std::optional<support::HttpResponse> {
    if (!client.post(body)) return std::nullopt;
    return client.receive();
  };
  const auto created = ask(creation());
  if (!created) return;
  const std::string sid = attribute(created->body, "sid");
  if (sid.empty()) return;
  std::uint64_t rid = 1000;
  const auto body = [&](const std::string& attributes, const std::string& payload) {
    return "<body rid='" + std::to_string(++rid) + "' sid='" + sid + "'" + std::string(ns) + attributes + ">" +
           payload + "</body>";
  };
  const std::string restart = " xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'";
  if (!ask(body("", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>"))) return;
  if (!ask(body(restart, ""))) return;
  if (!ask(body("", echo("there and back")))) return;
  static_cast<void>(ask(body(" type='terminate'", "")));
}

// The same of a connection that becomes another kind.
void live_on_a_websocket(std::uint16_t port) {
  HttpClient client(port);
  if (!client.send("GET /xmpp-websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                   "Sec-WebSocket-Protocol: xmpp\r\n\r\n")) {
    return;
  }
  const auto upgraded = client.tcp().receive();
  if (!upgraded || !upgraded->starts_with("HTTP/1.1 101")) return;
  const std::string open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
  std::string frame = "\x81";
  frame += static_cast<char>(0x80 | open.size());
  frame.append(4, '\0').append(open);  // masked with nothing
  if (client.send(frame)) static_cast<void>(client.tcp().receive());
}

// Several in a row: the first ends a session, the next ones meet the shard while it cleans up behind that.
class Faults : public testing::TestWithParam<long> {};
INSTANTIATE_TEST_SUITE_P(InARow, Faults, testing::Values(1, 2, 5));

void end_one_session_only(void (*life)(std::uint16_t port), int at_least) {
  const support::ScriptedServer server;
  // So few connections that one which is not counted back is noticed soon. A session whose browser lost its connection
  // to a fault lives on until it has been unused for a second.
  Gateway gateway(server.port(), 1, "[limits]\nmax_connections = 8\n[bosh]\nunused = 1\ninactivity = 5\n");
  Browser neighbour(gateway.port());
  neighbour.log_in();
  int faults = 0;
  for (long at = 0;; ++at) {
    until_fault = at;
    life(gateway.port());
    const bool failed = until_fault.exchange(LONG_MAX) < 0;
    if (!failed) break;
    ++faults;
    ASSERT_NE(neighbour.client().exchange(neighbour.body("", echo("well"))).body.find("well"), std::string::npos)
        << "after a fault in allocation " << at;
    ASSERT_LT(at, 2000);
  }
  EXPECT_GT(faults, at_least);
  EXPECT_FALSE(Browser(gateway.port()).sid.empty());
  EXPECT_TRUE(gateway.drain());
}

TEST_P(Faults, EndOneSessionOnly) {
  failing = GetParam();
  end_one_session_only(live, 30);
}

TEST_P(Faults, EndOneWebSocketOnly) {
  failing = GetParam();
  end_one_session_only(live_on_a_websocket, 15);
}

// Whatever is asked of the gateway while there is no memory at all may fail. When there is some again it must have gone
// deaf on none of its ears: the listener, the set of descriptors, the timers.
TEST(Outage, IsOverWithTheShortageOfMemory) {
  const support::ScriptedServer server;
  Gateway gateway(server.port(), 1, "[bosh]\nunused = 1\ninactivity = 5\n");
  for (long at = 0; at < 60; at += 3) {
    Browser neighbour(gateway.port());
    neighbour.log_in();
    failing = LONG_MAX;
    until_fault = at;
    std::vector<HttpClient> others;
    const auto enough = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    for (int i = 0; until_fault.load() > -12 && std::chrono::steady_clock::now() < enough; ++i) {
      if (i % 8 == 0 && others.size() < 64) others.emplace_back(gateway.port()).post(creation());
      neighbour.client().post(neighbour.body("", echo("now")));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    until_fault = LONG_MAX;
    ASSERT_FALSE(Browser(gateway.port()).sid.empty()) << "after a shortage from allocation " << at;
  }
  EXPECT_TRUE(gateway.drain());
}

}  // namespace
}  // namespace gateway
