// The writing half of HttpConnection: answers, their order, and how they leave.
#include <algorithm>
#include <array>
#include <utility>

#include "bosh/condition.hpp"
#include "gateway/config.hpp"
#include "gateway/http_connection.hpp"
#include "gateway/response_head.hpp"
#include "gateway/routes.hpp"
#include "gateway/shard.hpp"
#include "gateway/wall_clock.hpp"

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
// Of its answers with stanzas a session knows four times its window (bosh::RidWindow::trim), and the largest window
// that can be configured is 255: there is nothing to say about older ones, however many a connection has carried.
constexpr std::uint32_t most_known = 4 * 255;

}  // namespace

// A proxy that speaks HTTP/1.0 to us closes both halves when its browser goes, which looks the same. What every answer
// begins with tells them apart before a stanza is at stake: who has closed both halves resets the connection at once,
// who waits for the answer has got the beginning of it.
void HttpConnection::probe() {
  if (file_ || outbox_.pending() > 0 || waiting_.front().answered) return;
  answer_begun_ = true;
  outbox_.add(http_version);
  after_write(outbox_.flush(stream_));
}

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
  write_response_head(head,
                      ResponseHead{answer.status, answer.content_type, length, answer.fields, coding, cors, negotiable,
                                   request.http10, request.close, answer.cache_control, http_date_now()});
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
  if (closed_) return;
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
  unproven_ = session == unproven_for_ ? std::min(unproven_ + 1, most_known) : 1;
  unproven_for_ = session;
  answered_in_ = second_of(steady_now());
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
  wait_for_reader();
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
      if (file_) return send_file();
      stream_.want_write(paused_);
      if (last_answered_) {
        drain();
      } else {
        arm_deadline();
        try_leave();
      }
      return;
    case Outbox::Result::wait_read:  // TLS
    case Outbox::Result::wait_write:
      if (!blocked_) wait_for_reader();
      blocked_ = true;
      return stream_.want(!half_closed_ && (!paused_ || result == Outbox::Result::wait_read),
                          result == Outbox::Result::wait_write);
    case Outbox::Result::failed:
      // The read side reports the loss, after what the peer may have sent before. Closing here would call into the
      // session in the middle of its step.
      write_failed_ = true;
      file_.reset();
      stream_.want_write(false);
      if (std::exchange(paused_, false)) stream_.want(true, false);
      return set_deadline(half_closed_ ? xmpp::Duration::zero() : drain_time);
  }
}

// Closing with unread bytes in the receive buffer would reset the connection and could destroy our answer on the way:
// so our half is closed first, and what still comes is read and thrown away for a while (RFC 9112 9.6).
void HttpConnection::drain() {
  if (draining_) return;
  if (half_closed_) return close();  // everything was read long ago
  draining_ = true;
  unparsed_ = {};
  if (std::exchange(paused_, false)) stream_.want(true, false);
  stream_.shutdown_write();
  set_deadline(streamed_ ? discard_time : drain_time);
}

}  // namespace gateway
