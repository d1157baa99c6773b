// RFC 7395 as a conversation: every test says what happens and which actions must come of it, all of them and in their
// order: "G> ..." is pushed to the client, "U> ..." goes to the server, the rest is named as it is called.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "xmpp/ws_engine.hpp"

namespace {

using namespace std::chrono_literals;
using xmpp::EndReason;
using xmpp::Framed;
using xmpp::Instant;
using xmpp::Stanza;
using xmpp::StanzaKind;
using xmpp::WsClose;
using xmpp::WsEngine;
using xmpp::WsPolicy;

const std::string open_message = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.org' version='1.0'/>";
const std::string close_message = std::string(xmpp::framing_close);
const std::string opened =
    "G> <open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='example.org' id='i1' "
    "version='1.0' xml:lang='en' />";
const std::string made_up =
    "G> <open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='example.org' id='2a' "
    "version='1.0' />";
const std::string features = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>";
const std::string success = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const std::string enabled = "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>";
const std::string said_close = "G> " + close_message;

std::string error(std::string_view condition) {
  return "G> <stream:error xmlns:stream='http://etherx.jabber.org/streams'><" + std::string(condition) +
         " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
}

using Lines = std::vector<std::string>;

class Conversation {
 public:
  explicit Conversation(WsPolicy with = {}) : policy(std::move(with)), reader(limits) {
    engine.emplace(policy, "example.org", xmpp::WsIdentity{connection, 0x2a}, now);
  }

  Lines open() {
    engine->on_open(now, out);
    return take();
  }
  // Up to the features, as most tests need it.
  void begin() {
    open();
    server_opens();
    server(features, StanzaKind::features);
  }
  Lines server_opens() {
    engine->opened({"i1", "example.org", "1.0", "en"}, now, out);
    return take();
  }
  Lines client(std::string_view message) {
    const auto read = reader.read(message);
    engine->on_heard();
    if (const auto* fault = std::get_if<xmpp::Fault>(&read)) {
      engine->on_fault(*fault, now, out);
    } else {
      engine->on_message(std::get<Framed>(read), now, out);
    }
    return take();
  }
  Lines server(std::string_view element, StanzaKind kind) {
    engine->deliver(Stanza{element, kind}, now, out);
    engine->delivered_all(now, out);
    return take();
  }
  Lines ends(EndReason reason) {
    engine->close(reason, "because", now, out);
    return take();
  }
  Lines lost() {
    engine->on_lost(connection, now, out);
    return take();
  }
  Lines violation(WsClose code) {
    engine->on_violation(code, now, out);
    return take();
  }
  Lines unsent(std::size_t bytes) {
    engine->on_unsent(connection, bytes, now, out);
    return take();
  }
  Lines pong(std::uint64_t token) {
    engine->on_heard();
    engine->on_pong(token, out);
    return take();
  }
  Lines congested(bool is) {
    engine->congested(is, now, out);
    return take();
  }
  Lines at(xmpp::Duration since_start) {
    now = start + since_start;
    engine->on_time(now, out);
    return take();
  }
  [[nodiscard]] xmpp::Duration due() const { return engine->deadline() - start; }

  Lines take() {
    Lines lines;
    for (const auto& action : out.list) lines.push_back(describe(action));
    out.clear();
    return lines;
  }

  static std::string describe(const xmpp::Action& action) {
    if (const auto* a = std::get_if<xmpp::ToServer>(&action)) {
      return "U> " + std::string(a->bytes) + (a->stanzas == 1 ? "" : " uncounted");
    }
    if (const auto* a = std::get_if<xmpp::Push>(&action)) {
      EXPECT_EQ(a->connection, connection);
      return "G> " + std::string(a->bytes);
    }
    if (const auto* a = std::get_if<xmpp::CloseConnection>(&action)) return "close " + std::to_string(a->code);
    if (const auto* a = std::get_if<xmpp::Ping>(&action)) return "ping " + std::to_string(a->token);
    if (std::holds_alternative<xmpp::PauseClient>(action)) return "pause client";
    if (std::holds_alternative<xmpp::ResumeClient>(action)) return "resume client";
    if (std::holds_alternative<xmpp::OpenLink>(action)) return "open link";
    if (const auto* a = std::get_if<xmpp::RestartStream>(&action)) return "restart " + std::string(a->lang);
    if (std::holds_alternative<xmpp::PauseServer>(action)) return "pause server";
    if (std::holds_alternative<xmpp::ResumeServer>(action)) return "resume server";
    if (const auto* a = std::get_if<xmpp::AcknowledgedUpTo>(&action)) return "acked " + std::to_string(a->stanzas);
    if (const auto* a = std::get_if<xmpp::EndSession>(&action)) {
      return "end " + std::to_string(static_cast<int>(a->reason)) + (a->resumable ? " resumable" : "");
    }
    return std::holds_alternative<xmpp::Forget>(action) ? "forget" : "?";
  }

  static constexpr xmpp::ConnectionRef connection{7};
  const Instant start{};
  Instant now = start;
  xmpp::Limits limits;
  WsPolicy policy;
  xmpp::FramingReader reader;
  std::optional<WsEngine> engine;
  xmpp::Actions out;
};

std::string end(EndReason reason) {
  return "end " + std::to_string(static_cast<int>(reason));
}

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
  EXPECT_EQ(early.ends(EndReason::shutdown),
            (Lines{made_up, error("system-shutdown"),
                   "G> <close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri='wss://other.example/ws' />",
                   "close 1001", end(EndReason::shutdown), "forget"}));
  // W-025: after the features only the literal <close/> is understood.
  Conversation late(policy);
  late.begin();
  EXPECT_EQ(late.ends(EndReason::shutdown),
            (Lines{error("system-shutdown"), said_close, "close 1001", end(EndReason::shutdown), "forget"}));
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

TEST(WsEngine, NoPingsWhereTheyAreSwitchedOff) {
  WsPolicy policy;
  policy.ping_interval = {};
  Conversation c(policy);
  c.begin();
  EXPECT_EQ(c.due(), xmpp::never - c.start);
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
