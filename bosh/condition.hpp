// The terminal binding conditions of XEP-0124 17.2, each spelt once, and the bodies made of nothing else.
#pragma once
#include <cstdint>
#include <string_view>

namespace bosh {

enum class Condition : std::uint8_t {
  none,  // type='terminate' without a condition
  bad_request,
  host_gone,
  host_unknown,
  improper_addressing,
  internal_server_error,
  item_not_found,
  other_request,
  policy_violation,
  remote_connection_failed,
  remote_stream_error,
  see_other_uri,
  system_shutdown,
  undefined_condition,
};

[[nodiscard]] std::string_view wire_name(Condition condition);

// <body type='terminate' condition='...' xmlns='...'/>, complete; static storage.
[[nodiscard]] std::string_view terminal_body(Condition condition);

// 200, or what a client without `ver` expects: 400, 403, 404 (B-170).
[[nodiscard]] std::uint16_t legacy_status(Condition condition);

// H-006: also for errors before there is a session.
inline constexpr std::string_view default_content_type = "text/xml; charset=utf-8";

}  // namespace bosh
