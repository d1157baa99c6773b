#include "gateway/check.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <optional>
#include <regex>
#include <sstream>
#include <thread>
#include <utility>

#include "gateway/tls.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/dns_server.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/tcp.hpp"

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

Outcome check(const std::string& toml, std::string_view domain = "example.org",
              const std::optional<CheckUser>& user = std::nullopt) {
  std::ostringstream out;
  const int status = check_domain(parse_config(toml, "test.toml"), domain, user, out);
  return {status, out.str()};
}

CheckUser user_named(const std::string& name) {
  return {name, [] { return xmpp::Secret("open sesame"); }};
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
  EXPECT_NE(
      unseen.text.find(
          "note  delivery whether the server offers stream management is not to be seen before the "
          "login (--user USER looks behind it): Prosody does with the module smacks, ejabberd with mod_stream_mgmt\n"),
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

// A listener on loopback, and what is done with its first connection, in a thread of its own.
class OneConnection {
 public:
  template <typename Serve>
  explicit OneConnection(Serve serve) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.descriptor(), generic, size) != 0 || ::listen(listener_.descriptor(), 5) != 0 ||
        ::getsockname(listener_.descriptor(), generic, &size) != 0) {
      throw std::runtime_error("no listener");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, serve] {
      support::Tcp connection(::accept(listener_.descriptor(), nullptr, nullptr));
      if (connection.is_open()) serve(connection);
    });
  }
  ~OneConnection() {
    ::shutdown(listener_.descriptor(), SHUT_RDWR);
    thread_.join();
  }
  OneConnection(const OneConnection&) = delete;
  OneConnection& operator=(const OneConnection&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  support::Tcp listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port_ = 0;
  std::thread thread_;
};

constexpr const char* header =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='example.org' id='1' "
    "version='1.0'>";

std::string features(const std::string& inner) {
  return "<stream:features>" + inner + "</stream:features>";
}

std::string mechanisms(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) list += "<mechanism>" + name + "</mechanism>";
  return "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" + list + "</mechanisms>";
}

// An XMPP server that can do TLS, for one connection.
class TlsXmppServer {
 public:
  TlsXmppServer(const Identity& identity, bool direct, const support::ScratchDirectory& files)
      : tls_(files.write("s.pem", identity.certificate_pem()), files.write("s.key", identity.key_pem())),
        direct_(direct),
        connection_([this](support::Tcp& connection) { serve(connection); }) {}
  [[nodiscard]] std::uint16_t port() const { return connection_.port(); }

 private:
  void serve(support::Tcp& connection) {
    if (!direct_ && !offer_starttls(connection)) return;
    const SslPtr ssl = tls_.create();
    SSL_set_fd(ssl.get(), connection.descriptor());
    if (SSL_accept(ssl.get()) != 1) return;
    char buffer[4096];
    SSL_read(ssl.get(), buffer, sizeof buffer);
    const std::string answer = header + features(mechanisms({"SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"}));
    SSL_write(ssl.get(), answer.data(), static_cast<int>(answer.size()));
    while (SSL_read(ssl.get(), buffer, sizeof buffer) > 0) {
    }
  }

