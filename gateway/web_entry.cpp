#include "gateway/web_entry.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "gateway/client_of.hpp"
#include "gateway/log.hpp"
#include "gateway/random.hpp"
#include "gateway/shard.hpp"
#include "gateway/sid.hpp"
#include "gateway/wall_clock.hpp"
#include "gateway/web_access.hpp"
#include "gateway/web_answer.hpp"
#include "gateway/web_forms.hpp"
#include "gateway/web_login.hpp"
#include "gateway/web_paths.hpp"
#include "gateway/web_upload.hpp"

namespace gateway {

namespace {

using webclient::Conversation;
using webclient::ConversationId;
using webclient::WebEngine;

constexpr std::size_t static_backlog = 30;
constexpr std::size_t max_backlog = 500;  // the model keeps no more

template <typename Id>
std::optional<Id> id_of(std::string_view name, char letter) {
  std::uint32_t number = 0;
  if (!name.starts_with(letter)) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return Id{number};
}

// "/app/c7" -> "app", "c7".
struct PathParts {
  std::string_view page, item, rest;
};

PathParts take_apart(std::string_view path) {
  PathParts out;
  path.remove_prefix(1);
  for (std::string_view* part : {&out.page, &out.item, &out.rest}) {
    const auto end = std::min(path.find('/'), path.size());
    *part = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return out;
}

std::size_t backlog_of(const Visit& visit, std::size_t least) {
  const std::string text = visit.asked("n");
  std::size_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return std::clamp(count, least, max_backlog);
}

// The name of a frame.
std::string random_window() {
  return random_token().substr(0, 12);
}

template <typename Step>
void step(Visit& visit, Step what) {
  visit.host->enter<WebEngine>([&](WebEngine& engine, xmpp::Instant now, xmpp::Actions& out) {
    engine.used(now, out);
    what(engine, now, out);
    engine.show(now, out);
  });
}

void serve_asset(Visit& visit, std::string_view name) {
  const auto& stylesheet = visit.shard.pages().templates().stylesheet();
  const auto asset = webclient::find_asset(name, stylesheet);
  if (asset.content.empty()) return answer_error(visit, 404, "error.not_found");
  Answer answer;
  answer.content_type = asset.content_type;
  answer.body = asset.content;
  answer.fields = "Content-Security-Policy: default-src 'none'\r\nCross-Origin-Resource-Policy: same-origin\r\n";
  if (asset.forever) answer.cache_control = "public, max-age=31536000, immutable";
  answer.compress = true;
  answer_browser(visit, answer);
}

// Whoever comes by a link on another site brings no cookie here, but the frames within do. So only where the browser
// tells that it is not so, or names a session that is gone, nobody is logged in.
bool is_nobody(const Visit& visit) {
  const auto& site = visit.request.head.sec_fetch_site;
  return visit.engine == nullptr && (visit.has_name || site == "same-origin" || site == "none");
}

void serve_app(Visit& visit, std::string_view item) {
  if (is_nobody(visit)) return answer_expired(visit, PageKind::whole);
  const bool known = visit.engine != nullptr;
  if (known && answered_for_state(visit, PageKind::whole)) return;
  if (known) visit.engine->prefer_static_pages(false);
  const webclient::Reader reader = visit.reader();
  const auto id = id_of<ConversationId>(item, 'c');
  if (!id && !item.empty()) return answer_error(visit, 404, "error.not_found");
  const Conversation* shown = known && id ? visit.engine->model().find(*id) : nullptr;
  if (known && id && shown == nullptr) return redirect(visit, "/app/");
  const std::uint32_t unread = known ? visit.engine->model().unread() : 0;
  const std::string name = id ? webclient::name_of(*id) : std::string();
  answer_page(visit, visit.shard.pages().app(shown, name, random_window(), unread, reader));
}

void serve_moved(Visit& visit, std::string_view item) {
  const auto& texts = visit.texts();
  webclient::NoticePage notice;
  notice.title = texts.text("app.name");
  notice.message = texts.text("stream.moved");
  notice.link = visit.base + "/app/" + std::string(item);
  notice.link_text = texts.text("stream.resume");
  notice.target = "_top";
  answer_page(visit, visit.shard.pages().notice(notice, texts), PageKind::framed);
}

void serve_stream(Visit& visit, std::string_view item) {
  if (visit.request.head.method == Method::head) return answer_page(visit, "", PageKind::framed);
  std::string window = visit.asked("w");
  if (window.empty() || window.size() > 32) window = random_window();
  if (visit.engine->is_displaced(window)) return serve_moved(visit, item);
  const auto id = id_of<ConversationId>(item, 'c').value_or(ConversationId{});
  if (!item.empty() && visit.engine->model().find(id) == nullptr) return answer_error(visit, 404, "error.not_found");
  webclient::StreamWish wish;
  wish.shown = id;
  wish.spare = random_window();
  wish.page.nonce = random_token();
  wish.page.path = visit.base + "/stream/" + std::string(item);
  wish.page.window = window;
  wish.page.backlog = backlog_of(visit, webclient::first_backlog);
  const bool older = wish.page.backlog > webclient::first_backlog;
  Shard& shard = visit.shard;
  if (!may_hold(visit, "stream")) return;
  const SessionId session = visit.host->id();
  visit.connection.leave(
      [&shard, session, older, base = visit.base, wish = std::move(wish)](HttpConnection::Left left) mutable {
        shard.add_connection<PushConnection>(std::move(left.stream), std::move(left.peer), [&](auto& stream) {
          stream.start(stream_head(wish.page.nonce, wish.page.address(), base), session);
          SessionHost* const host = shard.sessions().find(session);
          // Ended meanwhile: no event of it is left that this page would hear. The browser loads it anew, and is told.
          if (host == nullptr || host->ended()) return stream.finish(0);
          wish.connection = stream.ref();
          host->enter<WebEngine>([&](WebEngine& engine, xmpp::Instant now, xmpp::Actions& out) {
            const auto* shown = engine.model().find(wish.shown);
            if (older && shown != nullptr && shown->messages.size() < wish.page.backlog && !shown->history.complete) {
              (void)engine.client().load_older(wish.shown, now, out);
            }
            engine.open_stream(std::move(wish), now, out);
          });
        });
      });
}

void serve_compose(Visit& visit, const Conversation& to) {
  webclient::ComposePage page;
  page.once = random_token();
  page.lines = visit.asked("lines") == "1";
  if (const auto edit = id_of<webclient::MessageId>(visit.asked("edit"), 'm')) {
    const auto* message = visit.engine->model().find(to, *edit);
    if (message != nullptr && message->direction == webclient::Direction::outgoing) {
      page.edit = edit;
      page.text = (message->me ? "/me " : "") + message->text;
      page.lines = page.lines || page.text.find('\n') != std::string::npos;  // a form of one line would join them
    }
  }
  answer_page(visit, visit.shard.pages().compose(page, visit.engine->view(), to), PageKind::framed);
}

void serve_plain(Visit& visit, std::string_view item) {
  visit.engine->prefer_static_pages(true);
  const auto id = id_of<ConversationId>(item, 'c').value_or(ConversationId{});
  if (!item.empty() && visit.engine->model().find(id) == nullptr) return redirect(visit, "/plain/");
  const std::size_t asked = backlog_of(visit, static_backlog);
  const std::size_t backlog = visit.engine->backlog(id, asked);
  if (!item.empty()) {
    step(visit, [&](WebEngine& engine, xmpp::Instant now, xmpp::Actions& out) {
      (void)engine.client().open_conversation(id, now, out);
      const auto* shown = engine.model().find(id);
      if (asked > static_backlog && shown != nullptr && shown->messages.size() < asked) {
        (void)engine.client().load_older(id, now, out);
      }
    });
  }
  const Conversation* shown = visit.engine->model().find(id);
  const auto view = visit.engine->view();
  if (shown == nullptr) {
    answer_page(visit, visit.shard.pages().plain_list(view));
  } else {
    webclient::ComposePage page;
    page.once = random_token();
    if (asked > static_backlog) page.asked = asked;
    answer_page(visit, visit.shard.pages().plain(page, backlog, view, *shown));
  }
  step(visit, [&](WebEngine& engine, xmpp::Instant, xmpp::Actions&) { engine.page_written(id); });
}

void serve_private(Visit& visit, std::string_view item, std::string_view rest) {
  const auto room = id_of<ConversationId>(item, 'c');
  const auto with = id_of<webclient::OccupantId>(rest, 'o');
  if (!room || !with) return answer_error(visit, 404, "error.not_found");
  webclient::Opened opened;
  step(visit, [&](WebEngine& engine, xmpp::Instant now, xmpp::Actions& out) {
    opened = engine.client().start_private(*room, *with, now, out);
  });
  if (opened.problem != webclient::Problem::none) return answer_error(visit, 404, "error.not_found");
  redirect(visit,
           (visit.engine->reader().static_pages ? "/plain/" : "/app/") + webclient::name_of(opened.conversation));
}

void get(Visit& visit, const PathParts& where) {
  auto& pages = visit.shard.pages();
  const auto view = visit.engine->view();
  const auto id = id_of<ConversationId>(where.item, 'c');
  const Conversation* row = id ? visit.engine->model().find(*id) : nullptr;
  if (where.page == "stream") return serve_stream(visit, where.item);
  if (where.page == "plain") return serve_plain(visit, where.item);
  if (where.page == "compose" && row != nullptr) return serve_compose(visit, *row);
  if (where.page == "file" && row != nullptr) return show_file_form(visit, *row, {}, false);
  if (where.page == "private") return serve_private(visit, where.item, where.rest);
  if (where.page == "settings") return answer_page(visit, pages.settings(view, "", wall_now()));
  if (where.page == "contact" && where.item == "add")
    return answer_page(visit, pages.contact_add(view, "", "", "", ""));
  if (where.page == "contact" && row != nullptr) return answer_page(visit, pages.contact(view, *row, ""));
  if (where.page == "room" && where.item == "join") {
    const std::string& address = visit.engine->model().account().address;
    return answer_page(visit, pages.room_join(view, "", "", address.substr(0, address.find('@'))));
  }
  if (where.page == "room" && row != nullptr && row->room) {
    return answer_page(visit, pages.room(view, *row, "", {random_token(), {}, {}}));
  }
  answer_error(visit, 404, "error.not_found");
}

void post(Visit& visit, const PathParts& where) {
  const auto id = id_of<ConversationId>(where.item, 'c');
  const Conversation* row = id ? visit.engine->model().find(*id) : nullptr;
  if (where.page == "logout") return log_out(visit);
  if (where.page == "compose" && row != nullptr) return post_message(visit, *row, false);
  if (where.page == "plain" && row != nullptr) return post_message(visit, *row, true);
  if (where.page == "contact" && where.item == "add") return post_new_contact(visit);
  if (where.page == "contact" && row != nullptr) return post_contact(visit, *row);
  if (where.page == "room" && where.item == "join") return post_join(visit);
  if (where.page == "room" && row != nullptr && row->room) return post_room(visit, *row);
  if (where.page == "settings") return post_settings(visit);
  answer_error(visit, 404, "error.not_found");
}

// False: the request is on its way to the shard of its session.
bool find_session(Visit& visit) {
  std::optional<std::string_view> name;
  if (visit.base.empty()) {
    name = find_cookie(visit.request.head.cookie, Cookie::session, visit.client.secure);
  } else {
    name = std::string_view(visit.base).substr(visit.base.rfind('/') + 1);
  }
  visit.has_name = name.has_value();
  const auto sid = name ? read_sid(*name) : std::nullopt;
  if (!sid || sid->shard >= visit.shard.count()) return true;
  if (sid->shard != visit.shard.index()) {
    visit.shard.move_home(sid->shard, visit.connection, visit.request);
    return false;
  }
  SessionHost* const host = visit.shard.sessions().find(sid->secret);
  if (host == nullptr || (host->secure() && !visit.client.secure)) return true;
  auto* const engine = host->as<WebEngine>();
  // The name of a session that has a cookie must not be of use in a link, nor the other way round.
  if (engine == nullptr || engine->reader().base != visit.base) return true;
  visit.engine = engine;
  visit.host = host;
  return true;
}

// False after an answer.
bool read_form(Visit& visit) {
  if (!may_post(visit, "form")) return false;
  auto read = webclient::read_form(visit.request.body);
  auto* form = std::get_if<webclient::Form>(&read);
  if (!visit.request.head.form || visit.request.head.coding != Coding::identity || form == nullptr) {
    answer_error(visit, 400, "error.form");
    return false;
  }
  visit.form = std::move(*form);
  return true;
}

// What the paths of pages begin with that are for readers: a stranger is told to log in there, and elsewhere that there
// is nothing.
bool is_page(std::string_view name) {
  return std::find(reader_pages.begin(), reader_pages.end(), name) != reader_pages.end();
}

bool is_framed(const PathParts& where) {
  return where.page == "stream" || where.page == "compose" || where.page == "file" || where.page == "upload";
}

void serve_reader(Visit& visit, const PathParts& where, bool is_post) {
  if (visit.engine == nullptr && !is_page(where.page)) return answer_error(visit, 404, "error.not_found");
  if (visit.engine == nullptr) return answer_expired(visit, is_framed(where) ? PageKind::framed : PageKind::whole);
  // Who wants to leave may do so at any time.
  if (where.page != "logout" && answered_for_state(visit, is_framed(where) ? PageKind::framed : PageKind::whole))
    return;
  if (!is_post) return get(visit, where);
  const std::string expected = visit.engine->view().token(visit.path);
  if (!same_token(visit.form.value("token"), expected)) return answer_error(visit, 403, "error.form");
  post(visit, where);
}

}  // namespace

void serve_web(Shard& shard, HttpConnection& connection, const Request& request) {
  std::string_view target = request.head.target;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const auto slash = target.find('/', scheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  const auto question = std::min(target.find('?'), target.size());
  Visit visit{shard,
              connection,
              request,
              client_of(request, shard.config()),
              std::string(split_base(target)),
              std::string(target.substr(0, question)),
              target.substr(std::min(question + 1, target.size())),
              {},
              nullptr,
              nullptr};
  visit.path.erase(0, visit.base.size());
  if (visit.path.empty()) visit.path = "/";
  while (visit.path.size() > 1 && visit.path.ends_with('/')) visit.path.pop_back();  // H-018
  if (!visit.path.starts_with('/')) return answer_error(visit, 404, "error.not_found");
  const PathParts where = take_apart(visit.path);
  const Method method = request.head.method;
  const bool is_post = method == Method::post;
  if (!is_post && method != Method::get && method != Method::head) return answer_error(visit, 405, "error.method");
  if (where.page == "assets" && !is_post) return serve_asset(visit, where.item);
  const bool with_ticket = where.page == "login" && method == Method::get && !visit.asked("ticket").empty();
  if (with_ticket && visit.base.empty()) return redeem_ticket(visit);
  if (!find_session(visit)) return;
  if (is_post && where.page == "upload") {
    const auto id = id_of<ConversationId>(where.item, 'c');
    return serve_upload(visit, id && visit.engine != nullptr ? visit.engine->model().find(*id) : nullptr);
  }
  if (is_post && !read_form(visit)) return;
  if (visit.engine == nullptr) visit.base.clear();  // what is shown then are pages for everybody
  // "//x", "/login/x"
  if (!where.item.empty() && (where.page.empty() || where.page == "login"))
    return answer_error(visit, 404, "error.not_found");
  if (where.page == "login" && !visit.base.empty()) return answer_error(visit, 404, "error.not_found");
  if (where.page == "login") return is_post ? log_in(visit) : show_login(visit, "");
  if (where.page == "app" && !is_post) return serve_app(visit, where.item);
  if (!where.page.empty()) return serve_reader(visit, where, is_post);
  if (is_post) return answer_error(visit, 405, "error.method");
  if (visit.engine == nullptr) return show_login(visit, "");
  redirect(visit, visit.engine->reader().static_pages ? "/plain/" : "/app/");
}

}  // namespace gateway
