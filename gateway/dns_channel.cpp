#include "gateway/dns_channel.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace gateway {

namespace {

constexpr int tries = 3;
constexpr int datagram_size = 1232;           // what passes everywhere unfragmented
constexpr std::size_t most_of_a_family = 32;  // far more than anybody tries; an answer over TCP holds thousands

DnsStatus status_of(int code) {
  switch (code) {
    case ARES_SUCCESS:
      return DnsStatus::found;
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
      return DnsStatus::nothing;
    default:
      return DnsStatus::failed;
  }
}

template <class Callback>
struct Call {
  Callback callback;
  std::weak_ptr<const bool> alive;
  std::exception_ptr& trouble;  // while alive
};

// c-ares is C: nothing may be thrown through it.
template <class Step>
void keep_trouble(std::exception_ptr& trouble, Step step) noexcept {
  try {
    step();
  } catch (...) {
    if (!trouble) trouble = std::current_exception();
  }
}

void on_message(void* argument, int code, int, unsigned char* bytes, int size) {
  const std::unique_ptr<Call<DnsChannel::OnMessage>> call(static_cast<Call<DnsChannel::OnMessage>*>(argument));
  if (call->alive.expired()) return;
  const std::span<const unsigned char> message(bytes, bytes == nullptr ? 0 : static_cast<std::size_t>(size));
  keep_trouble(call->trouble, [&] { call->callback(status_of(code), message, ares_strerror(code)); });
}

std::vector<boost::asio::ip::address> addresses_of(const ares_addrinfo& info, std::uint32_t& ttl) {
  std::vector<boost::asio::ip::address> addresses;
  std::size_t fours = 0, sixes = 0;
  for (const ares_addrinfo_node* node = info.nodes; node != nullptr; node = node->ai_next) {
    boost::asio::ip::address address;
    if (node->ai_family == AF_INET) {
      sockaddr_in four{};
      std::memcpy(&four, node->ai_addr, sizeof four);
      address = boost::asio::ip::address_v4(ntohl(four.sin_addr.s_addr));
    } else if (node->ai_family == AF_INET6) {
      sockaddr_in6 six{};
      std::memcpy(&six, node->ai_addr, sizeof six);
      boost::asio::ip::address_v6::bytes_type bytes;
      std::memcpy(bytes.data(), &six.sin6_addr, bytes.size());
      address = boost::asio::ip::address_v6(bytes);
    } else {
      continue;
    }
    ttl = std::min(ttl, static_cast<std::uint32_t>(std::max(node->ai_ttl, 0)));
    std::size_t& of_its_family = address.is_v4() ? fours : sixes;
    if (of_its_family == most_of_a_family) continue;
    if (std::find(addresses.begin(), addresses.end(), address) != addresses.end()) continue;
    addresses.push_back(address);
    ++of_its_family;
  }
  return addresses;
}

void on_addresses(void* argument, int code, int, ares_addrinfo* result) {
  const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> info(result, &ares_freeaddrinfo);
  const std::unique_ptr<Call<DnsChannel::OnAddresses>> call(static_cast<Call<DnsChannel::OnAddresses>*>(argument));
  if (call->alive.expired()) return;
  keep_trouble(call->trouble, [&] {
    DnsAddresses answer;
    answer.status = status_of(code);
    answer.failure = ares_strerror(code);
    if (info) {
      answer.ttl = std::numeric_limits<std::uint32_t>::max();
      answer.addresses = addresses_of(*info, answer.ttl);
    }
    if (answer.status == DnsStatus::found && answer.addresses.empty()) answer.status = DnsStatus::nothing;
    call->callback(std::move(answer));
  });
}

}  // namespace

DnsChannel::DnsChannel(boost::asio::io_context& io, const Options& options) : io_(io), timer_(io) {
  // Counts its calls, but without a lock: once for all shards.
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  ares_options settings{};
  int mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
             ARES_OPT_SOCK_STATE_CB;
  // Without EDNS the answers of larger services do not fit into a datagram and each of them costs a TCP connection.
  settings.flags = ARES_FLAG_EDNS;
  settings.ednspsz = datagram_size;
  settings.timeout = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(options.timeout).count());
  settings.tries = tries;
  char lookups[] = "fb";  // /etc/hosts first, then DNS
  settings.lookups = lookups;
  settings.sock_state_cb = [](void* self, ares_socket_t descriptor, int read, int write) {
    auto& channel = *static_cast<DnsChannel*>(self);
    keep_trouble(channel.trouble_, [&] { channel.watch(descriptor, read != 0, write != 0); });
  };
  settings.sock_state_cb_data = this;
  // An empty list: names are complete as they are.
  if (!options.search) mask |= ARES_OPT_DOMAINS;
  int code = library == ARES_SUCCESS ? ares_init_options(&channel_, &settings, mask) : library;
  if (code == ARES_SUCCESS && !options.servers.empty()) {
    std::string list;
    for (const auto& server : options.servers) list += (list.empty() ? "" : ",") + server;
    code = ares_set_servers_ports_csv(channel_, list.c_str());
  }
  if (code != ARES_SUCCESS) {
    failure_ = std::string("DNS cannot be used: ") + ares_strerror(code);
    if (channel_ != nullptr) ares_destroy(channel_);
    channel_ = nullptr;
  }
}

