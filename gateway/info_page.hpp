// The page that a person sees who opens the URL of an endpoint in a browser (PROTOCOL H-017): what this URL is and what
// the gateway sees of the request, which shows at a glance whether a proxy in front is set up rightly. No script, no
// secret; everything from the request is escaped.
#pragma once
#include <string>
#include <string_view>

namespace gateway {

struct InfoRequest {
  std::string_view path;
  std::string_view scheme;  // as the browser used it
  std::string_view host;    // header field
  std::string_view origin;  // header field
  std::string_view client;  // address
  std::string_view peer;    // address of the connection
  std::string_view http_version;
  bool proxy_trusted = false;     // the peer is a trusted proxy
  bool forwarded_fields = false;  // the request has X-Forwarded-* or Forwarded
};

[[nodiscard]] std::string info_page(const InfoRequest& request);

inline constexpr std::string_view info_page_type = "text/html; charset=utf-8";
// Fits the page: nothing may be loaded or run, only its own style element.
[[nodiscard]] std::string_view info_page_policy();

}  // namespace gateway
