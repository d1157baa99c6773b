// One listening socket of one shard (SO_REUSEPORT: each shard has its own, the kernel spreads the connections), and
// the loop that accepts. When descriptors run out it backs off instead of spinning; existing sessions live on.
// Where the configuration says so a connection begins with a PROXY header, which is read before anything else.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <optional>

#include "gateway/config.hpp"
#include "gateway/http_connection.hpp"
#include "gateway/proxy_entry.hpp"
#include "gateway/tls.hpp"

namespace gateway {

class Shard;

class Listener {
 public:
  // Opens, binds and listens at `endpoint` (that of `listen`, with the port that the first shard got where it asked
  // for 0); throws std::system_error. `shared`: other shards listen there too. `tls`: null for plain HTTP.
  Listener(Shard& shard, const Listen& listen, const boost::asio::ip::tcp::endpoint& endpoint, bool shared,
           std::shared_ptr<const ServerTls> tls);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void start();
  void stop();
  // After an exception has left it: goes on.
  void resume();
  [[nodiscard]] boost::asio::ip::tcp::endpoint local_endpoint() const { return acceptor_.local_endpoint(); }

 private:
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;
  void wait();
  void accept_some();
  [[nodiscard]] bool take(AnyStream stream, Peer peer);
  void expect_introduction(AnyStream stream, const Address& proxy);
  void introduced(AnyStream stream, const Address& proxy, const std::optional<ProxiedClient>& client,
                  std::string_view why);
  [[nodiscard]] Peer peer_at(const Address& address) const { return {address, tls_ != nullptr, private_, false, {}}; }
  void back_off(int error);

  Shard& shard_;
  const bool private_;
  const bool proxy_protocol_;
  const std::shared_ptr<const ServerTls> tls_;
  Acceptor acceptor_;
  boost::asio::steady_timer pause_;
  std::list<std::unique_ptr<ProxyEntry>> introductions_;  // of which the header is not complete
  xmpp::Instant complain_again_{};                        // when the next failure may be logged
  bool waiting_ = false;                                  // for connections, or for the end of a pause
};

}  // namespace gateway
