#include "gateway/web_upload.hpp"

#include <algorithm>
#include <utility>

#include "gateway/random.hpp"
#include "gateway/response_head.hpp"
#include "gateway/shard.hpp"
#include "gateway/upload_connection.hpp"
#include "gateway/wall_clock.hpp"

namespace gateway {

namespace {

using webclient::Problem;
using webclient::WebEngine;

// The smaller of what the server takes and what we pass on.
std::uint64_t file_limit(const Shard& shard, const webclient::Account& account) {
  const std::uint64_t own = shard.config().webchat.max_file_bytes;
  return account.upload_limit == 0 ? own : std::min(own, account.upload_limit);
}

std::string file_form(Shard& shard, const WebEngine& engine, const webclient::Conversation& to,
                      webclient::FilePage page) {
  page.once = random_token();
  page.limit = file_limit(shard, engine.model().account());
  return shard.pages().file(page, engine.view(), to);
}

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$&-^_.+").find(c) != std::string_view::npos;  // RFC 6838 4.2
}

// A browser that is still sending looks at an answer before it has sent everything only if it is an error.
std::uint16_t status_of(Problem problem) {
  switch (problem) {
    case Problem::file_too_large:
      return 413;
    case Problem::not_allowed:
      return 403;
    case Problem::no_file:
    case Problem::file_empty:
    case Problem::bad_request:
      return 400;
    default:
      return 503;
  }
}

}  // namespace

bool brings_file(std::string_view path) {
  return path.substr(split_base(path).size()).starts_with("/upload/");
}

std::string media_type(std::string_view text) {
  const auto slash = text.find('/');
  const auto is_name = [](std::string_view name) {
    return !name.empty() && name.size() <= 127 && std::all_of(name.begin(), name.end(), is_token_character);
  };
  const bool good =
      slash != std::string_view::npos && is_name(text.substr(0, slash)) && is_name(text.substr(slash + 1));
  return good ? std::string(text) : "application/octet-stream";
}

void show_file_form(Visit& visit, const webclient::Conversation& to, std::string draft, bool framed) {
  if (!visit.engine->model().account().upload) return answer_error(visit, 404, "problem.not_supported");
  webclient::FilePage page;
  page.text = std::move(draft);
  page.framed = framed;
  answer_page(visit, file_form(visit.shard, *visit.engine, to, std::move(page)), PageKind::framed);
}

void serve_upload(Visit& visit, const webclient::Conversation* to) {
  const RequestHead& head = visit.request.head;
  if (visit.engine == nullptr) return answer_expired(visit, PageKind::framed);
  if (!may_post(visit, "file")) return;
  if (to == nullptr) return answer_error(visit, 404, "error.not_found");
  auto boundary = webclient::MultipartReader::boundary_of(head.content_type);
  if (!boundary || head.coding != Coding::identity) return answer_error(visit, 400, "error.form");
  if (!head.length) return answer_error(visit, 411, "error.form");
  if (!may_hold(visit, "file")) return;
  UploadWish wish{visit.host->id(),
                  to->id,
                  std::move(*boundary),
                  *head.length,
                  visit.path,
                  visit.client.address.to_string(),
                  !visit.path.ends_with("/plain")};
  visit.connection.leave([&shard = visit.shard, wish = std::move(wish),
                          body = std::string(visit.request.body)](HttpConnection::Left left) mutable {
    shard.add_connection<UploadConnection>(std::move(left.stream), std::move(left.peer),
                                           [&](auto& upload) { upload.start(std::move(wish), body + left.unread); });
  });
}

std::string upload_answer(Shard& shard, SessionHost* host, const UploadWish& wish, Problem problem, std::string draft) {
  const auto* const engine = host != nullptr ? host->as<WebEngine>() : nullptr;
  const auto* const row = engine != nullptr ? engine->model().find(wish.to) : nullptr;
  ResponseHead head;
  head.content_type = page_type;
  head.close = true;
  std::string fields = page_fields(PageKind::framed, engine != nullptr ? engine->reader().base : std::string());
  std::string body;
  if (engine == nullptr) {
    const auto& texts = webclient::choose_language("");
    auto notice = expired_notice(texts, texts.text("login.expired"));
    notice.strip = wish.framed;
    notice.kept = std::move(draft);
    body = shard.pages().notice(notice, texts);
  } else if (problem == Problem::none && row != nullptr && !draft.empty()) {
    webclient::ComposePage page;
    page.once = random_token();
    page.lines = draft.find('\n') != std::string::npos;
    page.text = std::move(draft);
    auto& pages = shard.pages();
    body = wish.framed ? pages.compose(page, engine->view(), *row) : pages.plain(page, 30, engine->view(), *row);
  } else if (problem == Problem::none || row == nullptr) {
    const std::string name = webclient::name_of(wish.to);
    head.status = 303;
    fields += "Location: " + engine->reader().base;
    fields += wish.framed ? "/compose/" + name + "#t\r\n" : "/plain/" + name + "#write\r\n";
  } else {
    head.status = status_of(problem);
    webclient::FilePage page;
    page.message = webclient::words(*engine->reader().texts, problem);
    page.text = std::move(draft);
    page.framed = wish.framed;
    body = file_form(shard, *engine, *row, std::move(page));
  }
  head.length = body.size();
  head.fields = fields;
  head.date = http_date_now();
  std::string out;
  write_response_head(out, head);
  return out + body;
}

}  // namespace gateway
