// The shell as a whole, in process, over real loopback sockets: several shards, a scripted server, a raw client. Run
// under AddressSanitizer and ThreadSanitizer. What needs a real server or a real client is in tests/e2e.
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gateway/branch.hpp"
#include "gateway/config.hpp"
#include "gateway/session_host.hpp"
#include "gateway/setup.hpp"
#include "gateway/shard.hpp"
#include "gateway/shard_set.hpp"
#include "gateway/sid.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/tcp.hpp"
#include "tests/unit/gateway/shell_support.hpp"

namespace gateway {
namespace {

using support::Manners;
using support::ScriptedServer;
using namespace test;

TEST(Shell, OpensASessionAndCarriesMessagesBothWays) {
  ScriptedServer server;
  Gateway gateway(server.port());
  Browser browser(gateway.port());
  EXPECT_EQ(browser.sid.size(), 23U);
  EXPECT_NE(browser.created.find("<stream:features"), std::string::npos) << browser.created;
  browser.log_in();
  const auto answer = browser.client().exchange(browser.body("", echo("one")));
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("<body>one</body>"), std::string::npos) << answer.body;
}

TEST(Shell, EverySessionIsServedFromEveryShard) {
  constexpr unsigned threads = 3;
  ScriptedServer server;
  Gateway gateway(server.port(), threads);
  std::vector<unsigned> homes(threads);
  for (int i = 0; i < 24; ++i) {
    Browser browser(gateway.port());
    const auto sid = read_sid(browser.sid);
    ASSERT_TRUE(sid) << browser.created;
    ASSERT_LT(sid->shard, threads);
    ++homes[sid->shard];
    browser.log_in();
    // The kernel chooses the shard of each new connection: most of these do not come in at home.
    for (int j = 0; j < 6; ++j) {
      browser.new_connection();
      const std::string text = "message " + std::to_string(j);
      const auto first = browser.client().exchange(browser.body("", echo(text)));
      EXPECT_NE(first.body.find(text), std::string::npos) << first.body;
      const auto second = browser.client().exchange(browser.body("", echo("again")));  // on the moved connection
      EXPECT_NE(second.body.find("again"), std::string::npos) << second.body;
    }
  }
  EXPECT_EQ(homes[0] + homes[1] + homes[2], 24U);
}

TEST(Shell, PipelinedRequestsAreAnsweredInTheirOrder) {  // H-010, E-12
  ScriptedServer server;
  for (const unsigned threads : {1U, 2U}) {
    Gateway gateway(server.port(), threads);
    Browser browser(gateway.port());
    browser.log_in();
    browser.new_connection();
    browser.client().post(browser.body());
    browser.client().post(browser.body("", echo("piped")));
    const auto first = browser.client().receive();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->status, 200);
    browser.client().post(browser.body("", echo("last")));
    std::string all = first->body;
    for (int i = 0; i < 2 && all.find("last") == std::string::npos; ++i) {
      const auto next = browser.client().receive();
      ASSERT_TRUE(next);
      all += next->body;
    }
    EXPECT_LT(all.find("piped"), all.find("last"));
    EXPECT_NE(all.find("last"), std::string::npos) << all;
  }
}

TEST(Shell, RequestsMayComeInAnyPieces) {  // H-004
  ScriptedServer server;
  Gateway gateway(server.port(), 2);
  Browser browser(gateway.port());
  browser.log_in();
  for (int i = 0; i < 10; ++i) {  // on both shards
    browser.new_connection();
    const std::string body = browser.body("", echo("in pieces"));
    const std::string head =
        "POST /http-bind HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    for (const char& byte : head + body) ASSERT_TRUE(browser.client().send(std::string_view(&byte, 1)));
    const auto answer = browser.client().receive();
    ASSERT_TRUE(answer);
    EXPECT_NE(answer->body.find("in pieces"), std::string::npos) << answer->body;
  }
}

TEST(Shell, AHeldRequestWhoseConnectionDiesConsumesNothing) {  // 0.2 rule 8, E-08, H-022
  ScriptedServer server;
  Gateway gateway(server.port());
  Browser browser(gateway.port());
  browser.log_in();
  browser.client().post(browser.body());
  browser.client().tcp().reset();
  browser.new_connection();
  browser.client().post(browser.body("", echo("still here")));
  const auto answer = browser.client().receive();
  ASSERT_TRUE(answer);
  EXPECT_NE(answer->body.find("still here"), std::string::npos) << answer->body;
}

