// XEP-0206 5. PROTOCOL X-020 ....
#include "bosh/restart.hpp"

#include <gtest/gtest.h>

namespace bosh {
namespace {

using Answer = StreamRestart::Answer;
using Step = StreamRestart::Step;
using xmpp::StanzaKind;

constexpr std::string_view empty_features = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>";
constexpr xmpp::Instant now{std::chrono::seconds(5)};
constexpr xmpp::Duration second = std::chrono::seconds(1);

xmpp::Stanza of(StanzaKind kind, std::string_view bytes = "<x/>") {
  return {bytes, kind};
}

StreamRestart with_features() {
  StreamRestart r;
  EXPECT_FALSE(r.from_server(of(StanzaKind::features)));
  return r;
}

StreamRestart with_success() {
  StreamRestart r = with_features();
  EXPECT_EQ(r.from_client(StanzaKind::sasl_auth), Step::forward);
  EXPECT_FALSE(r.from_server(of(StanzaKind::sasl_success)));
  return r;
}

TEST(StreamRestart, AnswersByItsState) {
  StreamRestart r;
  EXPECT_FALSE(r.first_features_seen());
  EXPECT_EQ(r.requested(), Answer::features_due);
  r = with_features();
  EXPECT_TRUE(r.first_features_seen());
  EXPECT_EQ(r.requested(), Answer::header);
  r = with_success();
  EXPECT_EQ(r.requested(), Answer::header);
  r.header_sent();
  EXPECT_EQ(r.requested(), Answer::features_due);
  EXPECT_FALSE(r.from_server(of(StanzaKind::features, "<f/>")));
  EXPECT_EQ(r.requested(), Answer::stored_features);
  EXPECT_EQ(r.features(), "<f/>");
  EXPECT_EQ(r.from_client(StanzaKind::iq), Step::forward);
  EXPECT_EQ(r.requested(), Answer::stored_features);
  EXPECT_EQ(r.features(), empty_features);
}

TEST(StreamRestart, NeedsNoHeaderAfterSasl2) {
  StreamRestart r = with_features();
  EXPECT_EQ(r.from_client(StanzaKind::sasl2), Step::forward);
  EXPECT_EQ(r.from_client(StanzaKind::iq), Step::forward);  // what may come in between is SASL2's own affair
  EXPECT_FALSE(r.from_server(of(StanzaKind::sasl2_success)));
  EXPECT_FALSE(r.header_due());
  EXPECT_EQ(r.requested(), Answer::features_due);
  EXPECT_FALSE(r.from_server(of(StanzaKind::features, "<f/>")));
  EXPECT_EQ(r.requested(), Answer::stored_features);
}

TEST(StreamRestart, DefersDuringAnExchange) {
  for (const bool success : {true, false}) {
    StreamRestart r = with_features();
    EXPECT_EQ(r.from_client(StanzaKind::sasl_auth), Step::forward);
    EXPECT_EQ(r.from_client(StanzaKind::iq), Step::defer);
    r.defer(of(StanzaKind::iq, "<iq/>"));
    r.defer(of(StanzaKind::management, "<r/>"));
    EXPECT_FALSE(r.from_server(of(StanzaKind::sasl_step)));
    EXPECT_EQ(r.from_client(StanzaKind::sasl_step), Step::forward);
    EXPECT_TRUE(r.from_server(of(success ? StanzaKind::sasl_success : StanzaKind::sasl_failure)));
    EXPECT_EQ(r.header_due(), success);
    EXPECT_EQ(r.deferred(), "<iq/><r/>");
    EXPECT_EQ(r.deferred_stanzas(), 1U);
    r.deferred_sent();
    EXPECT_EQ(r.deferred(), "");
  }
}

TEST(StreamRestart, IsImpliedByPayload) {
  StreamRestart r = with_success();
  EXPECT_EQ(r.from_client(StanzaKind::iq), Step::restart_first);
  r.header_sent();
  EXPECT_EQ(r.from_client(StanzaKind::iq), Step::forward);
}

TEST(StreamRestart, IsImpliedBySilence) {
  StreamRestart r = with_success();
  EXPECT_EQ(r.implied_at(second), xmpp::never);  // the client has not even seen it
  r.success_handed_out(now);
  EXPECT_EQ(r.implied_at(second), now + second);
  r.header_sent();
  EXPECT_EQ(r.implied_at(second), xmpp::never);
}

TEST(StreamRestart, ForgetsTheHandOutOfAnOlderSuccess) {
  StreamRestart r = with_success();
  r.header_sent();
  r.success_handed_out(now);  // late: a client that did not wait for it
  EXPECT_EQ(r.implied_at(second), xmpp::never);
}

TEST(StreamRestart, KnowsWhetherSessionsAreOffered) {
  StreamRestart r = with_success();
  EXPECT_FALSE(r.without_session());
  r.header_sent();
  static_cast<void>(
      r.from_server(of(StanzaKind::features, "<f><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></f>")));
  EXPECT_FALSE(r.without_session());
  r = with_success();
  r.header_sent();
  static_cast<void>(r.from_server(of(StanzaKind::features, "<f/>")));
  EXPECT_TRUE(r.without_session());
}

TEST(StreamRestart, Forgets) {
  StreamRestart r = with_features();
  static_cast<void>(r.from_client(StanzaKind::sasl_auth));
  r.defer(of(StanzaKind::iq));
  r.forget();
  EXPECT_EQ(r.deferred(), "");
}

}  // namespace
}  // namespace bosh
