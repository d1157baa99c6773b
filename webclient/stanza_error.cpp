#include "webclient/stanza_error.hpp"

#include <string_view>

#include "xmpp/names.hpp"

namespace webclient {

Problem problem_of(xmpp::ElementView stanza) {
  struct Known {
    std::string_view name;
    Problem problem;
  };
  constexpr Known known[] = {
      {"bad-request", Problem::bad_request},
      {"conflict", Problem::conflict},
      {"feature-not-implemented", Problem::feature_not_implemented},
      {"forbidden", Problem::forbidden},
      {"gone", Problem::gone},
      {"internal-server-error", Problem::internal_server_error},
      {"item-not-found", Problem::item_not_found},
      {"jid-malformed", Problem::jid_malformed},
      {"not-acceptable", Problem::not_acceptable},
      {"not-allowed", Problem::not_allowed},
      {"not-authorized", Problem::not_authorized},
      {"payment-required", Problem::payment_required},
      {"policy-violation", Problem::policy_violation},
      {"recipient-unavailable", Problem::recipient_unavailable},
      {"redirect", Problem::redirect},
      {"registration-required", Problem::registration_required},
      {"remote-server-not-found", Problem::remote_server_not_found},
      {"remote-server-timeout", Problem::remote_server_timeout},
      {"resource-constraint", Problem::resource_constraint},
      {"service-unavailable", Problem::service_unavailable},
      {"subscription-required", Problem::subscription_required},
      {"unexpected-request", Problem::unexpected_request},
  };
  const auto error = stanza.child("error", xmpp::ns::client);
  for (auto at = error.first_child(); at; at = at.next()) {
    if (at.ns() != xmpp::ns::stanza_conditions) continue;
    for (const auto& [name, problem] : known) {
      if (at.name() == name) return problem;
    }
  }
  return Problem::undefined_condition;
}

}  // namespace webclient
