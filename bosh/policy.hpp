// What the operator decides about BOSH sessions (PROTOCOL 0.1); the same for all sessions of a configuration.
// The defaults here are the defaults of conf/postern.toml.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "xmpp/time.hpp"

namespace bosh {

enum class LegacyErrors : std::uint8_t { automatic, always, never };  // B-171

// Push streams (docs/PROTOCOLS.md, V-001 ... V-009).
struct PushPolicy {
  bool enabled = false;
  xmpp::Duration keep_alive = std::chrono::seconds(15);
  xmpp::Duration max_stream_time = std::chrono::minutes(5);  // of one connection: who comes back is alive
  std::size_t max_stream_bytes = 1024 * 1024;                // likewise: what browsers keep of an endless answer
  std::size_t max_unproven_bytes = 128 * 1024;               // given and not shown to have arrived
};

struct Policy {
  std::uint32_t default_wait = 60;  // seconds; what an absent `wait` means, before the clamp
  std::uint32_t max_wait = 55;      // seconds
  std::uint32_t max_hold = 1;
  std::uint32_t max_requests = 6;
  std::uint32_t inactivity = 90;                           // seconds
  std::uint32_t polling = 5;                               // seconds
  std::uint32_t maxpause = 120;                            // seconds; 0: pause is not offered
  xmpp::Duration unused = std::chrono::seconds(30);        // B-039: created, no second request
  xmpp::Duration connect_hold = std::chrono::seconds(25);  // B-049: how long the creation answer waits for features
  xmpp::Duration surplus_release =
      std::chrono::milliseconds(2);                          // B-065: how long a surplus poll may wait for the reply
  xmpp::Duration coalesce = xmpp::Duration::zero();          // B-066: after the first payload; 0: end of the read
  xmpp::Duration implied_restart = std::chrono::seconds(1);  // X-024 (c)
  xmpp::Duration report_threshold = std::chrono::milliseconds(500);  // B-086
  std::size_t max_response_bytes = 4 * 1024 * 1024;  // B-066; a single larger stanza still goes out alone
  std::size_t queue_high = 1024 * 1024;              // bytes for the client: stop reading from the server ...
  std::size_t queue_low = 256 * 1024;                // ... go on
  std::size_t queue_cap = 8 * 1024 * 1024;           // end the session (B-070)
  std::size_t max_cached_bytes = 8 * 1024 * 1024;    // answers kept for repeats, beyond the newest (B-088, E-33)
  std::uint32_t max_repeats = 10;                    // of one rid (B-116)
  bool strict_overactivity = false;                  // B-115: punish at the first offence, as the XEP allows
  bool strict_text = false;                          // B-003
  bool acks = true;                                  // answer ack='1' with acks of our own (B-044, B-080)
  std::uint32_t max_in_doubt = 100;  // elements handed out after a doubt arose, before it is dropped (U-061)
  bool nonsasl_features = false;     // make up features for iq:auth where the server has none
  bool local_session = true;         // answer the session iq of RFC 3921 where the server no longer knows it
  LegacyErrors legacy_errors = LegacyErrors::automatic;
  std::vector<std::string> content_types = {"text/xml", "application/xml", "text/plain"};  // B-034
  std::uint32_t max_streams = 1;  // to servers, of one session (B-187); 1: as if XEP-0124 16 did not exist
  PushPolicy push;
  bool script_syntax = false;       // XEP-0252, for who asks by GET
  bool offer_gzip_requests = true;  // accept='deflate,gzip' in the creation answer (H-008)
};

}  // namespace bosh
