// All shards of the process and what they share. Made by main, outlives every shard's thread.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "gateway/setup.hpp"
#include "gateway/shard.hpp"

namespace gateway {

// One line. Another try may do better: a port was taken, an address not there yet.
class CannotListen : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class ShardSet {
 public:
  // Opens all listeners; throws CannotListen, which names the address, when one cannot be opened.
  explicit ShardSet(SetupPtr setup);
  ~ShardSet();  // stops and joins
  ShardSet(const ShardSet&) = delete;
  ShardSet& operator=(const ShardSet&) = delete;

  void start();
  // One URL per listener, with the real port.
  [[nodiscard]] const std::vector<std::string>& urls() const { return urls_; }

  // New sessions run under the new setup, listeners take its certificates. Addresses and the number of threads stay.
  // Throws TlsError.
  void reload(SetupPtr setup);
  // `done` is called in some shard's thread when all sessions have ended, within shutdown_grace.
  void drain(std::function<void()> done);

  [[nodiscard]] Shard& shard(unsigned index) { return *shards_[index]; }
  [[nodiscard]] unsigned count() const { return static_cast<unsigned>(shards_.size()); }

 private:
  void open(const Listen& listen);

  SetupPtr setup_;
  Common common_;
  std::vector<std::unique_ptr<Shard>> shards_;
  struct Certificate {
    boost::asio::ip::tcp::endpoint address;  // as configured
    std::shared_ptr<ServerTls> tls;
  };
  std::vector<Certificate> certificates_;
  std::vector<std::string> urls_;
  std::atomic<unsigned> draining_{0};
};

}  // namespace gateway
