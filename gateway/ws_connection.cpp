#include "gateway/ws_connection.hpp"

#include <array>
#include <utility>
#include <variant>

#include "gateway/clock.hpp"
#include "gateway/shard.hpp"
#include "gateway/ws_entry.hpp"
#include "gateway/ws_ticket.hpp"

namespace gateway {

namespace {

// How long the peer may take to answer our Close, once it has left.
constexpr xmpp::Duration close_time = std::chrono::seconds(5);
// What a client may let pile up of answers to its own pings before they are left out (RFC 6455 5.5.3 allows it).
constexpr std::size_t max_pending_pongs = 64 * 1024;

constexpr std::uint16_t no_status = 1005;

using Token = std::array<char, 8>;

Token write_token(std::uint64_t value) {
  Token token;
  for (auto byte = token.rbegin(); byte != token.rend(); ++byte, value >>= 8) *byte = static_cast<char>(value & 0xFF);
  return token;
}

std::uint64_t read_token(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

}  // namespace

WsConnection::WsConnection(Shard& shard, ConnectionId id, AnyStream stream, Peer peer)
    : Timed(shard.timers()),
      shard_(shard),
      id_(id),
      stream_(std::move(stream)),
      peer_(std::move(peer)),
      reader_(shard.config().limits.from_client.max_bytes, false) {}

WsConnection::~WsConnection() {
  shard_.note_buffered(buffered_, 0);
}

void WsConnection::begin(const Client& client, bool deflate) {
  client_ = std::make_unique<Client>(client);
  deflate_ = deflate;
  reader_ = FrameReader(shard_.config().limits.from_client.max_bytes, deflate_);
  stream_.want_read(true);
  if (!stream_.watch(shard_.poller(), *this)) return close();
  set_deadline(shard_.config().limits.header_timeout);  // for the first <open/>, or the ticket
}

void WsConnection::go_on(std::string unread) {
  if (!closed_ && !unread.empty()) take(unread);
  if (!closed_ && stream_.has_buffered()) on_readable();
}

void WsConnection::start(const WsHandshake& handshake, const Client& client, std::string unread, bool ticketed) {
  if (ticketed) door_ = std::make_unique<xmpp::TicketDoor>();
  begin(client, handshake.deflate);
  if (closed_) return;
  outbox_.add(handshake.response);
  write_soon();
  go_on(std::move(unread));
}

// ---- to another shard ----------------------------------------------------------------------------------------------

// Between two messages, and with nothing unsent: a client that shows its ticket has read what it was told before. One
// that has not is no client, and not waited for.
void WsConnection::move(std::span<char> unread) {
  if (!blocked_) flush();
  if (write_failed_ || outbox_.pending() > 0) return close();
  std::string rest(unread.data(), unread.size());
  shard_.erase_connection_later(id_);
  closed_ = true;  // as what it was
  disarm();
  const unsigned home = moving_->shard;
  shard_.move_websocket(
      home, MovedWebSocket{stream_.release(), std::move(peer_), *client_, *moving_, std::move(rest), deflate_});
  note_buffered();
}

void WsConnection::adopt(MovedWebSocket moved) {
  begin(moved.client, moved.deflate);
  if (!closed_) attach_session(shard_, *this, moved.sid);
  go_on(std::move(moved.unread));
}

void WsConnection::belongs_to(SessionId session) {
  session_ = session;
  client_.reset();
  door_.reset();
  deadline_ = xmpp::never;  // the engine asks for signs of life
}

SessionHost* WsConnection::session() const {
  return shard_.sessions().find(session_);
}

template <typename Entry>
void WsConnection::enter(Entry entry) {
  heard_ = true;
  if (SessionHost* const host = session()) {
    host->enter<xmpp::WsEngine>([&](xmpp::WsEngine& engine, xmpp::Instant now, xmpp::Actions& out) {
      engine.on_heard();
      entry(engine, now, out);
    });
  }
}

// ---- from the client -----------------------------------------------------------------------------------------------

void WsConnection::on_ready(Ready ready) {
  const auto step = shard_.step_of(id_);
  if (ready.read || ready.error) on_readable();
  if (!closed_ && blocked_) on_round_end();
}

// Outside of any step of the session, which may therefore be told.
void WsConnection::on_round_end() {
  const auto step = shard_.step_of(id_);
  if (closed_ || write_failed_ || outbox_.pending() == 0) return;
  flush();
  if (closing_ || (outbox_.pending() == 0 && !owing_)) return;
  owing_ = outbox_.pending() > 0;
  if (SessionHost* const host = session()) host->unsent(ref(), outbox_.pending());
}

void WsConnection::on_readable() {
  const IoStatus status = stream_.read_all(
      shard_.read_buffer(), [this](std::span<char> bytes) { take(bytes); }, [this] { return !closed_ && !paused_; });
  if (is_over(status)) close();
}

void WsConnection::take(std::span<char> bytes) {
  heard_ = false;
  while (!closed_ && !moving_) {
    const FrameReader::Event event = reader_.next(bytes);
    if (event.kind == FrameReader::Kind::more) break;
    on_event(event);
  }
  if (moving_ && !closed_) return move(bytes);
  // A long message on a slow line is a sign of life, too.
  if (!closed_ && !closing_ && !heard_) enter([](auto&, auto, auto&) {});
  note_buffered();
}

void WsConnection::note_buffered() {
  shard_.note_buffered(buffered_, reader_.kept_bytes() + outbox_.pending());
}

void WsConnection::on_event(const FrameReader::Event& event) {
  switch (event.kind) {
    case FrameReader::Kind::message:
      return on_message(event);
    case FrameReader::Kind::ping:
      if (!closing_ && outbox_.pending() < max_pending_pongs) send_control(Opcode::pong, event.payload);
      return;
    case FrameReader::Kind::pong:
      return on_pong(event.payload);
    case FrameReader::Kind::close:
      return on_peer_close(event.code);
    case FrameReader::Kind::violation:
      return on_violation(event.code);
    case FrameReader::Kind::more:
      return;
  }
}

void WsConnection::on_message(const FrameReader::Event& event) {
  if (closing_) return;
  if (!event.compressed) return on_text(event.payload);
  std::string text;
  switch (shard_.codec().inflate_message(event.payload, shard_.config().limits.from_client.max_bytes, text)) {
    case Codec::Outcome::ok:
      return is_utf8(text) ? on_text(text) : on_violation(static_cast<std::uint16_t>(xmpp::WsClose::bad_data));
    case Codec::Outcome::too_large:
      return on_violation(static_cast<std::uint16_t>(xmpp::WsClose::too_big));
    case Codec::Outcome::malformed:
      return on_violation(static_cast<std::uint16_t>(xmpp::WsClose::bad_data));
  }
}

void WsConnection::on_text(std::string_view text) {
  const auto message = shard_.framing_reader().read(text);
  if (session_ == no_session) {
    return door_ ? serve_at_door(shard_, *this, message) : open_session(shard_, *this, message);
  }
  enter([&](xmpp::WsEngine& engine, xmpp::Instant now, xmpp::Actions& out) {
    if (const auto* fault = std::get_if<xmpp::Fault>(&message)) {
      engine.on_fault(*fault, now, out);
    } else {
      engine.on_message(std::get<xmpp::Framed>(message), now, out);
    }
  });
}

void WsConnection::on_pong(std::string_view payload) {
  if (payload.size() != Token().size()) return;  // RFC 6455 5.5.3: also unasked for, and then about anything
  const std::uint64_t token = read_token(payload);
  enter([token](xmpp::WsEngine& engine, xmpp::Instant, xmpp::Actions& out) { engine.on_pong(token, out); });
}

void WsConnection::on_peer_close(std::uint16_t code) {
  if (!closing_) send_close(code == no_status ? static_cast<std::uint16_t>(xmpp::WsClose::normal) : code);
  if (!write_failed_ && !blocked_) flush();
  close();
}

void WsConnection::on_violation(std::uint16_t code) {
  if (closing_) return close();
  deaf_ = true;
  enter([code](xmpp::WsEngine& engine, xmpp::Instant now, xmpp::Actions& out) {
    engine.on_violation(xmpp::WsClose{code}, now, out);
  });
  finish(code);  // where there is no session yet
}

// ---- to the client -------------------------------------------------------------------------------------------------

std::size_t WsConnection::push(std::string_view message) {
  if (closed_ || closing_ || write_failed_) return 0;
  std::string compressed;
  const auto& config = shard_.config().websocket;
  const bool smaller =
      deflate_ && message.size() >= config.compression_min_bytes && shard_.codec().deflate_message(message, compressed);
  if (smaller) message = compressed;
  outbox_.add(frame_header(Opcode::text, message.size(), smaller).view());
  outbox_.add(message);
  write_soon();
  owing_ = owing_ || blocked_;
  return blocked_ ? outbox_.pending() : 0;
}

void WsConnection::ping(std::uint64_t token) {
  const Token payload = write_token(token);
  if (!closed_ && !closing_) send_control(Opcode::ping, {payload.data(), payload.size()});
}

void WsConnection::send_control(Opcode opcode, std::string_view payload) {
  if (write_failed_) return;
  outbox_.add(frame_header(opcode, payload.size()).view());
  outbox_.add(payload);
  write_soon();
}

void WsConnection::write_soon() {
  if (!blocked_ && !shard_.poller().put_off(*this)) flush();
  if (blocked_) note_buffered();
}

void WsConnection::flush() {
  after_write(outbox_.flush(stream_));
  note_buffered();
}

void WsConnection::send_close(std::uint16_t code) {
  const std::array<char, 2> payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  send_control(Opcode::close, {payload.data(), payload.size()});
}

void WsConnection::finish(std::uint16_t code) {
  if (closed_ || closing_) return;
  closing_ = true;
  send_close(code);
  if (paused_) pause(false);  // its Close must be seen
  set_deadline(blocked_ ? shard_.config().limits.write_timeout : close_time);
}

void WsConnection::pause(bool on) {
  if (closed_ || paused_ == on) return;
  paused_ = on;
  stream_.want_read(!on);
  // No readiness of the socket announces what TLS has decrypted already.
  if (!on && stream_.has_buffered()) arm(steady_now());
}

void WsConnection::after_write(Outbox::Result result) {
  switch (result) {
    case Outbox::Result::done:
      blocked_ = false;
      // RFC 6455 7.1.7: its Close will not be read, so only the end of our side can tell it that ours has come.
      if (deaf_ && closing_) stream_.shutdown_write();
      return stream_.want_write(false);
    case Outbox::Result::wait_read:  // TLS; whatever is read, writing is tried again afterwards
    case Outbox::Result::wait_write:
      blocked_ = true;
      return stream_.want_write(result == Outbox::Result::wait_write);
    case Outbox::Result::failed:
      // Closing here would call into the session in the middle of its step.
      write_failed_ = true;
      return set_deadline(xmpp::Duration::zero());
  }
}

void WsConnection::session_failed(SessionId session) {
  if (session == session_) finish(static_cast<std::uint16_t>(xmpp::WsClose::internal_error));
}

void WsConnection::give_up() {
  const auto step = shard_.step_of(id_);
  if (SessionHost* const host = session()) host->end(xmpp::EndReason::overload, overloaded);
  finish(static_cast<std::uint16_t>(xmpp::WsClose::try_again_later));  // where there is no session yet
  if (!blocked_ && !write_failed_) flush();
  close();
}

// ---- time and the end ----------------------------------------------------------------------------------------------

void WsConnection::set_deadline(xmpp::Duration from_now) {
  deadline_ = steady_now() + from_now;
  arm(deadline_);
}

void WsConnection::on_timer(xmpp::Instant now) {
  const auto step = shard_.step_of(id_);
  if (now >= deadline_) return close();
  arm(deadline_);
  if (!paused_ && stream_.has_buffered()) on_readable();
}

void WsConnection::close() {
  if (closed_) return;
  closed_ = true;
  disarm();
  stream_.shutdown_write();
  stream_.close();
  outbox_.clear();
  std::destroy_at(&reader_);  // assigned to, its strings would keep their memory, and others would be ended for it
  std::construct_at(&reader_, 0, false);
  note_buffered();
  peer_.place = {};
  if (SessionHost* const host = session()) host->lost(ref());
  shard_.erase_connection_later(id_);
}

}  // namespace gateway
