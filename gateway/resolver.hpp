// From a domain to the addresses to try, in order: static server, or SRV of xmpp and xmpps, or A/AAAA
// (PROTOCOL U-001...U-008). c-ares on the io_context of the shard: nothing blocks, no thread, nothing global.
// Answers are shared by lookups that wait at the same time and kept as long as DNS says (failures for a fixed while),
// so a storm of logins asks DNS once. The lot among equal SRV records is drawn anew for each lookup. It checks every
// address against the policy of the domain; it does not connect.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config.hpp"
#include "xmpp/session.hpp"

namespace gateway {

struct Candidate {
  boost::asio::ip::tcp::endpoint endpoint;
  xmpp::TlsMode tls = xmpp::TlsMode::starttls;
  std::string host;  // for the log
};

struct Resolution {
  std::vector<Candidate> candidates;  // in the order to be tried; empty: see `failure`
  std::string failure;                // one line for the log
};

class Resolver {
 public:
  using Callback = std::function<void(Resolution)>;
  enum class Lookup : std::uint64_t { none };

  Resolver(boost::asio::io_context& io, const ServerConfig& server);
  ~Resolver();  // no callback is called any more
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Calls back exactly once, unless cancelled. When the answer is known without asking (address literal, cache) it does
  // so before it returns, and returns Lookup::none. `domain` is not kept.
  [[nodiscard]] Lookup resolve(const Domain& domain, Callback callback);
  // see-other-host of a server (U-016): `host` and `port` are the peer's word, so the policy is that of DNS results and
  // ports are restricted to those of XMPP and HTTPS (U-007). Port 0: SRV of that host, then A/AAAA.
  [[nodiscard]] Lookup resolve_redirect(const Domain& domain, std::string_view host, std::uint16_t port,
                                        Callback callback);
  // Where a server wants a file (XEP-0363): the addresses of the host alone. `listed`: the operator has named this very
  // place, so it may be anywhere; otherwise the policy is that of DNS results, and ports below 1024 are not for it but
  // for 443 (U-007).
  struct Host {
    std::string_view name;
    std::uint16_t port = 0;
    bool listed = false;
  };
  [[nodiscard]] Lookup resolve_host(const Domain& domain, const Host& host, Callback callback);
  void cancel(Lookup lookup);

  // A new configuration, or a system whose DNS servers may be others now: forgets what it knows and asks anew what is
  // being asked. Not from within a callback.
  void reconfigure(const ServerConfig& server);

  // Cancels all; for the end of the shard, so that the io_context can run out of work.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gateway
