// A session that a back end has begun and a ticket admits to (PROTOCOL E-51), over WebSocket: as conversations.
#include "tests/unit/xmpp/ws_engine_support.hpp"

namespace {

using namespace test;
using xmpp::StanzaType;

const std::string bind_request =
    "<iq xmlns='jabber:client' type='set' id='_1&amp;'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
    "<resource>other</resource></bind></iq>";
const std::string bound =
    "G> <iq xmlns='jabber:client' type='result' id='_1&amp;'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
    "<jid>d&apos;a@example.org/site</jid></bind></iq>";
const std::string message = "<message xmlns='jabber:client' from='bob@example.org'><body>x</body></message>";

// One stanza of the server went to the login: the answer to the bind.
class Handed : public Conversation {
 public:
  explicit Handed(const WsPolicy& with = {}) : Conversation(with) {
    engine.emplace(policy, "example.org", 0x2a, xmpp::WsHandOver{"d'a@example.org/site", features, 1, 30s}, now);
  }
  Lines attach() {
    engine->attach(connection, now, out);
    return take();
  }
  Lines hear(std::string_view bytes = message, StanzaKind kind = StanzaKind::message) { return server(bytes, kind); }
};

const std::string over = "forget";

TEST(WsHanded, E51GoesOnAsAfterAnyLogin) {
  Handed c;
  EXPECT_TRUE(c.engine->is_awaited());
  EXPECT_EQ(c.due(), 30s);
  EXPECT_EQ(c.managed(), Lines{});
  EXPECT_EQ(c.hear(), Lines{}) << "kept";
  EXPECT_EQ(c.engine->held_bytes(), message.size());
  EXPECT_EQ(c.attach(), Lines{"G> " + success});
  EXPECT_FALSE(c.engine->is_awaited());
  EXPECT_EQ(c.client(open_message), (Lines{made_up, "G> " + features})) << "and the server is told nothing";
  EXPECT_EQ(c.hear(), Lines{}) << "still kept: it does not know who it is";
  EXPECT_EQ(c.client(bind_request), (Lines{bound, "G> " + message, "ping 2", "G> " + message}));
  EXPECT_EQ(c.engine->held_bytes(), 0U);
  EXPECT_EQ(c.pong(2), Lines{"acked 2"});
  EXPECT_EQ(c.client("<presence/>"), Lines{"U> <presence xmlns='jabber:client'/>"});
  EXPECT_EQ(c.client(bind_request), Lines{"U> " + bind_request}) << "a second one is the server's to refuse";
  EXPECT_EQ(c.client(open_message),
            (Lines{error("bad-format"), said_close, "close 1000", end(EndReason::protocol_fault), over}));
}

TEST(WsHanded, E51OtherQuestionsAreTheServers) {
  Handed c;
  c.attach();
  c.client(open_message);
  const std::string question =
      "<iq xmlns='jabber:client' type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>";
  EXPECT_EQ(c.client(question), Lines{"U> " + question});
  const std::string get =
      "<iq xmlns='jabber:client' type='get' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
  EXPECT_EQ(c.client(get), Lines{"U> " + get});
}

TEST(WsHanded, E51WhoDoesNotComeInTime) {
  Handed c;
  c.hear();
  c.hear("<presence xmlns='jabber:client'/>", StanzaKind::presence);
  EXPECT_EQ(c.at(29s), Lines{});
  const std::string late = end(EndReason::never_used);
  EXPECT_EQ(c.at(30s), (Lines{"undeliverable 2", "undeliverable 3", late, over}));
  EXPECT_EQ(c.attach(), Lines{});
}

TEST(WsHanded, E51EndsBeforeTheClientCame) {
  for (const auto reason : {EndReason::server_lost, EndReason::server_closed, EndReason::server_error}) {
    Handed c;
    c.hear();
    c.hear("<stream:error xmlns:stream='http://etherx.jabber.org/streams'/>", StanzaKind::stream_error);
    EXPECT_EQ(c.ends(reason), (Lines{end(reason), over})) << "there is no connection to say it to";
  }
  Handed c;
  c.hear();
  EXPECT_EQ(c.ends(EndReason::shutdown), (Lines{"undeliverable 2", end(EndReason::shutdown), over}));
}

TEST(WsHanded, E51LostBeforeItHasBound) {
  Handed c;
  c.hear();
  c.attach();
  EXPECT_EQ(c.lost(), (Lines{"undeliverable 2", end(EndReason::client_lost), over}));
  Handed said;
  said.attach();
  said.client(open_message);
  EXPECT_EQ(
      said.hear("<stream:error xmlns:stream='http://etherx.jabber.org/streams'/>", StanzaKind::stream_error).size(),
      1U);
  EXPECT_EQ(said.ends(EndReason::server_error), (Lines{said_close, "close 1000", end(EndReason::server_error), over}));
}

TEST(WsHanded, E51WhatIsKeptIsBounded) {
  WsPolicy policy;
  policy.queue_cap = message.size();
  Handed c(policy);
  c.hear();
  EXPECT_EQ(c.hear(), (Lines{"undeliverable 2", "undeliverable 3", end(EndReason::policy), over}));
  Handed there(policy);
  there.attach();
  there.hear();
  EXPECT_EQ(there.hear(), (Lines{"close 1008", "undeliverable 2", "undeliverable 3", end(EndReason::policy), over}));
}

TEST(WsHanded, SameInputsSameActions) {
  const auto run = [] {
    Handed c;
    Lines all = c.hear();
    const auto add = [&](Lines more) { all.insert(all.end(), more.begin(), more.end()); };
    add(c.attach());
    add(c.client(open_message));
    add(c.client(bind_request));
    add(c.client(close_message));
    return all;
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
