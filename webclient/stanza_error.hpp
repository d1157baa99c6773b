// The condition of an error stanza (RFC 6120 8.3.3) as a Problem. Pure.
#pragma once
#include "webclient/problem.hpp"
#include "xmpp/parsed_element.hpp"

namespace webclient {

// Of a stanza with type error; whatever is unknown or missing is undefined_condition.
[[nodiscard]] Problem problem_of(xmpp::ElementView stanza);

}  // namespace webclient
