#include "gateway/put_request.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "gateway/clock.hpp"
#include "gateway/config.hpp"
#include "gateway/config_rules.hpp"
#include "gateway/log.hpp"
#include "gateway/shard.hpp"
#include "gateway/sockets.hpp"
#include "webclient/text.hpp"

namespace gateway {

namespace {

// From the last byte of the file to the status: the server may have to look at the whole of it.
constexpr xmpp::Duration answer_time = std::chrono::seconds(60);

bool is_at_or_below(std::string_view host, std::string_view domain) {
  if (host == domain) return true;
  return host.size() > domain.size() && host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.';
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

std::optional<PutTarget> put_target(std::string_view url, const Domain& domain) {
  const std::string origin = webclient::origin_of(url);
  const auto& listed = domain.upload_origins;
  const auto scheme_end = origin.find("://");
  if (scheme_end == std::string::npos) return std::nullopt;
  PutTarget out;
  out.secure = origin.starts_with("https://");
  out.listed = std::find(listed.begin(), listed.end(), origin) != listed.end();
  out.authority = origin.substr(scheme_end + 3);
  const auto place = rules::parse_host_port(out.authority);
  if (!place || place->host.empty()) return std::nullopt;
  out.host = place->host;
  out.port = place->port.value_or(out.secure ? 443 : 80);
  if (out.port == 0) return std::nullopt;
  if (!out.listed && !(out.secure && is_at_or_below(out.host, domain.ascii_name))) return std::nullopt;
  out.path = url.substr(std::min(url.find_first_of("/?#", scheme_end + 3), url.size()));
  out.path.resize(std::min(out.path.find('#'), out.path.size()));
  if (!out.path.starts_with('/')) out.path.insert(0, 1, '/');
  // They stand in the head of a request: nothing but what RFC 3986 allows.
  if (!is_plain(out.authority) || !is_plain(out.path)) return std::nullopt;
  return out;
}

std::string origin_for_log(std::string_view url) {
  return safe_text(webclient::origin_of(url), 300);
}

PutRequest::PutRequest(Shard& shard, ConnectionId on_behalf, PutOwner& owner, SetupPtr setup, const Domain& domain)
    : Timed(shard.timers()),
      shard_(shard),
      on_behalf_(on_behalf),
      owner_(owner),
      setup_(std::move(setup)),
      domain_(domain) {}

PutRequest::~PutRequest() {
  close();
}

// ---- finding the host ----------------------------------------------------------------------------------------------

void PutRequest::open(PutTarget target, std::string head) {
  target_ = std::move(target);
  outbox_.add(head);
  state_ = State::resolving;
  const Resolver::Host host{target_.host, target_.port, target_.listed};
  const auto lookup =
      shard_.resolver().resolve_host(domain_, host, [this](Resolution result) { resolved(std::move(result)); });
  if (state_ == State::resolving) lookup_ = lookup;
}

void PutRequest::resolved(Resolution result) {
  const auto step = shard_.step_of(on_behalf_);
  lookup_ = Resolver::Lookup::none;
  if (state_ != State::resolving) return;
  if (result.candidates.empty()) return conclude(0, result.failure);
  candidates_ = std::move(result.candidates);
  connect_next();
}

void PutRequest::connect_next() {
  if (next_ == candidates_.size()) return conclude(0, std::exchange(trouble_, {}));
  const Candidate& candidate = candidates_[next_++];
  state_ = State::connecting;
  set_deadline(domain_.connect_timeout);
  const int descriptor = begin_connect(candidate.endpoint, setup_->config.limits.tcp_user_timeout);
  if (descriptor < 0) return attempt_failed(std::strerror(-descriptor));
  stream_.emplace(descriptor);
  stream_->want(false, true);
  if (!stream_->watch(shard_.poller(), *this)) attempt_failed(std::strerror(errno));
}

// The next address is tried by the timer: a network that refuses at once would recurse once an address.
void PutRequest::attempt_failed(std::string_view detail) {
  if (!trouble_.empty()) trouble_ += "; ";
  const auto& endpoint = candidates_[next_ - 1].endpoint;
  trouble_ += target_.host + " [" + endpoint.address().to_string() + "]:" + std::to_string(endpoint.port()) + ": " +
              std::string(detail);
  stream_.reset();
  state_ = State::resolving;
  set_deadline(xmpp::Duration::zero());
}

void PutRequest::connected() {
  const int error = connect_outcome(stream_->descriptor());
  if (error != 0) return attempt_failed(std::strerror(error));
  if (!target_.secure) return up();
  state_ = State::handshaking;
  SslPtr ssl = setup_->tls_of(domain_).create_for_host(target_.host);
  if (!ssl || !stream_->start_tls(std::move(ssl))) return attempt_failed("TLS cannot be started");
  continue_handshake();
}

void PutRequest::continue_handshake() {
  switch (stream_->handshake()) {
    case IoStatus::ok:
      after_handshake(stream_->ssl());
      return up();
    case IoStatus::wait_read:
      return stream_->want(true, false);
    case IoStatus::wait_write:
      return stream_->want(false, true);
    default:
      return attempt_failed("TLS: " + tls_failure(stream_->ssl()));
  }
}

void PutRequest::up() {
  state_ = State::up;
  deadline_ = xmpp::never;
  stream_->want(true, true);  // the head leaves with the next readiness, and more is asked for
}

// ---- the request and its answer ------------------------------------------------------------------------------------

void PutRequest::on_ready(Ready ready) {
  const auto step = shard_.step_of(on_behalf_);
  switch (state_) {
    case State::connecting:
      return connected();
    case State::handshaking:
      return continue_handshake();
    case State::up:
      if (ready.read || ready.error) on_readable();
      if (state_ == State::up && (ready.write || outbox_.pending() > 0)) send();
      return;
    default:
      return;
  }
}

void PutRequest::write(std::string_view bytes) {
  if (state_ != State::up || bytes.empty()) return;  // with nothing to write it would be ready at once, for ever
  outbox_.add(bytes);
  stream_->want_write(true);
}

void PutRequest::complete() {
  complete_ = true;
  if (state_ == State::up && outbox_.pending() == 0) set_deadline(answer_time);
}

void PutRequest::send() {
  const std::size_t before = outbox_.pending();
  switch (outbox_.flush(*stream_)) {
    case Outbox::Result::done:
      stream_->want_write(false);
      if (complete_) return set_deadline(answer_time);
      deadline_ = xmpp::never;  // what comes now is up to the browser
      return owner_.on_put_ready();
    case Outbox::Result::wait_write:
      stream_->want_write(true);
      break;
    case Outbox::Result::wait_read:  // TLS; what is read makes it writable
      stream_->want_write(false);
      break;
    case Outbox::Result::failed:
      // The server may have said why before it closed: reading tells.
      stream_->want_write(false);
      outbox_.clear();
      return set_deadline(std::chrono::seconds(2));
  }
  if (deadline_ == xmpp::never || outbox_.pending() < before) set_deadline(setup_->config.limits.write_timeout);
}

void PutRequest::on_readable() {
  const auto use = [this](std::span<char> bytes) {
    if (const auto verdict = answer_.take({bytes.data(), bytes.size()})) conclude(verdict->status, verdict->trouble);
  };
  const IoStatus status = stream_->read_all(shard_.read_buffer(), use, [this] { return state_ == State::up; });
  if (status == IoStatus::end) return conclude(0, "the server closed the connection without an answer");
  if (status == IoStatus::failed) conclude(0, "the connection broke");
}

// ---- the end -------------------------------------------------------------------------------------------------------

// Told by the timer, because the owner may be in the middle of the very call that found it out.
void PutRequest::conclude(std::uint16_t status, std::string_view trouble) {
  state_ = State::done;
  status_ = status;
  trouble_ = trouble;
  outbox_.clear();
  stream_.reset();
  set_deadline(xmpp::Duration::zero());
}

void PutRequest::close() {
  if (state_ == State::closed) return;
  if (lookup_ != Resolver::Lookup::none) shard_.resolver().cancel(lookup_);
  lookup_ = Resolver::Lookup::none;
  state_ = State::closed;
  disarm();
  outbox_.clear();
  stream_.reset();
}

void PutRequest::set_deadline(xmpp::Duration from_now) {
  deadline_ = steady_now() + from_now;
  arm(deadline_);
}

void PutRequest::on_timer(xmpp::Instant now) {
  const auto step = shard_.step_of(on_behalf_);
  if (deadline_ == xmpp::never) return;
  if (now < deadline_) return arm(deadline_);
  deadline_ = xmpp::never;
  switch (state_) {
    case State::resolving:
      return connect_next();
    case State::connecting:
    case State::handshaking:
      return attempt_failed("no answer in time");
    case State::up:
      return conclude(0, complete_ ? "no answer in time" : "the server does not take the file");
    case State::done:
      return owner_.on_put_done(status_, trouble_);
    default:
      return;
  }
}

}  // namespace gateway
