#include "gateway/check.hpp"

#include <openssl/x509.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <ctime>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "gateway/any_stream.hpp"
#include "gateway/certificate.hpp"
#include "gateway/clock.hpp"
#include "gateway/config_rules.hpp"
#include "gateway/log.hpp"
#include "gateway/resolver.hpp"
#include "gateway/sockets.hpp"
#include "gateway/tls.hpp"
#include "xmpp/jid.hpp"
#include "xmpp/names.hpp"
#include "xmpp/parser_pool.hpp"
#include "xmpp/session.hpp"
#include "xmpp/stream_splitter.hpp"

namespace gateway {

namespace {

// The lines of the report.
class Report {
 public:
  explicit Report(std::ostream& out) : out_(out) {}
  void good(std::string_view step, std::string_view found) { line("ok  ", step, found); }
  void note(std::string_view step, std::string_view found) { line("note", step, found); }
  void bad(std::string_view step, std::string_view cause, std::string_view cure) {
    line("FAIL", step, std::string(cause) + "; " + std::string(cure));
  }

 private:
  void line(std::string_view mark, std::string_view step, std::string_view text) {
    constexpr std::size_t width = 9;
    out_ << mark << "  " << step << std::string(step.size() < width ? width - step.size() : 1, ' ') << text << '\n';
    out_.flush();  // the next step may take seconds
  }
  std::ostream& out_;
};

std::string place_of(const Candidate& candidate) {
  const std::string endpoint = rules::host_port(candidate.endpoint.address().to_string(), candidate.endpoint.port());
  return candidate.host == candidate.endpoint.address().to_string() ? endpoint : candidate.host + " (" + endpoint + ')';
}

std::string_view name_of(xmpp::TlsMode tls) {
  switch (tls) {
    case xmpp::TlsMode::starttls:
      return "STARTTLS";
    case xmpp::TlsMode::direct:
      return "direct TLS";
    case xmpp::TlsMode::none:
      return "no TLS";
  }
  return {};
}

std::string join(const std::vector<std::string>& list) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : ", ") + item;
  return text;
}

// The texts of all <mechanism/>; the features are proven well-formed, and this is for display only.
std::vector<std::string> mechanisms_in(std::string_view features) {
  std::vector<std::string> found;
  constexpr std::string_view name = "mechanism";
  for (std::size_t at = features.find(name); at != features.npos; at = features.find(name, at + 1)) {
    const std::string_view rest = features.substr(at + name.size());
    const bool starts = at > 0 && (features[at - 1] == '<' || features[at - 1] == ':');
    if (!starts || rest.empty() || (rest[0] != '>' && rest[0] != ' ')) continue;
    const auto begin = rest.find('>');
    const auto end = rest.find('<', begin);
    if (begin == rest.npos || end == rest.npos || features.substr(0, at).ends_with("</")) continue;
    if (const auto text = rest.substr(begin + 1, end - begin - 1); !text.empty()) found.push_back(safe_text(text, 40));
  }
  return found;
}

// ---- finding the server

Resolution find_server(const Config& config, const Domain& domain) {
  boost::asio::io_context io(1);
  Resolver resolver(io, config.server);
  std::optional<Resolution> result;
  const auto lookup = resolver.resolve(domain, [&](Resolution found) { result = std::move(found); });
  if (lookup != Resolver::Lookup::none) {
    while (!result && io.run_one() > 0) {
    }
  }
  return result ? std::move(*result) : Resolution{{}, "the lookup came to no end"};
}

bool check_dns(Report& report, const Domain& domain, const Resolution& found) {
  const std::string_view step = domain.static_server() ? "server" : "dns";
  if (found.candidates.empty()) {
    report.bad(step, found.failure,
               domain.static_server()
                   ? "correct `server` of the [[domain]], or let its name resolve"
                   : "publish SRV records for _xmpp-client._tcp or _xmpps-client._tcp (or A/AAAA), or "
                     "name the server with `server` in the [[domain]]");
    return false;
  }
  std::vector<std::string> places;
  for (const auto& candidate : found.candidates) {
    places.push_back(place_of(candidate) + " with " + std::string(name_of(candidate.tls)));
  }
  report.good(step, (domain.static_server() ? "configured: " : "found: ") + join(places));
  return true;
}

