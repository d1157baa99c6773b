// The binding of the chat without scripts: how long a session stays, what it hands out. PROTOCOL Z-005, Z-009.
#include "webclient/web_engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <variant>

#include "tests/unit/webclient/play.hpp"

namespace webclient {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

class WebEngineTest : public testing::Test {
 protected:
  WebEngineTest() {
    ClientSettings client;
    client.domain = "example.org";
    client.seed = "seed";
    client.login_timeout = std::chrono::hours(24);  // the server never answers here
    client.patience = std::chrono::hours(24);
    xmpp::SaslIdentity identity;
    identity.user = "alice";
    identity.secret = xmpp::Secret("secret");
    WebSettings settings;
    settings.reader.texts = &catalogue("en");
    settings.linger = minutes(10);
    settings.token = [](std::string_view) { return std::string("token"); };
    engine =
        std::make_unique<WebEngine>(std::make_unique<Client>(std::move(client), std::move(identity), now, WallTime{}),
                                    PushPolicy{}, pages, std::move(settings), now);
    engine->start(now, out);
  }

  // The actions of the step: names, and what was pushed.
  std::string collect() {
    std::string all;
    for (const auto& action : out.list) {
      if (const auto* push = std::get_if<xmpp::Push>(&action)) all += "push " + std::string(push->bytes);
      if (std::holds_alternative<xmpp::CloseConnection>(action)) all += "close ";
      if (std::holds_alternative<xmpp::OpenLink>(action)) all += "link ";
      if (const auto* end = std::get_if<xmpp::EndSession>(&action)) {
        all += end->reason == xmpp::EndReason::inactivity ? "inactive " : "end ";
      }
      if (std::holds_alternative<xmpp::Forget>(action)) all += "forget ";
    }
    out.clear();
    return all;
  }
  std::string wait(xmpp::Duration step) {
    now += step;
    if (engine->deadline() <= now) engine->on_time(now, out);
    return collect();
  }
  std::string open(std::uint64_t ref, const std::string& window = "w") {
    StreamWish wish;
    wish.connection = xmpp::ConnectionRef{ref};
    wish.page.window = window;
    wish.page.nonce = "N";
    engine->open_stream(wish, now, out);
    return collect();
  }

