#include "gateway/check_walk.hpp"

#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gateway/certificate.hpp"
#include "gateway/check_features.hpp"
#include "gateway/clock.hpp"
#include "gateway/config_rules.hpp"
#include "gateway/log.hpp"
#include "gateway/sockets.hpp"

namespace gateway {

namespace {

std::string_view cure_of(const boost::system::error_code& error) {
  if (error == boost::asio::error::connection_refused)
    return "nobody listens there: start the server, or correct the port";
  if (error == boost::asio::error::timed_out) return "no answer: look for a firewall on the way, or a wrong address";
  return "look at the network between here and there";
}

bool poll_until(pollfd& wait, xmpp::Instant until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_now()).count();
    if (left <= 0) return false;
    constexpr std::chrono::milliseconds::rep most = 60 * 1000;  // "never" does not fit an int
    const int ready = ::poll(&wait, 1, static_cast<int>(std::min(left, most)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace

std::string place_of(const Candidate& candidate) {
  const std::string endpoint = rules::host_port(candidate.endpoint.address().to_string(), candidate.endpoint.port());
  return candidate.host == candidate.endpoint.address().to_string() ? endpoint : candidate.host + " (" + endpoint + ')';
}

CheckWalk::CheckWalk(CheckReport& report, const Config& config, const Domain& domain,
                     std::optional<xmpp::SaslIdentity>& identity)
    : report_(report),
      domain_(domain),
      identity_(identity),
      tls_(domain),
      session_(domain.stream, {}, steady_now()),
      splitter_(pool_, config.limits.from_server) {}

CheckWalk::Outcome CheckWalk::run(const Candidate& candidate) {
  if (!connect(candidate)) return Outcome::no_connection;
  const bool direct = candidate.tls == xmpp::TlsMode::direct;
  if (direct && !encrypt(true)) return Outcome::no_connection;
  session_.link_up(candidate.tls, steady_now(), actions_);
  carry_out();
  while (!done_) read();
  session_.close(steady_now(), actions_);
  carry_out();
  stream_->shutdown_write();
  return outcome_;
}

void CheckWalk::end(Outcome outcome) {
  outcome_ = outcome;
  done_ = true;
}

// ---- the connection ------------------------------------------------------------------------------------------------

bool CheckWalk::connect(const Candidate& candidate) {
  boost::system::error_code error;
  const int descriptor = begin_connect(candidate.endpoint, domain_.connect_timeout);
  if (descriptor < 0) {
    error.assign(-descriptor, boost::system::system_category());
  } else {
    stream_.emplace(descriptor);
    pollfd wait{descriptor, POLLOUT, 0};
    if (poll_until(wait, steady_now() + domain_.connect_timeout)) {
      error.assign(connect_outcome(descriptor), boost::system::system_category());
    } else {
      error = boost::asio::error::timed_out;
    }
  }
  if (error) {
    report_.bad("tcp", place_of(candidate) + ": " + error.message(), cure_of(error));
    return false;
  }
  report_.good("tcp", "connected to " + place_of(candidate));
  loopback_ = candidate.endpoint.address().is_loopback();
  if (domain_.proxy_protocol) {
    boost::asio::ip::tcp::endpoint local;
    auto size = static_cast<socklen_t>(local.capacity());
    ::getsockname(descriptor, local.data(), &size);
    send(proxy_protocol_header(local.address(), local.port(), candidate.endpoint.address(), candidate.endpoint.port()));
  }
  return true;
}

bool CheckWalk::encrypt(bool direct) {
  SslPtr ssl = tls_.create(direct);
  if (!ssl || !stream_->start_tls(std::move(ssl))) {
    report_.bad("tls", "out of memory", "give the machine more");
    return false;
  }
  const auto until = steady_now() + domain_.connect_timeout;
  for (;;) {
    const IoStatus status = stream_->handshake();
    if (status == IoStatus::ok) break;
    if (status == IoStatus::wait_read || status == IoStatus::wait_write) {
      if (wait_for(status, until)) continue;
      report_.bad("tls", "the server does not finish the handshake", "look into its log");
      return false;
    }
    tls_failed();
    return false;
  }
  describe_certificate();
  return true;
}

void CheckWalk::tls_failed() {
  const std::string refused = verify_failure(stream_->ssl());
  if (refused.empty()) {
    report_.bad("tls", tls_failure(stream_->ssl()),
                "check `tls` of the [[domain]] against what the server does on this port, and the server's log");
    return;
  }
  report_.bad("tls", refused,
              "let the server present a valid certificate for " + domain_.expected_name +
                  " with its whole chain, or name its authority with `ca_file`, its name with `expected_name`");
}

void CheckWalk::describe_certificate() {
  struct Free {
    void operator()(X509* certificate) const { X509_free(certificate); }
  };
  std::string text = describe(stream_->ssl());
  const std::unique_ptr<X509, Free> certificate(SSL_get1_peer_certificate(stream_->ssl()));
  if (certificate) {
    text += domain_.check_certificate ? ", the certificate for " : ", unchecked certificate for ";
    text += describe(names_of(certificate.get()));
    if (domain_.check_certificate) text += " fits " + domain_.expected_name;
    std::tm until{};
    std::array<char, 16> date{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &until) == 1 &&
        std::strftime(date.data(), date.size(), "%Y-%m-%d", &until) > 0) {
      text += std::string(", valid until ") + date.data();
    }
    text += ", key " + public_key_pin(certificate.get());
  }
  report_.good("tls", text);
}

bool CheckWalk::wait_for(IoStatus direction, xmpp::Instant until) {
  pollfd wait{stream_->descriptor(), static_cast<short>(direction == IoStatus::wait_write ? POLLOUT : POLLIN), 0};
  return poll_until(wait, until);
}

void CheckWalk::send(std::string_view bytes) {
  const auto until = steady_now() + domain_.connect_timeout;
  while (!bytes.empty()) {
    const std::array parts = {bytes};
    const IoResult sent = stream_->write(parts);
    bytes.remove_prefix(sent.bytes);
    if (sent.status == IoStatus::ok) continue;
    const bool blocked = sent.status == IoStatus::wait_read || sent.status == IoStatus::wait_write;
    if (!blocked || !wait_for(sent.status, until)) return;  // reading will say what is wrong
  }
}

// Looks at the time first: a server may go on talking without ever coming to the point.
void CheckWalk::read() {
  const auto now = steady_now();
  if (now >= deadline()) return on_time(now);
  std::array<char, 16 * 1024> buffer{};
  const IoResult got = stream_->read(buffer);
  if (got.bytes > 0) {
    xmpp::StreamEvents events;
    splitter_.feed({buffer.data(), got.bytes}, events);
    void_ = false;
    for (const auto& event : events.list) {
      session_.on_event(event, now, actions_);
      carry_out();
      if (void_ || done_) break;
    }
  } else if (got.status == IoStatus::wait_read || got.status == IoStatus::wait_write) {
    (void)wait_for(got.status, deadline());  // whether in vain, the next turn sees
  } else {
    session_.link_down({xmpp::FaultKind::connection_lost, "the server closes the connection"}, now, actions_);
    carry_out();
  }
}

xmpp::Instant CheckWalk::deadline() const {
  return login_ ? std::min(session_.deadline(), login_->deadline()) : session_.deadline();
}

void CheckWalk::on_time(xmpp::Instant now) {
  if (login_ && now >= login_->deadline()) {
    login_->too_late();
    return end(Outcome::failed);
  }
  session_.on_time(now, actions_);
  carry_out();
}

// ---- the stream ----------------------------------------------------------------------------------------------------

void CheckWalk::carry_out() {
  // Taken out first: encrypting asks for more while these are carried out.
  std::vector<xmpp::SessionAction> asked;
  std::swap(asked, actions_.list);
  for (const auto& action : asked) carry_out(action);
  if (actions_.list.empty()) {
    actions_.clear();
  } else {
    carry_out();
  }
}

void CheckWalk::carry_out(const xmpp::SessionAction& action) {
  if (const auto* bytes = std::get_if<xmpp::SendBytes>(&action)) {
    send(bytes->bytes);
  } else if (std::holds_alternative<xmpp::Encrypt>(action)) {
    void_ = true;
    splitter_.reset();
    if (encrypt(false)) {
      session_.encrypted(steady_now(), actions_);
    } else {
      done_ = true;
    }
  } else if (std::holds_alternative<xmpp::ResetSplitter>(action)) {
    splitter_.reset();
  } else if (const auto* opened = std::get_if<xmpp::Opened>(&action)) {
    if (login_) return;  // the same server, behind the login
    report_.good("stream", "opened by " + safe_text(opened->stream.from.empty() ? "a server without a name"
                                                                                : opened->stream.from));
  } else if (const auto* delivered = std::get_if<xmpp::Deliver>(&action)) {
    on_stanza(delivered->stanza);
  } else if (const auto* redirect = std::get_if<xmpp::Redirect>(&action)) {
    report_.bad("stream", "the server sends clients elsewhere, to " + safe_text(redirect->host),
                "the gateway will follow; better name that server in the configuration");
    done_ = true;
  } else if (const auto* ended = std::get_if<xmpp::Ended>(&action)) {
    if (!done_) stream_failed(ended->fault);
  }
}

void CheckWalk::stream_failed(const xmpp::Fault& fault) {
  if (login_) {
    login_->interrupted(fault);
    return end(Outcome::failed);
  }
  std::string_view cure = "look into the log of the server";
  switch (fault.kind) {
    case xmpp::FaultKind::connection_failed:
      cure = domain_.tls == xmpp::TlsMode::none
                 ? "set tls = \"starttls\" in the [[domain]]"
                 : "let the server offer STARTTLS to clients, or set `tls` of the [[domain]] to what it does";
      break;
    case xmpp::FaultKind::stream_error:
      cure = "let the server serve this very domain, or correct `name` of the [[domain]]";
      break;
    case xmpp::FaultKind::not_well_formed:
    case xmpp::FaultKind::bad_format:
    case xmpp::FaultKind::bad_encoding:
    case xmpp::FaultKind::invalid_namespace:
      cure = "what answers there may not be an XMPP server for clients: check host, port and `tls`";
      break;
    case xmpp::FaultKind::timed_out:
      cure = "what listens there may not be an XMPP server, or expect TLS at once (tls = \"direct\")";
      break;
    default:
      break;
  }
  report_.bad("stream", fault.text, cure);
  done_ = true;
}

void CheckWalk::on_stanza(const xmpp::Stanza& stanza) {
  if (stanza.kind == xmpp::StanzaKind::stream_error) {
    report_.note("stream", "the server says: " + safe_text(stanza.bytes, 400));
    return;
  }
  if (done_) return;
  if (login_) return on_login(stanza);
  if (stanza.kind == xmpp::StanzaKind::features) on_features(stanza);
}

void CheckWalk::on_features(const xmpp::Stanza& stanza) {
  if (!report_mechanisms(report_, domain_, stanza.bytes)) {
    done_ = true;
    return;
  }
  if (!identity_) {
    report_delivery(report_, domain_, stanza.bytes, Seen::before_login);
    return end(Outcome::good);
  }
  const bool safe = stream_->ssl() != nullptr || loopback_;
  login_.emplace(report_, std::move(*identity_), safe, steady_now(), domain_.stream.negotiation_timeout);
  on_login(stanza);
}

void CheckWalk::on_login(const xmpp::Stanza& stanza) {
  const auto step = login_->on_stanza(stanza);
  const auto now = steady_now();
  using Kind = xmpp::Login::Kind;
  switch (step.kind) {
    case Kind::send:
      return session_.to_server(actions_.arena.store(step.bytes), 0, now, actions_);
    case Kind::restart:
      return session_.restart({}, now, actions_);
    case Kind::done:
      report_delivery(report_, domain_, stanza.bytes, Seen::behind_login);
      return end(Outcome::good);
    case Kind::failed:
      return end(Outcome::failed);
    case Kind::wait:
    case Kind::foreign:
      return;
  }
}

}  // namespace gateway
