// A TCP socket, plain or TLS, behind one type. Reads and writes never wait: they do what is possible now and say what
// to wait for; the owner is told by the Poller. OpenSSL works directly on the descriptor, so an idle TLS stream keeps
// no read or write buffer (SSL_MODE_RELEASE_BUFFERS), which asio::ssl::stream cannot give back. Owns the descriptor.
// Not thread-safe; deliberately no queue and no time-outs: that is the owner's.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "gateway/poller.hpp"
#include "gateway/tls.hpp"

namespace gateway {

enum class IoStatus : std::uint8_t {
  ok,          // something was moved
  wait_read,   // nothing moved; try again when the socket is readable ...
  wait_write,  // ... or writable
  end,         // the peer has closed its side properly (TLS: close_notify, or FIN, which HTTP and XMPP both delimit)
  failed,
};

[[nodiscard]] constexpr bool is_over(IoStatus status) {
  return status == IoStatus::end || status == IoStatus::failed;
}

struct IoResult {
  std::size_t bytes = 0;
  IoStatus status = IoStatus::ok;
};

class AnyStream {
 public:
  AnyStream() = default;
  // `descriptor`: a non-blocking socket, from now on owned. `ssl`: already attached to it and past its handshake, or
  // null.
  explicit AnyStream(int descriptor, SslPtr ssl = nullptr) : descriptor_(descriptor), ssl_(std::move(ssl)) {}
  AnyStream(AnyStream&& other) noexcept;  // not while watched
  AnyStream& operator=(AnyStream&&) = delete;
  ~AnyStream() { close(); }

  // From now on `watcher` is told by `poller` what want() asks for; but not that there is something to read while TLS
  // must first write (a KeyUpdate that a full line holds up), since reading would be in vain again and again. False
  // when the kernel has no memory.
  [[nodiscard]] bool watch(Poller& poller, Watcher& watcher);
  // Costs a system call only when it changes something.
  void want(bool read, bool write);
  void want_read(bool on) { want(on, wants_write_); }
  void want_write(bool on) { want(wants_read_, on); }

  // From here on TLS; `ssl` is configured and in its role (client or server). Then handshake() until `ok`.
  // Returns false when OpenSSL has no memory.
  [[nodiscard]] bool start_tls(SslPtr ssl);
  [[nodiscard]] IoStatus handshake();

  [[nodiscard]] IoResult read(std::span<char> into);
  // Reads by way of `buffer` all that there is, each piece for `take`, as long as `goes_on` says so after it. What has
  // stopped it: `ok` (there is no more, or it was to stop), something to wait for (asked for already), the end. The
  // owner may give up this stream within `take`, if `goes_on` knows of it.
  template <class Take, class GoesOn>
  IoStatus read_all(std::span<char> buffer, Take take, GoesOn goes_on) {
    do {
      const IoResult result = read(buffer);
      if (result.status == IoStatus::wait_write) want_write(true);
      if (result.status != IoStatus::ok) return result.status;
      take(buffer.first(result.bytes));
    } while (goes_on() && has_buffered());
    return IoStatus::ok;
  }
  // Writes the parts as if they were one. May write less; what was written is the prefix of `bytes` bytes.
  [[nodiscard]] IoResult write(std::span<const std::string_view> parts);
  // The peer's machine has acknowledged all that was written (SIOCOUTQ). Behind a proxy the peer is the proxy.
  [[nodiscard]] bool all_arrived() const;
  // Of all that was ever written, how much has: to see whether more does.
  [[nodiscard]] std::uint64_t arrived_bytes() const;
  // TLS holds decrypted bytes that no readiness of the socket will announce.
  [[nodiscard]] bool has_buffered() const { return ssl_ && SSL_pending(ssl_.get()) > 0; }

  // close_notify where there is TLS, then FIN; what the peer sends after that is still readable.
  void shutdown_write();
  void close();
  // The socket in a stream of its own, watched by nobody, for another owner or shard; this one is closed afterwards.
  [[nodiscard]] AnyStream release();

  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }

 private:
  [[nodiscard]] IoStatus tls_status(int result);
  void unwatch();
  void watch_again();
  void read_waits_for_write(bool does);

  int descriptor_ = -1;
  bool wants_read_ = false, wants_write_ = false;
  bool read_waits_ = false;  // until TLS has written what it must, or cannot
  bool tls_broken_ = false;  // after SSL_ERROR_SSL or SSL_ERROR_SYSCALL no close_notify may be sent
  SslPtr ssl_;
  Poller* poller_ = nullptr;
  Watcher* watcher_ = nullptr;
};

// Whether a peer goes on taking what was written. The kernel asks for more only when a third of what it holds is gone,
// which on a slow line may take longer than anybody waits, while something arrives all the time.
class Progress {
 public:
  void begin(const AnyStream& stream) { arrived_ = bytes_of(stream); }
  // Since begin() or the last time.
  [[nodiscard]] bool made(const AnyStream& stream) {
    const auto before = std::exchange(arrived_, bytes_of(stream));
    return arrived_ != before;
  }

 private:
  static std::uint32_t bytes_of(const AnyStream& stream) { return static_cast<std::uint32_t>(stream.arrived_bytes()); }
  std::uint32_t arrived_ = 0;  // modulo 2^32
};

}  // namespace gateway
