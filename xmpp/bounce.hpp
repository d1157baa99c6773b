// The answer to a stanza whose client has vanished (XEP-0206 7; PROTOCOL X-050, E-53): who asked or wrote is told.
//
// It reads the start tag of a proven stanza and nothing else, so it needs no parser: libstrophe would build a tree of
// the whole stanza with a parser of its own to yield four attributes, and its copy would be one re-serialised.
#pragma once
#include <string_view>

#include "xmpp/arena.hpp"
#include "xmpp/stanza.hpp"

namespace xmpp {

// The bytes for the server, in `arena`; empty where there is nothing to say: presence, results, and whatever could
// begin a loop (errors, headlines, groupchat), or has nobody to be told.
[[nodiscard]] std::string_view bounce(const Stanza& undelivered, Arena& arena);

}  // namespace xmpp
