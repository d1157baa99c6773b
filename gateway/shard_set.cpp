#include "gateway/shard_set.hpp"

#include "gateway/listener.hpp"

#include <system_error>
#include <utility>

namespace gateway {

namespace {

std::string url_of(const boost::asio::ip::tcp::endpoint& endpoint, bool tls) {
  const auto address = endpoint.address();
  const std::string host = address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
  return (tls ? "https://" : "http://") + host + ":" + std::to_string(endpoint.port());
}

}  // namespace

ShardSet::ShardSet(SetupPtr setup) : setup_(std::move(setup)) {
  for (unsigned i = 0; i < setup_->config.server.threads; ++i) {
    shards_.push_back(std::make_unique<Shard>(*this, common_, i, setup_));
  }
  for (const Listen& listen : setup_->config.listen) open(listen);
}

ShardSet::~ShardSet() {
  for (auto& shard : shards_) shard->stop();
  for (auto& shard : shards_) shard->join();
}

void ShardSet::open(const Listen& listen) {
  std::shared_ptr<ServerTls> tls;
  if (listen.secure()) tls = std::make_shared<ServerTls>(listen.certificate, listen.key);
  try {
    auto endpoint = listen.address;
    const bool shared = shards_.size() > 1;
    // SO_REUSEPORT would let a second gateway bind the same port and take half of the connections: a listener of our
    // own must come first and find the port free.
    if (shared) endpoint = Listener(*shards_.front(), listen, endpoint, false, tls).local_endpoint();
    for (auto& shard : shards_) {
      auto listener = std::make_unique<Listener>(*shard, listen, endpoint, shared, tls);
      endpoint = listener->local_endpoint();
      shard->listen(std::move(listener));
    }
    urls_.push_back(url_of(endpoint, listen.secure()));
  } catch (const boost::system::system_error& error) {
    throw CannotListen(setup_->config.file + ": cannot listen on " + url_of(listen.address, listen.secure()) + ": " +
                       error.code().message() + "; choose another address in [[listen]], or end what uses it");
  }
  if (tls) certificates_.push_back({listen.address, std::move(tls)});
}

void ShardSet::start() {
  for (auto& shard : shards_) shard->start();
}

void ShardSet::reload(SetupPtr setup) {
  // All are read before the first one is taken: one that is at fault leaves everything as it was.
  std::vector<std::pair<ServerTls*, SslContextPtr>> fresh;
  for (const Listen& listen : setup->config.listen) {
    for (auto& known : certificates_) {
      if (known.address != listen.address || !listen.secure()) continue;
      fresh.emplace_back(known.tls.get(), ServerTls::read(listen.certificate, listen.key));
    }
  }
  for (auto& [tls, context] : fresh) tls->take(std::move(context));
  setup_ = std::move(setup);
  common_.health.forget();
  for (auto& shard : shards_) shard->reload(setup_);
}

void ShardSet::drain(std::function<void()> done) {
  common_.health.draining();
  draining_ = count();
  for (auto& shard : shards_) {
    shard->drain(setup_->config.server.shutdown_grace, [this, done] {
      if (--draining_ == 0) done();
    });
  }
}

}  // namespace gateway
