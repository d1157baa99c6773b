#include "webclient/bookmarks.hpp"

#include <utility>

#include "webclient/names.hpp"
#include "webclient/stanza_error.hpp"
#include "webclient/text.hpp"
#include "xmpp/names.hpp"

namespace webclient {

namespace {

constexpr std::size_t max_extensions = 4096;  // bytes of one bookmark

xmpp::NewElement option(const char* name, std::string_view value) {
  return xmpp::NewElement("field", ns::data_form)
      .set("var", name)
      .add(xmpp::NewElement("value", ns::data_form).text(value));
}

// Nobody but the account may read them.
xmpp::NewElement publish_options() {
  auto form = xmpp::NewElement("x", ns::data_form).set("type", "submit");
  form.add(option("FORM_TYPE", ns::publish_options).set("type", "hidden"));
  form.add(option("pubsub#persist_items", "true"));
  form.add(option("pubsub#max_items", "max"));
  form.add(option("pubsub#send_last_published_item", "never"));
  form.add(option("pubsub#access_model", "whitelist"));
  return xmpp::NewElement("publish-options", ns::pubsub).add(std::move(form));
}

xmpp::NewElement conference(const Conversation& room, std::string_view in) {
  auto made = xmpp::NewElement("conference", in);
  if (!room.room->bookmark_name.empty()) made.set("name", room.room->bookmark_name);
  made.set("autojoin", room.room->autojoin ? "true" : "false");
  if (!room.room->nick.empty()) made.add(xmpp::NewElement("nick", in).text(room.room->nick));
  if (!room.room->password.empty()) made.add(xmpp::NewElement("password", in).text(room.room->password));
  return made;
}

xmpp::NewElement read_private() {
  auto query = xmpp::NewElement("query", ns::private_storage).add(xmpp::NewElement("storage", ns::storage_bookmarks));
  return xmpp::NewElement("iq").set("type", "get").add(std::move(query));
}

}  // namespace

Bookmarks::Bookmarks(ChatModel& model, Wire& wire, const Self& self, Rooms& rooms)
    : model_(model), wire_(wire), self_(self), rooms_(rooms) {}

// ---- reading -------------------------------------------------------------------------------------------------------

void Bookmarks::fetch(Turn& turn) {
  auto items = xmpp::NewElement("items", ns::pubsub).set("node", ns::bookmarks);
  auto iq = xmpp::NewElement("iq").set("type", "get").add(xmpp::NewElement("pubsub", ns::pubsub).add(std::move(items)));
  wire_.ask(std::move(iq), {Question::bookmarks, {}, 0, {}, {}, {}}, turn);
}

void Bookmarks::use(Store store) {
  store_ = store;
  auto account = model_.account();
  if (account.bookmarks) return;
  account.bookmarks = true;
  model_.set_account(std::move(account), EventKind::own_changed);
}

void Bookmarks::on_answer(const Asked& asked, xmpp::ElementView iq, Turn& turn) {
  const bool good = iq.attribute("type") == "result";
  if (asked.what == Question::bookmarks) return on_items(iq, turn);
  if (asked.what == Question::private_bookmarks) return on_private(iq, turn);
  if (asked.what == Question::private_edit) {
    reading_ = false;
    // Nothing is written over a list that could not be read.
    if (!good) return on_not_stored(problem_of(iq));
    return write_private(iq.child("query", ns::private_storage).child("storage", ns::storage_bookmarks), turn);
  }
  if (asked.what == Question::private_write) {
    if (!good) return on_not_stored(problem_of(iq));
    store_ = Store::private_storage;
    for (const auto& address : std::exchange(written_, {})) say(address, Problem::none);
    return;
  }
  if (!good) return on_refused(asked, problem_of(iq), turn);
  if (store_ == Store::untried) store_ = Store::items;
}

void Bookmarks::on_no_answer(const Asked& asked) {
  if (asked.what == Question::private_edit) reading_ = false;
  if (asked.what == Question::private_edit || asked.what == Question::private_write)
    on_not_stored(Problem::remote_server_timeout);
}

void Bookmarks::write_again(Turn& turn) {
  if (!changed_.empty()) change_private(*changed_.begin(), turn);
}

void Bookmarks::on_items(xmpp::ElementView iq, Turn& turn) {
  const bool good = iq.attribute("type") == "result";
  std::size_t count = 0;
  const auto items = iq.child("pubsub", ns::pubsub).child("items", ns::pubsub);
  for (auto item = items.first_child(); good && item; item = item.next()) {
    take(item.attribute("id"), item.child("conference", ns::bookmarks), ns::bookmarks);
    ++count;
  }
  if (count > 0) {
    use(Store::items);
    return join_marked(turn);
  }
  // Empty, or unknown to the server: what other clients stored in the older way?
  store_ = good || problem_of(iq) == Problem::item_not_found ? Store::untried : Store::unknown;
  wire_.ask(read_private(), {Question::private_bookmarks, {}, 0, {}, {}, {}}, turn);
}

void Bookmarks::on_private(xmpp::ElementView iq, Turn& turn) {
  const bool good = iq.attribute("type") == "result";
  std::size_t count = 0;
  const auto storage = iq.child("query", ns::private_storage).child("storage", ns::storage_bookmarks);
  for (auto at = storage.first_child(); good && at; at = at.next()) {
    if (!at.is("conference", ns::storage_bookmarks)) continue;
    take(at.attribute("jid"), at, ns::storage_bookmarks);
    ++count;
  }
  if (good && (count > 0 || store_ == Store::unknown)) {
    use(Store::private_storage);
  } else if (store_ == Store::untried) {
    use(Store::untried);
  }
  join_marked(turn);
}

void Bookmarks::take(std::string_view address, xmpp::ElementView conference, std::string_view in) {
  const auto jid = xmpp::parse_jid(address);
  if (!jid || jid->local.empty() || !jid->resource.empty() || !conference) return;
  auto* room = model_.require(jid->bare(), RowKind::room);
  if (room == nullptr || !room->room) return;
  const auto& bounds = model_.bounds();
  auto& known = *room->room;
  known.bookmarked = true;
  known.bookmark_name = clean_label(conference.attribute("name"), bounds.label);
  const auto autojoin = conference.attribute("autojoin");
  known.autojoin = autojoin == "true" || autojoin == "1";
  if (known.state == RoomState::outside) {
    known.nick = clean_label(conference.child("nick", in).text(), bounds.label);
    const auto password = conference.child("password", in).text();
    if (password.size() <= bounds.label) known.password = password;
  }
  const auto extensions = conference.child("extensions", in);
  if (!extensions || extensions.size() > max_extensions) {
    extensions_.erase(room->address);
  } else {
    extensions_[room->address] = xmpp::NewElement::copy_of(extensions).bytes();
  }
  model_.note(EventKind::rows_changed, room->id);
}

void Bookmarks::forget(std::string_view address) {
  const auto jid = xmpp::parse_jid(address);
  auto* room = jid ? model_.edit(jid->bare()) : nullptr;
  if (room == nullptr || !room->room || !room->room->bookmarked) return;
  room->room->bookmarked = room->room->autojoin = false;
  room->room->bookmark_name.clear();
  extensions_.erase(room->address);
  model_.note(EventKind::rows_changed, room->id);
}

void Bookmarks::join_marked(Turn& turn) {
  const auto own = xmpp::split_jid(self_.bare);
  for (const auto* row : model_.rows()) {
    if (!row->room || !row->room->autojoin || row->room->state != RoomState::outside) continue;
    auto* room = model_.edit(row->id);
    const std::string nick = row->room->nick.empty() && own ? std::string(own->local) : row->room->nick;
    // A copy: joining sets it.
    const std::string password = row->room->password;
    rooms_.join(*room, nick, password, turn);
  }
}

bool Bookmarks::on_event(xmpp::ElementView message) {
  const auto items = message.child("event", ns::pubsub_event).child("items", ns::pubsub_event);
  if (!items || items.attribute("node") != ns::bookmarks) return false;
  if (!self_.is_account(message.attribute("from"))) return true;
  for (auto at = items.first_child(); at; at = at.next()) {
    if (at.name() == "item") {
      take(at.attribute("id"), at.child("conference", ns::bookmarks), ns::bookmarks);
      if (store_ == Store::untried) store_ = Store::items;  // another client has begun
    }
    if (at.name() == "retract") forget(at.attribute("id"));
  }
  return true;
}

// ---- writing -------------------------------------------------------------------------------------------------------

Problem Bookmarks::set(Conversation& room, std::string_view name, bool autojoin, Turn& turn) {
  if (!room.room) return Problem::not_a_room;
  if (store_ == Store::unknown) return Problem::not_supported;
  if (!wire_.online()) return Problem::offline;
  room.room->bookmarked = true;
  room.room->bookmark_name = clean_label(name, model_.bounds().label);
  room.room->autojoin = autojoin;
  model_.set_problem(room, Problem::none);
  model_.note(EventKind::rows_changed, room.id);
  return write(room, turn);
}

Problem Bookmarks::remove(Conversation& room, Turn& turn) {
  if (!room.room || !room.room->bookmarked) return Problem::not_a_room;
  if (store_ == Store::unknown) return Problem::not_supported;
  if (!wire_.online()) return Problem::offline;
  const auto address = room.address;
  forget(address);
  if (store_ == Store::private_storage) return change_private(address, turn) ? Problem::none : Problem::busy;
  auto retract = xmpp::NewElement("retract", ns::pubsub).set("node", ns::bookmarks).set("notify", "true");
  retract.add(xmpp::NewElement("item", ns::pubsub).set("id", address));
  auto iq =
      xmpp::NewElement("iq").set("type", "set").add(xmpp::NewElement("pubsub", ns::pubsub).add(std::move(retract)));
  // Whether or not it is there: an error is no reason to write the list elsewhere.
  return wire_.ask(std::move(iq), {Question::ping, {}, 0, {}, {}, {}}, turn) ? Problem::none : Problem::busy;
}

Problem Bookmarks::write(const Conversation& room, Turn& turn) {
  if (store_ == Store::private_storage) return change_private(room.address, turn) ? Problem::none : Problem::busy;
  auto made = conference(room, ns::bookmarks);
  if (const auto kept = extensions_.find(room.address); kept != extensions_.end()) {
    if (const auto parsed = xmpp::ParsedElement::parse(kept->second)) {
      made.add(xmpp::NewElement::copy_of(parsed->root()));
    }
  }
  auto publish = xmpp::NewElement("publish", ns::pubsub).set("node", ns::bookmarks);
  publish.add(xmpp::NewElement("item", ns::pubsub).set("id", room.address).add(std::move(made)));
  auto pubsub = xmpp::NewElement("pubsub", ns::pubsub).add(std::move(publish)).add(publish_options());
  return wire_.ask(xmpp::NewElement("iq").set("type", "set").add(std::move(pubsub)),
                   {Question::bookmark_edit, room.id, 0, {}, {}, {}}, turn)
             ? Problem::none
             : Problem::busy;
}

// Not every server that has items takes them with the options that they need. Where nothing is stored yet, the older
// storage does as well; otherwise the reader's wish stays in the model, and is not stored.
void Bookmarks::on_refused(const Asked& asked, Problem problem, Turn& turn) {
  const auto* const room = model_.find(asked.conversation);
  if (room == nullptr) return;
  if (store_ == Store::untried && change_private(room->address, turn)) return;
  say(room->address, problem);
}

void Bookmarks::on_not_stored(Problem problem) {
  changed_.merge(written_);
  written_.clear();
  for (const auto& address : changed_) say(address, problem);
}

void Bookmarks::say(std::string_view address, Problem problem) {
  if (auto* const room = model_.edit(address))
    model_.set_problem(*room,
                       problem == Problem::conflict ? Problem::not_acceptable : problem);  // that speaks of nicks
}

bool Bookmarks::change_private(std::string_view address, Turn& turn) {
  changed_.emplace(address);
  if (!reading_) reading_ = wire_.ask(read_private(), {Question::private_edit, {}, 0, {}, {}, {}}, turn);
  return reading_;
}

void Bookmarks::write_private(xmpp::ElementView storage, Turn& turn) {
  auto written = xmpp::NewElement("storage", ns::storage_bookmarks);
  std::set<std::string> there;
  for (auto at = storage.first_child(); at; at = at.next()) {
    const auto jid = at.is("conference", ns::storage_bookmarks) ? xmpp::parse_jid(at.attribute("jid")) : std::nullopt;
    const auto changed = jid ? changed_.find(jid->bare()) : changed_.end();
    if (changed == changed_.end()) {
      written.add(xmpp::NewElement::copy_of(at));
      continue;
    }
    const auto* row = model_.find(*changed);
    if (!there.insert(*changed).second) continue;  // twice in the list
    if (row == nullptr || !row->room || !row->room->bookmarked) continue;
    written.add(xmpp::NewElement::copy_of(at)
                    .set("name", row->room->bookmark_name)
                    .set("autojoin", row->room->autojoin ? "true" : "false"));
  }
  for (const auto& address : changed_) {
    const auto* row = model_.find(address);
    if (there.contains(address) || row == nullptr || !row->room || !row->room->bookmarked) continue;
    written.add(conference(*row, ns::storage_bookmarks).set("jid", row->address));
  }
  auto query = xmpp::NewElement("query", ns::private_storage).add(std::move(written));
  const bool asked = wire_.ask(xmpp::NewElement("iq").set("type", "set").add(std::move(query)),
                               {Question::private_write, {}, 0, {}, {}, {}}, turn);
  if (!asked) return on_not_stored(Problem::busy);
  written_.merge(changed_);
  changed_.clear();
}

}  // namespace webclient
