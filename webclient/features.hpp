// What the chat says about itself: the answers to disco#info, version, ping, time and to what it does not know
// (XEP-0030, XEP-0092, XEP-0199, XEP-0202, RFC 6120 8.4), and its capabilities in presence (XEP-0115).
#pragma once
#include <string_view>

#include "webclient/context.hpp"
#include "xmpp/strophe_stanza.hpp"

namespace webclient {

[[nodiscard]] xmpp::NewElement result_reply(xmpp::ElementView iq);

// To an iq get or set that no part of the client has taken.
[[nodiscard]] xmpp::NewElement answer_question(xmpp::ElementView iq, const ClientSettings& settings, WallTime wall);

// <c/> for our presence.
[[nodiscard]] xmpp::NewElement caps();

// The string that the `ver` of caps() is the SHA-1 of (XEP-0115 5.1).
[[nodiscard]] std::string caps_input();

}  // namespace webclient
