// The head of an HTTP/1.1 response as bytes: always an exact Content-Length (PROTOCOL H-003), never sniffed, unless
// it has no end, and never cached unless the answer is a file (H-019). Pure formatting.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace gateway {

struct ResponseHead {
  std::uint16_t status = 200;
  std::string_view content_type;  // empty: no such field
  std::size_t length = 0;
  std::string_view fields;     // further fields, each ending in CRLF
  std::string_view coding;     // Content-Encoding, or empty
  std::string_view cors;       // fields for cross-origin access, or empty
  bool vary_encoding = false;  // another Accept-Encoding could have given another answer
  bool http10 = false;         // of the request
  bool close = false;
  std::string_view cache_control = "no-store";
  std::string_view date;  // as http_date() writes it; empty: no such field
};

[[nodiscard]] std::string_view reason_phrase(std::uint16_t status);
void write_response_head(std::string& out, const ResponseHead& head);

// Of a response without end (PushConnection). No length and no chunks: where a connection ends without the last chunk,
// Chromium never loads a page anew (Z-002). Stations on the way are told not to gather and not to compress it.
[[nodiscard]] std::string endless_head(std::string_view content_type, std::string_view fields, std::string_view date);

}  // namespace gateway
