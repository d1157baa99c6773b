#include "webclient/archive.hpp"

#include <algorithm>
#include <utility>

#include "webclient/names.hpp"
#include "webclient/stamp.hpp"
#include "webclient/stanza_error.hpp"
#include "xmpp/names.hpp"

namespace webclient {

namespace {

constexpr std::size_t page = 30, catch_up_page = 100;
constexpr std::size_t max_early = 8;              // a reader opens few before the server has answered
constexpr std::size_t max_catch_up_pages = 1000;  // what there is beyond that stays in the archive
constexpr std::size_t max_empty_pages = 10;       // in a row, for one that was asked for
constexpr std::size_t max_id = 512;

xmpp::NewElement field(const char* name, std::string_view value, bool hidden = false) {
  auto made = xmpp::NewElement("field", ns::data_form).set("var", name);
  if (hidden) made.set("type", "hidden");
  made.add(xmpp::NewElement("value", ns::data_form).text(value));
  return made;
}

xmpp::NewElement query(std::string_view id, std::string_view with) {
  auto form = xmpp::NewElement("x", ns::data_form).set("type", "submit");
  form.add(field("FORM_TYPE", ns::mam, true));
  if (!with.empty()) form.add(field("with", with));
  return xmpp::NewElement("query", ns::mam).set("queryid", id).add(std::move(form));
}

// "before" nothing is at the end of the archive, "after" nothing at its beginning.
xmpp::NewElement page_of(std::size_t size, std::string_view direction, std::string_view from) {
  auto set = xmpp::NewElement("set", ns::rsm).add(xmpp::NewElement("max", ns::rsm).text(std::to_string(size)));
  if (direction == "before") {
    set.add(xmpp::NewElement("before", ns::rsm).text(from));
  } else if (!from.empty()) {
    set.add(xmpp::NewElement("after", ns::rsm).text(from));
  }
  return set;
}

// How far back the archive has told of a conversation; empty: not at all.
std::string oldest_id(const Conversation& row) {
  if (!row.history.first.empty()) return row.history.first;
  const auto first =
      std::find_if(row.messages.begin(), row.messages.end(), [](const Message& m) { return !m.archive_id.empty(); });
  return first == row.messages.end() ? std::string() : first->archive_id;
}

}  // namespace

Archive::Archive(ChatModel& model, Wire& wire, const Self& self, Chats& chats, Rooms& rooms)
    : model_(model), wire_(wire), self_(self), chats_(chats), rooms_(rooms) {}

// ---- asking --------------------------------------------------------------------------------------------------------

bool Archive::ask(Conversation& row, std::string_view before, std::size_t pages, Turn& turn) {
  const auto id = wire_.new_id();
  auto iq = xmpp::NewElement("iq").set("type", "set").add(query(id, row.address).add(page_of(page, "before", before)));
  if (!wire_.ask(std::move(iq), {Question::archive, row.id, 0, {}, id, {}}, turn)) return false;
  row.history.loading = true;
  auto& open = queries_[id];
  open.conversation = row.id;
  open.before = pages;
  return true;
}

void Archive::open(Conversation& row, Turn& turn) {
  if (row.kind == RowKind::room || row.history.known || row.history.loading) return;
  if (!model_.account().archive) {
    std::erase(early_, row.id);
    early_.push_back(row.id);
    if (early_.size() > max_early) early_.pop_front();
    return;
  }
  ask(row, oldest_id(row), 0, turn);  // before what came live, if that is in the archive
}

// Where it stands when we come: what is behind that has come live, or has been missed.
void Archive::ask_for_end(Turn& turn) {
  if (!last_id_.empty() || was_empty_) return;
  auto iq = xmpp::NewElement("iq").set("type", "set").add(query(wire_.new_id(), {}).add(page_of(1, "before", {})));
  wire_.ask(std::move(iq), {Question::archive_end, {}, 0, {}, {}, {}}, turn);
}

void Archive::on_features(Turn& turn) {
  if (!model_.account().archive) return;
  ask_for_end(turn);
  for (const auto id : std::exchange(early_, {})) {
    if (auto* row = model_.edit(id)) open(*row, turn);
  }
}

Problem Archive::older(Conversation& row, Turn& turn) {
  if (row.kind == RowKind::room || !model_.account().archive) return Problem::not_supported;
  if (row.history.loading) return Problem::busy;
  if (row.history.complete) return Problem::nothing_older;
  if (row.messages.size() >= model_.bounds().messages) return Problem::too_many;
  return ask(row, oldest_id(row), 0, turn) ? Problem::none : Problem::offline;
}

void Archive::catch_up(Turn& turn) {
  if ((last_id_.empty() && !was_empty_) || !model_.account().archive) return;
  has_gap_ = true;
  live_id_.clear();
  pages_ = 0;
  ask_behind(last_id_, turn);
}

void Archive::ask_behind(std::string_view behind, Turn& turn) {
  const auto id = wire_.new_id();
  auto iq = xmpp::NewElement("iq").set("type", "set").add(query(id, {}).add(page_of(catch_up_page, "after", behind)));
  catching_up_ = wire_.ask(std::move(iq), {Question::catch_up, {}, 0, {}, id, {}}, turn);
  if (catching_up_) queries_[id];
}

// ---- results -------------------------------------------------------------------------------------------------------

bool Archive::on_message(xmpp::ElementView message, Turn& turn) {
  const auto result = message.child("result", ns::mam);
  if (!result) return false;
  const auto found = queries_.find(result.attribute("queryid"));
  if (!self_.is_account(message.attribute("from")) || found == queries_.end()) return true;
  Query& open = found->second;
  const bool catching_up = open.conversation == ConversationId{};
  if (++open.count > 2 * (catching_up ? catch_up_page : page)) return true;
  const auto forwarded = result.child("forwarded", ns::forward);
  const auto inner = forwarded.child("message", xmpp::ns::client);
  const auto when = read_stamp(forwarded.child("delay", ns::delay).attribute("stamp"));
  const auto id = result.attribute("id");
  if (!inner || !when || id.empty() || id.size() > max_id) return true;
  if (catching_up) {
    if (!rooms_.on_invitation(inner, turn)) chats_.take_archived(inner, {*when, std::string(id), true}, turn);
    last_id_ = id;
    return true;
  }
  const auto* row = model_.find(open.conversation);
  if (row == nullptr) return true;
  if (auto older = chats_.read_archived(inner, {*when, std::string(id), false}, row->address)) {
    open.results.push_back(std::move(*older));
  }
  return true;
}

void Archive::on_answer(const Asked& asked, xmpp::ElementView iq, Turn& turn) {
  const auto fin = iq.child("fin", ns::mam);
  const bool good = iq.attribute("type") == "result" && fin;
  const auto last = fin.child("set", ns::rsm).child("last", ns::rsm).text();
  if (asked.what == Question::archive_end) {
    was_empty_ = good && last.empty() && fin.attribute("complete") == "true";
    if (last_id_.empty() && last.size() <= max_id) last_id_ = last;
    return;
  }
  const auto found = queries_.find(asked.note);
  if (found == queries_.end()) return;
  auto done = std::move(found->second);
  queries_.erase(found);
  const bool complete = good && fin.attribute("complete") == "true";
  if (asked.what == Question::catch_up) {
    const bool further = good && !complete && !last.empty() && done.count > 0;
    if (further && ++pages_ < max_catch_up_pages) return ask_behind(last, turn);
    catching_up_ = false;
    // What is not closed now is tried again with the next stream; but not from a place that the archive has forgotten.
    if (good || problem_of(iq) == Problem::item_not_found) close_gap();
    return;
  }
  auto* row = model_.edit(asked.conversation);
  if (row == nullptr) return;
  row->history.loading = false;
  if (good) on_page(std::move(done), *row, fin, turn);
}

void Archive::on_page(Query query, Conversation& row, xmpp::ElementView fin, Turn& turn) {
  auto& history = row.history;
  auto first = fin.child("set", ns::rsm).child("first", ns::rsm).text();
  const bool further = !first.empty() && first.size() <= max_id && first != history.first;
  const bool nothing = query.results.empty();
  history.known = true;
  // One that tells the same again, or not where it is, has no more to tell.
  history.complete = fin.attribute("complete") == "true" || (nothing && !further);
  if (further) history.first = std::move(first);
  const auto pages = query.before + 1;
  const bool goes_on = nothing && !history.complete && pages < max_empty_pages;
  if (goes_on && ask(row, history.first, pages, turn)) return;
  add(std::move(query), row);  // which may have to drop some of it, and then begins there
}

void Archive::add(Query query, Conversation& row) {
  std::vector<std::pair<std::string, std::string>> corrections;
  std::vector<Message> older;
  older.reserve(query.results.size());
  for (auto& [message, corrects] : query.results) {
    if (!corrects.empty()) corrections.emplace_back(message.archive_id, corrects);
    older.push_back(std::move(message));
  }
  model_.prepend_messages(row, std::move(older));
  chats_.link_corrections(row, corrections);
}

void Archive::on_no_answer(const Asked& asked) {
  queries_.erase(asked.note);
  if (asked.what == Question::catch_up) catching_up_ = false;
  if (auto* row = model_.edit(asked.conversation)) row->history.loading = false;
}

void Archive::note(std::string_view archive_id) {
  if (!archive_id.empty()) (has_gap_ ? live_id_ : last_id_) = archive_id;
}

void Archive::close_gap() {
  has_gap_ = false;
  if (!live_id_.empty()) last_id_ = std::exchange(live_id_, {});
}

void Archive::forget() {
  for (const auto& [id, open] : std::exchange(queries_, {})) {
    if (auto* row = model_.edit(open.conversation)) row->history.loading = false;
  }
  catching_up_ = false;
}

}  // namespace webclient
