#include "gateway/sockets.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

namespace gateway {

namespace {

// Seconds of silence before the first probe, and between probes.
constexpr int probe_after = 20;
constexpr int probe_interval = 10;

void set(int descriptor, int level, int option, int value) {
  ::setsockopt(descriptor, level, option, &value, sizeof value);
}

}  // namespace

void prepare_socket(int descriptor, xmpp::Duration patience) {
  set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, probe_after);
  set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, probe_interval);
  set(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT,
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(patience).count()));
}

int begin_connect(const boost::asio::ip::tcp::endpoint& endpoint, xmpp::Duration patience) {
  const int descriptor =
      ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (descriptor < 0) return -errno;
  prepare_socket(descriptor, patience);
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
