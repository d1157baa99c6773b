// The one log line of a session's end: reason, age, counts. Never a full sid, a password or a stanza.
#pragma once
#include <string>
#include <string_view>

#include "bosh/engine.hpp"
#include "bosh/poll_engine.hpp"
#include "bosh/prebind.hpp"
#include "gateway/branch.hpp"
#include "webclient/web_engine.hpp"
#include "xmpp/binding.hpp"
#include "xmpp/fault.hpp"
#include "xmpp/stanza.hpp"
#include "xmpp/time.hpp"
#include "xmpp/ws_engine.hpp"

namespace gateway {

struct EndedSession {
  std::string_view sid;
  std::string_view client;  // address
  std::string_view domain;
  xmpp::Duration age;
  const xmpp::EndSession& end;
  std::string_view counts;   // what went through, by counts_of()
  std::string_view trouble;  // what the system said about the link to the server; may be empty
  bool encrypted;            // towards the server
};

[[nodiscard]] std::string counts_of(const bosh::Engine& engine);
[[nodiscard]] std::string counts_of(const xmpp::WsEngine& engine);
[[nodiscard]] std::string counts_of(const webclient::WebEngine& engine);
[[nodiscard]] std::string counts_of(const bosh::PollEngine& engine);
[[nodiscard]] std::string counts_of(const bosh::Prebind& engine);
[[nodiscard]] std::string counts_of(const Branch& branch);

// How the end of the stream to the server looks to the binding, and to the log.
[[nodiscard]] xmpp::EndReason end_reason_of(const xmpp::Fault& fault);
// Of a stream error what has a name; empty: the rest is the server's to choose.
[[nodiscard]] std::string_view named_condition(const xmpp::Stanza& stream_error);

void log_session_end(const EndedSession& session);

}  // namespace gateway
