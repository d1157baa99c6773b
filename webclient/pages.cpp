#include "webclient/pages.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "webclient/form.hpp"
#include "webclient/text.hpp"

namespace webclient {

namespace {

constexpr std::array<std::uint32_t, 5> reloads{0, 15, 30, 60, 300};
constexpr std::array<std::uint32_t, 4> lingers{1, 10, 60, 480};
constexpr std::size_t most_proposed = 50;  // buddies in a form, which is to stay small
constexpr int zone_step = 15;
constexpr int first_zone = -12 * 60;
constexpr int last_zone = 14 * 60;
// Of those with a quarter of an hour the ones that are in use: Nepal, Eucla, the Chatham Islands in winter and summer.
constexpr std::array<int, 4> odd_zones{345, 525, 765, 825};

std::string copy(std::string_view text) {
  return std::string(text);
}

Values base_values(const Reader& reader, std::string title) {
  Values values;
  values.text("title", std::move(title)).text("base", reader.base);
  values.text("view", reader.static_pages ? "plain" : "app");
  return values;
}

// People know what their clock says, few what time zone that is.
std::string zone_label(int minutes, WallTime now) {
  const int absolute = minutes < 0 ? -minutes : minutes;
  const std::string rest = absolute % 60 == 0 ? "00" : std::to_string(absolute % 60);
  return time_text(now, minutes) + " (UTC" + (minutes < 0 ? "\u2212" : "+") + std::to_string(absolute / 60) + ":" +
         rest + ")";
}

std::string_view subscription_words(const Catalogue& texts, Subscription subscription) {
  switch (subscription) {
    case Subscription::none:
      return texts.text("contact.subscription_none");
    case Subscription::to:
      return texts.text("contact.subscription_to");
    case Subscription::from:
      return texts.text("contact.subscription_from");
    case Subscription::both:
      break;
  }
  return texts.text("contact.subscription_both");
}

bool sees(const Buddy& buddy) {
  return buddy.subscription == Subscription::to || buddy.subscription == Subscription::both;
}

// We have asked to see when they are available, and there is no answer.
bool is_waiting(const Conversation& row) {
  return row.buddy && row.buddy->asked && !sees(*row.buddy);
}

std::string join_groups(const Buddy& buddy) {
  std::string out;
  for (const auto& group : buddy.groups) out += (out.empty() ? "" : ", ") + group;
  return out;
}

Values row_values(const Conversation& row, const Conversation* shown, const Reader& reader) {
  Values values;
  values.text("id", name_of(row.id)).text("name", copy(row.title())).text("status", row.status);
  values.flag("room", row.kind == RowKind::room)
      .flag("here", &row == shown)
      .flag("asks", row.asks || (row.room && row.room->invitation));
  if (reader.static_pages) {
    if (row.kind != RowKind::room) values.text("presence", copy(words(*reader.texts, row.show)));
    if (row.unread > 0) values.text("unread", std::to_string(row.unread));
  }
  return values;
}

// The list: what waits for an answer and rooms first, then each group, then who is in none. A row is shown once, in the
// first of its groups, because its id is its address for rules.
std::vector<Values> sections(const View& view, const Conversation* shown) {
  std::map<std::string, std::vector<Values>> groups;
  std::vector<Values> rooms, rest, out;
  for (const Conversation* row : view.model.rows()) {
    Values values = row_values(*row, shown, view.reader);
    if (row->kind != RowKind::person) {
      rooms.push_back(std::move(values));
    } else if (row->buddy && !row->buddy->groups.empty()) {
      groups[row->buddy->groups.front()].push_back(std::move(values));
    } else {
      rest.push_back(std::move(values));
    }
  }
  const auto add = [&](std::string heading, std::vector<Values>& rows) {
    if (rows.empty()) return;
    out.emplace_back().text("heading", std::move(heading)).list("rows", std::move(rows));
  };
  const bool plain_list = groups.empty() && rooms.empty();
  add(copy(view.reader.texts->text("nav.rooms")), rooms);
  for (auto& [name, rows] : groups) add(name, rows);
  add(plain_list ? std::string() : copy(view.reader.texts->text("nav.others")), rest);
  return out;
}

// Whom a field for an address proposes, in the order of the list.
std::vector<Values> buddy_values(const View& view) {
  std::vector<Values> out;
  for (const Conversation* row : view.model.rows()) {
    if (!row->buddy || out.size() >= most_proposed) continue;
    out.emplace_back().text("address", row->address).text("name", copy(row->title()));
  }
  return out;
}

void set_account(Values& values, const View& view) {
  const std::string& own = view.model.account().address;
  const auto at = std::min(own.find('@'), own.size());
  values.text("account", own).text("logout_token", view.token("/logout"));
  values.text("own_name", own.substr(0, at)).text("own_place", own.substr(at));
}

std::string link_words(const View& view) {
  const Account& account = view.model.account();
  if (account.link == LinkState::reconnecting) return copy(view.reader.texts->text("stream.server_lost"));
  if (account.link == LinkState::ended) return copy(view.reader.texts->text("stream.ended"));
  return {};
}

void set_banner(Values& values, const View& view, const Conversation& shown) {
  const Catalogue& texts = *view.reader.texts;
  const std::string id = name_of(shown.id);
  values.text("id", id);
  values.text("contact_token", view.token("/contact/" + id)).text("room_token", view.token("/room/" + id));
  if (shown.asks) {
    std::string asks = texts.fill("contact.asks", {{"name", shown.title()}});
    if (!shown.asks->empty()) asks += " " + *shown.asks;
    values.text("asks", std::move(asks));
  }
  if (!shown.room) return;
  const Room& room = *shown.room;
  const std::string& own = view.model.account().address;
  values.flag("joining", room.state == RoomState::joining).flag("joined", room.state == RoomState::joined);
  values.text("nick", room.nick.empty() ? own.substr(0, own.find('@')) : room.nick);
  if (room.state == RoomState::joined && room.problem != Problem::none) {
    values.text("trouble", copy(words(texts, room.problem)));
  }
  if (room.state != RoomState::outside) return;
  values.flag("invited", room.invitation.has_value());
  std::string outside = copy(texts.text("room.outside"));
  if (room.problem != Problem::none) outside += " " + copy(words(texts, room.problem));
  if (room.invitation) {
    outside += " " + texts.fill("room.invited", {{"name", room.invitation->name}, {"room", shown.address}});
    if (!room.invitation->reason.empty()) outside += " " + room.invitation->reason;
  }
  values.text("outside", std::move(outside));
}

// What sets an occupant apart from the others.
std::string_view standing(const Occupant& occupant, const Catalogue& texts) {
  if (occupant.affiliation == Affiliation::owner) return texts.text("room.owner");
  if (occupant.affiliation == Affiliation::admin) return texts.text("room.admin");
  if (occupant.role == Role::moderator) return texts.text("room.moderator");
  return occupant.role == Role::visitor ? texts.text("room.visitor") : std::string_view();
}

void set_occupants(Values& values, const View& view, const Conversation& shown) {
  if (!shown.room) return;
  const Catalogue& texts = *view.reader.texts;
  std::vector<Values> occupants;
  for (const auto& [resource, occupant] : shown.room->occupants) {
    Values& one = occupants.emplace_back();
    one.text("id", name_of(occupant.id))
        .text("nick", occupant.nick)
        .text("presence", copy(words(texts, occupant.show)));
    one.text("standing", copy(standing(occupant, texts)));
    if (occupant.self) continue;
    one.text("private", name_of(shown.id) + "/" + name_of(occupant.id));
    one.text("private_title", texts.fill("room.private", {{"name", occupant.nick}}));
  }
  values.list("occupants", std::move(occupants));
  if (shown.room->more_occupants > 0) {
    values.text("more", texts.fill("room.more", {{"count", std::to_string(shown.room->more_occupants)}}));
  }
}

void set_shown(Values& values, const View& view, const Conversation& shown) {
  const Catalogue& texts = *view.reader.texts;
  values.flag("conversation", true).text("name", copy(shown.title()));
  values.text("details", shown.kind == RowKind::room ? "room" : "contact").flag("room", shown.kind == RowKind::room);
  values.text("subject", shown.room ? shown.room->subject : shown.status);
  values.text("log_label", texts.fill("stream.log", {{"name", shown.title()}}));
  if (is_waiting(shown)) values.text("asked", texts.fill("contact.asked", {{"name", shown.title()}}));
  set_banner(values, view, shown);
}

// How many of the messages are left out at the beginning.
std::size_t skipped(const Conversation& shown, std::size_t backlog) {
  return shown.messages.size() - std::min(shown.messages.size(), backlog);
}

// Where to look for older messages than the first that is shown, to which browsers scroll once the page has an end.
std::string older_link(std::string_view path, const View& view, const Conversation& shown, std::size_t backlog) {
  const std::size_t from = skipped(shown, backlog);
  if (from == 0 && !view.model.may_have_older(shown)) return {};
  const auto place = shown.messages.empty() ? std::string() : "#" + name_of(shown.messages[from].id);
  return copy(path) + "n=" + std::to_string(backlog + first_backlog) + place;
}

std::string bubbles(const Conversation& shown, std::size_t backlog, const Reader& reader, bool live) {
  std::string out;
  WallTime last{};
  std::size_t in_section = 0;
  for (std::size_t i = skipped(shown, backlog); i < shown.messages.size(); ++i) {
    const Message& message = shown.messages[i];
    if (message.replaced_by && !live) continue;
    if (live && ++in_section > 50) {
      out += "</section><section>\n";
      in_section = 1;
    }
    if (last == WallTime{} || !same_day(last, message.when, reader)) append_day(out, message.when, reader);
    last = message.when;
    append_bubble(out, message, shown, reader, live);
  }
  return out;
}

std::string all_rules(const View& view, const Conversation* shown, std::size_t backlog) {
  std::string out;
  append_account_rules(out, view.model.account());
  for (const Conversation* row : view.model.rows()) append_row_rules(out, *row, view.reader);
  if (shown == nullptr) return out;
  append_header_rules(out, *shown, view.reader);
  append_unread_rules(out, view.model.unread());
  for (std::size_t i = skipped(*shown, backlog); i < shown->messages.size(); ++i) {
    append_message_rules(out, shown->messages[i], view.reader);
  }
  if (shown->room) {
    for (const auto& [resource, occupant] : shown->room->occupants) append_occupant_rules(out, occupant.id, &occupant);
  }
  return out;
}

void set_form(Values& values, const ComposePage& page, const View& view, const Conversation& to,
              std::string_view path) {
  const std::string id = name_of(to.id);
  values.text("id", id).text("message", page.message).text("text", page.text).text("once", page.once);
  values.text("token", view.token(copy(path) + id)).flag("lines", page.lines);
  values.text("label", view.reader.texts->fill("compose.label", {{"name", to.title()}}));
  if (page.edit) values.text("edit", name_of(*page.edit));
  values.flag("files", view.model.account().upload);
}

// "5 MB": what a limit is good for. Nobody counts bytes.
std::string size_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 4> units{"B", "kB", "MB", "GB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.size(); bytes /= 1024) ++unit;
  return std::to_string(bytes) + "\u00a0" + copy(units.at(unit));
}

std::vector<Values> language_values(const Catalogue& chosen) {
  std::vector<Values> out;
  for (const auto& one : catalogues()) {
    out.emplace_back()
        .text("tag", one.tag())
        .text("name", copy(one.text("language.name")))
        .flag("chosen", one.tag() == chosen.tag());
  }
  return out;
}

}  // namespace

std::string Pages::login(const LoginPage& page, const Catalogue& texts) {
  Values values;
  values.text("title", copy(texts.text("login.title"))).text("message", page.message);
  values.text("message_kind", page.is_error ? "error" : "lead").text("user", page.user).text("token", page.token);
  values.text("hint", page.domain.empty() ? copy(texts.text("login.address_hint"))
                                          : texts.fill("login.user_hint", {{"domain", page.domain}}));
  values.flag("guests", page.guests).flag("static", page.static_pages).flag("no_cookie", page.no_cookie);
  values.flag("offers_no_cookie", page.offers_no_cookie);
  const bool chosen = page.static_pages || page.no_cookie || page.linger_minutes != LoginPage{}.linger_minutes;
  values.flag("more", chosen);
  std::vector<Values> choices;
  for (const auto minutes : lingers) {
    const std::string count = std::to_string(minutes);
    choices.emplace_back()
        .text("minutes", count)
        .text("label", copy(texts.text("login.linger_" + count)))
        .flag("chosen", minutes == page.linger_minutes);
  }
  values.list("lingers", std::move(choices)).list("languages", language_values(texts));
  return templates_.render("login", texts, values);
}

std::string Pages::notice(const NoticePage& page, const Catalogue& texts) {
  Values values;
  values.text("title", page.title).text("message", page.message).text("link", page.link);
  values.text("link_text", page.link_text).text("target", page.target).text("role", page.alert ? "alert" : "status");
  values.flag("strip", page.strip).text("kept", page.kept);
  if (page.wait > 0) values.text("wait", std::to_string(page.wait));
  return templates_.render("notice", texts, values);
}

std::string Pages::app(const Conversation* shown, std::string_view id, std::string_view window, std::uint32_t unread,
                       const Reader& reader) {
  std::string title = shown != nullptr ? copy(shown->title()) : copy(reader.texts->text("app.name"));
  if (unread > 0) title = "(" + std::to_string(unread) + ") " + title;
  Values values = base_values(reader, std::move(title));
  values.text("id", copy(id)).text("window", copy(window)).flag("conversation", !id.empty());
  values.text("kind", id.empty() ? "list" : "conv");
  return templates_.render("app", *reader.texts, values);
}

std::string StreamPage::self() const {
  return path + "?w=" + encode_component(window);
}

std::string StreamPage::address() const {
  return backlog == first_backlog ? self() : self() + "&n=" + std::to_string(backlog);
}

std::string Pages::stream(const StreamPage& page, const View& given, const Conversation* shown) {
  Reader reader = given.reader;
  reader.static_pages = false;  // its rows lead to pages like itself, whatever is looked at beside it
  const View view{given.model, reader, given.token};
  Values values = base_values(view.reader, copy(view.reader.texts->text("stream.frame")));
  values.text("nonce", page.nonce).text("self", page.address()).text("kind", shown != nullptr ? "conv" : "list");
  values.text("rules", all_rules(view, shown, page.backlog)).list("sections", sections(view, shown));
  set_account(values, view);
  if (shown == nullptr) return templates_.render("stream", *view.reader.texts, values);
  set_shown(values, view, *shown);
  set_occupants(values, view, *shown);
  std::vector<Values> places(shown->room ? places_for_newcomers : 0);
  for (std::size_t i = 0; i < places.size(); ++i) places[i].text("id", name_of_place(i));
  values.list("places", std::move(places));
  if (shown->history.loading) {
    values.flag("loading", true);
  } else {
    values.text("older", older_link(page.self() + "&", view, *shown, page.backlog));
  }
  std::string out = templates_.render("stream", *view.reader.texts, values);
  out += bubbles(*shown, page.backlog, view.reader, true);
  return out;
}

std::string Pages::compose(const ComposePage& page, const View& view, const Conversation& to) {
  Values values = base_values(view.reader, copy(view.reader.texts->text("compose.frame")));
  set_form(values, page, view, to, "/compose/");
  return templates_.render("compose", *view.reader.texts, values);
}

std::string Pages::file(const FilePage& page, const View& view, const Conversation& to) {
  const Catalogue& texts = *view.reader.texts;
  const std::string id = name_of(to.id);
  Values values = base_values(view.reader, texts.fill("file.title", {{"name", to.title()}}));
  values.text("id", id)
      .text("message", page.message)
      .text("once", page.once)
      .text("token", view.token("/upload/" + id + (page.framed ? "" : "/plain")))
      .text("text", page.text)
      .text("back", page.text.find('\n') == std::string::npos ? "line" : "lines")
      .text("back_token", view.token("/compose/" + id));
  values.flag("framed", page.framed);
  if (page.limit > 0) values.text("limit", texts.fill("file.limit", {{"size", size_text(page.limit)}}));
  return templates_.render("file", texts, values);
}

std::string Pages::plain_list(const View& view) {
  Values values = base_values(view.reader, copy(view.reader.texts->text("nav.chats")));
  values.list("sections", sections(view, nullptr)).text("link_state", link_words(view));
  set_account(values, view);
  if (view.reader.reload_seconds > 0) values.text("seconds", std::to_string(view.reader.reload_seconds));
  return templates_.render("plain", *view.reader.texts, values);
}

std::string Pages::plain(const ComposePage& page, std::size_t backlog, const View& view, const Conversation& shown) {
  const Catalogue& texts = *view.reader.texts;
  Values values = base_values(view.reader, copy(shown.title()));
  set_shown(values, view, shown);
  set_form(values, page, view, shown, "/plain/");
  values.text("bubbles", bubbles(shown, backlog, view.reader, false)).text("link_state", link_words(view));
  values.text("older", older_link(view.reader.base + "/plain/" + name_of(shown.id) + "?", view, shown, backlog));
  if (shown.kind != RowKind::room) values.text("presence", copy(words(texts, shown.show)));
  if (shown.typing == Typing::composing) values.text("typing", texts.fill("stream.typing", {{"name", shown.title()}}));
  if (view.model.unread() > 0) values.text("unread", std::to_string(view.model.unread()));
  // A page that reloads by itself would take away what is being written: only one that is empty does.
  if (view.reader.reload_seconds > 0 && page.text.empty()) {
    values.text("seconds", std::to_string(view.reader.reload_seconds));
    if (page.asked > 0) values.text("more", "?n=" + std::to_string(page.asked));
  }
  return templates_.render("plain", texts, values);
}

std::string Pages::contact_add(const View& view, const std::string& message, const std::string& address,
                               const std::string& name, const std::string& groups) {
  Values values = base_values(view.reader, copy(view.reader.texts->text("contact.add_title")));
  values.text("message", message).text("address", address).text("name", name).text("groups", groups);
  values.text("token", view.token("/contact/add"));
  return templates_.render("contact_add", *view.reader.texts, values);
}

std::string Pages::contact(const View& view, const Conversation& who, const std::string& message) {
  const Catalogue& texts = *view.reader.texts;
  Values values = base_values(view.reader, copy(who.title()));
  values.text("message", message).text("name", copy(who.title())).text("address", who.address);
  values.text("status", who.status).text("presence", copy(words(texts, who.show)));
  values.flag("may_add", who.kind == RowKind::person);
  set_banner(values, view, who);
  if (who.buddy) {
    values.flag("buddy", true).text("given", who.buddy->name).text("groups", join_groups(*who.buddy));
    values.text("subscription", copy(subscription_words(texts, who.buddy->subscription)));
    values.flag("waiting", is_waiting(who)).flag("may_ask", !sees(*who.buddy) && !who.buddy->asked);
  }
  return templates_.render("contact", texts, values);
}

std::string Pages::room_join(const View& view, const std::string& message, const std::string& address,
                             const std::string& nick) {
  const Catalogue& texts = *view.reader.texts;
  const std::string& service = view.model.account().room_service;
  Values values = base_values(view.reader, copy(texts.text("room.join_title")));
  values.text("message", message).text("address", address).text("nick", nick).text("token", view.token("/room/join"));
  values.text("hint", service.empty() ? copy(texts.text("room.address_hint")) : "…@" + service);
  return templates_.render("room_join", texts, values);
}

std::string Pages::room(const View& view, const Conversation& which, const std::string& message,
                        const InviteForm& invite) {
  Values values = base_values(view.reader, copy(which.title()));
  values.text("message", message).text("name", copy(which.title())).text("address", which.address);
  values.flag("bookmarks", view.model.account().bookmarks);
  set_banner(values, view, which);
  set_occupants(values, view, which);
  if (which.room) {
    values.text("subject", which.room->subject).flag("kept", which.room->bookmarked);
    values.text("invitee", invite.address)
        .text("reason", invite.reason)
        .text("once", invite.once)
        .list("buddies", buddy_values(view));
  }
  return templates_.render("room", *view.reader.texts, values);
}

std::string Pages::settings(const View& view, const std::string& message, WallTime now) {
  const Catalogue& texts = *view.reader.texts;
  const Account& account = view.model.account();
  Values values = base_values(view.reader, copy(texts.text("settings.title")));
  values.text("message", message).text("status", account.status).text("token", view.token("/settings"));
  set_account(values, view);
  values.text("account", texts.fill("settings.account", {{"address", account.address}}));
  std::vector<Values> shows, zones, seconds;
  for (const Show show : {Show::online, Show::chat, Show::away, Show::extended_away, Show::do_not_disturb}) {
    shows.emplace_back()
        .text("value", std::to_string(static_cast<unsigned>(show)))
        .text("label", copy(words(texts, show)))
        .flag("chosen", account.show == show);
  }
  for (int zone = first_zone; zone <= last_zone; zone += zone_step) {
    if (!is_offered_zone(zone)) continue;
    zones.emplace_back()
        .text("value", std::to_string(zone))
        .text("label", zone_label(zone, now))
        .flag("chosen", zone == view.reader.zone_minutes);
  }
  for (const auto count : reloads) {
    const std::string number = std::to_string(count);
    seconds.emplace_back()
        .text("value", number)
        .text("label", count == 0 ? copy(texts.text("settings.never"))
                                  : texts.fill("settings.seconds_value", {{"count", number}}))
        .flag("chosen", count == view.reader.reload_seconds);
  }
  values.list("shows", std::move(shows)).list("zones", std::move(zones)).list("seconds", std::move(seconds));
  values.list("languages", language_values(texts));
  return templates_.render("settings", texts, values);
}

bool is_offered_zone(int minutes) {
  if (std::find(odd_zones.begin(), odd_zones.end(), minutes) != odd_zones.end()) return true;
  return minutes >= first_zone && minutes <= last_zone && minutes % (2 * zone_step) == 0;
}

bool is_offered_reload(std::uint32_t seconds) {
  return std::find(reloads.begin(), reloads.end(), seconds) != reloads.end();
}

bool is_offered_linger(std::uint32_t minutes) {
  return std::find(lingers.begin(), lingers.end(), minutes) != lingers.end();
}

}  // namespace webclient
