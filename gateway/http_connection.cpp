#include "gateway/http_connection.hpp"

#include <array>
#include <boost/beast/http/error.hpp>
#include <utility>

#include "bosh/condition.hpp"
#include "gateway/clock.hpp"
#include "gateway/config.hpp"
#include "gateway/response_head.hpp"
#include "gateway/routes.hpp"
#include "gateway/shard.hpp"

namespace gateway {

namespace {

// How long a peer may take to read our last answer and close, once we have closed our side.
constexpr xmpp::Duration drain_time = std::chrono::seconds(2);
// The same, where most of a large body is still to come: browsers look at the answer only behind it.
constexpr xmpp::Duration discard_time = std::chrono::seconds(60);
constexpr std::string_view http_version = "HTTP/1.1 ";  // every answer begins with it
// What is read of a file at a time, and how often before the shard turns to its other connections.
constexpr std::size_t file_piece = 64 * 1024;
constexpr int pieces_in_one_go = 4;
constexpr std::string_view continue_response = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

HttpConnection::HttpConnection(Shard& shard, ConnectionId id, AnyStream stream, const Peer& peer)
    : Timed(shard.timers()), shard_(shard), id_(id), stream_(std::move(stream)), peer_(peer) {}

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
  const auto step = shard_.step_of(id_);
  unparsed_ = left_over;  // where it goes along, should the socket be handed on at once
  accept_request(head, body);
  if (!closed_ && !unparsed_.empty()) take(std::exchange(unparsed_, {}));
  if (!closed_ && stream_.has_buffered()) on_readable();
}

// ---- readiness -----------------------------------------------------------------------------------------------------

void HttpConnection::on_ready(Ready ready) {
  const auto step = shard_.step_of(id_);
  serve_ready(ready);
  note_buffered();
}

void HttpConnection::serve_ready(Ready ready) {
  if (handshaking_) return continue_handshake();
  if (half_closed_ && ready.error) return close();
  if (ready.read || ready.error) on_readable();
  if (!closed_ && blocked_) {
    const std::size_t before = outbox_.pending();
    const auto result = outbox_.flush(stream_);
    if (outbox_.pending() < before) set_deadline(shard_.config().limits.write_timeout);
    after_write(result);
  } else if (!closed_ && file_) {
    send_file();
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
  const auto buffer = shard_.read_buffer();
  do {
    const IoResult result = stream_.read(buffer);
    switch (result.status) {
      case IoStatus::ok:
        if (!draining_ && !last_request_) take({buffer.data(), result.bytes});
        break;
      case IoStatus::wait_read:
        return;
      case IoStatus::wait_write:
        return stream_.want_write(true);
      case IoStatus::end:
        return end_of_input();
      case IoStatus::failed:
        return close();
    }
  } while (!closed_ && stream_.has_buffered());
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

// Returns how many bytes are used up: the rest is the beginning of something incomplete.
std::size_t HttpConnection::parse(std::string_view bytes) {
  const auto& limits = shard_.config().limits;
  std::size_t used = 0;
  parsing_ = true;
  while (used < bytes.size() && !closed_ && !last_request_ && !leave_) {
    if (!parser_) {
      if (waiting_.size() >= limits.max_pipelined) {
        close();  // H-011: the head of the line is not being answered, and still more comes
        break;
      }
      parser_ = std::make_unique<RequestParser>(
          limits.max_header_bytes, limits.from_client.max_bytes,
          [this](std::string_view target) { return shard_.routes().streams_body(target); });
      got_header_ = false;
      set_deadline(limits.header_timeout);
    }
    boost::system::error_code error;
    used += parser_->parse(bytes.substr(used), error);
    if (parser_->is_done()) {
      request_complete();
      continue;
    }
    if (error && error != boost::beast::http::error::need_more) {
      refuse_unparsable(error);
      break;
    }
    if (parser_->is_header_done() && !got_header_) {
      got_header_ = true;
      set_deadline(limits.body_timeout);
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
  last_request_ = true;
  const auto sequence = static_cast<std::uint32_t>(first_ + waiting_.size() - 1) & sequence_mask;
  shard_.routes().refuse(shard_, *this, Request{make_request_id(id_, sequence), head, {}, peer_}, refusal);
}

void HttpConnection::end_of_input() {
  if ((waiting_.empty() && !file_) || draining_ || parser_) return close();
  // Who keeps the connection alive has no reason to close one half of it: that client is gone (H-022). Who does not,
  // old proxies and simple tools, may close its half after the request and wait for the answer (E-35).
  if (!last_request_) return close();
  half_closed_ = true;
  stream_.want_read(false);  // the end would be reported again and again
  probe();
}

// A proxy that speaks HTTP/1.0 to us closes both halves when its browser goes, which looks the same. What every answer
// begins with tells them apart before a stanza is at stake: who has closed both halves resets the connection at once,
// who waits for the answer has got the beginning of it.
void HttpConnection::probe() {
  if (file_ || waiting_.front().answered || outbox_.pending() > 0) return;
  answer_begun_ = true;
  outbox_.add(http_version);
  after_write(outbox_.flush(stream_));
}

// ---- writing -------------------------------------------------------------------------------------------------------

void HttpConnection::belongs_to(std::uint32_t sequence, SessionId session) {
  const std::uint32_t index = (sequence - first_) & sequence_mask;
  if (index < waiting_.size()) waiting_[index].session = session;
}

HttpConnection::Waiting* HttpConnection::unanswered(std::uint32_t sequence) {
  const std::uint32_t index = (sequence - first_) & sequence_mask;
  if (closed_ || write_failed_ || index >= waiting_.size() || waiting_[index].answered) return nullptr;
  return &waiting_[index];
}

void HttpConnection::answer(std::uint32_t sequence, const Answer& answer) {
  Waiting* const request = unanswered(sequence);
  if (request == nullptr) return;
  request->answered = true;
  request->close = answer.close || !request->keep_alive;

  std::string compressed;
  std::string_view body = answer.body;
  std::string_view coding;
  const auto& compression = shard_.config().compression;
  if (answer.compress && compression.enabled && body.size() >= compression.min_bytes &&
      request->accepted != Coding::identity && shard_.codec().compress(request->accepted, body, compressed)) {
    body = compressed;
    coding = name_of(request->accepted);
  }
  write_head(*request, answer, body.size(), coding);
  if (request->head_only) body = {};
  send_or_keep(sequence, body, nullptr);
}

void HttpConnection::answer(std::uint32_t sequence, const Answer& answer, FileBody file) {
  Waiting* const request = unanswered(sequence);
  if (request == nullptr) return;
  request->answered = true;
  request->close = answer.close || !request->keep_alive;
  write_head(*request, answer, static_cast<std::size_t>(file.left()), {});
  send_or_keep(sequence, {}, request->head_only ? nullptr : std::make_unique<FileBody>(std::move(file)));
}

// Into the shard's head buffer.
void HttpConnection::write_head(const Waiting& request, const Answer& answer, std::size_t length,
                                std::string_view coding) {
  const std::string cors = shard_.routes().cors().allow(answer.cross_origin, request.origin);
  const bool negotiable = answer.compress && shard_.config().compression.enabled;
  std::string& head = shard_.head_buffer();
  head.clear();
  write_response_head(head, ResponseHead{answer.status, answer.content_type, length, answer.fields, coding, cors,
                                         negotiable, request.http10, request.close, answer.cache_control});
}

void HttpConnection::send_or_keep(std::uint32_t sequence, std::string_view body, std::unique_ptr<FileBody> file) {
  const std::uint32_t index = (sequence - first_) & sequence_mask;
  const std::string& head = shard_.head_buffer();
  Waiting& request = waiting_[index];
  if (request.close) last_request_ = true;
  if (index != 0 || file_) {
    request.bytes.reserve(head.size() + body.size());
    request.bytes.append(head).append(body);
    request.file = std::move(file);
    return note_buffered();
  }
  outbox_.add(std::string_view(head).substr(std::exchange(answer_begun_, false) ? http_version.size() : 0));
  outbox_.add(body);
  file_ = std::move(file);
  pop_front();
  add_ready();
  if (!blocked_ && !shard_.poller().put_off(*this)) on_round_end();
}

void HttpConnection::on_round_end() {
  const auto step = shard_.step_of(id_);
  if (!closed_ && !write_failed_ && outbox_.pending() > 0) after_write(outbox_.flush(stream_));
  note_buffered();
}

void HttpConnection::session_failed(SessionId session) {
  for (std::size_t i = 0; i < waiting_.size();) {
    // Marked as answered and without bytes: that was being done when it failed.
    if (!waiting_[i].bytes.empty() || waiting_[i].session != session) {
      ++i;
      continue;
    }
    waiting_[i].answered = false;
    Answer answer;
    answer.content_type = bosh::default_content_type;
    answer.body = bosh::terminal_body(bosh::Condition::internal_server_error);
    answer.close = true;
    this->answer(static_cast<std::uint32_t>(first_ + i) & sequence_mask, answer);
    i = 0;  // what is answered in its turn is gone
  }
  on_round_end();  // there may be no end of the round any more
}

void HttpConnection::note_buffered() {
  std::size_t bytes = unparsed_.size() + outbox_.pending() + (parser_ ? parser_->kept_bytes() : 0);
  for (const auto& request : waiting_) bytes += request.bytes.size();
  shard_.note_buffered(buffered_, bytes);
}

void HttpConnection::pop_front() {
  if (waiting_.front().close) last_answered_ = true;
  const SessionId session = waiting_.front().session;
  unsent_ = session == unsent_for_ ? unsent_ + 1 : 1;
  unsent_for_ = session;
  waiting_.erase(waiting_.begin());
  first_ = (first_ + 1) & sequence_mask;
}

// Answers that were ready before their turn.
void HttpConnection::add_ready() {
  while (!file_ && !waiting_.empty() && waiting_.front().answered && !last_answered_) {
    outbox_.add(waiting_.front().bytes);
    file_ = std::move(waiting_.front().file);
    pop_front();
  }
}

// As much of the file as the client takes now, but not so much that the other connections would have to wait.
void HttpConnection::send_file() {
  std::array<char, file_piece> piece;
  for (int i = 0; i < pieces_in_one_go; ++i) {
    const auto size = file_->read(piece);
    if (!size) return break_off();
    const std::array<std::string_view, 1> parts{std::string_view(piece.data(), *size)};
    auto result = outbox_.write(stream_, parts);
    if (file_->left() == 0) {
      file_.reset();
      add_ready();
      if (result == Outbox::Result::done) result = outbox_.flush(stream_);
    }
    if (!file_ || result != Outbox::Result::done) return after_write(result);
  }
  set_deadline(shard_.config().limits.write_timeout);
  stream_.want_write(true);
}

// The length was promised: all that is left is to end early, which the client can tell from the end of the answer.
// Not at once, because a session may be in the middle of its step.
void HttpConnection::break_off() {
  file_.reset();
  write_failed_ = true;
  set_deadline(xmpp::Duration::zero());
}

void HttpConnection::after_write(Outbox::Result result) {
  switch (result) {
    case Outbox::Result::done:
      blocked_ = false;
      unsent_ = 0;
      if (file_) return send_file();
      stream_.want_write(false);
      if (last_answered_) {
        drain();
      } else {
        arm_deadline();
        try_leave();
      }
      return;
    case Outbox::Result::wait_read:  // TLS; reading is always on, and writes again afterwards
    case Outbox::Result::wait_write:
      if (!blocked_) set_deadline(shard_.config().limits.write_timeout);
      blocked_ = true;
      return stream_.want_write(result == Outbox::Result::wait_write);
    case Outbox::Result::failed:
      // The read side reports the loss, after what the peer may have sent before. Closing here would call into the
      // session in the middle of its step.
      write_failed_ = true;
      file_.reset();
      return set_deadline(half_closed_ ? xmpp::Duration::zero() : drain_time);
  }
}

// Closing with unread bytes in the receive buffer would reset the connection and could destroy our answer on the way:
// so our half is closed first, and what still comes is read and thrown away for a while (RFC 9112 9.6).
void HttpConnection::drain() {
  if (draining_) return;
  if (half_closed_) return close();  // everything was read long ago
  draining_ = true;
  stream_.shutdown_write();
  set_deadline(streamed_ ? discard_time : drain_time);
}

void HttpConnection::close() {
  if (closed_) return;
  closed_ = true;
  disarm();
  if (!draining_) stream_.shutdown_write();
  stream_.close();
  shard_.connection_closed(peer_);
  parser_.reset();
  // An answer that is not out completely has not arrived either.
  for (std::uint32_t i = unsent_; i > 0; --i) {
    shard_.request_gone(unsent_for_, make_request_id(id_, (first_ - i) & sequence_mask));
  }
  outbox_.clear();
  unparsed_ = {};
  file_.reset();
  const auto lost = std::exchange(waiting_, {});
  note_buffered();
  for (std::size_t i = 0; i < lost.size(); ++i) {
    const auto sequence = static_cast<std::uint32_t>(first_ + i) & sequence_mask;
    shard_.request_gone(lost[i].session, make_request_id(id_, sequence));
  }
  shard_.erase_connection_later(id_);
}

// ---- another shard, another kind ------------------------------------------------------------------------------------

void HttpConnection::leave(std::function<void(Left)> take) {
  leave_ = std::make_unique<std::function<void(Left)>>(std::move(take));
  try_leave();
}

void HttpConnection::try_leave() {
  if (!leave_ || parsing_ || closed_ || waiting_.size() != 1 || outbox_.pending() != 0 || file_) return;
  closed_ = true;  // as what it was
  disarm();
  waiting_.clear();
  (*leave_)(Left{stream_.release(), peer_, std::move(unparsed_)});
  shard_.erase_connection_later(id_);
}

// ---- time ----------------------------------------------------------------------------------------------------------

void HttpConnection::set_deadline(xmpp::Duration from_now) {
  deadline_ = steady_now() + from_now;
  arm(deadline_);
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
  } else {
    close();
  }
}

}  // namespace gateway
