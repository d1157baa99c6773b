#include "gateway/tls.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "gateway/certificate.hpp"
#include "gateway/config.hpp"
#include "gateway/log.hpp"

namespace gateway {

namespace {

struct StoreContextFree {
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
};

std::string reason_of(unsigned long code) {
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* const reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

// The first error is the cause, what follows are the layers above it.
std::string first_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  return code == 0 ? "out of memory" : reason_of(code);
}

void check_readable(std::string_view option, std::string_view what, const std::string& file) {
  // OpenSSL's words for a missing file vary; the system's are known to everybody.
  std::FILE* const handle = std::fopen(file.c_str(), "rb");
  const int reason = errno;
  if (handle == nullptr) {
    throw TlsError(option, std::string(what) + ' ' + file + " cannot be read: " + std::strerror(reason));
  }
  std::fclose(handle);
}

SslContextPtr make_context(const SSL_METHOD* method) {
  ERR_clear_error();
  SslContextPtr context(SSL_CTX_new(method));
  if (!context) throw TlsError("", "no TLS context: " + first_error());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // An end without close_notify is an end: HTTP and XMPP both say themselves whether they are complete.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  // Stored sessions would cost memory for each connection; what is resumed is resumed by tickets.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  // The default asks for the passphrase on the terminal, where nobody is.
  SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return -1; });
  return context;
}

struct KeyPairOptions {
  std::string_view certificate, key;
};

void load_key_pair(SSL_CTX* context, const std::string& certificate, const std::string& key, KeyPairOptions options) {
  check_readable(options.certificate, "the certificate", certificate);
  check_readable(options.key, "the key", key);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    throw TlsError(options.certificate, certificate + " holds no usable certificate: " + first_error());
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    const int reason = ERR_GET_REASON(ERR_peek_last_error());
    if (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH) {
      ERR_clear_error();
      throw TlsError(options.key, "the key " + key + " does not belong to the certificate " + certificate);
    }
    throw TlsError(options.key, key + " holds no usable key (one without passphrase): " + first_error());
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    ERR_clear_error();
    throw TlsError(options.key, "the key " + key + " does not belong to the certificate " + certificate);
  }
}

// ---- why a certificate was refused: kept with the SSL, as nothing else outlives the failed handshake

int new_text_index() {
  return SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, [](void*, void* text, CRYPTO_EX_DATA*, int, long, void*) {
    delete static_cast<std::string*>(text);
  });
}

int failure_index() {
  static const int index = new_text_index();
  return index;
}

// The host for which a certificate must be good, where that is not the domain.
int host_index() {
  static const int index = new_text_index();
  return index;
}

void note_text(SSL* ssl, int index, std::string text) {
  auto kept = std::make_unique<std::string>(std::move(text));
  delete static_cast<std::string*>(SSL_get_ex_data(ssl, index));
  SSL_set_ex_data(ssl, index, kept.release());
}

std::string date_of(const ASN1_TIME* time) {
  std::tm parts{};
  std::array<char, 16> text{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unreadable date";
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
  return text.data();
}

std::string chain_failure(X509_STORE_CTX* chain) {
  const int code = X509_STORE_CTX_get_error(chain);
  const X509* const at = X509_STORE_CTX_get_current_cert(chain);
  const std::string whose =
      X509_STORE_CTX_get_error_depth(chain) == 0 ? "the certificate" : "a certificate of its chain";
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return whose + " has expired" + (at != nullptr ? " on " + date_of(X509_get0_notAfter(at)) : "");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return whose + " is not valid yet" + (at != nullptr ? ", only from " + date_of(X509_get0_notBefore(at)) : "");
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "the certificate is self-signed and not among the trusted ones";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "the certificate comes from an authority that is not trusted";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "the issuer of the certificate is not known: its authority is not trusted, or the server leaves out an "
             "intermediate certificate";
    case X509_V_ERR_INVALID_PURPOSE:
      return whose + " is not for servers";
    default:
      return whose + " is not accepted: " + X509_verify_cert_error_string(code);
  }
}

}  // namespace

// What verify() needs to know; reached through the SSL_CTX.
struct ClientTls::Check {
  std::string ascii_name;  // for SNI; empty for an IP address
  std::string expected_name;
  std::vector<std::string> pins;
  bool allow_common_name = false;
  bool check_certificate = true;

  // OpenSSL's hook for the whole verification. It is C: nothing may be thrown through it.
  static int verify(X509_STORE_CTX* outer, void* argument) {
    try {
      return judge(outer, argument);
    } catch (const std::exception&) {
      X509_STORE_CTX_set_error(outer, X509_V_ERR_OUT_OF_MEM);
      return 0;
    }
  }

