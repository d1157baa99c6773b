#include "gateway/check_features.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "gateway/log.hpp"
#include "xmpp/names.hpp"

namespace gateway {

namespace {

// The texts of all <mechanism/>; the features are proven well-formed, and this is for display only.
std::vector<std::string> mechanisms_in(std::string_view features) {
  std::vector<std::string> found;
  constexpr std::string_view name = "mechanism";
  for (std::size_t at = features.find(name); at != features.npos; at = features.find(name, at + 1)) {
    const std::string_view rest = features.substr(at + name.size());
    const bool starts = at > 0 && (features[at - 1] == '<' || features[at - 1] == ':');
    if (!starts || rest.empty() || (rest[0] != '>' && rest[0] != ' ')) continue;
    const auto begin = rest.find('>');
    const auto end = rest.find('<', begin);
    if (begin == rest.npos || end == rest.npos || features.substr(0, at).ends_with("</")) continue;
    if (const auto text = rest.substr(begin + 1, end - begin - 1); !text.empty()) found.push_back(safe_text(text, 40));
  }
  return found;
}

void report_settings(CheckReport& report, const Domain& domain) {
  const std::string kept = std::to_string(domain.stream.management.max_unacknowledged);
  report.note("settings",
              "not to be seen from outside, see to it yourself: in Prosody the modules smacks and offline (or mam), "
              "smacks_max_queue_size above max_unacknowledged = " +
                  kept);
  report.note("settings",
              "likewise in ejabberd: mod_offline, and mod_stream_mgmt with resend_on_timeout: if_offline, "
              "max_ack_queue above " +
                  kept + ", ack_timeout of 10 s or more");
  report.note("settings", "what each of them is for: docs/OPERATIONS.md, \"What is not lost\"");
}

}  // namespace

bool report_mechanisms(CheckReport& report, const Domain& domain, std::string_view features) {
  const auto mechanisms = mechanisms_in(features);
  if (mechanisms.empty()) {
    report.bad("sasl", "the server offers no way to log in",
               domain.tls == xmpp::TlsMode::none
                   ? "it probably wants TLS first: set tls = \"starttls\" in the [[domain]]"
                   : "enable authentication for clients on the server");
    return false;
  }
  report.good("sasl", join(mechanisms));
  // Those with channel binding end at the browser's TLS, which is not the server's.
  const bool usable = std::any_of(mechanisms.begin(), mechanisms.end(),
                                  [](const std::string& name) { return !name.ends_with("-PLUS"); });
  if (!usable) {
    report.bad("sasl", "all of them bind to the TLS channel, which cannot work through a gateway",
               "enable SCRAM-SHA-256 or SCRAM-SHA-1 on the server");
  }
  return usable;
}

void report_delivery(CheckReport& report, const Domain& domain, std::string_view features, Seen seen) {
  if (!domain.stream.management.enabled) {
    return report.note("delivery",
                       "stream_management = false: what a vanished browser had not received is lost, unless its "
                       "client speaks XEP-0198 itself");
  }
  if (features.find(xmpp::ns::management_3) != std::string_view::npos) {
    report.good("delivery", "the server offers stream management");
  } else if (seen == Seen::behind_login) {
    // The settings would be those of a module that is not there.
    return report.bad("delivery",
                      "the server offers no stream management, so it keeps nothing of what a vanished browser had not "
                      "received",
                      "load the module smacks (Prosody) or mod_stream_mgmt (ejabberd), or live with what "
                      "docs/OPERATIONS.md says of a server without it");
  } else {
    report.note("delivery",
                "whether the server offers stream management is not to be seen before the login (--user USER looks "
                "behind it): Prosody does with the module smacks, ejabberd with mod_stream_mgmt");
  }
  report_settings(report, domain);
}

}  // namespace gateway
