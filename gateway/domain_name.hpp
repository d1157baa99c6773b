// Host names as XMPP and DNS write them: the prepared form (nameprep; what names are compared by) and the A-label form
// (what goes into DNS, SNI and certificate checks; PROTOCOL B-022, U-003, U-013).
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace gateway {

// Lower case, normalised, A-labels turned into U-labels, one trailing dot removed. IP literals pass ("[::1]" in
// brackets). Nothing for what cannot be a domainpart: empty, too long, with a port, a path, or white space.
[[nodiscard]] std::optional<std::string> prepare_domain(std::string_view name);

// "bücher.example" -> "xn--bcher-kva.example". IP literals pass. Takes prepared and unprepared names.
[[nodiscard]] std::optional<std::string> to_a_labels(std::string_view name);

}  // namespace gateway
