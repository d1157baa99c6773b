// XEP-0025 as conversations (PROTOCOL P-008...P-021, E-32): what goes in, and every action that comes out, as lines.
#include "bosh/poll_engine.hpp"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <vector>

#include "xmpp/parser_pool.hpp"

namespace bosh {
namespace {

using namespace std::chrono_literals;
using xmpp::StanzaKind;

constexpr std::string_view header =
    "<stream:stream to='example.org' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";
constexpr std::string_view conflict =
    "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><conflict/></stream:error>";
constexpr std::string_view features = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>";
const std::string server_header =
    "<stream:stream id='s1' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='example.org' "
    "version='1.0'>";

class Talk {
 public:
  explicit Talk(std::optional<std::string_view> key = {}, PollPolicy chosen = {})
      : policy(chosen), engine(policy, pool, limits, PollIdentity{"id1", "example.org", "/http-poll"}, key) {}

  // Lines of all actions since the last time.
  std::string out() {
    std::string lines;
    for (const auto& action : actions.list) lines += line(action) + "\n";
    actions.clear();
    return lines;
  }
  std::string create(std::string_view xml = header) {
    engine.on_create(request(), xml, now, actions);
    return out();
  }
  std::string poll(std::string_view xml, std::optional<std::string_view> key = {},
                   std::optional<std::string_view> newkey = {}) {
    engine.on_poll(request(), PollRequest{"id1", key, newkey, xml}, now, actions);
    return out();
  }
  std::string open(std::string_view version = "1.0", std::string_view id = "s1") {
    engine.opened({id, "example.org", version, {}}, now, actions);
    return out();
  }
  std::string from_server(std::string_view bytes, StanzaKind kind = StanzaKind::message,
                          xmpp::StanzaType type = xmpp::StanzaType::none) {
    engine.deliver({bytes, kind, type}, now, actions);
    return out();
  }
  std::string end_of_read() {
    engine.delivered_all(now, actions);
    return out();
  }
  std::string wait(xmpp::Duration duration) {
    std::string lines;
    const auto until = now + duration;
    while (engine.deadline() <= until) {
      now = std::max(now, engine.deadline());
      engine.on_time(now, actions);
      lines += out();
    }
    now = until;
    return lines;
  }
  // Logged in, nothing waiting.
  void start() {
    create();
    open();
    from_server(features, StanzaKind::features);
    end_of_read();
  }

  xmpp::ParserPool pool;
  xmpp::Limits limits;
  PollPolicy policy;
  PollEngine engine;
  xmpp::Actions actions;
  xmpp::Instant now{};
  std::uint64_t requests = 0;

