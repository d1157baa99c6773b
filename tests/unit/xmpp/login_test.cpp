#include "xmpp/login.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "tests/support/scram_server.hpp"

namespace {

using namespace xmpp;
using tests::base64;
using Kind = Login::Kind;

#define SASL "urn:ietf:params:xml:ns:xmpp-sasl"

constexpr std::string_view mechanisms_of_old =
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms xmlns='" SASL
    "'><mechanism>PLAIN</mechanism></mechanisms></stream:features>";
constexpr std::string_view mechanisms =
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms xmlns='" SASL
    "'><mechanism>SCRAM-SHA-256</mechanism><mechanism>PLAIN</mechanism></mechanisms></stream:features>";
constexpr std::string_view features =
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><bind "
    "xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";

SaslIdentity julia() {
  SaslIdentity identity;
  identity.user = "julia";
  identity.secret = Secret("pencil");
  return identity;
}

Login::Step hear(Login& login, StanzaKind kind, std::string_view bytes) {
  return login.on_stanza(Stanza{bytes, kind, StanzaType::none});
}

LoginFailure refused(std::string_view condition) {
  Login login(julia(), {true, {}}, {});
  EXPECT_EQ(hear(login, StanzaKind::features, mechanisms_of_old).kind, Kind::send);
  const auto step = hear(login, StanzaKind::sasl_failure,
                         "<failure xmlns='" SASL "'><" + std::string(condition) + "/><text>no</text></failure>");
  EXPECT_EQ(step.kind, Kind::failed);
  return step.failure;
}

TEST(Login, FromFeaturesToAResource) {
  Login login(julia(), {}, {true, "web", "b1"});
  tests::ScramServer server{"SHA256", "pencil", "salt", 4096, "server"};

  auto step = hear(login, StanzaKind::features, mechanisms);
  ASSERT_EQ(step.kind, Kind::send);
  const auto auth = ParsedElement::parse(step.bytes);
  EXPECT_TRUE(auth->root().is("auth", SASL));
  EXPECT_EQ(auth->root().attribute("mechanism"), "SCRAM-SHA-256");

  const auto challenge = base64(server.first(tests::from_base64(auth->root().text())));
  step = hear(login, StanzaKind::sasl_step, "<challenge xmlns='" SASL "'>" + challenge + "</challenge>");
  ASSERT_EQ(step.kind, Kind::send);
  const auto response = ParsedElement::parse(step.bytes);
  EXPECT_TRUE(response->root().is("response", SASL));

  const auto proof = base64(server.final(tests::from_base64(response->root().text())));
  step = hear(login, StanzaKind::sasl_success, "<success xmlns='" SASL "'>" + proof + "</success>");
  EXPECT_EQ(step.kind, Kind::restart);
  EXPECT_EQ(login.mechanism(), SaslMechanism::scram_sha_256);

  step = hear(login, StanzaKind::features, features);
  ASSERT_EQ(step.kind, Kind::send);
  EXPECT_EQ(step.bytes,
            "<iq id=\"b1\" type=\"set\"><bind xmlns=\"urn:ietf:params:xml:ns:xmpp-bind\"><resource>web"
            "</resource></bind></iq>");
  EXPECT_EQ(hear(login, StanzaKind::message, "<message xmlns='jabber:client'/>").kind, Kind::foreign);
  step = hear(login, StanzaKind::iq,
              "<iq xmlns='jabber:client' type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
              "<jid>julia@example.org/web</jid></bind></iq>");
  EXPECT_EQ(step.kind, Kind::done);
  EXPECT_EQ(login.bound(), "julia@example.org/web");
  EXPECT_EQ(login.take_identity().secret.view(), "pencil");
}

TEST(Login, WithoutBindItEndsWithTheFeatures) {
  Login login(julia(), {true, {}}, {false, {}, {}});
  auto step = hear(login, StanzaKind::features, mechanisms_of_old);
  EXPECT_EQ(step.bytes,
            "<auth mechanism=\"PLAIN\" xmlns=\"" SASL "\">" + base64(std::string("\0julia\0pencil", 13)) + "</auth>");
  EXPECT_EQ(hear(login, StanzaKind::sasl_success, "<success xmlns='" SASL "'/>").kind, Kind::restart);
  EXPECT_EQ(hear(login, StanzaKind::features, features).kind, Kind::done);
  EXPECT_EQ(hear(login, StanzaKind::iq, "<iq xmlns='jabber:client'/>").kind, Kind::foreign);
}

TEST(Login, SaysWhyTheServerRefused) {
  EXPECT_EQ(refused("not-authorized"), LoginFailure::not_authorized);
  EXPECT_EQ(refused("account-disabled"), LoginFailure::account_disabled);
  EXPECT_EQ(refused("credentials-expired"), LoginFailure::credentials_expired);
  EXPECT_EQ(refused("temporary-auth-failure"), LoginFailure::temporary);
  EXPECT_EQ(refused("encryption-required"), LoginFailure::encryption_required);
  EXPECT_EQ(refused("mechanism-too-weak"), LoginFailure::refused);
}

TEST(Login, SaysWhyItDidNotTry) {
  Login plain(julia(), {}, {});
  EXPECT_EQ(hear(plain, StanzaKind::features, mechanisms_of_old).failure, LoginFailure::encryption_required);
  Login none(julia(), {}, {});
  EXPECT_EQ(hear(none, StanzaKind::features, features).failure, LoginFailure::no_common_mechanism);
  Login weaker(julia(), {true, {}}, {}, SaslMechanism::scram_sha_1);
  EXPECT_EQ(hear(weaker, StanzaKind::features, mechanisms_of_old).failure, LoginFailure::no_common_mechanism);
  Login unprepared({SaslKind::password, std::string("a\0b", 3), {}, Secret("x")}, {true, {}}, {});
  EXPECT_EQ(hear(unprepared, StanzaKind::features, mechanisms_of_old).failure, LoginFailure::bad_identity);
}

// A server without the password, or somebody in its place, cannot make us believe that we are logged in.
TEST(Login, SuccessWithoutProofIsNone) {
  Login login(julia(), {}, {});
  EXPECT_EQ(hear(login, StanzaKind::features, mechanisms).kind, Kind::send);
  const auto step = hear(login, StanzaKind::sasl_success, "<success xmlns='" SASL "'/>");
  EXPECT_EQ(step.kind, Kind::failed);
  EXPECT_EQ(step.failure, LoginFailure::server_not_genuine);
}

TEST(Login, NobodySpeaksBeforeItIsDone) {
  for (const auto kind : {StanzaKind::message, StanzaKind::iq, StanzaKind::sasl_success, StanzaKind::management}) {
    Login login(julia(), {}, {});
    EXPECT_EQ(hear(login, kind, "<success xmlns='" SASL "'/>").kind, Kind::failed);
  }
  Login login(julia(), {true, {}}, {});
  EXPECT_EQ(hear(login, StanzaKind::features, mechanisms).kind, Kind::send);
  EXPECT_EQ(hear(login, StanzaKind::features, mechanisms).kind, Kind::failed);
  EXPECT_EQ(hear(login, StanzaKind::features, mechanisms).kind, Kind::foreign);
}

TEST(Login, AServerThatKeepsAskingIsLeft) {
  Login login(julia(), {true, {}}, {});
  EXPECT_EQ(hear(login, StanzaKind::features, mechanisms_of_old).kind, Kind::send);
  auto kind = Kind::send;
  int asked = 0;
  for (; kind == Kind::send && asked < 20; ++asked) {
    kind = hear(login, StanzaKind::sasl_step, "<challenge xmlns='" SASL "'/>").kind;
  }
  EXPECT_EQ(kind, Kind::failed);
  EXPECT_LT(asked, 12);
}

TEST(Login, ABindThatFails) {
  for (const char* answer :
       {"<iq xmlns='jabber:client' type='error' id='b'/>", "<iq xmlns='jabber:client' type='result' id='b'/>",
        "<iq xmlns='jabber:client' type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        "<jid>example.org</jid></bind></iq>"}) {
    Login login(julia(), {true, {}}, {true, {}, "b"});
    EXPECT_EQ(hear(login, StanzaKind::features, mechanisms_of_old).kind, Kind::send);
    EXPECT_EQ(hear(login, StanzaKind::sasl_success, "<success xmlns='" SASL "'/>").kind, Kind::restart);
    EXPECT_EQ(hear(login, StanzaKind::features, features).kind, Kind::send);
    EXPECT_EQ(hear(login, StanzaKind::iq, answer).failure, LoginFailure::not_bound) << answer;
  }
}

TEST(Login, ReadsTheBindingsOfTheServer) {
  const auto parsed = ParsedElement::parse(
      "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms xmlns='" SASL
      "'><mechanism>SCRAM-SHA-1-PLUS</mechanism><hostname xmlns='urn:xmpp:domain-based-name:1'>x</hostname>"
      "</mechanisms><sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-unique'/>"
      "<channel-binding type='tls-exporter'/></sasl-channel-binding></stream:features>");
  const auto offer = sasl_offer(parsed->root());
  EXPECT_EQ(offer.mechanisms, std::vector<std::string>{"SCRAM-SHA-1-PLUS"});
  EXPECT_TRUE(offer.tls_exporter);
}

}  // namespace
