// Endless pages: what is written when. PROTOCOL Z-001...Z-004, Z-010.
#include "webclient/push_engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/webclient/sample.hpp"

namespace webclient {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class PushEngineTest : public testing::Test {
 protected:
  PushEngineTest() { sample::account(model); }

  ChatModel model{Bounds{}};
  Conversation& bob = sample::buddy(model, "bob@example.org", "Bob");
  Conversation& carol = sample::buddy(model, "carol@example.org", "Carol");
  Reader reader = sample::reader();
  TokenFor token = [](std::string_view form) { return "token-of" + std::string(form); };
  View view{model, reader, token};
  Pages pages;
  PushEngine engine{PushPolicy{}};
  xmpp::Instant now{seconds(1000)};
  std::uint64_t last = 0;

  static std::string connection(std::uint64_t number) { return std::to_string(number); }

  // The first chunk of a new stream; further requests are numbered from 1.
  std::string open(ConversationId shown, const std::string& window = "w", std::size_t backlog = first_backlog) {
    StreamWish wish;
    wish.connection = xmpp::ConnectionRef{++last};
    wish.shown = shown;
    wish.spare = "spare" + std::to_string(last);
    wish.page.nonce = "N";
    wish.page.path = "/stream/" + (shown == ConversationId{} ? "" : name_of(shown));
    wish.page.window = window;
    wish.page.backlog = backlog;
    std::vector<Chunk> out;
    engine.open(wish, view, pages, now, out);
    others.assign(out.begin(), out.end() - 1);
    EXPECT_FALSE(out.back().last);
    engine.on_unsent(out.back().connection, 1);
    return out.back().bytes;
  }
  // Nothing leaves at once.
  std::string told(const std::vector<Chunk>& chunks) {
    std::string all;
    for (const auto& chunk : chunks) {
      engine.on_unsent(chunk.connection, chunk.bytes.size());
      all += "[" + std::to_string(static_cast<std::uint64_t>(chunk.connection)) + (chunk.last ? " last] " : "] ") +
             chunk.bytes;
    }
    return all;
  }
  // What a stream is given once everything before has left.
  std::string writable(std::uint64_t number) {
    engine.on_unsent(xmpp::ConnectionRef{number}, 0);
    return change();
  }
  std::string change() {
    std::vector<Chunk> out;
    engine.on_change(view, now, out);
    return told(out);
  }
  std::string time(xmpp::Duration step) {
    now += step;
    std::vector<Chunk> out;
    engine.on_change(view, now, out);
    return told(out);
  }
  std::vector<Chunk> others;
};

TEST_F(PushEngineTest, BeginsWithAllThereIs) {
  model.add_message(bob, sample::incoming("first <b>"));
  const std::string page = open(bob.id);
  EXPECT_THAT(page, testing::StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(page, HasSubstr("first &lt;b&gt;"));
  EXPECT_THAT(page, HasSubstr("<style nonce=\"N\">#own{"));
  EXPECT_THAT(page, HasSubstr("id=\"c1\" class=\"here\""));
  EXPECT_THAT(page, HasSubstr("token-of/logout"));
  EXPECT_THAT(page, Not(HasSubstr("</html>")));
}

TEST_F(PushEngineTest, AppendsWhatHappens) {
  open(bob.id);
  EXPECT_EQ(writable(1), "");
  model.add_message(bob, sample::incoming("hello"));
  const std::string chunk = change();
  EXPECT_THAT(chunk, testing::StartsWith("[1] <p class=\"day\">"));
  EXPECT_THAT(chunk, HasSubstr("hello</span>"));
  model.set_presence(carol, Show::do_not_disturb, "");
  EXPECT_EQ(change(), "");  // the chunk before is not out
  EXPECT_THAT(writable(1), HasSubstr("#c2{--d:var(--busy)"));
  EXPECT_EQ(writable(1), "");
}

TEST_F(PushEngineTest, ShowsWhoComesIntoARoomOnAnEmptyPlace) {
  Conversation& hall = sample::room(model, "hall@rooms.example.org", "");
  EXPECT_THAT(open(hall.id), HasSubstr("<li class=\"new\" id=\"n0\"><i class=\"d\"></i></li>"));
  writable(1);
  model.set_occupant(hall, sample::occupant("a \"nurse\"</style>"));
  const std::string came = change();
  EXPECT_THAT(came, HasSubstr("#n0{display:list-item;--d:var(--online)}#n0::after{content:\"a \\22 nurse"));
  EXPECT_THAT(came, Not(HasSubstr("</style>\"")));
  EXPECT_THAT(came, Not(HasSubstr("last")));
  Occupant nurse = sample::occupant("a \"nurse\"</style>");
  nurse.show = Show::away;
  model.set_occupant(hall, nurse);
  EXPECT_THAT(writable(1), HasSubstr("#n0{display:list-item;--d:var(--away)}"));
  model.remove_occupant(hall, nurse.resource);
  EXPECT_THAT(writable(1), HasSubstr("#n0{display:none}"));
  // No more than there are places: the next page has the others.
  for (std::size_t i = 0; i < places_for_newcomers; ++i) model.set_occupant(hall, sample::occupant(std::to_string(i)));
  const std::string many = writable(1);
  EXPECT_THAT(many, HasSubstr("#n11{display:list-item"));
  EXPECT_THAT(many, Not(HasSubstr("#n12")));
  writable(1);
  EXPECT_THAT(time(seconds(15)), HasSubstr("[1 last]"));
}

// Whoever reads further up loses the place with the page: what only rules or other pages show is no reason for that.
TEST_F(PushEngineTest, ShowsTheOwnPresenceWithoutANewPage) {
  open(bob.id);
  writable(1);
  auto account = model.account();
  account.show = Show::away;
  account.upload = true;
  account.room_service = "rooms.example.org";
  model.set_account(account, EventKind::own_changed);
  EXPECT_THAT(change(), testing::StartsWith("[1] <style nonce=\"N\">#own{--d:var(--away)}"));
  writable(1);
  EXPECT_EQ(time(seconds(10)), "");
}

TEST_F(PushEngineTest, ShowsAStatusSoonerToWhoReadsNoConversation) {
  open(ConversationId{}, "list");
  open(bob.id, "chat");
  writable(1);
  writable(2);
  model.set_presence(carol, Show::away, "at lunch");
  EXPECT_THAT(time(seconds(3)), testing::AllOf(HasSubstr("[1 last]"), Not(HasSubstr("[2 last]"))));
  writable(2);
  EXPECT_THAT(time(seconds(12)), HasSubstr("[2 last]"));
}

TEST_F(PushEngineTest, ShowsMessagesOfOthersOnlyAsUnread) {
  open(bob.id);
  writable(1);
  Message message = sample::incoming("secret of carol");
  message.unread = true;
  model.add_message(carol, message);
  const std::string chunk = change();
  EXPECT_THAT(chunk, Not(HasSubstr("secret")));
  EXPECT_THAT(chunk, HasSubstr("#c2 .n::after{content:\"1\"}"));
  // On a narrow screen the list is not in sight: its link counts for all of it.
  EXPECT_THAT(chunk, HasSubstr("#un{display:inline-block}#un::after{content:\"1\"}"));
  model.mark_read(carol);
  EXPECT_THAT(writable(1), HasSubstr("#un{display:none}"));
}

TEST_F(PushEngineTest, GivesASlowReaderTheNewestOnly) {
  open(bob.id);
  for (int i = 0; i < 1000; ++i) {
    model.set_presence(carol, i % 2 == 0 ? Show::away : Show::online, "");
    EXPECT_EQ(change(), "");
  }
  const std::string chunk = writable(1);
  EXPECT_EQ(chunk.find("#c2{"), chunk.rfind("#c2{")) << "one rule, not a thousand";
  EXPECT_THAT(chunk, HasSubstr("var(--online)"));
}

TEST_F(PushEngineTest, RenewsWhoIsTooFarBehind) {
  open(bob.id, "w", 100);
  for (std::size_t i = 0; i <= model.bounds().events; ++i) model.note(EventKind::presence_changed, carol.id);
  EXPECT_EQ(writable(1), "[1 last] <meta http-equiv=\"refresh\" content=\"0;url=/stream/" + name_of(bob.id) +
                             "?w=w&amp;n=100\"></section></div></div></main></div></body></html>\n")
      << "with as many messages as were asked for";
  EXPECT_EQ(engine.size(), 0u);
}

TEST_F(PushEngineTest, CutsWhatIsMuchIntoChunks) {
  open(bob.id);
  for (int i = 0; i < 20; ++i) model.add_message(bob, sample::incoming(std::string(10'000, 'x')));
  const std::string first = writable(1);
  EXPECT_LT(first.size(), 150'000u);
  std::size_t total = first.size();
  int chunks = 1;
  for (std::string next = writable(1); !next.empty(); next = writable(1)) {
    total += next.size();
    ++chunks;
  }
  EXPECT_GT(total, 200'000u);
  EXPECT_GE(chunks, 3);
}

TEST_F(PushEngineTest, GroupsMessagesByFifty) {
  for (int i = 0; i < 50; ++i) model.add_message(bob, sample::incoming("x"));
  const std::string page = open(bob.id);
  EXPECT_THAT(page, Not(HasSubstr("</section>")));
  writable(1);
  model.add_message(bob, sample::incoming("y"));
  EXPECT_THAT(change(), HasSubstr("</section><section>"));
  writable(1);
  model.add_message(bob, sample::incoming("z"));
  EXPECT_THAT(change(), Not(HasSubstr("</section>")));
}

TEST_F(PushEngineTest, KeepsAlive) {
  open(bob.id);
  EXPECT_EQ(engine.deadline(model.journal()), xmpp::never);
  writable(1);
  EXPECT_EQ(engine.deadline(model.journal()), now + seconds(15));
  EXPECT_EQ(time(seconds(14)), "");
  EXPECT_EQ(time(seconds(1)), "[1] <style nonce=\"N\">#rc{animation-name:kb}</style>\n");
  EXPECT_EQ(time(seconds(20)), "");  // the reader does not read: nothing piles up
  EXPECT_EQ(writable(1), "[1] <style nonce=\"N\">#rc{animation-name:ka}</style>\n");
}

TEST_F(PushEngineTest, RenewsAtAQuietMomentWhenThePageIsLong) {
  PushPolicy policy;
  policy.max_messages = 3;
  engine = PushEngine(policy);
  open(bob.id);
  for (int i = 0; i < 4; ++i) model.add_message(bob, sample::incoming("x"));
  EXPECT_THAT(writable(1), Not(HasSubstr("last")));
  writable(1);
  EXPECT_EQ(engine.deadline(model.journal()), now + seconds(3));
  EXPECT_EQ(time(seconds(2)), "");
  EXPECT_THAT(time(seconds(1)), testing::StartsWith("[1 last] "));
}

// Else it would be renewed for ever: it would begin with the same again.
TEST_F(PushEngineTest, DoesNotRenewAPageForWhatItBeginsWith) {
  for (int i = 0; i < 100; ++i) model.add_message(bob, sample::incoming(std::string(16 * 1024, '"')));
  EXPECT_GT(open(bob.id, "w", 100).size(), 2 * PushPolicy{}.max_bytes);
  EXPECT_THAT(writable(1), Not(HasSubstr("last")));
  EXPECT_THAT(time(PushPolicy{}.patience), Not(HasSubstr("last")));
}

TEST_F(PushEngineTest, RenewsAtOnceWhenThePageIsMuchTooLong) {
  PushPolicy policy;
  policy.max_messages = 2;
  engine = PushEngine(policy);
  open(bob.id);
  for (int i = 0; i < 5; ++i) model.add_message(bob, sample::incoming("x"));
  const std::string chunk = writable(1);
  EXPECT_THAT(chunk, testing::StartsWith("[1 last] "));
  EXPECT_THAT(chunk, HasSubstr("id=\"m5\"")) << "what had been read from the journal is shown before the end";
}

TEST_F(PushEngineTest, CountsRules) {
  PushPolicy policy;
  policy.max_rules = 10;
  engine = PushEngine(policy);
  open(bob.id);
  std::string all;
  for (int i = 0; i < 5 && all.find("last") == std::string::npos; ++i) {
    model.set_presence(carol, i % 2 == 0 ? Show::away : Show::online, "");
    all += writable(1);
  }
  EXPECT_THAT(all, HasSubstr("[1 last]"));
}

TEST_F(PushEngineTest, RenewsForANewRowButNotInARush) {
  open(bob.id);
  writable(1);
  sample::buddy(model, "dave@example.org", "Dave");
  EXPECT_EQ(change(), "");
  EXPECT_EQ(engine.deadline(model.journal()), now + seconds(1));
  EXPECT_THAT(time(seconds(1)), HasSubstr("[1 last]"));
}

TEST_F(PushEngineTest, RenewsForAStatusTextWhenItDisturbsNobody) {
  open(bob.id);
  writable(1);
  model.note(EventKind::status_changed, carol.id);
  change();
  EXPECT_EQ(engine.deadline(model.journal()), now + seconds(15));
  now += seconds(14);
  model.add_message(bob, sample::incoming("still talking"));
  change();
  writable(1);
  EXPECT_THAT(time(seconds(1)), Not(HasSubstr("last")));
  writable(1);
  EXPECT_THAT(time(seconds(2)), HasSubstr("[1 last]"));
}

TEST_F(PushEngineTest, EndsTheOldestOfTooManyAndSaysSo) {
  for (int i = 1; i <= 4; ++i) open(bob.id, "w" + std::to_string(i));
  EXPECT_THAT(others, IsEmpty());
  open(ConversationId{}, "w5");
  ASSERT_EQ(others.size(), 1u);
  EXPECT_EQ(others[0].connection, xmpp::ConnectionRef{1});
  EXPECT_TRUE(others[0].last);
  EXPECT_TRUE(engine.is_displaced("w1"));
  EXPECT_FALSE(engine.is_displaced("w2"));
  EXPECT_EQ(engine.size(), 4u);
}

TEST_F(PushEngineTest, TakesASecondRequestOfAWindowForItsReload) {
  for (int i = 1; i <= 4; ++i) open(bob.id, "w" + std::to_string(i));
  open(bob.id, "w3");
  ASSERT_EQ(others.size(), 1u);
  EXPECT_EQ(others[0].connection, xmpp::ConnectionRef{3});
  EXPECT_FALSE(engine.is_displaced("w3"));
  EXPECT_EQ(engine.size(), 4u);
}

// "Older messages" in a new tab: the old one is alive, and goes on as a window of its own.
TEST_F(PushEngineTest, ATabThatWasOpenedFromAnotherDoesNotFightIt) {
  open(bob.id, "w");
  open(bob.id, "w", 100);
  ASSERT_EQ(others.size(), 1u);
  EXPECT_THAT(others[0].bytes,
              testing::StartsWith("<meta http-equiv=\"refresh\" content=\"0;url=/stream/c1?w=spare2\">"));
  open(bob.id, "spare2");
  EXPECT_THAT(others, IsEmpty());
  EXPECT_EQ(engine.size(), 2u);
  // Each goes on under its own name.
  for (const char* window : {"w", "spare2"}) EXPECT_FALSE(engine.is_displaced(window));
  open(bob.id, "w", 100);
  ASSERT_EQ(others.size(), 1u);
  EXPECT_EQ(others[0].connection, xmpp::ConnectionRef{2});
  EXPECT_THAT(others[0].bytes, HasSubstr("url=/stream/c1?w=spare4&amp;n=100\">"));
}

TEST_F(PushEngineTest, TellsWhatIsLookedAt) {
  open(ConversationId{}, "a");
  open(carol.id, "b");
  EXPECT_THAT(engine.shown(), IsEmpty()) << "the page has not left";
  writable(2);
  EXPECT_THAT(engine.shown(), testing::ElementsAre(carol.id));
  engine.on_gone(xmpp::ConnectionRef{2});
  EXPECT_THAT(engine.shown(), IsEmpty());
}

TEST_F(PushEngineTest, EndsWithTheSession) {
  open(bob.id);
  writable(1);
  Account account = model.account();
  account.link = LinkState::ended;
  model.set_account(account, EventKind::link_changed);
  EXPECT_THAT(change(), testing::StartsWith("[1 last] <meta http-equiv=\"refresh\""));
}

TEST_F(PushEngineTest, LeavesTheReturnToTheHeaderWhenTheGatewayStops) {
  open(bob.id);
  writable(1);
  Account account = model.account();
  account.link = LinkState::ended;
  account.problem = Problem::shutting_down;
  model.set_account(account, EventKind::link_changed);
  const std::string end = change();
  EXPECT_THAT(end, testing::StartsWith("[1 last] </section>"));
  EXPECT_THAT(end, HasSubstr("<p class=\"stop\" role=\"status\">The chat is being restarted."));
}

TEST_F(PushEngineTest, ShowsThatTheServerIsAway) {
  open(bob.id);
  writable(1);
  Account account = model.account();
  account.link = LinkState::reconnecting;
  model.set_account(account, EventKind::link_changed);
  EXPECT_THAT(change(), HasSubstr("#down{display:block}"));
  writable(1);
  account.link = LinkState::online;
  model.set_account(account, EventKind::link_changed);
  EXPECT_THAT(change(), HasSubstr("#down{display:none}"));
}

// Five thousand events in one stream: the page stays within its bounds and nothing is said twice.
TEST_F(PushEngineTest, CarriesFiveThousandEvents) {
  open(bob.id);
  writable(1);
  std::size_t renewals = 0;
  for (int i = 0; i < 5000; ++i) {
    model.set_presence(carol, i % 2 == 0 ? Show::away : Show::online, "");
    const std::string chunk = writable(last);
    if (chunk.find(" last]") == std::string::npos) continue;
    ++renewals;
    open(bob.id);
    writable(last);
  }
  EXPECT_GE(renewals, 1u);
  EXPECT_LE(renewals, 6u);
}

}  // namespace
}  // namespace webclient
