// One connection of `postern check`, to one address: TCP, TLS, the stream to its features, and through the login where
// one is wanted. Drives the gateway's own session, splitter and TLS context, but waits with poll(): one connection, and
// nothing else to do. Deliberately no Link: that says less of what goes wrong. It binds no resource and sends no
// stanza.
#pragma once
#include <poll.h>

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway/any_stream.hpp"
#include "gateway/check_login.hpp"
#include "gateway/check_report.hpp"
#include "gateway/config.hpp"
#include "gateway/resolver.hpp"
#include "gateway/tls.hpp"
#include "xmpp/login.hpp"
#include "xmpp/parser_pool.hpp"
#include "xmpp/session.hpp"
#include "xmpp/stream_splitter.hpp"

namespace gateway {

// "host (address:port)", or "address:port".
[[nodiscard]] std::string place_of(const Candidate& candidate);

class CheckWalk {
 public:
  enum class Outcome : std::uint8_t {
    no_connection,  // a session goes on to the next address
    failed,         // a session would too: the stream, or the login
    good,
  };

  // `config` and `domain` must outlive it. `identity`: who logs in, taken when it comes to that; nothing: nobody does.
  CheckWalk(CheckReport& report, const Config& config, const Domain& domain,
            std::optional<xmpp::SaslIdentity>& identity);

  // Once.
  [[nodiscard]] Outcome run(const Candidate& candidate);

 private:
  [[nodiscard]] bool connect(const Candidate& candidate);
  [[nodiscard]] bool encrypt(bool direct);
  void tls_failed();
  void describe_certificate();

  [[nodiscard]] bool wait_for(IoStatus direction, xmpp::Instant until);
  void send(std::string_view bytes);
  void read();
  [[nodiscard]] xmpp::Instant deadline() const;
  void on_time(xmpp::Instant now);

  void carry_out();
  void carry_out(const xmpp::SessionAction& action);
  void on_stanza(const xmpp::Stanza& stanza);
  void on_features(const xmpp::Stanza& stanza);
  void on_login(const xmpp::Stanza& stanza);
  void stream_failed(const xmpp::Fault& fault);
  void end(Outcome outcome);

  CheckReport& report_;
  const Domain& domain_;
  std::optional<xmpp::SaslIdentity>& identity_;
  ClientTls tls_;
  xmpp::ParserPool pool_;
  xmpp::Session session_;
  xmpp::StreamSplitter splitter_;
  xmpp::SessionActions actions_;
  std::optional<AnyStream> stream_;
  std::optional<CheckLogin> login_;  // once begun
  bool loopback_ = false;
  bool void_ = false;  // what else was read belongs to before TLS
  bool done_ = false;
  Outcome outcome_ = Outcome::failed;
};

}  // namespace gateway
