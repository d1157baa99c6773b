#include "gateway/response_head.hpp"

#include <array>
#include <charconv>

namespace gateway {

namespace {

void append_number(std::string& out, std::size_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

}  // namespace

std::string_view reason_phrase(std::uint16_t status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 416:
      return "Range Not Satisfiable";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Unknown";
  }
}

std::string endless_head(std::string_view content_type, std::string_view fields, std::string_view date) {
  std::string out = "HTTP/1.1 200 OK\r\nDate: ";
  out.append(date).append("\r\nContent-Type: ").append(content_type);
  out.append("\r\nConnection: close\r\n").append(fields);
  return out.append(
      "Cache-Control: no-store, no-transform\r\nX-Accel-Buffering: no\r\n"
      "X-Content-Type-Options: nosniff\r\n\r\n");
}

void write_response_head(std::string& out, const ResponseHead& head) {
  out += "HTTP/1.1 ";
  append_number(out, head.status);
  out += ' ';
  out += reason_phrase(head.status);
  out += "\r\n";
  if (!head.date.empty()) {
    out += "Date: ";
    out += head.date;
    out += "\r\n";
  }
  if (!head.content_type.empty()) {
    out += "Content-Type: ";
    out += head.content_type;
    out += "\r\n";
  }
  // RFC 9110 8.6: a 204 must not carry the field, and a 304 has no content whose length it could be.
  if (head.status != 204 && head.status != 304) {
    out += "Content-Length: ";
    append_number(out, head.length);
    out += "\r\n";
  }
  if (!head.coding.empty()) {
    out += "Content-Encoding: ";
    out += head.coding;
    out += "\r\n";
  }
  if (head.vary_encoding) out += "Vary: Accept-Encoding\r\n";
  out += head.cors;
  out += head.fields;
  out += "Cache-Control: ";
  out += head.cache_control;
  out += "\r\nX-Content-Type-Options: nosniff\r\n";
  if (head.close) {
    out += "Connection: close\r\n";
  } else if (head.http10) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
}

}  // namespace gateway