 private:
  xmpp::RequestId request() { return xmpp::RequestId{++requests}; }
  static std::string line(const xmpp::Action& action) {
    return std::visit(
        [](const auto& what) -> std::string {
          using What = std::decay_t<decltype(what)>;
          if constexpr (std::is_same_v<What, xmpp::ToServer>) {
            return "server " + std::to_string(what.stanzas) + " " + std::string(what.bytes);
          } else if constexpr (std::is_same_v<What, xmpp::Reply>) {
            EXPECT_EQ(what.status, 200);
            EXPECT_EQ(what.content_type, "text/xml; charset=utf-8");
            const auto from = what.fields.find("ID=") + 3;
            const std::string id(what.fields.substr(from, what.fields.find(';') - from));
            return "reply " + std::to_string(static_cast<std::uint64_t>(what.request)) + " " + id + " " +
                   std::string(what.body);
          } else if constexpr (std::is_same_v<What, xmpp::RestartStream>) {
            return "restart " + std::string(what.lang);
          } else if constexpr (std::is_same_v<What, xmpp::OpenLink>) {
            return "open";
          } else if constexpr (std::is_same_v<What, xmpp::PauseServer>) {
            return "pause";
          } else if constexpr (std::is_same_v<What, xmpp::ResumeServer>) {
            return "resume";
          } else if constexpr (std::is_same_v<What, xmpp::AcknowledgedUpTo>) {
            return "acknowledged " + std::to_string(what.stanzas);
          } else if constexpr (std::is_same_v<What, xmpp::Undeliverable>) {
            return "undeliverable " + std::to_string(what.number);
          } else if constexpr (std::is_same_v<What, xmpp::EndSession>) {
            return "end " + std::string(what.text) + " " + std::string(what.condition);
          } else if constexpr (std::is_same_v<What, xmpp::Forget>) {
            return "forget";
          } else {
            return "unexpected";
          }
        },
        action);
  }
};

TEST(PollEngineTest, LogsIn) {  // P-002, P-012, P-013, P-015
  Talk talk;
  EXPECT_EQ(talk.create(), "open\n");
  EXPECT_EQ(talk.open(), "");
  EXPECT_EQ(talk.end_of_read(), "") << "header and features come together";
  EXPECT_EQ(talk.from_server(features, StanzaKind::features), "");
  EXPECT_EQ(talk.end_of_read(), "reply 1 id1 " + server_header + std::string(features) + "\n");
  EXPECT_EQ(talk.poll("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
            "server 0 <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>\n");
  talk.from_server("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", StanzaKind::sasl_success);
  EXPECT_EQ(talk.end_of_read(), "reply 2 id1 <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>\n");
  EXPECT_EQ(talk.poll("\n<?xml version='1.0'?>" + std::string(header)), "restart \n");
  talk.open("1.0", "s2");
  EXPECT_EQ(talk.end_of_read(), "");
  talk.from_server(features, StanzaKind::features);
  const std::string answer = talk.end_of_read();
  EXPECT_TRUE(answer.starts_with("reply 3 id1 <stream:stream id='s2'")) << answer;
  EXPECT_EQ(talk.poll("<iq id='1' type='get'/>"), "server 1 <iq xmlns='jabber:client' id='1' type='get'/>\n");
}

TEST(PollEngineTest, AServerWithoutFeaturesIsNotWaitedFor) {
  Talk talk;
  talk.create();
  talk.open("");
  EXPECT_TRUE(talk.end_of_read().starts_with("reply 1 id1 <stream:stream id='s1' xmlns='jabber:client'"));
}

TEST(PollEngineTest, FeaturesThatDoNotComeAreWaitedForOnlySoLong) {  // P-012
  Talk talk;
  talk.create();
  talk.open();
  EXPECT_EQ(talk.wait(24s), "");
  EXPECT_EQ(talk.wait(2s), "reply 1 id1 " + server_header + "\n");
}

TEST(PollEngineTest, PollsAreAnsweredAtOnceOrSoon) {  // P-009, P-019
  Talk talk;
  talk.start();
  EXPECT_EQ(talk.poll(""), "");
  EXPECT_EQ(talk.wait(300ms), "reply 2 id1 \n");
  EXPECT_EQ(talk.from_server("<message/>"), "");
  EXPECT_EQ(talk.end_of_read(), "");
  EXPECT_EQ(talk.poll(""), "reply 3 id1 <message/>\n");
  PollPolicy policy;
  policy.hold = 0s;
  Talk never({}, policy);
  never.start();
  EXPECT_EQ(never.poll(""), "reply 2 id1 \n");
}

TEST(PollEngineTest, PiecesOfAnySizeGiveTheSameStanzas) {  // P-008, E-32
  const std::string stream =
      "<message to='a'><body>\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 ,;</body></message> <presence/><iq type='get' "
      "id='1'><q "
      "xmlns='urn:x'/></iq>";
  Talk whole;
  whole.start();
  std::string expected;
  const auto servers = [](const std::string& lines) {
    std::string kept;
    for (std::size_t at = 0; at < lines.size();) {
      const auto end = lines.find('\n', at);
      if (lines.compare(at, 7, "server ") == 0) kept += lines.substr(at, end - at + 1);
      at = end + 1;
    }
    return kept;
  };
  expected = servers(whole.poll(stream));
  EXPECT_EQ(std::count(expected.begin(), expected.end(), '\n'), 3) << expected;
  for (std::size_t step = 1; step < stream.size(); ++step) {
    Talk talk;
    talk.start();
    std::string got;
    for (std::size_t at = 0; at < stream.size(); at += step) got += servers(talk.poll(stream.substr(at, step)));
    EXPECT_EQ(got, expected) << step;
  }
  // The header itself may be followed by anything, cut anywhere.
  Talk cut;
  cut.create(std::string(header) + "<mess");
  EXPECT_EQ(servers(cut.poll("age/>")), "server 1 <message xmlns='jabber:client'/>\n");
}

TEST(PollEngineTest, AWrongKeyIsNotProcessedAndDoesNotKeepTheSession) {  // P-006, P-021
  Talk talk("6UU8CDmH3O4aHFmCqSORCn721+M=");
  talk.start();
  talk.wait(200s);
  EXPECT_EQ(talk.poll("<message/>"), "reply 2 -3:0 \n");
  EXPECT_EQ(talk.poll("<message/>", "wrong"), "reply 3 -3:0 \n");
  EXPECT_NE(talk.wait(101s).find("end inactivity"), std::string::npos);
  Talk good("6UU8CDmH3O4aHFmCqSORCn721+M=");
  good.start();
  EXPECT_EQ(good.poll("<message/>", "C+7Hteo/D9vJXQ3UfzxbwnXaijM="), "server 1 <message xmlns='jabber:client'/>\n");
}

TEST(PollEngineTest, ASecondRequestReleasesTheFirst) {  // P-021
  Talk talk;
  EXPECT_EQ(talk.create(), "open\n");
  EXPECT_EQ(talk.poll(""), "reply 1 id1 \n");
  talk.open();
  talk.from_server(features, StanzaKind::features);
  EXPECT_TRUE(talk.end_of_read().starts_with("reply 2 id1 <stream:stream"));
}

TEST(PollEngineTest, ALostAnswerComesAgain) {
  Talk talk;
  talk.start();
  talk.from_server("<message id='1'/>");
  EXPECT_EQ(talk.poll(""), "reply 2 id1 <message id='1'/>\n");
  talk.engine.on_gone(xmpp::RequestId{2}, talk.now, talk.actions);
  talk.from_server("<message id='2'/>");
  EXPECT_EQ(talk.poll(""), "reply 3 id1 <message id='1'/><message id='2'/>\n");
  EXPECT_EQ(talk.poll(""), "acknowledged 2\n");
  talk.engine.on_gone(xmpp::RequestId{3}, talk.now, talk.actions);  // late: a request has come since
  talk.engine.on_gone(xmpp::RequestId{4}, talk.now, talk.actions);  // a poll that waits, whose client is gone
  EXPECT_EQ(talk.wait(10s), "");
  talk.from_server("<message id='3'/>");
  EXPECT_EQ(talk.poll(""), "reply 5 id1 <message id='3'/>\n");
}

// The first is answered because the second has come; neither answer takes the other's place.
TEST(PollEngineTest, TwoThatOverlapAreProvenTogether) {
  Talk talk;
  talk.start();
  talk.engine.congested(true, talk.now, talk.actions);
  talk.poll("");
  talk.from_server("<message id='1'/>");
  talk.from_server("<message id='2'/>");
  EXPECT_EQ(talk.poll(""), "reply 2 id1 <message id='1'/><message id='2'/>\n");
  talk.from_server("<message id='3'/>");
  talk.engine.congested(false, talk.now, talk.actions);
  EXPECT_EQ(talk.end_of_read(), "reply 3 id1 <message id='3'/>\n");
  EXPECT_EQ(talk.poll(""), "acknowledged 3\n");
}

TEST(PollEngineTest, TwoThatOverlapComeAgainTogether) {
  for (const std::uint64_t lost : {std::uint64_t{2}, std::uint64_t{3}}) {
    Talk talk;
    talk.start();
    talk.engine.congested(true, talk.now, talk.actions);
    talk.poll("");
    talk.from_server("<message id='1'/>");
    talk.poll("");
    talk.from_server("<message id='2'/>");
    talk.engine.congested(false, talk.now, talk.actions);
    EXPECT_EQ(talk.end_of_read(), "reply 3 id1 <message id='2'/>\n");
    talk.engine.on_gone(xmpp::RequestId{lost}, talk.now, talk.actions);
    EXPECT_EQ(talk.poll(""), "reply 4 id1 <message id='1'/><message id='2'/>\n") << lost;
  }
}

TEST(PollEngineTest, TheClientEndsItsStream) {  // P-019
  Talk talk;
  talk.start();
  EXPECT_EQ(talk.poll("<presence type='unavailable'/></stream:stream>"),
            "server 1 <presence xmlns='jabber:client' type='unavailable'/>\nend terminated by the client \n"
            "reply 2 id1 </stream:stream>\n");
  EXPECT_EQ(talk.poll("<message/>"), "reply 3 0:0 \n") << "P-011";
}

TEST(PollEngineTest, NonsenseEndsWithAStreamError) {
  const auto end_of = [](std::string_view xml) {
    Talk talk;
    talk.start();
    const std::string lines = talk.poll(xml);
    EXPECT_NE(lines.find("</stream:error></stream:stream>\n"), std::string::npos) << lines;
    const auto from = lines.find("<stream:error><") + 15;
    return lines.substr(from, lines.find(' ', from) - from);
  };
  EXPECT_EQ(end_of("<message></iq>"), "not-well-formed");
  EXPECT_EQ(end_of("<!DOCTYPE x>"), "not-well-formed");
  EXPECT_EQ(end_of("<message><!-- x --></message>"), "restricted-xml");
  EXPECT_EQ(end_of("<message>&lol;</message>"), "restricted-xml");
  EXPECT_EQ(end_of("<message>" + std::string(300 * 1024, 'x')), "policy-violation");
  EXPECT_EQ(end_of("\xff"), "not-well-formed");
}

TEST(PollEngineTest, TlsAndCompressionAreNotForTheServer) {  // B-014
  Talk talk;
  talk.start();
  const std::string lines = talk.poll("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  EXPECT_EQ(lines, "reply 2 id1 <failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\n");
}

TEST(PollEngineTest, TheServerEnds) {  // P-016
  Talk talk;
  talk.start();
  talk.from_server("<message/>");
  EXPECT_EQ(talk.from_server(conflict, StanzaKind::stream_error), "end stream error remote-stream-error\n");
  EXPECT_EQ(talk.poll(""), "reply 2 id1 <message/>" + std::string(conflict) + "</stream:stream>\n");
  // It may refuse the stream before there is TLS, and so before the client has a header (P-012).
  Talk early;
  early.create();
  early.from_server(conflict, StanzaKind::stream_error);
  const std::string lines = early.end_of_read() + early.poll("");
  EXPECT_TRUE(lines.find("<stream:stream ") < lines.find(std::string(conflict) + "</stream:stream>\n")) << lines;
  EXPECT_NE(lines.find("</stream:stream>"), lines.npos) << lines;
}

TEST(PollEngineTest, WhatIsSaidToAnEndedStreamComesBack) {  // P-016, U-066
  Talk talk;
  talk.start();
  talk.from_server("<message/>");
  talk.from_server(conflict, StanzaKind::stream_error);
  const std::string lines =
      talk.poll("<message to='bob@example.org' id='7'><body>lost</body></message><presence/><mess");
  const auto at = [&](std::string_view text) { return lines.find(text); };
  EXPECT_TRUE(lines.starts_with("reply 2 id1 <message/><message")) << lines;
  EXPECT_NE(at("from='bob@example.org'"), lines.npos) << lines;
  EXPECT_NE(at("id='7'"), lines.npos) << lines;
  EXPECT_LT(at("type='error'"), at("<stream:error")) << lines;
  EXPECT_TRUE(lines.ends_with("</stream:error></stream:stream>\n")) << lines;
  EXPECT_EQ(at("<presence"), lines.npos) << "nobody waits for an answer to it";
}

TEST(PollEngineTest, AServerThatIsNotThereIsSaidInAWholeStream) {
  Talk talk;
  talk.create();
  talk.engine.close(xmpp::EndReason::server_unreachable, "no server", talk.now, talk.actions);
  EXPECT_EQ(talk.out(),
            "end no server remote-connection-failed\n"
            "reply 1 id1 <stream:stream id='0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
            "from='example.org' version='1.0'><stream:error><remote-connection-failed "
            "xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>\n");
}

// Their connection may die with them; then the next poll has them, unless nobody asks for so long.
TEST(PollEngineTest, LastWordsThatWereLostComeAgain) {
  Talk talk;
  talk.start();
  talk.poll("<message to='b@c' id='1'/>");
  talk.from_server("<message xmlns='jabber:client' type='error' id='1'/>", StanzaKind::message,
                   xmpp::StanzaType::error);
  talk.end_of_read();
  talk.engine.close(xmpp::EndReason::server_lost, "gone", talk.now, talk.actions);
  const auto told = talk.out() + talk.poll("");
  EXPECT_TRUE(told.ends_with("</stream:stream>\n")) << told;
  EXPECT_EQ(talk.wait(5s), "");
  talk.engine.on_gone(xmpp::RequestId{talk.requests}, talk.now, talk.actions);
  EXPECT_TRUE(talk.engine.has_last_words());
  EXPECT_EQ(talk.wait(60s), "");
  EXPECT_TRUE(talk.poll("").ends_with("</stream:stream>\n"));
  EXPECT_EQ(talk.poll(""), "reply 5 0:0 \n") << "as far as anybody knows it has them";
  talk.engine.on_gone(xmpp::RequestId{talk.requests - 1}, talk.now, talk.actions);
  EXPECT_FALSE(talk.engine.has_last_words()) << "late: a request has come since";
  EXPECT_EQ(talk.wait(29s), "");
  EXPECT_EQ(talk.wait(1s), "forget\n");
}

TEST(PollEngineTest, LastWordsWaitForAPollButNotForEver) {
  Talk talk;
  talk.start();
  talk.engine.close(xmpp::EndReason::shutdown, "stopping", talk.now, talk.actions);
  EXPECT_EQ(talk.out(), "end stopping system-shutdown\n");
  EXPECT_EQ(talk.wait(299s), "");
  EXPECT_EQ(talk.wait(2s), "forget\n");
}

TEST(PollEngineTest, SilenceEndsTheSessionAndSendsBackWhatWaits) {  // P-010, P-011
  Talk talk;
  talk.start();
  talk.from_server("<iq xmlns='jabber:client' type='get' id='7' from='b@c/d' to='a@c/e'><q xmlns='urn:q'/></iq>",
                   StanzaKind::iq, xmpp::StanzaType::get);
  EXPECT_EQ(talk.wait(299s), "");
  EXPECT_EQ(talk.wait(2s), "undeliverable 1\nend inactivity \nforget\n");
}

// U-050, X-050: numbered over the whole session, so that the session can tell what the server answers for.
TEST(PollEngineTest, WhatComesBackIsNumberedBehindWhatWasHandedOut) {
  constexpr std::string_view stanza = "<message xmlns='jabber:client' from='b@c/d' to='a@c/e'><body>x</body></message>";
  Talk talk;
  talk.start();
  talk.from_server(stanza);
  talk.poll("");
  talk.from_server(stanza);
  EXPECT_TRUE(talk.poll("").starts_with("acknowledged 1\nreply 3 id1 <message"));
  talk.from_server("<presence xmlns='jabber:client'/>", StanzaKind::presence);
  talk.from_server(stanza);
  EXPECT_EQ(talk.wait(301s), "undeliverable 4\nend inactivity \nforget\n") << "2 is not proven: the server's";
}

TEST(PollEngineTest, AWrongKeyProvesNothing) {  // P-006
  Talk talk("6UU8CDmH3O4aHFmCqSORCn721+M=");
  talk.start();
  talk.poll("", "C+7Hteo/D9vJXQ3UfzxbwnXaijM=");
  talk.from_server("<message/>");
  EXPECT_EQ(talk.end_of_read(), "reply 2 id1 <message/>\n");
  EXPECT_EQ(talk.poll("", "wrong"), "reply 3 -3:0 \n") << "nothing is acknowledged";
}

// The server gets it back instead of a client that may not ask again.
TEST(PollEngineTest, AGatewayThatStopsSendsBackWhatWaits) {
  Talk talk;
  talk.start();
  const std::size_t before = talk.engine.held_bytes();
  talk.from_server("<message xmlns='jabber:client' from='b@c/d' to='a@c/e'><body>x</body></message>");
  EXPECT_EQ(talk.engine.held_bytes(), before + 79);
  talk.engine.close(xmpp::EndReason::shutdown, "stopping", talk.now, talk.actions);
  EXPECT_EQ(talk.out(), "undeliverable 1\nend stopping system-shutdown\n");
  EXPECT_EQ(talk.poll(""),
            "reply 2 id1 <stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
            "</stream:stream>\n");
}

TEST(PollEngineTest, AFullQueueStopsTheServerAndThenTheSession) {
  PollPolicy policy;
  policy.queue_high = 1000;
  policy.queue_low = 500;
  policy.queue_cap = 3000;
  policy.max_response_bytes = 1200;
  Talk talk({}, policy);
  talk.start();
  const std::string stanza = "<message>" + std::string(981, 'x') + "</message>";  // 1000 bytes
  EXPECT_EQ(talk.from_server(stanza), "pause\n");
  EXPECT_EQ(talk.from_server(stanza), "");
  EXPECT_EQ(talk.poll(""), "reply 2 id1 " + stanza + "\n") << "whole elements only (P-014)";
  EXPECT_EQ(talk.poll(""), "acknowledged 1\nreply 3 id1 " + stanza + "\nresume\n");
  for (int i = 0; i < 3; ++i) talk.from_server(stanza);
  EXPECT_NE(talk.from_server(stanza).find("end too much unread policy-violation\n"), std::string::npos);
}

TEST(PollEngineTest, ACongestedServerSlowsTheClientDown) {
  Talk talk;
  talk.start();
  talk.poll("");
  talk.engine.congested(true, talk.now, talk.actions);
  talk.from_server("<message/>");
  EXPECT_EQ(talk.end_of_read(), "");
  talk.engine.congested(false, talk.now, talk.actions);
  EXPECT_EQ(talk.out(), "reply 2 id1 <message/>\n");
}

TEST(PollEngineTest, SameInputsSameActions) {
  const auto run = [] {
    Talk talk;
    std::string lines = talk.create() + talk.open() + talk.from_server(features, StanzaKind::features) +
                        talk.end_of_read() + talk.poll("<message/><pres") + talk.wait(1s) + talk.poll("ence/>");
    return lines + talk.wait(400s);
  };
  EXPECT_EQ(run(), run());
}

TEST(PollEngineTest, CountsWhatIsUnfinished) {
  Talk talk;
  talk.start();
  const auto before = talk.engine.held_bytes();
  talk.poll("<message><body>" + std::string(5000, 'x'));
  EXPECT_EQ(talk.engine.unforwarded_bytes(), 5015U);
  EXPECT_GT(talk.engine.held_bytes(), before + 5000);
  talk.poll("</body></message>");
  EXPECT_EQ(talk.engine.unforwarded_bytes(), 0U);
}

// What is left after the end goes where memory is short: first what was given before, and last what was not.
TEST(PollEngineTest, LetsGoAfterTheEnd) {
  Talk talk;
  talk.start();
  talk.from_server("<message/>");
  talk.engine.let_go();  // a living one does not
  EXPECT_FALSE(talk.engine.has_last_words());
  EXPECT_GT(talk.engine.held_bytes(), 0U);
  talk.engine.close(xmpp::EndReason::server_lost, "gone", talk.now, talk.actions);
  talk.out();
  EXPECT_TRUE(talk.engine.has_last_words());
  talk.engine.let_go();
  EXPECT_EQ(talk.engine.held_bytes(), 0U);
  EXPECT_FALSE(talk.engine.has_last_words());
  EXPECT_EQ(talk.poll(""), "reply 2 0:0 \n");
  EXPECT_EQ(talk.engine.deadline(), xmpp::never);
}

}  // namespace
}  // namespace bosh
