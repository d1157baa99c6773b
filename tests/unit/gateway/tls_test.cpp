#include "gateway/tls.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/certificate.hpp"
#include "gateway/config.hpp"
#include "tests/support/certificates.hpp"

namespace gateway {
namespace {

using support::Identity;
using support::make_identity;
using support::ScratchDirectory;

// Two ends in one thread, over memory.
struct Pair {
  SslPtr client, server;
  int client_result = 0, server_result = 0;
  std::string client_failure;

  Pair(SslPtr c, SslPtr s) : client(std::move(c)), server(std::move(s)) {
    BIO* one = nullptr;
    BIO* other = nullptr;
    BIO_new_bio_pair(&one, 0, &other, 0);
    SSL_set_bio(client.get(), one, one);
    SSL_set_bio(server.get(), other, other);
    for (int round = 0; round < 10; ++round) {
      if (!step(client.get(), client_result)) {
        client_failure = tls_failure(client.get());
        // The alert, so that the server sees the end too.
        step(server.get(), server_result);
        return;
      }
      if (!step(server.get(), server_result)) {
        step(client.get(), client_result);
        client_failure = tls_failure(client.get());
        return;
      }
      if (client_result == 1 && server_result == 1) return;
    }
  }

  static bool step(SSL* ssl, int& result) {
    ERR_clear_error();
    result = SSL_do_handshake(ssl);
    if (result == 1) return true;
    const int error = SSL_get_error(ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
  }

  [[nodiscard]] bool done() const { return client_result == 1 && server_result == 1; }
};

class Tls : public testing::Test {
 protected:
  Tls() { domain.ca_file = files.write("ca.pem", authority.certificate_pem()); }

  ServerTls server_with(const Identity& identity, const std::string& chain = "") {
    const auto certificate = files.write("server.pem", identity.certificate_pem() + chain);
    return {certificate, files.write("server.key", identity.key_pem())};
  }
  // Why the client refuses; empty when it does not.
  std::string refusal(const Identity& identity, const std::string& chain = "") {
    const ServerTls server = server_with(identity, chain);
    const ClientTls client(domain);
    const Pair pair(client.create(false), server.create());
    EXPECT_EQ(pair.done(), pair.client_failure.empty());
    EXPECT_EQ(verify_failure(pair.client.get()), pair.client_failure);
    return pair.client_failure;
  }

  static Domain make_domain() {
    Domain made;
    made.name = made.ascii_name = made.expected_name = "example.org";
    return made;
  }

