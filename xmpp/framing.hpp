// What RFC 7395 puts around XMPP in WebSocket messages: <open/>, <close/> and one complete element per message, read
// and written (PROTOCOL W-010...W-012, W-015, W-020...W-026, W-032). A message goes through the same hardened reader as
// a BOSH body, so nothing in it can close our stream to the server, and nothing is parsed twice.
// Also of the draft before it, in which the tags of a stream stand in messages of their own (W-036).
// Deliberately without state of a stream: when what may come is the engine's business (ws_engine.hpp).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "xmpp/fault.hpp"
#include "xmpp/fragment_splitter.hpp"
#include "xmpp/limits.hpp"
#include "xmpp/names.hpp"
#include "xmpp/stanza.hpp"

namespace xmpp {

enum class Framing : std::uint8_t {
  rfc7395,
  draft,  // <stream:stream ...> and </stream:stream> in the place of <open/> and <close/>
};

struct OpenElement {
  std::string to, from, lang;
  bool version = false;  // it has one
};

// One message of the client.
struct Framed {
  enum class Kind : std::uint8_t { nothing, open, close, element };
  Kind kind = Kind::nothing;           // nothing: white space, as old clients keep connections alive
  Framing framing = Framing::rfc7395;  // of `open` and `close`
  OpenElement open;                    // of `open`
  Stanza element;                      // of `element`: ready for the server
};

// One per shard, used again for every message.
class FramingReader {
 public:
  explicit FramingReader(const Limits& limits);  // of one message

  // Views in the result live until the next call.
  [[nodiscard]] std::variant<Framed, Fault> read(std::string_view message);

 private:
  [[nodiscard]] std::variant<Framed, Fault> read_draft_open(std::string_view header);
  [[nodiscard]] std::variant<Stanza, Fault> read_element(std::string_view message, std::string_view end);

  Limits limits_;  // with room for what is put around a message
  FragmentSplitter splitter_;
  Fragment fragment_;
  std::string document_;
};

// Strophe compares this literally and looks for "<open " and "<close " at the beginning (W-024, W-025).
inline constexpr std::string_view framing_close = R"(<close xmlns="urn:ietf:params:xml:ns:xmpp-framing" />)";

// The draft cannot name another address.
[[nodiscard]] std::string write_close(std::string_view see_other_uri, Framing framing = Framing::rfc7395);

struct OpenAnswer {
  std::string_view from, id, version, lang;  // empty: left out; a version is always said
  Framing framing = Framing::rfc7395;
};
[[nodiscard]] std::string write_open(const OpenAnswer& open);

[[nodiscard]] std::string write_framed_error(StreamCondition condition);

}  // namespace xmpp
