// What the parts of the client share: the settings of the session, who we are, and the moment of the step. One shard,
// one thread.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "webclient/chat_model.hpp"
#include "xmpp/binding.hpp"
#include "xmpp/jid.hpp"
#include "xmpp/sasl.hpp"
#include "xmpp/time.hpp"

namespace webclient {

struct ClientSettings {
  std::string domain;    // of the account, prepared
  std::string resource;  // wished for; empty: the server chooses
  std::string seed;      // random text of the shell (128 bits or more): ids of stanzas, jitter
  std::string software;  // name and version, for who asks (XEP-0092)
  std::string software_version;
  bool files = true;                              // are offered, where the server takes them
  std::vector<std::string> plain_upload_origins;  // "http://host:port" where files may go though it is not https
  Bounds bounds;
  xmpp::Duration login_timeout = std::chrono::seconds(30);   // from link to bound or resumed
  xmpp::Duration answer_timeout = std::chrono::seconds(60);  // of an iq, of joining a room
  xmpp::Duration probe_after = std::chrono::seconds(60);     // of silence; then the link is tried out
  xmpp::Duration probe_timeout = std::chrono::seconds(20);   // no sign of life: the link is dead
  xmpp::Duration first_retry = std::chrono::seconds(1);      // doubles, with jitter
  xmpp::Duration longest_retry = std::chrono::seconds(60);
  xmpp::Duration patience = std::chrono::minutes(15);  // without a link: the session ends
};

// Our own address, once bound.
struct Self {
  std::string bare, full, domain;

  // Said by our own account: its server leaves `from` out or puts the bare JID (RFC 6120 8.1.2.1).
  [[nodiscard]] bool is_account(std::string_view from) const { return from.empty() || from == bare; }
};

// One step: the time on both clocks, and where its actions go.
struct Turn {
  xmpp::Instant now;
  WallTime wall;
  xmpp::Actions& out;
};

}  // namespace webclient
