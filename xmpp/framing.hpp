// What RFC 7395 puts around XMPP in WebSocket messages: <open/>, <close/> and one complete element per message, read
// and written (PROTOCOL W-010...W-012, W-015, W-020...W-026, W-032). A message goes through the same hardened reader as
// a BOSH body, so nothing in it can close our stream to the server, and nothing is parsed twice.
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

struct OpenElement {
  std::string to, from, lang;
  bool version = false;  // it has one
};

// One message of the client.
struct Framed {
  enum class Kind : std::uint8_t { nothing, open, close, element };
  Kind kind = Kind::nothing;  // nothing: white space, as old clients keep connections alive
  OpenElement open;           // of `open`
  Stanza element;             // of `element`: ready for the server
};

// One per shard, used again for every message.
class FramingReader {
 public:
  explicit FramingReader(const Limits& limits);  // of one message

  // Views in the result live until the next call.
  [[nodiscard]] std::variant<Framed, Fault> read(std::string_view message);

 private:
  Limits limits_;  // with room for what is put around a message
  FragmentSplitter splitter_;
  Fragment fragment_;
  std::string document_;
};

// Strophe compares this literally and looks for "<open " and "<close " at the beginning (W-024, W-025).
inline constexpr std::string_view framing_close = R"(<close xmlns="urn:ietf:params:xml:ns:xmpp-framing" />)";

[[nodiscard]] std::string write_close(std::string_view see_other_uri);

struct OpenAnswer {
  std::string_view from, id, version, lang;  // empty: left out; a version is always said
};
[[nodiscard]] std::string write_open(const OpenAnswer& open);

[[nodiscard]] std::string write_framed_error(StreamCondition condition);

}  // namespace xmpp
