#include "gateway/bosh_entry.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "bosh/body.hpp"
#include "bosh/engine.hpp"
#include "bosh/script_syntax.hpp"
#include "gateway/client_of.hpp"
#include "gateway/clock.hpp"
#include "gateway/log.hpp"
#include "gateway/push_entry.hpp"
#include "gateway/session_host.hpp"
#include "gateway/session_table.hpp"
#include "gateway/shard.hpp"

namespace gateway {

namespace {

constexpr std::string_view xml_fields = "Content-Security-Policy: default-src 'none'; sandbox\r\n";  // H-019

enum class Syntax : std::uint8_t { pure, script };  // XEP-0124, XEP-0252

bool legacy_errors(const bosh::Creation& creation, const bosh::Policy& policy) {
  return policy.legacy_errors == bosh::LegacyErrors::always ||
         (policy.legacy_errors == bosh::LegacyErrors::automatic && creation.legacy);
}

void log_refused(Shard& shard, const Address& client, std::string_view what) {
  shard.say_refused("request of {} refused: {}", client.to_string(), what);
}

// One request that is not, or not yet, one of a session.
class BoshEntry {
 public:
  BoshEntry(Shard& shard, HttpConnection& connection, const Request& request, Syntax syntax)
      : shard_(shard), connection_(connection), request_(request), syntax_(syntax) {}

  void serve_document(std::string_view document) {
    std::string head;
    const auto read = syntax_ == Syntax::pure ? shard_.body_reader().read(document)
                                              : bosh::read_script_body(shard_.body_reader(), document, head);
    if (const auto* fault = std::get_if<bosh::BodyFault>(&read)) return refuse(fault->condition, fault->text);
    const auto& body = std::get<bosh::Body>(read);
    if (!body.sid) return create(body);
    const auto sid = read_sid(*body.sid);
    if (!sid || sid->shard >= shard_.count()) return not_found();
    if (sid->shard != shard_.index()) return shard_.move_home(sid->shard, connection_, request_);
    SessionHost* const host = shard_.sessions().find(sid->secret);
    const bosh::Engine* const known = host == nullptr ? nullptr : host->as<bosh::Engine>();
    if (known == nullptr) return not_found();
    if (host->secure() && !client().secure) {
      // B-200: not a fault of the session, whose sid somebody may have overheard: only this connection ends.
      log_refusal(client(), "request in clear for a session that was opened over TLS");
      return connection_.close();
    }
    if (known->speaks_script() != (syntax_ == Syntax::script)) {
      return refuse(bosh::Condition::bad_request, "not in the syntax in which the session was created");
    }
    connection_.belongs_to(sequence_of(request_.id), host->id());
    host->enter<bosh::Engine>([&](bosh::Engine& engine, xmpp::Instant now, xmpp::Actions& out) {
      engine.on_request(request_.id, body, now, out);
    });
  }

  // Not for a fault of a session: nobody knows yet whether it is one of the client's.
  void refuse(bosh::Condition condition, std::string_view why, bool close = false) {
    log_refusal(client(), why);
    answer(condition, shard_.config().bosh.legacy_errors == bosh::LegacyErrors::always, close);
  }
  void answer(bosh::Condition condition, bool legacy, bool close) {
    Answer answer;
    answer.status = legacy && syntax_ == Syntax::pure ? bosh::legacy_status(condition) : std::uint16_t{200};
    answer.content_type = bosh::default_content_type;
    answer.body = bosh::terminal_body(condition);
    answer.fields = xml_fields;
    answer.close = close;
    std::string script;
    if (syntax_ == Syntax::script) {
      answer.content_type = bosh::script_content_type;
      answer.body = script = bosh::as_script(answer.body);
      answer.fields = bosh::script_fields;
    }
    connection_.answer(sequence_of(request_.id), answer);
  }

 private:
  [[nodiscard]] Client client() const { return client_of(request_, shard_.config()); }

  void create(const bosh::Body& body) {
    const Config& config = shard_.config();
    const Client client = this->client();
    auto read = bosh::read_creation(body, config.bosh);
    if (const auto* refusal = std::get_if<bosh::Refusal>(&read)) {
      log_refusal(client, refusal->text);
      return answer(refusal->condition, refusal->legacy, false);
    }
    const auto& creation = std::get<bosh::Creation>(read);
    Admitted admitted = admit(shard_, creation, client.address);
    if (admitted.domain == nullptr) {
      return answer(admitted.condition, legacy_errors(creation, config.bosh), false);
    }
    open_session(body, creation, std::move(admitted), client);
  }

