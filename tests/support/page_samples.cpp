// Writes every page of the chat, of a sample session, as files: for the HTML validator, the accessibility checker and
// whoever wants to look.   page_samples DIRECTORY [LANGUAGE]
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "tests/unit/webclient/sample.hpp"
#include "webclient/embedded.hpp"
#include "webclient/pages.hpp"

namespace {

using namespace webclient;  // NOLINT(google-build-using-namespace): all of it is shown

constexpr const char* talk[][2] = {
    {"in", "Good morning! Did the new build survive the night?"},
    {"out", "It did. 1 800 sessions, nothing lost, and the log is one screen long."},
    {"in",
     "Lovely. The library wants to know whether their reading-room terminals will do: they have scripts switched off."},
    {"out", "That is what this page is for. I am writing from one of them just now."},
    {"in", "No way. And it updates by itself?"},
    {"out", "One response that never ends. Have a look at https://xmpp.org/extensions/ while you wait."},
    {"in", "/me is impressed"},
    {"in", "Lunch at one?"},
};

void fill(ChatModel& model) {
  sample::account(model);
  Account account = model.account();
  account.upload = true;
  model.set_account(std::move(account), EventKind::own_changed);
  Conversation& bob = sample::buddy(model, "bob@example.org", "Bob Marlowe", "Friends");
  model.set_presence(bob, Show::online, "in the workshop");
  WallTime when = sample::noon - std::chrono::hours(26);
  for (const auto& [direction, text] : talk) {
    Message message = *direction == 'i' ? sample::incoming(text, when) : sample::outgoing(text, Delivery::delivered);
    message.when = when;
    if (message.text.starts_with("/me ")) {
      message.me = true;
      message.text.erase(0, 4);
    }
    model.add_message(bob, message);
    when += std::chrono::minutes(when < sample::noon ? 220 : 1);
  }
  Message file = sample::outgoing("https://files.example.org/2f1b9/menu%20of%20the%20day%20%C3%BC.pdf");
  file.link = file.text;
  file.when = when;
  model.add_message(bob, file);
  Message failed = sample::outgoing("See you there.", Delivery::failed);
  failed.problem = Problem::recipient_unavailable;
  failed.when = when;
  model.add_message(bob, failed);
  model.set_typing(bob, Typing::composing);
  model.set_presence(sample::buddy(model, "carol@example.org", "Carol", "Friends"), Show::away, "back at four");
  model.set_presence(sample::buddy(model, "dave@example.org", "Dave", "Work"), Show::do_not_disturb, "");
  Conversation& erin = sample::buddy(model, "erin@example.org", "Erin", "Work");
  Message unread = sample::incoming("ping?");
  unread.unread = true;
  model.add_message(erin, unread);
  sample::buddy(model, "frank@example.org", "", "Work");
  Conversation& heidi = sample::buddy(model, "heidi@example.net", "Heidi");
  heidi.buddy->subscription = Subscription::none;
  heidi.buddy->asked = true;
  model.set_asks(*model.require("grace@example.net", RowKind::person), "It is me, from the conference.");
  Conversation& team = sample::room(model, "gateway@rooms.example.org", "Release on Friday: who writes the notes?");
  for (const char* nick : {"bob", "carol", "mallory"}) model.set_occupant(team, sample::occupant(nick));
  Conversation& party = sample::room(model, "party@rooms.example.org", "");
  party.room->state = RoomState::outside;
  party.room->invitation = Invitation{"bob@example.org", "bob@example.org", "It will be fun.", ""};
  Message said = sample::incoming("alice: the notes are yours");
  said.author = "bob";
  said.mention = true;
  model.add_message(team, said);
}

// What the shell would send is without end: closed here, because a validator wants whole documents.
std::string closed(std::string page, bool conversation) {
  page += conversation ? "</section></div></div></main></div></body></html>\n" : "</div></div></body></html>\n";
  return page;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: page_samples DIRECTORY [LANGUAGE]\n";
    return 2;
  }
  const std::filesystem::path where(argv[1]);
  std::filesystem::create_directories(where);
  ChatModel model{Bounds{}};
  fill(model);
  Reader reader = sample::reader(argc > 2 ? argv[2] : "en");
  const TokenFor token = [](std::string_view) { return std::string("0123456789abcdef"); };
  const View view{model, reader, token};
  Pages pages;
  const Conversation& bob = *model.find("bob@example.org");
  const Conversation& grace = *model.find("grace@example.net");
  const Conversation& room = *model.find("gateway@rooms.example.org");
  const Conversation& invited = *model.find("party@rooms.example.org");
  const auto write = [&](const char* name, const std::string& content) {
    std::ofstream(where / name, std::ios::binary) << content;
  };
  LoginPage login;
  login.guests = login.offers_no_cookie = true;
  login.message = std::string(words(*reader.texts, Problem::wrong_password));
  const StreamPage stream{"N", "/stream/c1", "x", 50};
  ComposePage correction;
  correction.edit = MessageId{2};
  ComposePage lines;
  lines.lines = true;
  write("login.html", pages.login(login, *reader.texts));
  write("notice.html",
        pages.notice({"Chat", "You are logged out.", "/login", "Log in again", "", 0, false}, *reader.texts));
  write("app.html", pages.app(&bob, name_of(bob.id), "w", 1, reader));
  write("app_list.html", pages.app(nullptr, "", "w", 1, reader));
  write("stream.html", closed(pages.stream(stream, view, &bob), true));
  write("stream_list.html", closed(pages.stream(stream, view, nullptr), false));
  write("stream_room.html", closed(pages.stream(stream, view, &room), true));
  write("stream_asked.html", closed(pages.stream(stream, view, model.find("heidi@example.net")), true));
  write("stream_asks.html", closed(pages.stream(stream, view, &grace), true));
  write("stream_invited.html", closed(pages.stream(stream, view, &invited), true));
  write("room_invited.html", pages.room(view, invited, "", {}));
  write("compose.html", pages.compose({}, view, bob));
  write("compose_correct.html", pages.compose(correction, view, bob));
  write("compose_lines.html", pages.compose(lines, view, bob));
  lines.edit = correction.edit;
  write("compose_correct_lines.html", pages.compose(lines, view, bob));
  lines.message = std::string(words(*reader.texts, Problem::text_too_long));
  write("compose_refused.html", pages.compose(lines, view, bob));
  write("compose_file.html", pages.file({"", "o", 5 << 20}, view, bob));
  NoticePage gone{"Chat", std::string(reader.texts->text("login.not_sent")), "/login", "Log in again", "_top", 0,
                  false};
  gone.kept = "half a message\nof two lines";
  write("notice_kept.html", pages.notice(gone, *reader.texts));
  gone.strip = true;
  write("compose_gone.html", pages.notice(gone, *reader.texts));
  write("contact_add.html", pages.contact_add(view, "", "", "", ""));
  write("contact.html", pages.contact(view, bob, ""));
  write("contact_asks.html", pages.contact(view, grace, ""));
  write("room_join.html", pages.room_join(view, "", "", "alice"));
  write("room.html", pages.room(view, room, "", {}));
  write("settings.html", pages.settings(view, "", sample::noon));
  reader.static_pages = true;
  write("plain.html", pages.plain({}, 30, view, bob));
  write("file.html",
        pages.file({std::string(words(*reader.texts, Problem::file_too_large)), "o", 5 << 20, {}, false}, view, bob));
  write("plain_room.html", pages.plain({}, 30, view, room));
  write("plain_list.html", pages.plain_list(view));
  write(pages.templates().stylesheet().c_str(), std::string(embedded("assets/chat.css")));
  write("icon.svg", std::string(embedded("assets/icon.svg")));
}
