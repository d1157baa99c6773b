#include "gateway/sockets.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gateway {
namespace {

int option(int descriptor, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(descriptor, level, name, &value, &size), 0);
  return value;
}

// H-023: a peer that vanished is noticed although nothing is sent, and no single packet that is lost makes it look so.
TEST(Sockets, AreProbedAndGivenUp) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(descriptor, 0);
  prepare_socket(descriptor, std::chrono::seconds(30));
  EXPECT_NE(option(descriptor, IPPROTO_TCP, TCP_NODELAY), 0);
  EXPECT_NE(option(descriptor, SOL_SOCKET, SO_KEEPALIVE), 0);
  const int first = option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE);
  const int interval = option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL);
  EXPECT_GT(first, 10);
  EXPECT_LT(first + 3 * interval, 30);
  EXPECT_EQ(option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT), 30'000);
  ::close(descriptor);
}

}  // namespace
}  // namespace gateway
