#include "gateway/bosh_entry.hpp"

#include <string>
#include <utility>

#include "bosh/body.hpp"
#include "bosh/engine.hpp"
#include "gateway/client_of.hpp"
#include "gateway/clock.hpp"
#include "gateway/log.hpp"
#include "gateway/session_host.hpp"
#include "gateway/session_table.hpp"
#include "gateway/shard.hpp"

namespace gateway {

namespace {

constexpr std::string_view xml_fields = "Content-Security-Policy: default-src 'none'; sandbox\r\n";  // H-019

void answer_condition(HttpConnection& connection, const Request& request, bosh::Condition condition, bool legacy,
                      bool close) {
  Answer answer;
  answer.status = legacy ? bosh::legacy_status(condition) : std::uint16_t{200};
  answer.content_type = bosh::default_content_type;
  answer.body = bosh::terminal_body(condition);
  answer.fields = xml_fields;
  answer.close = close;
  connection.answer(sequence_of(request.id), answer);
}

bool legacy_errors(const bosh::Creation& creation, const bosh::Policy& policy) {
  return policy.legacy_errors == bosh::LegacyErrors::always ||
         (policy.legacy_errors == bosh::LegacyErrors::automatic && creation.legacy);
}

void log_refusal(const Client& client, std::string_view what) {
  spdlog::info("request of {} refused: {}", client.address.to_string(), what);
}

void create(Shard& shard, HttpConnection& connection, const Request& request, const bosh::Body& body) {
  const Config& config = shard.config();
  const Client client = client_of(request, shard.config());
  auto read = bosh::read_creation(body, config.bosh);
  if (const auto* refusal = std::get_if<bosh::Refusal>(&read)) {
    log_refusal(client, refusal->text);
    return answer_condition(connection, request, refusal->condition, refusal->legacy, false);
  }
  const auto& creation = std::get<bosh::Creation>(read);
  const auto refuse = [&](bosh::Condition condition, std::string_view why) {
    log_refusal(client, why);
    answer_condition(connection, request, condition, legacy_errors(creation, config.bosh), false);
  };
  if (shard.draining()) return refuse(bosh::Condition::system_shutdown, "shutting down");

  const std::string& to = creation.to.empty() ? config.server.default_domain : creation.to;
  if (to.empty()) return refuse(bosh::Condition::improper_addressing, "no domain given");
  const auto found = config.domains.find(to);
  if (found.standing == Domains::Standing::removed)
    return refuse(bosh::Condition::host_gone, "domain no longer served");
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
  const AddressKey key = address_key(client.address);
  const auto full = shard.admission().session_started(key, *found.domain, config.limits, steady_now());
  if (!full.empty()) return refuse(bosh::Condition::policy_violation, full);
  const Sid sid = shard.mint_sid();
  std::string name = write_sid(sid);
  bosh::Engine engine(config.bosh, creation, bosh::Identity{name, found.domain->name}, steady_now());
  xmpp::StreamRequest stream = creation.stream;
  if (found.domain->stream.management.enabled) stream.management = xmpp::Management::owned;  // U-050
  SessionHost& host =
      shard.create_session(sid.secret, SessionStart{*found.domain, std::move(name), std::move(engine),
                                                    std::move(stream), SessionOrigin{client.address, client.secure}});
  connection.belongs_to(sequence_of(request.id), host.id());
  host.enter<bosh::Engine>([&](bosh::Engine& created, xmpp::Instant now, xmpp::Actions& out) {
    created.on_create(request.id, body, now, out);
  });
}

void not_found(Shard& shard, HttpConnection& connection, const Request& request) {
  const Client client = client_of(request, shard.config());
  const bool tolerable = shard.admission().sid_missed(address_key(client.address), shard.config().limits, steady_now());
  if (!tolerable) log_refusal(client, "too many requests for sessions that do not exist");
  // The same answer for whoever guesses: only the connection is not kept for him.
  refuse_bosh(shard, connection, request, bosh::Condition::item_not_found, !tolerable);
}

// This request and what follows on its connection belong to the shard of the session.
void move_to(unsigned home, Shard& shard, HttpConnection& connection, const Request& request) {
  connection.leave([&shard, home, head = request.head, body = std::string(request.body)](HttpConnection::Left left) {
    shard.move_connection(home, Moved{std::move(left.parts), left.peer, head, body, std::move(left.unread)});
  });
}

void serve_body(Shard& shard, HttpConnection& connection, const Request& request, std::string_view document) {
  const auto read = shard.body_reader().read(document);
  if (const auto* fault = std::get_if<bosh::BodyFault>(&read)) {
    log_refusal(client_of(request, shard.config()), fault->text);
    return refuse_bosh(shard, connection, request, fault->condition, false);
  }
  const auto& body = std::get<bosh::Body>(read);
  if (!body.sid) return create(shard, connection, request, body);
  const auto sid = read_sid(*body.sid);
  if (!sid || sid->shard >= shard.count()) return not_found(shard, connection, request);
  if (sid->shard != shard.index()) return move_to(sid->shard, shard, connection, request);
  SessionHost* const host = shard.sessions().find(sid->secret);
  if (host == nullptr || !host->has<bosh::Engine>()) return not_found(shard, connection, request);
  if (host->secure() && !client_of(request, shard.config()).secure) {
    // B-200: not a fault of the session, whose sid somebody may have overheard: only this connection ends.
    log_refusal(client_of(request, shard.config()), "request in clear for a session that was opened over TLS");
    return connection.close();
  }
  connection.belongs_to(sequence_of(request.id), host->id());
  host->enter<bosh::Engine>([&](bosh::Engine& engine, xmpp::Instant now, xmpp::Actions& out) {
    engine.on_request(request.id, body, now, out);
  });
}

}  // namespace

void refuse_bosh(Shard& shard, HttpConnection& connection, const Request& request, bosh::Condition condition,
                 bool close) {
  const bool legacy = shard.config().bosh.legacy_errors == bosh::LegacyErrors::always;
  answer_condition(connection, request, condition, legacy, close);
}

void serve_bosh(Shard& shard, HttpConnection& connection, const Request& request) {
  if (request.head.foreign_charset) {
    log_refusal(client_of(request, shard.config()), "not in UTF-8");
    return refuse_bosh(shard, connection, request, bosh::Condition::bad_request, false);
  }
  if (request.head.coding == Coding::identity) return serve_body(shard, connection, request, request.body);
  std::string plain;
  const std::size_t limit = shard.config().limits.from_client.max_bytes;
  switch (shard.codec().decompress(request.head.coding, request.body, limit, plain)) {
    case Codec::Outcome::ok:
      return serve_body(shard, connection, request, plain);
    case Codec::Outcome::too_large:
      log_refusal(client_of(request, shard.config()), "body too large when decompressed");
      return refuse_bosh(shard, connection, request, bosh::Condition::policy_violation, true);
    case Codec::Outcome::malformed:
      log_refusal(client_of(request, shard.config()), "body cannot be decompressed");
      return refuse_bosh(shard, connection, request, bosh::Condition::bad_request, false);
  }
}

}  // namespace gateway