  static int judge(X509_STORE_CTX* outer, void* argument) {
    const Check& check = *static_cast<const Check*>(argument);
    auto* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(outer, SSL_get_ex_data_X509_STORE_CTX_idx()));
    X509* const certificate = X509_STORE_CTX_get0_cert(outer);
    const auto refuse = [&](int code, std::string text) {
      X509_STORE_CTX_set_error(outer, code);
      note_text(ssl, failure_index(), std::move(text));
      return 0;
    };
    const auto* const host = static_cast<const std::string*>(SSL_get_ex_data(ssl, host_index()));
    if (check.check_certificate || host != nullptr) {
      // In a context of our own: the SSL keeps the chain of `outer`, for as long as it lives.
      const std::unique_ptr<X509_STORE_CTX, StoreContextFree> chain(X509_STORE_CTX_new());
      if (!chain || X509_STORE_CTX_init(chain.get(), SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), certificate,
                                        X509_STORE_CTX_get0_untrusted(outer)) != 1) {
        return refuse(X509_V_ERR_OUT_OF_MEM, "out of memory");
      }
      X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(chain.get()), X509_STORE_CTX_get0_param(outer));
      if (X509_verify_cert(chain.get()) != 1) {
        return refuse(X509_STORE_CTX_get_error(chain.get()), chain_failure(chain.get()));
      }
      CertificateNames names = names_of(certificate);
      if (host != nullptr) {  // names of XMPP services say nothing about a web server
        names.srv.clear();
        names.xmpp.clear();
      }
      const std::string& expected = host != nullptr ? *host : check.expected_name;
      if (!certificate_matches(names, expected, check.allow_common_name && host == nullptr)) {
        return refuse(X509_V_ERR_HOSTNAME_MISMATCH,
                      "the certificate is for " + describe(names) + ", not for " + expected);
      }
    }
    if (host == nullptr && !check.pins.empty() &&
        std::find(check.pins.begin(), check.pins.end(), public_key_pin(certificate)) == check.pins.end()) {
      return refuse(X509_V_ERR_APPLICATION_VERIFICATION, "the key of the certificate is none of the pinned ones");
    }
    X509_STORE_CTX_set_error(outer, X509_V_OK);
    return 1;
  }
};