  ScratchDirectory files;
  Identity authority = make_identity({.common_name = "authority", .authority = true});
  Domain domain = make_domain();
};

TEST_F(Tls, GoodCertificate) {
  EXPECT_EQ(refusal(make_identity({.names = "DNS:example.org"}, &authority)), "");
}

TEST_F(Tls, EveryBadCertificateHasItsOwnText) {
  const struct {
    const char* name;
    support::Request request;
    bool self_signed;
    const char* text;
  } table[] = {
      {"wrong name",
       {.names = "DNS:other.example"},
       false,
       "the certificate is for other.example, not for example.org"},
      {"parent's wildcard",
       {.names = "DNS:*.example.org"},
       false,
       "the certificate is for *.example.org, not for example.org"},
      {"common name",
       {.common_name = "example.org"},
       false,
       "the certificate is for CN example.org, not for example.org"},
      {"expired",
       {.names = "DNS:example.org", .valid_from = -7200, .valid_to = -3600},
       false,
       "the certificate has expired on "},
      {"not yet valid",
       {.names = "DNS:example.org", .valid_from = 3600, .valid_to = 7200},
       false,
       "the certificate is not valid yet"},
      {"self-signed",
       {.names = "DNS:example.org"},
       true,
       "the certificate is self-signed and not among the trusted ones"},
      {"for clients",
       {.names = "DNS:example.org", .purpose = "clientAuth"},
       false,
       "the certificate is not for servers"},
  };
  for (const auto& row : table) {
    const std::string text = refusal(make_identity(row.request, row.self_signed ? nullptr : &authority));
    EXPECT_TRUE(text.starts_with(row.text)) << row.name << ": " << text;
    EXPECT_EQ(text.find('\n'), text.npos);
  }
}

TEST_F(Tls, ForeignAuthority) {
  const auto foreign = make_identity({.common_name = "foreign", .authority = true});
  const auto leaf = make_identity({.names = "DNS:example.org"}, &foreign);
  EXPECT_TRUE(refusal(leaf).starts_with("the issuer of the certificate is not known"));
  EXPECT_EQ(refusal(leaf, foreign.certificate_pem()), "the certificate comes from an authority that is not trusted");
}

TEST_F(Tls, IntermediateMustBeSent) {
  const auto intermediate = make_identity({.common_name = "intermediate", .authority = true}, &authority);
  const auto leaf = make_identity({.names = "DNS:example.org"}, &intermediate);
  EXPECT_TRUE(refusal(leaf).starts_with("the issuer of the certificate is not known"));
  EXPECT_EQ(refusal(leaf, intermediate.certificate_pem()), "");
}

TEST_F(Tls, TheServersOwnCertificateAsCaFile) {
  const auto leaf = make_identity({.names = "DNS:example.org"});
  domain.ca_file = files.write("own.pem", leaf.certificate_pem());
  EXPECT_EQ(refusal(leaf), "");
  const auto signed_leaf = make_identity({.names = "DNS:example.org"}, &authority);
  domain.ca_file = files.write("own.pem", signed_leaf.certificate_pem());
  EXPECT_EQ(refusal(signed_leaf), "");
}

TEST_F(Tls, ExpectedNameReplacesTheDomain) {
  domain.expected_name = "xmpp.hosting.example";
  EXPECT_EQ(refusal(make_identity({.names = "DNS:xmpp.hosting.example"}, &authority)), "");
  EXPECT_NE(refusal(make_identity({.names = "DNS:example.org"}, &authority)), "");
}

TEST_F(Tls, CommonNameWhereAllowed) {
  domain.allow_common_name = true;
  EXPECT_EQ(refusal(make_identity({.common_name = "example.org"}, &authority)), "");
}

TEST_F(Tls, Pins) {  // U-014
  const auto leaf = make_identity({.names = "DNS:example.org"}, &authority);
  domain.pins = {public_key_pin(authority.certificate.get()), public_key_pin(leaf.certificate.get())};
  EXPECT_EQ(refusal(leaf), "");
  domain.pins.pop_back();
  EXPECT_EQ(refusal(leaf), "the key of the certificate is none of the pinned ones");
  domain.check_certificate = false;
  EXPECT_NE(refusal(leaf), "");
}

TEST_F(Tls, UncheckedTakesAnything) {
  domain.check_certificate = false;
  EXPECT_EQ(refusal(make_identity({.names = "DNS:other.example", .valid_from = -7200, .valid_to = -3600})), "");
}

TEST_F(Tls, SniAndAlpnTowardsTheServer) {  // U-003
  const auto leaf = make_identity({.names = "DNS:example.org"}, &authority);
  const ServerTls server = server_with(leaf);
  const ClientTls client(domain);
  SslPtr direct = client.create(true);
  SslPtr starttls = client.create(false);
  SslPtr end = server.create();
  // What the client offers is seen by the server's callback.
  static std::string offered;
  offered.clear();
  SSL_CTX_set_alpn_select_cb(
      SSL_get_SSL_CTX(end.get()),
      [](SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* list, unsigned int length,
         void*) {
        offered.assign(reinterpret_cast<const char*>(list), length);
        *chosen = list + 1;
        *size = list[0];
        return SSL_TLSEXT_ERR_OK;
      },
      nullptr);
  const Pair with(std::move(direct), std::move(end));
  ASSERT_TRUE(with.done());
  EXPECT_EQ(offered, "\x0bxmpp-client");
  EXPECT_STREQ(SSL_get_servername(with.server.get(), TLSEXT_NAMETYPE_host_name), "example.org");
  offered.clear();
  const Pair without(std::move(starttls), server.create());
  ASSERT_TRUE(without.done());
  EXPECT_EQ(offered, "");
}

TEST_F(Tls, WebServersAreJudgedByTheirHost) {
  domain.pins = {"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};  // of XMPP only
  domain.check_certificate = false;                                        // likewise
  const ClientTls client(domain);
  const auto refusal_of = [&](const char* names, const char* host) {
    const ServerTls server = server_with(make_identity({.names = names}, &authority));
    const Pair pair(client.create_for_host(host), server.create());
    EXPECT_EQ(pair.done(), pair.client_failure.empty());
    return pair.client_failure;
  };
  EXPECT_EQ(refusal_of("DNS:files.example.net", "files.example.net"), "");
  EXPECT_EQ(refusal_of("DNS:*.example.net", "files.example.net"), "");
  EXPECT_EQ(refusal_of("IP:192.0.2.1", "192.0.2.1"), "");
  EXPECT_NE(refusal_of("DNS:example.org", "files.example.net"), "");
  EXPECT_NE(refusal_of("otherName:1.3.6.1.5.5.7.8.7;IA5STRING:_xmpp-client.files.example.net", "files.example.net"),
            "");
  const ServerTls server = server_with(make_identity({.names = "DNS:files.example.net"}));
  EXPECT_FALSE(Pair(client.create_for_host("files.example.net"), server.create()).done());
}

TEST_F(Tls, AddressesAreNoServerNames) {
  domain.name = domain.ascii_name = domain.expected_name = "[::1]";
  const ServerTls server = server_with(make_identity({.names = "IP:::1"}, &authority));
  const ClientTls client(domain);
  const Pair pair(client.create(false), server.create());
  EXPECT_TRUE(pair.done()) << pair.client_failure;
  EXPECT_EQ(SSL_get_servername(pair.server.get(), TLSEXT_NAMETYPE_host_name), nullptr);
}

TEST_F(Tls, ServerPicksHttp11) {
  const ServerTls server = server_with(make_identity({.names = "DNS:example.org"}, &authority));
  domain.check_certificate = false;
  const ClientTls client(domain);
  const struct {
    std::string offered, chosen;
  } table[] = {{"\x02h2\x08http/1.1", "http/1.1"}, {"\x08http/1.1", "http/1.1"}, {"\x02h2", ""}, {"", ""}};
  for (const auto& row : table) {
    SslPtr end = client.create(false);
    SSL_set_alpn_protos(end.get(), reinterpret_cast<const unsigned char*>(row.offered.data()),
                        static_cast<unsigned>(row.offered.size()));
    const Pair pair(std::move(end), server.create());
    ASSERT_TRUE(pair.done());
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(pair.client.get(), &chosen, &size);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), row.chosen);
  }
}

TEST_F(Tls, Tls11IsRefusedBothWays) {
  const ServerTls server = server_with(make_identity({.names = "DNS:example.org"}, &authority));
  const ClientTls client(domain);
  for (const bool old_client : {false, true}) {
    SslPtr one = client.create(false);
    SslPtr other = server.create();
    SSL* const old = old_client ? one.get() : other.get();
    SSL_set_security_level(old, 0);
    SSL_set_min_proto_version(old, TLS1_VERSION);
    SSL_set_max_proto_version(old, TLS1_1_VERSION);
    const Pair pair(std::move(one), std::move(other));
    EXPECT_FALSE(pair.done());
    EXPECT_EQ(pair.client_failure, "the other side speaks no TLS version from 1.2 on");
  }
}

TEST_F(Tls, Tls12AndTls13) {
  const ServerTls server = server_with(make_identity({.names = "DNS:example.org"}, &authority));
  const ClientTls client(domain);
  for (const int protocol : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SslPtr one = client.create(false);
    SSL_set_max_proto_version(one.get(), protocol);
    const Pair pair(std::move(one), server.create());
    ASSERT_TRUE(pair.done()) << pair.client_failure;
    EXPECT_EQ(SSL_version(pair.client.get()), protocol);
    EXPECT_TRUE(describe(pair.client.get()).starts_with(protocol == TLS1_2_VERSION ? "TLSv1.2 " : "TLSv1.3 "));
    EXPECT_TRUE((SSL_get_mode(pair.client.get()) & SSL_MODE_RELEASE_BUFFERS) != 0);
  }
}

TEST_F(Tls, DataFlowsAfterTheChainIsGivenBack) {
  const auto intermediate = make_identity({.common_name = "intermediate", .authority = true}, &authority);
  const ServerTls server =
      server_with(make_identity({.names = "DNS:example.org"}, &intermediate), intermediate.certificate_pem());
  const ClientTls client(domain);
  for (const int protocol : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SslPtr one = client.create(false);
    SSL_set_max_proto_version(one.get(), protocol);
    const Pair pair(std::move(one), server.create());
    ASSERT_TRUE(pair.done());
    after_handshake(pair.client.get());
    after_handshake(pair.server.get());
    EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(pair.client.get())), 0);
    const X509* const left = SSL_get0_peer_certificate(pair.client.get());
    ASSERT_NE(left, nullptr);
    EXPECT_EQ(describe(names_of(left)), "no name at all");
    EXPECT_EQ(i2d_X509(left, nullptr), 69);
    char buffer[16];
    // The first read of TLS 1.3 takes the session ticket, which copies the session.
    ASSERT_EQ(SSL_write(pair.server.get(), "hello", 5), 5);
    EXPECT_EQ(SSL_read(pair.client.get(), buffer, sizeof buffer), 5);
    ASSERT_EQ(SSL_write(pair.client.get(), "world", 5), 5);
    EXPECT_EQ(SSL_read(pair.server.get(), buffer, sizeof buffer), 5);
    if (protocol == TLS1_3_VERSION) {
      EXPECT_EQ(SSL_key_update(pair.client.get(), SSL_KEY_UPDATE_REQUESTED), 1);
      ASSERT_EQ(SSL_write(pair.client.get(), "again", 5), 5);
      EXPECT_EQ(SSL_read(pair.server.get(), buffer, sizeof buffer), 5);
      ASSERT_EQ(SSL_write(pair.server.get(), "again", 5), 5);
      EXPECT_EQ(SSL_read(pair.client.get(), buffer, sizeof buffer), 5);
    }
  }
}

