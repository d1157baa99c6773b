// What the features of a stream tell `postern check`: how clients can log in, and whether the server keeps for a
// browser that has vanished what it had not received. Texts only: nothing here decides what a session does. What the
// server does with XEP-0198 it tells nobody, so its settings are listed instead.
#pragma once
#include <cstdint>
#include <string_view>

#include "gateway/check_report.hpp"
#include "gateway/config.hpp"

namespace gateway {

// The step `sasl`. False: nobody can log in through the gateway.
[[nodiscard]] bool report_mechanisms(CheckReport& report, const Domain& domain, std::string_view features);

// The step `delivery`, and the settings behind it. RFC 6120 and XEP-0198 have it offered behind the login; SASL2 shows
// it before. Its absence is a finding only behind the login, and keeps no session from the server.
enum class Seen : std::uint8_t { before_login, behind_login };
void report_delivery(CheckReport& report, const Domain& domain, std::string_view features, Seen seen);

}  // namespace gateway
