// The parts of an Engine that exist only in a phase of its life, or only if the policy wants them; private to the
// engine's source files.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "bosh/engine.hpp"
#include "bosh/event_stream.hpp"
#include "bosh/stream_set.hpp"

namespace bosh {

// Until the creation answer is given: what only it says (B-043).
struct Engine::Greeting {
  std::string sid;
  std::string domain;
  std::uint32_t requests;
  std::uint32_t hold;
  std::uint16_t ver_major;
  std::uint16_t ver_minor;
};

// After the end (B-144).
struct Engine::Tombstone {
  xmpp::Instant forget_at;
  Condition condition;
  bool told;      // the client has the condition, or is not to have it
  bool vanished;  // ended by inactivity: late requests see no session at all (XEP-0124 10)
  std::string stream_error;
  bool gave_back = false;  // to one that came late, whose stanzas were all that there was to say
};

// Where push streams are offered.
struct Engine::Push {
  std::string token;
  bool tell = false;                  // the client has asked for the token
  std::uint64_t next = 1;             // number of the next event, while `events` is not there
  std::optional<EventStream> events;  // there: the client reads a stream, or is about to come back to it
};

// For the session's own stream an action as it is, for another one addressed to it.
template <typename Order>
void order(const Stream& stream, const Order& what, xmpp::Actions& out) {
  if (stream.number == 1) {
    out.list.emplace_back(what);
  } else {
    out.list.emplace_back(xmpp::ToStream{stream.number, what});
  }
}

// Not cryptographic: it tells a retransmission from something else under the same rid (B-145), and where that matters
// there are keys.
[[nodiscard]] inline std::uint64_t fingerprint(std::string_view raw) {
  return std::hash<std::string_view>{}(raw);
}

// A repeat has to carry the key that the request had (B-145, E-24).
[[nodiscard]] inline bool matches(const Exchange& exchange, const Body& body) {
  return !exchange.key || (body.key && same_digest(key_digest(*body.key), *exchange.key));
}

}  // namespace bosh
