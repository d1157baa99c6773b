// Readers on slow lines, over real loopback sockets: whoever takes something, however little, is not given up, and
// hears of everything. The kernel says that a socket is writable when a third of what it holds is gone; what these read
// is less.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/certificates.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/tcp.hpp"
#include "tests/unit/gateway/shell_support.hpp"

namespace gateway {
namespace {

using support::ScriptedServer;
using namespace test;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Less than a third of what the kernel takes of a connection that nobody reads, and what it takes at most.
constexpr std::size_t some_of_it = 300'000;
constexpr std::size_t more_than_the_kernel_takes = 5'000'000;

std::string message(std::string_view text) {
  return "<message xmlns='jabber:client' from='localhost'><body>" + std::string(text) + "</body></message>";
}

// A line that is read as far as the test wants.
class SlowLine {
 public:
  SlowLine(std::uint16_t port, const std::string& path, int narrow) : tcp_(connect_narrow(port, narrow)) {
    tcp_.send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  // False at the end of the line.
  bool read_up_to(std::size_t size) {
    while (read_ < size) {
      if (!take(size - read_)) return false;
    }
    return true;
  }
  bool read_until(std::string_view what) {
    while (end_.find(what) == std::string::npos) {
      if (!take(piece)) return false;
    }
    return true;
  }
  // In as many pieces as there are looks of the test at the clock.
  bool read_slowly(std::size_t size, milliseconds whole, Browser& neighbour) {
    const auto from = read_;
    const auto begun = Clock::now();
    for (auto passed = Clock::duration::zero(); passed < whole; passed = Clock::now() - begun) {
      (void)neighbour.client().exchange("<body/>");
      if (!read_up_to(from + static_cast<std::size_t>(size * passed / whole))) return false;
    }
    return true;
  }
  [[nodiscard]] std::size_t read() const { return read_; }

 private:
  static constexpr std::size_t piece = 16 * 1024;

  bool take(std::size_t most) {
    std::array<char, piece> some{};
    const auto got = ::recv(tcp_.descriptor(), some.data(), std::min(some.size(), most), 0);
    if (got <= 0) return false;
    read_ += static_cast<std::size_t>(got);
    end_.append(some.data(), static_cast<std::size_t>(got));
    if (end_.size() > 2 * piece) end_.erase(0, end_.size() - piece);
    return true;
  }

  support::Tcp tcp_;
  std::size_t read_ = 0;
  std::string end_;
};

// A client of push streams, and somebody else, who shows that the gateway goes on.
class SlowStream : public testing::Test {
 protected:
  void begin(const std::string& bosh, const std::string& limits, int narrow) {
    gateway.emplace(server.port(), 1, "[bosh]\npush_streams = true\n" + bosh + "[limits]\n" + limits);
    HttpClient sender(gateway->port());
    const std::string created = sender.exchange(creation(1000, " xmlns:push='urn:x-postern:push' push:ask='1'")).body;
    line.emplace(gateway->port(), "/http-bind?push=" + attribute(created, "push:stream") + "&as=sse", narrow);
    ASSERT_TRUE(line->read_until("ready"));
    neighbour.emplace(gateway->port());
    neighbour->log_in();
  }
  // What the kernel has of a stream that is closed still comes; what is said now does not.
  void expect_to_go_on() {
    server.send_to_all(message("and on"));
    EXPECT_TRUE(line->read_until("and on"));
    EXPECT_TRUE(gateway->drain());
  }
  // The kernel has as much as it takes, and the gateway the rest of one message.
  void fill() {
    const std::string text(100'000, 'x');
    for (std::size_t sent = 0; sent < more_than_the_kernel_takes; sent += text.size()) {
      server.send_to_all(message(text));
      (void)neighbour->client().exchange(neighbour->body("", echo("meanwhile")));
    }
  }

  ScriptedServer server;
  std::optional<Gateway> gateway;
  std::optional<SlowLine> line;
  std::optional<Browser> neighbour;
};

const std::string large_streams = "push_unproven_bytes = 8388608\npush_max_bytes = 33554432\n";

// A line on which something is always on its way, and always something more arrives.
TEST_F(SlowStream, IsNotGivenUpWhileSomethingArrives) {
  begin("", "write_timeout = 0.1\n", 2304);
  server.send_to_all(message(std::string(16'000, 'x')));
  ASSERT_TRUE(line->read_slowly(14'000, milliseconds(1800), *neighbour)) << "as long as three looks take";
  expect_to_go_on();
}

TEST_F(SlowStream, IsNotGivenUpWhileTheKernelWaitsForAThird) {
  begin(large_streams, "write_timeout = 1\n", 16 * 1024);
  fill();
  ASSERT_TRUE(line->read_slowly(some_of_it, milliseconds(2500), *neighbour));
  expect_to_go_on();
}

// A sign of life finds the room that a reader has made, before the kernel says that there is some.
TEST_F(SlowStream, HearsOfRoomWhoeverHasMadeUseOfIt) {
  begin(large_streams + "push_keep_alive = 1\n", "", 16 * 1024);
  fill();
  ASSERT_TRUE(line->read_slowly(some_of_it, milliseconds(1300), *neighbour));
  expect_to_go_on();
}

struct LargeFile {
  LargeFile() {
    std::ofstream(std::filesystem::path(directory.path()) / "large") << std::string(more_than_the_kernel_takes, 'x');
  }
  support::ScratchDirectory directory;
};

// Somebody asks for one.
class SlowAnswer : public testing::Test {
 protected:
  LargeFile file;
  ScriptedServer server;
  Gateway gateway{server.port(), 1,
                  "[limits]\nwrite_timeout = 1\n[[static]]\npath = \"/files/\"\nroot = \"" +
                      std::string(file.directory.path()) + "\"\n"};
  Browser neighbour{gateway.port()};
  SlowLine line{gateway.port(), "/files/large", 16 * 1024};
};

TEST_F(SlowAnswer, IsNotGivenUpWhileTheKernelWaitsForAThird) {
  ASSERT_TRUE(line.read_slowly(some_of_it, milliseconds(2500), neighbour));
  EXPECT_TRUE(line.read_up_to(more_than_the_kernel_takes)) << line.read();
  EXPECT_TRUE(gateway.drain());
}

TEST_F(SlowAnswer, IsGivenUpWhenNobodyReadsIt) {
  ASSERT_TRUE(line.read_slowly(0, milliseconds(2500), neighbour));
  EXPECT_FALSE(line.read_up_to(more_than_the_kernel_takes));
  EXPECT_GT(line.read(), some_of_it) << "what the kernel had";
  EXPECT_TRUE(gateway.drain());
}

}  // namespace
}  // namespace gateway