  Pages pages;
  xmpp::Instant now{seconds(1000)};
  xmpp::Actions out;
  std::unique_ptr<WebEngine> engine;
};

TEST_F(WebEngineTest, StaysForAWhileWithoutAWindow) {
  EXPECT_EQ(collect(), "link ");
  EXPECT_EQ(wait(minutes(9)), "");
  engine->used(now, out);
  EXPECT_EQ(wait(minutes(9)), "");
  EXPECT_EQ(wait(minutes(1)), "inactive ");
}

TEST_F(WebEngineTest, StaysAsLongAsAWindowIsOpen) {
  collect();
  EXPECT_THAT(open(1), HasSubstr("push <!DOCTYPE html>"));
  for (int i = 0; i < 60; ++i) EXPECT_THAT(wait(minutes(1)), testing::Not(HasSubstr("inactive")));
  engine->on_lost(xmpp::ConnectionRef{1}, now, out);
  EXPECT_EQ(wait(minutes(9)), "");
  EXPECT_EQ(wait(minutes(1)), "inactive ");
}

TEST_F(WebEngineTest, SaysForAWhileWhyItHasEnded) {
  collect();
  open(1);
  engine->log_out(now, out);
  EXPECT_THAT(collect(), HasSubstr("close "));
  EXPECT_EQ(engine->model().account().link, LinkState::ended);
  EXPECT_EQ(wait(seconds(119)), "");
  EXPECT_EQ(wait(seconds(1)), "forget ");
  EXPECT_EQ(engine->deadline(), xmpp::never);
}

TEST_F(WebEngineTest, PushesNothingToAStreamThatIsFull) {
  collect();
  open(1);
  engine->on_unsent(xmpp::ConnectionRef{1}, 100, now, out);
  EXPECT_EQ(wait(minutes(1)), "");
  engine->on_unsent(xmpp::ConnectionRef{1}, 0, now, out);
  EXPECT_THAT(collect(), HasSubstr("#rc{animation-name:"));
}

TEST_F(WebEngineTest, TakesEachFormOnce) {
  EXPECT_TRUE(engine->take_once("a"));
  EXPECT_FALSE(engine->take_once("a"));
  EXPECT_TRUE(engine->take_once("b"));
  EXPECT_FALSE(engine->take_once(""));
  engine->release_once("a");
  EXPECT_TRUE(engine->take_once("a"));
  EXPECT_FALSE(engine->take_once("b"));
}

TEST_F(WebEngineTest, LoadsItsPagesAnewInAnotherLanguage) {
  collect();
  open(1);
  auto reader = engine->reader();
  reader.texts = &catalogue("ar");
  engine->set_reader(std::move(reader), now, out);
  EXPECT_THAT(collect(), HasSubstr("close "));
  EXPECT_THAT(open(2), HasSubstr("dir=\"rtl\""));
}

// ---- files: the connection that brings one is told when it is known where to put it. XEP-0363.

class WebFilesTest : public testing::Test {
 protected:
  WebFilesTest() {
    play.logs_in();
    play.answers("disco#items",
                 "<query xmlns='http://jabber.org/protocol/disco#items'><item jid='files.example.org'/></query>",
                 "example.org");
    play.answers("to=\"files.example.org\"",
                 "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:http:upload:0'/></query>",
                 "files.example.org");
    play.hears(
        "<iq type='set' id='p'><query xmlns='jabber:iq:roster'><item jid='romeo@example.net' subscription='both'/>"
        "</query></iq>");
    romeo = play.row("romeo@example.net").id;
    WebSettings settings;
    settings.reader.texts = &catalogue("en");
    settings.linger = minutes(1);
    settings.token = [](std::string_view) { return std::string("token"); };
    engine = std::make_unique<WebEngine>(std::move(play.client), PushPolicy{}, pages, std::move(settings), play.now);
    splitter.feed(tests::stream_header, events);
    events.clear();
  }
  UploadStart begin(xmpp::ConnectionRef connection = xmpp::ConnectionRef{7}, std::uint64_t size = 5) {
    return engine->begin_file({romeo, {"a.txt", "text/plain", size}, "once", connection}, play.now, out);
  }
  // What the step asks for: whose connection goes on, and the stanzas.
  std::string collect() {
    std::string all;
    for (const auto& action : out.list) {
      if (const auto* go_on = std::get_if<xmpp::ResumeClient>(&action)) {
        all += "go on " + std::to_string(static_cast<std::uint64_t>(go_on->connection)) + " ";
      }
      if (const auto* sent = std::get_if<xmpp::ToServer>(&action)) all += sent->bytes;
    }
    out.clear();
    return all;
  }
  std::string slot(const std::string& asked) {
    const auto id = asked.find(" id=\"");
    EXPECT_NE(id, std::string::npos) << asked;
    splitter.feed("<iq type='result' from='files.example.org' id='" +
                      asked.substr(id + 5, asked.find('"', id + 5) - id - 5) +
                      "'><slot xmlns='urn:xmpp:http:upload:0'><put url='https://files.example.org/p'/>"
                      "<get url='https://files.example.org/g'/></slot></iq>",
                  events);
    for (const auto& event : events.list) {
      if (const auto* stanza = std::get_if<xmpp::Stanza>(&event)) engine->deliver(*stanza, play.now, out);
    }
    events.clear();
    engine->delivered_all(play.now, out);
    return collect();
  }

