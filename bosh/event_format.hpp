// How the events of a push stream look to a browser (V-010 ... V-015): as Server-Sent Events (HTML Standard 9.2), or as
// an endless page in a frame whose scripts call the page around it. Formatting only: what is said, and when, is for
// EventStream and the engine.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace bosh {

enum class EventFormat : std::uint8_t { sse, frame };

class EventWriter {
 public:
  // `nonce`: of the scripts of a frame, base64 or hexadecimal; minted by the shell.
  EventWriter(EventFormat format, std::string nonce) : format_(format), nonce_(std::move(nonce)) {}

  // The beginning of a stream, with what stations and browsers want to see before they pass anything on.
  void begin(std::string& out) const;
  // `document`: one element.
  void event(std::string& out, std::uint64_t id, std::string_view document) const;

  // What is no event of the session and has no number.
  enum class Sign : std::uint8_t {
    ready,  // the stream stands
    alive,  // nothing else was to be said for a while
    moved,  // another reader has taken over: do not come back
  };
  void sign(std::string& out, Sign sign) const;

 private:
  void call(std::string& out, std::string_view script) const;

  EventFormat format_;
  std::string nonce_;
};

// The text inside the double quotes of a string of JavaScript in a script element of HTML.
void append_script_text(std::string& out, std::string_view text);

}  // namespace bosh
