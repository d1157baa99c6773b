// RFC 7395 as a conversation.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "tests/unit/xmpp/ws_engine_support.hpp"

namespace {

using namespace test;

TEST(WsEngine, W020W021OpenAndFeaturesAreMessagesOfTheirOwn) {
  Conversation c;
  EXPECT_EQ(c.open(), Lines{"open link"});
  EXPECT_EQ(c.server_opens(), Lines{opened});
  EXPECT_EQ(c.server(features, StanzaKind::features), Lines{"G> " + features});
}

TEST(WsEngine, W010W031W033EverythingPassesUntouchedAndInOrder) {
  Conversation c;
  c.begin();
  const std::string message = "<message xmlns='jabber:client'><body>1</body></message>";
  EXPECT_EQ(c.client(message), Lines{"U> " + message});
  EXPECT_EQ(c.client("<r xmlns='urn:xmpp:sm:3'/>"), Lines{"U> <r xmlns='urn:xmpp:sm:3'/> uncounted"});
  EXPECT_EQ(c.server(enabled, StanzaKind::management), Lines{"G> " + enabled});
  EXPECT_EQ(c.server(message, StanzaKind::message), Lines{"G> " + message});
  EXPECT_EQ(c.engine->counters().to_server, 2U);
  EXPECT_EQ(c.engine->counters().to_client, 3U);
}

TEST(WsEngine, W029RestartsWhenSaslHasSucceeded) {
  Conversation c;
  c.begin();
  EXPECT_EQ(c.client("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").size(), 1U);
  EXPECT_EQ(c.server(success, StanzaKind::sasl_success), Lines{"G> " + success});
  EXPECT_EQ(c.client("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.org' xml:lang='de'/>"),
            Lines{"restart de"});
  EXPECT_EQ(c.server_opens(), Lines{opened});
  EXPECT_EQ(c.client(open_message),
            (Lines{error("bad-format"), said_close, "close 1000", end(EndReason::protocol_fault), "forget"}));
}

TEST(WsEngine, W032NeitherTlsNorCompression) {
  Conversation c;
  c.begin();
  EXPECT_EQ(c.client("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
            Lines{"G> <failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"});
  EXPECT_EQ(c.client("<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>"),
            Lines{"G> <failure xmlns='http://jabber.org/protocol/compress'><setup-failed/></failure>"});
}

TEST(WsEngine, W026CloseIsAnswered) {
  Conversation c;
  c.begin();
  EXPECT_EQ(c.client(close_message), (Lines{said_close, "close 1000", end(EndReason::client_terminated), "forget"}));
  EXPECT_EQ(c.client("<presence/>"), Lines{});
  EXPECT_EQ(c.lost(), Lines{});
  EXPECT_EQ(c.ends(EndReason::shutdown), Lines{});
  EXPECT_EQ(c.due(), xmpp::never - c.start);
}

TEST(WsEngine, W012W013E42WhatIsNoMessageEndsWithAnErrorAndACode) {
  struct Case {
    WsClose code;
    const char* condition;
    EndReason reason;
  };
  for (const auto& [code, condition, reason] :
       {Case{WsClose::too_big, "policy-violation", EndReason::policy},
        Case{WsClose::bad_data, "unsupported-encoding", EndReason::protocol_fault},
        Case{WsClose::unacceptable, "bad-format", EndReason::protocol_fault},
        Case{WsClose::protocol_error, "bad-format", EndReason::protocol_fault}}) {
    Conversation c;
    c.begin();
    c.server(enabled, StanzaKind::management);
    EXPECT_EQ(c.violation(code), (Lines{error(condition), said_close, "close " + std::to_string(static_cast<int>(code)),
                                        end(reason), "forget"}));
  }
}

TEST(WsEngine, E44TwoElementsOrHalfOfOne) {
  for (const auto& [message, condition] :
       {std::pair{"<presence/><presence/>", "bad-format"}, std::pair{"<message><body>", "not-well-formed"},
        std::pair{"<message><!-- --></message>", "restricted-xml"}}) {
    Conversation c;
    c.begin();
    EXPECT_EQ(c.client(message),
              (Lines{error(condition), said_close, "close 1000", end(EndReason::protocol_fault), "forget"}));
  }
}

TEST(WsEngine, W022BeforeTheServerHasOpenedWeDo) {
  Conversation c;
  c.open();
  EXPECT_EQ(c.ends(EndReason::server_unreachable), (Lines{made_up, error("remote-connection-failed"), said_close,
                                                          "close 1000", end(EndReason::server_unreachable), "forget"}));
}

TEST(WsEngine, W034TheServerIsGone) {
  for (const auto reason : {EndReason::server_lost, EndReason::server_unreachable}) {
    Conversation c;
    c.begin();
    EXPECT_EQ(c.ends(reason),
              (Lines{error("remote-connection-failed"), said_close, "close 1000", end(reason), "forget"}));
  }
}

TEST(WsEngine, TheServerEndsTheStream) {
  Conversation closed;
  closed.begin();
  EXPECT_EQ(closed.ends(EndReason::server_closed),
            (Lines{said_close, "close 1000", end(EndReason::server_closed), "forget"}));

  Conversation failed;
  failed.begin();
  const std::string conflict = error("conflict").substr(3);
  EXPECT_EQ(failed.server(conflict, StanzaKind::stream_error), Lines{"G> " + conflict});
  EXPECT_EQ(failed.ends(EndReason::server_error),
            (Lines{said_close, "close 1000", end(EndReason::server_error), "forget"}));
}

TEST(WsEngine, AnErrorInsteadOfAHeaderIsOpenedFirst) {
  Conversation c;
  c.open();
  const std::string unknown = error("host-unknown").substr(3);
  EXPECT_EQ(c.server(unknown, StanzaKind::stream_error),
            (Lines{"G> <open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='example.org' version='1.0' />",
                   "G> " + unknown}));
}

TEST(WsEngine, W028E45Drain) {
  WsPolicy policy;
  policy.see_other_uri = "wss://other.example/ws";
  Conversation early(policy);
  early.open();
  EXPECT_EQ(
      early.ends(EndReason::shutdown),
      (Lines{made_up, "G> <close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri='wss://other.example/ws' />",
             "close 1001", end(EndReason::shutdown), "forget"}));
  // W-025: after the features only the literal <close/> is understood.
  Conversation late(policy);
  late.begin();
  EXPECT_EQ(late.ends(EndReason::shutdown),
            (Lines{error("system-shutdown"), said_close, "close 1001", end(EndReason::shutdown), "forget"}));
}

// The tags of a stream as messages; all else is the same, and the two do not mix.
TEST(WsEngine, W036TheDraftBeforeTheRfc) {
  WsPolicy policy;
  policy.see_other_uri = "wss://other.example/ws";
  const std::string header =
      "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.org'>";
  const std::string end_tag = "</stream:stream>";
  const auto ours = [](const std::string& id, const std::string& lang) {
    return "G> <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
           "from='example.org' id='" +
           id + "' version='1.0'" + lang + ">";
  };
  Conversation c(policy, xmpp::Framing::draft);
  EXPECT_EQ(c.open(), Lines{"open link"});
  EXPECT_EQ(c.server_opens(), Lines{ours("i1", " xml:lang='en'")});
  c.server(features, StanzaKind::features);
  c.server(success, StanzaKind::sasl_success);
  EXPECT_EQ(c.client(header), Lines{"restart "});
  EXPECT_EQ(c.client(end_tag), (Lines{"G> " + end_tag, "close 1000", end(EndReason::client_terminated), "forget"}));

  Conversation early(policy, xmpp::Framing::draft);
  early.open();
  EXPECT_EQ(early.ends(EndReason::shutdown), (Lines{ours("2a", ""), error("system-shutdown"), "G> " + end_tag,
                                                    "close 1001", end(EndReason::shutdown), "forget"}));

  Conversation rfc;
  rfc.begin();
  rfc.server(success, StanzaKind::sasl_success);
  EXPECT_EQ(rfc.client(header),
            (Lines{error("bad-format"), said_close, "close 1000", end(EndReason::protocol_fault), "forget"}));
  Conversation draft({}, xmpp::Framing::draft);
  draft.begin();
  EXPECT_EQ(draft.client(close_message),
            (Lines{error("bad-format"), "G> " + end_tag, "close 1000", end(EndReason::protocol_fault), "forget"}));
}

// W-027, E-41.
TEST(WsEngine, WhatTheClientMayResumeIsLeftOpen) {
  const std::string lost = end(EndReason::client_lost);
  const auto after = [](std::string_view element, StanzaKind kind) {
    Conversation c;
    c.begin();
    c.server(element, kind);
    return c.lost();
  };
  EXPECT_EQ(after(features, StanzaKind::features), (Lines{lost, "forget"}));
  EXPECT_EQ(after(enabled, StanzaKind::management), (Lines{lost + " resumable", "forget"}));
  EXPECT_EQ(after("<resumed xmlns='urn:xmpp:sm:3' h='1' previd='x'/>", StanzaKind::management),
            (Lines{lost + " resumable", "forget"}));
  EXPECT_EQ(after("<enabled xmlns='urn:xmpp:sm:3'/>", StanzaKind::management), (Lines{lost, "forget"}));
  EXPECT_EQ(after("<enabled xmlns='urn:xmpp:sm:3' resume='false'/>", StanzaKind::management), (Lines{lost, "forget"}));
  EXPECT_EQ(after("<failed xmlns='urn:xmpp:sm:3'/>", StanzaKind::management), (Lines{lost, "forget"}));
  EXPECT_EQ(after("<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'>"
                  "<enabled xmlns='urn:xmpp:sm:3' resume='1' id='x'/></bound></success>",
                  StanzaKind::sasl2_success),
            (Lines{lost + " resumable", "forget"}));
  EXPECT_EQ(after("<success xmlns='urn:xmpp:sasl:2'><resumed xmlns='urn:xmpp:sm:3' h='2' previd='x'/></success>",
                  StanzaKind::sasl2_success),
            (Lines{lost + " resumable", "forget"}));
  EXPECT_EQ(
      after("<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'/></success>", StanzaKind::sasl2_success),
      (Lines{lost, "forget"}));
}

TEST(WsEngine, AProperCloseIsProperWhateverWasNegotiated) {
  Conversation c;
  c.begin();
  c.server(enabled, StanzaKind::management);
  EXPECT_EQ(c.client(close_message), (Lines{said_close, "close 1000", end(EndReason::client_terminated), "forget"}));
}

TEST(WsEngine, W030PingsAndGivesUpAfterTwoMisses) {
  Conversation c;
  c.begin();
  c.server("<message xmlns='jabber:client'/>", StanzaKind::message);
  EXPECT_EQ(c.due(), 30s);
  EXPECT_EQ(c.at(29999ms), Lines{});
  EXPECT_EQ(c.at(30s), Lines{"ping 1"});
  EXPECT_EQ(c.pong(1), Lines{"acked 1"});
  EXPECT_EQ(c.at(60s), Lines{"ping 1"});
  EXPECT_EQ(c.at(90s), Lines{"ping 1"});
  EXPECT_EQ(c.at(119s), Lines{});
  EXPECT_EQ(c.at(120s), (Lines{"close 1008", end(EndReason::client_lost), "forget"}));
}

// Its answers lie unread then.
TEST(WsEngine, W030W035WhoIsNotReadMissesNoPing) {
  Conversation c;
  c.begin();
  c.at(30s);
  c.at(60s);  // two are missed
  c.congested(true);
  for (int i = 3; i < 10; ++i) EXPECT_EQ(c.at(i * 30s), Lines{"ping 0"});
  EXPECT_EQ(c.congested(false), Lines{"resume client"});
  EXPECT_EQ(c.at(300s), Lines{"ping 0"}) << "what it has answered may not have been read yet";
  EXPECT_EQ(c.at(330s), Lines{"ping 0"});
  EXPECT_EQ(c.at(360s), (Lines{"close 1008", end(EndReason::client_lost), "forget"}));
}

TEST(WsEngine, AnythingHeardIsASignOfLife) {
  Conversation c;
  c.begin();
  c.server(enabled, StanzaKind::management);
  for (int i = 1; i < 10; ++i) {
    EXPECT_EQ(c.at(i * 30s), Lines{"ping 0"});
    c.client(" ");
  }
  c.at(300s);
  c.at(330s);
  EXPECT_EQ(c.at(360s), (Lines{"close 1008", end(EndReason::client_lost) + " resumable", "forget"}));
}

TEST(WsEngine, APongProvesOnlyWhatWasSentBeforeItsPing) {
  Conversation c;
  c.begin();
  const std::string message = "<message xmlns='jabber:client'/>";
  c.server(message, StanzaKind::message);
  c.server("<a xmlns='urn:xmpp:sm:3' h='1'/>", StanzaKind::management);  // counts for nothing
  EXPECT_EQ(c.at(30s), Lines{"ping 1"});
  c.server(message, StanzaKind::message);
  EXPECT_EQ(c.pong(1), Lines{"acked 1"});
  EXPECT_EQ(c.pong(1), Lines{});
  EXPECT_EQ(c.pong(9), Lines{}) << "more than was ever sent is an invention";
  EXPECT_EQ(c.at(60s), Lines{"ping 2"});
  EXPECT_EQ(c.pong(2), Lines{"acked 2"});
}

TEST(WsEngine, W035BackPressureBothWays) {
  Conversation c;
  c.begin();
  EXPECT_EQ(c.congested(true), Lines{"pause client"});
  EXPECT_EQ(c.congested(false), Lines{"resume client"});
  EXPECT_EQ(c.unsent(256 * 1024 - 1), Lines{});
  EXPECT_EQ(c.unsent(256 * 1024), Lines{"pause server"});
  EXPECT_EQ(c.unsent(300 * 1024), Lines{});
  EXPECT_EQ(c.unsent(64 * 1024 + 1), Lines{});
  EXPECT_EQ(c.unsent(64 * 1024), Lines{"resume server"});
  EXPECT_EQ(c.unsent(0), Lines{});
}

TEST(WsEngine, W035WhoTakesNothingIsLeftAlone) {
  WsPolicy policy;
  policy.ping_interval = {};
  policy.stall_timeout = 60s;
  Conversation c(policy);
  c.begin();
  c.unsent(1000);
  EXPECT_EQ(c.due(), 60s);
  c.now = c.start + 50s;
  c.unsent(2000);
  EXPECT_EQ(c.due(), 60s) << "more to send is not progress";
  c.unsent(1500);
  EXPECT_EQ(c.due(), 110s);
  EXPECT_EQ(c.at(110s), (Lines{"close 1008", end(EndReason::client_lost), "forget"}));
}

TEST(WsEngine, W035AboveTheCapItIsOver) {
  Conversation c;
  c.begin();
  c.server(enabled, StanzaKind::management);
  c.unsent(1024 * 1024);
  EXPECT_EQ(c.unsent(8 * 1024 * 1024 + 1), (Lines{"close 1008", end(EndReason::client_lost) + " resumable", "forget"}));
}

TEST(WsEngine, AClientMayEndWithAnErrorOfItsOwn) {
  Conversation c;
  c.begin();
  EXPECT_EQ(c.client(error("undefined-condition").substr(3)),
            (Lines{said_close, "close 1000", end(EndReason::client_terminated), "forget"}));
  Conversation wrong;
  wrong.begin();
  EXPECT_EQ(wrong.client(features).front(), error("bad-format"));
}

}  // namespace
