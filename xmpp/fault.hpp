// What a peer did wrong or how a stream came to its end, as a value: never thrown, never asserted on.
// `text` is for the log of the operator, points to static storage and never holds bytes of the peer.
#pragma once
#include <cstdint>
#include <string_view>

namespace xmpp {

enum class FaultKind : std::uint8_t {
  not_well_formed,  // RFC 6120 4.9.3.13
  restricted_xml,   // DTD, processing instruction, comment, entity: 4.9.3.18
  bad_encoding,     // not UTF-8: unsupported-encoding, 4.9.3.22
  too_large,        // a limit of Limits: policy-violation, 4.9.3.14
  bad_format,       // well-formed, but not what the protocol wants here
  invalid_namespace,
  stream_error,       // the server sent <stream:error/>
  closed,             // the server sent </stream:stream>
  connection_failed,  // TCP, DNS, TLS, certificate, or "TLS is required and not offered"
  connection_lost,    // the established link went away without </stream:stream>
  timed_out,          // negotiation or closing took too long
};

struct Fault {
  FaultKind kind;
  std::string_view text;
};

}  // namespace xmpp
