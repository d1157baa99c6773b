#include "gateway/prebind_entry.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "bosh/prebind.hpp"
#include "gateway/clock.hpp"
#include "gateway/push_entry.hpp"
#include "gateway/random.hpp"
#include "gateway/session_host.hpp"
#include "gateway/shard.hpp"
#include "gateway/web_access.hpp"
#include "gateway/web_login.hpp"
#include "webclient/form.hpp"
#include "xmpp/jid.hpp"

namespace gateway {

namespace {

constexpr std::string_view json = "application/json";

// The request of a back end, by the fields of its form.
class PrebindEntry {
 public:
  PrebindEntry(Shard& shard, HttpConnection& connection, const Request& request)
      : shard_(shard), connection_(connection), request_(request), config_(shard.config().prebind) {}

  void serve() {
    if (!authorized()) return;
    if (!shard_.back_end_logins().try_now("all", config_.requests_per_minute, steady_now())) {
      return refuse(429, "too-many-requests");
    }
    auto read = webclient::read_form(request_.body);
    auto* const form = std::get_if<webclient::Form>(&read);
    if (!request_.head.form || request_.head.coding != Coding::identity || form == nullptr) {
      return refuse(400, "bad-request", "the body is not a form");
    }
    form_ = std::move(*form);
    if (!read_user() || !read_browser() || !may_start()) return;
    if (form_.value("for") == "webchat") {
      begin_webchat();
    } else {
      begin_session(form_.value("for") == "websocket");
    }
    form_.wipe();
  }

 private:
  bool authorized() {
    constexpr std::string_view scheme = "Bearer ";
    const std::string_view given = request_.head.authorization;
    if (given.starts_with(scheme) && same_token(given.substr(scheme.size()), config_.token)) return true;
    const auto from = std::to_string(static_cast<std::uint64_t>(address_key(request_.peer.address)));
    const bool tolerable =
        shard_.back_end_logins().try_now("address " + from, config_.failures_per_minute_per_address, steady_now());
    if (tolerable) {
      answer(401, R"({"error":"not-authorized"})", "WWW-Authenticate: Bearer\r\n");
      log("no valid token");
    } else {
      answer(429, R"({"error":"too-many-requests"})", {}, true);  // no line in the log for each
    }
    return false;
  }

  // Who logs in, with what, to which domain.
  bool read_user() {
    const std::string_view how = form_.value("how");
    std::string domain(form_.value("domain"));
    const std::string_view user = form_.value("user");
    const auto typed = xmpp::split_jid(user);
    const auto jid = xmpp::parse_jid(user);
    if (how == "anonymous") {
      identity_.kind = xmpp::SaslKind::anonymous;
    } else if (!typed || !jid || jid->local.empty()) {
      refuse(400, "bad-request", "user is no JID");
      return false;
    } else {
      domain = jid->domain;
      resource_ = jid->resource;
      identity_.user = typed->local;  // SASL prepares it in its own way
    }
    const auto found = shard_.config().domains.find(domain);
    if (found.standing != Domains::Standing::served) {
      refuse(400, "host-unknown", "the domain is not served");
      return false;
    }
    domain_ = found.domain;
    if (jid && how != "anonymous") account_ = jid->local + "@" + domain_->name;
    return read_proof(how);
  }

  bool read_proof(std::string_view how) {
    if (how == "anonymous") return true;
    if (how == "password" || how == "token") {
      const bool token = how == "token";
      identity_.kind = token ? xmpp::SaslKind::token : xmpp::SaslKind::password;
      if (token) identity_.authzid = account_;
      identity_.secret = xmpp::Secret(form_.value("secret"));
      if (!identity_.secret.empty()) return true;
      refuse(400, "bad-request", "secret is missing");
      return false;
    }
    if (how == "certificate" && !domain_->client_certificate.empty()) {
      identity_.kind = xmpp::SaslKind::certificate;
      identity_.authzid = account_;
      return true;
    }
    refuse(400, "bad-request", how == "certificate" ? "the domain has no client_certificate" : "how is unknown");
    return false;
  }

  // The session belongs to the browser: its address is what limits count and what the server is told.
  bool read_browser() {
    origin_ = {request_.peer.address, form_.value("secure") != "0"};
    if (const auto address = form_.find("address")) {
      boost::system::error_code error;
      origin_.address = unmapped(boost::asio::ip::make_address(std::string(*address), error));
      if (error) {
        refuse(400, "bad-request", "address is none");
        return false;
      }
    }
    const std::string_view wanted = form_.value("for");
    if (wanted.empty() || wanted == "bosh") return true;
    if (wanted == "webchat" && shard_.config().webchat.enabled) return true;
    if (wanted == "websocket" && !shard_.config().paths.websocket.empty()) return true;
    refuse(400, "bad-request", "what it is for is unknown or not enabled");
    return false;
  }