ClientTls::ClientTls(const Domain& domain) : context_(make_context(TLS_client_method())) {
  auto check = std::make_unique<Check>();
  boost::system::error_code not_literal;
  boost::asio::ip::make_address(domain.ascii_name, not_literal);
  if (not_literal && !domain.ascii_name.starts_with('[')) check->ascii_name = domain.ascii_name;
  check->expected_name = domain.expected_name;
  check->pins = domain.pins;
  check->allow_common_name = domain.allow_common_name;
  check->check_certificate = domain.check_certificate;

  SSL_CTX* const context = context_.get();
  ERR_clear_error();
  if (domain.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else {
    check_readable("ca_file", "ca_file", domain.ca_file);
    if (SSL_CTX_load_verify_file(context, domain.ca_file.c_str()) != 1) {
      throw TlsError("ca_file", domain.ca_file + " holds no usable certificate: " + first_error());
    }
    // The operator may name the very certificate of the server, or an intermediate one.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  }
  if (!domain.client_certificate.empty()) {
    load_key_pair(context, domain.client_certificate, domain.client_key, {"client_certificate", "client_key"});
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  // OpenSSL's interface takes no pointer to const; verify() gets it back as one.
  SSL_CTX_set_cert_verify_callback(context, &Check::verify, check.get());
  check_ = std::move(check);
}

ClientTls::~ClientTls() = default;

SslPtr ClientTls::create_to(const std::string& name) const {
  SslPtr ssl(SSL_new(context_.get()));
  if (!ssl) return ssl;
  SSL_set_connect_state(ssl.get());
  if (!name.empty()) {
    // What the macro SSL_set_tlsext_host_name does, which casts const away in the style of C.
    void* const text = const_cast<char*>(name.c_str());
    if (SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, text) != 1) return {};
  }
  return ssl;
}

SslPtr ClientTls::create_for_host(const std::string& host) const {
  boost::system::error_code not_literal;
  boost::asio::ip::make_address(host, not_literal);
  SslPtr ssl = create_to(not_literal ? host : std::string());
  if (!ssl) return ssl;
  note_text(ssl.get(), host_index(), host);
  SSL_certs_clear(ssl.get());
  constexpr std::array<unsigned char, 9> alpn = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  if (SSL_set_alpn_protos(ssl.get(), alpn.data(), alpn.size()) != 0) return {};
  return ssl;
}

SslPtr ClientTls::create(bool direct) const {
  SslPtr ssl = create_to(check_->ascii_name);
  if (!ssl) return ssl;
  constexpr std::array<unsigned char, 12> alpn = {11, 'x', 'm', 'p', 'p', '-', 'c', 'l', 'i', 'e', 'n', 't'};
  if (direct && SSL_set_alpn_protos(ssl.get(), alpn.data(), alpn.size()) != 0) return {};
  return ssl;
}

namespace {

// Browsers offer h2 too; a client that offers only what we lack gets no choice rather than a refusal.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  constexpr std::string_view wanted = "http/1.1";
  for (unsigned int at = 0; at < offered_size; at += 1u + offered[at]) {
    const unsigned int size = offered[at];
    if (at + 1 + size > offered_size) break;
    if (std::string_view(reinterpret_cast<const char*>(offered + at + 1), size) == wanted) {
      *chosen = offered + at + 1;
      *chosen_size = static_cast<unsigned char>(size);
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_NOACK;
}

SslContextPtr make_server_context(const std::string& certificate, const std::string& key) {
  SslContextPtr context = make_context(TLS_server_method());
  SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_num_tickets(context.get(), 1);
  SSL_CTX_set_alpn_select_cb(context.get(), &choose_protocol, nullptr);
  load_key_pair(context.get(), certificate, key, {"certificate", "key"});
  return context;
}

}  // namespace

ServerTls::ServerTls(const std::string& certificate, const std::string& key)
    : context_(make_server_context(certificate, key)) {}

SslPtr ServerTls::create() const {
  SslPtr ssl;
  {
    const std::lock_guard lock(mutex_);
    ssl.reset(SSL_new(context_.get()));
  }
  if (ssl) SSL_set_accept_state(ssl.get());
  return ssl;
}

SslContextPtr ServerTls::read(const std::string& certificate, const std::string& key) {
  return make_server_context(certificate, key);
}

void ServerTls::take(SslContextPtr fresh) {
  const std::lock_guard lock(mutex_);
  context_.swap(fresh);
}

namespace {

// The smallest thing that parses as a certificate: serial number 1, no names, and for the algorithms and the key an
// object identifier that nobody knows, so that no key is made from it.
constexpr std::array<unsigned char, 69> empty_certificate = {
    0x30, 0x43, 0x30, 0x38,                                            // whole, to be signed
    0x02, 0x01, 0x01, 0x30, 0x04, 0x06, 0x02, 0x88, 0x37, 0x30, 0x00,  // serial, algorithm, issuer
    0x30, 0x1e, 0x17, 0x0d, '0',  '0',  '0',  '1',  '0',  '1',  '0',  '0',  '0',  '0', '0', '0',
    'Z',  0x17, 0x0d, '0',  '0',  '0',  '1',  '0',  '1',  '0',  '0',  '0',  '0',  '0', '0', 'Z',  // validity
    0x30, 0x00, 0x30, 0x09, 0x30, 0x04, 0x06, 0x02, 0x88, 0x37, 0x03, 0x01, 0x00,                 // subject, key
    0x30, 0x04, 0x06, 0x02, 0x88, 0x37, 0x03, 0x01, 0x00};  // algorithm, signature

}  // namespace

void after_handshake(SSL* ssl) {
  // The stack is the session's own: emptying it gives the intermediate certificates back.
  if (STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(ssl)) {
    while (sk_X509_num(chain) > 0) X509_free(sk_X509_pop(chain));
  }
  // The peer's own certificate cannot be taken out of the session, but be read anew into the same object, which gives
  // back all that hangs on it: 5 kB of 20 that an idle connection takes. Resuming sessions would share it as well, but
  // servers that ask for client certificates without a session context refuse any resumption.
  X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) return;
  X509_up_ref(certificate);  // a failing d2i_X509() frees what it was given
  X509* const kept = certificate;
  const unsigned char* from = empty_certificate.data();
  if (d2i_X509(&certificate, &from, empty_certificate.size()) != nullptr) X509_free(kept);
  ERR_clear_error();
}

std::string verify_failure(const SSL* ssl) {
  const auto* const text = static_cast<const std::string*>(SSL_get_ex_data(ssl, failure_index()));
  return text != nullptr ? *text : std::string();
}

std::string tls_failure(const SSL* ssl) {
  std::string refused = verify_failure(ssl);
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (!refused.empty()) return refused;
  const std::string_view ended = SSL_is_init_finished(ssl) == 1 ? "it was cut off without the end that TLS has"
                                                                : "the connection ended within the TLS handshake";
  if (code == 0) return std::string(ended);
  switch (ERR_GET_REASON(code)) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_HTTP_REQUEST:
      return "the other side does not speak TLS here";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return "the other side speaks no TLS version from 1.2 on";
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return std::string(ended);
    default:
      return "TLS failed: " + reason_of(code);
  }
}

std::string describe(const SSL* ssl) {
  const char* const cipher = SSL_get_cipher_name(ssl);
  return std::string(SSL_get_version(ssl)) + ' ' + (cipher != nullptr ? cipher : "without cipher");
}

}  // namespace gateway