  Pages pages;
  tests::Play play;
  xmpp::Limits limits;
  xmpp::ParserPool pool;
  xmpp::StreamSplitter splitter{pool, limits};
  xmpp::StreamEvents events;
  xmpp::Actions out;
  ConversationId romeo{};
  std::unique_ptr<WebEngine> engine;
};

TEST_F(WebFilesTest, GoOnWhenTheServerHasNamedAPlace) {
  const auto begun = begin();
  ASSERT_EQ(begun.problem, Problem::none);
  const std::string asked = collect();
  EXPECT_THAT(asked, testing::Not(HasSubstr("go on")));
  EXPECT_EQ(slot(asked), "go on 7 ");
  EXPECT_EQ(engine->model().find(begun.id)->state, UploadState::ready);
  engine->delivered_all(play.now, out);
  EXPECT_EQ(collect(), "");  // told once
  EXPECT_EQ(engine->end_file(begun.id, Problem::none, play.now, out), Problem::none);
  EXPECT_THAT(collect(), HasSubstr("<body>https://files.example.org/g</body>"));
  EXPECT_EQ(engine->model().find(begun.id), nullptr);
}

TEST_F(WebFilesTest, GoOnWhenTheSessionEnds) {
  begin();
  collect();
  engine->log_out(play.now, out);
  EXPECT_THAT(collect(), HasSubstr("go on 7"));
}

TEST_F(WebFilesTest, SayWhyTheyWereNotSent) {
  const auto begun = begin();
  slot(collect());
  EXPECT_EQ(engine->end_file(begun.id, Problem::file_too_large, play.now, out), Problem::file_too_large);
  EXPECT_EQ(collect(), "");
  EXPECT_EQ(engine->model().find(begun.id), nullptr);
}

TEST_F(WebFilesTest, AreForgottenWithTheirConnection) {
  const auto begun = begin();
  const std::string asked = collect();
  engine->on_lost(xmpp::ConnectionRef{7}, play.now, out);
  EXPECT_EQ(engine->model().find(begun.id), nullptr);
  EXPECT_EQ(slot(asked), "");
}

// A page that is loaded anew sends its form again. Only where the file has arrived is that nothing new.
TEST_F(WebFilesTest, AreSentOnceByTheirForm) {
  const auto begun = begin();
  slot(collect());
  EXPECT_EQ(engine->end_file(begun.id, Problem::none, play.now, out), Problem::none);
  collect();
  const auto again = begin(xmpp::ConnectionRef{8});
  EXPECT_EQ(again.problem, Problem::none);
  EXPECT_EQ(again.id, UploadId{});
  EXPECT_EQ(collect(), "");
}

TEST_F(WebFilesTest, AreNotTakenForSentWhileTheyAreOnTheirWay) {
  begin();
  collect();
  EXPECT_EQ(begin(xmpp::ConnectionRef{8}).problem, Problem::busy);
  EXPECT_EQ(collect(), "");
  engine->on_lost(xmpp::ConnectionRef{8}, play.now, out);  // who was told so has nothing to give back
  EXPECT_EQ(begin(xmpp::ConnectionRef{9}).problem, Problem::busy);
}

TEST_F(WebFilesTest, MayBeSentAgainByTheirFormIfTheyDidNotArrive) {
  EXPECT_EQ(begin(xmpp::ConnectionRef{7}, 0).problem, Problem::file_empty);
  EXPECT_NE(begin().id, UploadId{});
  engine->on_lost(xmpp::ConnectionRef{7}, play.now, out);  // half of it had come
  const auto refused = begin(xmpp::ConnectionRef{8});
  EXPECT_NE(refused.id, UploadId{});
  (void)engine->end_file(refused.id, Problem::upload_failed, play.now, out);
  EXPECT_NE(begin(xmpp::ConnectionRef{9}).id, UploadId{});
}

TEST_F(WebFilesTest, KeepTheSession) {
  const auto begun = begin();
  slot(collect());
  play.now += minutes(2);
  engine->on_time(play.now, out);
  EXPECT_FALSE(engine->client().ended());
  (void)engine->end_file(begun.id, Problem::none, play.now, out);
  play.now += minutes(2);
  engine->on_time(play.now, out);
  EXPECT_TRUE(engine->client().ended());
}

}  // namespace
}  // namespace webclient
