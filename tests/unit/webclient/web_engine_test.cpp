// The binding of the chat without scripts: how long a session stays, what it hands out. PROTOCOL Z-005, Z-009.
#include "webclient/web_engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <variant>

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
    wish.window = window;
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

}  // namespace
}  // namespace webclient
