// A connection of which the PROXY protocol header has not come completely: takes exactly its bytes from the socket, not
// one of what follows, and tells who is behind it. Silence, nonsense and the end are told as nobody. Owned by its
// listener; destroyed by it, but never from within its own call.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "gateway/any_stream.hpp"
#include "gateway/proxy_header.hpp"
#include "gateway/timers.hpp"

namespace gateway {

class Shard;

class ProxyEntry final : public Timed, private Watcher {
 public:
  // Once. Without a client: `why` is for the log; empty when nothing at all was said, as load balancers do that only
  // look whether somebody is there.
  using Done = std::function<void(AnyStream stream, const std::optional<ProxiedClient>& client, std::string_view why)>;

  // `stream`: a plain non-blocking socket; it is the callee's with done().
  ProxyEntry(Shard& shard, AnyStream stream, Done done);

  void start();
  // done() has been called, or is being.
  [[nodiscard]] bool finished() const { return finished_; }

 private:
  void on_timer(xmpp::Instant now) override;
  void on_ready(Ready ready) override;
  void read();
  void finish(const std::optional<ProxiedClient>& client, std::string_view why);

  Shard& shard_;
  AnyStream stream_;
  Done done_;
  std::string begin_;
  xmpp::Instant until_ = xmpp::never;
  bool finished_ = false;
};

}  // namespace gateway
