// The few elements whose content we look at without a parser: features, stream errors, what is bounced. What the
// splitter has proven must be taken apart without a loss, and what we make of it must be accepted by the splitter
// again, as one stanza that no longer offers TLS.
#include <string>

#include "tests/fuzz/complain.hpp"
#include "xmpp/arena.hpp"
#include "xmpp/bounce.hpp"
#include "xmpp/features.hpp"
#include "xmpp/parser_pool.hpp"
#include "xmpp/raw_element.hpp"
#include "xmpp/stream_error.hpp"
#include "xmpp/stream_splitter.hpp"

namespace {

constexpr std::string_view header =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>";

// Rewriting escapes and declares: what was just within the limits need not be so again.
const xmpp::Limits generous{
    .max_bytes = 64 << 20, .max_attributes = 2048, .max_name_bytes = 8192, .max_elements = 1 << 20};

bool is_one_stanza(std::string_view bytes) {
  xmpp::ParserPool pool;
  xmpp::StreamSplitter splitter(pool, generous);
  xmpp::StreamEvents events;
  splitter.feed(header, events);
  splitter.feed(bytes, events);
  return events.list.size() == 2 && std::holds_alternative<xmpp::Stanza>(events.list[1]);
}

void check(const xmpp::Stanza& stanza) {
  const auto children = xmpp::read_children(stanza.bytes);
  if (!children) fuzz::complain("a proven element is not read", stanza.bytes);
  for (const auto& child : children->list) {
    if (!child.bytes.starts_with('<') || !child.bytes.ends_with('>')) fuzz::complain("a child is cut", child.bytes);
  }
  static_cast<void>(xmpp::attribute(children->root, "to"));
  static_cast<void>(xmpp::see_other_host(stanza.bytes));
  xmpp::Arena arena;
  const auto bounced = xmpp::bounce(stanza, arena);
  if (!bounced.empty() && !is_one_stanza(bounced)) fuzz::complain("a bounce that is no stanza", bounced);
  if (stanza.kind != xmpp::StanzaKind::features) return;
  const auto filtered = xmpp::filter_features(stanza.bytes, {.max_bytes = 10000, .idle_seconds = 90});
  if (!filtered) return;
  if (!is_one_stanza(*filtered)) fuzz::complain("features that are no stanza", *filtered);
  if (xmpp::offers_tls(*filtered)) fuzz::complain("TLS is still offered", *filtered);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  static_cast<void>(xmpp::parse_host_and_port(bytes));
  xmpp::ParserPool pool;
  const xmpp::Limits limits;
  xmpp::StreamSplitter splitter(pool, limits);
  xmpp::StreamEvents events;
  splitter.feed(header, events);
  splitter.feed(bytes, events);
  for (const auto& event : events.list) {
    if (const auto* stanza = std::get_if<xmpp::Stanza>(&event)) check(*stanza);
  }
  return 0;
}
