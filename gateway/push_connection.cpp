#include "gateway/push_connection.hpp"

#include <array>
#include <utility>

#include "gateway/clock.hpp"
#include "gateway/session_host.hpp"
#include "gateway/shard.hpp"

namespace gateway {

namespace {

// How long the browser may take to read the last chunk and close, once we have closed our side.
constexpr xmpp::Duration drain_time = std::chrono::seconds(5);
// From a chunk to the question whether it has arrived. Until then the session takes it for unseen.
constexpr xmpp::Duration arrival_check = std::chrono::milliseconds(500);

}  // namespace

PushConnection::PushConnection(Shard& shard, ConnectionId id, AnyStream stream, Peer peer)
    : Timed(shard.timers()), shard_(shard), id_(id), stream_(std::move(stream)), peer_(std::move(peer)) {}

PushConnection::~PushConnection() {
  shard_.note_buffered(buffered_, 0);
}

void PushConnection::start(std::string_view head, SessionId session) {
  session_ = session;
  outbox_.add(head);  // goes out together with the beginning of the page
  stream_.want_read(true);
  if (!stream_.watch(shard_.poller(), *this)) set_deadline(xmpp::Duration::zero());
}

void PushConnection::on_ready(Ready ready) {
  const auto step = shard_.step_of(id_);
  if (ready.read || ready.error) on_readable();
  if (closed_ || outbox_.pending() == 0) return;
  const std::size_t before = outbox_.pending();
  after_write(outbox_.flush(stream_));
  if (closed_ || outbox_.pending() == before) return;
  if (outbox_.pending() > 0) wait_for_reader();
  if (finishing_) return;
  if (SessionHost* const host = shard_.sessions().find(session_)) host->unsent(ref(), outbox_.pending());
}

void PushConnection::on_readable() {
  const auto ignore = [](std::span<char>) {};
  const IoStatus status = stream_.read_all(shard_.read_buffer(), ignore, [] { return true; });
  if (is_over(status)) close();
}

std::size_t PushConnection::push(std::string_view chunk) {
  if (closed_ || finishing_) return 0;
  if (unproven_since_ == xmpp::never) unproven_since_ = steady_now();
  if (blocked_) {
    // The kernel may have some room before it says that it is writable. What went out here would leave nothing to wait
    // for, and the session would never hear that there is room again.
    outbox_.add(chunk);
    note_buffered();
    return outbox_.pending();
  }
  const std::array<std::string_view, 1> parts{chunk};
  after_write(outbox_.write(stream_, parts));
  return outbox_.pending();
}

void PushConnection::finish(std::uint16_t) {
  if (closed_ || finishing_) return;
  finishing_ = true;
  checking_ = false;
  after_write(outbox_.flush(stream_));
}

void PushConnection::session_failed(SessionId session) {
  if (session == session_) finish(0);
}

void PushConnection::note_buffered() {
  shard_.note_buffered(buffered_, outbox_.pending());
}

void PushConnection::after_write(Outbox::Result result) {
  note_buffered();
  switch (result) {
    case Outbox::Result::done:
      stream_.want_write(false);
      blocked_ = false;
      if (!finishing_) {
        if (!checking_) set_deadline(arrival_check);
        checking_ = true;
      } else if (!drained_) {
        drained_ = true;
        stream_.shutdown_write();
        set_deadline(drain_time);
      }
      return;
    case Outbox::Result::wait_read:
    case Outbox::Result::wait_write:
      checking_ = false;
      if (!blocked_) wait_for_reader();
      blocked_ = true;
      return stream_.want_write(result == Outbox::Result::wait_write);
    case Outbox::Result::failed:
      // Closing here would call into the session in the middle of its step.
      outbox_.clear();
      note_buffered();
      blocked_ = checking_ = false;
      return set_deadline(xmpp::Duration::zero());
  }
}

void PushConnection::set_deadline(xmpp::Duration from_now) {
  deadline_ = steady_now() + from_now;
  arm(deadline_);
}

void PushConnection::on_timer(xmpp::Instant now) {
  const auto step = shard_.step_of(id_);
  if (deadline_ == xmpp::never) return;
  if (now < deadline_) return arm(deadline_);
  if (std::exchange(checking_, false)) return check_arrival(now);
  if (blocked_ && progress_.made(stream_)) return set_deadline(shard_.config().limits.write_timeout);
  close();
}

void PushConnection::wait_for_reader() {
  progress_.begin(stream_);
  set_deadline(shard_.config().limits.write_timeout);
}

// A client that has vanished without a word takes what is written into the buffers of the kernel, and shows in nothing
// else.
void PushConnection::check_arrival(xmpp::Instant now) {
  if (stream_.all_arrived()) {
    deadline_ = unproven_since_ = xmpp::never;
    if (SessionHost* const host = shard_.sessions().find(session_)) host->arrived(ref());
    return;
  }
  if (progress_.made(stream_)) unproven_since_ = now;  // slow, but it does arrive
  if (now >= unproven_since_ + shard_.config().limits.write_timeout) return close();
  checking_ = true;
  set_deadline(arrival_check);
}

void PushConnection::close() {
  if (closed_) return;
  closed_ = true;
  // A page that we have ended may have arrived all the same, with what it was given last.
  const bool arrived = drained_ && stream_.all_arrived();
  disarm();
  if (!drained_) stream_.shutdown_write();
  stream_.close();
  outbox_.clear();
  note_buffered();
  peer_.place = {};
  if (SessionHost* const host = shard_.sessions().find(session_)) {
    if (arrived) host->arrived(ref());
    host->lost(ref());
  }
  shard_.erase_connection_later(id_);
}

}  // namespace gateway
