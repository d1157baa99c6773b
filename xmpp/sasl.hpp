// The client's side of SASL (RFC 4422, RFC 6120 6) for sessions that the gateway itself logs in: which mechanism, and
// its messages in base64, without the XML around them (login.hpp). SCRAM (RFC 5802, RFC 7677, channel binding of
// RFC 9266), PLAIN only where nobody can listen, ANONYMOUS, EXTERNAL by libgsasl; OAUTHBEARER (RFC 7628) is one line.
//
// The only file that sees gsasl.h. libgsasl draws the nonce of SCRAM itself and takes none from outside: the one random
// number in a pure room (docs/DECISIONS.md). Everything else is a function of its inputs. One session, one thread.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "xmpp/secret.hpp"

namespace xmpp {

// From the strongest to the weakest; a session that has used one accepts no weaker one afterwards.
enum class SaslMechanism : std::uint8_t {
  external,
  oauthbearer,
  scram_sha_256_plus,
  scram_sha_1_plus,
  scram_sha_256,
  scram_sha_1,
  plain,
  anonymous,
};

[[nodiscard]] std::string_view wire_name(SaslMechanism mechanism);

// What the server offers in its features.
struct SaslOffer {
  std::vector<std::string> mechanisms;
  bool tls_exporter = false;  // XEP-0440 names it; a -PLUS without it may be meant for another binding
};

enum class SaslKind : std::uint8_t { password, token, certificate, anonymous };

// Who logs in, and with what.
struct SaslIdentity {
  SaslKind kind = SaslKind::password;
  std::string user;     // local part; not for anonymous
  std::string authzid;  // bare JID, or empty: the one that goes with `user`
  Secret secret;        // password or token
};

// The connection below.
struct SaslChannel {
  bool safe = false;         // TLS, or loopback: nobody else can read it
  std::string tls_exporter;  // keying material "EXPORTER-Channel-Binding", 32 bytes; empty: none
};

enum class SaslFailure : std::uint8_t {
  no_common_mechanism,
  encryption_required,  // only PLAIN or a token would do, and the channel is not safe
  bad_identity,         // the name or password cannot be prepared (RFC 4013)
  malformed,            // the server says what the mechanism does not allow
  too_weak,             // fewer rounds of SCRAM than RFC 7677 demands, or so many that it is an attack
  server_not_genuine,   // the server does not know the password either
};

// The best of what is offered, nothing weaker than `floor`.
[[nodiscard]] std::variant<SaslMechanism, SaslFailure> choose_mechanism(
    const SaslOffer& offer, SaslKind kind, const SaslChannel& channel,
    std::optional<SaslMechanism> floor = std::nullopt);

class SaslClient {
 public:
  SaslClient(SaslMechanism mechanism, const SaslIdentity& identity, const SaslChannel& channel);
  ~SaslClient();
  SaslClient(const SaslClient&) = delete;
  SaslClient& operator=(const SaslClient&) = delete;

  using Answer = std::variant<std::string, SaslFailure>;
  // The initial response in base64; "=" if it is empty.
  [[nodiscard]] Answer start();
  // The response to a challenge, both in base64.
  [[nodiscard]] Answer step(std::string_view challenge);
  // The server says that it has worked, with this additional data (or none). Nothing: it really has.
  [[nodiscard]] std::optional<SaslFailure> finish(std::string_view additional);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The password out of the response of PLAIN (RFC 4616), in base64, where somebody logs in with us; nothing: it is none.
[[nodiscard]] std::optional<Secret> read_plain_password(std::string_view response);

}  // namespace xmpp
