#include "gateway/sockets.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace gateway {

namespace {

void set(int descriptor, int level, int option, int value) {
  ::setsockopt(descriptor, level, option, &value, sizeof value);
}

}  // namespace

void prepare_socket(int descriptor, xmpp::Duration patience, xmpp::Duration busy) {
  const auto milliseconds = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(patience).count());
  set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  // With a user time-out Linux does not count probes: whoever is behind with one when it has passed is gone. So there
  // has to be time for several, or the loss of one packet ends a quiet connection.
  set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, std::max(1, milliseconds / 2000));
  set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, milliseconds / 10'000));
  const auto longest = std::chrono::duration_cast<std::chrono::milliseconds>(std::max(patience, busy)).count();
  set(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(longest));
}

int begin_connect(const boost::asio::ip::tcp::endpoint& endpoint, xmpp::Duration patience, xmpp::Duration busy) {
  const int descriptor =
      ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (descriptor < 0) return -errno;
  prepare_socket(descriptor, patience, busy);
  if (::connect(descriptor, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0 || errno == EINPROGRESS) {
    return descriptor;
  }
  const int error = errno;
  ::close(descriptor);
  return -error;
}

int connect_outcome(int descriptor) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace gateway