  void open_session(const bosh::Body& body, const bosh::Creation& creation, Admitted admitted, const Client& client) {
    const Config& config = shard_.config();
    const Domain& domain = *admitted.domain;
    const Sid sid = shard_.mint_sid();
    std::string name = write_sid(sid);
    bosh::Identity identity{name, domain.name, nullptr};
    if (syntax_ == Syntax::script) {
      identity.script = std::make_unique<bosh::ScriptStream>(shard_.parser_pool(), config.limits.from_client);
    }
    bosh::Engine engine(config.bosh, creation, std::move(identity), steady_now());
    SessionHost& host = shard_.create_session(
        sid.secret, SessionStart{std::move(admitted.place), domain, std::move(name), std::move(engine),
                                 stream_request(domain, creation), SessionOrigin{client.address, client.secure}});
    connection_.belongs_to(sequence_of(request_.id), host.id());
    host.enter<bosh::Engine>([&](bosh::Engine& created, xmpp::Instant now, xmpp::Actions& out) {
      if (config.bosh.push.enabled) created.offer_stream(mint_stream_token(shard_.index(), host.id()));
      created.on_create(request_.id, body, now, out);
    });
  }

  void not_found() {
    const Client client = this->client();
    const bool tolerable =
        shard_.admission().sid_missed(address_key(client.address), shard_.config().limits, steady_now());
    if (!tolerable) log_refusal(client, "too many requests for sessions that do not exist");
    // The same answer for whoever guesses: only the connection is not kept for him.
    answer(bosh::Condition::item_not_found, shard_.config().bosh.legacy_errors == bosh::LegacyErrors::always,
           !tolerable);
  }

  void log_refusal(const Client& client, std::string_view what) const { log_refused(shard_, client.address, what); }

  Shard& shard_;
  HttpConnection& connection_;
  const Request& request_;
  const Syntax syntax_;
};

}  // namespace

Admitted admit(Shard& shard, const bosh::Creation& creation, const Address& client) {
  const Config& config = shard.config();
  const auto refuse = [&](bosh::Condition condition, std::string_view why) {
    log_refused(shard, client, why);
    return Admitted{{}, nullptr, condition};
  };
  if (shard.draining()) return refuse(bosh::Condition::system_shutdown, "shutting down");

  const std::string& to = creation.to.empty() ? config.server.default_domain : creation.to;
  if (to.empty()) return refuse(bosh::Condition::improper_addressing, "no domain given");
  const auto found = config.domains.find(to);
  if (found.standing == Domains::Standing::removed) {
    return refuse(bosh::Condition::host_gone, "domain no longer served");
  }
  if (found.standing == Domains::Standing::unknown) {
    return refuse(bosh::Condition::host_unknown, "domain '" + safe_text(to) + "' is not served");
  }
  // B-029, B-030: old clients always name the obvious way; anything else would let a browser choose where we connect.
  if (const auto* route = std::get_if<bosh::Route>(&creation.route)) {
    const auto where = config.domains.find(route->host);
    if (route->port != 5222 || where.domain != found.domain) {
      return refuse(bosh::Condition::host_unknown, "route to '" + safe_text(route->host) + "' is not allowed");
    }
  }
  auto started = shard.session_started(client, *found.domain);
  if (!started.why_not.empty()) return refuse(bosh::Condition::policy_violation, started.why_not);
  return {std::move(started.place), found.domain, bosh::Condition::none};
}

xmpp::StreamRequest stream_request(const Domain& domain, const bosh::Creation& creation) {
  xmpp::StreamRequest stream = creation.stream;
  if (domain.stream.management.enabled) stream.management = xmpp::Management::owned;  // U-050
  return stream;
}

void refuse_bosh(Shard& shard, HttpConnection& connection, const Request& request, bosh::Condition condition,
                 bool close) {
  const bool legacy = shard.config().bosh.legacy_errors == bosh::LegacyErrors::always;
  BoshEntry(shard, connection, request, Syntax::pure).answer(condition, legacy, close);
}

void serve_bosh(Shard& shard, HttpConnection& connection, const Request& request) {
  BoshEntry entry(shard, connection, request, Syntax::pure);
  if (request.head.foreign_charset) return entry.refuse(bosh::Condition::bad_request, "not in UTF-8");
  if (request.head.coding == Coding::identity) return entry.serve_document(request.body);
  std::string plain;
  const std::size_t limit = shard.config().limits.from_client.max_bytes;
  switch (shard.codec().decompress(request.head.coding, request.body, limit, plain)) {
    case Codec::Outcome::ok:
      return entry.serve_document(plain);
    case Codec::Outcome::too_large:
      return entry.refuse(bosh::Condition::policy_violation, "body too large when decompressed", true);
    case Codec::Outcome::malformed:
      return entry.refuse(bosh::Condition::bad_request, "body cannot be decompressed");
  }
}

void serve_bosh_script(Shard& shard, HttpConnection& connection, const Request& request, std::string_view query) {
  BoshEntry entry(shard, connection, request, Syntax::script);
  // S-007: the sid stands in the address, which any station on the way writes into its log.
  const Client client = client_of(request, shard.config());
  if (!client.secure && !client.address.is_loopback()) {
    return entry.refuse(bosh::Condition::policy_violation, "script syntax needs https");
  }
  const auto document = bosh::decode_script_query(query);
  if (!document) return entry.refuse(bosh::Condition::bad_request, "the query is not percent-encoded");
  entry.serve_document(*document);
}

}  // namespace gateway
