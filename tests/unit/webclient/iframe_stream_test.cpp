// The pieces of an endless page. PROTOCOL Z-004, Z-007.
#include "webclient/iframe_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/webclient/sample.hpp"

namespace webclient {
namespace {

using testing::HasSubstr;
using testing::Not;

class IframeStream : public testing::Test {
 protected:
  ChatModel model{Bounds{}};
  Conversation& bob = sample::buddy(model, "bob@example.org", "Bob");
  Reader reader = sample::reader();

  std::string bubble(Message message, bool live = true) {
    const Message* added = model.add_message(bob, std::move(message));
    std::string out;
    append_bubble(out, *added, bob, reader, live);
    return out;
  }
};

TEST_F(IframeStream, ShowsAMessage) {
  EXPECT_EQ(bubble(sample::incoming("hello")),
            "<div class=\"b in\" id=\"m1\"><bdi class=\"a\">Bob</bdi> <span class=\"x\" dir=\"auto\">hello</span>"
            " <small><time datetime=\"2025-11-25T12:00\">12:00</time></small></div>\n");
}

TEST_F(IframeStream, ShowsTheTimeOfTheReadersZone) {
  reader.zone_minutes = -12 * 60 - 30;
  EXPECT_THAT(bubble(sample::incoming("x")), HasSubstr("2025-11-24T23:30"));
  reader.zone_minutes = 14 * 60;
  EXPECT_THAT(bubble(sample::incoming("x")), HasSubstr("2025-11-26T02:00"));
  const WallTime midnight = sample::noon + std::chrono::hours(12);
  reader.zone_minutes = 0;
  EXPECT_FALSE(same_day(midnight - std::chrono::seconds(1), midnight, reader));
  EXPECT_TRUE(same_day(midnight, midnight + std::chrono::hours(23), reader));
}

TEST_F(IframeStream, LetsOwnMessagesBeCorrectedWhereTheFormIsBeside) {
  EXPECT_THAT(bubble(sample::outgoing("x")), HasSubstr("href=\"/compose/c1?edit=m1#t\" target=\"compose\""));
  EXPECT_THAT(bubble(sample::outgoing("x"), false), Not(HasSubstr("/compose/")));
  EXPECT_THAT(bubble(sample::outgoing("x", Delivery::delivered), false), HasSubstr("delivered"));
}

// With a text of its own it is a message; one that is nothing but a file cannot be corrected into another.
TEST_F(IframeStream, ShowsAFileByItsName) {
  Message file = sample::outgoing("https://up.example/x/pic%20%C3%BC.png");
  file.link = file.text;
  const std::string live = bubble(file);
  EXPECT_THAT(live, HasSubstr(">pic \u00fc.png</a></bdi> <small><bdi>up.example</bdi></small></span>"));
  EXPECT_THAT(live, HasSubstr("<span class=\"k\"></span>"));
  EXPECT_THAT(live, Not(HasSubstr("?edit=")));
  file.text = "look: " + file.link;
  EXPECT_THAT(bubble(file), HasSubstr(">https://up.example/x/pic%20%C3%BC.png</a></span>"));
  EXPECT_THAT(bubble(file), HasSubstr("?edit="));
}

TEST_F(IframeStream, FoldsLongMessages) {
  EXPECT_THAT(bubble(sample::incoming(std::string(1500, 'w'))), Not(HasSubstr("<details")));
  const std::string out = bubble(sample::incoming(std::string(1501, 'w')));
  EXPECT_THAT(out, HasSubstr("<details class=\"x\"><summary>" + std::string(300, 'w') + "… (Show all)"));
  EXPECT_THAT(out, HasSubstr(std::string(1501, 'w')));
  std::string lines;
  for (int i = 0; i < 30; ++i) lines += "l\n";
  EXPECT_THAT(bubble(sample::incoming(lines)), HasSubstr("<details"));
  // Never in the middle of a character.
  std::string umlauts;
  for (int i = 0; i < 1000; ++i) umlauts += i == 0 ? "x" : "ä";
  EXPECT_THAT(bubble(sample::incoming(umlauts)), HasSubstr("ä… ("));
}

TEST_F(IframeStream, TellsDeliveryByRules) {
  const auto rules = [&](Delivery delivery, Problem problem = Problem::none) {
    Message message = sample::outgoing("x", delivery);
    message.problem = problem;
    message.id = MessageId{7};
    std::string out;
    append_message_rules(out, message, reader);
    return out;
  };
  EXPECT_EQ(rules(Delivery::delivered), "#m7 .k::after{content:\"\\2713\\2713\"/\"delivered\"}");
  EXPECT_EQ(rules(Delivery::failed, Problem::recipient_unavailable),
            "#m7 .k::after{content:\"not delivered\\3a  The recipient is not available\\2e \";color:var(--alert)}");
  EXPECT_EQ(rules(Delivery::none), "");
}

TEST_F(IframeStream, HidesWhatWasCorrected) {
  Message old = sample::incoming("x");
  old.id = MessageId{3};
  old.replaced_by = MessageId{4};
  std::string out;
  append_message_rules(out, old, reader);
  EXPECT_EQ(out, "#m3{display:none}");
}

TEST_F(IframeStream, TellsARowByRules) {
  model.set_presence(bob, Show::away, "<lunch>");
  model.set_typing(bob, Typing::composing);
  std::string out;
  append_row_rules(out, bob, reader);
  EXPECT_EQ(out,
            "#c1{--d:var(--away);order:3}#c1 .p::after{content:\"away\"}#c1 .n{display:none}"
            "#c1 .n::after{content:\"0\"}#c1 .t{display:inline}");
}

// Names, texts and addresses of a contact that is out to forge something: rules hold none of it, bubbles hold it
// escaped.
TEST_F(IframeStream, PutsNothingOfAUserIntoRules) {
  const std::string evil = "</style><script>x</script>\"'};#own{display:none}/*";
  Conversation& row = sample::buddy(model, "evil@example.org", evil);
  model.set_presence(row, Show::online, evil);
  model.set_typing(row, Typing::composing);
  Message message = sample::outgoing(evil, Delivery::failed);
  message.author = evil;
  message.problem = Problem::forbidden;
  message.wire_id = evil;
  const Message* added = model.add_message(row, message);
  std::string rules;
  append_row_rules(rules, row, reader);
  append_header_rules(rules, row, reader);
  append_message_rules(rules, *added, reader);
  EXPECT_THAT(rules, Not(HasSubstr("script")));
  EXPECT_THAT(rules, Not(HasSubstr("<")));
  std::string out;
  Message incoming = sample::incoming(evil);
  incoming.author = evil;
  incoming.mention = true;
  append_bubble(out, *model.add_message(row, incoming), row, reader, true);
  EXPECT_THAT(out, Not(HasSubstr("<script")));
  EXPECT_THAT(out, Not(HasSubstr("</style")));
  EXPECT_THAT(out, HasSubstr("&lt;script&gt;"));
}

TEST_F(IframeStream, PutsTheNickOfANewcomerIntoAStringOfARule) {
  const Occupant occupant = sample::occupant("</style>\"}#own{x:'\\");
  std::string rules;
  append_newcomer_rules(rules, 0, &occupant);
  EXPECT_THAT(rules, HasSubstr("}#n0::after{content:\"\\3c \\2f style\\3e \\22 \\7d \\23 own\\7b x\\3a \\27 \\5c \"}"));
}

TEST_F(IframeStream, AlternatesTheKeepAlive) {
  std::string out;
  append_keep_alive(out, "abc", false);
  append_keep_alive(out, "abc", true);
  EXPECT_EQ(
      out,
      "<style nonce=\"abc\">#rc{animation-name:ka}</style>\n<style nonce=\"abc\">#rc{animation-name:kb}</style>\n");
}

TEST(ProblemWords, AreThereForEveryProblem) {
  const Catalogue& texts = catalogue("en");
  EXPECT_EQ(words(texts, Problem::none), "");
  EXPECT_EQ(words(texts, Problem::wrong_password), "Address or password is wrong.");
  EXPECT_EQ(words(texts, Problem::shutting_down), "This service is being restarted.");
  EXPECT_EQ(words(texts, Problem::service_unavailable), "It is not available.");
  EXPECT_EQ(words(texts, Problem::room_shut_down), "The service of the room was shut down.");
  for (auto i = static_cast<unsigned>(Problem::none) + 1; i <= static_cast<unsigned>(Problem::room_shut_down); ++i) {
    EXPECT_THAT(words(texts, static_cast<Problem>(i)), Not(HasSubstr("problem."))) << i;
  }
}

}  // namespace
}  // namespace webclient
