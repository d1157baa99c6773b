// A server that talks nonsense in SASL, for every mechanism and kind of identity: # is the client's nonce, so that its
// messages get past the first check. What must hold: who never saw the password cannot pass for genuine in SCRAM, a
// session that has failed does not recover, and nothing is chosen that was not offered, or is below the floor, or would
// show a secret to whoever listens (RFC 5802, RFC 7677, RFC 4616, RFC 7628).
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "tests/fuzz/steps.hpp"
#include "tests/support/scram_server.hpp"
#include "xmpp/sasl.hpp"

namespace {

using namespace xmpp;

using fuzz::complain;

constexpr std::array mechanisms{
    SaslMechanism::external,
    SaslMechanism::oauthbearer,
    SaslMechanism::scram_sha_256_plus,
    SaslMechanism::scram_sha_1_plus,
    SaslMechanism::scram_sha_256,
    SaslMechanism::scram_sha_1,
    SaslMechanism::plain,
    SaslMechanism::anonymous,
};

bool is_scram(SaslMechanism mechanism) {
  return mechanism >= SaslMechanism::scram_sha_256_plus && mechanism <= SaslMechanism::scram_sha_1;
}

void choose(fuzz::Input& input) {
  SaslOffer offer;
  const auto offered = input.byte();
  for (std::size_t i = 0; i < mechanisms.size(); ++i) {
    if ((offered >> i & 1U) != 0) offer.mechanisms.emplace_back(wire_name(mechanisms.at(i)));
  }
  offer.mechanisms.emplace_back(input.text());
  offer.tls_exporter = input.flag();
  const SaslChannel channel{input.flag(), input.flag() ? std::string(32, 'k') : std::string()};
  std::optional<SaslMechanism> floor;
  if (input.flag()) floor = mechanisms.at(input.below(mechanisms.size()));
  const auto chosen = choose_mechanism(offer, static_cast<SaslKind>(input.below(4)), channel, floor);
  const auto* const mechanism = std::get_if<SaslMechanism>(&chosen);
  if (mechanism == nullptr) return;
  const auto name = wire_name(*mechanism);
  if (std::find(offer.mechanisms.begin(), offer.mechanisms.end(), name) == offer.mechanisms.end()) {
    complain("chosen without an offer", name);
  }
  if (floor && *mechanism > *floor) complain("weaker than before", name);
  const bool shows = *mechanism == SaslMechanism::plain || *mechanism == SaslMechanism::oauthbearer;
  if (shows && !channel.safe) complain("a secret for whoever listens", name);
}

std::string fill(std::string_view pattern, std::string_view nonce) {
  std::string out;
  for (const char c : pattern) {
    if (c == '#') {
      out += nonce;
    } else {
      out += c;
    }
  }
  return out;
}

void converse(fuzz::Input& input) {
  const auto mechanism = mechanisms.at(input.below(mechanisms.size()));
  SaslIdentity identity;
  identity.kind = static_cast<SaslKind>(input.below(4));
  identity.user = input.text();
  identity.authzid = input.text();
  identity.secret = Secret(input.text());
  SaslClient client(mechanism, identity, {true, std::string(32, 'k')});
  bool failed = false;
  const auto note = [&](const SaslClient::Answer& answer) {
    const auto* const said = std::get_if<std::string>(&answer);
    if (failed && said != nullptr && !said->empty()) complain("goes on after it has failed", *said);
    if (said == nullptr && std::get<SaslFailure>(answer) != SaslFailure::malformed) failed = true;
    return said == nullptr || *said == "=" ? std::string() : tests::from_base64(*said);
  };
  std::string nonce;
  if (!input.flag()) {  // or the server comes first
    const auto first = note(client.start());
    const auto at = first.find("r=");
    if (at != std::string::npos) nonce = first.substr(at + 2);
  }
  while (input.more()) {
    const auto how = input.below(8);
    const auto message = fill(input.text(), nonce);
    const auto sent = how == 0 ? message : tests::base64(message);
    if (how != 1) {
      (void)note(client.step(sent));
      continue;
    }
    const auto problem = client.finish(sent);
    if (!problem && is_scram(mechanism)) complain("genuine without the password", message);
    if (!problem && failed) complain("has worked after it has failed", message);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, std::min<std::size_t>(size, 1024));
  switch (input.below(4)) {
    case 0:
      choose(input);
      break;
    case 1:
      (void)read_plain_password(input.text());
      break;
    default:
      converse(input);
  }
  return 0;
}
