// c-ares on an io_context: watches its sockets, keeps its timer, hands over its answers. Knows nothing of SRV or
// domains. One shard, one thread. After destruction no callback is called; the ones that were due are dropped.
#pragma once
#include <ares.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "xmpp/time.hpp"

namespace gateway {

enum class DnsStatus : std::uint8_t {
  found,
  nothing,  // the name does not exist, or has no such record
  failed,   // no answer, or an answer that says that the server cannot tell
};

struct DnsAddresses {
  DnsStatus status = DnsStatus::failed;
  std::vector<boost::asio::ip::address> addresses;
  std::uint32_t ttl = 0;  // seconds
  std::string failure;
};

class DnsChannel {
 public:
  struct Options {
    std::vector<std::string> servers;                  // "address:port"; empty: those of the system
    bool search = false;                               // complete short names as the system does
    xmpp::Duration timeout = std::chrono::seconds(2);  // of one try with one server
  };
  using OnMessage = std::function<void(DnsStatus, std::span<const unsigned char>, std::string_view failure)>;
  using OnAddresses = std::function<void(DnsAddresses)>;

  DnsChannel(boost::asio::io_context& io, const Options& options);
  ~DnsChannel();
  DnsChannel(const DnsChannel&) = delete;
  DnsChannel& operator=(const DnsChannel&) = delete;

  // May call back before they return.
  void query_srv(const std::string& name, OnMessage callback);
  void query_addresses(const std::string& name, OnAddresses callback);

 private:
  using Descriptor = boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;
  struct Watch {
    Descriptor descriptor;
    std::uint64_t generation;
    bool want_read = false, want_write = false;  // what c-ares asks for
    bool reading = false, writing = false;       // waits in flight
  };

  void watch(int descriptor, bool read, bool write);
  void wait(int descriptor, Watch& watch);
  void ready(int descriptor, std::uint64_t generation, bool read, const boost::system::error_code& error);
  void arm_timer();
  void rethrow();

  boost::asio::io_context& io_;
  boost::asio::basic_waitable_timer<std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>,
                                    boost::asio::io_context::executor_type>
      timer_;
  std::unordered_map<int, Watch> watches_;
  std::uint64_t next_generation_ = 0;
  // Handlers that are already on their way when the channel goes find this gone and do nothing.
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  ares_channel channel_ = nullptr;
  std::string failure_;  // why there is no channel
  // Thrown in a callback (no memory): it must not pass through c-ares, so it waits here until that has returned.
  std::exception_ptr trouble_;
};

}  // namespace gateway