TEST_F(Tls, GarbageIsNotTls) {
  const ClientTls client(domain);
  SslPtr ssl = client.create(true);
  BIO* const in = BIO_new_mem_buf("<stream:error/>", -1);
  SSL_set_bio(ssl.get(), in, BIO_new(BIO_s_mem()));
  ERR_clear_error();
  EXPECT_LE(SSL_do_handshake(ssl.get()), 0);
  EXPECT_EQ(tls_failure(ssl.get()), "the other side does not speak TLS here");
}

TEST_F(Tls, EndWithinTheHandshake) {
  const ClientTls client(domain);
  SslPtr ssl = client.create(true);
  BIO* const in = BIO_new_mem_buf("", 0);
  BIO_set_mem_eof_return(in, 0);
  SSL_set_bio(ssl.get(), in, BIO_new(BIO_s_mem()));
  ERR_clear_error();
  EXPECT_LE(SSL_do_handshake(ssl.get()), 0);
  EXPECT_EQ(tls_failure(ssl.get()), "the connection ended within the TLS handshake");
}

TEST_F(Tls, EndBehindTheHandshake) {
  const ServerTls server = server_with(make_identity({.names = "DNS:example.org"}, &authority));
  const ClientTls client(domain);
  const Pair pair(client.create(false), server.create());
  ASSERT_TRUE(pair.done());
  BIO_shutdown_wr(SSL_get_wbio(pair.server.get()));
  char byte = 0;
  while (SSL_read(pair.client.get(), &byte, 1) > 0 || SSL_want_read(pair.client.get()))
    if (BIO_eof(SSL_get_rbio(pair.client.get()))) break;
  ERR_clear_error();
  EXPECT_LE(SSL_read(pair.client.get(), &byte, 1), 0);
  EXPECT_EQ(tls_failure(pair.client.get()), "it was cut off without the end that TLS has");
}

