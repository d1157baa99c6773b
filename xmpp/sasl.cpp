#include "xmpp/sasl.hpp"

#include <gsasl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <new>
#include <utility>

namespace xmpp {

namespace {

constexpr std::array<std::pair<SaslMechanism, const char*>, 8> names{{
    {SaslMechanism::external, "EXTERNAL"},
    {SaslMechanism::oauthbearer, "OAUTHBEARER"},
    {SaslMechanism::scram_sha_256_plus, "SCRAM-SHA-256-PLUS"},
    {SaslMechanism::scram_sha_1_plus, "SCRAM-SHA-1-PLUS"},
    {SaslMechanism::scram_sha_256, "SCRAM-SHA-256"},
    {SaslMechanism::scram_sha_1, "SCRAM-SHA-1"},
    {SaslMechanism::plain, "PLAIN"},
    {SaslMechanism::anonymous, "ANONYMOUS"},
}};

// RFC 7677 4 asks for 4096 rounds at least. The upper bound is ours: the server chooses how long we calculate.
constexpr unsigned min_rounds = 4096, max_rounds = 200'000;

bool is_plus(SaslMechanism mechanism) {
  return mechanism == SaslMechanism::scram_sha_256_plus || mechanism == SaslMechanism::scram_sha_1_plus;
}

bool is_scram(SaslMechanism mechanism) {
  return is_plus(mechanism) || mechanism == SaslMechanism::scram_sha_256 || mechanism == SaslMechanism::scram_sha_1;
}

bool fits(SaslMechanism mechanism, SaslKind kind) {
  switch (kind) {
    case SaslKind::password:
      return is_scram(mechanism) || mechanism == SaslMechanism::plain;
    case SaslKind::token:
      return mechanism == SaslMechanism::oauthbearer;
    case SaslKind::certificate:
      return mechanism == SaslMechanism::external;
    case SaslKind::anonymous:
      return mechanism == SaslMechanism::anonymous;
  }
  return false;
}

// The secret itself travels.
bool needs_safety(SaslMechanism mechanism) {
  return mechanism == SaslMechanism::plain || mechanism == SaslMechanism::oauthbearer;
}

struct FreeText {
  void operator()(char* text) const { gsasl_free(text); }
};
using Text = std::unique_ptr<char, FreeText>;

std::string encode(std::string_view bytes) {
  char* out = nullptr;
  std::size_t size = 0;
  if (gsasl_base64_to(bytes.data(), bytes.size(), &out, &size) != GSASL_OK) throw std::bad_alloc();
  const Text owned(out);
  return {out, size};
}

std::optional<std::string> decode(std::string_view text) {
  if (text.empty() || text == "=") return std::string();
  char* out = nullptr;
  std::size_t size = 0;
  if (gsasl_base64_from(text.data(), text.size(), &out, &size) != GSASL_OK) return std::nullopt;
  const Text owned(out);
  return std::string(out, size);
}

// The first message of a SCRAM server says how many rounds it wants: i=.
bool rounds_are_sane(std::string_view message) {
  while (!message.empty()) {
    const auto field = message.substr(0, message.find(','));
    message.remove_prefix(std::min(message.size(), field.size() + 1));
    if (!field.starts_with("i=")) continue;
    unsigned rounds = 0;
    const auto [end, error] = std::from_chars(field.data() + 2, field.data() + field.size(), rounds);
    return error == std::errc() && end == field.data() + field.size() && rounds >= min_rounds && rounds <= max_rounds;
  }
  return true;  // no such message: libgsasl judges it
}

// RFC 4013. libgsasl would find out in the middle of the conversation, and leak a part of it.
bool is_prepared(std::string_view text) {
  std::string copy(text);
  char* out = nullptr;
  const int result = gsasl_saslprep(copy.c_str(), GSASL_ALLOW_UNASSIGNED, &out, nullptr);
  explicit_bzero(copy.data(), copy.size());
  if (result != GSASL_OK) return false;
  const Text owned(out);
  explicit_bzero(out, std::strlen(out));
  return true;
}

struct EndContext {
  void operator()(Gsasl* context) const { gsasl_done(context); }
};

// libgsasl frees what it was given without overwriting it.
void wipe(Gsasl_session* session, Gsasl_property property) {
  const char* const value = gsasl_property_fast(session, property);
  if (value != nullptr) explicit_bzero(const_cast<char*>(value), std::strlen(value));
}

struct EndSession {
  void operator()(Gsasl_session* session) const {
    for (const auto property : {GSASL_PASSWORD, GSASL_SCRAM_SALTED_PASSWORD}) wipe(session, property);
    gsasl_finish(session);
  }
};

// 0x01 separates, so a name or token must not hold it; "=" and "," of the name are escaped (RFC 7628 3.1, RFC 5801 4).
std::optional<std::string> bearer(const SaslIdentity& identity) {
  std::string message = "n,";
  if (!identity.authzid.empty()) {
    message += "a=";
    for (const char c : identity.authzid) {
      if (c == ',' || c == '=') {
        message += c == ',' ? "=2C" : "=3D";
      } else {
        message += c;
      }
    }
  }
  message +=
      ",\x01"
      "auth=Bearer ";
  if (identity.authzid.find('\x01') != std::string::npos) return std::nullopt;
  if (identity.secret.view().find('\x01') != std::string_view::npos) return std::nullopt;
  message += identity.secret.view();
  message += "\x01\x01";
  return message;
}

}  // namespace

std::string_view wire_name(SaslMechanism mechanism) {
  for (const auto& [value, name] : names) {
    if (value == mechanism) return name;
  }
  return {};
}

std::variant<SaslMechanism, SaslFailure> choose_mechanism(const SaslOffer& offer, SaslKind kind,
                                                          const SaslChannel& channel,
                                                          std::optional<SaslMechanism> floor) {
  auto failure = SaslFailure::no_common_mechanism;
  for (const auto& [mechanism, name] : names) {
    if (floor && mechanism > *floor) break;
    if (!fits(mechanism, kind)) continue;
    if (std::find(offer.mechanisms.begin(), offer.mechanisms.end(), name) == offer.mechanisms.end()) continue;
    if (is_plus(mechanism) && (channel.tls_exporter.empty() || !offer.tls_exporter)) continue;
    if (!needs_safety(mechanism) || channel.safe) return mechanism;
    failure = SaslFailure::encryption_required;
  }
  return failure;
}

struct SaslClient::State {
  SaslMechanism mechanism;
  std::optional<SaslFailure> broken;
  std::string first;  // OAUTHBEARER
  std::unique_ptr<Gsasl, EndContext> context;
  std::unique_ptr<Gsasl_session, EndSession> session;
  bool started = false;
  bool proven = false;  // the mechanism has nothing left to check

