// Recognises the one iq of the client that the gateway may answer itself: the session request of RFC 3921.
// A look at two start tags that the splitter has proven well-formed; not a parser.
#pragma once
#include <optional>
#include <string_view>

namespace bosh {

// The id attribute of an <iq/> whose first child is <session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>, as it is
// written (id='...'); nothing for any other iq, or one without an id.
[[nodiscard]] std::optional<std::string_view> id_of_session_request(std::string_view iq);

}  // namespace bosh
