#include "gateway/request_parser.hpp"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <functional>
#include <utility>

#include "gateway/field_text.hpp"
#include "xmpp/ascii.hpp"

namespace gateway {

namespace http = boost::beast::http;
using xmpp::same_ignoring_case;

namespace {

void append_list(std::string& list, std::string_view value) {
  if (!list.empty()) list += ", ";
  list += value;
}

bool names_foreign_charset(std::string_view content_type) {
  for (std::size_t at = content_type.find(';'); at != std::string_view::npos; at = content_type.find(';', at + 1)) {
    auto parameter = trimmed(content_type.substr(at + 1));
    if (parameter.size() < 8 || !same_ignoring_case(parameter.substr(0, 8), "charset=")) continue;
    auto charset = trimmed(parameter.substr(8, parameter.find(';') - 8));
    if (charset.size() >= 2 && charset.front() == '"' && charset.back() == '"') {
      charset = charset.substr(1, charset.size() - 2);
    }
    return !same_ignoring_case(charset, "utf-8") && !same_ignoring_case(charset, "utf8") &&
           !same_ignoring_case(charset, "us-ascii");
  }
  return false;
}

// The fields of conditional and range requests; false for any other.
bool note_condition(Conditions& conditions, http::field name, std::string_view value) {
  switch (name) {
    case http::field::if_none_match:
      append_list(conditions.if_none_match, value);
      return true;
    case http::field::if_modified_since:
      conditions.if_modified_since = value;
      return true;
    case http::field::range:
      // Several such fields are no range that anybody could mean: none of them is kept.
      conditions.range = conditions.range.empty() ? value : std::string_view(",");
      return true;
    case http::field::if_range:
      conditions.if_range = value;
      return true;
    default:
      return false;
  }
}

// Fields that Beast does not know by number.
void note_unnumbered(RequestHead& head, std::string_view name, std::string_view value) {
  if (same_ignoring_case(name, "X-Forwarded-For")) {
    append_list(head.x_forwarded_for, value);
    head.forwarded = true;
  } else if (same_ignoring_case(name, "X-Forwarded-Proto")) {
    append_list(head.x_forwarded_proto, value);
    head.forwarded = true;
  } else if (same_ignoring_case(name, "Sec-Fetch-Site")) {
    head.sec_fetch_site = value;
  } else if (same_ignoring_case(name, "Last-Event-ID")) {
    head.last_event_id = value;
  }
}

}  // namespace

RequestParser::RequestParser(std::uint32_t max_header_bytes, std::uint64_t max_body_bytes, StreamedBody streamed)
    : max_header_bytes_(max_header_bytes), streamed_(std::move(streamed)) {
  eager(true);
  if (max_body_bytes == 0) {
    body_limit(boost::none);
  } else {
    body_limit(max_body_bytes);
  }
}

std::size_t RequestParser::parse(std::string_view input, boost::system::error_code& error) {
  // Beast asserts that a last chunk comes in pieces of at least so many bytes. No chunked body ends with fewer.
  constexpr std::size_t least_end = 5;
  if (is_header_done() && chunked() && input.size() < least_end) {
    error = http::error::need_more;
    return 0;
  }
  input_ = input;
  const bool in_header = !is_header_done();
  // Beast's limit is for what it has not used up yet, and for the request line and the fields each.
  if (in_header) limit_header(header_bytes_);
  const std::size_t used = put(boost::asio::const_buffer(input.data(), input.size()), error);
  if (error != http::error::need_more) return used;
  // The extension of a chunk and the trailer have no limit in Beast, which wants to see each whole.
  if (in_header) header_bytes_ += used;
  const std::size_t waiting = input.size() - used;
  if ((is_header_done() ? waiting : header_bytes_ + waiting) > max_header_bytes_) error = http::error::header_limit;
  return used;
}

void RequestParser::limit_header(std::size_t used) {
  header_limit(static_cast<std::uint32_t>(max_header_bytes_ - std::min(used, max_header_bytes_)));
}

void RequestParser::keep_body() {
  if (view_.empty()) return;
  collected_.append(view_);
  view_ = {};
}

void RequestParser::on_request_impl(http::verb method, string_view_t method_text, string_view_t target, int version,
                                    error_code&) {
  constexpr std::string_view rest_of_line = "  HTTP/1.1\r\n";
  const std::size_t line = method_text.size() + target.size() + rest_of_line.size();
  limit_header(line);
  switch (method) {
    case http::verb::get:
      head_.method = Method::get;
      break;
    case http::verb::head:
      head_.method = Method::head;
      break;
    case http::verb::post:
      head_.method = Method::post;
      break;
    case http::verb::options:
      head_.method = Method::options;
      break;
    default:
      break;
  }
  head_.target = target;
  head_.http10 = version == 10;
  head_.streamed = head_.method == Method::post && streamed_ && streamed_(head_.target);
  if (head_.streamed) body_limit(boost::none);
}

// Beast unfolds continuation lines (RFC 9112 5.2). Proxies do not agree about them, so they are refused: what a proxy
// takes for another field must not be a length here. An unfolded value lies in memory of Beast's own, or, as an empty
// one does, behind a line break.
bool RequestParser::is_folded(std::string_view name, std::string_view value) const {
  const char* const name_end = name.data() + name.size();
  const char* const input_end = input_.data() + input_.size();
  if (std::less<>{}(value.data(), name_end) || !std::less<>{}(value.data(), input_end)) return true;
  return std::find(name_end, value.data(), '\n') != value.data();
}

// What Beast takes and not every proxy does.
void RequestParser::check_framing(http::field name, std::string_view value, error_code& error) {
  if (name == http::field::content_length) {
    // A list of equal lengths, which RFC 9110 8.6 allows.
    if (value.find_first_not_of("0123456789") != value.npos) error = http::error::bad_content_length;
    return;
  }
  // A list in which chunked is not the last is "no body" to Beast, which so leaves the body to be read as the next
  // request (RFC 9112 6.1, 6.3).
  if (head_.http10 || has_transfer_encoding_ || !same_ignoring_case(value, "chunked"))
    error = http::error::bad_transfer_encoding;
  has_transfer_encoding_ = true;
}

void RequestParser::on_field_impl(http::field name, string_view_t name_text, string_view_t value, error_code& error) {
  // A field of the trailer: proxies pass it on as it is, so it must not count for one that a proxy has set, nor after
  // the request has been judged by its header (RFC 9110 6.5.1).
  if (is_header_done()) return;
  if (is_folded(name_text, value)) {
    error = http::error::bad_obs_fold;
    return;
  }
  switch (name) {
    case http::field::content_length:
    case http::field::transfer_encoding:
      check_framing(name, value, error);
      break;
    case http::field::origin:
      head_.origin = value;
      break;
    case http::field::accept_encoding:
      append_list(head_.accept_encoding, value);
      break;
    case http::field::accept_language:
      head_.accept_language = value;
      break;
    case http::field::cookie:
      if (!head_.cookie.empty()) head_.cookie += "; ";
      head_.cookie += value;
      break;
    case http::field::authorization:
      head_.authorization = value;
      break;
    case http::field::content_encoding:
      head_.coding = request_coding(value);
      break;
    case http::field::content_type:
      head_.foreign_charset = names_foreign_charset(value);
      if (head_.streamed) head_.content_type = value;
      head_.form = same_ignoring_case(trimmed(value.substr(0, value.find(';'))), "application/x-www-form-urlencoded");
      break;
    case http::field::expect:
      head_.expects_continue = same_ignoring_case(trimmed(value), "100-continue");
      break;
    case http::field::host:
      if (has_host_) error = http::error::bad_field;
      has_host_ = true;
      head_.host = value;
      break;
    case http::field::forwarded:
      append_list(head_.rfc7239_forwarded, value);
      head_.forwarded = true;
      break;
    case http::field::upgrade:
      append_list(upgrade_fields().to, value);
      break;
    case http::field::sec_websocket_key:
      append_list(upgrade_fields().key, value);
      break;
    case http::field::sec_websocket_version:
      append_list(upgrade_fields().version, value);
      break;
    case http::field::sec_websocket_protocol:
      append_list(upgrade_fields().protocols, value);
      break;
    case http::field::sec_websocket_extensions:
      append_list(upgrade_fields().extensions, value);
      break;
    default:
      if (!note_condition(head_.conditions, name, value)) note_unnumbered(head_, name_text, value);
  }
}

UpgradeFields& RequestParser::upgrade_fields() {
  return head_.upgrade ? *head_.upgrade : head_.upgrade.emplace();
}

void RequestParser::on_header_impl(error_code& error) {
  head_.keep_alive = keep_alive();
  if (head_.streamed && !chunked() && content_length()) head_.length = *content_length();
  if (head_.upgrade) head_.upgrade->asked = upgrade();
  if (!head_.http10 && !has_host_) error = http::error::bad_field;  // RFC 9112 3.2
}

std::size_t RequestParser::on_body_impl(string_view_t data, error_code&) {
  if (view_.empty() && collected_.empty()) {
    view_ = data;
  } else {
    keep_body();
    collected_.append(data);
  }
  return data.size();
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, string_view_t data, error_code& error) {
  return on_body_impl(data, error);
}

}  // namespace gateway
