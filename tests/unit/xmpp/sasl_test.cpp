#include "xmpp/sasl.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/random.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "tests/support/scram_server.hpp"

namespace {

std::string next_random;  // what the system's generator says; empty: the real one

}  // namespace

// libgsasl takes no nonce from outside, so the test vectors of the RFCs come in here.
extern "C" ssize_t getrandom(void* buffer, size_t size, unsigned /*flags*/) {
  for (size_t i = 0; i < size; ++i) {
    static_cast<char*>(buffer)[i] =
        next_random.empty() ? static_cast<char>(i * 37) : next_random[i % next_random.size()];
  }
  return static_cast<ssize_t>(size);
}

namespace {

using namespace xmpp;
using tests::base64;
using tests::from_base64;
using tests::ScramServer;

SaslIdentity password(std::string user, std::string_view secret) {
  SaslIdentity identity;
  identity.user = std::move(user);
  identity.secret = Secret(secret);
  return identity;
}

std::string text(const SaslClient::Answer& answer) {
  if (const auto* failure = std::get_if<SaslFailure>(&answer)) {
    return "failure " + std::to_string(static_cast<int>(*failure));
  }
  return std::get<std::string>(answer);
}

std::string plain(const SaslClient::Answer& answer) {
  return from_base64(text(answer));
}

SaslFailure failure(const SaslClient::Answer& answer) {
  return std::get<SaslFailure>(answer);
}

// ---- the mechanisms

// RFC 5802 5.
TEST(SaslScram, TheConversationOfRfc5802) {
  next_random = from_base64("fyko+d2lbbFgONRv9qkxdawL");
  SaslClient client(SaslMechanism::scram_sha_1, password("user", "pencil"), {});
  EXPECT_EQ(plain(client.start()), "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
  EXPECT_EQ(plain(client.step(base64("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"))),
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
  EXPECT_EQ(client.finish(base64("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")), std::nullopt);
  next_random.clear();
}

// RFC 7677 3 has a nonce of a length that libgsasl does not make: the server of the test is held to the vector, and the
// client to the server, with the same user, password, salt and rounds.
TEST(SaslScram, Rfc7677) {
  const auto salt = from_base64("W22ZaJ0SNY7soEsUEjb6gQ==");
  ScramServer server{"SHA256", "pencil", salt, 4096, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"};
  EXPECT_EQ(server.first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"),
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  EXPECT_EQ(server.final("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                         "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");

  SaslClient client(SaslMechanism::scram_sha_256, password("user", "pencil"), {});
  const auto challenge = base64(server.first(plain(client.start())));
  EXPECT_EQ(server.user, "user");
  EXPECT_EQ(server.gs2_header, "n,,");
  EXPECT_EQ(client.finish(base64(server.final(plain(client.step(challenge))))), std::nullopt);
}

TEST(SaslScram, TheProofMayComeAsAChallenge) {
  ScramServer server{"SHA1", "pencil", "salt", 5000, "server"};
  SaslClient client(SaslMechanism::scram_sha_1, password("user", "pencil"), {});
  const auto challenge = base64(server.first(plain(client.start())));
  const auto proof = base64(server.final(plain(client.step(challenge))));
  EXPECT_EQ(text(client.step(proof)), "");
  EXPECT_EQ(client.finish(""), std::nullopt);
}

TEST(SaslScram, BindsTheChannel) {
  const SaslChannel channel{true, std::string(32, 'k')};
  ScramServer server{"SHA256", "pencil", "salt", 4096, "server", channel.tls_exporter};
  SaslClient client(SaslMechanism::scram_sha_256_plus, password("user", "pencil"), channel);
  const auto challenge = base64(server.first(plain(client.start())));
  EXPECT_EQ(server.gs2_header, "p=tls-exporter,,");
  EXPECT_EQ(client.finish(base64(server.final(plain(client.step(challenge))))), std::nullopt);
}

TEST(SaslScram, NamesAreEscaped) {
  SaslClient client(SaslMechanism::scram_sha_256, password("a,b=c", "pencil"), {});
  EXPECT_THAT(plain(client.start()), testing::StartsWith("n,,n=a=2Cb=3Dc,r="));
}

TEST(SaslScram, TheServerMustKnowThePasswordToo) {
  const auto talk = [](const auto& last) {
    ScramServer server{"SHA256", "pencil", "salt", 4096, "server"};
    SaslClient client(SaslMechanism::scram_sha_256, password("user", "pencil"), {});
    const auto challenge = base64(server.first(plain(client.start())));
    const auto response = plain(client.step(challenge));
    return client.finish(last(server, response));
  };
  EXPECT_EQ(talk([](auto&, const auto&) { return std::string(); }), SaslFailure::server_not_genuine);
  EXPECT_EQ(talk([](auto&, const auto&) { return std::string("="); }), SaslFailure::server_not_genuine);
  EXPECT_EQ(talk([](auto&, const auto&) { return base64("v=" + base64(std::string(32, 'x'))); }),
            SaslFailure::server_not_genuine);
  EXPECT_NE(talk([](auto&, const auto&) { return base64("e=other-error"); }), std::nullopt);
  EXPECT_EQ(talk([](auto&, const auto&) { return std::string("%%%"); }), SaslFailure::malformed);
  EXPECT_EQ(talk([](auto& server, const auto& response) { return base64(server.final(response)); }), std::nullopt);
}

TEST(SaslScram, SuccessBeforeTheConversationIsNoProof) {
  SaslClient client(SaslMechanism::scram_sha_256, password("user", "pencil"), {});
  EXPECT_EQ(client.finish(""), SaslFailure::malformed);
  const auto first = plain(client.start());
  EXPECT_EQ(client.finish(""), SaslFailure::server_not_genuine);
  EXPECT_NE(client.finish(base64("r=" + first.substr(first.find("r=") + 2) + "x,s=c2FsdA==,i=4096")), std::nullopt);
}

// The server chooses how long we calculate, and how hard its copy of the conversation is to guess from.
TEST(SaslScram, RoundsAreBounded) {
  const auto talk = [](const char* rounds) {
    SaslClient client(SaslMechanism::scram_sha_256, password("user", "pencil"), {});
    const auto first = plain(client.start());
    return client.step(base64(first.substr(first.find("r=")) + "x,s=c2FsdA==,i=" + rounds));
  };
  for (const char* bad : {"1", "4095", "200001", "4294967297", "99999999999999999999", "", "-1", "4096x"}) {
    EXPECT_EQ(failure(talk(bad)), SaslFailure::too_weak) << bad;
  }
  EXPECT_TRUE(std::holds_alternative<std::string>(talk("4096")));
}

TEST(SaslScram, NonsenseOfTheServerIsMalformed) {
  for (const char* bad : {"", "x", "r=,s=,i=4096", "r=other,s=c2FsdA==,i=4096", "m=ext,r=a,s=c2FsdA==,i=4096"}) {
    SaslClient client(SaslMechanism::scram_sha_256, password("user", "pencil"), {});
    ASSERT_TRUE(std::holds_alternative<std::string>(client.start()));
    EXPECT_TRUE(std::holds_alternative<SaslFailure>(client.step(base64(bad)))) << bad;
  }
  SaslClient client(SaslMechanism::scram_sha_256, password("user", "pencil"), {});
  EXPECT_EQ(failure(client.step(base64("r=a"))), SaslFailure::malformed);  // before start()
}

// RFC 4013: what cannot be prepared is never sent.
TEST(Sasl, RefusesWhatCannotBePrepared) {
  SaslClient bell(SaslMechanism::scram_sha_256,
                  password("user",
                           "pen\x07"
                           "cil"),
                  {});
  EXPECT_EQ(failure(bell.start()), SaslFailure::bad_identity);
  SaslClient nul(SaslMechanism::plain, password("user", std::string_view("a\0b", 3)), {true, {}});
  EXPECT_EQ(failure(nul.start()), SaslFailure::bad_identity);
}

TEST(Sasl, PlainAnonymousExternal) {
  SaslClient by_password(SaslMechanism::plain, password("tim", "tanstaaftanstaaf"), {true, {}});
  EXPECT_EQ(plain(by_password.start()), std::string("\0tim\0tanstaaftanstaaf", 21));
  EXPECT_EQ(by_password.finish(""), std::nullopt);

  SaslIdentity guest;
  guest.kind = SaslKind::anonymous;
  SaslClient anonymous(SaslMechanism::anonymous, guest, {});
  EXPECT_EQ(text(anonymous.start()), "=");
  EXPECT_EQ(anonymous.finish(""), std::nullopt);

  SaslIdentity holder;
  holder.kind = SaslKind::certificate;
  holder.authzid = "romeo@example.net";
  SaslClient external(SaslMechanism::external, holder, {true, {}});
  EXPECT_EQ(plain(external.start()), "romeo@example.net");
  EXPECT_EQ(external.finish(""), std::nullopt);
}

// RFC 7628 4.1, without host and port.
TEST(Sasl, Bearer) {
  SaslIdentity identity;
  identity.kind = SaslKind::token;
  identity.authzid = "user=a,b@example.com";
  identity.secret = Secret("vF9dft4qmT");
  SaslClient client(SaslMechanism::oauthbearer, identity, {true, {}});
  EXPECT_EQ(plain(client.start()),
            "n,a=user=3Da=2Cb@example.com,\x01"
            "auth=Bearer vF9dft4qmT\x01\x01");
  EXPECT_EQ(plain(client.step(base64("{\"status\":\"invalid_token\"}"))), "\x01");
  identity.secret = Secret(
      "a\x01"
      "host=evil");
  SaslClient forged(SaslMechanism::oauthbearer, identity, {true, {}});
  EXPECT_EQ(failure(forged.start()), SaslFailure::bad_identity);
}

// ---- the choice

using Choice = std::variant<SaslMechanism, SaslFailure>;

TEST(SaslChoice, TheStrongestThatIsOffered) {
  const SaslChannel open, safe{true, {}}, bound{true, std::string(32, 'k')};
  const SaslOffer all{{"PLAIN", "SCRAM-SHA-1", "X-OAUTH2", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"}, true};
  EXPECT_EQ(choose_mechanism(all, SaslKind::password, open), Choice(SaslMechanism::scram_sha_256));
  EXPECT_EQ(choose_mechanism(all, SaslKind::password, bound), Choice(SaslMechanism::scram_sha_256_plus));
  EXPECT_EQ(choose_mechanism({all.mechanisms, false}, SaslKind::password, bound), Choice(SaslMechanism::scram_sha_256));
  EXPECT_EQ(choose_mechanism({{"PLAIN", "SCRAM-SHA-1"}, false}, SaslKind::password, safe),
            Choice(SaslMechanism::scram_sha_1));
  EXPECT_EQ(choose_mechanism({{"PLAIN"}, false}, SaslKind::password, safe), Choice(SaslMechanism::plain));
}

TEST(SaslChoice, NoPasswordWhereOthersCanRead) {
  EXPECT_EQ(choose_mechanism({{"PLAIN"}, false}, SaslKind::password, {}), Choice(SaslFailure::encryption_required));
  EXPECT_EQ(choose_mechanism({{"OAUTHBEARER"}, false}, SaslKind::token, {}), Choice(SaslFailure::encryption_required));
  EXPECT_EQ(choose_mechanism({{"OAUTHBEARER"}, false}, SaslKind::token, {true, {}}),
            Choice(SaslMechanism::oauthbearer));
}

TEST(SaslChoice, EachKindHasItsOwn) {
  const SaslChannel safe{true, {}};
  const SaslOffer all{{"PLAIN", "ANONYMOUS", "EXTERNAL", "OAUTHBEARER", "SCRAM-SHA-1"}, false};
  EXPECT_EQ(choose_mechanism(all, SaslKind::anonymous, safe), Choice(SaslMechanism::anonymous));
  EXPECT_EQ(choose_mechanism(all, SaslKind::certificate, safe), Choice(SaslMechanism::external));
  EXPECT_EQ(choose_mechanism({{"PLAIN"}, false}, SaslKind::anonymous, safe), Choice(SaslFailure::no_common_mechanism));
  EXPECT_EQ(choose_mechanism({{"ANONYMOUS", "DIGEST-MD5"}, false}, SaslKind::password, safe),
            Choice(SaslFailure::no_common_mechanism));
  EXPECT_EQ(choose_mechanism({}, SaslKind::password, safe), Choice(SaslFailure::no_common_mechanism));
}

// U-063: the second login of a session is not talked down by whoever has got in between.
TEST(SaslChoice, NothingWeakerThanBefore) {
  const SaslChannel safe{true, {}};
  const SaslOffer offer{{"PLAIN", "SCRAM-SHA-1"}, false};
  EXPECT_EQ(choose_mechanism(offer, SaslKind::password, safe, SaslMechanism::scram_sha_1),
            Choice(SaslMechanism::scram_sha_1));
  EXPECT_EQ(choose_mechanism(offer, SaslKind::password, safe, SaslMechanism::scram_sha_256),
            Choice(SaslFailure::no_common_mechanism));
  EXPECT_EQ(choose_mechanism({{"PLAIN"}, false}, SaslKind::password, safe, SaslMechanism::scram_sha_1),
            Choice(SaslFailure::no_common_mechanism));
}

TEST(Secret, MovesWithoutALeftOver) {
  Secret first("pencil");
  Secret second(std::move(first));
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is what is asked
  EXPECT_EQ(second.view(), "pencil");
  EXPECT_EQ(second.copy().view(), "pencil");
  second = Secret("eraser");
  EXPECT_EQ(second.view(), "eraser");
  const char* const where = second.view().data();
  const std::string before(where, 6);
  second.wipe();
  EXPECT_EQ(before, "eraser");
  EXPECT_EQ(std::string(where, 6), std::string(6, '\0'));  // the memory is still the vector's
  EXPECT_TRUE(second.empty());
}

}  // namespace
