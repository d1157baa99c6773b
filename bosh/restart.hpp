// When the stream to the server is restarted, and what of the client's has to wait for that (XEP-0206 5; PROTOCOL
// X-020 ... X-025). Never at a guess: only when the client asks, when it sends something that makes no sense on the old
// stream, or when it is silent for so long after <success/> that it will not ask. It sends nothing itself and sees no
// request; the engine does.
//
//   first_features ─features─► open ─auth─► exchange ─success─► succeeded ─header─► restarting ─features─► settled
//                                ▲             └──failure──┐                            ▲
//                                └─────────────────────────┘     success of SASL2 ──────┘ (no header, X-025)
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "xmpp/stanza.hpp"
#include "xmpp/time.hpp"

namespace bosh {

class StreamRestart {
 public:
  // ---- the client asks by xmpp:restart
  enum class Answer : std::uint8_t {
    header,          // a new stream header, then its features
    features_due,    // they are on their way already
    stored_features  // the stream is restarted, or needs no restart (E-22): features() once more
  };
  [[nodiscard]] Answer requested() const;

  // ---- an element of the client, in order
  enum class Step : std::uint8_t {
    forward,
    defer,          // a SASL exchange is open: nothing else may come between (RFC 6120 6.3.3)
    restart_first,  // implied (X-024 b)
  };
  [[nodiscard]] Step from_client(xmpp::StanzaKind kind);
  void defer(const xmpp::Stanza& stanza);

  // ---- an element of the server, in order. True: the exchange is over, deferred() is due (after a header where
  // header_due() says so).
  [[nodiscard]] bool from_server(const xmpp::Stanza& stanza);

  [[nodiscard]] bool header_due() const { return phase_ == Phase::succeeded; }
  void header_sent();
  // An answer with <success/> was given.
  void success_handed_out(xmpp::Instant now);
  // X-024 (c): when silence has become consent; `never` if there is nothing to consent to.
  [[nodiscard]] xmpp::Instant implied_at(xmpp::Duration patience) const;

  [[nodiscard]] std::string_view deferred() const {
    return kept_ ? std::string_view(kept_->deferred) : std::string_view();
  }
  [[nodiscard]] std::uint32_t deferred_stanzas() const { return kept_ ? kept_->deferred_stanzas : 0; }
  void deferred_sent() { kept_.reset(); }

  // The features of the restarted stream while an explicit restart may still ask for them, else an empty element.
  [[nodiscard]] std::string_view features() const;
  [[nodiscard]] bool first_features_seen() const { return phase_ != Phase::first_features; }
  // The server has finished a restart and does not offer RFC 3921 sessions.
  [[nodiscard]] bool without_session() const { return phase_ == Phase::settled && !session_offered_; }
  void forget() {  // the session is over
    kept_.reset();
    success_at_ = xmpp::never;
  }

 private:
  enum class Phase : std::uint8_t { first_features, open, exchange, succeeded, restarting, settled };

  // Only during login, and never both.
  struct Kept {
    std::string features;
    std::string deferred;
    std::uint32_t deferred_stanzas = 0;
  };
  Kept& kept();

  std::unique_ptr<Kept> kept_;
  xmpp::Instant success_at_ = xmpp::never;
  Phase phase_ = Phase::first_features;
  bool session_offered_ = false;
};

}  // namespace bosh
