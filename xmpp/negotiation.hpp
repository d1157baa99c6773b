// From a stream header to features that a client can use (RFC 6120 4.3, 5): what comes next after each element of the
// server. STARTTLS happens here and nowhere else; the stream before it is never shown to anybody (PROTOCOL U-011,
// U-012). Pure decisions: the session carries them out, keeps the time and ends the stream.
//
//   header ──opened──► features ──────────────────────────────► done
//     ▲                   └─ TLS outstanding ─► proceed ─► encrypting
//     └───────────────────────── encrypted() ────────────────────┘
#pragma once
#include <cstdint>
#include <string_view>

#include "xmpp/stanza.hpp"
#include "xmpp/stream_splitter.hpp"

namespace xmpp {

class Negotiation {
 public:
  enum class Phase : std::uint8_t { header, features, proceed, encrypting, done };

  enum class Step : std::uint8_t {
    wait,           // nothing to do
    ask_for_tls,    // send <starttls/>
    encrypt,        // the server waits for our TLS
    show_opened,    // hand the header on; features follow
    show_last,      // hand the header on; no features will come, the stream is usable
    show,           // hand the element on
    show_features,  // hand the features on; the stream is usable
    no_tls,         // TLS is required and not to be had
    out_of_place,   // nothing that may come here
  };

  // Our header is on its way. `tls_outstanding`: this stream is for STARTTLS only.
  void begin(bool tls_outstanding);

  // Neither while encrypting: what is read then is void.
  Step on_opened(const StreamOpened& stream);
  Step on_stanza(const Stanza& stanza);  // not for stream errors

  [[nodiscard]] Phase phase() const { return phase_; }

 private:
  Step on_stanza_before_tls(const Stanza& stanza);

  Phase phase_ = Phase::header;
  bool before_tls_ = false;
};

// RFC 6120 4.7.5: a server of version 1.0 or above sends features, one of an older protocol does not.
[[nodiscard]] bool sends_features(std::string_view version);

inline constexpr std::string_view starttls_request = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

}  // namespace xmpp
