// A session that a site's back end begins for its user (PROTOCOL E-51, Q-61): logs in with what the back end gave,
// binds a resource and becomes a BOSH session, whose sid and first rid the back end hands to the browser, or one of
// WebSocket, to which a one-time ticket admits. Contract: xmpp/binding.hpp.
//
//   OpenLink ─► features ─► SASL ─► bind ─► {jid, sid, rid} to the back end ─► Engine, handed over
//                       │               └─► {jid, password}: the ticket ─────► xmpp::WsEngine, handed over
//                       └── failed, gone or late: {error} ─► end
//
// It does not know who may ask, nor how often: that is the shell's. One session, one shard.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "bosh/engine.hpp"
#include "xmpp/binding.hpp"
#include "xmpp/login.hpp"
#include "xmpp/ws_engine.hpp"

namespace bosh {

struct WebSocketTerms {
  const xmpp::WsPolicy* policy;  // must outlive the session
  std::string_view domain;       // likewise
  std::string ticket;            // what the browser shows; minted by the shell
  std::uint64_t random;          // as in xmpp::WsIdentity
};

struct PrebindTerms {
  Identity identity;
  Rid first = 1;                                           // what the browser begins with; minted by the shell
  xmpp::Duration patience{};                               // with the login
  std::uint32_t lifetime = 0;                              // seconds for the browser to come
  std::optional<WebSocketTerms> websocket = std::nullopt;  // nothing: BOSH
};

using HandedOver = std::variant<Engine, xmpp::WsEngine>;

class Prebind {
 public:
  // `policy` must outlive the engine.
  Prebind(const Policy& policy, xmpp::SaslIdentity user, std::string resource, PrebindTerms terms);
  ~Prebind();
  Prebind(Prebind&&) noexcept;
  Prebind& operator=(Prebind&&) noexcept;

  // Before hand_over(): the browser may read by a push stream (V-025). `token`: as in Engine::offer_stream().
  void offer_stream(std::string token) { stream_token_ = std::move(token); }
  // The back end's request; its answer is that to the login.
  void start(xmpp::RequestId request, xmpp::Instant now, xmpp::Actions& out);
  void on_gone(xmpp::RequestId request, xmpp::Instant now, xmpp::Actions& out);

  void secured(xmpp::SaslChannel channel);
  void opened(const xmpp::StreamOpened& stream, xmpp::Instant now, xmpp::Actions& out);
  void deliver(const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out);
  void delivered_all(xmpp::Instant now, xmpp::Actions& out);
  void close(xmpp::EndReason reason, std::string_view text, xmpp::Instant now, xmpp::Actions& out);
  void congested(bool is, xmpp::Instant now, xmpp::Actions& out);
  void on_time(xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] xmpp::Instant deadline() const;

  // Of stanzas that wait for the browser: what counts against limits.max_buffered_bytes.
  [[nodiscard]] std::size_t held_bytes() const { return early_bytes_; }

  // The login is done: before anything else happens, the engine of hand_over() takes this one's place.
  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] HandedOver hand_over(xmpp::Instant now, xmpp::Actions& out);

 private:
  struct Early {  // what came for the browser before it was told that it is bound
    std::string bytes;
    xmpp::StanzaKind kind;
    xmpp::StanzaType type;
  };
  struct Refused {
    std::uint16_t status;
    std::string_view error;  // of the answer, and for the log
  };
  [[nodiscard]] Engine to_bosh(xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] xmpp::WsEngine to_websocket(xmpp::Instant now, xmpp::Actions& out);
  void answer(std::string_view body, xmpp::Actions& out) const;
  void refuse(const Refused& how, xmpp::EndReason reason, xmpp::Actions& out);

  const Policy* policy_;
  PrebindTerms terms_;
  xmpp::SaslIdentity user_;
  std::string resource_;
  std::string stream_token_;            // empty: none
  std::unique_ptr<xmpp::Login> login_;  // once the stream is open
  xmpp::SaslChannel channel_;
  std::string features_;  // the last ones
  std::vector<Early> early_;
  std::size_t early_bytes_ = 0;
  std::uint64_t used_up_ = 0;  // stanzas of the server that were not for the browser
  xmpp::RequestId request_{};
  xmpp::Instant due_ = xmpp::never;
  bool ready_ = false;
  bool ended_ = false;
};

// As a string of JSON, with its quotes (RFC 8259 7). The text is UTF-8.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace bosh
