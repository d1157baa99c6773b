#include "bosh/iq_scan.hpp"

#include <algorithm>

#include "xmpp/raw_tag.hpp"

namespace bosh {

std::optional<std::string_view> id_of_session_request(std::string_view iq) {
  const auto outer = xmpp::read_start_tag(iq, 0);
  if (!outer || outer->empty_element) return std::nullopt;
  const std::size_t at = iq.find_first_not_of(" \t\r\n", outer->end);
  if (at == std::string_view::npos || iq[at] != '<') return std::nullopt;
  const auto child = xmpp::read_start_tag(iq, at);
  if (!child) return std::nullopt;
  const xmpp::SplitName name = xmpp::split_name(child->name);
  if (name.local != "session") return std::nullopt;
  // Declared on the child or, if the client likes prefixes, on the iq.
  const auto declares = [&name](const xmpp::RawAttribute& a) {
    return xmpp::declared_prefix(a.name) == name.prefix && a.value == "urn:ietf:params:xml:ns:xmpp-session";
  };
  if (std::none_of(child->attributes.begin(), child->attributes.end(), declares) &&
      (name.prefix.empty() || std::none_of(outer->attributes.begin(), outer->attributes.end(), declares)))
    return std::nullopt;
  const auto id = std::find_if(outer->attributes.begin(), outer->attributes.end(),
                               [](const xmpp::RawAttribute& a) { return a.name == "id"; });
  if (id == outer->attributes.end()) return std::nullopt;
  return id->text;
}

}  // namespace bosh