TEST_F(Tls, ReloadTakesNewFilesAndSurvivesBadOnes) {
  const auto old_leaf = make_identity({.names = "DNS:old.example"}, &authority);
  ServerTls server = server_with(old_leaf);
  domain.check_certificate = false;
  const ClientTls client(domain);
  const auto presented = [&] {
    const Pair pair(client.create(false), server.create());
    return names_of(SSL_get0_peer_certificate(pair.client.get())).dns;
  };
  EXPECT_EQ(presented(), std::vector<std::string>{"old.example"});
  EXPECT_THROW(static_cast<void>(ServerTls::read(files.path() + "/none.pem", files.path() + "/none.key")), TlsError);
  EXPECT_EQ(presented(), std::vector<std::string>{"old.example"});
  const auto fresh = make_identity({.names = "DNS:fresh.example"}, &authority);
  SslPtr running = server.create();
  server.take(
      ServerTls::read(files.write("fresh.pem", fresh.certificate_pem()), files.write("fresh.key", fresh.key_pem())));
  EXPECT_EQ(presented(), std::vector<std::string>{"fresh.example"});
  const Pair pair(client.create(false), std::move(running));
  EXPECT_EQ(names_of(SSL_get0_peer_certificate(pair.client.get())).dns, std::vector<std::string>{"old.example"});
}

