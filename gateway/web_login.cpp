#include "gateway/web_login.hpp"

#include <charconv>
#include <chrono>
#include <utility>

#include "gateway/random.hpp"
#include "gateway/shard.hpp"
#include "gateway/version.hpp"
#include "gateway/wall_clock.hpp"
#include "gateway/web_access.hpp"
#include "xmpp/jid.hpp"

namespace gateway {

namespace {

constexpr auto form_life = std::chrono::hours(12);

// What ties the form to us before there is a session: the hour, so that a page that was stolen once is of no use for
// ever.
std::string login_token(const Shard& shard, std::int64_t period) {
  return token_for(shard.web_key(), "/login " + std::to_string(period));
}

std::int64_t present_period() {
  return std::chrono::duration_cast<std::chrono::hours>(steady_now().time_since_epoch()) / form_life;
}

bool is_our_form(const Visit& visit) {
  const auto token = visit.form.value("token");
  const auto period = present_period();
  return same_token(token, login_token(visit.shard, period)) || same_token(token, login_token(visit.shard, period - 1));
}

bool has_guests(const Config& config) {
  for (const auto& domain : config.domains.all()) {
    if (domain.guests) return true;
  }
  return false;
}

std::uint32_t linger_of(const Visit& visit) {
  const auto text = visit.form.value("linger");
  std::uint32_t minutes = 0;
  std::from_chars(text.data(), text.data() + text.size(), minutes);
  return webclient::is_offered_linger(minutes) ? minutes : 10;
}

bool wants_no_cookie(const Visit& visit) {
  return visit.shard.config().webchat.session_in_path && visit.form.value("cookie") == "none";
}

struct Account {
  const Domain* domain = nullptr;
  std::string user;     // as it was typed: SASL prepares it in its own way
  std::string address;  // prepared
  std::string problem;  // for the reader; empty: none
};

Account account_of(const Visit& visit) {
  const auto& config = visit.shard.config();
  const auto& texts = visit.texts();
  Account out;
  std::string typed(visit.form.value("user"));
  while (typed.ends_with(' ')) typed.pop_back();
  typed.erase(0, typed.find_first_not_of(' '));
  const auto& domains = config.domains.all();
  if (typed.empty()) {
    out.problem = texts.text("login.no_user");
    return out;
  }
  if (typed.find('@') == std::string::npos && domains.size() == 1) typed += "@" + domains.front().name;
  const auto parts = xmpp::split_jid(typed);
  const auto jid = xmpp::parse_jid(typed);
  if (!parts || !jid || jid->local.empty()) {
    out.problem = texts.text("login.bad_address");
    return out;
  }
  const auto found = config.domains.find(jid->domain);
  if (found.domain == nullptr) {
    const bool one = domains.size() == 1;
    out.problem = texts.fill(one ? "login.other_domain" : "login.unknown_domain",
                             {{"domain", jid->domain}, {"served", domains.front().name}});
    return out;
  }
  if (visit.form.value("password").empty()) {
    out.problem = texts.text("login.no_password");
    return out;
  }
  out.domain = found.domain;
  out.user = parts->local;
  out.address = jid->local + "@" + found.domain->name;
  return out;
}

Account guest_of(const Visit& visit) {
  Account out;
  for (const auto& domain : visit.shard.config().domains.all()) {
    if (domain.guests && out.domain == nullptr) out.domain = &domain;
  }
  if (out.domain == nullptr) out.problem = webclient::words(visit.texts(), webclient::Problem::guests_not_allowed);
  return out;
}

bool may_try(const Visit& visit, const Account& account) {
  const auto& limits = visit.shard.config().webchat;
  const auto now = steady_now();
  auto& logins = visit.shard.logins();
  // As everywhere, an IPv6 client is its /64: it has all the addresses in it.
  const auto address = std::to_string(static_cast<std::uint64_t>(address_key(visit.client.address)));
  return logins.try_now("address " + address, limits.logins_per_minute_per_address, now) &&
         (account.address.empty() ||
          logins.try_now("account " + account.address, limits.logins_per_minute_per_account, now));
}

webclient::WebEngine make_engine(Shard& shard, WebLogin login, const std::string& sid) {
  const auto now = steady_now();
  webclient::ClientSettings client;
  client.domain = login.domain->name;
  client.resource = std::move(login.resource);
  client.seed = random_token();
  client.software = "postern";
  client.software_version = version;
  client.files = shard.config().webchat.max_file_bytes > 0;
  client.plain_upload_origins = login.domain->upload_origins;
  webclient::WebSettings settings;
  settings.reader = std::move(login.reader);
  if (login.in_path) settings.reader.base = base_of(sid);
  settings.linger = login.linger;
  settings.token = [key = token_for(shard.web_key(), sid)](std::string_view form) { return token_for(key, form); };
  return webclient::WebEngine(
      std::make_unique<webclient::Client>(std::move(client), std::move(login.identity), now, wall_now()),
      webclient::PushPolicy{}, shard.pages(), std::move(settings), now);
}

}  // namespace

void show_login(Visit& visit, const std::string& message, std::uint16_t status) {
  const bool had_no_cookie = !visit.base.empty();
  visit.base.clear();  // its form is for everybody, and must not hide where it comes from
  const auto& config = visit.shard.config();
  webclient::LoginPage page;
  page.message = message;
  if (message.empty() && visit.asked("out") == "1") {
    page.message = visit.texts().text("login.logged_out");
    page.is_error = false;
  }
  page.user = visit.form.value("user");
  page.token = login_token(visit.shard, present_period());
  if (config.domains.all().size() == 1) page.domain = config.domains.all().front().name;
  page.guests = has_guests(config);
  page.linger_minutes = linger_of(visit);
  page.static_pages = visit.form.value("mode") == "static";
  page.offers_no_cookie = visit.shard.config().webchat.session_in_path;
  page.no_cookie = wants_no_cookie(visit) || had_no_cookie;
  answer_page(visit, visit.shard.pages().login(page, visit.texts()), PageKind::whole, status);
}

void log_in(Visit& visit) {
  if (!is_our_form(visit)) return show_login(visit, std::string(visit.texts().text("error.form")), 403);
  const Account account = visit.form.value("how") == "guest" ? guest_of(visit) : account_of(visit);
  const bool tolerable = may_try(visit, account);
  if (!tolerable) {
    visit.shard.say_refused("login of {} refused: too many tries", visit.client.address.to_string());
    return show_login(visit, std::string(visit.texts().text("login.too_many")), 429);
  }
  if (!account.problem.empty()) return show_login(visit, account.problem);
  if (visit.shard.draining()) {
    return show_login(visit, std::string(webclient::words(visit.texts(), webclient::Problem::shutting_down)), 503);
  }
  auto started = visit.shard.session_started(visit.client.address, *account.domain);
  if (!started.why_not.empty()) {
    visit.shard.say_refused("login of {} refused: {}", visit.client.address.to_string(), started.why_not);
    return show_login(visit, std::string(visit.texts().text("login.full")), 503);
  }
  WebLogin login;
  login.place = std::move(started.place);
  login.domain = account.domain;
  login.identity.kind = account.user.empty() ? xmpp::SaslKind::anonymous : xmpp::SaslKind::password;
  login.identity.user = account.user;
  login.identity.secret = xmpp::Secret(visit.form.value("password"));
  login.reader = visit.reader();
  login.reader.static_pages = visit.form.value("mode") == "static";
  login.in_path = wants_no_cookie(visit);
  login.linger = std::chrono::minutes(linger_of(visit));
  login.origin = {visit.client.address, visit.client.secure};
  visit.form.wipe();
  const bool static_pages = login.reader.static_pages, in_path = login.in_path;
  const std::string sid = begin_web_session(visit.shard, std::move(login));
  if (in_path) visit.base = base_of(sid);
  redirect(visit, static_pages ? "/plain/" : "/app/",
           in_path ? std::string() : set_cookie(Cookie::session, sid, visit.client.secure));
}

// A new id for every login: one that somebody else has put into the browser is worth nothing.
std::string begin_web_session(Shard& shard, WebLogin login) {
  const Sid sid = shard.mint_sid();
  std::string name = write_sid(sid);
  const Domain& domain = *login.domain;
  const SessionOrigin origin = login.origin;
  SessionPlace place = std::move(login.place);
  auto engine = make_engine(shard, std::move(login), name);
  SessionHost& host =
      shard.create_session(sid.secret, SessionStart{std::move(place), domain, name, std::move(engine), {}, origin});
  host.enter<webclient::WebEngine>(
      [](webclient::WebEngine& created, xmpp::Instant now, xmpp::Actions& out) { created.start(now, out); });
  return name;
}

void redeem_ticket(Visit& visit) {
  const std::string ticket = visit.asked("ticket");
  auto& tickets = visit.shard.tickets();
  const auto sid = read_sid(tickets.find(ticket));
  if (sid && sid->shard != visit.shard.index()) {
    return visit.shard.move_home(sid->shard, visit.connection, visit.request);
  }
  const auto now = steady_now();
  const auto redeemed = read_sid(tickets.redeem(ticket, now));
  SessionHost* const host = redeemed ? visit.shard.sessions().find(redeemed->secret) : nullptr;
  if (host == nullptr || !host->has<webclient::WebEngine>() || (host->secure() && !visit.client.secure)) {
    return show_login(visit, std::string(visit.texts().text("login.expired")));
  }
  const bool static_pages = visit.asked("mode") == "static";
  host->enter<webclient::WebEngine>([&](webclient::WebEngine& engine, xmpp::Instant at, xmpp::Actions& out) {
    engine.arrived(std::chrono::minutes(linger_of(visit)), at);
    auto reader = visit.reader();
    reader.static_pages = static_pages;
    engine.set_reader(std::move(reader), at, out);
  });
  const std::string cookie = set_cookie(Cookie::session, write_sid(*redeemed), visit.client.secure);
  if (!static_pages) return redirect(visit, "/app/", cookie);
  // Who comes from another site brings the cookie with no redirect, but with the link of a page of ours.
  const auto& texts = visit.texts();
  webclient::NoticePage notice;
  notice.title = texts.text("login.title");
  notice.message = texts.text("login.wait");
  notice.link = "/plain/";
  notice.link_text = texts.text("login.wait_again");
  notice.wait = 1;
  answer_page(visit, visit.shard.pages().notice(notice, texts), PageKind::whole, 200, cookie);
}

void log_out(Visit& visit) {
  visit.host->prove_pages();
  visit.host->enter<webclient::WebEngine>(
      [](webclient::WebEngine& engine, xmpp::Instant now, xmpp::Actions& out) { engine.log_out(now, out); });
  const bool has_cookie = std::exchange(visit.base, {}).empty();
  redirect(visit, "/login?out=1", has_cookie ? forget_cookie(Cookie::session, visit.client.secure) : std::string());
}

bool answered_for_state(Visit& visit, PageKind kind) {
  using webclient::LinkState;
  const auto& account = visit.engine->model().account();
  if (account.link == LinkState::connecting) {
    const auto& texts = visit.texts();
    webclient::NoticePage notice;
    notice.title = texts.text("login.title");
    notice.message = texts.text("login.wait");
    // A frame asks for itself again, the page around it for the whole.
    const std::string frame = visit.base + visit.path + (visit.query.empty() ? "" : "?" + std::string(visit.query));
    notice.link =
        kind == PageKind::framed ? frame : visit.base + (visit.engine->reader().static_pages ? "/plain/" : "/app/");
    notice.link_text = texts.text("login.wait_again");
    notice.wait = 1;
    answer_notice(visit, std::move(notice), kind);
    return true;
  }
  if (account.link != LinkState::ended) return false;
  std::string why(webclient::words(visit.texts(), account.problem));
  if (why.empty()) why = visit.texts().text("login.expired");
  if (kind == PageKind::framed) {
    answer_notice(visit, expired_notice(visit.texts(), why), kind);
  } else {
    show_login(visit, why);
  }
  return true;
}

}  // namespace gateway
