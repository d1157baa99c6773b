// A session that a back end begins (PROTOCOL E-51, Q-61), as conversations: what goes in, and every action that comes
// out, as lines.
#include "bosh/prebind.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <type_traits>
#include <variant>

#include "bosh/body.hpp"
#include "bosh/response.hpp"

namespace bosh {
namespace {

using namespace std::chrono_literals;
using xmpp::StanzaKind;
using xmpp::StanzaType;

#define SASL "urn:ietf:params:xml:ns:xmpp-sasl"
#define BIND "urn:ietf:params:xml:ns:xmpp-bind"

std::string mechanisms(std::string_view name) {
  return "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms xmlns='" SASL "'><mechanism>" +
         std::string(name) + "</mechanism></mechanisms></stream:features>";
}
constexpr std::string_view bind_features =
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><bind xmlns='" BIND "'/></stream:features>";
constexpr std::string_view bound = "<iq xmlns='jabber:client' type='result' id='bind'><bind xmlns='" BIND
                                   "'><jid>alice@example.org/web</jid></bind></iq>";

xmpp::SaslIdentity identity(xmpp::SaslKind kind) {
  xmpp::SaslIdentity user;
  user.kind = kind;
  if (kind == xmpp::SaslKind::password) user.user = "alice";
  if (kind == xmpp::SaslKind::password) user.secret = xmpp::Secret("secret");
  if (kind == xmpp::SaslKind::token) user.secret = xmpp::Secret("t0ken");
  if (kind != xmpp::SaslKind::password && kind != xmpp::SaslKind::anonymous) user.authzid = "alice@example.org";
  return user;
}

class Talk {
 public:
  explicit Talk(xmpp::SaslKind kind = xmpp::SaslKind::password)
      : prebind(std::in_place, policy, identity(kind), "web", terms()) {
    prebind->offer_stream("token");
    prebind->start(api, now, actions);
    EXPECT_EQ(out(), "open\n");
    prebind->secured({true, {}});
    prebind->opened({"s1", "example.org", "1.0", {}}, now, actions);
    EXPECT_EQ(out(), "");
  }

  std::string out() {
    std::string lines;
    for (const auto& action : actions.list) lines += line(action) + "\n";
    actions.clear();
    return lines;
  }
  std::string hear(StanzaKind kind, std::string_view bytes, StanzaType type = StanzaType::none) {
    const xmpp::Stanza stanza{bytes, kind, type};
    if (engine) {
      engine->deliver(stanza, now, actions);
    } else {
      prebind->deliver(stanza, now, actions);
    }
    return out();
  }
  std::string hand_over() {
    EXPECT_TRUE(prebind->ready());
    engine = std::get<Engine>(prebind->hand_over(now, actions));
    prebind.reset();
    return out();
  }
  // To where the browser may come.
  void log_in() {
    hear(StanzaKind::features, mechanisms("PLAIN"));
    hear(StanzaKind::sasl_success, "<success xmlns='" SASL "'/>");
    hear(StanzaKind::features, bind_features);
    hear(StanzaKind::iq, bound, StanzaType::result);
    hand_over();
  }
  // A request of a browser.
  std::string ask(Rid rid, std::string_view payload = {}, std::uint64_t request = 0, std::string_view more = {}) {
    const std::string document = "<body rid='" + std::to_string(rid) + "' " + std::string(more) +
                                 " sid='sid1' xmlns='http://jabber.org/protocol/httpbind'>" + std::string(payload) +
                                 "</body>";
    const auto read = reader.read(document);
    engine->on_request(xmpp::RequestId{request != 0 ? request : rid}, std::get<Body>(read), now, actions);
    return out();
  }
  // A browser that reads it as a stream (V-002).
  std::string read(std::optional<std::uint64_t> last = std::nullopt) {
    engine->on_stream({xmpp::ConnectionRef{1}, EventFormat::sse, {}, last}, now, actions);
    return out();
  }
  std::string end_of_read() {
    engine->delivered_all(now, actions);
    return out();
  }
  std::string wait(xmpp::Duration duration) {
    std::string lines;
    const auto until = now + duration;
    const auto deadline = [this] { return engine ? engine->deadline() : prebind->deadline(); };
    while (deadline() <= until) {
      now = std::max(now, deadline());
      engine ? engine->on_time(now, actions) : prebind->on_time(now, actions);
      lines += out();
    }
    now = until;
    return lines;
  }

