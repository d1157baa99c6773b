#include "gateway/any_stream.hpp"

#include <linux/sockios.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "gateway/tcp_progress.hpp"

namespace gateway {

namespace {

// More parts than this are never passed: head, body, and what was left over.
constexpr std::size_t max_parts = 4;
// One TLS record; longer writes are cut so that a blocked one has little to repeat.
constexpr std::size_t max_record = 16 * 1024;

}  // namespace

AnyStream::AnyStream(AnyStream&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      read_waits_(other.read_waits_),
      tls_broken_(other.tls_broken_),
      ssl_(std::move(other.ssl_)) {}

bool AnyStream::watch(Poller& poller, Watcher& watcher) {
  if (!poller.add(descriptor_, watcher, wants_read_ && !read_waits_, wants_write_)) return false;
  poller_ = &poller;
  watcher_ = &watcher;
  return true;
}

void AnyStream::unwatch() {
  if (poller_ != nullptr) poller_->remove(descriptor_, *watcher_);
  poller_ = nullptr;
}

void AnyStream::want(bool read, bool write) {
  if (read == wants_read_ && write == wants_write_) return;
  wants_read_ = read;
  wants_write_ = write;
  watch_again();
}

void AnyStream::watch_again() {
  if (poller_ != nullptr) poller_->change(descriptor_, *watcher_, wants_read_ && !read_waits_, wants_write_);
}

void AnyStream::read_waits_for_write(bool does) {
  if (std::exchange(read_waits_, does) != does && wants_read_) watch_again();
}

bool AnyStream::start_tls(SslPtr ssl) {
  ssl_ = std::move(ssl);
  // A blocked write is repeated from our own queue, which may have moved and grown meanwhile.
  SSL_set_mode(ssl_.get(),
               SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  return SSL_set_fd(ssl_.get(), descriptor_) == 1;
}

IoStatus AnyStream::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  return result == 1 ? IoStatus::ok : tls_status(result);
}

IoStatus AnyStream::tls_status(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return IoStatus::wait_read;
    case SSL_ERROR_WANT_WRITE:
      return IoStatus::wait_write;
    case SSL_ERROR_ZERO_RETURN:
      return IoStatus::end;
    default:
      tls_broken_ = true;
      return IoStatus::failed;
  }
}

IoResult AnyStream::read(std::span<char> into) {
  if (!ssl_) {
    const ssize_t got = ::recv(descriptor_, into.data(), into.size(), 0);
    if (got > 0) return {static_cast<std::size_t>(got), IoStatus::ok};
    if (got == 0) return {0, IoStatus::end};
    return {0, errno == EAGAIN || errno == EINTR ? IoStatus::wait_read : IoStatus::failed};
  }
  IoResult result;
  while (result.bytes < into.size()) {
    ERR_clear_error();
    std::size_t got = 0;
    const int status = SSL_read_ex(ssl_.get(), into.data() + result.bytes, into.size() - result.bytes, &got);
    if (status != 1) {
      if (result.bytes == 0) result.status = tls_status(status);
      if (result.status == IoStatus::wait_write) read_waits_for_write(true);
      break;
    }
    result.bytes += got;
    // Another record may be waiting in the socket, but the next readiness tells that for the price of one wait.
    if (SSL_pending(ssl_.get()) == 0) break;
  }
  return result;
}

IoResult AnyStream::write(std::span<const std::string_view> parts) {
  if (!ssl_) {
    std::array<iovec, max_parts> vector{};
    std::size_t used = 0;
    for (auto part : parts) {
      if (part.empty()) continue;
      // sendmsg only reads through this pointer; iovec has no const form.
      vector[used++] = {const_cast<char*>(part.data()), part.size()};
    }
    if (used == 0) return {};
    ssize_t sent;
    if (used == 1) {
      sent = ::send(descriptor_, vector[0].iov_base, vector[0].iov_len, MSG_NOSIGNAL);
    } else {
      msghdr message{};
      message.msg_iov = vector.data();
      message.msg_iovlen = used;
      sent = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL);
    }
    if (sent >= 0) return {static_cast<std::size_t>(sent), IoStatus::ok};
    return {0, errno == EAGAIN || errno == EINTR ? IoStatus::wait_write : IoStatus::failed};
  }
  // Small parts travel in one record: one copy is cheaper than a second record and its system call.
  std::size_t total = 0;
  for (auto part : parts) total += part.size();
  std::string joined;
  std::string_view bytes;
  if (parts.size() == 1) {
    bytes = parts.front();
  } else {
    joined.reserve(total);
    for (auto part : parts) joined += part;
    bytes = joined;
  }
  IoResult result;
  while (!bytes.empty()) {
    ERR_clear_error();
    std::size_t sent = 0;
    const int status = SSL_write_ex(ssl_.get(), bytes.data(), std::min(bytes.size(), max_record), &sent);
    if (status != 1) {
      if (result.bytes == 0) result.status = tls_status(status);
      break;
    }
    result.bytes += sent;
    bytes.remove_prefix(sent);
  }
  // Where it has failed reading tells.
  if (read_waits_ && (result.status == IoStatus::failed || SSL_is_init_finished(ssl_.get()) == 1))
    read_waits_for_write(false);
  return result;
}

bool AnyStream::all_arrived() const {
  int waiting = 0;
  return descriptor_ >= 0 && ::ioctl(descriptor_, SIOCOUTQ, &waiting) == 0 && waiting == 0;
}

std::uint64_t AnyStream::arrived_bytes() const {
  return acknowledged_bytes(descriptor_);
}

void AnyStream::shutdown_write() {
  if (ssl_ && !tls_broken_ && SSL_is_init_finished(ssl_.get())) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  if (is_open()) ::shutdown(descriptor_, SHUT_WR);
}

void AnyStream::close() {
  if (!is_open()) return;
  unwatch();
  ssl_.reset();
  ::close(std::exchange(descriptor_, -1));
}

AnyStream AnyStream::release() {
  unwatch();
  return std::move(*this);
}

}  // namespace gateway
