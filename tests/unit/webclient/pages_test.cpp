// The pages as whole documents: complete, light, and proof against what contacts write. PROTOCOL Z-005, Z-007.
#include "webclient/pages.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "tests/unit/webclient/sample.hpp"
#include "webclient/embedded.hpp"
#include "webclient/form.hpp"

namespace webclient {
namespace {

using testing::HasSubstr;
using testing::Not;

std::ptrdiff_t count(const std::string& text, const std::string& pattern) {
  const std::regex what(pattern);
  return std::distance(std::sregex_iterator(text.begin(), text.end(), what), std::sregex_iterator());
}

class PagesTest : public testing::Test {
 protected:
  PagesTest() { sample::account(model); }

  ChatModel model{Bounds{}};
  Reader reader = sample::reader();
  TokenFor token = [](std::string_view form) { return "token-of" + std::string(form); };
  View view{model, reader, token};
  Pages pages;

  // Every page there is, of this model.
  std::vector<std::pair<std::string, std::string>> all(const Conversation& person, const Conversation& room) {
    StreamPage stream{"N", "/stream/c1", "x", 50};
    LoginPage login;
    login.guests = true;
    login.message = "m";
    ComposePage compose;
    compose.edit = MessageId{1};
    const std::string kept = "a</textarea>\"'><script>";
    NoticePage notice{"t", "m", "/", "l", "_top", 2, true, false, kept};
    return {
        {"login", pages.login(login, *reader.texts)},
        {"notice", pages.notice(notice, *reader.texts)},
        {"app list", pages.app(nullptr, "", "w", 0, reader)},
        {"app", pages.app(&person, name_of(person.id), "w", 3, reader)},
        {"stream list", pages.stream(stream, view, nullptr)},
        {"stream", pages.stream(stream, view, &person)},
        {"stream room", pages.stream(stream, view, &room)},
        {"compose", pages.compose(compose, view, person)},
        {"compose gone", pages.notice({"t", "m", "/login", "l", "_top", 0, true, true, kept}, *reader.texts)},
        {"file", pages.file({"m", "o", 1000, kept}, view, person)},
        {"plain list", pages.plain_list(view)},
        {"plain", pages.plain(compose, 30, view, person)},
        {"plain room", pages.plain(compose, 30, view, room)},
        {"contact add", pages.contact_add(view, "m", "a", "n", "g")},
        {"contact", pages.contact(view, person, "m")},
        {"room join", pages.room_join(view, "m", "a", "n")},
        {"room", pages.room(view, room, "m", {})},
        {"room invitation", pages.room(view, room, "m", {"o", "<i slot=x class=d>", "\"><script>"})},
        {"settings", pages.settings(view, "m", sample::noon)},
    };
  }
};

TEST_F(PagesTest, AreLightAndHoldNothingFromElsewhere) {
  Conversation& bob = sample::buddy(model, "bob@example.org", "Bob");
  Conversation& room = sample::room(model, "team@rooms.example.org", "Plans");
  const std::size_t sheet = find_asset(pages.templates().stylesheet(), pages.templates().stylesheet()).content.size();
  EXPECT_GT(sheet, 1000u);
  for (const auto& language : catalogues()) {
    reader.texts = &language;
    for (const auto& [name, page] : all(bob, room)) {
      EXPECT_LT(page.size() + sheet, 30'000u) << name;
      EXPECT_THAT(page, Not(HasSubstr("<script"))) << name;
      EXPECT_THAT(page, Not(HasSubstr(" style="))) << name;
      EXPECT_THAT(page, Not(HasSubstr("http://"))) << name;
      EXPECT_THAT(page, Not(HasSubstr("https://"))) << name;
      EXPECT_THAT(page, Not(HasSubstr("[["))) << name;
      EXPECT_THAT(page, Not(HasSubstr("{{"))) << name;
      EXPECT_THAT(page, HasSubstr("lang=\"" + language.tag() + "\"")) << name;
      EXPECT_THAT(page, HasSubstr("dir=\"" + std::string(language.text("language.dir")) + "\">")) << name;
    }
  }
  EXPECT_EQ(embedded("assets/chat.css").find("url("), std::string_view::npos);
  EXPECT_EQ(embedded("assets/chat.css").find("@import"), std::string_view::npos);
}

TEST_F(PagesTest, CarryATokenInEveryForm) {
  Conversation& bob = sample::buddy(model, "bob@example.org", "Bob");
  model.set_asks(bob, "please");
  Conversation& room = sample::room(model, "team@rooms.example.org", "Plans");
  const std::regex form("<form[^>]* method=\"post\" action=\"([^\"#]*)(?:#t)?\"[^>]*>([\\s\\S]*?)</form>");
  const std::regex token_field("name=\"token\" value=\"([^\"]*)\"");
  for (const auto& [name, page] : all(bob, room)) {
    const auto forms = count(page, "<form");
    std::ptrdiff_t seen = 0;
    for (std::sregex_iterator at(page.begin(), page.end(), form), end; at != end; ++at) {
      ++seen;
      const std::string inside = (*at)[2];
      std::smatch found;
      ASSERT_TRUE(std::regex_search(inside, found, token_field)) << name << ": " << (*at)[1];
      if (name == "login") continue;
      EXPECT_EQ(found[1], "token-of" + std::string((*at)[1])) << name;
    }
    EXPECT_EQ(seen, forms) << name;
  }
}

// Names, nicks, statuses, subjects, groups and messages that try to be markup, to end a template or to begin another.
TEST_F(PagesTest, EscapeEverythingThatUsersWrite) {
  const std::string evil = "\"'><script>alert(1)</script><i slot=x class=d>{{{rules}}}{{#rows}}[[nav.add]]</style>";
  Conversation& row = sample::buddy(model, "evil@example.org", evil, evil);
  model.set_presence(row, Show::online, evil);
  model.set_asks(row, evil);
  Conversation& room = sample::room(model, "evil@rooms.example.org", evil);
  model.set_occupant(room, sample::occupant(evil));
  room.room->state = RoomState::outside;
  room.room->nick = evil;
  room.room->invitation = Invitation{evil, evil, evil, evil};
  for (Conversation* in : {&row, &room}) {
    Message message = sample::incoming(evil);
    message.author = evil;
    model.add_message(*in, message);
    for (const Notice notice : {Notice::subject, Notice::nick_changed, Notice::kicked, Notice::banned, Notice::invited,
                                Notice::has_invited, Notice::not_invited, Notice::declined}) {
      message.direction = Direction::notice;
      message.notice = notice;
      model.add_message(*in, message);
    }
  }
  for (const auto& [name, page] : all(row, room)) {
    EXPECT_THAT(page, Not(HasSubstr("<script"))) << name;
    EXPECT_THAT(page, Not(HasSubstr("slot=x class=d>"))) << name;
    EXPECT_THAT(page, Not(HasSubstr("<i slot"))) << name;
    const auto styles = count(page, "</style>");
    EXPECT_EQ(styles, name.starts_with("stream") ? 1 : 0) << name;
  }
}

TEST_F(PagesTest, UseUnescapedValuesOnlyForWhatIsMadeHere) {
  const std::set<std::string> made_here{"rules", "bubbles"};
  const std::regex raw("\\{\\{\\{([a-z_]+)\\}\\}\\}|\\{\\{&");
  int seen = 0;
  for (const auto& file : embedded_files()) {
    const std::string text(file.content);
    for (std::sregex_iterator at(text.begin(), text.end(), raw), end; at != end; ++at, ++seen) {
      EXPECT_TRUE(made_here.contains((*at)[1])) << file.name;
    }
  }
  EXPECT_EQ(seen, 2);
}

TEST_F(PagesTest, PutEveryPathBelowTheTokenOfASessionWithoutCookie) {
  Conversation& bob = sample::buddy(model, "bob@example.org", "Bob");
  Conversation& room = sample::room(model, "team@rooms.example.org", "Plans");
  model.add_message(bob, sample::outgoing("x"));
  reader.base = "/s/TOKEN";
  const std::regex path("(?:href|action|src)=\"(/[^\"]*)\"");
  for (const auto& [name, page] : all(bob, room)) {
    if (name == "login" || name == "notice" || name == "compose gone") continue;
    for (std::sregex_iterator at(page.begin(), page.end(), path), end; at != end; ++at) {
      const std::string target = (*at)[1];
      const bool own =
          target.starts_with("/s/TOKEN/") || target.starts_with("/assets/") || target.starts_with("/stream/c1?");
      EXPECT_TRUE(own) << name << ": " << target;
    }
  }
}

TEST_F(PagesTest, OfferFilesWhereTheServerTakesThem) {
  Conversation& bob = sample::buddy(model, "bob@example.org", "Bob");
  EXPECT_THAT(pages.compose({}, view, bob), Not(HasSubstr("value=\"file\"")));
  Account account = model.account();
  account.upload = true;
  model.set_account(std::move(account), EventKind::own_changed);
  EXPECT_THAT(pages.compose({}, view, bob), HasSubstr("value=\"file\""));
  EXPECT_THAT(pages.plain({}, 30, view, bob), HasSubstr("href=\"/file/c1\""));
  const std::pair<std::uint64_t, const char*> sizes[] = {
      {1, ">At most 1\u00a0B.<"}, {2047, ">At most 1\u00a0kB.<"}, {100 << 20, ">At most 100\u00a0MB.<"}};
  for (const auto& [limit, text] : sizes) EXPECT_THAT(pages.file({"", "o", limit}, view, bob), HasSubstr(text));
  EXPECT_THAT(pages.file({"", "o", 0}, view, bob), Not(HasSubstr("At most")));
  const std::string framed = pages.file({"", "o", 0}, view, bob);
  EXPECT_THAT(framed, HasSubstr("enctype=\"multipart/form-data\""));
  // The file comes last: its size is reckoned from the length of the whole.
  EXPECT_LT(framed.find("name=\"token\""), framed.find("type=\"file\""));
  EXPECT_LT(framed.find("name=\"once\""), framed.find("type=\"file\""));
}

TEST_F(PagesTest, LetOccupantsOfARoomDoWhatTheyMay) {
  Conversation& room = sample::room(model, "team@rooms.example.org", "Plans");
  std::string page = pages.room(view, room, "", {});
  EXPECT_THAT(page, HasSubstr("name=\"do\" value=\"subject\""));
  EXPECT_THAT(page, HasSubstr("name=\"do\" value=\"nick\""));
  EXPECT_THAT(page, HasSubstr("value=\"Plans\""));
  EXPECT_THAT(page, Not(HasSubstr("role=\"alert\"")));
  room.room->problem = Problem::conflict;
  const std::string live = pages.stream({"N", "/stream/c1", "x", 50}, view, &room);
  EXPECT_THAT(live, HasSubstr("role=\"alert\">Somebody with this name is already there."));
  room.room->state = RoomState::outside;
  page = pages.room(view, room, "", {});
  EXPECT_THAT(page, Not(HasSubstr("value=\"subject\"")));
  EXPECT_THAT(page, Not(HasSubstr("value=\"decline\"")));
  room.room->invitation = Invitation{"bob@example.org", "bob@example.org", "come & see", ""};
  page = pages.room(view, room, "", {});
  EXPECT_THAT(page, HasSubstr("value=\"decline\""));
  EXPECT_THAT(page, HasSubstr("bob@example.org invites you to team@rooms.example.org. come &amp; see"));
}

// The answer of the room is in its conversation; a form that was wrong keeps what was typed.
TEST_F(PagesTest, InviteToARoom) {
  sample::buddy(model, "bob@example.org", "Bob & Sons");
  Conversation& room = sample::room(model, "team@rooms.example.org", "Plans");
  const std::string page = pages.room(view, room, "", {"form-1", "carol@", "come & see"});
  EXPECT_THAT(page, HasSubstr("name=\"do\" value=\"invite\""));
  EXPECT_THAT(page, HasSubstr("value=\"carol@\""));
  EXPECT_THAT(page, HasSubstr("name=\"once\" value=\"form-1\""));
  EXPECT_THAT(page, HasSubstr("value=\"come &amp; see\""));
  EXPECT_THAT(page, HasSubstr("<option value=\"bob@example.org\">Bob &amp; Sons</option>"));
  Message message;
  message.direction = Direction::notice;
  message.author = "carol@example.org";
  message.notice = Notice::has_invited;
  message.text = "come & see";
  model.add_message(room, message);
  message.notice = Notice::not_invited;
  message.problem = Problem::forbidden;
  model.add_message(room, message);
  message.notice = Notice::declined;
  message.text = "no <time>";
  model.add_message(room, message);
  const std::string live = pages.stream({"N", "/stream/c1", "x", 50}, view, &room);
  EXPECT_THAT(live, HasSubstr("You have invited carol@example.org. come &amp; see"));
  EXPECT_THAT(live, HasSubstr("carol@example.org was not invited. You are not allowed to do this."));
  EXPECT_THAT(live, HasSubstr("carol@example.org does not want to come. no &lt;time&gt;"));
  room.room->state = RoomState::outside;
  EXPECT_THAT(pages.room(view, room, "", {}), Not(HasSubstr("value=\"invite\"")));
  // A long list does not make the page long.
  for (int i = 0; i < 500; ++i) sample::buddy(model, "b" + std::to_string(i) + "@example.org", "B");
  room.room->state = RoomState::joined;
  EXPECT_EQ(count(pages.room(view, room, "", {}), "<option"), 50);
}

// Enter presses the first button of a form: the message is sent by it, and by no other.
TEST_F(PagesTest, SendByTheFirstButtonOfAFormForMessages) {
  Conversation& bob = sample::buddy(model, "bob@example.org", "Bob");
  Account account = model.account();
  account.upload = true;
  model.set_account(std::move(account), EventKind::own_changed);
  const std::regex button("<button([^>]*)>");
  for (const bool lines : {false, true}) {
    ComposePage page;
    page.lines = lines;
    page.text = "a\nb";
    const std::string text = pages.compose(page, view, bob);
    std::vector<std::string> buttons;
    for (std::sregex_iterator at(text.begin(), text.end(), button), end; at != end; ++at) buttons.push_back((*at)[1]);
    ASSERT_EQ(buttons.size(), 3u);
    EXPECT_EQ(buttons[0], " type=\"submit\"");
    EXPECT_THAT(buttons[1], HasSubstr(lines ? "name=\"do\" value=\"line\"" : "name=\"do\" value=\"lines\""));
    EXPECT_THAT(buttons[2], HasSubstr("name=\"do\" value=\"file\""));
    EXPECT_EQ(text.find("<a "), std::string::npos) << "a link would leave the text behind";
    page.edit = MessageId{1};
    EXPECT_THAT(pages.compose(page, view, bob), Not(HasSubstr("value=\"file\""))) << "no file is a correction";
  }
}

TEST_F(PagesTest, GiveTheMessageBackThatAFileCameBetween) {
  Conversation& bob = sample::buddy(model, "bob@example.org", "Bob");
  const std::string page = pages.file({"", "o", 0, "half a \"text\"\nof two lines"}, view, bob);
  const std::string field = "name=\"text\" value=\"half a &quot;text&quot;\nof two lines\"";
  EXPECT_EQ(count(page, field), 2) << "sent with the file, and with the cancel";
  EXPECT_THAT(page, HasSubstr("form=\"back\" name=\"do\" value=\"lines\""));
  EXPECT_THAT(pages.file({"", "o", 0, "x"}, view, bob), HasSubstr("form=\"back\" name=\"do\" value=\"line\""));
}

TEST_F(PagesTest, KeepATextThatWasNotSentWhereItCanBeCopied) {
  NoticePage notice{"Chat", "Not sent.", "/login", "Log in again", "_top", 0, false, true, "half a <text>"};
  const std::string strip = pages.notice(notice, *reader.texts);
  EXPECT_THAT(strip, HasSubstr("<body class=\"compose\">"));
  EXPECT_THAT(strip, HasSubstr("Not sent. <a href=\"/login\" target=\"_top\">"));
  EXPECT_THAT(strip, HasSubstr("readonly>half a &lt;text&gt;</textarea>"));
  notice.kept.clear();
  EXPECT_THAT(pages.notice(notice, *reader.texts), Not(HasSubstr("textarea")));
  notice.strip = false;
  EXPECT_THAT(pages.notice(notice, *reader.texts), HasSubstr("<body class=\"sheet\">"));
}

TEST_F(PagesTest, SayThatARequestWaits) {
  Conversation& bob = sample::buddy(model, "bob@example.org", "Bob & Sons");
  const std::string words = "You have asked Bob &amp; Sons to let you see when they are available.";
  const StreamPage page{"N", "/stream/c1", "x", 50};
  bob.buddy->asked = true;
  EXPECT_THAT(pages.stream(page, view, &bob), Not(HasSubstr(words))) << "the answer was yes";
  bob.buddy->subscription = Subscription::from;
  EXPECT_THAT(pages.stream(page, view, &bob), HasSubstr(words));
  EXPECT_THAT(pages.plain({}, 30, view, bob), HasSubstr(words));
  bob.buddy->asked = false;
  EXPECT_THAT(pages.stream(page, view, &bob), Not(HasSubstr(words)));
}

// What a newcomer need not know stands behind one line, unless something of it was chosen.
TEST_F(PagesTest, OpenTheChoicesOfALoginThatWereUsed) {
  const auto is_open = [&](const LoginPage& page) {
    const std::string text = pages.login(page, *reader.texts);
    EXPECT_THAT(text, HasSubstr("<details"));
    return text.find("<details open>") != std::string::npos;
  };
  LoginPage page;
  EXPECT_FALSE(is_open(page));
  page.static_pages = true;
  EXPECT_TRUE(is_open(page));
  page = {};
  page.no_cookie = page.offers_no_cookie = true;
  EXPECT_TRUE(is_open(page));
  page = {};
  page.linger_minutes = 480;
  EXPECT_TRUE(is_open(page));
}

// Without its address a page that stands at #write, as behind a message that was sent, would only be scrolled.
TEST_F(PagesTest, ReloadFromTheirAddress) {
  const Conversation& bob = sample::buddy(model, "bob@example.org", "Bob");
  reader.reload_seconds = 30;
  reader.base = "/s/x";
  const auto refresh = [](const std::string& to) { return HasSubstr("content=\"30;url=/s/x/plain/" + to + "\">"); };
  EXPECT_THAT(pages.plain_list(view), refresh(""));
  EXPECT_THAT(pages.plain({}, 30, view, bob), refresh("c1"));
  ComposePage page;
  page.asked = 80;
  EXPECT_THAT(pages.plain(page, 100, view, bob), refresh("c1?n=80"));
  page.text = "being written";
  EXPECT_THAT(pages.plain(page, 100, view, bob), Not(HasSubstr("http-equiv")));
}

TEST_F(PagesTest, AskForAnAddressAndATimeInPlainWords) {
  LoginPage page;
  EXPECT_THAT(pages.login(page, *reader.texts), HasSubstr("placeholder=\"user@example.org\""));
  page.domain = "chat.example";
  const std::string text = pages.login(page, *reader.texts);
  EXPECT_THAT(text, HasSubstr("placeholder=\"you or you@chat.example\""));
  for (const char* label : {">1 minute<", ">10 minutes<", ">1 hour<", ">8 hours<"}) EXPECT_THAT(text, HasSubstr(label));
}

TEST_F(PagesTest, NameZonesByTheirClocks) {
  reader.zone_minutes = 330;
  const std::string page = pages.settings(view, "", sample::noon);
  EXPECT_THAT(page, HasSubstr("<option value=\"330\" selected>17:30 (UTC+5:30)</option>"));
  EXPECT_THAT(page, HasSubstr("<option value=\"-720\">00:00 (UTC\u221212:00)</option>"));
  EXPECT_THAT(page, HasSubstr("<option value=\"345\">17:45 (UTC+5:45)</option>"));
  const std::regex option("<option value=\"(-?\\d+)\"[^>]*>\\d\\d:\\d\\d");
  for (std::sregex_iterator at(page.begin(), page.end(), option), end; at != end; ++at) {
    EXPECT_TRUE(is_offered_zone(std::stoi((*at)[1]))) << (*at)[0];
  }
  for (const int minutes : {-735, -15, 15, 330 + 5, 855}) EXPECT_FALSE(is_offered_zone(minutes)) << minutes;
}

TEST_F(PagesTest, SayWhoIsWhoInARoom) {
  Conversation& room = sample::room(model, "team@rooms.example.org", "Plans");
  Occupant bob = sample::occupant("bob"), carol = sample::occupant("carol"), dave = sample::occupant("dave");
  bob.affiliation = Affiliation::owner;
  bob.role = carol.role = Role::moderator;
  dave.role = Role::visitor;
  for (const auto& one : {bob, carol, dave}) model.set_occupant(room, one);
  const std::string page = pages.room(view, room, "", {});
  const auto says = [&](const std::string& nick, const std::string& what) {
    return std::regex_search(page,
                             std::regex("<bdi>" + nick + "</bdi>(</a>)? <span class=\"lead\">available" + what + "<"));
  };
  EXPECT_TRUE(says("bob", ", owner"));
  EXPECT_TRUE(says("carol", ", moderator"));
  EXPECT_TRUE(says("dave", ", only listens"));
  EXPECT_TRUE(says("alice", ""));
}

// Who was invited has a name to enter with; rows that wait for an answer say so.
TEST_F(PagesTest, ProposeANameForARoom) {
  Conversation& room = sample::room(model, "team@rooms.example.org", "Plans");
  EXPECT_THAT(pages.plain_list(view), Not(HasSubstr("waits for your answer")));
  room.room->state = RoomState::outside;
  room.room->nick.clear();
  room.room->invitation = Invitation{"bob@example.org", "bob@example.org", "", ""};
  EXPECT_THAT(pages.room(view, room, "", {}), HasSubstr("name=\"nick\" type=\"text\" value=\"alice\""));
  EXPECT_THAT(pages.plain_list(view), HasSubstr("waits for your answer"));
}

TEST_F(PagesTest, OfferOlderMessagesWhereThereMayBeSome) {
  Conversation& bob = sample::buddy(model, "bob@example.org", "Bob");
  StreamPage page{"N", "/stream/c1", "x", 60};
  const auto archive = [this](bool there) {
    Account account = model.account();
    account.archive = there;
    model.set_account(account, EventKind::own_changed);
  };
  archive(true);
  // What the archive has told so far may have been nothing to show.
  EXPECT_THAT(pages.stream(page, view, &bob), HasSubstr("href=\"/stream/c1?w=x&amp;n=110\""));
  model.add_message(bob, sample::incoming("x"));
  EXPECT_THAT(pages.stream(page, view, &bob), HasSubstr("href=\"/stream/c1?w=x&amp;n=110#m1\""));
  EXPECT_THAT(pages.stream({"N", "/stream/c1", "x"}, view, &bob), HasSubstr("href=\"/stream/c1?w=x&amp;n=100#m1\""));
  EXPECT_EQ(page.address(), "/stream/c1?w=x&n=60");
  bob.history.complete = true;
  EXPECT_THAT(pages.stream(page, view, &bob), Not(HasSubstr("Older messages")));
  bob.history.complete = false;
  archive(false);  // nobody to ask
  EXPECT_THAT(pages.stream(page, view, &bob), Not(HasSubstr("Older messages")));
  archive(true);
  for (int i = 0; i < 60; ++i) model.add_message(bob, sample::incoming("x"));
  EXPECT_THAT(pages.stream(page, view, &bob), HasSubstr("n=110#m2\""));
  bob.history.loading = true;
  EXPECT_THAT(pages.stream(page, view, &bob), HasSubstr("Loading older messages"));
  // A room sends its history by itself.
  Conversation& room = sample::room(model, "team@rooms.example.org", "Plans");
  model.add_message(room, sample::incoming("x"));
  EXPECT_THAT(pages.stream(page, view, &room), Not(HasSubstr("Older messages")));
  for (int i = 0; i < 60; ++i) model.add_message(room, sample::incoming("x"));
  EXPECT_THAT(pages.stream(page, view, &room), HasSubstr("Older messages"));
}

TEST_F(PagesTest, GroupTheRoster) {
  sample::buddy(model, "bob@example.org", "Bob", "Work");
  sample::buddy(model, "carol@example.org", "Carol");
  sample::room(model, "team@rooms.example.org", "");
  const std::string page = pages.plain_list(view);
  const auto rooms = page.find("<h2>Rooms</h2>");
  const auto work = page.find("<h2>Work</h2>");
  const auto others = page.find("<h2>Others</h2>");
  EXPECT_LT(rooms, page.find("team"));
  EXPECT_LT(page.find(">team<"), work);
  EXPECT_LT(work, page.find(">Bob<"));
  EXPECT_LT(page.find(">Bob<"), others);
  EXPECT_LT(others, page.find(">Carol<"));
}

TEST_F(PagesTest, KeepATextThatWasNotSent) {
  Conversation& bob = sample::buddy(model, "bob@example.org", "Bob");
  ComposePage page;
  page.text = "my \"text\"";
  page.message = "no";
  EXPECT_THAT(pages.compose(page, view, bob), HasSubstr("value=\"my &quot;text&quot;\""));
  page.lines = true;
  EXPECT_THAT(pages.compose(page, view, bob), HasSubstr(">my &quot;text&quot;</textarea>"));
}

TEST(Groups, AreSplitAndCleaned) {
  EXPECT_THAT(split_groups(" family , work,,family,\tvery  close "),
              testing::ElementsAre("family", "work", "very close"));
  EXPECT_THAT(split_groups(""), testing::IsEmpty());
  std::string many;
  for (int i = 0; i < 100; ++i) many += std::to_string(i) + ",";
  EXPECT_THAT(split_groups(many), testing::SizeIs(Bounds{}.groups));
}

TEST(Choices, AreOnlyWhatIsOffered) {
  EXPECT_TRUE(is_offered_zone(0));
  EXPECT_TRUE(is_offered_zone(-720));
  EXPECT_TRUE(is_offered_zone(330));
  EXPECT_FALSE(is_offered_zone(7));
  EXPECT_FALSE(is_offered_zone(900));
  EXPECT_TRUE(is_offered_reload(30));
  EXPECT_FALSE(is_offered_reload(1));
  EXPECT_TRUE(is_offered_linger(10));
  EXPECT_FALSE(is_offered_linger(100000));
}

}  // namespace
}  // namespace webclient
