// From the first features to an authenticated stream, and if wanted to a bound resource (RFC 6120 6, 7): for streams
// whose client the gateway is. It reads stanzas and says what to send; the engine above restarts the stream and keeps
// the time. Deliberately without XEP-0198 and without sessions of RFC 3921: the first is the engine's, the second
// has been empty since 2011.
//
//   features ─► auth ─► challenge/response ... ─► success ─► restart ─► features ─► [bind ─► result] ─► done
//
// Pure but for the nonce (sasl.hpp). Spec: PROTOCOL U-062, U-063, Z-008.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "xmpp/parsed_element.hpp"
#include "xmpp/sasl.hpp"
#include "xmpp/stanza.hpp"

namespace xmpp {

enum class LoginFailure : std::uint8_t {
  // ---- ours
  no_common_mechanism,
  encryption_required,
  bad_identity,
  server_not_genuine,
  malformed,  // the server says what may not come here
  // ---- the server's (RFC 6120 6.5)
  not_authorized,
  account_disabled,
  credentials_expired,
  temporary,
  refused,  // any other condition
  // ---- of binding a resource
  not_bound,
};

struct LoginGoal {
  bool bind = true;
  std::string resource;  // empty: the server chooses
  std::string bind_id;   // of the iq
};

class Login {
 public:
  enum class Kind : std::uint8_t {
    wait,
    send,     // `bytes`
    restart,  // a new stream header
    done,     // authenticated, the features of the new stream are those that were just given; if wanted, bound
    failed,   // `failure`
    foreign,  // not of the login: a stanza that came meanwhile
  };
  struct Step {
    Kind kind = Kind::wait;
    std::string bytes;
    LoginFailure failure = LoginFailure::malformed;
  };

  // The mechanism is nothing weaker than `floor`.
  Login(SaslIdentity identity, SaslChannel channel, LoginGoal goal, std::optional<SaslMechanism> floor = std::nullopt);

  [[nodiscard]] Step on_stanza(const Stanza& stanza);

  // Once chosen.
  [[nodiscard]] std::optional<SaslMechanism> mechanism() const { return mechanism_; }
  // Full JID as the server wrote it, when done with bind.
  [[nodiscard]] const std::string& bound() const { return bound_; }
  // Gives the identity back, for the next login of the same session.
  [[nodiscard]] SaslIdentity take_identity() { return std::move(identity_); }

 private:
  enum class State : std::uint8_t { features, sasl, restarted, binding, over };
  Step begin_sasl(ElementView features);
  Step on_sasl(const Stanza& stanza, ElementView element);
  Step begin_bind(ElementView features);
  Step on_bind(ElementView iq);
  Step fail(LoginFailure failure);

  SaslIdentity identity_;
  SaslChannel channel_;
  LoginGoal goal_;
  std::optional<SaslMechanism> floor_, mechanism_;
  std::unique_ptr<SaslClient> sasl_;
  std::string bound_;
  State state_ = State::features;
  std::uint8_t steps_ = 0;
};

// What the mechanisms of the features say.
[[nodiscard]] SaslOffer sasl_offer(ElementView features);

// The iq that binds; also for who resumes in vain and has authenticated already.
[[nodiscard]] std::string bind_request(const LoginGoal& goal);
// The full JID out of the answer to it.
[[nodiscard]] std::optional<std::string> bound_address(ElementView iq);

}  // namespace xmpp
