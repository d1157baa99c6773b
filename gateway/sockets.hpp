// What TCP sockets of the gateway have in common, accepted or connected.
#pragma once
#include <boost/asio/ip/tcp.hpp>

#include "xmpp/time.hpp"

namespace gateway {

// No delay, keep-alive probes, and an end to unacknowledged data after `patience` (PROTOCOL H-023): a held request is
// silent for up to `wait`, so without probes a peer that vanished would look alive until then. For Linux who
// acknowledges and reads nothing is gone too: `busy`, where it is longer, is what such a peer has. Failure is harmless.
void prepare_socket(int descriptor, xmpp::Duration patience, xmpp::Duration busy = {});

// A non-blocking socket on its way to `endpoint`: connected, or failed, when it becomes writable. Negative: -errno.
[[nodiscard]] int begin_connect(const boost::asio::ip::tcp::endpoint& endpoint, xmpp::Duration patience,
                                xmpp::Duration busy = {});
// How that ended: 0, or errno.
[[nodiscard]] int connect_outcome(int descriptor);

}  // namespace gateway
