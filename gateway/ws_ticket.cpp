#include "gateway/ws_ticket.hpp"

#include <string>

#include "gateway/clock.hpp"
#include "gateway/log.hpp"
#include "gateway/random.hpp"
#include "gateway/session_host.hpp"
#include "gateway/shard.hpp"
#include "gateway/ws_connection.hpp"
#include "gateway/ws_entry.hpp"
#include "xmpp/ticket_door.hpp"
#include "xmpp/ws_engine.hpp"

namespace gateway {

namespace {

using xmpp::TicketDoor;

void fail(WsConnection& connection, std::string_view condition) {
  connection.push(TicketDoor::failure(condition));
  connection.push(xmpp::framing_close);
  connection.finish(static_cast<std::uint16_t>(xmpp::WsClose::normal));
}

// One guess a connection, and not so many lines in the log. Tickets cannot be guessed; this is about the noise.
void turn_away(Shard& shard, WsConnection& connection, std::string_view why) {
  const auto from = std::to_string(static_cast<std::uint64_t>(address_key(connection.client().address)));
  const auto allowed = shard.config().prebind.failures_per_minute_per_address;
  if (shard.logins().try_now("ticket of " + from, allowed, steady_now())) {
    spdlog::info("ticket of {} refused: {}", connection.client().address.to_string(), why);
  }
  fail(connection, "not-authorized");
}

void redeem(Shard& shard, WsConnection& connection, const xmpp::Secret& ticket) {
  const auto sid = read_sid(shard.tickets().redeem(ticket.view(), steady_now()));
  if (!sid) return turn_away(shard, connection, "unknown, used or too late");
  if (sid->shard == shard.index()) return attach_session(shard, connection, *sid);
  connection.move_to(*sid);
}

}  // namespace

void serve_at_door(Shard& shard, WsConnection& connection, const std::variant<xmpp::Framed, xmpp::Fault>& message) {
  const auto step = connection.door()->on_message(message);
  switch (step.kind) {
    case TicketDoor::Kind::nothing:
      return;
    case TicketDoor::Kind::greet:
      if (const Domain* const domain = served_domain(shard, connection, step.to, xmpp::Framing::rfc7395)) {
        for (const auto& words : TicketDoor::greeting(domain->name, random_number())) connection.push(words);
      }
      return;
    case TicketDoor::Kind::ticket:
      return redeem(shard, connection, step.ticket);
    case TicketDoor::Kind::fail:
      return fail(connection, step.failure);
    case TicketDoor::Kind::refuse:
      return refuse_stream(shard, connection, step.condition, step.why);
    case TicketDoor::Kind::leave:
      connection.push(xmpp::framing_close);
      return connection.finish(static_cast<std::uint16_t>(xmpp::WsClose::normal));
  }
}

void attach_session(Shard& shard, WsConnection& connection, const Sid& sid) {
  SessionHost* const host = shard.sessions().find(sid.secret);
  const auto* const engine = host == nullptr ? nullptr : host->as<xmpp::WsEngine>();
  if (engine == nullptr || !engine->is_awaited()) return turn_away(shard, connection, "its session is gone");
  if (host->secure() && !connection.client().secure) return turn_away(shard, connection, "not over TLS");  // B-200
  connection.belongs_to(host->id());
  host->enter<xmpp::WsEngine>([ref = connection.ref()](xmpp::WsEngine& awaited, xmpp::Instant now, xmpp::Actions& out) {
    awaited.attach(ref, now, out);
  });
}

}  // namespace gateway
