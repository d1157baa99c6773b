// What we write around the stanzas of our own stream to the server: the header (RFC 6120 4.7; PROTOCOL U-010, X-002,
// ), a stream error, the end. Deliberately without state: when to write what is the session's business.
#pragma once
#include <string>
#include <string_view>

#include "xmpp/names.hpp"

namespace xmpp {

struct StreamHeader {
  std::string_view to;
  std::string_view from;  // empty: not said
  std::string_view lang;  // likewise; left out if it is no language tag
  bool version = true;    // version='1.0'
};

[[nodiscard]] std::string write_header(const StreamHeader& header);

inline constexpr std::string_view stream_end = "</stream:stream>";

// <stream:error/> with this condition, and the end of the stream.
[[nodiscard]] std::string write_error(StreamCondition condition);

// The form of RFC 5646: what a browser claims goes into a header that a strict server may refuse for it.
[[nodiscard]] bool is_language_tag(std::string_view text);

}  // namespace xmpp
