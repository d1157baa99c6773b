// The script syntax of BOSH (XEP-0252; PROTOCOL S-001 ... S-007): a <body/> comes percent-encoded as the query of a
// GET, and its answer is a script that calls _BOSH_ with the <body/> as a string. Between the tags of a client's bodies
// lies a stream that may be cut anywhere, so the stanzas are put together after the rids have put the bodies in order.
// Not here: whether a session may use it, HTTP, and `callback=` of other gateways, which is no part of the XEP (S-006).
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bosh/body.hpp"
#include "xmpp/limits.hpp"
#include "xmpp/stanza.hpp"
#include "xmpp/stream_splitter.hpp"

namespace bosh {

inline constexpr std::string_view script_content_type = "text/javascript; charset=utf-8";
// S-003, S-007: no copy anywhere (with the no-store of every answer), and no page opened from here learns the sid.
inline constexpr std::string_view script_fields = "Pragma: no-cache\r\nReferrer-Policy: no-referrer\r\n";

// A query that is meant as a <body/>, not as something else behind the same path.
[[nodiscard]] bool looks_like_script_query(std::string_view query);
// The document of a query; nothing if a percent sign does not begin an octet.
[[nodiscard]] std::optional<std::string> decode_script_query(std::string_view query);

// Reads what is in the tags with `reader` and leaves what is between them alone: it is Body::piece. `head` is scratch,
// to which the Body points as well as to `document`.
[[nodiscard]] std::variant<Body, BodyFault> read_script_body(BodyReader& reader, std::string_view document,
                                                             std::string& head);

// S-001, S-002.
[[nodiscard]] std::string as_script(std::string_view body);

// The client's side of one session, in the order of its rids.
class ScriptStream {
 public:
  // Both must outlive it.
  ScriptStream(xmpp::ParserPool& pool, const xmpp::Limits& limits);

  // Nothing if `content` can go on the stream. Text between stanzas is ignored, as on any stream.
  [[nodiscard]] std::optional<BodyFault> take(std::string_view content);
  // What has become complete with it; the views live until forget_stanzas().
  [[nodiscard]] const std::vector<xmpp::Stanza>& stanzas() const { return stanzas_; }
  // They are not needed any more.
  void forget_stanzas();
  // Nothing more is taken; what is unfinished will stay so.
  void close();

  [[nodiscard]] std::size_t pending_bytes() const { return splitter_.pending_bytes(); }
  [[nodiscard]] std::size_t held_bytes() const { return splitter_.held_bytes(); }

 private:
  xmpp::StreamSplitter splitter_;
  xmpp::StreamEvents events_;
  std::vector<xmpp::Stanza> stanzas_;
};

}  // namespace bosh