TEST(Shell, TerminateEndsTheStreamProperly) {  // B-190, U-021
  ScriptedServer server;
  Gateway gateway(server.port());
  Browser browser(gateway.port());
  browser.log_in();
  const auto answer = browser.client().exchange(browser.body(" type='terminate'"));
  EXPECT_EQ(attribute(answer.body, "type"), "terminate");
  EXPECT_TRUE(gateway.drain());
  EXPECT_EQ(server.ended_cleanly(), 1U);
}

TEST(Shell, DrainTellsHeldRequestsAndEndsEveryStream) {  // E-45
  ScriptedServer server;
  Gateway gateway(server.port(), 2);
  std::vector<std::unique_ptr<Browser>> browsers;
  for (int i = 0; i < 10; ++i) {
    browsers.push_back(std::make_unique<Browser>(gateway.port()));
    browsers.back()->log_in();
    browsers.back()->client().post(browsers.back()->body());
  }
  EXPECT_TRUE(gateway.drain());
  for (auto& browser : browsers) {
    const auto answer = browser->client().receive();
    ASSERT_TRUE(answer);
    EXPECT_EQ(attribute(answer->body, "condition"), "system-shutdown") << answer->body;
  }
  EXPECT_EQ(server.ended_cleanly(), 10U);
}

struct Failing {
  Manners manners;
  const char* condition;
};

TEST(Shell, ServersThatFailGiveTheRightCondition) {  // B-050, B-196...B-198, X-040
  for (const Failing& failing :
       {Failing{Manners::hangs_up, "remote-connection-failed"}, Failing{Manners::garbage, "remote-connection-failed"},
        Failing{Manners::stream_error, "remote-stream-error"}}) {
    ScriptedServer server(failing.manners);
    Gateway gateway(server.port());
    HttpClient client(gateway.port());
    const auto answer = client.exchange(creation());
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(attribute(answer.body, "type"), "terminate") << answer.body;
    EXPECT_EQ(attribute(answer.body, "condition"), failing.condition) << answer.body;
  }
  std::uint16_t nobody;
  {
    ScriptedServer gone;
    nobody = gone.port();
  }
  Gateway gateway(nobody);
  HttpClient client(gateway.port());
  EXPECT_EQ(attribute(client.exchange(creation()).body, "condition"), "remote-connection-failed");
}

// The end of one session lets its connection go, on which a stream of another waits: a step of its own, not one in the
// middle of the end.
TEST(Shell, AStreamBehindAHeldRequestBeginsWhenThatSessionHasEnded) {
  ScriptedServer server;
  Gateway gateway(server.port(), 1, "[bosh]\npush_streams = true\n[limits]\nmax_unauthenticated_bytes = 4096\n");
  HttpClient reader(gateway.port());
  const std::string token =
      attribute(reader.exchange(creation(1000, " xmlns:push='urn:x-postern:push' push:ask='1'")).body, "push:stream");
  ASSERT_FALSE(token.empty());
  HttpClient first(gateway.port()), second(gateway.port());
  const std::string created =
      first.exchange("<body rid='7' to='localhost' wait='30' hold='2' ver='1.6'" + std::string(ns) + "/>").body;
  const std::string next = "' sid='" + attribute(created, "sid") + "'" + std::string(ns);
  first.post("<body rid='8" + next + "/>");
  first.send("GET /http-bind?push=" + token + "&as=sse HTTP/1.1\r\nHost: localhost\r\n\r\n");
  second.post("<body rid='9" + next + ">" + echo(std::string(5000, 'x')) + "</body>");
  const auto ended = first.receive();
  ASSERT_TRUE(ended);
  EXPECT_EQ(attribute(ended->body, "condition"), "policy-violation");
  const auto stream = first.receive();
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->status, 200);
  EXPECT_NE(stream->head.find("text/event-stream"), std::string::npos);
  Browser other(gateway.port());  // the shard is there for others
  other.log_in();
  EXPECT_TRUE(gateway.drain());
}

// Where those who have not logged in are too many, one more stream of a session ends nobody in the middle of its step,
// least of all itself.
TEST(Shell, AStreamMoreThanThereMayBeStrangersIsRefused) {
  ScriptedServer server;
  Gateway gateway(server.port(), 1, "[bosh]\nmax_streams = 2\n[limits]\nmax_unauthenticated_sessions = 1\n");
  Browser browser(gateway.port());
  const std::string more =
      browser.client()
          .exchange(browser.body(" to='localhost' xml:lang='en' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'"))
          .body;
  EXPECT_EQ(attribute(more, "condition"), "policy-violation") << more;
  browser.log_in();
  EXPECT_TRUE(gateway.drain());
}

