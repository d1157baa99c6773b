#include "webclient/roster.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "webclient/features.hpp"
#include "webclient/names.hpp"
#include "webclient/text.hpp"
#include "xmpp/names.hpp"

namespace webclient {

namespace {

constexpr std::size_t max_resources = 8;  // of one buddy; the rest is as good as not there
constexpr std::size_t max_gone = 64;      // rows that have gone and whose presence is still here

std::string_view show_name(Show show) {
  switch (show) {
    case Show::chat:
      return "chat";
    case Show::away:
      return "away";
    case Show::extended_away:
      return "xa";
    case Show::do_not_disturb:
      return "dnd";
    case Show::online:
    case Show::offline:
      break;
  }
  return {};
}

// The more a person can be talked to now, the less.
int absence(Show show) {
  switch (show) {
    case Show::chat:
      return 0;
    case Show::online:
      return 1;
    case Show::away:
      return 2;
    case Show::do_not_disturb:
      return 3;
    case Show::extended_away:
      return 4;
    case Show::offline:
      break;
  }
  return 5;
}

Subscription read_subscription(std::string_view text) {
  if (text == "both") return Subscription::both;
  if (text == "to") return Subscription::to;
  if (text == "from") return Subscription::from;
  return Subscription::none;
}

int read_priority(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return std::clamp(value, -128, 127);
}

std::string bare_of(std::string_view address) {
  const auto jid = xmpp::parse_jid(address);
  return jid ? jid->bare() : std::string();
}

}  // namespace

Show read_show(xmpp::ElementView presence) {
  const auto text = presence.child("show", xmpp::ns::client).text();
  if (text == "chat") return Show::chat;
  if (text == "away") return Show::away;
  if (text == "xa") return Show::extended_away;
  if (text == "dnd") return Show::do_not_disturb;
  return Show::online;
}

Roster::Roster(ChatModel& model, Wire& wire, const Self& self) : model_(model), wire_(wire), self_(self) {}

// ---- items ---------------------------------------------------------------------------------------------------------

void Roster::fetch(Turn& turn) {
  wire_.ask(xmpp::NewElement("iq").set("type", "get").add(xmpp::NewElement("query", ns::roster)),
            {Question::roster, {}, 0, {}, {}, {}}, turn);
}

void Roster::on_answer(xmpp::ElementView iq, Turn& /*turn*/) {
  if (iq.attribute("type") != "result") return;
  // What is not in it has been removed while there was no link.
  std::vector<ConversationId> before;
  for (const auto* row : model_.rows()) {
    if (row->buddy) before.push_back(row->id);
  }
  std::vector<std::string> now;
  for (auto item = iq.child("query", ns::roster).first_child(); item; item = item.next()) {
    if (!item.is("item", ns::roster)) continue;
    take_item(item);
    now.push_back(bare_of(item.attribute("jid")));
  }
  std::sort(now.begin(), now.end());
  for (const auto id : before) {
    auto* row = model_.edit(id);
    if (row != nullptr && !std::binary_search(now.begin(), now.end(), row->address)) model_.set_buddy(*row, {});
  }
}

void Roster::on_push(xmpp::ElementView iq, Turn& turn) {
  const auto item = iq.child("query", ns::roster).child("item", ns::roster);
  if (item) take_item(item);
  wire_.send(result_reply(iq), turn);
}

void Roster::take_item(xmpp::ElementView item) {
  const auto address = bare_of(item.attribute("jid"));
  if (address.empty() || address == self_.bare) return;
  if (item.attribute("subscription") == "remove") {
    auto* row = model_.edit(address);
    if (row == nullptr || !row->buddy) return;
    forget(row->id);
    model_.set_presence(*row, Show::offline, {});
    return model_.set_buddy(*row, std::nullopt);
  }
  auto* row = model_.edit(address);
  if (row == nullptr || !row->buddy) {
    if (model_.roster_size() >= model_.bounds().roster) return;
    row = model_.require(address, RowKind::person);
    if (row == nullptr || row->kind == RowKind::occupant) return;
  }
  const auto& bounds = model_.bounds();
  Buddy buddy;
  buddy.name = clean_label(item.attribute("name"), bounds.label);
  buddy.subscription = read_subscription(item.attribute("subscription"));
  buddy.asked = item.attribute("ask") == "subscribe";
  for (auto group = item.first_child(); group && buddy.groups.size() < bounds.groups; group = group.next()) {
    if (!group.is("group", ns::roster)) continue;
    auto name = clean_label(group.text(), bounds.label);
    if (!name.empty()) buddy.groups.push_back(std::move(name));
  }
  const bool sees_us = buddy.subscription == Subscription::from || buddy.subscription == Subscription::both;
  if (sees_us) model_.set_asks(*row, std::nullopt);
  model_.set_buddy(*row, std::move(buddy));
}

// ---- presence ------------------------------------------------------------------------------------------------------

void Roster::on_presence(xmpp::ElementView presence, Turn& turn) {
  const auto from = xmpp::parse_jid(presence.attribute("from"));
  if (!from) return;
  const auto type = presence.attribute("type");
  const auto address = from->bare();
  if (address == self_.bare) return;
  if (type == "subscribe") return on_subscribe(address, presence, turn);
  if (!type.empty() && type != "unavailable") return;  // the roster push says the rest
  auto* row = model_.edit(address);
  if (row == nullptr || row->kind != RowKind::person) return;
  auto& resources = seen_[row->id];
  if (type == "unavailable") {
    forget(resources, from->resource);
    if (resources.empty()) model_.set_typing(*row, Typing::no);
  } else if (resources.size() < max_resources || resources.contains(from->resource)) {
    forget(resources, from->resource);
    Seen seen;
    seen.priority = read_priority(presence.child("priority", xmpp::ns::client).text());
    seen.show = read_show(presence);
    seen.status = clean_text(presence.child("status", xmpp::ns::client).text(), model_.bounds().status).text;
    held_bytes_ += weight(*resources.emplace(from->resource, std::move(seen)).first);
  }
  show_best(*row);
  forget_the_gone();
}

// With its node in the map.
std::size_t Roster::weight(const Resources::value_type& one) {
  return sizeof one + 50 + one.first.size() + one.second.status.size();
}

void Roster::forget(Resources& in, const std::string& resource) {
  const auto found = in.find(resource);
  if (found == in.end()) return;
  held_bytes_ -= weight(*found);
  in.erase(found);
}

void Roster::forget(ConversationId of) {
  const auto found = seen_.find(of);
  if (found == seen_.end()) return;
  for (const auto& one : found->second) held_bytes_ -= weight(one);
  seen_.erase(found);
}

// The model does not say when it gives a row up for another. Strangers come by the thousand: what was seen of them goes
// now and then.
void Roster::forget_the_gone() {
  if (seen_.size() <= model_.size() + max_gone) return;
  std::vector<ConversationId> gone;
  for (const auto& [id, resources] : seen_) {
    if (model_.find(id) == nullptr) gone.push_back(id);
  }
  for (const auto id : gone) forget(id);
}

void Roster::show_best(Conversation& row) {
  const auto& resources = seen_[row.id];
  const Seen* best = nullptr;
  for (const auto& [resource, seen] : resources) {
    const bool better = best == nullptr || seen.priority > best->priority ||
                        (seen.priority == best->priority && absence(seen.show) < absence(best->show));
    if (better) best = &seen;
  }
  if (best == nullptr) {
    forget(row.id);
    return model_.set_presence(row, Show::offline, {});
  }
  model_.set_presence(row, best->show, best->status);
}

void Roster::forget_presence() {
  held_bytes_ = 0;
  for (const auto& [id, resources] : std::exchange(seen_, {})) {
    auto* row = model_.edit(id);
    if (row == nullptr) continue;
    model_.set_presence(*row, Show::offline, {});
    model_.set_typing(*row, Typing::no);
  }
}

void Roster::on_subscribe(std::string_view address, xmpp::ElementView presence, Turn& turn) {
  const auto* known = model_.find(address);
  const bool sees_us =
      known != nullptr && known->buddy &&
      (known->buddy->subscription == Subscription::from || known->buddy->subscription == Subscription::both);
  if (sees_us) {
    send_subscription(address, "subscribed", turn);  // RFC 6121 3.1.3
    return;
  }
  auto* row = model_.require(address, RowKind::person, Claim::question);
  if (row == nullptr || row->kind != RowKind::person) return;
  model_.set_asks(*row, clean_text(presence.child("status", xmpp::ns::client).text(), model_.bounds().status).text);
}

// ---- commands ------------------------------------------------------------------------------------------------------

Problem Roster::push(const Conversation& row, std::string_view name, const std::vector<std::string>& groups,
                     Turn& turn) {
  auto item = xmpp::NewElement("item", ns::roster).set("jid", row.address);
  const auto label = clean_label(name, model_.bounds().label);
  if (!label.empty()) item.set("name", label);
  std::size_t count = 0;
  for (const auto& group : groups) {
    const auto group_name = clean_label(group, model_.bounds().label);
    if (group_name.empty() || ++count > model_.bounds().groups) continue;
    item.add(xmpp::NewElement("group", ns::roster).text(group_name));
  }
  auto iq = xmpp::NewElement("iq").set("type", "set").add(xmpp::NewElement("query", ns::roster).add(std::move(item)));
  return wire_.ask(std::move(iq), {Question::roster_edit, row.id, 0, {}, {}, {}}, turn) ? Problem::none
                                                                                        : Problem::offline;
}

Problem Roster::add(const xmpp::Jid& who, std::string_view name, const std::vector<std::string>& groups, Turn& turn) {
  const auto address = who.bare();
  if (address == self_.bare) return Problem::own_address;
  const auto* known = model_.find(address);
  const bool is_new = known == nullptr || !known->buddy;
  if (is_new && model_.roster_size() >= model_.bounds().roster) return Problem::too_many;
  const auto* row = model_.require(address, RowKind::person);
  if (row == nullptr) return Problem::too_many;
  if (row->kind != RowKind::person) return Problem::bad_address;
  if (const auto problem = push(*row, name, groups, turn); problem != Problem::none) return problem;
  return send_subscription(address, "subscribe", turn) ? Problem::none : Problem::offline;
}

Problem Roster::change(const Conversation& row, std::string_view name, const std::vector<std::string>& groups,
                       Turn& turn) {
  return row.buddy ? push(row, name, groups, turn) : Problem::no_such_conversation;
}

Problem Roster::remove(const Conversation& row, Turn& turn) {
  if (!row.buddy) return Problem::no_such_conversation;
  auto item = xmpp::NewElement("item", ns::roster).set("jid", row.address).set("subscription", "remove");
  auto iq = xmpp::NewElement("iq").set("type", "set").add(xmpp::NewElement("query", ns::roster).add(std::move(item)));
  return wire_.ask(std::move(iq), {Question::roster_edit, row.id, 0, {}, {}, {}}, turn) ? Problem::none
                                                                                        : Problem::offline;
}

Problem Roster::answer(Conversation& row, bool accept, Turn& turn) {
  if (!row.asks) return Problem::no_such_conversation;
  if (wire_.full()) return Problem::offline;
  send_subscription(row.address, accept ? "subscribed" : "unsubscribed", turn);
  // Who lets somebody see them wants to see them too; the other side is asked.
  const bool sees_them = row.buddy && (row.buddy->subscription == Subscription::to ||
                                       row.buddy->subscription == Subscription::both || row.buddy->asked);
  if (accept && !sees_them) send_subscription(row.address, "subscribe", turn);
  model_.set_asks(row, std::nullopt);
  return Problem::none;
}

bool Roster::send_subscription(std::string_view to, std::string_view type, Turn& turn) {
  return wire_.send(xmpp::NewElement("presence").set("to", to).set("type", type), turn);
}

void Roster::set_own(Show show, std::string_view status, Turn& turn) {
  auto account = model_.account();
  account.show = show == Show::offline ? Show::online : show;  // who wants to be gone logs out
  account.status = clean_text(status, model_.bounds().status).text;
  model_.set_account(std::move(account), EventKind::own_changed);
  if (wire_.online()) announce({}, turn);
}

xmpp::NewElement Roster::own_presence(std::string_view to) const {
  const auto& account = model_.account();
  auto presence = xmpp::NewElement("presence");
  if (!to.empty()) presence.set("to", to);
  if (const auto show = show_name(account.show); !show.empty()) presence.add(xmpp::NewElement("show").text(show));
  if (!account.status.empty()) presence.add(xmpp::NewElement("status").text(account.status));
  presence.add(caps());
  return presence;
}

void Roster::announce(std::string_view to, Turn& turn) {
  wire_.send(own_presence(to), turn);
}

}  // namespace webclient
