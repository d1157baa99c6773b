// Room 1 for WebSocket: one connection after its handshake, until it is closed. Takes frames apart, answers pings and
// the closing handshake, decompresses, and hands whole messages to the session; frames what the session pushes
// (RFC 6455, RFC 7692; PROTOCOL W-012 ... W-014, W-030, W-035).
//
// It knows no XMPP: what a message means is for the engine, and for ws_entry as long as there is no session. A
// connection that waits keeps no buffer.
//
// Owned by its shard, in whose thread everything happens; made from an HttpConnection by HttpConnection::leave().
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gateway/address.hpp"
#include "gateway/any_stream.hpp"
#include "gateway/http_connection.hpp"
#include "gateway/ids.hpp"
#include "gateway/outbox.hpp"
#include "gateway/sid.hpp"
#include "gateway/timers.hpp"
#include "gateway/ws_frames.hpp"
#include "gateway/ws_handshake.hpp"
#include "xmpp/ticket_door.hpp"
#include "xmpp/ws_engine.hpp"

namespace gateway {

class SessionHost;
class Shard;

// A connection on its way to the shard of the session whose ticket it has shown (ws_ticket.hpp).
struct MovedWebSocket {
  AnyStream stream;
  Peer peer;
  Client client;
  Sid sid;
  std::string unread;
  bool deflate = false;
};

class WsConnection final : public Timed, private Watcher {
 public:
  WsConnection(Shard& shard, ConnectionId id, AnyStream stream, Peer peer);
  ~WsConnection() override;

  // Answers the handshake and goes on with what was read behind it. `client`: who is behind the connection.
  // `ticketed`: to a door().
  void start(const WsHandshake& handshake, const Client& client, std::string unread, bool ticketed);
  // Goes on with what another shard has read (see move_to).
  void adopt(MovedWebSocket moved);

  // From now on its messages are for this session.
  void belongs_to(SessionId session);
  [[nodiscard]] xmpp::ConnectionRef ref() const { return make_connection_ref(id_); }
  // Until it belongs to a session.
  [[nodiscard]] const Client& client() const { return *client_; }
  // What stands before the session of somebody else's making; null: nothing does.
  [[nodiscard]] xmpp::TicketDoor* door() const { return door_.get(); }
  // Instead of belonging to a session here: its home is another shard. What follows is read there.
  void move_to(const Sid& sid) { moving_ = std::make_unique<Sid>(sid); }

  // What a binding asks for; see AnyConnection in shard.hpp.
  std::size_t push(std::string_view message);
  void ping(std::uint64_t token);
  void finish(std::uint16_t code);
  void pause(bool on);

  // Something is unsent, or the peer has not yet answered our good-bye.
  [[nodiscard]] bool writing() const { return !closed_ && (outbox_.pending() > 0 || closing_); }
  // A step of its session has failed; the session is gone.
  void session_failed(SessionId session);
  // Its memory is needed: closes, and tells the client why if the socket takes that at once.
  void give_up();
  // Unfinished messages and unsent frames, for max_buffered_bytes.
  [[nodiscard]] std::uint32_t buffered() const { return buffered_; }
  void close();

 private:
  void on_timer(xmpp::Instant now) override;
  void on_ready(Ready ready) override;
  void on_round_end() override;
  void on_readable();
  void begin(const Client& client, bool deflate);
  void go_on(std::string unread);
  void move(std::span<char> unread);
  void take(std::span<char> bytes);
  void on_event(const FrameReader::Event& event);
  void on_message(const FrameReader::Event& event);
  void on_text(std::string_view text);
  void on_pong(std::string_view payload);
  void on_peer_close(std::uint16_t code);
  void on_violation(std::uint16_t code);
  void send_control(Opcode opcode, std::string_view payload);
  void send_close(std::uint16_t code);
  void write_soon();
  void flush();
  void after_write(Outbox::Result result);
  void set_deadline(xmpp::Duration from_now);
  void note_buffered();
  [[nodiscard]] SessionHost* session() const;
  template <typename Entry>
  void enter(Entry entry);

  Shard& shard_;
  const ConnectionId id_;
  AnyStream stream_;
  Peer peer_;
  std::unique_ptr<Client> client_;  // only until there is a session, like the next two
  std::unique_ptr<xmpp::TicketDoor> door_;
  std::unique_ptr<Sid> moving_;
  SessionId session_;
  FrameReader reader_;
  Outbox outbox_;
  xmpp::Instant deadline_ = xmpp::never;
  std::uint32_t buffered_ = 0;  // as it was told to the shard
  bool deflate_ = false;
  bool heard_ = false;         // the present read has told the session that the client lives
  bool blocked_ = false;       // what is unsent waits for the peer to read
  bool owing_ = false;         // the session knows that something is unsent
  bool paused_ = false;        // the session does not want more from the client now
  bool write_failed_ = false;  // the peer is gone; to be closed outside of the step that found it out
  bool deaf_ = false;          // a frame was wrong: what follows has no meaning
  bool closing_ = false;       // our Close is sent: nothing is said any more, the peer's is awaited
  bool closed_ = false;
};

}  // namespace gateway
