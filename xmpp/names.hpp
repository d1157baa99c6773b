// The names of the wire, each spelt once: namespaces and stream-error conditions (RFC 6120 4.9.3).
// Deliberately without stanza-error conditions: those that are sent live with the code that bounces.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace xmpp::ns {

inline constexpr std::string_view client = "jabber:client";
inline constexpr std::string_view streams = "http://etherx.jabber.org/streams";
inline constexpr std::string_view stream_conditions = "urn:ietf:params:xml:ns:xmpp-streams";
inline constexpr std::string_view stanza_conditions = "urn:ietf:params:xml:ns:xmpp-stanzas";
inline constexpr std::string_view tls = "urn:ietf:params:xml:ns:xmpp-tls";
inline constexpr std::string_view sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
inline constexpr std::string_view channel_binding = "urn:xmpp:sasl-cb:0";
inline constexpr std::string_view sasl2 = "urn:xmpp:sasl:2";
inline constexpr std::string_view compress = "http://jabber.org/protocol/compress";
inline constexpr std::string_view compress_feature = "http://jabber.org/features/compress";
inline constexpr std::string_view any_management = "urn:xmpp:sm:";  // what all versions begin with
inline constexpr std::string_view management_2 = "urn:xmpp:sm:2";
inline constexpr std::string_view management_3 = "urn:xmpp:sm:3";
inline constexpr std::string_view bind = "urn:ietf:params:xml:ns:xmpp-bind";
inline constexpr std::string_view bind_2 = "urn:xmpp:bind:0";
inline constexpr std::string_view limits = "urn:xmpp:stream-limits:0";
inline constexpr std::string_view framing = "urn:ietf:params:xml:ns:xmpp-framing";
inline constexpr std::string_view httpbind = "http://jabber.org/protocol/httpbind";
inline constexpr std::string_view xbosh = "urn:xmpp:xbosh";
inline constexpr std::string_view xml = "http://www.w3.org/XML/1998/namespace";

}  // namespace xmpp::ns

namespace xmpp {

enum class StreamCondition : std::uint8_t {
  bad_format,
  bad_namespace_prefix,
  conflict,
  connection_timeout,
  host_gone,
  host_unknown,
  improper_addressing,
  internal_server_error,
  invalid_from,
  invalid_namespace,
  invalid_xml,
  not_authorized,
  not_well_formed,
  policy_violation,
  remote_connection_failed,
  reset,
  resource_constraint,
  restricted_xml,
  see_other_host,
  system_shutdown,
  undefined_condition,
  unsupported_encoding,
  unsupported_feature,
  unsupported_stanza_type,
  unsupported_version,
};

[[nodiscard]] std::string_view wire_name(StreamCondition condition);
[[nodiscard]] std::optional<StreamCondition> stream_condition(std::string_view wire_name);

}  // namespace xmpp
