// The gateway in process, and a browser that talks to it over loopback: what the tests of the whole shell share.
#pragma once
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "gateway/config.hpp"
#include "gateway/setup.hpp"
#include "gateway/shard_set.hpp"
#include "tests/support/tcp.hpp"

namespace gateway::test {

using support::HttpClient;

inline constexpr std::string_view ns = " xmlns='http://jabber.org/protocol/httpbind'";

inline std::string attribute(const std::string& body, const std::string& name) {
  const auto at = body.find(" " + name + "='");
  if (at == std::string::npos) return {};
  const auto from = at + name.size() + 3;
  return body.substr(from, body.find('\'', from) - from);
}

inline std::string creation(std::uint64_t rid = 1000, const std::string& more = "") {
  return "<body rid='" + std::to_string(rid) +
         "' to='localhost' wait='30' hold='1' ver='1.6' xml:lang='en' "
         "xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'" +
         std::string(ns) + more + "/>";
}

class Gateway {
 public:
  explicit Gateway(std::uint16_t server_port, unsigned threads = 1, const std::string& more = "") {
    spdlog::set_level(spdlog::level::off);
    const std::string toml = "[server]\nthreads = " + std::to_string(threads) +
                             "\nshutdown_grace = 5\n[[listen]]\naddress = \"127.0.0.1:0\"\n[[domain]]\nname = "
                             "\"localhost\"\nserver = \"127.0.0.1:" +
                             std::to_string(server_port) + "\"\ntls = \"none\"\n" + more;
    shards_ = std::make_unique<ShardSet>(std::make_shared<const Setup>(parse_config(toml, "test")));
    shards_->start();
    const std::string& url = shards_->urls().front();
    port_ = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] ShardSet& shards() { return *shards_; }
  [[nodiscard]] std::uint32_t sessions_counted() { return shards_->shard(0).admission().totals().sessions; }

  // True when the drain came to its end.
  bool drain() {
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    shards_->drain([&] {
      const std::lock_guard lock(mutex);
      done = true;
      changed.notify_all();
    });
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [&] { return done; });
  }

 private:
  std::unique_ptr<ShardSet> shards_;
  std::uint16_t port_ = 0;
};

// A browser with one session, which opens a new connection whenever it is told to.
class Browser {
 public:
  explicit Browser(std::uint16_t port) : port_(port), client_(port) {
    created = client_.exchange(creation(rid_)).body;
    sid = attribute(created, "sid");
  }
  std::string body(const std::string& attributes = "", const std::string& payload = "") {
    return "<body rid='" + std::to_string(++rid_) + "' sid='" + sid + "'" + std::string(ns) + attributes +
           (payload.empty() ? "/>" : ">" + payload + "</body>");
  }
  void log_in() {
    say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>", "<success");
    expect(body(" xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'"), "<bind");
  }
  void bind() {
    say("<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "<jid>");
  }
  HttpClient& client() { return client_; }
  void new_connection() { client_ = HttpClient(port_); }

  std::string created;
  std::string sid;

 private:
  void say(const std::string& payload, const std::string& answer) { expect(body("", payload), answer); }
  void expect(const std::string& request, const std::string& part) {
    const std::string answer = client_.exchange(request).body;
    EXPECT_NE(answer.find(part), std::string::npos) << answer;
  }

  std::uint16_t port_;
  std::uint64_t rid_ = 1000;
  HttpClient client_;
};

// A line on which a round trip takes long: little is taken of what comes until it is read.
inline support::Tcp connect_narrow(std::uint16_t port, int narrow = 2304) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &narrow, sizeof narrow);
  constexpr timeval bounded{10, 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &bounded, sizeof bounded);
  support::Tcp line(descriptor);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  EXPECT_EQ(::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return line;
}

inline std::string echo(const std::string& text) {
  return "<message xmlns='jabber:client' to='localhost'><body>" + text + "</body></message>";
}

}  // namespace gateway::test
