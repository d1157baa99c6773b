// What is said to a WebSocket client before it has shown its one-time ticket (PROTOCOL E-51; docs/OPERATIONS.md,
// "Sessions that a site begins"): a stream of the gateway's own with SASL PLAIN for its only mechanism, and the ticket
// for the password. So every client that can log in can use one.
//
//   <open/> ─► <open/>, features ─► <auth/> ─► the ticket ─► <success/> by the session's engine (ws_engine.hpp)
//
// Deliberately ignorant of what a ticket is worth and how often somebody may try: that is the shell's. The user name
// of the client is not looked at, for the ticket says who it is.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "xmpp/framing.hpp"
#include "xmpp/names.hpp"
#include "xmpp/secret.hpp"

namespace xmpp {

class TicketDoor {
 public:
  enum class Kind : std::uint8_t {
    nothing,
    greet,   // <open/> to the domain `to`: to be answered with greeting()
    ticket,  // `ticket`
    fail,    // <failure/> of SASL with `failure`
    refuse,  // a stream error
    leave,   // <close/>
  };
  struct Step {
    Kind kind = Kind::nothing;
    std::string to;
    Secret ticket;
    std::string_view failure;
    StreamCondition condition = StreamCondition::bad_format;
    std::string_view why;  // static storage; for the log
  };
  [[nodiscard]] Step on_message(const std::variant<Framed, Fault>& message);

  // <open/> and the features.
  [[nodiscard]] static std::array<std::string, 2> greeting(std::string_view domain, std::uint64_t random);
  [[nodiscard]] static std::string failure(std::string_view condition);

 private:
  [[nodiscard]] static Step on_element(const Stanza& element);

  bool greeted_ = false;
};

}  // namespace xmpp
