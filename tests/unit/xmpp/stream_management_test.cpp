// The counters of XEP-0198 by themselves; what the session puts on the wire is in session_management_test.cpp.
#include "xmpp/stream_management.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace std::chrono_literals;
using xmpp::Instant;
using xmpp::ManagementPolicy;
using xmpp::Notices;
using xmpp::Stanza;
using xmpp::StanzaKind;
using xmpp::StreamManagement;

struct Counters {
  explicit Counters(std::uint32_t max = 200, std::uint64_t counted = 0) {
    policy.max_unacknowledged = max;
    management.emplace(policy, now, counted);
    management->enabled(0);
  }
  void message(int n) {
    const std::string bytes = "<message xmlns='jabber:client' from='b@x' id='" + std::to_string(n) + "'/>";
    management->delivered(Stanza{bytes, StanzaKind::message}, arena);
  }
  void messages(int from, int to) {
    for (int n = from; n <= to; ++n) message(n);
  }
  void send(const std::string& stanza = "<message to='b@x' id='s'/>") { management->sent(stanza, now, arena); }
  int ours() const {
    int n = 0;
    management->for_each_of_ours([&](std::string_view) { ++n; });
    return n;
  }
  int lost() const {
    int n = 0;
    management->for_each_lost([&](std::string_view) { ++n; });
    return n;
  }

  ManagementPolicy policy;
  xmpp::Arena arena;
  Instant now{1000s};
  std::optional<StreamManagement> management;
};

// U-052, U-060: only what the client has proven.
TEST(StreamManagement, AcknowledgesWhatIsProven) {
  Counters c;
  EXPECT_EQ(c.management->acknowledge(c.now), 0U);
  c.messages(1, 5);
  EXPECT_EQ(c.management->acknowledge(c.now), 0U);
  c.management->received(3, c.now);
  EXPECT_TRUE(c.management->has_news());
  EXPECT_EQ(c.management->acknowledge(c.now), 3U);
  EXPECT_FALSE(c.management->has_news());
  c.management->received(2, c.now);
  EXPECT_EQ(c.management->acknowledge(c.now), 3U) << "never less than before";
  c.management->received(99, c.now);
  EXPECT_EQ(c.management->acknowledge(c.now), 5U) << "never more than was delivered (U-064)";
}

// U-051: what came before <enabled/> is not counted.
TEST(StreamManagement, CountsFromEnabled) {
  Counters c;
  c.management->enabled(7);
  EXPECT_FALSE(c.management->answers_for(7));
  EXPECT_TRUE(c.management->answers_for(8));
  c.messages(1, 2);
  c.management->received(7, c.now);
  EXPECT_EQ(c.management->acknowledge(c.now), 0U);
  c.management->received(8, c.now);
  EXPECT_EQ(c.management->acknowledge(c.now), 1U);
}

// What nobody misses needs no proof; but the count cannot jump over what somebody does.
TEST(StreamManagement, PassesOverPresenceAndResults) {
  Counters c;
  const auto deliver = [&](StanzaKind kind, xmpp::StanzaType type) {
    c.management->delivered(Stanza{"<x xmlns='jabber:client' from='b@x' id='1'/>", kind, type}, c.arena);
    return c.management->acknowledge(c.now);
  };
  EXPECT_EQ(deliver(StanzaKind::presence, xmpp::StanzaType::none), 1U);
  EXPECT_EQ(deliver(StanzaKind::iq, xmpp::StanzaType::result), 2U);
  EXPECT_EQ(deliver(StanzaKind::iq, xmpp::StanzaType::error), 3U);
  EXPECT_EQ(deliver(StanzaKind::message, xmpp::StanzaType::groupchat), 3U) << "though there is no error for it";
  EXPECT_EQ(deliver(StanzaKind::presence, xmpp::StanzaType::unavailable), 3U);
  EXPECT_EQ(deliver(StanzaKind::iq, xmpp::StanzaType::get), 3U);
  EXPECT_EQ(deliver(StanzaKind::presence, xmpp::StanzaType::none), 3U);
  c.management->received(4, c.now);
  EXPECT_EQ(c.management->acknowledge(c.now), 5U);
  c.management->received(6, c.now);
  EXPECT_EQ(c.management->acknowledge(c.now), 7U);
  EXPECT_EQ(c.ours(), 0);
}

