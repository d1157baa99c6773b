// The errors for stanzas that get lost: to the sender of one whose client has vanished (XEP-0206 7; PROTOCOL X-050,
// E-53), to the client about one of its own that the server has not confirmed, and to both about one above the limits.
//
// It reads the start tag of a proven stanza and nothing else, so it needs no parser: libstrophe would build a tree of
// the whole stanza with a parser of its own to yield four attributes, and its copy would be one re-serialised.
#pragma once
#include <cstddef>
#include <string_view>

#include "xmpp/arena.hpp"
#include "xmpp/stanza.hpp"

namespace xmpp {

// An id that somebody else has chosen and that is to go back to him: longer than anybody makes them, and no answer.
inline constexpr std::size_t max_answered_id = 1024;

// The bytes for the server, in `arena`; empty where there is nothing to say: presence, results, and whatever could
// begin a loop (errors, headlines, groupchat), or has nobody to be told.
[[nodiscard]] std::string_view bounce(const Stanza& undelivered, Arena& arena);

// The same for the sender of one with Stanza::excess; empty as well where its id is longer than max_answered_id.
[[nodiscard]] std::string_view refusal(const Stanza& excessive, Arena& arena);
// The bytes for the client instead of an <iq/> with Stanza::excess, which as it is would be none: an error, so that who
// has asked does not wait, and who is asked does not answer as well. Not for one that a client is to answer itself.
[[nodiscard]] std::string_view left_out(const Stanza& excessive, Arena& arena);

// The bytes for the client who sent `stanza` on a stream that died before the server acknowledged it, in `arena`: it
// may have been handled or not. Empty for presence, results and errors, which nobody waits for, and for what has
// neither recipient nor id, so that nobody would know what is meant.
[[nodiscard]] std::string_view unconfirmed(std::string_view stanza, Arena& arena);

}  // namespace xmpp