  static constexpr xmpp::RequestId api{7};
  Policy policy;
  xmpp::Limits limits;
  BodyReader reader{limits, false};
  std::optional<Prebind> prebind;
  std::optional<Engine> engine;
  xmpp::Actions actions;
  xmpp::Instant now{};

 private:
  static PrebindTerms terms() { return {{"sid1", "example.org"}, 1000, 15s, 30}; }
  static std::string line(const xmpp::Action& action) {
    return std::visit(
        [](const auto& what) -> std::string {
          using What = std::decay_t<decltype(what)>;
          if constexpr (std::is_same_v<What, xmpp::ToServer>) {
            return "server " + std::to_string(what.stanzas) + " " + std::string(what.bytes);
          } else if constexpr (std::is_same_v<What, xmpp::Reply>) {
            return "reply " + std::to_string(static_cast<std::uint64_t>(what.request)) + " " +
                   std::to_string(what.status) + " " + std::string(what.body);
          } else if constexpr (std::is_same_v<What, xmpp::RestartStream>) {
            return "restart";
          } else if constexpr (std::is_same_v<What, xmpp::OpenLink>) {
            return "open";
          } else if constexpr (std::is_same_v<What, xmpp::AcknowledgedUpTo>) {
            return "acknowledged " + std::to_string(what.stanzas);
          } else if constexpr (std::is_same_v<What, xmpp::Undeliverable>) {
            return "undeliverable " + std::to_string(what.number);
          } else if constexpr (std::is_same_v<What, xmpp::EndSession>) {
            return "end " + std::string(what.condition);
          } else if constexpr (std::is_same_v<What, xmpp::Push>) {
            const std::string_view bytes = what.bytes;
            return "push " + std::string(bytes.substr(std::min(bytes.size(), bytes.find("id: "))));
          } else if constexpr (std::is_same_v<What, xmpp::Forget>) {
            return "forget";
          } else {
            return "unexpected";
          }
        },
        action);
  }
};

TEST(PrebindTest, LogsInBindsAndHandsOver) {
  Talk talk;
  EXPECT_EQ(talk.hear(StanzaKind::features, mechanisms("PLAIN")),
            "server 0 <auth mechanism=\"PLAIN\" xmlns=\"" SASL "\">AGFsaWNlAHNlY3JldA==</auth>\n");
  EXPECT_EQ(talk.hear(StanzaKind::sasl_success, "<success xmlns='" SASL "'/>"), "restart\n");
  EXPECT_EQ(talk.hear(StanzaKind::features, bind_features),
            "server 1 <iq id=\"bind\" type=\"set\"><bind xmlns=\"" BIND "\"><resource>web</resource></bind></iq>\n");
  EXPECT_FALSE(talk.prebind->ready());
  EXPECT_EQ(talk.hear(StanzaKind::iq, bound, StanzaType::result), "");
  EXPECT_EQ(talk.hand_over(),
            "acknowledged 1\nreply 7 200 {\"jid\":\"alice@example.org/web\",\"sid\":\"sid1\",\"rid\":1000}\n\n");
}

TEST(PrebindTest, EveryKindOfLogin) {
  const auto first = [](xmpp::SaslKind kind, std::string_view mechanism) {
    return Talk(kind).hear(StanzaKind::features, mechanisms(mechanism));
  };
  EXPECT_EQ(first(xmpp::SaslKind::anonymous, "ANONYMOUS"),
            "server 0 <auth mechanism=\"ANONYMOUS\" xmlns=\"" SASL "\">=</auth>\n");
  EXPECT_EQ(first(xmpp::SaslKind::certificate, "EXTERNAL"),
            "server 0 <auth mechanism=\"EXTERNAL\" xmlns=\"" SASL "\">YWxpY2VAZXhhbXBsZS5vcmc=</auth>\n");
  EXPECT_EQ(first(xmpp::SaslKind::token, "OAUTHBEARER"),
            "server 0 <auth mechanism=\"OAUTHBEARER\" xmlns=\"" SASL
            "\">bixhPWFsaWNlQGV4YW1wbGUub3JnLAFhdXRoPUJlYXJlciB0MGtlbgEB</auth>\n");
  EXPECT_EQ(first(xmpp::SaslKind::token, "PLAIN"),
            "reply 7 502 {\"error\":\"no-common-mechanism\"}\n\nend no-common-mechanism\nforget\n");
}

// V-025: as a stream too, if the page asks. What came before the browser comes first, and the stanza that the gateway
// kept for itself does not shift what an event proves.
TEST(PrebindTest, IsReadAsAStream) {
  const std::string asking = "xmlns:push='urn:x-postern:push' push:ask='1'";
  const std::string seeing = "xmlns:push='urn:x-postern:push' push:seen='1'";
  const std::string early = "<message xmlns='jabber:client' id='early'/>";
  const std::string message = "<message xmlns='jabber:client' id='1'/>";
  Talk talk;
  talk.log_in();
  EXPECT_EQ(talk.hear(StanzaKind::message, early), "");
  EXPECT_EQ(talk.end_of_read(), "");
  EXPECT_EQ(talk.ask(1000, {}, 0, asking),
            "reply 1000 200 <body xmlns='http://jabber.org/protocol/httpbind' "
            "xmlns:push='urn:x-postern:push' push:stream='token'>" +
                early + "</body>\n");
  EXPECT_EQ(talk.engine->stream_token(), "token");
  EXPECT_EQ(talk.read(), "push \n");
  EXPECT_EQ(talk.hear(StanzaKind::message, message), "");
  EXPECT_EQ(talk.end_of_read(),
            "push id: 1\ndata: <body xmlns='http://jabber.org/protocol/httpbind'>" + message + "</body>\n\n\n");
  // Only the next but one request shows that the answer to the first has come (U-061), and so proves what is behind it.
  EXPECT_EQ(talk.ask(1001, {}, 0, seeing), "reply 1001 200 " + std::string(empty_body) + "\n");
  EXPECT_EQ(talk.ask(1002), "acknowledged 3\nreply 1002 200 " + std::string(empty_body) + "\n");
}

// A server that talks before it has bound anybody is not believed for long.
TEST(PrebindTest, WhatComesBeforeTheBindingIsBounded) {
  const std::string message = "<message xmlns='jabber:client'/>";
  Talk talk;
  talk.policy.queue_cap = message.size();
  talk.hear(StanzaKind::features, mechanisms("PLAIN"));
  talk.hear(StanzaKind::sasl_success, "<success xmlns='" SASL "'/>");
  talk.hear(StanzaKind::features, bind_features);
  EXPECT_EQ(talk.hear(StanzaKind::message, message), "");
  EXPECT_EQ(talk.prebind->held_bytes(), message.size());
  EXPECT_EQ(talk.hear(StanzaKind::message, message),
            "reply 7 502 {\"error\":\"protocol-error\"}\n\nend protocol-error\nforget\n");
}

TEST(PrebindTest, SaysWhatWentWrong) {
  const auto refused = [](StanzaKind kind, std::string_view bytes) {
    Talk talk;
    talk.hear(StanzaKind::features, mechanisms("PLAIN"));
    return talk.hear(kind, bytes);
  };
  EXPECT_EQ(refused(StanzaKind::sasl_failure, "<failure xmlns='" SASL "'><not-authorized/></failure>"),
            "reply 7 403 {\"error\":\"not-authorized\"}\n\nend not-authorized\nforget\n");
  EXPECT_EQ(refused(StanzaKind::sasl_failure, "<failure xmlns='" SASL "'><temporary-auth-failure/></failure>"),
            "reply 7 503 {\"error\":\"temporary-auth-failure\"}\n\nend temporary-auth-failure\nforget\n");
  EXPECT_EQ(refused(StanzaKind::stream_error, "<stream:error xmlns:stream='http://etherx.jabber.org/streams'/>"),
            "reply 7 502 {\"error\":\"remote-stream-error\"}\n\nend remote-stream-error\nforget\n");
  EXPECT_EQ(refused(StanzaKind::message, "<message xmlns='jabber:client'/>"),
            "reply 7 502 {\"error\":\"protocol-error\"}\n\nend protocol-error\nforget\n");

  const auto closed = [](xmpp::EndReason reason) {
    Talk talk;
    talk.prebind->close(reason, "", talk.now, talk.actions);
    const std::string lines = talk.out();
    talk.prebind->close(reason, "", talk.now, talk.actions);
    talk.prebind->on_gone(Talk::api, talk.now, talk.actions);
    EXPECT_EQ(talk.hear(StanzaKind::features, mechanisms("PLAIN")), "") << "it is over";
    EXPECT_EQ(talk.prebind->deadline(), xmpp::never);
    return lines.substr(0, lines.find('\n'));
  };
  EXPECT_EQ(closed(xmpp::EndReason::server_unreachable), "reply 7 502 {\"error\":\"remote-connection-failed\"}");
  EXPECT_EQ(closed(xmpp::EndReason::shutdown), "reply 7 503 {\"error\":\"system-shutdown\"}");
  EXPECT_EQ(closed(xmpp::EndReason::overload), "reply 7 503 {\"error\":\"policy-violation\"}");

  Talk slow;
  EXPECT_EQ(slow.wait(14s), "");
  EXPECT_EQ(slow.wait(2s), "reply 7 504 {\"error\":\"timeout\"}\n\nend timeout\nforget\n");

  Talk left;
  left.prebind->on_gone(xmpp::RequestId{8}, left.now, left.actions);
  EXPECT_EQ(left.out(), "");
  left.prebind->on_gone(Talk::api, left.now, left.actions);
  EXPECT_EQ(left.out(), "end \nforget\n") << "nobody is left who could tell the browser";
}

TEST(PrebindTest, TheBrowserGoesOn) {  // E-51, Q-61
  Talk talk;
  talk.log_in();
  talk.hear(StanzaKind::message, "<message xmlns='jabber:client' from='bob@example.org'/>");
  EXPECT_EQ(talk.end_of_read(), "") << "it waits for the browser";
  talk.wait(29s);
  EXPECT_EQ(talk.ask(1000, "<presence xmlns='jabber:client'/>"),
            "server 1 <presence xmlns='jabber:client'/>\nreply 1000 200 <body "
            "xmlns='http://jabber.org/protocol/httpbind'><message xmlns='jabber:client' from='bob@example.org'/>"
            "</body>\n");
  EXPECT_EQ(talk.ask(1001), "");
  EXPECT_EQ(talk.ask(1002, "<presence xmlns='jabber:client'/>"),
            "acknowledged 2\nserver 1 <presence xmlns='jabber:client'/>\n")
      << "the first one is what the login took, the second the message";
}

TEST(PrebindTest, WhoDoesNotComeInTimeComesTooLate) {
  Talk talk;
  talk.log_in();
  talk.hear(StanzaKind::message, "<message xmlns='jabber:client' from='bob@example.org'/>");
  EXPECT_EQ(talk.wait(29s), "");
  EXPECT_EQ(talk.wait(2s), "undeliverable 2\nend \n");
  EXPECT_TRUE(talk.ask(1000).find("condition='item-not-found'") != std::string::npos);
}

TEST(PrebindTest, WhatIsHandedOverIsGoodForOne) {
  const auto is_refused = [](const std::string& lines) {
    return lines.find("condition='item-not-found'") != std::string::npos && lines.find("end ") == std::string::npos;
  };
  Talk talk;
  talk.log_in();
  EXPECT_EQ(talk.ask(1000), "");
  EXPECT_TRUE(is_refused(talk.ask(1000, {}, 50))) << "while the first is held";
  talk.hear(StanzaKind::message, "<message xmlns='jabber:client'/>");
  EXPECT_TRUE(talk.end_of_read().starts_with("reply 1000 200")) << "and the first gets its answer";
  EXPECT_TRUE(is_refused(talk.ask(1000, {}, 51))) << "when it is answered";
  for (Rid rid = 1001; rid < 1010; ++rid) talk.ask(rid, "<presence xmlns='jabber:client'/>");
  EXPECT_TRUE(is_refused(talk.ask(1000, {}, 52))) << "and long after";
  EXPECT_TRUE(talk.ask(1010, "<presence xmlns='jabber:client'/>").starts_with("server 1 <presence"));
}

// The rule of XEP-0124 14.3 still holds for the one whose connection broke.
TEST(PrebindTest, TheFirstRequestMayBeRepeatedWhenItsConnectionIsGone) {
  Talk talk;
  talk.log_in();
  talk.ask(1000);
  talk.engine->on_gone(xmpp::RequestId{1000}, talk.now, talk.actions);
  EXPECT_EQ(talk.ask(1000, {}, 60), "");
  talk.hear(StanzaKind::message, "<message xmlns='jabber:client'/>");
  EXPECT_TRUE(talk.end_of_read().starts_with("reply 60 200 <body"));
  talk.engine->on_gone(xmpp::RequestId{60}, talk.now, talk.actions);
  EXPECT_TRUE(talk.ask(1000, {}, 61).starts_with("reply 61 200 <body"));
  EXPECT_NE(talk.ask(1000, {}, 62).find("item-not-found"), std::string::npos);
}

TEST(PrebindTest, WhatComesDuringTheBindIsForTheBrowser) {
  Talk talk;
  talk.hear(StanzaKind::features, mechanisms("PLAIN"));
  talk.hear(StanzaKind::sasl_success, "<success xmlns='" SASL "'/>");
  talk.hear(StanzaKind::features, bind_features);
  EXPECT_EQ(talk.hear(StanzaKind::message, "<message xmlns='jabber:client' id='early'/>"), "");
  talk.hear(StanzaKind::iq, bound, StanzaType::result);
  talk.hand_over();
  talk.end_of_read();
  EXPECT_TRUE(talk.ask(1000).find("id='early'") != std::string::npos);
}

// What XEP-0198 does not count is not acknowledged either, whatever a server says while it binds.
TEST(PrebindTest, CountsNothingButStanzas) {
  Talk talk;
  talk.hear(StanzaKind::features, mechanisms("PLAIN"));
  talk.hear(StanzaKind::sasl_success, "<success xmlns='" SASL "'/>");
  talk.hear(StanzaKind::features, bind_features);
  talk.hear(StanzaKind::features, bind_features);
  talk.hear(StanzaKind::other, "<x xmlns='y'/>");
  talk.hear(StanzaKind::iq, bound, StanzaType::result);
  ASSERT_TRUE(talk.prebind->ready());
  static_cast<void>(talk.prebind->hand_over(talk.now, talk.actions));
  EXPECT_TRUE(talk.out().starts_with("acknowledged 1\n"));
}

TEST(PrebindTest, HandsOverToWebSocket) {  // the rest is in ws_handed_test.cpp
  const xmpp::WsPolicy policy;
  Talk talk;
  talk.prebind.emplace(
      talk.policy, identity(xmpp::SaslKind::password), "web",
      PrebindTerms{{"sid1", "example.org"}, 1000, 15s, 30, WebSocketTerms{&policy, "example.org", "t1", 7}});
  talk.prebind->start(Talk::api, talk.now, talk.actions);
  talk.prebind->secured({true, {}});
  talk.prebind->opened({"s1", "example.org", "1.0", {}}, talk.now, talk.actions);
  talk.hear(StanzaKind::features, mechanisms("PLAIN"));
  talk.hear(StanzaKind::sasl_success, "<success xmlns='" SASL "'/>");
  talk.hear(StanzaKind::features, bind_features);
  talk.hear(StanzaKind::message, "<message xmlns='jabber:client' id='early'/>");
  talk.hear(StanzaKind::iq, bound, StanzaType::result);
  ASSERT_TRUE(talk.prebind->ready());
  auto engine = std::get<xmpp::WsEngine>(talk.prebind->hand_over(talk.now, talk.actions));
  EXPECT_EQ(talk.out(), "acknowledged 1\nreply 7 200 {\"jid\":\"alice@example.org/web\",\"password\":\"t1\"}\n\n");
  EXPECT_TRUE(engine.is_awaited());
  engine.on_time(talk.now + 30s, talk.actions);
  EXPECT_EQ(talk.out(), "undeliverable 2\nend \nforget\n") << "what came during the bind was kept for the browser";
}

TEST(PrebindTest, JsonIsEscaped) {
  EXPECT_EQ(json_string("d'artagnan\\20x@example.org/\"\n\xc3\xa9"),
            "\"d'artagnan\\\\20x@example.org/\\\"\\u000a\xc3\xa9\"");
}

TEST(PrebindTest, SameInputsSameActions) {
  const auto run = [] {
    Talk talk;
    std::string lines = talk.hear(StanzaKind::features, mechanisms("PLAIN"));
    lines += talk.hear(StanzaKind::sasl_success, "<success xmlns='" SASL "'/>");
    lines += talk.hear(StanzaKind::features, bind_features);
    lines += talk.hear(StanzaKind::iq, bound, StanzaType::result);
    lines += talk.hand_over();
    lines += talk.ask(1000);
    lines += talk.wait(20s);
    lines += talk.ask(1001, "<presence xmlns='jabber:client'/>");
    return lines + talk.wait(400s);
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace bosh