// A proof is told by itself, if nothing else takes it along, after a second.
TEST(StreamManagement, TellsAProofThatNobodyAsksFor) {
  Counters c;
  c.messages(1, 3);
  EXPECT_EQ(c.management->deadline(), xmpp::never);
  c.management->received(1, c.now);
  EXPECT_EQ(c.management->deadline(), c.now + 1s);
  c.management->received(2, c.now + 500ms);
  EXPECT_EQ(c.management->deadline(), c.now + 1s) << "later ones do not put it off";
  EXPECT_EQ(c.management->acknowledge(c.now), 2U);
  EXPECT_EQ(c.management->deadline(), xmpp::never);
}

// The server's queue has a limit: the oldest become ours, half a limit at a time.
TEST(StreamManagement, TakesTheOldestAboveTheLimit) {
  Counters c(10);
  c.messages(1, 10);
  EXPECT_FALSE(c.management->must_acknowledge());
  EXPECT_EQ(c.ours(), 0);
  c.message(11);
  EXPECT_TRUE(c.management->must_acknowledge());
  EXPECT_EQ(c.management->acknowledge(c.now), 6U);
  EXPECT_FALSE(c.management->must_acknowledge());
  EXPECT_EQ(c.ours(), 6) << "theirs to be told if the session ends now";
  c.management->received(4, c.now);
  EXPECT_EQ(c.ours(), 2);
  EXPECT_EQ(c.management->acknowledge(c.now), 6U);
  c.management->received(11, c.now);
  EXPECT_EQ(c.ours(), 0);
  EXPECT_EQ(c.management->acknowledge(c.now), 11U);
}

// What is proven already and was not yet told makes room first.
TEST(StreamManagement, TakesNothingThatAProofCovers) {
  Counters c(10);
  c.messages(1, 10);
  c.management->received(8, c.now);
  c.message(11);
  EXPECT_TRUE(c.management->must_acknowledge());
  EXPECT_EQ(c.management->acknowledge(c.now), 8U);
  EXPECT_EQ(c.ours(), 0);
}

