#include "gateway/end_log.hpp"

#include <chrono>
#include <string>

#include "gateway/log.hpp"
#include "xmpp/stream_error.hpp"

namespace gateway {

namespace {

std::string_view name_of(xmpp::EndReason reason) {
  switch (reason) {
    case xmpp::EndReason::client_terminated:
      return "terminated by the client";
    case xmpp::EndReason::client_lost:
      return "connection to the client lost";
    case xmpp::EndReason::inactivity:
      return "inactivity";
    case xmpp::EndReason::never_used:
      return "never used";
    case xmpp::EndReason::protocol_fault:
      return "protocol fault of the client";
    case xmpp::EndReason::policy:
      return "policy";
    case xmpp::EndReason::server_unreachable:
      return "server unreachable";
    case xmpp::EndReason::server_closed:
      return "closed by the server";
    case xmpp::EndReason::server_error:
      return "stream error of the server";
    case xmpp::EndReason::server_lost:
      return "connection to the server lost";
    case xmpp::EndReason::shutdown:
      return "shutdown";
    case xmpp::EndReason::overload:
      return "overload";
    case xmpp::EndReason::internal_error:
      return "internal error";
  }
  return "unknown";
}

// What an operator has to act on stands out from what clients do all day.
spdlog::level::level_enum level_of(xmpp::EndReason reason) {
  switch (reason) {
    case xmpp::EndReason::server_unreachable:
    case xmpp::EndReason::server_lost:
    case xmpp::EndReason::overload:
      return spdlog::level::warn;
    case xmpp::EndReason::internal_error:
      return spdlog::level::err;
    default:
      return spdlog::level::info;
  }
}

}  // namespace

std::string counts_of(const bosh::Engine& engine) {
  const bosh::Counters& counters = engine.counters();
  return fmt::format("requests {}, repeats {}, to server {}, to client {}", counters.requests, counters.repeats,
                     counters.to_server, counters.to_client);
}

std::string counts_of(const xmpp::WsEngine& engine) {
  return fmt::format("WebSocket, to server {}, to client {}", engine.counters().to_server, engine.counters().to_client);
}

std::string counts_of(const webclient::WebEngine& engine) {
  return fmt::format("chat without scripts, {} rows", engine.model().rows().size());
}

std::string counts_of(const bosh::PollEngine& engine) {
  const auto& counters = engine.counters();
  return fmt::format("polls {}, to server {}, to client {}", counters.requests, counters.to_server, counters.to_client);
}

std::string counts_of(const bosh::Prebind&) {
  return "begun by a back end";
}

std::string counts_of(const Branch& branch) {
  return fmt::format("stream {} of the session", branch.stream());
}

std::string_view named_condition(const xmpp::Stanza& stream_error) {
  const auto condition = xmpp::condition_in(stream_error.bytes);
  return condition ? xmpp::wire_name(*condition) : std::string_view{};
}

xmpp::EndReason end_reason_of(const xmpp::Fault& fault) {
  switch (fault.kind) {
    case xmpp::FaultKind::connection_failed:
    case xmpp::FaultKind::timed_out:
      return xmpp::EndReason::server_unreachable;
    case xmpp::FaultKind::stream_error:
      return xmpp::EndReason::server_error;
    case xmpp::FaultKind::closed:
      return xmpp::EndReason::server_closed;
    default:
      return xmpp::EndReason::server_lost;
  }
}

void log_session_end(const EndedSession& session) {
  const double seconds = std::chrono::duration<double>(session.age).count();
  std::string why(name_of(session.end.reason));
  if (!session.end.text.empty()) why.append(": ").append(session.end.text);
  if (!session.trouble.empty()) why.append(": ").append(safe_text(session.trouble, 300));
  if (!session.end.condition.empty()) why.append(" (").append(session.end.condition).append(")");
  spdlog::log(level_of(session.end.reason), "session {} of {} for {} ended after {:.1f} s: {}; {}{}",
              short_sid(session.sid), session.client, session.domain, seconds, why, session.counts,
              session.encrypted ? ", TLS" : "");
}

}  // namespace gateway
