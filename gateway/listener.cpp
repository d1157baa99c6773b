#include "gateway/listener.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <new>
#include <utility>

#include "gateway/clock.hpp"
#include "gateway/log.hpp"
#include "gateway/shard.hpp"
#include "gateway/sockets.hpp"

namespace gateway {

namespace {

using boost::asio::ip::tcp;
using ReusePort = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

constexpr int backlog = 4096;           // the kernel cuts it to somaxconn
constexpr int accepted_in_one_go = 64;  // then the connections that exist get their turn
constexpr auto back_off_time = std::chrono::milliseconds(100);
constexpr auto log_interval = std::chrono::seconds(30);

// It was gone before we came to it, or its network or the firewall had something against it (accept(2)).
bool concerns_one(int error) {
  constexpr std::array errors = {ECONNABORTED, EINTR,        ENETDOWN,   EPROTO,      ENOPROTOOPT, EHOSTDOWN,
                                 ENONET,       EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EPERM};
  return std::find(errors.begin(), errors.end(), error) != errors.end();
}

}  // namespace

Listener::Listener(Shard& shard, const Listen& listen, const tcp::endpoint& endpoint, bool shared,
                   std::shared_ptr<const ServerTls> tls)
    : shard_(shard),
      private_(listen.private_),
      proxy_protocol_(listen.proxy_protocol),
      tls_(std::move(tls)),
      acceptor_(shard.io()),
      pause_(shard.io()) {
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

void Listener::resume() {
  if (!waiting_ && acceptor_.is_open()) wait();
}

void Listener::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
}

void Listener::wait() {
  acceptor_.async_wait(Acceptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    waiting_ = false;
    accept_some();
  });
  waiting_ = true;
}

void Listener::accept_some() {
  for (int i = 0; i < accepted_in_one_go; ++i) {
    tcp::endpoint from;
    auto size = static_cast<socklen_t>(from.capacity());
    const int descriptor = ::accept4(acceptor_.native_handle(), from.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      if (concerns_one(errno)) continue;
      return back_off(errno);
    }
    try {
      AnyStream stream(descriptor);
      const Address address = unmapped(from.address());
      if (proxy_protocol_) {
        expect_introduction(std::move(stream), address);
      } else if (!take(std::move(stream), peer_at(address))) {
        return back_off(ENOMEM);
      }
    } catch (const std::bad_alloc&) {
      return back_off(ENOMEM);  // should that fail as well, the shard has it resume()
    }
  }
  wait();
}

// False when there is no memory for it. A connection that is not admitted is closed with its stream.
bool Listener::take(AnyStream stream, Peer peer) {
  const auto& limits = shard_.config().limits;
  if (!private_) {
    // Whose connections a proxy's are only its requests tell (HttpConnection::hold_for).
    std::optional<AddressKey> from;
    if (peer.unnamed || !contains(shard_.config().server.trusted_proxies, peer.address))
      from = address_key(peer.address);
    auto entered = shard_.admission().connection_opened(from, limits, steady_now());
    if (!entered.why_not.empty()) {
      shard_.say_refused("connection of {} refused: {}", peer.address.to_string(), entered.why_not);
      return true;
    }
    peer.place = std::move(entered.place);
  }
  prepare_socket(stream.descriptor(), limits.tcp_user_timeout);
  SslPtr ssl = tls_ ? tls_->create() : nullptr;
  if (tls_ && !(ssl && stream.start_tls(std::move(ssl)))) return false;
  return shard_.accepted(std::move(stream), std::move(peer));
}

// Who is not a trusted proxy could name any address: there the header is not even read.
void Listener::expect_introduction(AnyStream stream, const Address& proxy) {
  if (!contains(shard_.config().server.trusted_proxies, proxy)) {
    shard_.say_refused("connection of {} refused: the listener is for trusted proxies", proxy.to_string());
    return;
  }
  decltype(introductions_) made;
  const auto place = made.emplace(made.end());
  *place = std::make_unique<ProxyEntry>(
      shard_, std::move(stream),
      [this, proxy, place](AnyStream introduced_stream, const std::optional<ProxiedClient>& client,
                           std::string_view why) {
        // It is in the middle of this call.
        boost::asio::post(shard_.io(), [this, place] { introductions_.erase(place); });
        introduced(std::move(introduced_stream), proxy, client, why);
      });
  introductions_.splice(introductions_.end(), made);
  try {
    (*place)->start();
  } catch (...) {
    if (!(*place)->finished()) introductions_.erase(place);
    throw;
  }
}

void Listener::introduced(AnyStream stream, const Address& proxy, const std::optional<ProxiedClient>& client,
                          std::string_view why) {
  if (!client || shard_.draining()) {
    if (!why.empty()) shard_.say_refused("connection of proxy {} closed: {}", proxy.to_string(), why);
    return;
  }
  Peer peer = peer_at(client->address.value_or(proxy));
  peer.tls = peer.tls || client->secure;
  peer.unnamed = !client->address;
  if (!take(std::move(stream), std::move(peer))) {
    spdlog::error("connection of {} closed: out of memory", client->address.value_or(proxy).to_string());
  }
}

// Out of descriptors or memory: the connections wait in the backlog, and accepting again at once would only spin.
void Listener::back_off(int error) {
  const auto now = steady_now();
  if (now >= complain_again_) {
    complain_again_ = now + log_interval;
    spdlog::error("cannot accept connections: {}; trying again", std::strerror(error));
  }
  pause_.expires_after(back_off_time);
  pause_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || !acceptor_.is_open()) return;
    waiting_ = false;
    accept_some();
  });
  waiting_ = true;
}

}  // namespace gateway
