#include "gateway/http_connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/beast/http/error.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "bosh/condition.hpp"
#include "gateway/clock.hpp"
#include "gateway/config.hpp"
#include "gateway/response_head.hpp"
#include "gateway/routes.hpp"
#include "gateway/shard.hpp"

namespace gateway {

namespace {

// How many requests of a pipeline are served before the shard turns to its other connections, and how much of their
// answers may wait for the client: until it has read them, nothing more is read of it.
constexpr int requests_in_one_go = 16;
constexpr std::size_t enough_unread = 64 * 1024;
// Longer than a browser leaves unread what its system has; proxies reset connections that are idle for some seconds.
constexpr std::uint32_t seconds_to_read = 1;
constexpr std::string_view continue_response = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

HttpConnection::HttpConnection(Shard& shard, ConnectionId id, AnyStream stream, Peer peer)
    : Timed(shard.timers()), shard_(shard), id_(id), stream_(std::move(stream)), peer_(std::move(peer)) {}

HttpConnection::~HttpConnection() {
  shard_.note_buffered(buffered_, 0);
}

void HttpConnection::start() {
  const auto& limits = shard_.config().limits;
  handshaking_ = stream_.ssl() != nullptr;
  set_deadline(handshaking_ ? limits.handshake_timeout : limits.header_timeout);
  stream_.want_read(true);
  if (!stream_.watch(shard_.poller(), *this)) close();
}

void HttpConnection::adopt(const RequestHead& head, std::string_view body, std::string_view left_over) {
  stream_.want_read(true);
  if (!stream_.watch(shard_.poller(), *this)) return close();
  unparsed_ = left_over;  // where it goes along, should the socket be handed on at once
  accept_request(head, body);
  if (!closed_ && !unparsed_.empty()) take(std::exchange(unparsed_, {}));
  if (!closed_ && !paused_ && stream_.has_buffered()) on_readable();
}

// ---- readiness -----------------------------------------------------------------------------------------------------

void HttpConnection::on_ready(Ready ready) {
  const auto step = shard_.step_of(id_);
  serve_ready(ready);
  note_buffered();
}

void HttpConnection::serve_ready(Ready ready) {
  if (handshaking_) return continue_handshake();
  if ((half_closed_ || paused_) && ready.error) return close();
  if (!paused_ && (ready.read || ready.error)) on_readable();
  if (!closed_ && blocked_ && !write_failed_) {
    const std::size_t before = outbox_.pending();
    const auto result = outbox_.flush(stream_);
    if (outbox_.pending() < before) wait_for_reader();
    after_write(result);
  } else if (!closed_ && file_) {
    send_file();
  } else if (!closed_ && paused_ && ready.write) {
    resume();
  }
}

void HttpConnection::continue_handshake() {
  switch (stream_.handshake()) {
    case IoStatus::ok:
      handshaking_ = false;
      stream_.want(true, false);
      set_deadline(shard_.config().limits.header_timeout);
      // The first request may have come in the same packet as the end of the handshake.
      return on_readable();
    case IoStatus::wait_read:
      return stream_.want(true, false);
    case IoStatus::wait_write:
      return stream_.want(false, true);
    default:
      return close();
  }
}

void HttpConnection::on_readable() {
  const auto use = [this](std::span<char> bytes) {
    if (!draining_ && (leave_ || !last_request_)) take({bytes.data(), bytes.size()});
  };
  const IoStatus status = stream_.read_all(shard_.read_buffer(), use, [this] { return !closed_ && !paused_; });
  if (status == IoStatus::end) return end_of_input();
  if (status != IoStatus::failed) return;
  was_reset_ = true;
  close();
}

void HttpConnection::take(std::string_view bytes) {
  if (leave_) {  // nothing is parsed here any more: it belongs to whoever takes the socket
    unparsed_.append(bytes);
    if (unparsed_.size() > shard_.config().limits.max_header_bytes + shard_.config().limits.from_client.max_bytes)
      close();
    return;
  }
  if (unparsed_.empty()) {
    const std::size_t used = parse(bytes);
    if (!closed_) unparsed_.append(bytes.substr(used));
  } else {
    // Moved out, because a request that is complete may put its own left-over there.
    std::string all = std::exchange(unparsed_, {});
    all.append(bytes);
    const std::size_t used = parse(all);
    if (!closed_) unparsed_.append(all, used);
  }
  try_leave();
}

// The client gets its answers before more of its requests are looked at, and the other connections their turn: it goes
// on in a later round, when the socket takes more.
void HttpConnection::pause() {
  paused_ = true;
  stream_.want(false, true);
}

void HttpConnection::resume() {
  paused_ = false;
  stream_.want(true, false);
  if (!unparsed_.empty()) take({});
  if (!closed_ && !paused_ && stream_.has_buffered()) on_readable();
}

// Returns how many bytes are used up: the rest is the beginning of something incomplete.
std::size_t HttpConnection::parse(std::string_view bytes) {
  const auto& limits = shard_.config().limits;
  std::size_t used = 0;
  int served = 0;
  parsing_ = true;
  while (used < bytes.size() && !closed_ && !last_request_ && !leave_) {
    if (served == requests_in_one_go || (!write_failed_ && (file_ || outbox_.pending() > enough_unread))) {
      pause();
      break;
    }
    if (!parser_) {
      if (waiting_.size() >= limits.max_pipelined) {
        close();  // H-011: the head of the line is not being answered, and still more comes
        break;
      }
      parser_ = std::make_unique<RequestParser>(
          limits.max_header_bytes, limits.from_client.max_bytes,
          [this](std::string_view target) { return shard_.routes().streams_body(target); });
      got_header_ = false;
      read_within(limits.header_timeout);
    }
    boost::system::error_code error;
    used += parser_->parse(bytes.substr(used), error);
    if (parser_->is_done()) {
      request_complete();
      ++served;
      continue;
    }
    if (error && error != boost::beast::http::error::need_more) {
      refuse_unparsable(error);
      break;
    }
    if (parser_->is_header_done() && !got_header_) {
      got_header_ = true;
      read_within(limits.body_timeout);
      const RequestHead& head = parser_->head();
      // Out of turn it would be taken for the answer to an earlier request; the client sends on by itself then.
      if (head.expects_continue && !head.http10 && waiting_.empty() && !file_) {
        const std::array<std::string_view, 1> parts{continue_response};
        after_write(outbox_.write(stream_, parts));
      }
      if (head.streamed) request_complete();
    }
    break;
  }
  parsing_ = false;
  if (parser_) parser_->keep_body();  // `bytes` is the caller's
  return used;
}

void HttpConnection::request_complete() {
  const auto parser = std::move(parser_);
  accept_request(parser->head(), parser->body());
}

void HttpConnection::accept_request(const RequestHead& head, std::string_view body) {
  // What is proven by this one is for the session to say. One of a pipeline may have come before the answer went.
  if (unproven_ > 0 && outbox_.pending() == 0 && stream_.all_arrived()) unproven_ = 0;
  Waiting& entry = waiting_.emplace_back();
  entry.http10 = head.http10;
  entry.keep_alive = head.keep_alive && !head.streamed;
  entry.head_only = head.method == Method::head;
  entry.accepted = choose_coding(head.accept_encoding);
  if (shard_.routes().cors().depends_on_origin()) entry.origin = head.origin;
  if (!head.keep_alive) last_request_ = true;
  streamed_ = head.streamed;
  arm_deadline();
  const auto sequence = static_cast<std::uint32_t>(first_ + waiting_.size() - 1) & sequence_mask;
  shard_.routes().serve(shard_, *this, Request{make_request_id(id_, sequence), head, body, peer_});
}

// The framing is lost, or nobody waits for the rest: this is the last answer of the connection.
void HttpConnection::refuse_unparsable(boost::system::error_code code) {
  using boost::beast::http::error;
  refuse(code == error::body_limit     ? Refusal::body_too_large
         : code == error::header_limit ? Refusal::header_too_large
                                       : Refusal::malformed);
}

void HttpConnection::refuse(Refusal refusal) {
  RequestHead head = parser_->head();
  head.keep_alive = false;
  parser_.reset();
  Waiting& entry = waiting_.emplace_back();
  entry.http10 = head.http10;
  entry.head_only = head.method == Method::head;
  last_request_ = true;
  const auto sequence = static_cast<std::uint32_t>(first_ + waiting_.size() - 1) & sequence_mask;
  shard_.routes().refuse(shard_, *this, Request{make_request_id(id_, sequence), head, {}, peer_}, refusal);
}

void HttpConnection::end_of_input() {
  if ((waiting_.empty() && !file_ && outbox_.pending() == 0) || draining_ || parser_) return close();
  // Who keeps the connection alive has no reason to close one half of it: that client is gone (H-022). Who does not,
  // old proxies and simple tools, may close its half after the request and wait for the answer (E-35).
  if (!last_request_) return close();
  half_closed_ = true;
  stream_.want_read(false);  // the end would be reported again and again
  probe();
}

// ---- the end --------------------------------------------------------------------------------------------------------

void HttpConnection::close() {
  if (closed_) return;
  closed_ = true;
  disarm();
  // Who resets a connection just behind an answer may have left it unread, although its system has it (E-08). Where we
  // have ended our half, the end itself may be what has not arrived.
  const bool unread = was_reset_ && second_of(steady_now()) - answered_in_ <= seconds_to_read;
  const bool on_its_way = write_failed_ || outbox_.pending() > 0;
  const bool arrived = !on_its_way && (draining_ || half_closed_ || (!unread && stream_.all_arrived()));
  if (arrived) unproven_ = 0;
  if (!draining_) stream_.shutdown_write();
  stream_.close();
  peer_.place = {};
  parser_.reset();
  outbox_.clear();
  unparsed_ = {};
  file_.reset();
  report_gone();
  note_buffered();
  shard_.erase_connection_later(id_);
}

// An answer that is not out completely, or was still on its way, has not arrived as far as anybody knows. Who is told
// is crossed out before: it may throw.
void HttpConnection::report_gone() {
  const auto step = shard_.step_of(id_);
  while (unproven_ > 0) {
    const auto sequence = (first_ - unproven_--) & sequence_mask;
    shard_.request_gone(unproven_for_, make_request_id(id_, sequence));
  }
  while (!waiting_.empty()) {
    const auto sequence = std::exchange(first_, (first_ + 1) & sequence_mask);
    const SessionId session = waiting_.front().session;
    waiting_.erase(waiting_.begin());
    shard_.request_gone(session, make_request_id(id_, sequence));
  }
}

// ---- another shard, another kind ------------------------------------------------------------------------------------

std::string_view HttpConnection::hold_for(const Client& client) {
  return peer_.place.hold_for(address_key(client.address), shard_.config().limits);
}

void HttpConnection::leave(std::function<void(Left)> take) {
  leave_ = std::make_unique<std::function<void(Left)>>(std::move(take));
  try_leave();
}

void HttpConnection::try_leave() {
  if (!leave_ || parsing_ || closed_ || waiting_.size() != 1 || outbox_.pending() != 0 || file_) return;
  // As a step of its own: where the request was pipelined, it is a session's answer to the one before that lets the
  // connection go, in the middle of that session's step, and `take` may enter another.
  struct Handover {
    std::function<void(Left)> take;
    std::optional<Left> left;
  };
  const auto handover = std::make_shared<Handover>();
  boost::asio::post(shard_.io(), [handover] {
    if (handover->left) handover->take(std::move(*handover->left));
  });
  shard_.erase_connection_later(id_);  // the last that may throw: this is whole still, and the handover empty
  handover->take = std::move(*leave_);
  handover->left.emplace(Left{stream_.release(), std::move(peer_), std::move(unparsed_)});
  closed_ = true;  // as what it was
  disarm();
  unproven_ = 0;
  waiting_.clear();
}

// ---- time ----------------------------------------------------------------------------------------------------------

void HttpConnection::set_deadline(xmpp::Duration from_now) {
  deadline_ = steady_now() + from_now;
  arm(deadline_);
}

void HttpConnection::wait_for_reader() {
  progress_.begin(stream_);
  set_deadline(shard_.config().limits.write_timeout);
}

// Of a request that comes while an answer waits for the client: it does not put off the deadline of that one.
void HttpConnection::read_within(xmpp::Duration time) {
  const auto running = blocked_ || file_ ? deadline_ : xmpp::never;
  set_deadline(time);
  deadline_ = std::min(deadline_, running);
}

void HttpConnection::arm_deadline() {
  if (closed_ || draining_ || write_failed_ || outbox_.pending() > 0 || file_ || parser_) return;  // theirs runs
  if (waiting_.empty()) {
    set_deadline(shard_.config().limits.keepalive_timeout);
  } else {
    deadline_ = xmpp::never;  // the session bounds how long a request is held
  }
}

void HttpConnection::on_timer(xmpp::Instant now) {
  const auto step = shard_.step_of(id_);
  if (deadline_ == xmpp::never) return;
  if (now < deadline_) return arm(deadline_);
  if (parser_ && waiting_.empty() && !draining_ && !write_failed_ && !file_ && outbox_.pending() == 0) {
    refuse(Refusal::timed_out);
  } else if ((blocked_ || file_) && !write_failed_ && progress_.made(stream_)) {
    set_deadline(shard_.config().limits.write_timeout);
  } else {
    close();
  }
}

}  // namespace gateway
