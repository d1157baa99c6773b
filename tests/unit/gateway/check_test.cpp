#include "gateway/check.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <regex>
#include <sstream>
#include <thread>

#include "gateway/tls.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/dns_server.hpp"
#include "tests/support/scripted_server.hpp"

namespace gateway {
namespace {

using support::Identity;
using support::make_identity;
using support::Manners;
using support::ScriptedServer;

struct Outcome {
  int status;
  std::string text;
};

Outcome check(const std::string& toml, std::string_view domain = "example.org") {
  std::ostringstream out;
  const int status = check_domain(parse_config(toml, "test.toml"), domain, out);
  return {status, out.str()};
}

std::string plain(std::uint16_t port) {
  return "[[domain]]\nname = \"example.org\"\naliases = [\"alias.example\"]\nserver = \"127.0.0.1:" +
         std::to_string(port) + "\"\ntls = \"none\"\nnegotiation_timeout = 1\nconnect_timeout = 1\n";
}

// Every line is a verdict, a step and a text; a failing one has its cure.
void expect_lines(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    EXPECT_TRUE(std::regex_match(line, std::regex(R"((ok  |note|FAIL)  [a-z]+ +.+)"))) << line;
    if (line.starts_with("FAIL")) {
      EXPECT_NE(line.find("; "), std::string::npos) << line;
    }
  }
}

TEST(Check, GoodServer) {
  const ScriptedServer server;
  for (const auto* name : {"example.org", "alias.example"}) {
    const auto found = check(plain(server.port()), name);
    EXPECT_EQ(found.status, 0) << found.text;
    expect_lines(found.text);
    EXPECT_NE(found.text.find("ok    config   " + std::string(name) + " is served"), std::string::npos) << found.text;
    EXPECT_NE(found.text.find("ok    server   configured: 127.0.0.1:"), std::string::npos);
    EXPECT_NE(found.text.find("ok    tcp      connected to 127.0.0.1:"), std::string::npos);
    EXPECT_NE(found.text.find("ok    stream   opened by "), std::string::npos);
    EXPECT_NE(found.text.find("ok    sasl     PLAIN"), std::string::npos) << found.text;
  }
}

// What was seen is told from what cannot be seen, and the settings that matter are named.
TEST(Check, WhatKeepsMessages) {
  const ScriptedServer server;
  const auto unseen = check(plain(server.port()) + "max_unacknowledged = 77\n");
  EXPECT_EQ(unseen.status, 0);
  expect_lines(unseen.text);
  EXPECT_NE(unseen.text.find("note  delivery whether the server offers stream management is not to be seen before the "
                             "login: Prosody does with the module smacks, ejabberd with mod_stream_mgmt\n"),
            std::string::npos)
      << unseen.text;
  const char* const settings[] = {"resend_on_timeout: if_offline",
                                  "max_ack_queue above 77",
                                  "ack_timeout",
                                  "smacks_max_queue_size above max_unacknowledged = 77",
                                  "offline (or mam)",
                                  "docs/OPERATIONS.md, \"What is not lost\""};
  for (const auto* setting : settings) EXPECT_NE(unseen.text.find(setting), std::string::npos) << setting;
  const auto off = check(plain(server.port()) + "stream_management = false\n");
  EXPECT_EQ(off.status, 0);
  EXPECT_NE(off.text.find("note  delivery stream_management = false: what a vanished browser had not received is lost"),
            std::string::npos)
      << off.text;
  EXPECT_EQ(off.text.find("settings"), std::string::npos) << off.text;
}

TEST(Check, WhatCanBeWrongWithoutTls) {
  const struct {
    Manners manners;
    const char* text;
  } table[] = {
      {Manners::hangs_up, "FAIL  stream"},
      {Manners::silent, "FAIL  stream"},
      {Manners::garbage, "FAIL  stream"},
      {Manners::stream_error, "FAIL  stream"},
  };
  for (const auto& row : table) {
    const ScriptedServer server(row.manners);
    const auto found = check(plain(server.port()));
    EXPECT_EQ(found.status, 1) << found.text;
    expect_lines(found.text);
    EXPECT_NE(found.text.find(row.text), std::string::npos) << found.text;
    EXPECT_NE(found.text.find("ok    tcp"), std::string::npos) << found.text;
  }
}

TEST(Check, NobodyListens) {
  std::uint16_t port = 0;
  {
    const ScriptedServer server;
    port = server.port();
  }
  const auto found = check(plain(port));
  EXPECT_EQ(found.status, 1);
  EXPECT_NE(found.text.find("FAIL  tcp"), std::string::npos) << found.text;
  EXPECT_NE(found.text.find("start the server"), std::string::npos);
}

TEST(Check, DomainThatIsNotServed) {
  support::DnsServer dns;
  const std::string toml =
      "[server]\nremoved_domains = \"old.example\"\ndns = \"" + dns.address() + "\"\n" + plain(5222);
  for (const auto* name : {"unknown.example", "old.example"}) {
    const auto found = check(toml, name);
    EXPECT_EQ(found.status, 1);
    expect_lines(found.text);
    EXPECT_NE(found.text.find("FAIL  config"), std::string::npos) << found.text;
    EXPECT_NE(found.text.find("FAIL  dns"), std::string::npos) << found.text;
  }
  const auto nonsense = check(toml, "a b\n");
  EXPECT_EQ(nonsense.status, 1);
  EXPECT_EQ(nonsense.text, "FAIL  config   a b\\x0a is not a domain; write it like example.org, without a port\n");
}

// An XMPP server that can do TLS, for one connection.
class TlsXmppServer {
 public:
  TlsXmppServer(const Identity& identity, bool direct, const support::ScratchDirectory& files)
      : tls_(files.write("s.pem", identity.certificate_pem()), files.write("s.key", identity.key_pem())),
        direct_(direct) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 5) != 0 ||
        ::getsockname(listener_, generic, &size) != 0) {
      throw std::runtime_error("no listener");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsXmppServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  static constexpr const char* header =
      "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='example.org' id='1' "
      "version='1.0'>";

  void serve() {
    const int connection = ::accept(listener_, nullptr, nullptr);
    if (connection < 0) return;
    const timeval patience{5, 0};
    ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (direct_ || offer_starttls(connection)) {
      SslPtr ssl = tls_.create();
      SSL_set_fd(ssl.get(), connection);
      if (SSL_accept(ssl.get()) == 1) {
        char buffer[4096];
        SSL_read(ssl.get(), buffer, sizeof buffer);
        const std::string answer = std::string(header) +
                                   "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
                                   "<mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>SCRAM-SHA-1</mechanism>"
                                   "</mechanisms></stream:features>";
        SSL_write(ssl.get(), answer.data(), static_cast<int>(answer.size()));
        while (SSL_read(ssl.get(), buffer, sizeof buffer) > 0) {
        }
      }
    }
    ::close(connection);
  }

  static bool offer_starttls(int connection) {
    char buffer[4096];
    if (::recv(connection, buffer, sizeof buffer, 0) <= 0) return false;
    const std::string offer =
        std::string(header) +
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
        "</stream:features>";
    ::send(connection, offer.data(), offer.size(), MSG_NOSIGNAL);
    if (::recv(connection, buffer, sizeof buffer, 0) <= 0) return false;
    const std::string proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    return ::send(connection, proceed.data(), proceed.size(), MSG_NOSIGNAL) > 0;
  }

  ServerTls tls_;
  bool direct_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST(Check, TlsWithGoodAndBadCertificates) {
  const support::ScratchDirectory files;
  const auto authority = make_identity({.common_name = "authority", .authority = true});
  const auto ca = files.write("ca.pem", authority.certificate_pem());
  for (const bool direct : {false, true}) {
    const auto with = [&](const Identity& identity) {
      const TlsXmppServer server(identity, direct, files);
      return check("[[domain]]\nname = \"example.org\"\nserver = \"127.0.0.1:" + std::to_string(server.port()) +
                   "\"\ntls = \"" + (direct ? "direct" : "starttls") + "\"\nca_file = \"" + ca + "\"\n");
    };
    const auto good = with(make_identity({.names = "DNS:example.org"}, &authority));
    EXPECT_EQ(good.status, 0) << good.text;
    expect_lines(good.text);
    EXPECT_NE(good.text.find("ok    tls      TLSv1.3 "), std::string::npos) << good.text;
    EXPECT_NE(good.text.find("fits example.org, valid until 20"), std::string::npos) << good.text;
    EXPECT_NE(good.text.find("key sha256//"), std::string::npos) << good.text;
    EXPECT_NE(good.text.find("ok    sasl     SCRAM-SHA-1-PLUS, SCRAM-SHA-1"), std::string::npos) << good.text;
    const auto wrong = with(make_identity({.names = "DNS:other.example"}, &authority));
    EXPECT_EQ(wrong.status, 1);
    expect_lines(wrong.text);
    EXPECT_NE(wrong.text.find("FAIL  tls      the certificate is for other.example, not for example.org; "),
              std::string::npos)
        << wrong.text;
  }
}

TEST(Check, TlsModesThatDoNotFitTheServer) {
  const support::ScratchDirectory files;
  const auto identity = make_identity({.names = "DNS:example.org"});
  const auto ca = files.write("ca.pem", identity.certificate_pem());
  const auto with = [&](bool server_direct, const std::string& mode) {
    const TlsXmppServer server(identity, server_direct, files);
    return check("[[domain]]\nname = \"example.org\"\nserver = \"127.0.0.1:" + std::to_string(server.port()) +
                 "\"\ntls = \"" + mode + "\"\nca_file = \"" + ca +
                 "\"\nconnect_timeout = 1\nnegotiation_timeout = 1\n");
  };
  const auto starttls_at_direct = with(true, "starttls");
  EXPECT_EQ(starttls_at_direct.status, 1);
  EXPECT_NE(starttls_at_direct.text.find("FAIL  stream"), std::string::npos) << starttls_at_direct.text;
  const auto direct_at_starttls = with(false, "direct");
  EXPECT_EQ(direct_at_starttls.status, 1);
  EXPECT_NE(direct_at_starttls.text.find("FAIL  tls      the other side does not speak TLS here"), std::string::npos)
      << direct_at_starttls.text;
  const auto plain_at_required = with(false, "none");
  EXPECT_EQ(plain_at_required.status, 1);
  EXPECT_NE(plain_at_required.text.find("tls = \"starttls\""), std::string::npos) << plain_at_required.text;
  const ScriptedServer without_tls;
  const auto starttls_not_offered =
      check("[[domain]]\nname = \"example.org\"\nserver = \"127.0.0.1:" + std::to_string(without_tls.port()) + "\"\n");
  EXPECT_EQ(starttls_not_offered.status, 1);  // E-48
  EXPECT_NE(starttls_not_offered.text.find("let the server offer STARTTLS"), std::string::npos)
      << starttls_not_offered.text;
}

TEST(Check, TriesOneAddressAfterTheOther) {
  support::DnsServer dns;
  const ScriptedServer server;
  std::uint16_t dead = 0;
  {
    const ScriptedServer gone;
    dead = gone.port();
  }
  dns.add_srv("_xmpp-client._tcp.example.org", 1, 0, dead, "a.example.org");
  dns.add_srv("_xmpp-client._tcp.example.org", 2, 0, server.port(), "a.example.org");
  dns.add_a("a.example.org", "127.0.0.1");
  const auto found = check("[server]\ndns = \"" + dns.address() +
                           "\"\n[[domain]]\nname = \"example.org\"\ntls = \"none\"\nallow_plaintext = true\n"
                           "private_addresses = true\n");
  EXPECT_EQ(found.status, 0) << found.text;
  expect_lines(found.text);
  EXPECT_NE(found.text.find("FAIL  tcp      a.example.org (127.0.0.1:" + std::to_string(dead)), std::string::npos);
  EXPECT_NE(found.text.find("ok    tcp      connected to a.example.org (127.0.0.1:"), std::string::npos);
}

}  // namespace
}  // namespace gateway