// Errors that would take too much memory are not kept; those stanzas stay the server's whatever it does.
TEST(StreamManagement, TakesNoMoreThanItCanAnswerFor) {
  Counters c(10);
  const std::string stanza = "<message xmlns='jabber:client' from='b@x' id='" + std::string(100'000, 'x') + "'/>";
  for (int i = 0; i < 30; ++i) c.management->delivered(Stanza{stanza, StanzaKind::message}, c.arena);
  EXPECT_EQ(c.management->acknowledge(c.now), 10U) << "1 MiB of errors";
  EXPECT_EQ(c.ours(), 10);
  c.management->received(30, c.now);
  EXPECT_EQ(c.management->acknowledge(c.now), 30U);
  for (int i = 0; i < 11; ++i) c.message(i);
  EXPECT_EQ(c.management->acknowledge(c.now), 36U) << "and again";
}

// A proof that reaches behind the first of those says nothing of the others.
TEST(StreamManagement, TakesNothingBetweenWhatItCannotAnswerFor) {
  const std::string stanza = "<message xmlns='jabber:client' from='b@x' id='" + std::string(100'000, 'x') + "'/>";
  const auto fill = [&](Counters& c) {
    for (int i = 0; i < 12; ++i) c.management->delivered(Stanza{stanza, StanzaKind::message}, c.arena);
    c.message(13);
    c.management->received(11, c.now);
  };
  Counters c(10);
  fill(c);
  EXPECT_EQ(c.management->acknowledge(c.now), 11U);
  c.messages(14, 40);
  EXPECT_EQ(c.management->acknowledge(c.now), 11U) << "nor is anything ours, however much there is";
  EXPECT_EQ(c.ours(), 0);
  c.management->received(12, c.now);
  EXPECT_EQ(c.management->acknowledge(c.now), 35U);
  EXPECT_EQ(c.ours(), 23);
  Counters wide(100);
  fill(wide);
  wide.management->received(12, wide.now);
  EXPECT_EQ(wide.management->acknowledge(wide.now), 12U) << "the one behind is proven by nothing";
}

// One error that is too large must not leave an empty list behind that is read.
TEST(StreamManagement, DoesNotKeepAnErrorOfAnySize) {
  Counters c;
  const std::string huge = "<message xmlns='jabber:client' from='b@x' id='" + std::string(1024 * 1024, 'i') + "'/>";
  c.management->delivered(Stanza{huge, StanzaKind::message}, c.arena);
  EXPECT_FALSE(c.management->has_news());
  c.management->received(1, c.now);
  EXPECT_EQ(c.management->acknowledge(c.now), 1U);
  c.management.emplace(c.policy, c.now);
  c.management->delivered_uncounted(Stanza{huge, StanzaKind::message}, 1, c.arena);
  EXPECT_FALSE(c.management->answers_for(1));
  EXPECT_EQ(c.ours(), 0);
}

// Nor one of those that nobody counts; but when the client has had them there is room again.
TEST(StreamManagement, KeepsErrorsAgainWhereThereIsRoom) {
  Counters c;
  c.management.emplace(c.policy, c.now);
  const std::string large = "<message xmlns='jabber:client' from='b@x' id='" + std::string(600'000, 'i') + "'/>";
  for (std::uint64_t n = 1; n <= 3; ++n) {
    c.management->delivered_uncounted(Stanza{large, StanzaKind::message}, n, c.arena);
    EXPECT_EQ(c.management->answers_for(n), n == 1);
  }
  c.management->received(1, c.now);
  c.management->delivered_uncounted(Stanza{large, StanzaKind::message}, 4, c.arena);
  EXPECT_FALSE(c.management->answers_for(3));
  EXPECT_TRUE(c.management->answers_for(4));
}

// What has nobody to be told takes memory as well.
TEST(StreamManagement, CountsWhatItKeepsOfErrorsThatAreEmpty) {
  Counters c;
  const Stanza nobody{"<message type='groupchat'/>", StanzaKind::message, xmpp::StanzaType::groupchat};
  for (int i = 0; i < 1000; ++i) c.management->delivered(nobody, c.arena);
  EXPECT_GE(c.management->kept_bytes(), 16'000U);
  for (int i = 0; i < 200'000; ++i) c.management->delivered(nobody, c.arena);
  EXPECT_LE(c.management->kept_bytes(), 1024U * 1024U);
}

// U-051: modulo 2^32, both ways.
TEST(StreamManagement, CountsModulo) {
  constexpr std::uint64_t turn = std::uint64_t{1} << 32U;
  Counters c(10, turn - 2);
  c.messages(1, 4);
  c.management->received(turn + 1, c.now);
  EXPECT_EQ(c.management->acknowledge(c.now), 1U);
  for (int i = 0; i < 4; ++i) c.send();
  EXPECT_TRUE(c.management->acknowledged(4294967295U));
  EXPECT_EQ(c.lost(), 3);
  EXPECT_TRUE(c.management->acknowledged(1U));
  EXPECT_EQ(c.lost(), 1);
  EXPECT_FALSE(c.management->acknowledged(3U));
}

// U-064, and a count that goes back.
TEST(StreamManagement, DoesNotBelieveMoreThanWasSent) {
  Counters c;
  EXPECT_TRUE(c.management->acknowledged(0));
  EXPECT_FALSE(c.management->acknowledged(1));
  c.send();
  c.send();
  EXPECT_TRUE(c.management->acknowledged(2));
  EXPECT_TRUE(c.management->acknowledged(2));
  EXPECT_FALSE(c.management->acknowledged(1));
  EXPECT_FALSE(c.management->acknowledged(4000000000U));
}

TEST(StreamManagement, KnowsWhatWouldBeLost) {
  Counters c;
  c.send("<presence/>");
  c.send("<message to='b@x' id='m1'/>");
  c.send("<iq type='result' id='i1'/>");
  c.send("<iq type='get' id='i2'/>");
  EXPECT_EQ(c.lost(), 2);
  EXPECT_TRUE(c.management->acknowledged(2));
  EXPECT_EQ(c.lost(), 1);
  EXPECT_TRUE(c.management->acknowledged(4));
  EXPECT_EQ(c.lost(), 0);
}

// The server is asked after ten stanzas or two seconds, and not again before it has answered.
TEST(StreamManagement, Asks) {
  Counters c;
  EXPECT_FALSE(c.management->must_ask(c.now));
  c.send();
  EXPECT_FALSE(c.management->must_ask(c.now));
  EXPECT_EQ(c.management->deadline(), c.now + 2s);
  EXPECT_TRUE(c.management->must_ask(c.now + 2s));
  for (int i = 0; i < 9; ++i) c.send();
  EXPECT_TRUE(c.management->must_ask(c.now));
  c.management->ask(c.now);
  for (int i = 0; i < 20; ++i) c.send();
  EXPECT_FALSE(c.management->must_ask(c.now + 10s));
  EXPECT_TRUE(c.management->acknowledged(10));
  EXPECT_TRUE(c.management->must_ask(c.now));
}

// U-066.
TEST(StreamManagement, NoticesADeadServer) {
  Counters c;
  c.send();
  c.management->ask(c.now);
  EXPECT_FALSE(c.management->is_dead(c.now + 59s));
  EXPECT_TRUE(c.management->is_dead(c.now + 60s));
  c.management->heard(c.now + 30s);
  EXPECT_FALSE(c.management->is_dead(c.now + 60s)) << "it speaks";
  EXPECT_TRUE(c.management->is_dead(c.now + 90s));
  c.management->reading(false, c.now + 80s);
  EXPECT_FALSE(c.management->is_dead(c.now + 900s)) << "it is we who do not listen";
  c.management->reading(true, c.now + 900s);
  EXPECT_FALSE(c.management->is_dead(c.now + 959s));
  EXPECT_TRUE(c.management->is_dead(c.now + 960s));
  EXPECT_TRUE(c.management->acknowledged(1));
  EXPECT_FALSE(c.management->is_dead(c.now + 9000s));
  c.policy.answer_timeout = 0s;
  c.management->ask(c.now);
  EXPECT_FALSE(c.management->is_dead(c.now + 9000s));
}

TEST(Notices, KeepOrderWhateverIsDropped) {
  Notices notices;
  std::string expected;
  std::uint64_t dropped = 0;
  for (std::uint64_t n = 1; n <= 300; ++n) {
    notices.push(n, std::to_string(n) + ";");
    expected += std::to_string(n) + ";";
    if (n % 3 != 0) continue;
    notices.drop_up_to(++dropped);
    expected.erase(0, expected.find(';') + 1);
    ASSERT_GT(notices.bytes(), expected.size());
    std::string joined, first;
    notices.for_each(0, n, [&](std::string_view one) { joined += one; });
    ASSERT_EQ(joined, expected);
    notices.for_each(dropped + 1, dropped + 2, [&](std::string_view one) { first += one; });
    ASSERT_EQ(first, std::to_string(dropped + 2) + ";");
    notices.for_each(0, dropped, [&](std::string_view one) { FAIL() << one; });
  }
  notices.drop_up_to(300);
  EXPECT_TRUE(notices.empty());
  EXPECT_EQ(notices.bytes(), 0U);
}

}  // namespace
