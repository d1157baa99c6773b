// SessionHost: whether a server knows who the browser is, and what it may do until then (limits: max_unauthenticated_*,
// unauthenticated_timeout).
#include <boost/asio/post.hpp>

#include "gateway/session_host.hpp"
#include "gateway/shard.hpp"

namespace gateway {

void SessionHost::note_stage(const xmpp::Stanza& delivered) {
  using Stage = SessionPlace::Stage;
  if (ended_) return;
  // A server sends messages and presence to nobody who has not logged in, by whatever means; but some give those of
  // such a client back to it as errors.
  const bool from_somebody =
      (delivered.kind == xmpp::StanzaKind::message || delivered.kind == xmpp::StanzaKind::presence) &&
      delivered.type != xmpp::StanzaType::error;
  const bool logged_in = session_.logged_in() || from_somebody;
  const Stage reached = logged_in ? Stage::logged_in : Stage::unauthenticated;
  if (reached != place_.stage()) place_.advance(reached);
}

// A browser whom no server knows yet. Once its own stream is closed the login is that of any other one.
void SessionHost::watch_stranger() {
  if (stream_closed_ && branches_ && branches_->any_logged_in()) {
    place_.advance(SessionPlace::Stage::logged_in);
  } else {
    limit_early_bytes();
  }
}

// What there may be of it: what has gone to the server and what waits for that. The end comes as a step of its own:
// this is the middle of one.
void SessionHost::limit_early_bytes() {
  const std::size_t waiting = ask([](const auto& engine) -> std::size_t {
    if constexpr (HoldsUnforwarded<decltype(engine)>) return engine.unforwarded_bytes();
    return 0;
  });
  if (early_bytes_ + waiting <= setup_->config.limits.max_unauthenticated_bytes) return;
  boost::asio::post(shard_.io(), [&shard = shard_, id = id_] {
    if (SessionHost* const host = shard.sessions().find(id)) {
      host->end(xmpp::EndReason::policy, "max_unauthenticated_bytes reached");
    }
  });
}

xmpp::Instant SessionHost::login_deadline() const {
  if (ended_ || logged_in()) return xmpp::never;
  return created_ + setup_->config.limits.unauthenticated_timeout;
}

}  // namespace gateway
