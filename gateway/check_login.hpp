// The login of `postern check --user`: xmpp::Login without binding a resource, so that nobody sees the account come
// online, and in plain words how it ended. The end of patience is here too, one for the whole of it. Deliberately
// without channel binding (-PLUS), which no browser's login through the gateway can have either. It holds no socket and
// no stream: what to send is the answer to each stanza. The password goes no further than into xmpp::Login.
#pragma once
#include <string>

#include "gateway/check_report.hpp"
#include "xmpp/fault.hpp"
#include "xmpp/login.hpp"
#include "xmpp/time.hpp"

namespace gateway {

class CheckLogin {
 public:
  // `safe`: nobody else can read the connection.
  CheckLogin(CheckReport& report, xmpp::SaslIdentity identity, bool safe, xmpp::Instant now, xmpp::Duration patience);

  // What is to be done next; `done` and `failed` are reported already.
  [[nodiscard]] xmpp::Login::Step on_stanza(const xmpp::Stanza& stanza);

  // Other ends, before that.
  [[nodiscard]] xmpp::Instant deadline() const { return due_; }
  void too_late();
  void interrupted(const xmpp::Fault& fault);

 private:
  void failed(xmpp::LoginFailure failure, const xmpp::Stanza& stanza);

  CheckReport& report_;
  std::string user_;  // for display
  xmpp::Duration patience_;
  xmpp::Instant due_;
  xmpp::Login login_;
};

}  // namespace gateway
