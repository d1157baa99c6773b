#include "tests/support/tcp.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace support {

namespace {
constexpr timeval patience{10, 0};
}

Tcp::Tcp(int descriptor) : descriptor_(descriptor) {
  if (descriptor_ < 0) return;
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}
Tcp::Tcp(Tcp&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
Tcp& Tcp::operator=(Tcp&& other) noexcept {
  close();
  descriptor_ = std::exchange(other.descriptor_, -1);
  return *this;
}
Tcp::~Tcp() {
  close();
}

Tcp Tcp::connect(std::uint16_t port) {
  Tcp tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(tcp.descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) tcp.close();
  return tcp;
}

bool Tcp::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::optional<std::string> Tcp::receive() {
  std::array<char, 16 * 1024> buffer{};
  const ssize_t got = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
  if (got > 0) return std::string(buffer.data(), static_cast<std::size_t>(got));
  if (got < 0 && errno == EAGAIN) return std::string();
  return std::nullopt;
}

void Tcp::shutdown_write() {
  ::shutdown(descriptor_, SHUT_WR);
}

void Tcp::reset() {
  const linger at_once{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void Tcp::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

bool HttpClient::post(std::string_view body, std::string_view path) {
  std::string request = "POST ";
  request.append(path).append(" HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: ");
  request.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  return tcp_.send(request);
}

std::optional<HttpResponse> HttpClient::receive() {
  for (;;) {
    const auto end_of_head = buffer_.find("\r\n\r\n");
    if (end_of_head != std::string::npos) {
      HttpResponse response;
      response.head = buffer_.substr(0, end_of_head + 4);
      response.status = std::atoi(response.head.c_str() + response.head.find(' '));
      const auto field = response.head.find("Content-Length: ");
      const std::size_t length =
          field == std::string::npos ? 0 : std::strtoul(response.head.c_str() + field + 16, nullptr, 10);
      if (buffer_.size() >= end_of_head + 4 + length) {
        response.body = buffer_.substr(end_of_head + 4, length);
        buffer_.erase(0, end_of_head + 4 + length);
        return response;
      }
    }
    const auto more = tcp_.receive();
    if (!more || more->empty()) return std::nullopt;
    buffer_ += *more;
  }
}

}  // namespace support
