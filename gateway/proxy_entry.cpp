#include "gateway/proxy_entry.hpp"

#include <utility>

#include "gateway/clock.hpp"
#include "gateway/shard.hpp"

namespace gateway {

ProxyEntry::ProxyEntry(Shard& shard, AnyStream stream, Done done)
    : Timed(shard.timers()), shard_(shard), stream_(std::move(stream)), done_(std::move(done)) {}

void ProxyEntry::start() {
  until_ = steady_now() + shard_.config().limits.header_timeout;
  arm(until_);
  stream_.want_read(true);
  if (!stream_.watch(shard_.poller(), *this)) finish({}, "out of memory");
}

void ProxyEntry::on_timer(xmpp::Instant now) {
  if (now < until_) return arm(until_);
  finish({}, "no PROXY protocol header in time");
}

void ProxyEntry::on_ready(Ready) {
  if (!finished_) read();
}

void ProxyEntry::read() {
  for (;;) {
    const ProxyHeader header = read_proxy_header(begin_);
    if (const auto* const client = std::get_if<ProxiedClient>(&header)) return finish(*client, {});
    if (const auto* const none = std::get_if<NoProxyHeader>(&header)) {
      return finish({}, "PROXY protocol: " + std::string(none->why));
    }
    const std::size_t had = begin_.size();
    const std::size_t wanted = std::get<MoreNeeded>(header).bytes;
    begin_.resize(had + wanted);
    const IoResult result = stream_.read(std::span(begin_).subspan(had));
    begin_.resize(had + result.bytes);
    if (result.status == IoStatus::wait_read) return;
    if (result.status != IoStatus::ok)
      return finish({}, begin_.empty() ? "" : "ended within the PROXY protocol header");
  }
}

void ProxyEntry::finish(const std::optional<ProxiedClient>& client, std::string_view why) {
  finished_ = true;
  disarm();
  done_(stream_.release(), client, why);
}

}  // namespace gateway
