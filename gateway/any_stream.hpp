// A connected TCP socket, plain or TLS, behind one type. Reads and writes never wait: they do what is possible now and
// say what to wait for; the owner waits with Asio. OpenSSL works directly on the descriptor, so an idle TLS stream
// keeps no read or write buffer (SSL_MODE_RELEASE_BUFFERS), which asio::ssl::stream cannot give back.
// Not thread-safe; deliberately no queue and no time-outs: that is the owner's.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <span>
#include <string_view>

#include "gateway/tls.hpp"

namespace gateway {

using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

enum class IoStatus : std::uint8_t {
  ok,          // something was moved
  wait_read,   // nothing moved; try again when the socket is readable ...
  wait_write,  // ... or writable
  end,         // the peer has closed its side properly (TLS: close_notify, or FIN, which HTTP and XMPP both delimit)
  failed,
};

struct IoResult {
  std::size_t bytes = 0;
  IoStatus status = IoStatus::ok;
};

class AnyStream {
 public:
  // `ssl`: already attached to the descriptor and past its handshake, or null.
  explicit AnyStream(Socket socket, SslPtr ssl = nullptr) : socket_(std::move(socket)), ssl_(std::move(ssl)) {}

  // From here on TLS; `ssl` is configured and in its role (client or server). Then handshake() until `ok`.
  // Returns false when OpenSSL has no memory.
  [[nodiscard]] bool start_tls(SslPtr ssl);
  [[nodiscard]] IoStatus handshake();

  [[nodiscard]] IoResult read(std::span<char> into);
  // Writes the parts as if they were one. May write less; what was written is the prefix of `bytes` bytes.
  [[nodiscard]] IoResult write(std::span<const std::string_view> parts);
  // TLS holds decrypted bytes that no readiness of the socket will announce.
  [[nodiscard]] bool has_buffered() const { return ssl_ && SSL_pending(ssl_.get()) > 0; }

  // close_notify where there is TLS, then FIN; what the peer sends after that is still readable.
  void shutdown_write();
  // Gives the descriptor away (to another shard); the stream is empty afterwards.
  struct Parts {
    int descriptor;
    SslPtr ssl;
  };
  [[nodiscard]] Parts release();

  [[nodiscard]] Socket& socket() { return socket_; }
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }

 private:
  [[nodiscard]] IoStatus tls_status(int result);

  Socket socket_;
  SslPtr ssl_;
  bool tls_broken_ = false;  // after SSL_ERROR_SSL or SSL_ERROR_SYSCALL no close_notify may be sent
};

}  // namespace gateway