// ---- one connection

class Walk {
 public:
  Walk(Report& report, const Config& config, const Domain& domain)
      : report_(report),
        domain_(domain),
        tls_(domain),
        session_(domain.stream, {}, steady_now()),
        splitter_(pool_, config.limits.from_server) {}

  // Whether the stream came as far as its features.
  bool run(const Candidate& candidate) {
    if (!connect(candidate)) return false;
    const bool direct = candidate.tls == xmpp::TlsMode::direct;
    if (direct && !encrypt(true)) return false;
    session_.link_up(candidate.tls, steady_now(), actions_);
    carry_out();
    while (!done_) read();
    if (good_) session_.close(steady_now(), actions_);
    carry_out();
    stream_->shutdown_write();
    return good_;
  }

 private:
  bool connect(const Candidate& candidate) {
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
    if (domain_.proxy_protocol) {
      boost::asio::ip::tcp::endpoint local;
      auto size = static_cast<socklen_t>(local.capacity());
      ::getsockname(descriptor, local.data(), &size);
      send(proxy_protocol_header(local.address(), local.port(), candidate.endpoint.address(),
                                 candidate.endpoint.port()));
    }
    return true;
  }

  static std::string_view cure_of(const boost::system::error_code& error) {
    if (error == boost::asio::error::connection_refused)
      return "nobody listens there: start the server, or correct the port";
    if (error == boost::asio::error::timed_out) return "no answer: look for a firewall on the way, or a wrong address";
    return "look at the network between here and there";
  }

