// One complete top-level child of a stream: its bytes and the little that bindings must know about it.
// The bytes are proven well-formed, within limits, free of DTD, PI and comment, and self-contained: every prefix and
// the default namespace they use are declared in them (PROTOCOL B-006, B-007, B-008), so they can be put into a
// <body/>, a WebSocket message or a stream as they are. Nobody parses or writes them again.
// A Stanza is a view: it lives as long as the events or the body it came with. Who keeps it copies the bytes.
#pragma once
#include <cstdint>
#include <string_view>

namespace xmpp {

enum class StanzaKind : std::uint8_t {
  message,
  presence,
  iq,
  features,      // stream:features
  stream_error,  // stream:error
  sasl_auth,     // RFC 6120 SASL towards the server: auth
  sasl_step,     // challenge, response, abort
  sasl_success,  // RFC 6120 SASL: the stream is to be restarted
  sasl_failure,
  sasl2,          // anything of urn:xmpp:sasl:2 but success
  sasl2_success,  // no restart follows
  starttls,       // urn:ietf:params:xml:ns:xmpp-tls starttls
  tls_proceed,
  tls_failure,
  compress,      // XEP-0138 compress
  management,    // XEP-0198 elements that are not stanzas: enable, enabled, r, a, resume, ...
  framing_open,  // RFC 7395 open and close: only between a browser and us
  framing_close,
  other,
};

enum class StanzaType : std::uint8_t {
  none,  // no type attribute
  get,
  set,
  result,
  error,
  unavailable,
  groupchat,
  headline,
  other,
};

// What XEP-0198 counts and what a vanished client loses.
[[nodiscard]] constexpr bool is_stanza(StanzaKind kind) {
  return kind == StanzaKind::message || kind == StanzaKind::presence || kind == StanzaKind::iq;
}

struct Stanza {
  std::string_view bytes;
  StanzaKind kind = StanzaKind::other;
  StanzaType type = StanzaType::none;
  // Which of the Limits it was above, so that nothing is left of it but its name and addresses; empty: it is complete.
  // Static storage, for the log.
  std::string_view excess = {};

  [[nodiscard]] bool counts() const { return is_stanza(kind); }
  // Whose loss somebody would notice once the session is over; presence and results are of no use then.
  [[nodiscard]] bool is_missed() const {
    return kind == StanzaKind::message ||
           (kind == StanzaKind::iq && (type == StanzaType::get || type == StanzaType::set));
  }
  [[nodiscard]] bool is_sasl() const { return kind >= StanzaKind::sasl_auth && kind <= StanzaKind::sasl2_success; }
};

}  // namespace xmpp
