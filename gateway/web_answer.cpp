#include "gateway/web_answer.hpp"

#include <algorithm>
#include <utility>

#include "gateway/log.hpp"
#include "gateway/response_head.hpp"
#include "gateway/shard.hpp"
#include "gateway/wall_clock.hpp"
#include "gateway/web_access.hpp"
#include "webclient/kept_reader.hpp"

namespace gateway {

namespace {

constexpr std::string_view base_mark = "/s/";
constexpr std::string_view common_fields =
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";
constexpr std::string_view whole_policy =
    "Content-Security-Policy: default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action "
    "'self'; "
    "frame-ancestors 'none'; base-uri 'none'\r\nX-Frame-Options: DENY\r\n";
constexpr std::string_view framed_policy =
    "Content-Security-Policy: default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'self'; base-uri 'none'\r\nX-Frame-Options: SAMEORIGIN\r\n";

// What the frame of the form for messages shows.
bool is_beside_messages(std::string_view path) {
  return path.starts_with("/compose/") || (path.starts_with("/upload/") && !path.ends_with("/plain"));
}

// no-referrer makes browsers send "Origin: null" with forms, so it is only for pages whose address is the secret: not
// even the log of a proxy of ours is to see it in a referrer.
std::string shared_fields(std::string_view base) {
  const std::string_view policy = base.empty() ? "same-origin" : "no-referrer";
  return std::string("Referrer-Policy: ").append(policy).append("\r\n").append(common_fields);
}

// A POST whose page hides where it is, so that the browser names no origin. Whoever knows the path is the reader, and
// the form has a token all the same.
bool hides_origin(const Visit& visit) {
  const auto& site = visit.request.head.sec_fetch_site;
  return visit.engine != nullptr && !visit.base.empty() && visit.request.head.origin == "null" &&
         (site.empty() || site == "same-origin");
}

}  // namespace

webclient::Reader Visit::reader() const {
  if (engine != nullptr) return engine->reader();
  webclient::Reader out;
  out.texts = &webclient::choose_language(request.head.accept_language);
  const auto kept = find_cookie(request.head.cookie, Cookie::reader, client.secure);
  if (kept) webclient::restore_reader(*kept, out);
  const std::string chosen = asked("lang");
  if (!chosen.empty()) out.texts = &webclient::catalogue(chosen);
  return out;
}

const webclient::Catalogue& Visit::texts() const {
  return *reader().texts;
}

std::string base_of(std::string_view sid) {
  return std::string(base_mark).append(sid);
}

std::string_view split_base(std::string_view path) {
  if (!path.starts_with(base_mark)) return {};
  return path.substr(0, std::min(path.find_first_of("/?", base_mark.size()), path.size()));
}

std::string Visit::asked(std::string_view name) const {
  const auto read = webclient::read_form(query);
  const auto* fields = std::get_if<webclient::Form>(&read);
  return fields == nullptr ? std::string() : std::string(fields->value(name));
}

std::string page_fields(PageKind kind, std::string_view base) {
  return shared_fields(base).append(kind == PageKind::whole ? whole_policy : framed_policy);
}

void answer_browser(Visit& visit, Answer answer) {
  answer.cross_origin = CrossOrigin::none;
  visit.connection.answer(sequence_of(visit.request.id), answer);
}

void answer_page(Visit& visit, std::string_view page, PageKind kind, std::uint16_t status,
                 std::string_view more_fields) {
  const std::string fields = page_fields(kind, visit.base).append(more_fields);
  Answer answer;
  answer.status = status;
  answer.content_type = page_type;
  answer.body = page;
  answer.fields = fields;
  answer_browser(visit, answer);
}

void redirect(Visit& visit, std::string_view location, std::string_view more_fields) {
  std::string fields = "Location: ";
  fields.append(visit.base).append(location).append("\r\n");
  fields.append(page_fields(PageKind::framed, visit.base)).append(more_fields);
  Answer answer;
  answer.status = 303;
  answer.content_type = "text/plain; charset=utf-8";
  answer.fields = fields;
  answer_browser(visit, answer);
}

void answer_notice(Visit& visit, webclient::NoticePage notice, PageKind kind, std::uint16_t status) {
  const auto reader = visit.reader();
  notice.strip = kind == PageKind::framed && is_beside_messages(visit.path);
  notice.kept = visit.form.value("text");
  if (!notice.kept.empty()) notice.wait = 0;
  answer_page(visit, visit.shard.pages().notice(notice, *reader.texts), kind, status);
}

void answer_error(Visit& visit, std::uint16_t status, std::string_view key) {
  const auto& texts = visit.texts();
  webclient::NoticePage notice;
  notice.title = texts.text("error.title");
  notice.message = texts.text(key);
  notice.link = visit.base + "/app/";
  notice.link_text = texts.text("nav.back");
  notice.target = "_top";
  notice.alert = true;
  answer_notice(visit, std::move(notice), PageKind::framed, status);
}

webclient::NoticePage expired_notice(const webclient::Catalogue& texts, std::string_view why) {
  webclient::NoticePage notice;
  notice.title = texts.text("app.name");
  notice.message = why;
  notice.link = "/login";
  notice.link_text = texts.text("login.again");
  notice.target = "_top";
  return notice;
}

void answer_expired(Visit& visit, PageKind kind) {
  const auto& texts = visit.texts();
  const bool lost = !visit.form.value("text").empty();
  answer_notice(visit, expired_notice(texts, texts.text(lost ? "login.not_sent" : "login.expired")), kind);
}

bool may_post(Visit& visit, std::string_view what) {
  const RequestHead& head = visit.request.head;
  if (is_from_here(head, visit.client.secure) || hides_origin(visit)) return true;
  const std::string_view hint = visit.client.proxied ? "does the proxy pass on Host and X-Forwarded-Proto?"
                                                     : "behind a proxy, see trusted_proxies";
  visit.shard.say_refused("{} of {} refused: from a page of another site ({}) than {}://{}; {}", what,
                          visit.client.address.to_string(),
                          safe_text(head.origin.empty() ? head.sec_fetch_site : head.origin),
                          visit.client.secure ? "https" : "http", safe_text(head.host), hint);
  answer_error(visit, 403, "error.forbidden");
  return false;
}

bool may_hold(Visit& visit, std::string_view what) {
  const auto full = visit.connection.hold_for(visit.client);
  if (full.empty()) return true;
  visit.shard.say_refused("{} of {} refused: {}", what, visit.client.address.to_string(), full);
  answer_error(visit, 503, "login.full");
  return false;
}

std::string stream_head(std::string_view nonce, std::string_view self, std::string_view base) {
  // Refresh waits for the end of the response, so it is the way back after a cut. It gives a gateway that was stopped
  // the time to start, since browsers try once; and where two delays are told they take the shorter, so the page
  // cannot ask for more. It names the page, because one whose address has a fragment (#end) would only scroll.
  std::string fields = "Refresh: 10;url=";
  fields.append(self).append("\r\n").append(shared_fields(base));
  fields += "Content-Security-Policy: default-src 'none'; style-src 'self' 'nonce-";
  fields.append(nonce);
  fields +=
      "'; img-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'\r\n"
      "X-Frame-Options: SAMEORIGIN\r\n";
  return endless_head(page_type, fields, http_date_now());
}

}  // namespace gateway