  bool may_start() {
    if (shard_.draining()) {
      refuse(503, "system-shutdown");
      return false;
    }
    if (!account_.empty() &&
        !shard_.back_end_logins().try_now("account " + account_, config_.logins_per_minute_per_account, steady_now())) {
      refuse(429, "too-many-requests", "too many logins of one account");
      return false;
    }
    started_.emplace(shard_.session_started(origin_.address, *domain_));
    if (started_->why_not.empty()) return true;
    refuse(503, "policy-violation", started_->why_not);
    return false;
  }

  // The answer comes from the session, when the server has let the user in or not.
  void begin_session(bool websocket) {
    const Sid sid = shard_.mint_sid();
    std::string name = write_sid(sid);
    bosh::PrebindTerms terms;
    terms.identity = {name, domain_->name};
    terms.first = first_rid();
    terms.patience = config_.login_timeout;
    terms.lifetime = static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(config_.lifetime).count());
    if (websocket) terms.websocket = websocket_terms(name);
    bosh::Prebind engine(shard_.config().bosh, std::move(identity_), std::move(resource_), std::move(terms));
    xmpp::StreamRequest stream;
    if (domain_->stream.management.enabled) stream.management = xmpp::Management::owned;  // U-050
    SessionHost& host =
        shard_.create_session(sid.secret, SessionStart{std::move(started_->place), *domain_, std::move(name),
                                                       std::move(engine), std::move(stream), origin_});
    connection_.belongs_to(sequence_of(request_.id), host.id());
    host.enter<bosh::Prebind>([&](bosh::Prebind& created, xmpp::Instant now, xmpp::Actions& out) {
      if (!websocket && shard_.config().bosh.push.enabled) {
        created.offer_stream(mint_stream_token(shard_.index(), host.id()));
      }
      created.start(request_.id, now, out);
    });
  }

  // The session itself ends when nobody comes; the ticket only must not live for less.
  [[nodiscard]] bosh::WebSocketTerms websocket_terms(const std::string& sid) const {
    const auto now = steady_now();
    std::string ticket = shard_.tickets().issue(sid, now + config_.login_timeout + config_.lifetime, now);
    return {&shard_.config().websocket.policy, domain_->name, std::move(ticket), random_number()};
  }

  // The reader sees by himself whether the login works; until he comes, the session has only the life of the ticket.
  void begin_webchat() {
    WebLogin login;
    login.place = std::move(started_->place);
    login.domain = domain_;
    login.identity = std::move(identity_);
    login.resource = std::move(resource_);
    login.reader.texts = &webclient::catalogue({});
    login.linger = config_.lifetime;
    login.origin = origin_;
    const std::string sid = begin_web_session(shard_, std::move(login));
    const auto now = steady_now();
    const std::string ticket = shard_.tickets().issue(sid, now + config_.lifetime, now);
    answer(200, R"({"ticket":")" + ticket + R"(","path":"/login?ticket=)" + ticket + "\"}\n");
  }

  // Any number would do, for the sid is the secret; one that nobody can foresee costs nothing.
  [[nodiscard]] bosh::Rid first_rid() const { return bosh::Rid{1} + static_cast<std::uint32_t>(random_number()); }

  void refuse(std::uint16_t status, std::string_view error, std::string_view why = {}) {
    std::string body = "{\"error\":" + bosh::json_string(error);
    if (!why.empty()) body += ",\"text\":" + bosh::json_string(why);
    log(why.empty() ? error : why);
    answer(status, body + "}\n");
  }

  void answer(std::uint16_t status, std::string_view body, std::string_view fields = {}, bool close = false) {
    Answer answer;
    answer.status = status;
    answer.content_type = json;
    answer.body = body;
    answer.fields = fields;
    answer.close = close;
    connection_.answer(sequence_of(request_.id), answer);
  }

  void log(std::string_view what) const {
    shard_.say_refused("prebind of {} refused: {}", request_.peer.address.to_string(), what);
  }

  Shard& shard_;
  HttpConnection& connection_;
  const Request& request_;
  const PrebindConfig& config_;
  webclient::Form form_;
  const Domain* domain_ = nullptr;
  std::string account_;  // prepared bare JID; empty: anonymous
  std::string resource_;
  xmpp::SaslIdentity identity_;
  SessionOrigin origin_;
  std::optional<Admission::Started> started_;
};

}  // namespace

void serve_prebind(Shard& shard, HttpConnection& connection, const Request& request) {
  PrebindEntry(shard, connection, request).serve();
}

}  // namespace gateway