  void set(Gsasl_property property, std::string_view value) {
    if (broken) return;
    // These are strings of C.
    if (value.find('\0') != std::string_view::npos) {
      broken = SaslFailure::bad_identity;
    } else if (gsasl_property_set_raw(session.get(), property, value.data(), value.size()) != GSASL_OK) {
      throw std::bad_alloc();
    }
  }

  Answer feed(std::string_view message) {
    if (is_scram(mechanism) && !rounds_are_sane(message)) {
      broken = SaslFailure::too_weak;
      return *broken;
    }
    char* out = nullptr;
    std::size_t size = 0;
    const int result = gsasl_step(session.get(), message.data(), message.size(), &out, &size);
    const Text owned(out);
    if (result != GSASL_OK && result != GSASL_NEEDS_MORE) {
      broken = failure(result);
      return *broken;
    }
    proven = result == GSASL_OK;
    return encode(std::string_view(out, size));
  }

  [[nodiscard]] static SaslFailure failure(int result) {
    switch (result) {
      case GSASL_SASLPREP_ERROR:
      case GSASL_NO_AUTHID:
      case GSASL_NO_PASSWORD:
        return SaslFailure::bad_identity;
      case GSASL_AUTHENTICATION_ERROR:
        return SaslFailure::server_not_genuine;
      default:
        return SaslFailure::malformed;
    }
  }
};

SaslClient::SaslClient(SaslMechanism mechanism, const SaslIdentity& identity, const SaslChannel& channel)
    : state_(std::make_unique<State>()) {
  state_->mechanism = mechanism;
  if (mechanism == SaslMechanism::oauthbearer) {
    auto message = bearer(identity);
    if (!message) state_->broken = SaslFailure::bad_identity;
    state_->first = std::move(message).value_or(std::string());
    return;
  }
  Gsasl* context = nullptr;
  if (gsasl_init(&context) != GSASL_OK) throw std::bad_alloc();
  state_->context.reset(context);
  Gsasl_session* session = nullptr;
  if (gsasl_client_start(context, wire_name(mechanism).data(), &session) != GSASL_OK) {
    state_->broken = SaslFailure::no_common_mechanism;
    return;
  }
  state_->session.reset(session);
  if (!identity.authzid.empty()) state_->set(GSASL_AUTHZID, identity.authzid);
  if (identity.kind == SaslKind::anonymous) state_->set(GSASL_ANONYMOUS_TOKEN, "");
  if (identity.kind != SaslKind::password) return;
  state_->set(GSASL_AUTHID, identity.user);
  state_->set(GSASL_PASSWORD, identity.secret.view());
  if (is_scram(mechanism) && !(is_prepared(identity.user) && is_prepared(identity.secret.view()))) {
    state_->broken = SaslFailure::bad_identity;
  }
  // Only here: without -PLUS libgsasl 2.2 fails when it is given this, instead of saying that it could have bound.
  if (is_plus(mechanism)) state_->set(GSASL_CB_TLS_EXPORTER, encode(channel.tls_exporter));
}

SaslClient::~SaslClient() {
  if (!state_->first.empty()) explicit_bzero(state_->first.data(), state_->first.size());
}

SaslClient::Answer SaslClient::start() {
  if (state_->broken) return *state_->broken;
  state_->started = true;
  std::string message;
  if (state_->mechanism == SaslMechanism::oauthbearer) {
    state_->proven = true;
    message = encode(state_->first);
  } else {
    auto answer = state_->feed({});
    if (std::holds_alternative<SaslFailure>(answer)) return answer;
    message = std::get<std::string>(std::move(answer));
  }
  return message.empty() ? std::string("=") : message;
}

SaslClient::Answer SaslClient::step(std::string_view challenge) {
  if (state_->broken) return *state_->broken;
  const auto message = decode(challenge);
  if (!message || !state_->started) return SaslFailure::malformed;
  // RFC 7628 3.2.3: what is wrong with the token, which the client acknowledges to be told that it failed.
  if (state_->mechanism == SaslMechanism::oauthbearer) return encode("\x01");
  if (state_->proven) return std::string();  // some servers ask once more, with an empty challenge
  return state_->feed(*message);
}

std::optional<SaslFailure> SaslClient::finish(std::string_view additional) {
  if (state_->broken) return state_->broken;
  if (!state_->started) return SaslFailure::malformed;
  if (state_->proven) return std::nullopt;
  const auto message = decode(additional);
  if (!message) return SaslFailure::malformed;
  // A server that is not genuine would like best to say only "success".
  if (message->empty()) return SaslFailure::server_not_genuine;
  const auto answer = state_->feed(*message);
  if (const auto* failure = std::get_if<SaslFailure>(&answer)) return *failure;
  return state_->proven ? std::nullopt : std::optional(SaslFailure::server_not_genuine);
}

std::optional<Secret> read_plain_password(std::string_view response) {
  auto message = decode(response);
  if (!message) return std::nullopt;
  const auto user = message->find('\0');
  const auto password = user == std::string::npos ? user : message->find('\0', user + 1);
  std::optional<Secret> read;
  if (password != std::string::npos && password + 1 < message->size()) {
    read.emplace(std::string_view(*message).substr(password + 1));
  }
  explicit_bzero(message->data(), message->size());
  return read;
}

}  // namespace xmpp
