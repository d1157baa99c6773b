#include "gateway/web_answer.hpp"

#include "gateway/shard.hpp"

namespace gateway {

namespace {

constexpr std::string_view html_type = "text/html; charset=utf-8";
constexpr std::string_view common_fields =
    "Referrer-Policy: same-origin\r\n"  // no-referrer would make browsers send "Origin: null" with forms
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";
constexpr std::string_view whole_policy =
    "Content-Security-Policy: default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action "
    "'self'; "
    "frame-ancestors 'none'; base-uri 'none'\r\nX-Frame-Options: DENY\r\n";
constexpr std::string_view framed_policy =
    "Content-Security-Policy: default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'self'; base-uri 'none'\r\nX-Frame-Options: SAMEORIGIN\r\n";

}  // namespace

const webclient::Catalogue& Visit::texts() const {
  if (engine != nullptr) return *engine->reader().texts;
  const std::string chosen = asked("lang");
  if (!chosen.empty()) return webclient::catalogue(chosen);
  return webclient::choose_language(request.head.accept_language);
}

std::string Visit::asked(std::string_view name) const {
  const auto read = webclient::read_form(query);
  const auto* fields = std::get_if<webclient::Form>(&read);
  return fields == nullptr ? std::string() : std::string(fields->value(name));
}

void answer_page(Visit& visit, std::string_view page, PageKind kind, std::uint16_t status,
                 std::string_view more_fields) {
  std::string fields(common_fields);
  fields.append(kind == PageKind::whole ? whole_policy : framed_policy).append(more_fields);
  Answer answer;
  answer.status = status;
  answer.content_type = html_type;
  answer.body = page;
  answer.fields = fields;
  visit.connection.answer(sequence_of(visit.request.id), answer);
}

void redirect(Visit& visit, std::string_view location, std::string_view more_fields) {
  std::string fields = "Location: ";
  fields.append(location).append("\r\n").append(common_fields).append(framed_policy).append(more_fields);
  Answer answer;
  answer.status = 303;
  answer.content_type = "text/plain; charset=utf-8";
  answer.fields = fields;
  visit.connection.answer(sequence_of(visit.request.id), answer);
}

void answer_error(Visit& visit, std::uint16_t status, std::string_view key) {
  const auto& texts = visit.texts();
  webclient::NoticePage notice;
  notice.title = texts.text("error.title");
  notice.message = texts.text(key);
  notice.link = "/app/";
  notice.link_text = texts.text("nav.back");
  notice.target = "_top";
  notice.alert = true;
  answer_page(visit, visit.shard.pages().notice(notice, texts), PageKind::framed, status);
}

void answer_expired(Visit& visit, PageKind kind) {
  const auto& texts = visit.texts();
  webclient::NoticePage notice;
  notice.title = texts.text("app.name");
  notice.message = texts.text("login.expired");
  notice.link = "/login";
  notice.link_text = texts.text("login.again");
  notice.target = "_top";
  answer_page(visit, visit.shard.pages().notice(notice, texts), kind);
}

std::string stream_head(std::string_view nonce, std::string_view self) {
  std::string out = "HTTP/1.1 200 OK\r\nContent-Type: ";
  out.append(html_type);
  // Refresh waits for the end of the response, so it is the way back after a cut; it names the page, because one whose
  // address has a fragment (#end) would only scroll. No length and no chunks: where a connection ends without the last
  // chunk, Chromium never loads anew.
  out.append("\r\nConnection: close\r\nRefresh: 2;url=").append(self);
  out +=
      "\r\nCache-Control: no-store, no-transform\r\nX-Accel-Buffering: no\r\n"
      "X-Content-Type-Options: nosniff\r\n";
  out.append(common_fields);
  out += "Content-Security-Policy: default-src 'none'; style-src 'self' 'nonce-";
  out.append(nonce);
  out +=
      "'; img-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'\r\n"
      "X-Frame-Options: SAMEORIGIN\r\n\r\n";
  return out;
}

}  // namespace gateway
