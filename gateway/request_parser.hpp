// One HTTP/1.x request, parsed by Beast's basic_parser (grammar, framing, limits) and reduced to what the gateway
// looks at. No field list is built: an idle or busy connection keeps no header memory.
// Body bytes that arrive whole in one buffer are not copied; others are collected up to the limit, which is enforced
// while reading (PROTOCOL H-004, H-014). RFC 9112.
#pragma once
#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/compression.hpp"

namespace gateway {

enum class Method : std::uint8_t { get, head, post, options, other };

// What a request for a WebSocket says. Fields that come twice are joined, which makes a key or version invalid.
struct UpgradeFields {
  bool asked = false;  // Connection lists upgrade
  std::string to;      // the Upgrade field
  std::string key, version, protocols, extensions;
};

// Fields of conditional and range requests (RFC 9110 13, 14). Only files look at them.
struct Conditions {
  std::string if_none_match, if_modified_since, range, if_range;
};

struct RequestHead {
  Method method = Method::other;
  bool http10 = false;
  bool keep_alive = false;
  bool expects_continue = false;
  bool foreign_charset = false;  // Content-Type names a charset other than UTF-8 (B-012)
  bool forwarded = false;        // there is a Forwarded or X-Forwarded-* field
  Coding coding = Coding::identity;
  std::string target;  // request-target as sent
  std::string host;
  std::string origin;
  std::string accept_encoding;
  // For the chat without scripts only.
  std::string cookie, accept_language, sec_fetch_site;
  std::string authorization;  // of a site's back end
  std::string last_event_id;  // of whoever comes back to a push stream
  bool form = false;          // the body is application/x-www-form-urlencoded
  // The body is not collected here (see StreamedBody): its type, and its length where the header says it.
  bool streamed = false;
  std::string content_type;
  std::optional<std::uint64_t> length;
  // All fields of the name, joined with ", " in their order. They mean nothing unless the peer is a trusted proxy.
  std::string x_forwarded_for, x_forwarded_proto, rfc7239_forwarded;
  std::optional<UpgradeFields> upgrade;  // if there is an Upgrade or Sec-WebSocket-* field
  Conditions conditions;
};

// Whether whoever serves a POST to this target reads its body by himself, as it comes: it is not limited here, and the
// request counts as read with its header.
using StreamedBody = std::function<bool(std::string_view target)>;

class RequestParser final : public boost::beast::http::basic_parser<true> {
 public:
  RequestParser(std::uint32_t max_header_bytes, std::uint64_t max_body_bytes, StreamedBody streamed = {});

  // Consumes bytes of `input`; sets `error` to need_more while the request is incomplete. Call keep_body() before the
  // buffer behind `input` goes away.
  std::size_t parse(std::string_view input, boost::system::error_code& error);
  // Copies a body that is still a view into the caller's buffer.
  void keep_body();

  [[nodiscard]] std::size_t kept_bytes() const {
    return collected_.size() + head_.x_forwarded_for.size() + head_.rfc7239_forwarded.size();
  }
  [[nodiscard]] const RequestHead& head() const { return head_; }
  [[nodiscard]] std::string_view body() const { return collected_.empty() ? view_ : std::string_view(collected_); }

 private:
  using error_code = boost::system::error_code;
  using string_view_t = boost::beast::string_view;

  void on_request_impl(boost::beast::http::verb method, string_view_t, string_view_t target, int version,
                       error_code& error) override;
  void on_response_impl(int, string_view_t, int, error_code&) override {}
  void on_field_impl(boost::beast::http::field name, string_view_t name_text, string_view_t value,
                     error_code& error) override;
  void on_header_impl(error_code& error) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view_t data, error_code& error) override;
  void on_chunk_header_impl(std::uint64_t, string_view_t, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t remaining, string_view_t data, error_code& error) override;
  void on_finish_impl(error_code&) override {}

  UpgradeFields& upgrade_fields();
  void limit_header(std::size_t used);
  void check_framing(boost::beast::http::field name, std::string_view value, error_code& error);
  [[nodiscard]] bool is_folded(std::string_view name, std::string_view value) const;

  RequestHead head_;
  const std::size_t max_header_bytes_;
  const StreamedBody streamed_;   // empty: no such body
  std::size_t header_bytes_ = 0;  // used up, of a header that is not complete
  std::string_view input_;        // of the present call
  bool has_host_ = false, has_transfer_encoding_ = false;
  std::string_view view_;
  std::string collected_;
};

}  // namespace gateway
