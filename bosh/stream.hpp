// One stream to a server as a BOSH session has it: what waits for the client, where its login stands, and what of it
// the client has not been told. Data of the engine, which decides; a session has one of them, and more where several
// streams are allowed (bosh/stream_set.hpp).
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "bosh/client_queue.hpp"
#include "bosh/restart.hpp"
#include "xmpp/time.hpp"

namespace bosh {

struct Stream {
  ClientQueue queue;
  StreamRestart restart;
  std::unique_ptr<const std::string> authid;  // known, and not yet told (B-051)
  xmpp::Instant flush_at = xmpp::never;       // what waits for the client is due (B-066)
  std::uint32_t number = 1;                   // its name is the number (B-048)
  bool opened : 1 = false;
  bool server_version : 1 = false;
  bool tell_version : 1 = false;  // xmpp:version was not known when the client was told of the stream
  bool congested : 1 = false;
  bool server_paused : 1 = false;
};

}  // namespace bosh
