// The form of a request of XEP-0025 (PROTOCOL P-001...P-007): "id[;key[;newkey]],xml", its keys, the cookies of
// answers, and what the first piece of the client's stream says about where it wants to go. Pure; knows no session.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bosh/key_chain.hpp"
#include "xmpp/limits.hpp"

namespace xmpp {
class ParserPool;
}

namespace bosh {

// Views into the request.
struct PollRequest {
  std::string_view id;
  std::optional<std::string_view> key, newkey;
  std::string_view xml;  // any piece of the client's stream; empty: only a poll (P-009)
};

[[nodiscard]] std::optional<PollRequest> read_poll_request(std::string_view body);

// How a session is named: `id` for one that is well, the others for what it is not (P-004).
enum class PollError : std::uint8_t { unknown_session, server_error, bad_request, key_error };
[[nodiscard]] std::string_view poll_error_id(PollError error);
// The one header field that carries it, with CRLF (P-017, P-020).
[[nodiscard]] std::string poll_cookie(std::string_view id, std::string_view path);

// Base64(SHA1(K(i))) = K(i-1), compared without padding (P-005, P-007).
class PollKeys {
 public:
  // No key: the session has none. A second key of the first request means nothing.
  explicit PollKeys(std::optional<std::string_view> first);
  // False: missing or wrong; nothing has changed then.
  [[nodiscard]] bool accept(const PollRequest& request);

 private:
  void expect(std::string_view key);

  bool keyed_;
  std::string expected_;  // without padding
};

// The header of the client's stream. It must be whole in the first request: before it nobody knows where to connect.
struct PollHeader {
  std::string to, lang, from;
  bool version = false;  // 1.0 or later
};
[[nodiscard]] std::optional<PollHeader> read_poll_header(std::string_view xml, xmpp::ParserPool& pool,
                                                         const xmpp::Limits& limits);

}  // namespace bosh
