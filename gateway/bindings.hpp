// The ways in which a session can be attached to its client: the closed set of engines (a std::variant, no
// inheritance). A new one fulfils the contract of xmpp/binding.hpp, is named here, and gets a line in
// counts_of() of end_log.hpp; its typed entries are reached through SessionHost::enter().
#pragma once
#include <variant>

#include "bosh/engine.hpp"
#include "bosh/poll_engine.hpp"
#include "bosh/prebind.hpp"
#include "gateway/branch.hpp"
#include "webclient/web_engine.hpp"
#include "xmpp/ws_engine.hpp"

namespace gateway {

using Binding =
    std::variant<bosh::Engine, bosh::PollEngine, bosh::Prebind, Branch, xmpp::WsEngine, webclient::WebEngine>;

// Beside the contract, one that keeps bytes says how many in
//   held_bytes()          all of them, which count against limits.max_buffered_bytes
//   unforwarded_bytes()   of them, those of the client that have not gone to the server yet
// and one that goes on keeping some after the end, for requests that come late, has
//   has_last_words()      some the client has not been given; the rest is for repeats
//   let_go()              the memory is needed: it keeps nothing, and looks forgotten

}  // namespace gateway