  static bool poll_until(pollfd& wait, xmpp::Instant until) {
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_now()).count();
      if (left <= 0) return false;
      constexpr std::chrono::milliseconds::rep most = 60 * 1000;  // "never" does not fit an int
      const int ready = ::poll(&wait, 1, static_cast<int>(std::min(left, most)));
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
    }
  }

  bool wait_for(IoStatus direction, xmpp::Instant until) {
    pollfd wait{stream_->descriptor(), static_cast<short>(direction == IoStatus::wait_write ? POLLOUT : POLLIN), 0};
    return poll_until(wait, until);
  }

  bool encrypt(bool direct) {
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

  void tls_failed() {
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

  void describe_certificate() {
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

  void send(std::string_view bytes) {
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

  void read() {
    std::array<char, 16 * 1024> buffer{};
    const IoResult got = stream_->read(buffer);
    const auto now = steady_now();
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
      if (!wait_for(got.status, session_.deadline())) {
        session_.on_time(steady_now(), actions_);
        carry_out();
      }
    } else {
      session_.link_down({xmpp::FaultKind::connection_lost, "the server closes the connection"}, now, actions_);
      carry_out();
    }
  }

  void carry_out() {
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

  void carry_out(const xmpp::SessionAction& action) {
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
      done_ = true;
    }
  }

  void stream_failed(const xmpp::Fault& fault) {
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
  }

  void on_stanza(const xmpp::Stanza& stanza) {
    if (stanza.kind == xmpp::StanzaKind::stream_error) {
      report_.note("stream", "the server says: " + safe_text(stanza.bytes, 400));
      return;
    }
    if (stanza.kind != xmpp::StanzaKind::features || done_) return;
    done_ = true;
    const auto mechanisms = mechanisms_in(stanza.bytes);
    if (mechanisms.empty()) {
      report_.bad("sasl", "the server offers no way to log in",
                  domain_.tls == xmpp::TlsMode::none
                      ? "it probably wants TLS first: set tls = \"starttls\" in the [[domain]]"
                      : "enable authentication for clients on the server");
      return;
    }
    report_.good("sasl", join(mechanisms));
    // Those with channel binding end at the browser's TLS, which is not the server's.
    const bool usable = std::any_of(mechanisms.begin(), mechanisms.end(),
                                    [](const std::string& name) { return !name.ends_with("-PLUS"); });
    if (!usable) {
      report_.bad("sasl", "all of them bind to the TLS channel, which cannot work through a gateway",
                  "enable SCRAM-SHA-256 or SCRAM-SHA-1 on the server");
      return;
    }
    describe_management(stanza.bytes);
    good_ = true;
  }

  // RFC 6120 and XEP-0198 have it offered behind the login, for which we have no password; SASL2 shows it before. What
  // the server does with it, it tells nobody.
  void describe_management(std::string_view features) {
    if (!domain_.stream.management.enabled) {
      return report_.note("delivery",
                          "stream_management = false: what a vanished browser had not received is lost, unless its "
                          "client speaks XEP-0198 itself");
    }
    if (features.find(xmpp::ns::management_3) != std::string_view::npos) {
      report_.good("delivery", "the server offers stream management");
    } else {
      report_.note("delivery",
                   "whether the server offers stream management is not to be seen before the login: Prosody does with "
                   "the module smacks, ejabberd with mod_stream_mgmt");
    }
    const std::string kept = std::to_string(domain_.stream.management.max_unacknowledged);
    report_.note("settings",
                 "not to be seen from outside, see to it yourself: in Prosody the modules smacks and offline (or mam), "
                 "smacks_max_queue_size above max_unacknowledged = " +
                     kept);
    report_.note("settings",
                 "likewise in ejabberd: mod_offline, and mod_stream_mgmt with resend_on_timeout: if_offline, "
                 "max_ack_queue above " +
                     kept + ", ack_timeout of 10 s or more");
    report_.note("settings", "what each of them is for: docs/OPERATIONS.md, \"What is not lost\"");
  }

  Report& report_;
  const Domain& domain_;
  ClientTls tls_;
  xmpp::ParserPool pool_;
  xmpp::Session session_;
  xmpp::StreamSplitter splitter_;
  xmpp::SessionActions actions_;
  std::optional<AnyStream> stream_;
  bool void_ = false;  // what else was read belongs to before TLS
  bool done_ = false;
  bool good_ = false;
};

Domain domain_by_dns(const Config& config, const std::string& prepared) {
  Domain domain;
  domain.name = prepared;
  rules::finish(domain, config.limits, [](std::string_view) { return std::string(); });
  return domain;
}

}  // namespace

int check_domain(const Config& config, std::string_view name, std::ostream& out) {
  Report report(out);
  const Domains::Found found = config.domains.find(name);
  Domain unlisted;
  const Domain* domain = found.domain;
  if (domain != nullptr) {
    report.good("config", safe_text(name) + " is served" + (domain->name == name ? "" : " as " + domain->name));
  } else {
    const auto prepared = xmpp::prepare_domain(name);
    if (!prepared || !xmpp::domain_to_ascii(*prepared)) {
      report.bad("config", safe_text(name) + " is not a domain", "write it like example.org, without a port");
      return 1;
    }
    const bool removed = found.standing == Domains::Standing::removed;
    report.bad("config", safe_text(name) + (removed ? " is among removed_domains" : " is not served"),
               "add a [[domain]] with this name; what follows is checked by DNS and with the defaults");
    unlisted = domain_by_dns(config, *prepared);
    domain = &unlisted;
  }
  const Resolution places = find_server(config, *domain);
  if (!check_dns(report, *domain, places)) return 1;
  for (const Candidate& candidate : places.candidates) {
    if (Walk(report, config, *domain).run(candidate)) return found.domain != nullptr ? 0 : 1;
  }
  return 1;
}

}  // namespace gateway
