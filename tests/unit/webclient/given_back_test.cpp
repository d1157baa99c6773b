// Whoever wrote what nobody has read hears of it from us where no server answers for it: before its count begins, where
// it keeps none, and over a break of the stream. PROTOCOL U-060, X-050. What happens on one stream is in seen_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/webclient/play.hpp"

namespace {

using namespace std::chrono_literals;
using namespace webclient;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using tests::Play;

constexpr std::string_view ask = "<r xmlns='urn:xmpp:sm:3'/>";
constexpr std::string_view enabled = "<enabled xmlns='urn:xmpp:sm:3' id='resume-me' resume='true'/>";
constexpr std::string_view unmanaged =
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";
constexpr std::string_view hello =
    "<message from='romeo@example.net/orchard' type='chat' id='m1'><body>hello</body></message>";

std::string answer(int h) {
  return "<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(h) + "'/>\n";
}

auto an_error() {
  return AllOf(HasSubstr("to=\"romeo@example.net/orchard\""), HasSubstr("id=\"m1\""),
               HasSubstr("<recipient-unavailable "));
}

// Bound, before anything is said of XEP-0198.
void binds(Play& play, std::string_view features = tests::bound_features) {
  if (play.sent.empty()) play.does([](Client& client, auto now, auto& out) { client.start(now, out); });
  play.authenticates(features);
  if (play.sent.back().starts_with("<resume")) play.hears("<failed xmlns='urn:xmpp:sm:3'/>");
  play.answers("xmpp-bind", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>julia@example.org/web</jid></bind>");
}

void shows(Play& play) {
  play.does([&](Client& client, auto now, auto& out) {
    const auto romeo = play.row("romeo@example.net").id;
    client.mark_read(romeo, now, out);
    client.put_on(PageId::still, romeo);
    client.seen({client.mark(), romeo, PageId::still}, now, out);
  });
}

void comes_back(Play& play, std::string_view features = tests::bound_features) {
  play.closes();
  EXPECT_EQ(play.waits(1s), "[open]\n");
  binds(play, features);
}

std::string logs_out(Play& play) {
  return play.does([](Client& client, auto now, auto& out) { client.log_out(now, out); });
}

void passes(Play& play, int presences) {
  for (int i = 0; i < presences; ++i) play.hears("<presence from='tybalt@example.net/x'/>");
}

// ejabberd re-routes there what an earlier session did not get, and does not count it.
TEST(GivenBack, WhatCameBeforeTheCountBegan) {
  Play play;
  binds(play);
  play.hears(hello);
  play.hears(enabled);
  EXPECT_EQ(play.hears(ask), answer(0));
  EXPECT_THAT(logs_out(play), an_error());
}

TEST(GivenBack, WhatCameBeforeACountThatNeverBegan) {
  Play play;
  binds(play);
  play.hears(hello);
  comes_back(play);
  const auto said = logs_out(play);
  EXPECT_THAT(said, an_error());
  EXPECT_THAT(said, Not(HasSubstr("<a ")));  // it counts nothing yet
}

TEST(GivenBack, NotWhatCameBeforeTheCountBeganAndWasRead) {
  Play play;
  binds(play);
  play.hears(hello);
  play.hears(enabled);
  play.hears("<presence from='tybalt@example.net/x'/>");
  shows(play);
  EXPECT_EQ(play.hears(ask), answer(1));
  EXPECT_THAT(logs_out(play), Not(an_error()));
}

TEST(GivenBack, WhereTheServerKeepsNothing) {
  for (const bool refuses : {false, true}) {
    for (const bool read : {false, true}) {
      Play play;
      binds(play, refuses ? tests::bound_features : unmanaged);
      play.hears(hello);
      if (refuses) play.hears("<failed xmlns='urn:xmpp:sm:3'/>");
      if (read) shows(play);
      const auto said = logs_out(play);
      EXPECT_EQ(testing::Value(said, an_error()), !read) << refuses;
      EXPECT_THAT(said, Not(HasSubstr("<a ")));
    }
  }
}

// It was taken over on a stream that is gone; the new one takes the error.
TEST(GivenBack, OnALaterStream) {
  for (const auto features : {tests::bound_features, unmanaged}) {
    Play play;
    play.logs_in();
    play.hears(hello);
    passes(play, 400);
    comes_back(play, features);
    EXPECT_THAT(logs_out(play), an_error());
  }
}

TEST(GivenBack, NotWhatTheServerStillHadOfALostStream) {
  Play play;
  play.logs_in();
  play.hears(hello);
  passes(play, 399);
  comes_back(play);
  EXPECT_THAT(logs_out(play), Not(an_error()));
}

TEST(GivenBack, NotWhatWasReadOnALaterStream) {
  Play play;
  play.logs_in();
  play.hears(hello);
  passes(play, 400);
  comes_back(play);
  shows(play);
  EXPECT_THAT(logs_out(play), Not(an_error()));
}

// Where no stream is left there is nobody to say it to.
TEST(GivenBack, NothingWithoutAStream) {
  Play play;
  play.logs_in();
  play.hears(hello);
  passes(play, 400);
  play.closes();
  EXPECT_EQ(logs_out(play), "[end]\n");
}

// A page of before the break shows nothing of what came behind it.
TEST(GivenBack, APageOfAnEarlierStreamProvesNothing) {
  Play play;
  play.logs_in();
  passes(play, 5);
  const auto page = play.client->mark();
  comes_back(play);
  play.hears(enabled);
  play.hears(hello);
  const auto romeo = play.row("romeo@example.net").id;
  play.does([&](Client& client, auto now, auto& out) {
    client.mark_read(romeo, now, out);  // for another page, which is on its way
    client.put_on(page_of(xmpp::ConnectionRef{1}), romeo);
    client.seen({page, romeo, PageId::still}, now, out);
    client.seen({client.mark(), {}, PageId::none}, now, out);
  });
  EXPECT_EQ(play.hears(ask), answer(0));
}

// It passes for read, since a page shows it; whether that has arrived nobody knows.
void is_shown(Play& play) {
  play.does([&](Client& client, auto now, auto& out) {
    const auto romeo = play.row("romeo@example.net").id;
    client.mark_read(romeo, now, out);
    client.put_on(PageId::still, romeo);
  });
}

TEST(GivenBack, ACopyIsNoProof) {
  Play play;
  play.logs_in();
  play.hears(hello);
  passes(play, 400);
  is_shown(play);
  play.hears(hello);
  passes(play, 400);
  EXPECT_THAT(logs_out(play), an_error());
}

TEST(GivenBack, WhatTheServerSendsAgainOnTheNextStreamIsStillToBeProven) {
  Play play;
  play.logs_in();
  play.hears(hello);
  is_shown(play);
  comes_back(play);
  play.hears(enabled);
  play.hears(hello);
  play.does([&](Client& client, auto now, auto& out) { client.seen({client.mark(), {}, PageId::none}, now, out); });
  EXPECT_EQ(play.hears(ask), answer(0));
  shows(play);
  EXPECT_EQ(play.hears(ask), answer(1));
}

// Nobody will ever acknowledge it, so it is not kept.
TEST(GivenBack, AServerThatNoLongerOffersToCountIsBelieved) {
  Play play;
  play.logs_in();
  comes_back(play, unmanaged);
  for (int i = 0; i < 2000; ++i) {
    play.does([](Client& client, auto now, auto& out) {
      const auto chat = client.start_chat("romeo@example.net", now, out);
      ASSERT_EQ(client.send(chat.conversation, "x", now, out).problem, Problem::none);
    });
  }
  EXPECT_EQ(play.row("romeo@example.net").messages.back().delivery, Delivery::sent);
}

Bounds full_bounds() {
  Bounds bounds;
  bounds.all_text = 3 * (sizeof(Message) + 1);
  return bounds;
}

// One from Romeo that is older than all else where there is no more room: he is told at once.
void hears_one_too_old(Play& play) {
  play.logs_in();
  for (int i = 0; i < 3; ++i) {
    play.hears("<message from='p" + std::to_string(i) + "@example.net/x'><body>x</body></message>");
  }
  EXPECT_THAT(play.hears("<message from='romeo@example.net/orchard' type='chat' id='m1'><body>late</body><delay "
                         "xmlns='urn:xmpp:delay' from='example.org' stamp='2001-01-01T00:00:00Z'/></message>"),
              an_error());
}

// The error that somebody waits for is as much worth as a message of the reader's.
TEST(GivenBack, AnErrorThatWasOnItsWayIsSentAgain) {
  Play play(full_bounds());
  hears_one_too_old(play);
  const auto before = static_cast<std::ptrdiff_t>(play.sent.size());
  comes_back(play);
  play.sent.erase(play.sent.begin(), play.sent.begin() + before);
  EXPECT_THAT(play.sent, testing::Contains(an_error()));
}

// Beyond the limits, so that nothing of it is left but who wrote it.
TEST(GivenBack, WhatIsLeftOut) {
  Play play;
  play.logs_in();
  std::string many;
  for (int i = 0; i < 80; ++i) many += " a" + std::to_string(i) + "='x'";
  const auto told = play.hears("<message from='romeo@example.net/orchard' type='chat' id='m1'><body" + many +
                               ">hello</body></message>");
  EXPECT_THAT(
      told, AllOf(HasSubstr("to='romeo@example.net/orchard'"), HasSubstr("id='m1'"), HasSubstr("<policy-violation ")));
  EXPECT_THAT(play.hears("<iq from='romeo@example.net/orchard' type='get' id='m2'><query" + many + "/></iq>"),
              AllOf(HasSubstr("id='m2'"), HasSubstr("<policy-violation ")));
  EXPECT_EQ(play.hears("<presence from='romeo@example.net/orchard'><x" + many + "/></presence>"), "");
  // Not at any price: a thousand of them do not end the stream.
  for (int i = 0; i < 1200; ++i)
    play.hears("<message from='romeo@example.net/orchard' id='m'><body" + many + ">x</body></message>");
  EXPECT_EQ(play.waits(1s), "");
  EXPECT_EQ(play.model().account().link, LinkState::online);
}

// It is on no page, not even for a moment.
TEST(GivenBack, WhatTheModelCannotTake) {
  Play play(full_bounds());
  hears_one_too_old(play);
  EXPECT_TRUE(play.row("romeo@example.net").messages.empty());
}

}  // namespace