TEST_F(Tls, FilesThatCannotServe) {
  const auto leaf = make_identity({.names = "DNS:example.org"}, &authority);
  const auto other = make_identity({.names = "DNS:example.org"}, &authority);
  const std::string certificate = files.write("good.pem", leaf.certificate_pem());
  const std::string key = files.write("good.key", leaf.key_pem());
  const std::string other_key = files.write("other.key", other.key_pem());
  const std::string garbage = files.write("garbage.pem", "nothing");
  const std::string encrypted = files.write(
      "encrypted.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n");
  const std::string missing = files.path() + "/missing.pem";
  const struct {
    std::string certificate, key, option, text;
  } table[] = {
      {missing, key, "certificate", "cannot be read: No such file or directory"},
      {certificate, missing, "key", "cannot be read: No such file or directory"},
      {garbage, key, "certificate", "holds no usable certificate"},
      {certificate, garbage, "key", "holds no usable key"},
      {certificate, encrypted, "key", "holds no usable key"},
      {certificate, other_key, "key", "does not belong to the certificate"},
      {key, certificate, "certificate", "holds no usable certificate"},
  };
  for (const auto& row : table) {
    try {
      const ServerTls server(row.certificate, row.key);
      ADD_FAILURE() << row.text;
    } catch (const TlsError& error) {
      EXPECT_EQ(error.option(), row.option);
      EXPECT_NE(std::string(error.what()).find(row.text), std::string::npos) << error.what();
    }
  }
}

TEST_F(Tls, ClientCertificateIsShown) {  // U-014
  const auto own = make_identity({.common_name = "gateway"}, &authority);
  domain.client_certificate = files.write("client.pem", own.certificate_pem());
  domain.client_key = files.write("client.key", own.key_pem());
  const ServerTls server = server_with(make_identity({.names = "DNS:example.org"}, &authority));
  const ClientTls client(domain);
  SslPtr end = server.create();
  SSL_set_verify(end.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  const Pair pair(client.create(false), std::move(end));
  ASSERT_TRUE(pair.done()) << pair.client_failure;
  ASSERT_NE(SSL_get0_peer_certificate(pair.server.get()), nullptr);
  EXPECT_EQ(names_of(SSL_get0_peer_certificate(pair.server.get())).common, std::vector<std::string>{"gateway"});
}

}  // namespace
}  // namespace gateway
