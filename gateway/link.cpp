#include "gateway/link.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "gateway/clock.hpp"
#include "gateway/config.hpp"
#include "gateway/setup.hpp"
#include "gateway/shard.hpp"
#include "gateway/sockets.hpp"

namespace gateway {

namespace {

// Unsent bytes for the server. The client is slowed down above `high` (it keeps at most `requests` bodies coming even
// then), let go below `low`; a server that lets `cap` gather is as good as dead.
constexpr std::size_t unsent_high = 256 * 1024;
constexpr std::size_t unsent_low = 64 * 1024;
constexpr std::size_t unsent_cap = 4 * 1024 * 1024;

}  // namespace

// What is needed until the connection stands.
struct Link::Search {
  Resolver::Lookup lookup = Resolver::Lookup::none;
  std::vector<Candidate> candidates;
  std::size_t next = 0;
  std::string trouble;  // of the attempts so far, for the log
  xmpp::Instant attempt_until = xmpp::never;
};

namespace {

// For the log.
std::string named(const Candidate& candidate) {
  return candidate.host + " [" + candidate.endpoint.address().to_string() +
         "]:" + std::to_string(candidate.endpoint.port());
}

}  // namespace

Link::Link(Shard& shard, LinkOwner& owner, SetupPtr setup, const Domain& domain)
    : Timed(shard.timers()), shard_(shard), owner_(owner), setup_(std::move(setup)), domain_(domain) {}

Link::~Link() = default;

// ---- finding the server --------------------------------------------------------------------------------------------

void Link::open(const Address& client) {
  state_ = State::resolving;
  client_ = client;
  search_ = std::make_unique<Search>();
  const auto lookup = shard_.resolver().resolve(domain_, [this](Resolution result) { resolved(std::move(result)); });
  if (search_) search_->lookup = lookup;
}

void Link::open_elsewhere(std::string_view host, std::uint16_t port) {
  drop_stream();
  state_ = State::resolving;
  search_ = std::make_unique<Search>();
  const auto lookup = shard_.resolver().resolve_redirect(domain_, host, port,
                                                         [this](Resolution result) { resolved(std::move(result)); });
  if (search_) search_->lookup = lookup;
}

void Link::resolved(Resolution result) {
  if (state_ != State::resolving) return;
  search_->lookup = Resolver::Lookup::none;
  if (result.candidates.empty()) {
    return fail({xmpp::FaultKind::connection_failed, "no address of the server found"}, result.failure);
  }
  search_->candidates = std::move(result.candidates);
  connect_next();
}

void Link::connect_next() {
  if (search_->next == search_->candidates.size()) {
    const std::string trouble = search_->trouble;
    return fail({xmpp::FaultKind::connection_failed, "no server could be reached"}, trouble);
  }
  const Candidate& candidate = search_->candidates[search_->next++];
  state_ = State::connecting;
  direct_tls_ = candidate.tls == xmpp::TlsMode::direct;
  plain_mode_ = candidate.tls == xmpp::TlsMode::none ? xmpp::TlsMode::none : xmpp::TlsMode::starttls;
  search_->attempt_until = steady_now() + domain_.connect_timeout;
  arm(search_->attempt_until);
  const int descriptor = begin_connect(candidate.endpoint, setup_->config.limits.tcp_user_timeout,
                                       domain_.stream.management.answer_timeout);
  if (descriptor < 0) return attempt_failed(std::strerror(-descriptor));
  stream_.emplace(descriptor);
  stream_->want(false, true);
  if (!stream_->watch(shard_.poller(), *this)) attempt_failed(std::strerror(errno));
}

std::string Link::search_trouble() const {
  if (!search_) return {};
  std::string out = search_->trouble;
  if (state_ != State::connecting && state_ != State::handshaking) return out;
  if (!out.empty()) out += "; ";
  return out += named(search_->candidates[search_->next - 1]) + ": no answer yet";
}

void Link::connected() {
  const int error = connect_outcome(stream_->descriptor());
  if (error != 0) return attempt_failed(std::strerror(error));
  stream_->want(true, false);
  if (domain_.proxy_protocol && !introduce_client()) return attempt_failed(std::strerror(errno));
  // The handshake still belongs to this attempt: the next address may have the better certificate.
  if (direct_tls_) {
    if (prepare_handshake()) continue_handshake();
    return;
  }
  up(plain_mode_);
}

// The first bytes of the connection, before TLS (U-015). A new socket takes them whole.
bool Link::introduce_client() {
  const Candidate& candidate = search_->candidates[search_->next - 1];
  const auto server = candidate.endpoint;
  const std::string header = proxy_protocol_header(client_, 0, server.address(), server.port());
  const std::array<std::string_view, 1> parts{header};
  return stream_->write(parts).bytes == header.size();
}

void Link::up(xmpp::TlsMode tls) {
  state_ = State::up;
  search_.reset();
  disarm();
  owner_.on_link_up(tls);
}

void Link::attempt_failed(std::string_view detail) {
  const Candidate& candidate = search_->candidates[search_->next - 1];
  if (!search_->trouble.empty()) search_->trouble += "; ";
  search_->trouble.append(named(candidate)).append(": ").append(detail);
  drop_stream();
  // Not from here: a network that refuses at once would recurse once an address.
  state_ = State::resolving;
  boost::asio::post(shard_.io(), [this] {
    if (state_ == State::resolving) connect_next();
  });
}

// ---- TLS -----------------------------------------------------------------------------------------------------------

// The handshake begins with the next readiness to write, not here: it may come to its end at once, and the session,
// which is in the middle of a step, would be called back in it.
void Link::start_tls() {
  if (prepare_handshake()) stream_->want(false, true);
}

bool Link::prepare_handshake() {
  state_ = State::handshaking;
  SslPtr ssl = setup_->tls_of(domain_).create(direct_tls_);
  if (ssl && stream_->start_tls(std::move(ssl))) return true;
  fail({xmpp::FaultKind::connection_failed, "TLS cannot be started"}, "out of memory");
  return false;
}

void Link::continue_handshake() {
  const IoStatus status = stream_->handshake();
  switch (status) {
    case IoStatus::ok:
      after_handshake(stream_->ssl());
      if (direct_tls_ && search_) return up(xmpp::TlsMode::direct);
      state_ = State::up;
      stream_->want(true, false);
      return owner_.on_link_encrypted();
    case IoStatus::wait_read:
      return stream_->want(true, false);
    case IoStatus::wait_write:
      return stream_->want(false, true);
    default: {
      const std::string detail = "TLS: " + tls_failure(stream_->ssl());
      if (search_) return attempt_failed(detail);
      return fail({xmpp::FaultKind::connection_failed, "the connection could not be secured"}, detail);
    }
  }
}

// ---- readiness -----------------------------------------------------------------------------------------------------

void Link::on_ready(Ready ready) {
  switch (state_) {
    case State::connecting:
      return connected();
    case State::handshaking:
      return continue_handshake();
    case State::up:
      if (ready.read || ready.error) on_readable();
      if (state_ == State::up && blocked_) send();
      return;
    default:
      return;
  }
}

void Link::on_readable() {
  const auto use = [this](std::span<char> bytes) { owner_.on_link_bytes({bytes.data(), bytes.size()}); };
  const auto goes_on = [this] { return state_ == State::up && !paused_; };
  const IoStatus status = stream_->read_all(shard_.read_buffer(), use, goes_on);
  if (status == IoStatus::end) {
    return fail({xmpp::FaultKind::connection_lost, "the server closed the connection without ending the stream"}, {});
  }
  if (status != IoStatus::failed) return;
  const std::string detail = stream_->ssl() != nullptr ? tls_failure(stream_->ssl()) : std::strerror(errno);
  fail({xmpp::FaultKind::connection_lost, "the connection to the server broke"}, detail);
}

void Link::pause_reading(bool pause) {
  if (paused_ == pause || state_ != State::up) return;
  paused_ = pause;
  stream_->want_read(!pause);
  if (pause || !stream_->has_buffered()) return;
  // What TLS holds already, no readiness of the socket will tell.
  report_later([this] { on_readable(); });
}

// ---- writing -------------------------------------------------------------------------------------------------------

void Link::write(std::string_view bytes) {
  if (state_ == State::up) outbox_.add(bytes);
}

void Link::flush() {
  if (state_ != State::up || outbox_.pending() == 0) return;
  if (blocked_) return report_congestion();
  if (!shard_.poller().put_off(*this)) send();
}

void Link::send() {
  if (state_ != State::up || outbox_.pending() == 0) return;
  const auto result = outbox_.flush(*stream_);
  blocked_ = result == Outbox::Result::wait_write || result == Outbox::Result::wait_read;
  switch (result) {
    case Outbox::Result::done:
      stream_->want_write(false);
      break;
    case Outbox::Result::wait_write:
      stream_->want_write(true);
      break;
    case Outbox::Result::wait_read:  // TLS; what is read makes it writable
      pause_reading(false);
      break;
    case Outbox::Result::failed:
      // Reading reports it, after what the server may still have said.
      outbox_.clear();
      stream_->want_write(false);
      pause_reading(false);
      break;
  }
  report_congestion();
}

void Link::report_congestion() {
  const std::size_t unsent = outbox_.pending();
  // Lost, not closed: nobody can tell how much of it the server will read, so the client hears of what is unconfirmed.
  if (unsent > unsent_cap)
    return fail({xmpp::FaultKind::connection_lost, "the server does not read what is sent to it"}, {});
  const bool congested = congested_ ? unsent > unsent_low : unsent > unsent_high;
  if (congested == congested_) return;
  congested_ = congested;
  report_later([this] { owner_.on_link_congested(congested_); });
}

// The owner is in the middle of a step when it flushes: what it must hear comes as a step of its own.
template <typename Report>
void Link::report_later(Report report) {
  boost::asio::post(shard_.io(), [this, report] {
    if (state_ == State::up) report();
  });
}

// ---- the end -------------------------------------------------------------------------------------------------------

void Link::drop_stream() {
  outbox_.clear();
  stream_.reset();
  paused_ = congested_ = blocked_ = false;
}

xmpp::SaslChannel Link::channel() const {
  xmpp::SaslChannel out;
  if (!stream_ || !stream_->is_open()) return out;
  if (SSL* const ssl = stream_->ssl()) {
    out.safe = true;
    // RFC 9266: with TLS 1.2 the value would not bind without an extension that not everybody has.
    constexpr std::string_view label = "EXPORTER-Channel-Binding";
    std::array<unsigned char, 32> bytes{};
    if (SSL_version(ssl) >= TLS1_3_VERSION &&
        SSL_export_keying_material(ssl, bytes.data(), bytes.size(), label.data(), label.size(), nullptr, 0, 0) == 1) {
      out.tls_exporter.assign(bytes.begin(), bytes.end());
    }
    return out;
  }
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  if (getpeername(stream_->descriptor(), reinterpret_cast<sockaddr*>(&peer), &length) != 0) return out;
  if (peer.ss_family == AF_INET) {
    out.safe = ntohl(reinterpret_cast<const sockaddr_in&>(peer).sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  } else if (peer.ss_family == AF_INET6) {
    out.safe = IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr) != 0;
  }
  return out;
}

void Link::close() {
  if (state_ == State::closed) return;
  if (search_ && search_->lookup != Resolver::Lookup::none) shard_.resolver().cancel(search_->lookup);
  if (stream_ && state_ == State::up) {
    if (outbox_.pending() > 0) outbox_.flush(*stream_);  // the end of the stream, mostly: one try is all it gets
    stream_->shutdown_write();
  }
  state_ = State::closed;
  search_.reset();
  disarm();
  drop_stream();
}

// Later, because the owner may be in the middle of the very call that found it out.
void Link::fail(xmpp::Fault fault, std::string_view detail) {
  boost::asio::post(shard_.io(), [this, fault, kept = std::string(detail)] {
    if (state_ == State::failed) owner_.on_link_down(fault, kept);
  });
  state_ = State::failed;  // behind what may throw: nobody would ever hear of it
  disarm();
  if (stream_) stream_->want(false, false);
}

void Link::on_timer(xmpp::Instant now) {
  if (!search_ || search_->attempt_until == xmpp::never) return;
  if (now < search_->attempt_until) return arm(search_->attempt_until);
  attempt_failed("no answer in time");
}

}  // namespace gateway
