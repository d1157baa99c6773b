// Logging in to the chat without scripts, and out of it. A reader comes with a password, or with a ticket of a site
// that has begun the session for him.
#pragma once
#include <string>

#include "gateway/config.hpp"
#include "gateway/session_host.hpp"
#include "gateway/web_answer.hpp"
#include "webclient/iframe_stream.hpp"
#include "xmpp/sasl.hpp"
#include "xmpp/time.hpp"

namespace gateway {

void show_login(Visit& visit, const std::string& message, std::uint16_t status = 200);
void log_in(Visit& visit);
// With a ticket in the query.
void redeem_ticket(Visit& visit);
void log_out(Visit& visit);
// The session is not yet, or no longer, of use: says so and returns true.
[[nodiscard]] bool answered_for_state(Visit& visit, PageKind kind);

// A session that admission has let in already; gives its id.
struct WebLogin {
  SessionPlace place;
  const Domain* domain = nullptr;
  xmpp::SaslIdentity identity;
  std::string resource;  // empty: the client's own choice
  webclient::Reader reader;
  bool in_path = false;  // the session is named by the path of its pages, without a cookie
  xmpp::Duration linger{};
  SessionOrigin origin;
};
[[nodiscard]] std::string begin_web_session(Shard& shard, WebLogin login);

}  // namespace gateway
