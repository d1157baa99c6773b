#include "gateway/check_login.hpp"

#include <chrono>
#include <string_view>
#include <utility>

#include "gateway/log.hpp"

namespace gateway {

namespace {

constexpr std::string_view step_name = "login";
constexpr std::string_view look_into_log = "look into the log of the server";

}  // namespace

CheckLogin::CheckLogin(CheckReport& report, xmpp::SaslIdentity identity, bool safe, xmpp::Instant now,
                       xmpp::Duration patience)
    : report_(report),
      user_(safe_text(identity.user)),
      patience_(patience),
      due_(now + patience),
      login_(std::move(identity), {safe, {}}, {false, {}, {}}) {}

xmpp::Login::Step CheckLogin::on_stanza(const xmpp::Stanza& stanza) {
  auto step = login_.on_stanza(stanza);
  if (step.kind == xmpp::Login::Kind::failed) failed(step.failure, stanza);
  if (step.kind == xmpp::Login::Kind::done) {
    report_.good(step_name, "as " + user_ + " by " + std::string(wire_name(*login_.mechanism())));
  }
  return step;
}

void CheckLogin::too_late() {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(patience_).count();
  report_.bad(step_name, "not done after " + std::to_string(seconds) + " s",
              "look into the log of the server for what it waits for; one that is slow needs a longer "
              "negotiation_timeout in the [[domain]]");
}

void CheckLogin::interrupted(const xmpp::Fault& fault) {
  report_.bad(step_name, fault.text, look_into_log);
}

void CheckLogin::failed(xmpp::LoginFailure failure, const xmpp::Stanza& stanza) {
  const auto say = [&](std::string_view cause, std::string_view cure) { report_.bad(step_name, cause, cure); };
  using Failure = xmpp::LoginFailure;
  switch (failure) {
    case Failure::no_common_mechanism:
      return say("the server offers no mechanism for passwords that postern knows",
                 "enable SCRAM-SHA-256 or SCRAM-SHA-1 on the server");
    case Failure::encryption_required:
      return say("the password itself would go over a connection that others can read",
                 "set tls = \"starttls\" in the [[domain]], or enable SCRAM-SHA-256 on the server");
    case Failure::bad_identity:
      return say("the user or the password holds a character that neither may have",
                 "give both as they are on the server, in UTF-8");
    case Failure::server_not_genuine:
      return say("the server does not prove that it knows the password, or wants it hashed too weakly or without end",
                 "make sure that this is your server; if it is, have it do SCRAM with 4096 to 200000 rounds");
    case Failure::malformed:
      return say("the server says what may not come in a login: " + safe_text(stanza.bytes, 400), look_into_log);
    case Failure::not_authorized:
      return say("the server does not accept " + user_ + " with this password",
                 "correct the password, or create the account on this server");
    case Failure::account_disabled:
      return say("the account " + user_ + " is disabled", "enable it on the server, or take another");
    case Failure::credentials_expired:
      return say("the password of " + user_ + " has expired", "set a new one on the server");
    case Failure::temporary:
      return say("the server cannot check passwords at the moment",
                 "look at what it keeps accounts in (a database, LDAP), and try again");
    case Failure::refused:
    case Failure::not_bound:  // nothing is bound here
      return say("the server refuses: " + safe_text(stanza.bytes, 400), look_into_log);
  }
}

}  // namespace gateway
