// Room 1 for endless pages: one response without end, delimited by the end of the connection, because only then do all
// browsers load a page anew after a cut (PROTOCOL Z-002). Writes what the session pushes and throws away what the
// client still sends; says good-bye with FIN and reads on until the client has closed, because a reset would destroy
// the last chunk and shows an error page in some browsers.
//
// It knows no page: what a chunk means is for the engine. A stream that waits keeps no buffer.
//
// Owned by its shard, in whose thread everything happens; made from an HttpConnection by HttpConnection::leave().
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/any_stream.hpp"
#include "gateway/http_connection.hpp"
#include "gateway/ids.hpp"
#include "gateway/outbox.hpp"
#include "gateway/timers.hpp"

namespace gateway {

class Shard;

class PushConnection final : public Timed, private Watcher {
 public:
  PushConnection(Shard& shard, ConnectionId id, AnyStream stream, Peer peer);
  ~PushConnection() override;

  // Sends the head of the response; what is pushed then follows it.
  void start(std::string_view head, SessionId session);
  [[nodiscard]] xmpp::ConnectionRef ref() const { return make_connection_ref(id_); }

  // What a binding asks for; see AnyConnection in shard.hpp.
  std::size_t push(std::string_view chunk);
  void finish(std::uint16_t code);
  // After a fault in its session: the page loads itself anew and says that the session is over.
  void session_failed(SessionId session);

  // What was pushed is with the client's machine.
  [[nodiscard]] bool all_arrived() const { return !closed_ && outbox_.pending() == 0 && stream_.all_arrived(); }

  // Also when memory is short.
  void close();
  // Unsent chunks, for max_buffered_bytes.
  [[nodiscard]] std::uint32_t buffered() const { return buffered_; }
  [[nodiscard]] bool writing() const { return !closed_ && outbox_.pending() > 0; }

 private:
  void on_timer(xmpp::Instant now) override;
  void on_ready(Ready ready) override;
  void on_readable();
  void after_write(Outbox::Result result);
  void check_arrival(xmpp::Instant now);
  void set_deadline(xmpp::Duration from_now);
  void wait_for_reader();
  void note_buffered();

  Shard& shard_;
  const ConnectionId id_;
  AnyStream stream_;
  Peer peer_;
  SessionId session_;
  Outbox outbox_;
  xmpp::Instant deadline_ = xmpp::never;
  // When the oldest was written that may not have arrived, or some of it has arrived since; never: all has.
  xmpp::Instant unproven_since_ = xmpp::never;
  Progress progress_;
  std::uint32_t buffered_ = 0;  // as it was told to the shard
  bool blocked_ = false;        // a chunk waits for the client to read
  bool checking_ = false;       // deadline_ is for check_arrival()
  bool finishing_ = false;      // nothing more will be pushed
  bool drained_ = false;        // and our side is closed
  bool closed_ = false;
};

}  // namespace gateway