  static bool offer_starttls(support::Tcp& connection) {
    if (!connection.receive()) return false;
    connection.send(header + features("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"));
    return connection.receive() && connection.send("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  }

  ServerTls tls_;
  bool direct_;
  OneConnection connection_;  // last: its thread uses the others
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

// ---- with a login

// Says one thing for each that it hears, and nothing behind the last. With tls = "none".
class Turns {
 public:
  explicit Turns(std::vector<std::string> answers)
      : connection_([answers = std::move(answers)](support::Tcp& connection) {
          for (const auto& answer : answers) {
            if (!connection.receive() || !connection.send(answer)) return;
          }
          while (connection.receive().value_or("") != "") {
          }
        }) {}
  [[nodiscard]] std::uint16_t port() const { return connection_.port(); }
  [[nodiscard]] Outcome check_as(const std::string& user) const {
    return check(plain(port()), "example.org", user_named(user));
  }

 private:
  OneConnection connection_;
};

const std::string success = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

std::string failure(const std::string& condition) {
  return "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><" + condition + "/></failure>";
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST(CheckLogin, LooksForStreamManagementBehindIt) {
  const ScriptedServer manages(Manners::manages);
  for (const auto* name : {"alice", "alice@example.org", "Alice@alias.example"}) {
    const auto found = check(plain(manages.port()), "example.org", user_named(name));
    EXPECT_EQ(found.status, 0) << found.text;
    expect_lines(found.text);
    const auto local = std::string(name).substr(0, 5);  // as typed
    EXPECT_NE(
        found.text.find("ok    sasl     PLAIN\nok    login    as " + local +
                        " by PLAIN\nok    delivery the server offers stream management\nnote  settings not to be "),
        std::string::npos)
        << found.text;
    EXPECT_EQ(count(found.text, "opened by"), 1) << found.text;
    EXPECT_EQ(found.text.find("sesame"), std::string::npos);
  }
}

// It is wrong, but keeps no session from the server.
TEST(CheckLogin, NoStreamManagement) {
  const ScriptedServer server;
  const auto found = check(plain(server.port()), "example.org", user_named("alice"));
  EXPECT_EQ(found.status, 0) << found.text;
  expect_lines(found.text);
  EXPECT_NE(found.text.find("ok    login    as alice by PLAIN\nFAIL  delivery the server offers no stream management"),
            std::string::npos)
      << found.text;
  EXPECT_NE(found.text.find("; load the module smacks (Prosody) or mod_stream_mgmt (ejabberd), or live with"),
            std::string::npos)
      << found.text;
  EXPECT_EQ(found.text.find("settings"), std::string::npos) << found.text;
  const auto off = check(plain(server.port()) + "stream_management = false\n", "example.org", user_named("alice"));
  EXPECT_EQ(off.status, 0);
  EXPECT_NE(off.text.find("note  delivery stream_management = false"), std::string::npos) << off.text;
}

TEST(CheckLogin, FailuresInPlainWords) {
  const auto plain_offer = header + features(mechanisms({"PLAIN"}));
  const struct {
    std::vector<std::string> answers;
    const char* text;
  } table[] = {
      {{plain_offer, failure("not-authorized")}, "the server does not accept alice with this password; correct the "},
      {{plain_offer, failure("account-disabled")}, "the account alice is disabled; "},
      {{plain_offer, failure("credentials-expired")}, "the password of alice has expired; "},
      {{plain_offer, failure("temporary-auth-failure")}, "the server cannot check passwords at the moment; "},
      {{plain_offer, failure("encryption-required")}, "over a connection that others can read; set tls = "},
      {{plain_offer, failure("aborted")}, "the server refuses: <failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><abo"},
      {{plain_offer, "<message><body>hello</body></message>"}, "says what may not come in a login: <message"},
      {{header + features(mechanisms({"DIGEST-MD5"}))}, "no mechanism for passwords that postern knows; enable SCRAM"},
      // r=x,s=eA==,i=1: one round
      {{header + features(mechanisms({"SCRAM-SHA-1"})),
        "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>cj14LHM9ZUE9PSxpPTE=</challenge>"},
       "the server does not prove that it knows the password, or wants it hashed too weakly"},
      {{plain_offer,
        "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"},
       "the server ended the stream with an error; "},
      {{plain_offer, "</stream:stream>"}, "closed by the server; "},
  };
  for (const auto& row : table) {
    const Turns server(row.answers);
    const auto found = server.check_as("alice");
    EXPECT_EQ(found.status, 1) << found.text;
    expect_lines(found.text);
    EXPECT_EQ(count(found.text, "FAIL"), 1) << found.text;
    EXPECT_NE(found.text.find("FAIL  login    "), std::string::npos) << found.text;
    EXPECT_NE(found.text.find(row.text), std::string::npos) << found.text;
    EXPECT_EQ(found.text.find("delivery"), std::string::npos) << found.text;
  }
}

// Silent, or chatting without end: one patience for the whole login (negotiation_timeout = 1).
TEST(CheckLogin, ServersThatDoNotComeToAnEnd) {
  const auto offer = header + features(mechanisms({"PLAIN"}));
  for (const auto& answers :
       std::vector<std::vector<std::string>>{{offer}, {offer, success}, {offer, success, header}}) {
    const Turns server(answers);
    const auto found = server.check_as("alice");
    EXPECT_EQ(found.status, 1) << found.text;
    expect_lines(found.text);
    EXPECT_NE(found.text.find("FAIL  login    not done after 1 s; look into the log"), std::string::npos) << found.text;
  }
  const OneConnection chatty([&](support::Tcp& connection) {
    if (!connection.receive() || !connection.send(offer) || !connection.receive()) return;
    while (connection.send(std::string(64 * 1024, ' '))) {
    }
  });
  const auto found = check(plain(chatty.port()), "example.org", user_named("alice"));
  EXPECT_NE(found.text.find("FAIL  login    not done after 1 s"), std::string::npos) << found.text;
}

// The same password is not tried at one address after the other: that would lock the account.
TEST(CheckLogin, OneFailureIsEnough) {
  support::DnsServer dns;
  const Turns refuses({header + features(mechanisms({"PLAIN"})), failure("not-authorized")});
  const ScriptedServer accepts;
  dns.add_srv("_xmpp-client._tcp.example.org", 1, 0, refuses.port(), "a.example.org");
  dns.add_srv("_xmpp-client._tcp.example.org", 2, 0, accepts.port(), "a.example.org");
  dns.add_a("a.example.org", "127.0.0.1");
  const auto found = check("[server]\ndns = \"" + dns.address() +
                               "\"\n[[domain]]\nname = \"example.org\"\ntls = \"none\"\nallow_plaintext = true\n"
                               "private_addresses = true\n",
                           "example.org", user_named("alice"));
  EXPECT_EQ(found.status, 1) << found.text;
  EXPECT_EQ(count(found.text, "connected to"), 1) << found.text;
  EXPECT_EQ(accepts.accepted(), 0);
}

TEST(CheckLogin, NamesThatAreNoAccountOfTheDomain) {
  const struct {
    const char* name;
    const char* text;
  } table[] = {
      {"alice@other.example",
       "alice@other.example is not an account of example.org; take one that is, or check other."},
      {"", " is not the name of an account; write it like alice, or alice@example.org"},
      {"@example.org", "@example.org is not the name of an account; "},
      {"alice@example.org/desk", "alice@example.org/desk is not the name of an account; "},
      {"al ice", "al ice is not the name of an account; "},
      {"a\nb", "a\\x0ab is not the name of an account; "},
  };
  for (const auto& row : table) {
    const auto found = check(plain(1), "example.org", CheckUser{row.name, []() -> xmpp::Secret {
                                                                  ADD_FAILURE() << "no password is needed";
                                                                  return {};
                                                                }});
    EXPECT_EQ(found.status, 1) << found.text;
    EXPECT_NE(found.text.find(std::string("FAIL  login    ") + row.text), std::string::npos) << found.text;
    EXPECT_EQ(found.text.find("tcp"), std::string::npos) << found.text;
  }
}

}  // namespace
}  // namespace gateway
