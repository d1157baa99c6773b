// The ways in which a session can be attached to its client: the closed set of engines (a std::variant, no
// inheritance). A new one fulfils the contract of xmpp/binding.hpp, is named here, and gets a line in
// counts_of() of end_log.hpp; its typed entries are reached through SessionHost::enter().
#pragma once
#include <concepts>
#include <type_traits>
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

template <typename Engine, typename... List>
concept OneOf = (std::same_as<std::remove_cvref_t<Engine>, List> || ...);

// Who has which of the parts of the contract that not everybody has. Said by name, so that a method that has changed is
// an error where it is called, and not a call that is silently not made. Those that only the shell knows:
//   on_arrived()          all that was pushed to the connection has been received
//   secured()             the link stands: how safe it is to speak of secrets, and what to bind them to
//   held_bytes()          what it keeps, which counts against limits.max_buffered_bytes
//   unforwarded_bytes()   of that, what the client has sent and the server has not been sent yet; and all that was ever
//                         answered in the server's place, which it never will be
//   has_last_words()      it keeps something after the end, for requests that come late, that the client has not been
//                         given; the rest is for repeats
//   let_go()              the memory is needed: it keeps nothing, and looks forgotten
template <typename Engine>  // on_gone()
concept AnswersRequests = OneOf<Engine, bosh::Engine, bosh::PollEngine, bosh::Prebind>;
template <typename Engine>  // on_lost(), on_unsent()
concept OwnsConnection = OneOf<Engine, bosh::Engine, xmpp::WsEngine, webclient::WebEngine>;
template <typename Engine>  // on_arrived()
concept HearsOfArrival = OneOf<Engine, webclient::WebEngine>;
template <typename Engine>  // managed()
concept AsksForProof = OneOf<Engine, xmpp::WsEngine>;
template <typename Engine>  // secured()
concept LogsIn = OneOf<Engine, bosh::Prebind, webclient::WebEngine>;
template <typename Engine>  // held_bytes()
concept HoldsBytes = !OneOf<Engine, Branch>;
template <typename Engine>  // unforwarded_bytes()
concept HoldsUnforwarded = OneOf<Engine, bosh::Engine, bosh::PollEngine>;
template <typename Engine>  // has_last_words(), let_go()
concept KeepsAfterEnd = OneOf<Engine, bosh::Engine, bosh::PollEngine>;

}  // namespace gateway
