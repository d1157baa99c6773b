#include "gateway/web_forms.hpp"

#include <algorithm>
#include <charconv>

#include "gateway/random.hpp"
#include "gateway/shard.hpp"
#include "gateway/wall_clock.hpp"
#include "gateway/web_access.hpp"
#include "gateway/web_upload.hpp"
#include "webclient/kept_reader.hpp"
#include "webclient/text.hpp"

namespace gateway {

namespace {

using WebClient = webclient::Client;
using webclient::Problem;
using webclient::WebEngine;

// A command of the client as one step of the session; what it changes is shown at once.
template <typename Command>
auto order(Visit& visit, Command command) {
  decltype(command(visit.engine->client(), xmpp::Instant{}, visit.shard.actions())) result{};
  visit.host->enter<WebEngine>([&](WebEngine& engine, xmpp::Instant now, xmpp::Actions& out) {
    engine.used(now, out);
    result = command(engine.client(), now, out);
    engine.show(now, out);
  });
  return result;
}

std::string words_of(const Visit& visit, Problem problem) {
  return std::string(webclient::words(visit.texts(), problem));
}

// Where a conversation is looked at.
std::string page_of(const Visit& visit, webclient::ConversationId id) {
  const std::string view = visit.engine->reader().static_pages ? "/plain/" : "/app/";
  return id == webclient::ConversationId{} ? view : view + webclient::name_of(id);
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<webclient::MessageId> message_of(std::string_view name) {
  if (!name.starts_with('m')) return std::nullopt;
  const auto number = number_of<std::uint32_t>(name.substr(1));
  if (!number) return std::nullopt;
  return webclient::MessageId{*number};
}

// A form that comes again was sent already, and whoever sent it is to see what came of it.
template <typename Command>
Problem order_once(Visit& visit, Command command) {
  const auto once = visit.form.value("once");
  if (!visit.engine->take_once(once)) return Problem::none;
  const Problem problem = order(visit, command);
  if (problem != Problem::none) visit.engine->release_once(once);
  return problem;
}

// Line ends as forms send them.
std::string text_of(const Visit& visit) {
  std::string text(visit.form.value("text"));
  std::erase(text, '\r');
  return text;
}

std::string too_long(const Visit& visit, std::string_view text) {
  const std::size_t over = webclient::characters(text) - visit.engine->model().bounds().sending;
  return visit.texts().fill("compose.too_long", {{"count", std::to_string(over)}});
}

Problem send(Visit& visit, webclient::ConversationId to, const webclient::ComposePage& page) {
  if (page.text.empty()) return Problem::none;
  return order_once(visit, [&](WebClient& client, xmpp::Instant now, xmpp::Actions& out) {
    return (page.edit ? client.correct(to, *page.edit, page.text, now, out) : client.send(to, page.text, now, out))
        .problem;
  });
}

}  // namespace

void post_message(Visit& visit, const webclient::Conversation& to, bool static_page) {
  const auto receiver = to.id;
  const std::string id = webclient::name_of(receiver);
  const auto wish = visit.form.value("do");
  if (wish == "file") return show_file_form(visit, to, text_of(visit), true);
  webclient::ComposePage page;
  page.lines = wish.empty() ? visit.asked("lines") == "1" : wish == "lines";
  page.text = text_of(visit);
  page.edit = message_of(visit.form.value("edit"));
  if (wish.empty()) {
    const Problem problem = send(visit, receiver, page);
    if (problem == Problem::none || visit.engine->model().find(receiver) == nullptr) {
      const std::string form = page.lines ? "?lines=1#t" : "#t";
      return redirect(visit, static_page ? "/plain/" + id + "#write" : "/compose/" + id + form);
    }
    page.message = problem == Problem::text_too_long ? too_long(visit, page.text) : words_of(visit, problem);
  } else if (!page.lines) {
    std::replace(page.text.begin(), page.text.end(), '\n', ' ');  // a field of one line would join them
  }
  page.once = random_token();
  const auto view = visit.engine->view();
  const auto& still = *visit.engine->model().find(receiver);
  if (static_page) return answer_page(visit, visit.shard.pages().plain(page, 30, view, still));
  answer_page(visit, visit.shard.pages().compose(page, view, still), PageKind::framed);
}

void post_new_contact(Visit& visit) {
  const std::string address(visit.form.value("address"));
  const std::string name(visit.form.value("name"));
  const std::string groups(visit.form.value("groups"));
  const auto opened = order(visit, [&](WebClient& client, xmpp::Instant now, xmpp::Actions& out) {
    if (visit.form.value("do") == "write") return client.start_chat(address, now, out);
    return client.add_buddy(address, WebClient::BuddyFields{name, webclient::split_groups(groups)}, now, out);
  });
  if (opened.problem == Problem::none) return redirect(visit, page_of(visit, opened.conversation));
  answer_page(visit, visit.shard.pages().contact_add(visit.engine->view(), words_of(visit, opened.problem), address,
                                                     name, groups));
}

void post_contact(Visit& visit, const webclient::Conversation& who) {
  const auto id = who.id;
  const std::string action(visit.form.value("do"));
  const std::string name(visit.form.value("name"));
  const auto groups = webclient::split_groups(visit.form.value("groups"));
  const std::string address = who.address;
  const Problem problem = order(visit, [&](WebClient& client, xmpp::Instant now, xmpp::Actions& out) {
    if (action == "accept" || action == "decline") return client.answer_request(id, action == "accept", now, out);
    if (action == "save") return client.change_buddy(id, WebClient::BuddyFields{name, groups}, now, out);
    if (action == "add" || action == "request") {
      std::string_view given;
      std::vector<std::string> in;
      if (const auto* row = client.model().find(id); row != nullptr && row->buddy) {
        given = row->buddy->name;
        in = row->buddy->groups;
      }
      return client.add_buddy(address, WebClient::BuddyFields{given, in}, now, out).problem;
    }
    if (action == "remove") return client.remove_buddy(id, now, out);
    if (action == "close") return client.close_conversation(id);
    return Problem::bad_request;
  });
  const auto* still = visit.engine->model().find(id);
  if (problem != Problem::none && still != nullptr) {
    return answer_page(visit, visit.shard.pages().contact(visit.engine->view(), *still, words_of(visit, problem)));
  }
  const bool gone = still == nullptr || action == "remove" || action == "close" || action == "decline";
  redirect(visit, page_of(visit, gone ? webclient::ConversationId{} : id));
}

void post_join(Visit& visit) {
  const std::string address(visit.form.value("address"));
  const std::string nick(visit.form.value("nick"));
  const std::string password(visit.form.value("password"));
  const auto opened = order(visit, [&](WebClient& client, xmpp::Instant now, xmpp::Actions& out) {
    return client.join_room(WebClient::RoomFields{address, nick, password}, now, out);
  });
  if (opened.problem == Problem::none) return redirect(visit, page_of(visit, opened.conversation));
  answer_page(visit,
              visit.shard.pages().room_join(visit.engine->view(), words_of(visit, opened.problem), address, nick));
}

namespace {

void post_invitation(Visit& visit, webclient::ConversationId room) {
  const webclient::InviteForm form{random_token(), std::string(visit.form.value("address")),
                                   std::string(visit.form.value("reason"))};
  const Problem problem = order_once(visit, [&](WebClient& client, xmpp::Instant now, xmpp::Actions& out) {
    return client.invite(room, WebClient::InviteFields{form.address, form.reason}, now, out);
  });
  const auto* still = visit.engine->model().find(room);
  if (problem == Problem::none || still == nullptr) return redirect(visit, page_of(visit, room));
  answer_page(visit, visit.shard.pages().room(visit.engine->view(), *still, words_of(visit, problem), form));
}

}  // namespace

void post_room(Visit& visit, const webclient::Conversation& which) {
  const auto id = which.id;
  const std::string action(visit.form.value("do"));
  if (action == "invite") return post_invitation(visit, id);
  const std::string address = which.address;
  const std::string nick(visit.form.value("nick"));
  const std::string password(visit.form.value("password"));
  const std::string name(which.title());
  const std::string subject(visit.form.value("subject"));
  const bool keep = visit.form.value("keep") == "1";
  const Problem problem = order(visit, [&](WebClient& client, xmpp::Instant now, xmpp::Actions& out) {
    if (action == "join") return client.join_room(WebClient::RoomFields{address, nick, password}, now, out).problem;
    if (action == "leave") return client.leave_room(id, now, out);
    if (action == "nick") return client.change_nick(id, nick, now, out);
    if (action == "subject") return client.set_subject(id, subject, now, out);
    if (action == "decline") return client.decline_invitation(id, now, out);
    if (action == "save" && keep) return client.set_bookmark(id, WebClient::BookmarkFields{name, true}, now, out);
    if (action == "save") return client.remove_bookmark(id, now, out);
    return Problem::bad_request;
  });
  const auto* still = visit.engine->model().find(id);
  if (problem != Problem::none && still != nullptr) {
    return answer_page(visit, visit.shard.pages().room(visit.engine->view(), *still, words_of(visit, problem),
                                                       {random_token(), {}, {}}));
  }
  redirect(
      visit,
      page_of(visit, still == nullptr || action == "leave" || action == "decline" ? webclient::ConversationId{} : id));
}

void post_settings(Visit& visit) {
  const auto show = number_of<unsigned>(visit.form.value("show"));
  const auto zone = number_of<int>(visit.form.value("zone"));
  const auto seconds = number_of<std::uint32_t>(visit.form.value("seconds"));
  const bool good = show && *show >= static_cast<unsigned>(webclient::Show::chat) &&
                    *show <= static_cast<unsigned>(webclient::Show::do_not_disturb) && zone &&
                    webclient::is_offered_zone(*zone) && seconds && webclient::is_offered_reload(*seconds);
  if (!good) return answer_error(visit, 400, "error.form");
  auto reader = visit.engine->reader();
  reader.texts = &webclient::catalogue(visit.form.value("lang"));
  reader.zone_minutes = *zone;
  reader.reload_seconds = *seconds;
  const std::string kept =
      visit.base.empty() ? set_cookie(Cookie::reader, webclient::keep_reader(reader), visit.client.secure) : "";
  const std::string status(visit.form.value("status"));
  const Problem problem = order(visit, [&](WebClient& client, xmpp::Instant now, xmpp::Actions& out) {
    return client.set_presence(static_cast<webclient::Show>(*show), status, now, out);
  });
  visit.host->enter<WebEngine>([&](WebEngine& engine, xmpp::Instant now, xmpp::Actions& out) {
    engine.set_reader(std::move(reader), now, out);
  });
  if (problem == Problem::none) return redirect(visit, page_of(visit, {}), kept);
  answer_page(visit, visit.shard.pages().settings(visit.engine->view(), words_of(visit, problem), wall_now()),
              PageKind::whole, 200, kept);
}

}  // namespace gateway
