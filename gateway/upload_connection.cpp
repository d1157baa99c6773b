#include "gateway/upload_connection.hpp"

#include <array>
#include <utility>

#include "gateway/clock.hpp"
#include "gateway/log.hpp"
#include "gateway/session_host.hpp"
#include "gateway/shard.hpp"
#include "gateway/version.hpp"
#include "gateway/web_access.hpp"
#include "gateway/web_upload.hpp"
#include "webclient/text.hpp"

namespace gateway {

namespace {

using webclient::Problem;
using webclient::WebEngine;
using Read = webclient::MultipartReader::State;

// Browsers look at an answer only once they have sent everything, so what comes after it is read and thrown away.
constexpr xmpp::Duration discard_time = std::chrono::seconds(60);
// Given to the server and not yet out: above it the browser waits.
constexpr std::size_t unsent_high = 128 * 1024;

// 0: no answer at all.
Problem problem_of_status(std::uint16_t status) {
  if (status == 0) return Problem::upload_unreachable;
  if (status == 413) return Problem::file_too_large;
  return status >= 200 && status < 300 ? Problem::none : Problem::upload_failed;
}

}  // namespace

UploadConnection::UploadConnection(Shard& shard, ConnectionId id, AnyStream stream, Peer peer)
    : Timed(shard.timers()), shard_(shard), id_(id), stream_(std::move(stream)), peer_(std::move(peer)) {}

UploadConnection::~UploadConnection() {
  shard_.note_buffered(buffered_, 0);
}

void UploadConnection::start(UploadWish wish, std::string_view body) {
  wish_ = std::move(wish);
  reader_.emplace(wish_.boundary);
  stream_.want_read(true);
  if (!stream_.watch(shard_.poller(), *this)) return set_deadline(xmpp::Duration::zero());
  take(body);
  read_on();
  note_buffered();
}

// ---- from the browser ----------------------------------------------------------------------------------------------

void UploadConnection::on_ready(Ready ready) {
  const auto step = shard_.step_of(id_);
  if (ready.error) return browser_left();
  if (ready.read) on_readable();
  if (!closed_ && ready.write && outbox_.pending() > 0) after_write(outbox_.flush(stream_));
  if (!closed_) note_buffered();
}

bool UploadConnection::may_read() const {
  switch (phase_) {
    case Phase::fields:
    case Phase::answered:
      return true;
    case Phase::asking:
      return false;
    case Phase::sending:
      // Who has given everything may go: the file arrives all the same.
      return put_ready_ && put_->unsent() < unsent_high && reader_->state() != Read::complete;
  }
  return false;
}

// Whose file is here whole may go: it arrives, and its link is sent.
void UploadConnection::browser_left() {
  const bool on_its_way = phase_ == Phase::asking || phase_ == Phase::sending;
  if (!on_its_way || reader_->state() != Read::complete) return close();
  stream_.close();
}

void UploadConnection::read_on() {
  if (closed_ || !stream_.is_open()) return;
  const bool wanted = may_read();
  stream_.want_read(wanted);
  if (wanted && stream_.has_buffered()) return set_deadline(xmpp::Duration::zero());  // no readiness tells of it
  if (phase_ == Phase::answered) return;
  // Where nothing is wanted of the browser, the session or put_ sees to it that this ends.
  if (wanted) return set_deadline(shard_.config().limits.body_timeout);
  if (!decided_ || phase_ != Phase::asking) deadline_ = xmpp::never;
}

void UploadConnection::on_readable() {
  const auto use = [this](std::span<char> bytes) {
    if (phase_ != Phase::answered) take({bytes.data(), bytes.size()});
  };
  const IoStatus status = stream_.read_all(shard_.read_buffer(), use, [this] { return !closed_ && may_read(); });
  if (status == IoStatus::ok) return read_on();
  if (!is_over(status)) return;
  const bool may_still_write = status == IoStatus::end && phase_ == Phase::answered && outbox_.pending() > 0;
  may_still_write ? stream_.want_read(false) : close();
}

void UploadConnection::take(std::string_view bytes) {
  bytes = bytes.substr(0, wish_.length - received_);
  received_ += bytes.size();
  const Read read = reader_->feed(bytes, content_);
  if (read == Read::broken) return conclude(Problem::bad_request);
  // The size of the file was reckoned from the length of the whole, so both have to end together.
  if ((received_ == wish_.length) != (read == Read::complete)) return conclude(Problem::bad_request);
  if (phase_ == Phase::fields && read != Read::fields) return begin_file();
  if (phase_ == Phase::sending) pass_on();
}

void UploadConnection::begin_file() {
  SessionHost* const host = shard_.sessions().find(wish_.session);
  auto* const engine = host != nullptr ? host->as<WebEngine>() : nullptr;
  if (engine == nullptr) return conclude(Problem::offline);
  if (!same_token(reader_->value("token"), engine->view().token(wish_.form))) return conclude(Problem::not_allowed);
  const auto size = reader_->file_size(wish_.length);
  if (!size) return conclude(Problem::bad_request);
  const std::uint64_t most = shard_.config().webchat.max_file_bytes;
  if (*size > most) return conclude(Problem::file_too_large);
  const std::string type = media_type(reader_->file_type());
  const webclient::FileWish file{wish_.to, {reader_->file_name(), type, *size}, reader_->value("once"), ref()};
  webclient::UploadStart begun;
  host->enter<WebEngine>(
      [&](WebEngine& web, xmpp::Instant now, xmpp::Actions& out) { begun = web.begin_file(file, now, out); });
  // A page that is loaded anew sends its form again: without an id its file has been sent.
  if (begun.problem != Problem::none || begun.id == webclient::UploadId{}) return conclude(begun.problem);
  upload_ = begun.id;
  phase_ = Phase::asking;
}

void UploadConnection::pause(bool on) {
  if (on || closed_) return;
  decided_ = true;
  set_deadline(xmpp::Duration::zero());
}

// ---- to the server -------------------------------------------------------------------------------------------------

void UploadConnection::send_file() {
  SessionHost* const host = shard_.sessions().find(wish_.session);
  auto* const engine = host != nullptr ? host->as<WebEngine>() : nullptr;
  const auto* const upload = engine != nullptr && upload_ ? engine->model().find(*upload_) : nullptr;
  if (upload == nullptr) return conclude(Problem::offline);
  if (upload->state != webclient::UploadState::ready) {
    return conclude(upload->problem == Problem::none ? Problem::upload_failed : upload->problem);
  }
  auto target = put_target(upload->put_url, host->domain());
  if (!target) {
    spdlog::info("file of {} not sent: upload_origins of {} does not have {}", wish_.from, host->domain().name,
                 origin_for_log(upload->put_url));
    return conclude(Problem::upload_failed);
  }
  std::string head = "PUT " + target->path + " HTTP/1.1\r\nHost: " + target->authority +
                     "\r\nContent-Length: " + std::to_string(upload->size) + "\r\nContent-Type: " + upload->type +
                     "\r\nUser-Agent: postern/" + std::string(version) + "\r\nConnection: close\r\n";
  for (const auto& [name, value] : upload->headers) head.append(name).append(": ").append(value).append("\r\n");
  head += "\r\n";
  phase_ = Phase::sending;
  PutOwner& self = *this;
  put_ = std::make_unique<PutRequest>(shard_, id_, self, host->setup(), host->domain());
  put_->open(std::move(*target), std::move(head));
  read_on();
}

void UploadConnection::on_put_ready() {
  const auto step = shard_.step_of(id_);
  if (closed_ || phase_ != Phase::sending) return;
  put_ready_ = true;
  pass_on();
  read_on();
  note_buffered();
}

void UploadConnection::pass_on() {
  if (!put_ready_) return;
  put_->write(content_);
  content_.clear();
  if (reader_->state() == Read::complete) put_->complete();
}

void UploadConnection::on_put_done(std::uint16_t status, std::string_view trouble) {
  const auto step = shard_.step_of(id_);
  if (closed_ || phase_ != Phase::sending) return;
  Problem problem = problem_of_status(status);
  // An answer to half a file is none.
  if (problem == Problem::none && reader_->state() != Read::complete) problem = Problem::upload_failed;
  if (problem != Problem::none) {
    spdlog::info("file of {} not sent: {}", wish_.from,
                 status == 0 ? std::string(trouble) : "the answer is " + std::to_string(status));
  }
  conclude(problem);
}

// ---- the answer ----------------------------------------------------------------------------------------------------

void UploadConnection::conclude(Problem problem) {
  if (phase_ == Phase::answered) return;
  phase_ = Phase::answered;
  if (put_) put_->close();
  content_ = {};
  SessionHost* const host = shard_.sessions().find(wish_.session);
  if (host != nullptr && upload_) {
    host->enter<WebEngine>([&](WebEngine& web, xmpp::Instant now, xmpp::Actions& out) {
      problem = web.end_file(*upload_, problem, now, out);
    });
  }
  upload_.reset();
  if (!stream_.is_open()) return close();
  auto draft = webclient::clean_text(reader_->value("text"), webclient::MultipartLimits{}.max_value_bytes).text;
  outbox_.add(upload_answer(shard_, host, wish_, problem, std::move(draft)));
  set_deadline(shard_.config().limits.write_timeout);
  after_write(outbox_.flush(stream_));
  read_on();
  note_buffered();
}

void UploadConnection::after_write(Outbox::Result result) {
  switch (result) {
    case Outbox::Result::done:
      stream_.want_write(false);
      if (phase_ != Phase::answered || drained_) return;
      drained_ = true;
      stream_.shutdown_write();
      return set_deadline(discard_time);
    case Outbox::Result::wait_read:
    case Outbox::Result::wait_write:
      return stream_.want_write(result == Outbox::Result::wait_write);
    case Outbox::Result::failed:
      outbox_.clear();
      return set_deadline(xmpp::Duration::zero());
  }
}

void UploadConnection::session_failed(SessionId session) {
  if (session != wish_.session || closed_) return;
  upload_.reset();
  conclude(Problem::internal_server_error);
}

void UploadConnection::note_buffered() {
  shard_.note_buffered(buffered_, content_.size() + outbox_.pending() + (put_ ? put_->unsent() : 0));
}

void UploadConnection::set_deadline(xmpp::Duration from_now) {
  deadline_ = steady_now() + from_now;
  arm(deadline_);
}

void UploadConnection::on_timer(xmpp::Instant now) {
  const auto step = shard_.step_of(id_);
  if (deadline_ == xmpp::never || closed_) return;
  if (now < deadline_) return arm(deadline_);
  deadline_ = xmpp::never;
  if (phase_ == Phase::asking && decided_) return send_file();
  if (may_read() && stream_.has_buffered()) {
    if (phase_ == Phase::answered) set_deadline(discard_time);
    return on_readable();
  }
  if (phase_ == Phase::answered) return close();
  conclude(Problem::upload_failed);
}

void UploadConnection::close() {
  if (closed_) return;
  closed_ = true;
  disarm();
  if (upload_) spdlog::info("file of {} not sent: its connection has ended", wish_.from);
  if (put_) put_->close();
  if (!drained_ && stream_.is_open()) stream_.shutdown_write();
  stream_.close();
  outbox_.clear();
  content_ = {};
  note_buffered();
  peer_.place = {};
  if (SessionHost* const host = shard_.sessions().find(wish_.session)) host->lost(ref());
  shard_.erase_connection_later(id_);
}

}  // namespace gateway
