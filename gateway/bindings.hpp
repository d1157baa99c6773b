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

}  // namespace gateway
