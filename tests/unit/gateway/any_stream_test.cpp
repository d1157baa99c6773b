// A TLS stream whose line is full: over a pair of sockets, the other end by OpenSSL itself.
#include "gateway/any_stream.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/config.hpp"
#include "gateway/poller.hpp"
#include "gateway/tls.hpp"
#include "tests/support/certificates.hpp"

namespace gateway {
namespace {

using support::make_identity;

// Like any connection of ours: it writes what it has, reads what comes, and waits for what it is told to.
class Owner final : public Watcher {
 public:
  Owner(Poller& poller, int descriptor, SslPtr ssl) : stream(descriptor) {
    EXPECT_TRUE(stream.start_tls(std::move(ssl)));
    stream.want_read(true);
    EXPECT_TRUE(stream.watch(poller, *this));
  }
  ~Owner() = default;

  // False: the line is full.
  bool write(std::string_view bytes) {
    const IoResult result = stream.write({&bytes, 1});
    blocked = result.status == IoStatus::wait_write;
    stream.want_write(blocked);
    return !blocked;
  }
  IoStatus read() {
    std::array<char, 64> buffer{};
    const IoResult result = stream.read(buffer);
    heard.append(buffer.data(), result.bytes);
    return result.status;
  }

  AnyStream stream;
  std::string heard;
  int calls = 0;
  bool blocked = false;

 private:
  void on_ready(Ready ready) override {
    ++calls;
    if (ready.read && read() == IoStatus::wait_write) stream.want_write(true);
    if (blocked) write("y");
  }
};

class Line {
  boost::asio::io_context io_;
  Poller poller_{io_};

 public:
  Line() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_.data()), 0);
    const int least = 1;
    ::setsockopt(ends_[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    const ServerTls tls(files_.write("server.pem", identity_.certificate_pem()),
                        files_.write("server.key", identity_.key_pem()));
    owner = std::make_unique<Owner>(poller_, ends_[0], tls.create());
    domain_.name = domain_.ascii_name = domain_.expected_name = "example.org";
    domain_.ca_file = files_.write("ca.pem", identity_.certificate_pem());
    client_.emplace(domain_);
    peer = client_->create(false);
    SSL_set_fd(peer.get(), ends_[1]);
    for (int round = 0; round < 10 && owner->stream.handshake() != IoStatus::ok; ++round) SSL_do_handshake(peer.get());
    EXPECT_EQ(SSL_is_init_finished(peer.get()), 1);
  }
  ~Line() { ::close(ends_[1]); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  void say(std::string_view bytes) {
    EXPECT_EQ(SSL_write(peer.get(), bytes.data(), int(bytes.size())), int(bytes.size()));
  }
  void take_all() {
    std::array<char, 4096> buffer{};
    while (SSL_read(peer.get(), buffer.data(), int(buffer.size())) > 0) {
    }
  }
  // As often as something is ready, but not for ever.
  void run() {
    io_.restart();
    for (int round = 0; round < 50; ++round) io_.poll_one();
  }

  std::unique_ptr<Owner> owner;
  SslPtr peer;

 private:
  support::ScratchDirectory files_;
  support::Identity identity_ =
      make_identity({.common_name = "example.org", .names = "DNS:example.org", .authority = true});
  Domain domain_;
  std::optional<ClientTls> client_;
  std::array<int, 2> ends_{};
};

// The peer asks for new keys with every letter and reads nothing, until the answer to such a request is what finds no
// room. True: it came to that, and not to a letter of ours.
bool fills_with_key_updates(Line& line) {
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_EQ(SSL_key_update(line.peer.get(), SSL_KEY_UPDATE_REQUESTED), 1);
    line.say("x");
    EXPECT_EQ(line.owner->read(), IoStatus::ok);
    if (!line.owner->write("y")) return SSL_is_init_finished(line.owner->stream.ssl()) == 0;
  }
  return false;
}

// TLS reads nothing then: a socket that goes on to be called readable would keep a shard turning.
TEST(AnyStream, DoesNotTurnWhileTlsMustWriteFirst) {
  bool tried = false;
  for (int letters = 0; letters < 4 && !tried; ++letters) {
    Line line;
    for (int i = 0; i < letters; ++i) EXPECT_TRUE(line.owner->write("y"));
    if (!fills_with_key_updates(line)) continue;
    tried = true;
    Owner& owner = *line.owner;
    owner.heard.clear();
    line.say("z");
    line.run();
    EXPECT_LE(owner.calls, 2);
    EXPECT_EQ(owner.heard, "");
    line.take_all();
    line.run();
    EXPECT_FALSE(owner.blocked);
    EXPECT_EQ(owner.heard, "z");
    line.say("more");
    line.run();
    EXPECT_EQ(owner.heard, "zmore");
  }
  EXPECT_TRUE(tried);
}

}  // namespace
}  // namespace gateway
