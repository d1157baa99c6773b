// When the chat without scripts tells the server that a message has arrived: only once it is with the reader's machine,
// on a page that shows it. PROTOCOL U-060, Z-008, Z-009.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <variant>

#include "tests/unit/webclient/play.hpp"
#include "webclient/web_engine.hpp"

namespace webclient {
namespace {

using std::chrono::seconds;

constexpr std::string_view hello =
    "<message xmlns='jabber:client' from='romeo@example.net/orchard' type='chat' id='m1'><body>hello</body></message>";
constexpr xmpp::ConnectionRef list{1}, chat{2};

class SeenTest : public testing::Test {
 protected:
  SeenTest() {
    play.logs_in();
    WebSettings settings;
    settings.reader.texts = &catalogue("en");
    settings.token = [](std::string_view) { return std::string("token"); };
    engine = std::make_unique<WebEngine>(std::move(play.client), PushPolicy{}, pages, std::move(settings), now);
  }

  void deliver(std::string_view bytes, xmpp::StanzaKind kind) {
    engine->deliver(xmpp::Stanza{bytes, kind}, now, out);
    engine->delivered_all(now, out);
  }
  void says_hello() { deliver(hello, xmpp::StanzaKind::message); }
  void open(xmpp::ConnectionRef connection, ConversationId shown) {
    StreamWish wish;
    wish.connection = connection;
    wish.shown = shown;
    wish.window = std::to_string(static_cast<std::uint64_t>(connection));
    wish.page.nonce = "N";
    engine->open_stream(wish, now, out);
  }
  [[nodiscard]] ConversationId romeo() const { return engine->model().find("romeo@example.net")->id; }

  // How many of the stanzas the server is told to forget.
  std::string acknowledged() {
    out.clear();
    deliver("<r xmlns='urn:xmpp:sm:3'/>", xmpp::StanzaKind::management);
    for (const auto& action : out.list) {
      const auto* said = std::get_if<xmpp::ToServer>(&action);
      if (said == nullptr || !said->bytes.starts_with("<a ")) continue;
      const auto from = said->bytes.find("h='") + 3;
      return std::string(said->bytes.substr(from, said->bytes.find('\'', from) - from));
    }
    return "none";
  }

  tests::Play play;
  Pages pages;
  xmpp::Instant now = play.now;
  xmpp::Actions out;
  std::unique_ptr<WebEngine> engine;
};

TEST_F(SeenTest, NobodyLooks) {
  says_hello();
  EXPECT_EQ(acknowledged(), "0");
}

TEST_F(SeenTest, WrittenIsNotArrived) {
  says_hello();
  open(chat, romeo());
  EXPECT_EQ(acknowledged(), "0");
  engine->on_arrived(chat, now, out);
  EXPECT_EQ(acknowledged(), "1");
  says_hello();  // the same again: nothing new to show
  EXPECT_EQ(acknowledged(), "2");
}

TEST_F(SeenTest, TheListDoesNotShowTheText) {
  open(list, ConversationId{});
  engine->on_arrived(list, now, out);
  says_hello();
  engine->on_arrived(list, now, out);
  EXPECT_EQ(acknowledged(), "0");
}

TEST_F(SeenTest, LostOnTheWay) {
  says_hello();
  open(chat, romeo());
  engine->on_lost(chat, now, out);
  open(list, ConversationId{});
  engine->on_arrived(list, now, out);
  EXPECT_EQ(acknowledged(), "0");
  open(chat, romeo());
  engine->on_arrived(chat, now, out);
  EXPECT_EQ(acknowledged(), "1");
}

TEST_F(SeenTest, AStreamThatTakesNothingIsNotRead) {
  open(chat, ConversationId{});
  engine->on_arrived(chat, now, out);
  engine->on_unsent(chat, 1000, now, out);
  says_hello();
  open(chat, romeo());
  engine->on_unsent(chat, 1000, now, out);
  EXPECT_EQ(engine->model().find(romeo())->unread, 0U);  // the page that was given shows it
  deliver(
      "<message xmlns='jabber:client' from='romeo@example.net/orchard' type='chat' id='m2'><body>2</body></message>",
      xmpp::StanzaKind::message);
  EXPECT_EQ(engine->model().find(romeo())->unread, 1U);
  EXPECT_EQ(acknowledged(), "0");
}

// Who has logged out keeps no memory for the two minutes in which the page can ask why.
TEST_F(SeenTest, NothingIsHeldAfterTheEnd) {
  deliver("<message xmlns='jabber:client' from='romeo@example.net/orchard' type='chat'><body>" +
              std::string(9000, 'x') + "</body></message>",
          xmpp::StanzaKind::message);
  EXPECT_GT(engine->held_bytes(), 9000U);
  open(chat, romeo());
  engine->log_out(now, out);
  EXPECT_LT(engine->held_bytes(), 9000U);
  EXPECT_EQ(engine->model().account().link, LinkState::ended);
}

// A page is proven by the next thing its reader asks for.
TEST_F(SeenTest, AStaticPage) {
  says_hello();
  engine->page_written(romeo());
  EXPECT_EQ(acknowledged(), "0");
  engine->used(now, out);
  EXPECT_EQ(acknowledged(), "1");
}

}  // namespace
}  // namespace webclient