// U-008: however many sessions somebody begins on one connection, and so in one thread, the oldest of all ends for a
// newcomer on whatever connection.
TEST(Shell, WhoNeverLogsInMakesRoomForNewcomersOfEveryShard) {
  constexpr int most = 8;
  ScriptedServer server;
  Gateway gateway(server.port(), 2, "[limits]\nmax_unauthenticated_sessions = " + std::to_string(most) + "\n");
  HttpClient flood(gateway.port());
  std::vector<std::string> flooding;
  for (std::uint64_t i = 0; i < most; ++i)
    flooding.push_back(attribute(flood.exchange(creation(1000 + i)).body, "sid"));
  const unsigned there = read_sid(flooding.front()).value_or(Sid{}).shard;
  std::vector<std::unique_ptr<Browser>> newcomers;
  for (int elsewhere = 0; elsewhere < 10;) {  // the kernel chooses the shard
    newcomers.push_back(std::make_unique<Browser>(gateway.port()));
    const auto sid = read_sid(newcomers.back()->sid);
    ASSERT_TRUE(sid) << "newcomer " << newcomers.size() << ": " << newcomers.back()->created;
    if (sid->shard != there) ++elsewhere;
    ASSERT_LT(newcomers.size(), 200U);
  }
  for (std::uint64_t i = 0; i < most; ++i) {
    const std::string answer =
        flood
            .exchange("<body rid='" + std::to_string(1001 + i) + "' sid='" + flooding[i] + "'" + std::string(ns) + "/>")
            .body;
    EXPECT_EQ(attribute(answer, "condition"), "policy-violation") << i << ": " << answer;
  }
  for (auto youngest = newcomers.end() - most; youngest != newcomers.end(); ++youngest) (*youngest)->log_in();
  newcomers.clear();
  EXPECT_TRUE(gateway.drain());
  EXPECT_EQ(gateway.sessions_counted(), 0U);
}

// What is said to a stream that is over without its session knowing comes back, and its end is told.
TEST(Shell, WhatABranchCannotBeToldAnyMoreComesBack) {
  ScriptedServer server;
  Gateway gateway(server.port(), 1, "[bosh]\nmax_streams = 2\n");
  Browser browser(gateway.port());
  const std::string added =
      browser.client()
          .exchange(browser.body(" to='localhost' xml:lang='en' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'"))
          .body;
  ASSERT_EQ(attribute(added, "stream"), "2") << added;
  std::promise<void> gone;
  Shard& shard = gateway.shards().shard(0);
  boost::asio::post(shard.io(), [&] {  // as a bug would
    std::optional<SessionId> branch;
    shard.sessions().for_each([&](const SessionHost& host) {
      if (host.has<Branch>()) branch = host.id();
    });
    if (branch) shard.sessions().erase(*branch);
    gone.set_value();
  });
  gone.get_future().wait();
  std::string all = browser.client()
                        .exchange(browser.body(" stream='2'",
                                               "<message xmlns='jabber:client' to='b@localhost' id='lost'>"
                                               "<body>nobody</body></message>"))
                        .body;
  for (int i = 0; i < 3 && all.find("terminate") == std::string::npos; ++i)  // its features may be in between
    all += browser.client().exchange(browser.body()).body;
  EXPECT_NE(all.find(" from='b@localhost' id='lost'><error "), std::string::npos) << all;
  EXPECT_NE(all.find(" stream='2' type='terminate' condition='remote-connection-failed'"), std::string::npos) << all;
  EXPECT_LT(all.find("id='lost'"), all.find("terminate")) << all;
  browser.log_in();
}

TEST(Shell, ClientsThatComeAndGoLeaveNothingBehind) {
  ScriptedServer server;
  Gateway gateway(server.port(), 2);
  std::vector<std::thread> crowd;
  for (int t = 0; t < 4; ++t) {
    crowd.emplace_back([&gateway, t] {
      for (int i = 0; i < 25; ++i) {
        Browser browser(gateway.port());
        browser.log_in();
        const std::string text = std::to_string(t) + "/" + std::to_string(i);
        EXPECT_NE(browser.client().exchange(browser.body("", echo(text))).body.find(text), std::string::npos);
        switch (i % 5) {
          case 0:
            (void)browser.client().exchange(browser.body(" type='terminate'"));
            break;
          case 1:
            browser.client().post(browser.body());
            browser.client().tcp().reset();
            break;
          case 2:
            browser.client().send("POST /http-bind HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n<body");
            break;
          case 3:
            browser.client().post(browser.body());
            break;
          default:
            break;
        }
      }
    });
  }
  for (auto& thread : crowd) thread.join();
  EXPECT_TRUE(gateway.drain());
}

}  // namespace
}  // namespace gateway
