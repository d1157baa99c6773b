// Builds the <body/> of an answer (XEP-0124 6, 7.2, 8; XEP-0206 4). Prefix-less, double use of no prefix but `stream`
// and `xmpp`, no white space between children: clients compare literally (B-009, B-010).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bosh/body.hpp"
#include "bosh/condition.hpp"

namespace bosh {

inline constexpr std::string_view body_open = "<body xmlns='http://jabber.org/protocol/httpbind'>";
inline constexpr std::string_view body_close = "</body>";
inline constexpr std::string_view empty_body = "<body xmlns='http://jabber.org/protocol/httpbind'/>";  // B-068
// Only ever on a connection that a newer copy of its request has superseded (B-151).
inline constexpr std::string_view superseded_body = "<body type='error' xmlns='http://jabber.org/protocol/httpbind'/>";

struct Head {
  std::string_view attributes;         // complete, each with a blank before it
  std::optional<Rid> ack;              // B-080
  std::optional<Rid> report;           // B-085
  std::uint32_t report_ms = 0;         // `time`
  std::optional<Condition> terminate;  // Condition::none: terminate without a condition
  bool declare_stream = false;         // xmlns:stream
  [[nodiscard]] bool plain() const { return attributes.empty() && !ack && !report && !terminate && !declare_stream; }
};

// `payload`: complete elements, or empty. The capacity is exact.
[[nodiscard]] std::string make_body(const Head& head, std::string_view payload);

// Appends " name='value'", the value escaped.
void append_attribute(std::string& out, std::string_view name, std::string_view value);
void append_attribute(std::string& out, std::string_view name, std::uint64_t value);

}  // namespace bosh
