#include "gateway/ws_entry.hpp"

#include <boost/asio/post.hpp>
#include <memory>
#include <string>
#include <utility>

#include "gateway/client_of.hpp"
#include "gateway/clock.hpp"
#include "gateway/log.hpp"
#include "gateway/random.hpp"
#include "gateway/session_host.hpp"
#include "gateway/shard.hpp"
#include "gateway/ws_connection.hpp"
#include "gateway/ws_handshake.hpp"
#include "xmpp/jid.hpp"
#include "xmpp/stream_error.hpp"
#include "xmpp/ws_engine.hpp"

namespace gateway {

namespace {

using Condition = xmpp::StreamCondition;

constexpr std::string_view plain_text = "text/plain; charset=utf-8";

void log_refusal(Shard& shard, const Client& client, std::string_view what) {
  shard.say_refused("request of {} refused: {}", client.address.to_string(), what);
}

xmpp::StreamRequest stream_request(const xmpp::OpenElement& open) {
  xmpp::StreamRequest request;
  request.lang = open.lang;
  request.from = xmpp::claimed_bare_jid(open.from).value_or(std::string());
  request.version = open.version;
  return request;
}

void open(Shard& shard, WsConnection& connection, const xmpp::OpenElement& open, xmpp::Framing framing) {
  const Config& config = shard.config();
  const Domain* const domain = served_domain(shard, connection, open.to, framing);
  if (domain == nullptr) return;
  const Client client = connection.client();
  auto started = shard.session_started(client.address, *domain);
  if (!started.why_not.empty()) {
    return refuse_stream(shard, connection, Condition::policy_violation, started.why_not, framing);
  }
  const Sid sid = shard.mint_sid();
  xmpp::WsEngine engine(config.websocket.policy, domain->name, {connection.ref(), random_number(), framing},
                        steady_now());
  xmpp::StreamRequest stream = stream_request(open);
  if (domain->stream.management.enabled) stream.management = xmpp::Management::late;  // W-033, U-050
  SessionHost& host = shard.create_session(
      sid.secret, SessionStart{std::move(started.place), *domain, write_sid(sid), std::move(engine), std::move(stream),
                               SessionOrigin{client.address, client.secure}});
  connection.belongs_to(host.id());
  host.enter<xmpp::WsEngine>(
      [](xmpp::WsEngine& created, xmpp::Instant now, xmpp::Actions& out) { created.on_open(now, out); });
}

}  // namespace

void refuse_stream(Shard& shard, WsConnection& connection, Condition condition, std::string_view why,
                   xmpp::Framing framing) {
  log_refusal(shard, connection.client(), why);
  const bool elsewhere = condition == Condition::system_shutdown;
  const auto& policy = shard.config().websocket.policy;
  const auto words = xmpp::refuse_open(
      {}, random_number(), condition, elsewhere ? std::string_view(policy.see_other_uri) : std::string_view{}, framing);
  connection.push(words.open);
  if (!words.error.empty()) connection.push(words.error);
  connection.push(words.close);
  connection.finish(static_cast<std::uint16_t>(elsewhere ? xmpp::WsClose::going_away : xmpp::WsClose::normal));
}

const Domain* served_domain(Shard& shard, WsConnection& connection, const std::string& to, xmpp::Framing framing) {
  const Config& config = shard.config();
  const auto no = [&](Condition condition, std::string_view why) {
    refuse_stream(shard, connection, condition, why, framing);
    return nullptr;
  };
  if (shard.draining()) return no(Condition::system_shutdown, "shutting down");
  const std::string& name = to.empty() ? config.server.default_domain : to;
  if (name.empty()) return no(Condition::improper_addressing, "no domain given");
  const auto found = config.domains.find(name);
  if (found.standing == Domains::Standing::removed) return no(Condition::host_gone, "domain no longer served");
  if (found.standing == Domains::Standing::served) return found.domain;
  return no(Condition::host_unknown, "domain '" + safe_text(name) + "' is not served");
}

void serve_upgrade(Shard& shard, HttpConnection& connection, const Request& request, bool ticketed) {
  const Client client = client_of(request, shard.config());
  auto answer = answer_handshake(request.head, shard.config().websocket);
  if (const auto* refusal = std::get_if<HandshakeRefusal>(&answer)) {
    log_refusal(shard, client, refusal->text.substr(0, refusal->text.find('\n')));
    Answer refused;
    refused.status = refusal->status;
    refused.content_type = plain_text;
    refused.body = refusal->text;
    refused.fields = refusal->fields;
    return connection.answer(sequence_of(request.id), refused);
  }
  if (const auto full = connection.hold_for(client); !full.empty()) {
    log_refusal(shard, client, full);
    Answer refused;
    refused.status = 503;
    refused.content_type = plain_text;
    refused.body = "There are too many connections from this address.\n";
    return connection.answer(sequence_of(request.id), refused);
  }
  connection.leave(
      [&shard, client, ticketed, handshake = std::get<WsHandshake>(std::move(answer))](HttpConnection::Left left) {
        shard.add_connection<WsConnection>(std::move(left.stream), std::move(left.peer), [&](auto& socket) {
          socket.start(handshake, client, std::move(left.unread), ticketed);
        });
      });
}

void open_session(Shard& shard, WsConnection& connection, const std::variant<xmpp::Framed, xmpp::Fault>& message) {
  if (const auto* fault = std::get_if<xmpp::Fault>(&message)) {
    return refuse_stream(shard, connection, xmpp::condition_of(fault->kind).value_or(Condition::bad_format),
                         fault->text);
  }
  const auto& framed = std::get<xmpp::Framed>(message);
  if (framed.framing == xmpp::Framing::draft && !shard.config().websocket.draft_framing) {
    return refuse_stream(shard, connection, Condition::bad_format,
                         "the framing of before RFC 7395, not switched on");  // W-036
  }
  switch (framed.kind) {
    case xmpp::Framed::Kind::nothing:
      return;
    case xmpp::Framed::Kind::open:
      return open(shard, connection, framed.open, framed.framing);
    case xmpp::Framed::Kind::close:
      connection.push(xmpp::write_close({}, framed.framing));
      return connection.finish(static_cast<std::uint16_t>(xmpp::WsClose::normal));
    case xmpp::Framed::Kind::element:
      return refuse_stream(shard, connection, Condition::bad_format, "a first message that is not <open/>");  // W-023
  }
}

}  // namespace gateway
