// What counts as arrived of the answers that a connection has carried, once it has died (U-061): over real loopback
// sockets, by clients that do not read, do not wait and reset.
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <string>

#include "gateway/shard.hpp"
#include "gateway/tls.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/tcp.hpp"
#include "tests/unit/gateway/shell_support.hpp"

namespace gateway {
namespace {

using support::Manners;
using support::ScriptedServer;
using namespace test;

std::string post_of(const std::string& body) {
  return "POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

// Asks over a connection that takes little at a time, and waits until an answer with a message of that size begins to
// arrive.
support::Tcp ask_for_a_message(const Gateway& gateway, Browser& browser, ScriptedServer& server, std::size_t size) {
  browser.log_in();
  browser.bind();
  support::Tcp line = connect_narrow(gateway.port());
  line.send(post_of(browser.body()));
  server.send_to_all("<message xmlns='jabber:client' from='localhost'><body>" + std::string(size, 'x') +
                     "</body></message>");
  char first = 0;
  EXPECT_GT(::recv(line.descriptor(), &first, 1, MSG_PEEK), 0);
  return line;
}

// A page that goes on as if it had all answers, leaves politely, and the gateway with it.
void go_on_and_leave(Browser& browser, Gateway& gateway) {
  browser.new_connection();
  for (const auto* text : {"one", "two", "three", "four"}) {
    EXPECT_NE(browser.client().exchange(browser.body("", echo(text))).body.find(text), std::string::npos);
  }
  (void)browser.client().exchange(browser.body(" type='terminate'"));
  EXPECT_TRUE(gateway.drain());
}

// U-061, E-08: of an answer that has left completely some may still be on its way when its connection ends, and one
// that has arrived may lie unread where the connection is reset. A page that goes on as if it had it has not.
TEST(Shell, AnAnswerThatNobodyHasReadWhenItsConnectionDiedIsNotProven) {
  const struct {
    std::size_t size;
    bool reads, resets;
  } ways[] = {{16'000, false, false}, {100, false, true}, {16'000, true, false}};
  for (const auto& [size, reads, resets] : ways) {
    ScriptedServer server(Manners::manages);
    Gateway gateway(server.port());
    Browser browser(gateway.port());
    support::Tcp line = ask_for_a_message(gateway, browser, server, size);
    if (reads) {
      std::array<char, 256> some{};
      for (std::string all; all.find("</message>") == std::string::npos;) {
        const auto got = ::recv(line.descriptor(), some.data(), some.size(), 0);
        ASSERT_GT(got, 0);
        all.append(some.data(), static_cast<std::size_t>(got));
      }
    } else if (resets) {
      line.reset();
    } else {
      ASSERT_EQ(::shutdown(line.descriptor(), SHUT_WR), 0);
    }
    go_on_and_leave(browser, gateway);
    EXPECT_EQ(server.acknowledged() > 0, reads) << size << " " << server.acknowledged();
  }
}

// The same, where another request had been sent before the answer came: that one proves nothing.
TEST(Shell, ARequestOfAPipelineDoesNotProveTheAnswerBehindWhichItWasSent) {
  ScriptedServer server(Manners::manages);
  Gateway gateway(server.port());
  Browser browser(gateway.port());
  support::Tcp line = ask_for_a_message(gateway, browser, server, 16'000);
  line.send(post_of(browser.body()));
  for (int i = 0; i < 2; ++i) {  // until the gateway has seen that
    EXPECT_NE(HttpClient(gateway.port()).exchange("<body/>").status, 0);
  }
  line.reset();
  go_on_and_leave(browser, gateway);
  EXPECT_EQ(server.acknowledged(), 0U);
}

// Of a connection on which something is always on its way only as many answers are remembered as a session knows.
TEST(Shell, WhatAConnectionRemembersOfItsAnswersIsBounded) {
  ScriptedServer server;
  Gateway gateway(server.port());
  support::Tcp line = connect_narrow(gateway.port());
  const std::string_view question = "HEAD /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";
  support::Tcp other = support::Tcp::connect(gateway.port());
  other.send(question);
  const std::size_t size_of_one = other.receive().value_or("").size();
  ASSERT_GT(size_of_one, 50U);
  constexpr std::size_t asked = 1500, always_unread = 16'000;
  std::array<char, 256> some{};
  std::size_t unread = 0;
  for (std::size_t i = 0; i < asked; ++i) {
    ASSERT_TRUE(line.send(question));
    if (i % 8 == 0) {  // so that it is answered as fast as it is asked
      ASSERT_TRUE(other.send(question));
      ASSERT_EQ(other.receive().value_or("").size(), size_of_one);
    }
    for (unread += size_of_one; unread > always_unread; unread -= some.size()) {
      ASSERT_EQ(::recv(line.descriptor(), some.data(), some.size(), MSG_WAITALL), 256);
    }
  }
  EXPECT_NE(HttpClient(gateway.port()).exchange("<body/>").status, 0);
  Shard& shard = gateway.shards().shard(0);
  std::promise<std::uint32_t> remembered;
  boost::asio::post(shard.io(), [&] {
    std::uint32_t most = 0;
    for (std::uint32_t slot = 0; slot < 2; ++slot) {
      shard.at_connection(make_connection_ref(ConnectionId{slot, 0}), [&](auto& connection) {
        if constexpr (requires { connection.unproven(); }) most = std::max(most, connection.unproven());
      });
    }
    remembered.set_value(most);
  });
  const std::uint32_t count = remembered.get_future().get();
  EXPECT_GT(count, 500U);
  EXPECT_LE(count, 4U * 255U);
  line.reset();
  EXPECT_TRUE(gateway.drain());
}

// One request on a connection of its own over TLS, by a client that reads the answer and no byte more: what ends the
// TLS is unread when it closes, which resets the connection.
void exchange_and_close(std::uint16_t port, SSL_CTX* tls, const std::string& body) {
  support::Tcp line = support::Tcp::connect(port);
  const SslPtr ssl(SSL_new(tls));
  SSL_set_fd(ssl.get(), line.descriptor());
  ASSERT_EQ(SSL_connect(ssl.get()), 1);
  const std::string request = "POST /http-bind HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " +
                              std::to_string(body.size()) + "\r\n\r\n" + body;
  ASSERT_GT(SSL_write(ssl.get(), request.data(), static_cast<int>(request.size())), 0);
  std::string answer;
  char one = 0;
  while (!answer.ends_with("</message></body>")) {
    ASSERT_EQ(SSL_read(ssl.get(), &one, 1), 1) << answer;
    answer += one;
  }
  ASSERT_EQ(::recv(line.descriptor(), &one, 1, MSG_PEEK), 1) << "the end of TLS";
  line.close();
}

// B-112, U-061: who closes behind the answer has had it. Or each message would be doubted, and come twice.
TEST(Shell, AClientThatClosesBehindItsAnswerHasHadIt) {
  const support::ScratchDirectory files;
  const auto identity = support::make_identity(support::Request{});
  ScriptedServer server(Manners::manages);
  Gateway gateway(server.port(), 1,
                  "[[listen]]\naddress = \"127.0.0.1:0\"\ncertificate = \"" +
                      files.write("cert.pem", identity.certificate_pem()) + "\"\nkey = \"" +
                      files.write("key.pem", identity.key_pem()) + "\"\n");
  const std::string url = gateway.shards().urls().back();
  const auto port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> tls(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  Browser browser(gateway.port());
  browser.log_in();
  browser.bind();
  for (int i = 0; i < 20; ++i) exchange_and_close(port, tls.get(), browser.body("", echo("x")));
  (void)browser.client().exchange(browser.body(" type='terminate'"));
  EXPECT_TRUE(gateway.drain());
  EXPECT_GE(server.acknowledged(), 17U);
}

}  // namespace
}  // namespace gateway