DnsChannel::~DnsChannel() {
  alive_.reset();
  // Calls back for all that is open, which then finds nobody alive, and closes the sockets by way of watch().
  if (channel_ != nullptr) ares_destroy(channel_);
}

void DnsChannel::query_srv(const std::string& name, OnMessage callback) {
  if (channel_ == nullptr) return callback(DnsStatus::failed, {}, failure_);
  constexpr int class_internet = 1, type_srv = 33;
  auto call = std::make_unique<Call<OnMessage>>(Call<OnMessage>{std::move(callback), alive_, trouble_});
  ares_query(channel_, name.c_str(), class_internet, type_srv, &on_message, call.release());
  arm_timer();
  rethrow();
}

void DnsChannel::query_addresses(const std::string& name, OnAddresses callback) {
  if (channel_ == nullptr) {
    DnsAddresses unusable;
    unusable.failure = failure_;
    return callback(std::move(unusable));
  }
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  // Unsorted: sorting opens a socket an address to ask the kernel for routes; families are interleaved later anyway.
  hints.ai_flags = ARES_AI_NOSORT;
  auto call = std::make_unique<Call<OnAddresses>>(Call<OnAddresses>{std::move(callback), alive_, trouble_});
  ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, &on_addresses, call.release());
  arm_timer();
  rethrow();
}

void DnsChannel::watch(int descriptor, bool read, bool write) {
  auto found = watches_.find(descriptor);
  if (!read && !write) {
    // c-ares closes it right after this.
    if (found != watches_.end()) {
      found->second.descriptor.release();
      watches_.erase(found);
    }
    return;
  }
  if (found == watches_.end()) {
    found = watches_.emplace(descriptor, Watch{Descriptor(io_, descriptor), ++next_generation_}).first;
  }
  found->second.want_read = read;
  found->second.want_write = write;
  wait(descriptor, found->second);
}

void DnsChannel::wait(int descriptor, Watch& watch) {
  const auto start = [&](Descriptor::wait_type type, bool read) {
    watch.descriptor.async_wait(type, [this, alive = std::weak_ptr(alive_), descriptor, generation = watch.generation,
                                       read](const boost::system::error_code& error) {
      if (!alive.expired()) ready(descriptor, generation, read, error);
    });
  };
  if (watch.want_read && !watch.reading) {
    watch.reading = true;
    start(Descriptor::wait_read, true);
  }
  if (watch.want_write && !watch.writing) {
    watch.writing = true;
    start(Descriptor::wait_write, false);
  }
}

void DnsChannel::ready(int descriptor, std::uint64_t generation, bool read, const boost::system::error_code& error) {
  const auto current = [&]() -> Watch* {
    const auto found = watches_.find(descriptor);
    // The number may belong to a later socket by now.
    return found != watches_.end() && found->second.generation == generation ? &found->second : nullptr;
  };
  Watch* watch = current();
  if (watch == nullptr) return;
  (read ? watch->reading : watch->writing) = false;
  if (error) return;
  if (read ? watch->want_read : watch->want_write) {
    ares_process_fd(channel_, read ? descriptor : ARES_SOCKET_BAD, read ? ARES_SOCKET_BAD : descriptor);
  }
  watch = current();
  if (watch != nullptr) wait(descriptor, *watch);
  arm_timer();
  rethrow();
}

void DnsChannel::rethrow() {
  if (trouble_) std::rethrow_exception(std::exchange(trouble_, nullptr));
}

void DnsChannel::arm_timer() {
  timeval left{};
  if (ares_timeout(channel_, nullptr, &left) == nullptr) {
    timer_.cancel();
    return;
  }
  // A millisecond more than asked for: woken early, c-ares would find nothing due and be asked again at once.
  timer_.expires_after(std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec) +
                       std::chrono::milliseconds(1));
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
    if (error || alive.expired()) return;
    ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_timer();
    rethrow();
  });
}

}  // namespace gateway
