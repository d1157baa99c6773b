// TLS contexts, towards servers and browsers, and why a handshake failed. No I/O: the owner of the socket drives the
// SSL. TLS 1.2 and later, no compression, no renegotiation, buffers released when idle; the certificate of a server is
// checked within the handshake, against the domain and not against the host that was connected (PROTOCOL U-003,
// U-012...U-017). Contexts may be shared by threads; an SSL belongs to one.
#pragma once
#include <openssl/ssl.h>

#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>

namespace gateway {

struct Domain;

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
struct SslContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;
using SslContextPtr = std::unique_ptr<SSL_CTX, SslContextFree>;

// A file that cannot be read, a key that does not fit: one line, and the option of the configuration that names the
// file.
class TlsError : public std::runtime_error {
 public:
  TlsError(std::string_view option, const std::string& text) : std::runtime_error(text), option_(option) {}
  [[nodiscard]] std::string_view option() const { return option_; }

 private:
  std::string_view option_;  // static storage
};

// Connections to the server of one domain. `domain` is not kept.
class ClientTls {
 public:
  explicit ClientTls(const Domain& domain);  // throws TlsError
  ~ClientTls();
  ClientTls(const ClientTls&) = delete;
  ClientTls& operator=(const ClientTls&) = delete;

  // In client role, SNI set; ALPN for direct TLS only (XEP-0368). Null when out of memory. The ClientTls outlives it.
  [[nodiscard]] SslPtr create(bool direct) const;
  // The same for a web server that the domain's server has named: its certificate must be good for `host`, by the
  // domain's authorities; pins and the client's certificate are for XMPP only.
  [[nodiscard]] SslPtr create_for_host(const std::string& host) const;

 private:
  [[nodiscard]] SslPtr create_to(const std::string& name) const;

  struct Check;
  std::unique_ptr<const Check> check_;
  SslContextPtr context_;
};

// Connections from browsers to one listener.
class ServerTls {
 public:
  ServerTls(const std::string& certificate, const std::string& key);  // throws TlsError

  // In server role. Null when out of memory.
  [[nodiscard]] SslPtr create() const;
  // New files, for take(). Throws TlsError.
  [[nodiscard]] static SslContextPtr read(const std::string& certificate, const std::string& key);
  // For new connections; those that are there keep their certificate.
  void take(SslContextPtr fresh);

 private:
  mutable std::mutex mutex_;  // taken once a handshake
  SslContextPtr context_;
};

// Call once when the handshake is done: gives back what only the handshake needed. The certificate of the peer is an
// empty one from then on.
void after_handshake(SSL* ssl);

// Why the certificate of the peer was refused; empty if that was not the reason.
[[nodiscard]] std::string verify_failure(const SSL* ssl);
// Why the last operation on `ssl` failed: the certificate, else what OpenSSL's error queue says. Call it at once.
[[nodiscard]] std::string tls_failure(const SSL* ssl);

// "TLSv1.3 TLS_AES_256_GCM_SHA384".
[[nodiscard]] std::string describe(const SSL* ssl);

}  // namespace gateway
