// Over WebSocket pongs prove what a client has received: when they are asked for, and what they prove (U-060, W-030).
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/xmpp/ws_engine_support.hpp"

namespace {

using namespace test;

const std::string a_message = "<message xmlns='jabber:client'/>";

// U-060: behind a message at once, then once for all that comes in a quarter of a second, and never for nothing.
TEST(WsEngine, AsksForProofsOfWhatWouldBeMissed) {
  Conversation c;
  c.begin();
  EXPECT_EQ(c.managed(), Lines{});
  EXPECT_EQ(c.due(), 30s) << "an idle session costs no more than before";
  c.server("<presence xmlns='jabber:client'/>", StanzaKind::presence);
  c.server("<iq xmlns='jabber:client' type='result'/>", StanzaKind::iq, xmpp::StanzaType::result);
  EXPECT_EQ(c.due(), 30s) << "nobody misses these";
  c.now = c.start + 5s;
  EXPECT_EQ(c.server(a_message, StanzaKind::message), (Lines{"G> " + a_message, "ping 3"}));
  EXPECT_EQ(c.due(), 30s);
  c.now = c.start + 5100ms;
  EXPECT_EQ(c.server(a_message, StanzaKind::message), Lines{"G> " + a_message});
  c.now = c.start + 5200ms;
  c.server(a_message, StanzaKind::message);
  EXPECT_EQ(c.due(), 5250ms);
  EXPECT_EQ(c.at(5250ms), Lines{"ping 5"});
  EXPECT_EQ(c.due(), 30s);
  EXPECT_EQ(c.pong(5), Lines{"acked 5"});
  c.now = c.start + 5500ms;
  const std::string question = "<iq xmlns='jabber:client' type='get'/>";
  EXPECT_EQ(c.server(question, StanzaKind::iq, xmpp::StanzaType::get), (Lines{"G> " + question, "ping 6"}));
}

TEST(WsEngine, AsksInABurstWithoutWaiting) {
  Conversation c;
  c.begin();
  c.managed();
  EXPECT_EQ(c.server(a_message, StanzaKind::message), (Lines{"G> " + a_message, "ping 1"}));
  for (int i = 1; i < 50; ++i) EXPECT_EQ(c.server(a_message, StanzaKind::message), Lines{"G> " + a_message});
  EXPECT_EQ(c.due(), 250ms);
  EXPECT_EQ(c.server(a_message, StanzaKind::message), (Lines{"G> " + a_message, "ping 51"}));
  EXPECT_EQ(c.due(), 30s);
  EXPECT_EQ(c.pong(51), Lines{"acked 51"}) << "one proof is enough for all before it";
  EXPECT_EQ(c.pong(1), Lines{});
}

TEST(WsEngine, AsksForWhatCameBeforeItWasTheGateways) {
  Conversation c;
  c.begin();
  c.server(a_message, StanzaKind::message);
  EXPECT_EQ(c.due(), 30s) << "it may be the client's";
  c.managed();
  EXPECT_EQ(c.at(0s), Lines{"ping 1"});
}

// While it is open whose XEP-0198 is, it is as if it were the gateway's (W-033).
TEST(WsEngine, AsksNoMoreWhereTheClientTakesIt) {
  Conversation c;
  c.begin();
  c.managed();
  EXPECT_EQ(c.server(a_message, StanzaKind::message), (Lines{"G> " + a_message, "ping 1"}));
  EXPECT_EQ(c.server(a_message, StanzaKind::message), Lines{"G> " + a_message});
  EXPECT_EQ(c.due(), 250ms);
  EXPECT_EQ(c.managed(false), Lines{});
  EXPECT_EQ(c.due(), 30s);
  c.now += 1s;
  EXPECT_EQ(c.server(a_message, StanzaKind::message), Lines{"G> " + a_message});
}

// Pings for the sake of proofs are not the ones that decide over life, and a dead client is found out as before.
TEST(WsEngine, ProofsThatDoNotComeAreNoMisses) {
  Conversation c;
  c.begin();
  c.managed();
  for (int i = 0; i < 10; ++i) {
    c.now = c.start + i * 2s;
    EXPECT_EQ(c.server(a_message, StanzaKind::message), (Lines{"G> " + a_message, "ping " + std::to_string(i + 1)}));
  }
  EXPECT_EQ(c.at(30s), Lines{"ping 10"});
  EXPECT_EQ(c.at(60s), Lines{"ping 10"});
  EXPECT_EQ(c.at(90s), (Lines{"close 1008", end(EndReason::client_lost), "forget"}));
}

// W-026: what a user has read before logging out must not come again.
TEST(WsEngine, WaitsForTheLastProofBeforeTheEnd) {
  const auto leaving = [](Conversation& c) {
    c.begin();
    c.managed();
    c.server(a_message, StanzaKind::message);
    c.server(a_message, StanzaKind::message);
    EXPECT_EQ(c.client(close_message), (Lines{"ping 2", said_close, "close 1000"}));
    EXPECT_EQ(c.server(a_message, StanzaKind::message), Lines{"undeliverable 3"}) << "unless the server counts";
    EXPECT_EQ(c.server(a_message, StanzaKind::message), Lines{"undeliverable 4"});
    EXPECT_EQ(c.server("<r xmlns='urn:xmpp:sm:3'/>", StanzaKind::management), Lines{});
    EXPECT_EQ(c.client("<presence/>"), Lines{});
    EXPECT_EQ(c.due(), 2s);
  };
  const std::string left = end(EndReason::client_terminated);
  Conversation proven;
  leaving(proven);
  EXPECT_EQ(proven.pong(1), Lines{"acked 1"});
  EXPECT_EQ(proven.pong(2), (Lines{"acked 2", left, "forget"}));
  EXPECT_EQ(proven.due(), xmpp::never - proven.start);

  Conversation gone;
  leaving(gone);
  EXPECT_EQ(gone.lost(), (Lines{left, "forget"}));

  Conversation silent;
  leaving(silent);
  EXPECT_EQ(silent.at(1999ms), Lines{});
  EXPECT_EQ(silent.at(2s), (Lines{left, "forget"}));

  for (const auto reason : {EndReason::shutdown, EndReason::server_lost, EndReason::overload}) {
    Conversation other;
    leaving(other);
    EXPECT_EQ(other.ends(reason), (Lines{left, "forget"})) << "nothing may be said behind <close/>";
  }

  Conversation before;
  before.begin();
  before.managed();
  before.server(a_message, StanzaKind::message);
  before.pong(1);
  EXPECT_EQ(before.client(close_message), (Lines{said_close, "close 1000", left, "forget"}));
}

TEST(WsEngine, NoPingsWhereTheyAreSwitchedOff) {
  WsPolicy policy;
  policy.ping_interval = {};
  Conversation c(policy);
  c.begin();
  EXPECT_EQ(c.due(), xmpp::never - c.start);
  c.managed();
  EXPECT_EQ(c.server(a_message, StanzaKind::message), (Lines{"G> " + a_message, "ping 1"})) << "but for proofs";
  EXPECT_EQ(c.due(), xmpp::never - c.start);
}

}  // namespace
