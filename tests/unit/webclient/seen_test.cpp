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
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view hello =
    "<message xmlns='jabber:client' from='romeo@example.net/orchard' type='chat' id='m1'><body>hello</body></message>";
constexpr xmpp::ConnectionRef list{1}, chat{2};

auto error_to(const std::string& author, const std::string& id) {
  return AllOf(HasSubstr("to=\"" + author + "\""), HasSubstr("id=\"" + id + "\""),
               HasSubstr("<recipient-unavailable "));
}

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
  void says(const std::string& id, const std::string& from = "romeo@example.net/orchard") {
    deliver("<message xmlns='jabber:client' from='" + from + "' type='chat' id='" + id + "'><body>" + id +
                "</body></message>",
            xmpp::StanzaKind::message);
  }
  // As many as there is room for: whoever was quietest before is no longer in the list.
  void a_crowd_writes() {
    for (int i = 0; i < 200; ++i) says("crowd", "p" + std::to_string(i) + "@example.net/x");
    ASSERT_EQ(engine->model().find("romeo@example.net"), nullptr);
  }
  void passes(int presences) {
    for (int i = 0; i < presences; ++i) {
      deliver("<presence xmlns='jabber:client' from='tybalt@example.net/x'/>", xmpp::StanzaKind::presence);
    }
  }
  // The errors that went to the server.
  [[nodiscard]] std::vector<std::string> errors() const {
    std::vector<std::string> found;
    for (const auto& action : out.list) {
      const auto* said = std::get_if<xmpp::ToServer>(&action);
      if (said != nullptr && said->bytes.find("type=\"error\"") != std::string_view::npos)
        found.emplace_back(said->bytes);
    }
    return found;
  }
  // What went to the browser.
  [[nodiscard]] std::string pushed() const {
    std::string all;
    for (const auto& action : out.list) {
      if (const auto* push = std::get_if<xmpp::Push>(&action)) all += push->bytes;
    }
    return all;
  }
  // When the session ends now.
  std::vector<std::string> given_back() {
    out.clear();
    engine->log_out(now, out);
    return errors();
  }
  void open(xmpp::ConnectionRef connection, ConversationId shown) {
    StreamWish wish;
    wish.connection = connection;
    wish.shown = shown;
    wish.page.window = std::to_string(static_cast<std::uint64_t>(connection));
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

// Servers bear only so much: then the server has been told, and whoever wrote is told when nobody can read it any more.
TEST_F(SeenTest, WhatWasTakenOverAndNeverReadComesBack) {
  says_hello();
  passes(399);
  EXPECT_EQ(acknowledged(), "0");
  passes(1);
  EXPECT_EQ(acknowledged(), "1");
  EXPECT_THAT(given_back(), ElementsAre(error_to("romeo@example.net/orchard", "m1")));
}

TEST_F(SeenTest, WhatIsStillTheServersDoesNotComeBack) {
  says_hello();
  passes(399);
  EXPECT_THAT(given_back(), IsEmpty());
}

TEST_F(SeenTest, WhatWasTakenOverAndReadLaterDoesNotComeBack) {
  says_hello();
  passes(500);
  says("m2");
  open(chat, romeo());
  engine->on_arrived(chat, now, out);
  EXPECT_EQ(acknowledged(), "502");
  EXPECT_THAT(given_back(), IsEmpty());
}

// One that was taken over does not keep the server from forgetting what was read behind it.
TEST_F(SeenTest, WhatWasTakenOverHoldsNothingBack) {
  says_hello();
  passes(400);
  open(list, ConversationId{});
  engine->on_arrived(list, now, out);
  EXPECT_EQ(acknowledged(), "401");
}

// Who closes a conversation does not want it; copies and the archive are with other devices too.
TEST_F(SeenTest, WhatOthersHaveDoesNotComeBack) {
  says_hello();
  deliver(
      "<message xmlns='jabber:client' from='julia@example.org' to='julia@example.org/web'><received "
      "xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' "
      "from='paris@example.net/x' to='julia@example.org/tablet' type='chat' "
      "id='c1'><body>copy</body></message></forwarded></received></message>",
      xmpp::StanzaKind::message);
  deliver(
      "<message xmlns='jabber:client' from='paris@example.net/x' type='chat' id='c2'><body>kept</body><stanza-id "
      "xmlns='urn:xmpp:sid:0' id='a1' by='julia@example.org'/></message>",
      xmpp::StanzaKind::message);
  ASSERT_NE(engine->model().find("paris@example.net"), nullptr);
  EXPECT_EQ(engine->model().find("paris@example.net")->messages.size(), 2U);
  passes(400);
  ASSERT_EQ(engine->client().close_conversation(romeo()), Problem::none);
  EXPECT_THAT(given_back(), IsEmpty());
}

// Nobody will see it in this session, and the server stores it for the next.
TEST_F(SeenTest, WhatFellOutOfTheListIsStillTheServers) {
  says_hello();
  a_crowd_writes();
  open(list, ConversationId{});
  engine->on_arrived(list, now, out);
  EXPECT_EQ(acknowledged(), "0");
  EXPECT_THAT(given_back(), IsEmpty());
}

// Two pages of one conversation: hello is on the first, which does not arrive, and has no place on the second.
class SeenOnAnotherPageTest : public SeenTest {
 protected:
  SeenOnAnotherPageTest() {
    says_hello();
    open(chat, romeo());
    engine->on_unsent(chat, 1000, now, out);
    for (int i = 0; i < 500; ++i) says("n" + std::to_string(i));
    (void)engine->client().open_conversation(romeo(), now, out);
    engine->page_written(romeo());
    engine->used(now, out);
  }
};

TEST_F(SeenOnAnotherPageTest, ProvesNothing) {
  EXPECT_THAT(given_back(), ElementsAre(error_to("romeo@example.net/orchard", "m1")));
}

TEST_F(SeenOnAnotherPageTest, ComesBackWhenItsPageIsGone) {
  out.clear();
  engine->on_lost(chat, now, out);
  EXPECT_THAT(errors(), ElementsAre(error_to("romeo@example.net/orchard", "m1")));
  engine->used(now, out);
  EXPECT_THAT(given_back(), IsEmpty());
}

TEST_F(SeenOnAnotherPageTest, IsProvenByItsOwnPage) {
  engine->on_unsent(chat, 0, now, out);
  engine->on_arrived(chat, now, out);
  EXPECT_EQ(acknowledged(), "501");
  engine->on_lost(chat, now, out);
  EXPECT_THAT(given_back(), IsEmpty());
}

// Its end is on its way with what it had.
TEST_F(SeenOnAnotherPageTest, IsProvenByItsOwnPageThatHasEnded) {
  engine->set_reader(engine->reader(), now, out);
  engine->on_arrived(chat, now, out);
  out.clear();
  engine->on_lost(chat, now, out);
  EXPECT_THAT(errors(), IsEmpty());
  EXPECT_THAT(given_back(), IsEmpty());
}

TEST_F(SeenTest, WhatFellOutOfTheListAndWasTakenOverComesBack) {
  says_hello();
  a_crowd_writes();
  passes(200);
  EXPECT_EQ(acknowledged(), "1");
  EXPECT_THAT(given_back(), ElementsAre(error_to("romeo@example.net/orchard", "m1")));
}

TEST_F(SeenTest, APageDoesNotProveWhatWasNeverOnIt) {
  says_hello();
  const auto shown = romeo();
  open(chat, shown);
  engine->on_arrived(chat, now, out);
  engine->on_unsent(chat, 1000, now, out);
  says("m2");
  a_crowd_writes();
  engine->on_unsent(chat, 0, now, out);
  engine->on_arrived(chat, now, out);
  engine->page_written(shown);
  engine->used(now, out);
  EXPECT_EQ(acknowledged(), "1");
}

// What the model has no room for is on no page, whatever page is read.
TEST_F(SeenTest, WhatFellOutOfTheModelComesBack) {
  says_hello();
  for (int i = 0; i < 500; ++i) says("n" + std::to_string(i));
  out.clear();
  open(chat, romeo());
  EXPECT_THAT(errors(), ElementsAre(error_to("romeo@example.net/orchard", "m1")));
  // What was on a page falls out later and is nobody's loss.
  says("last");
  engine->on_arrived(chat, now, out);
  EXPECT_THAT(given_back(), IsEmpty());
}

// Nor is what an answer takes the place of, though who answers has read the others.
TEST_F(SeenTest, WhatFellOutForAnAnswerComesBack) {
  says_hello();
  for (int i = 1; i < 500; ++i) says("n" + std::to_string(i));
  out.clear();
  ASSERT_EQ(engine->client().send(romeo(), "hi", now, out).problem, Problem::none);
  EXPECT_THAT(errors(), ElementsAre(error_to("romeo@example.net/orchard", "m1")));
  open(chat, romeo());
  engine->on_arrived(chat, now, out);
  out.clear();
  EXPECT_THAT(given_back(), IsEmpty());
}

TEST_F(SeenTest, WhatAPageWasTooSlowForComesBack) {
  says_hello();
  open(chat, romeo());
  engine->on_arrived(chat, now, out);
  says("on its way");
  engine->on_unsent(chat, 1000, now, out);  // until it has left, nothing more is written
  for (int i = 0; i < 501; ++i) says("n" + std::to_string(i));
  out.clear();
  engine->on_unsent(chat, 0, now, out);
  EXPECT_THAT(errors(), ElementsAre(error_to("romeo@example.net/orchard", "n0")));
}

// ejabberd gives up on a client that leaves max_ack_queue unacknowledged, and asks no more often for that.
TEST_F(SeenTest, WhatIsTakenOverIsAcknowledgedUnasked) {
  out.clear();
  for (int i = 0; i < 600; ++i) says("n" + std::to_string(i));
  std::vector<std::string> acknowledged;
  for (const auto& action : out.list) {
    const auto* said = std::get_if<xmpp::ToServer>(&action);
    if (said != nullptr && said->bytes.starts_with("<a ")) acknowledged.emplace_back(said->bytes);
  }
  EXPECT_THAT(acknowledged, ElementsAre(HasSubstr("h='100'"), HasSubstr("h='200'")));
}

// Nobody keeps more than a bounded list of those who may have to be told.
TEST_F(SeenTest, TooManyAreToldAtOnce) {
  out.clear();
  for (int i = 0; i < 10000; ++i) says("n" + std::to_string(i));
  EXPECT_THAT(errors(), IsEmpty());
  says("last");
  EXPECT_THAT(errors(), ElementsAre(error_to("romeo@example.net/orchard", "n0")));
}

// Who opens a conversation with more unread messages than a page usually has sees them all: only what is on a page may
// be acknowledged with it.
TEST_F(SeenTest, APageShowsAllThatIsAcknowledgedWithIt) {
  for (int i = 0; i < 120; ++i) says("n" + std::to_string(i));
  out.clear();
  open(chat, romeo());
  EXPECT_THAT(pushed(), AllOf(HasSubstr(">n0<"), HasSubstr(">n119<")));
  engine->on_lost(chat, now, out);  // half of it may have arrived
  out.clear();
  open(chat, romeo());
  EXPECT_THAT(pushed(), AllOf(HasSubstr(">n0<"), HasSubstr(">n119<")));
  engine->on_arrived(chat, now, out);
  EXPECT_EQ(acknowledged(), "120");
  engine->on_lost(chat, now, out);
  out.clear();
  open(chat, romeo());
  EXPECT_THAT(pushed(), AllOf(Not(HasSubstr(">n69<")), HasSubstr(">n70<")));
}

TEST_F(SeenTest, AStaticPageToo) {
  for (int i = 0; i < 40; ++i) says("n" + std::to_string(i));
  EXPECT_EQ(engine->backlog(romeo(), 30), 40U);
  EXPECT_EQ(engine->backlog(romeo(), 80), 80U);
  ASSERT_EQ(engine->client().open_conversation(romeo(), now, out), Problem::none);
  EXPECT_EQ(engine->backlog(romeo(), 30), 40U);  // it has not arrived yet
  engine->page_written(romeo());
  engine->used(now, out);
  EXPECT_EQ(engine->backlog(romeo(), 30), 30U);
  EXPECT_EQ(engine->backlog(ConversationId{}, 30), 30U);
}

// A page is proven by the next thing its reader asks for.
TEST_F(SeenTest, AStaticPage) {
  says_hello();
  ASSERT_EQ(engine->client().open_conversation(romeo(), now, out), Problem::none);
  engine->page_written(romeo());
  EXPECT_EQ(acknowledged(), "0");
  engine->used(now, out);
  EXPECT_EQ(acknowledged(), "1");
}

}  // namespace
}  // namespace webclient
