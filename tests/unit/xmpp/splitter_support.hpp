// Events of a splitter as lines of text, so that a table can say what is expected and a sweep can compare.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/parser_pool.hpp"
#include "xmpp/stream_splitter.hpp"

namespace test {

using Lines = std::vector<std::string>;

inline std::string name(xmpp::FaultKind kind) {
  switch (kind) {
    case xmpp::FaultKind::not_well_formed:
      return "not_well_formed";
    case xmpp::FaultKind::restricted_xml:
      return "restricted_xml";
    case xmpp::FaultKind::bad_encoding:
      return "bad_encoding";
    case xmpp::FaultKind::too_large:
      return "too_large";
    case xmpp::FaultKind::bad_format:
      return "bad_format";
    case xmpp::FaultKind::invalid_namespace:
      return "invalid_namespace";
    case xmpp::FaultKind::stream_error:
      return "stream_error";
    case xmpp::FaultKind::closed:
      return "closed";
    case xmpp::FaultKind::connection_failed:
      return "connection_failed";
    case xmpp::FaultKind::connection_lost:
      return "connection_lost";
    case xmpp::FaultKind::timed_out:
      return "timed_out";
  }
  return "?";
}

inline std::string describe(const xmpp::StreamEvent& event) {
  struct Visitor {
    std::string operator()(const xmpp::StreamOpened& e) const {
      return "opened id=" + std::string(e.id) + " from=" + std::string(e.from) + " version=" + std::string(e.version) +
             " lang=" + std::string(e.lang);
    }
    std::string operator()(const xmpp::Stanza& e) const {
      return (e.excess.empty() ? "" : std::string(e.excess) + ": ") + std::string(e.bytes);
    }
    std::string operator()(const xmpp::StreamClosed&) const { return "closed"; }
    std::string operator()(const xmpp::Fault& e) const { return "fault " + name(e.kind); }
  };
  return std::visit(Visitor{}, event);
}

// Feeds the pieces to one new splitter; the events are copied and cleared after each piece, as the shell does.
inline Lines split_stream(const std::vector<std::string_view>& pieces, const xmpp::Limits& limits,
                          xmpp::ParserPool& pool) {
  xmpp::StreamSplitter splitter(pool, limits);
  xmpp::StreamEvents events;
  Lines lines;
  for (const auto piece : pieces) {
    const std::string copy(piece);  // views may not point into what was fed
    splitter.feed(copy, events);
    for (const auto& event : events.list) lines.push_back(describe(event));
    events.clear();
  }
  return lines;
}

inline Lines split_stream(std::string_view bytes, const xmpp::Limits& limits = {}) {
  xmpp::ParserPool pool;
  return split_stream({bytes}, limits, pool);
}

// Whatever the partition, the events are those of the whole, up to and with the fault. Returned: a partition for which
// they are not; empty: there is none.
inline std::string sweep(std::string_view bytes, const xmpp::Limits& limits) {
  const Lines whole = split_stream(bytes, limits);
  xmpp::ParserPool pool;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    if (split_stream({bytes.substr(0, cut), bytes.substr(cut)}, limits, pool) != whole)
      return "cut at " + std::to_string(cut);
  }
  for (std::size_t size = 1; size < 8; ++size) {
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < bytes.size(); at += size) pieces.push_back(bytes.substr(at, size));
    if (split_stream(pieces, limits, pool) != whole) return "pieces of " + std::to_string(size);
  }
  return {};
}

}  // namespace test
