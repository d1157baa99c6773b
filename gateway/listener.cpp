#include "gateway/listener.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/ip/v6_only.hpp>
#include <chrono>
#include <utility>

#include "gateway/clock.hpp"
#include "gateway/log.hpp"
#include "gateway/shard.hpp"

namespace gateway {

namespace {

using boost::asio::ip::tcp;
using ReusePort = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

constexpr int backlog = 4096;           // the kernel cuts it to somaxconn
constexpr int accepted_in_one_go = 64;  // then the connections that exist get their turn
constexpr auto back_off_time = std::chrono::milliseconds(100);

void prepare(Socket& socket, const LimitsConfig& limits) {
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(boost::asio::socket_base::keep_alive(true), ignored);
  const auto patience =
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(limits.tcp_user_timeout).count());
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience);
  // A held request is silent for up to `wait`: without probes a client that vanished would look alive until then.
  const int idle = 20, interval = 10;
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
}

}  // namespace

Listener::Listener(Shard& shard, const Listen& listen, const tcp::endpoint& endpoint, bool shared,
                   std::shared_ptr<const ServerTls> tls)
    : shard_(shard), private_(listen.private_), tls_(std::move(tls)), acceptor_(shard.io()), pause_(shard.io()) {
  acceptor_.open(endpoint.protocol());
  acceptor_.set_option(tcp::acceptor::reuse_address(true));
  if (shared) acceptor_.set_option(ReusePort(true));
  if (endpoint.protocol() == tcp::v6()) acceptor_.set_option(boost::asio::ip::v6_only(listen.v6_only));
  acceptor_.bind(endpoint);
  acceptor_.listen(backlog);
  acceptor_.non_blocking(true);
}

void Listener::start() {
  wait();
}

void Listener::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
}

void Listener::wait() {
  acceptor_.async_wait(Acceptor::wait_read, [this](const boost::system::error_code& error) {
    if (!error) accept_some();
  });
}

void Listener::accept_some() {
  for (int i = 0; i < accepted_in_one_go; ++i) {
    Socket socket(shard_.io());
    tcp::endpoint from;
    boost::system::error_code error;
    acceptor_.accept(socket, from, error);
    if (error == boost::asio::error::would_block) break;
    if (error == boost::asio::error::connection_aborted) continue;  // gone before we came to it
    if (error) return back_off(error);
    backing_off_ = false;
    const Peer peer{unmapped(from.address()), tls_ != nullptr, private_, from.protocol() == tcp::v4()};
    if (!private_) {
      const auto why =
          shard_.admission().connection_opened(address_key(peer.address), shard_.config().limits, steady_now());
      if (!why.empty()) {
        spdlog::debug("connection of {} refused: {}", peer.address.to_string(), why);
        continue;
      }
    }
    prepare(socket, shard_.config().limits);
    SslPtr ssl = tls_ ? tls_->create() : nullptr;
    if (tls_ && !ssl) {
      shard_.connection_closed(peer);
      return back_off(boost::asio::error::no_memory);
    }
    shard_.accepted(std::move(socket), peer, std::move(ssl));
  }
  wait();
}

// Out of descriptors or memory: the connections wait in the backlog, and accepting again at once would only spin.
void Listener::back_off(const boost::system::error_code& error) {
  if (!backing_off_) spdlog::error("cannot accept connections: {}; trying again", error.message());
  backing_off_ = true;
  pause_.expires_after(back_off_time);
  pause_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) accept_some();
  });
}

}  // namespace gateway
