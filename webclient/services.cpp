#include "webclient/services.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "webclient/names.hpp"
#include "webclient/stanza_error.hpp"
#include "webclient/text.hpp"
#include "xmpp/ascii.hpp"
#include "xmpp/names.hpp"

namespace webclient {

namespace {

constexpr std::size_t max_services = 24;
constexpr std::size_t max_url = 2048, max_header = 2048;

bool has_feature(xmpp::ElementView query, std::string_view feature) {
  for (auto at = query.first_child(); at; at = at.next()) {
    if (at.is("feature", ns::disco_info) && at.attribute("var") == feature) return true;
  }
  return false;
}

bool has_identity(xmpp::ElementView query, std::string_view category, std::string_view type) {
  for (auto at = query.first_child(); at; at = at.next()) {
    if (!at.is("identity", ns::disco_info) || at.attribute("category") != category) continue;
    if (at.attribute("type") == type) return true;
  }
  return false;
}

// XEP-0363 4: in a form beside the features. 0: not said.
std::uint64_t upload_limit(xmpp::ElementView query) {
  for (auto form = query.first_child(); form; form = form.next()) {
    if (!form.is("x", ns::data_form)) continue;
    for (auto field = form.first_child(); field; field = field.next()) {
      if (field.attribute("var") != "max-file-size") continue;
      const auto text = field.child("value", ns::data_form).text();
      std::uint64_t limit = 0;
      std::from_chars(text.data(), text.data() + text.size(), limit);
      return limit;
    }
  }
  return 0;
}

// XEP-0363 5: no other header may be passed on, and none that would be two.
bool is_allowed_header(std::string_view name) {
  constexpr std::string_view allowed[] = {"authorization", "cookie", "expires"};
  return std::any_of(std::begin(allowed), std::end(allowed),
                     [&](std::string_view one) { return xmpp::same_ignoring_case(name, one); });
}

// What others see of a name: no directories, no hidden file, nothing invisible.
std::string file_label(std::string_view name, std::size_t max_bytes) {
  std::string label = clean_label(name.substr(name.find_last_of("/\\") + 1), max_bytes);
  label.erase(0, label.find_first_not_of(". "));
  return label.empty() ? "file" : label;
}

Problem refusal_of(xmpp::ElementView iq) {
  if (iq.attribute("type") != "error") return Problem::upload_failed;
  // XEP-0363 5.1: beside a condition that says less.
  if (iq.child("error", xmpp::ns::client).child("file-too-large", ns::upload)) return Problem::file_too_large;
  return problem_of(iq);
}

}  // namespace

Services::Services(ChatModel& model, Wire& wire, const Self& self, const ClientSettings& settings, Chats& chats)
    : model_(model), wire_(wire), self_(self), settings_(settings), chats_(chats) {}

// ---- what there is -------------------------------------------------------------------------------------------------

void Services::ask_info(Question what, std::string address, Turn& turn) {
  auto iq = xmpp::NewElement("iq").set("type", "get").add(xmpp::NewElement("query", ns::disco_info));
  wire_.ask(std::move(iq), {what, {}, 0, std::move(address), {}, {}}, turn);
}

void Services::discover(Turn& turn) {
  wire_.ask(xmpp::NewElement("iq").set("type", "set").add(xmpp::NewElement("enable", ns::carbons)),
            {Question::carbons, {}, 0, {}, {}, {}}, turn);
  ask_info(Question::account_features, self_.bare, turn);
  ask_info(Question::server_features, self_.domain, turn);
  auto items = xmpp::NewElement("iq").set("type", "get").add(xmpp::NewElement("query", ns::disco_items));
  wire_.ask(std::move(items), {Question::server_items, {}, 0, self_.domain, {}, {}}, turn);
}

void Services::on_answer(const Asked& asked, xmpp::ElementView iq, Turn& turn) {
  if (asked.what == Question::slot) return on_slot(asked, iq);
  if (iq.attribute("type") != "result") return;
  if (asked.what == Question::server_items) {
    std::size_t count = 0;
    for (auto at = iq.child("query", ns::disco_items).first_child(); at && count < max_services; at = at.next()) {
      const auto jid = xmpp::parse_jid(at.attribute("jid"));
      if (!jid || !jid->local.empty() || !jid->resource.empty() || at.has_attribute("node")) continue;
      ask_info(Question::item_features, jid->domain, turn);
      ++count;
    }
    return;
  }
  const auto query = iq.child("query", ns::disco_info);
  auto account = model_.account();
  if (asked.what == Question::carbons) account.carbons = true;
  if (asked.what == Question::account_features) account.archive = has_feature(query, ns::mam);
  model_.set_account(std::move(account), EventKind::own_changed);
  if (asked.what == Question::item_features || asked.what == Question::server_features) {
    take_features(asked.address, query);
  }
}

void Services::take_features(std::string_view address, xmpp::ElementView query) {
  auto account = model_.account();
  if (settings_.files && has_feature(query, ns::upload) && (upload_service_.empty() || upload_service_ == address)) {
    upload_service_ = address;
    account.upload = true;
    account.upload_limit = upload_limit(query);
  }
  // A gateway to another network calls itself a conference too, but not of text.
  const bool is_rooms = has_feature(query, ns::muc) && has_identity(query, "conference", "text");
  if (is_rooms && account.room_service.empty()) account.room_service = address;
  model_.set_account(std::move(account), EventKind::own_changed);
}

void Services::on_no_answer(const Asked& asked) {
  if (asked.what != Question::slot) return;
  auto* upload = model_.edit(UploadId{asked.item});
  if (upload == nullptr) return;
  upload->state = UploadState::failed;
  upload->problem = Problem::remote_server_timeout;
  model_.note(EventKind::upload_changed, upload->conversation, asked.item);
}

// ---- files ---------------------------------------------------------------------------------------------------------

UploadStart Services::start_upload(const Conversation& to, const File& file, Turn& turn) {
  const auto& account = model_.account();
  if (!account.upload) return {Problem::not_supported, {}};
  if (file.size == 0) return {file.name.empty() ? Problem::no_file : Problem::file_empty, {}};
  if (account.upload_limit != 0 && file.size > account.upload_limit) return {Problem::file_too_large, {}};
  if (to.room && to.room->state != RoomState::joined) return {Problem::not_joined, {}};
  Upload upload;
  upload.conversation = to.id;
  upload.name = file_label(file.name, model_.bounds().label);
  upload.type = clean_label(file.type, model_.bounds().label);
  upload.size = file.size;
  const auto* added = model_.add_upload(std::move(upload));
  if (added == nullptr) return {Problem::too_many, {}};
  auto request = xmpp::NewElement("request", ns::upload).set("filename", added->name);
  request.set("size", std::to_string(added->size));
  if (!added->type.empty()) request.set("content-type", added->type);
  const auto id = added->id;
  auto iq = xmpp::NewElement("iq").set("type", "get").add(std::move(request));
  const Asked asked{Question::slot, to.id, static_cast<std::uint32_t>(id), upload_service_, {}, {}};
  if (wire_.ask(std::move(iq), asked, turn)) return {Problem::none, id};
  model_.remove_upload(id);
  return {Problem::offline, {}};
}

void Services::on_slot(const Asked& asked, xmpp::ElementView iq) {
  auto* upload = model_.edit(UploadId{asked.item});
  if (upload == nullptr || upload->state != UploadState::asking) return;
  const auto slot = iq.child("slot", ns::upload);
  const auto put = slot.child("put", ns::upload);
  const auto put_url = web_url(put.attribute("url"), max_url);
  const auto get_url = web_url(slot.child("get", ns::upload).attribute("url"), max_url);
  const auto is_safe = [&](const std::optional<std::string>& url) {
    if (!url || url->starts_with("https://")) return url.has_value();
    const auto& plain = settings_.plain_upload_origins;
    return std::find(plain.begin(), plain.end(), origin_of(*url)) != plain.end();
  };
  const bool good = iq.attribute("type") == "result" && is_safe(put_url) && is_safe(get_url);
  if (!good) {
    upload->state = UploadState::failed;
    upload->problem = refusal_of(iq);
    return model_.note(EventKind::upload_changed, upload->conversation, asked.item);
  }
  for (auto at = put.first_child(); at && upload->headers.size() < 8; at = at.next()) {
    const auto name = at.attribute("name");
    const auto value = at.text();
    if (!at.is("header", ns::upload) || !is_allowed_header(name)) continue;
    if (value.size() > max_header || clean_label(value, max_header) != value) continue;
    upload->headers.emplace_back(name, value);
  }
  upload->put_url = *put_url;
  upload->get_url = *get_url;
  upload->state = UploadState::ready;
  model_.note(EventKind::upload_changed, upload->conversation, asked.item);
}

Problem Services::finish_upload(UploadId id, bool good, Turn& turn) {
  auto* upload = model_.edit(id);
  if (upload == nullptr) return Problem::no_such_upload;
  auto problem = good ? Problem::none : Problem::upload_failed;
  if (good && upload->state != UploadState::ready) problem = Problem::busy;
  auto* row = model_.edit(upload->conversation);
  if (problem == Problem::none && row == nullptr) problem = Problem::no_such_conversation;
  if (problem == Problem::none) problem = chats_.send(*row, upload->get_url, upload->get_url, turn).problem;
  if (problem == Problem::none) {
    model_.remove_upload(id);
    return problem;
  }
  upload->state = UploadState::failed;
  upload->problem = problem;
  model_.note(EventKind::upload_changed, upload->conversation, static_cast<std::uint32_t>(id));
  return problem;
}

}  // namespace webclient
