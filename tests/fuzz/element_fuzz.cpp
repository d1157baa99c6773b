// The elements whose content we look at without a parser: features, stream errors, what is bounced, and those of
// sessions whose client the gateway is. What the splitter has proven must be taken apart without a loss: the tree that
// is made of it says what expat says. And what we make of it must be accepted by the splitter again, as one stanza that
// no longer offers TLS.
#include <expat.h>

#include <memory>
#include <string>

#include "tests/fuzz/complain.hpp"
#include "xmpp/arena.hpp"
#include "xmpp/bounce.hpp"
#include "xmpp/features.hpp"
#include "xmpp/parsed_element.hpp"
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

// Between namespace and name: no URI can hold it. expat refuses one that does.
constexpr char separator = '\x01';

// A tree as text, one way to write it: elements, their attributes without a prefix, text.
std::string written(xmpp::ElementView element) {
  std::string out = "<" + std::string(element.ns()) + separator + std::string(element.name());
  element.each_attribute([&out](std::string_view name, std::string_view value) {
    out.append(" ").append(name).append("=").append(value).append("\x01");
  });
  out += ">";
  element.each_part([&out](const std::string& text) { out += text; },
                    [&out](xmpp::ElementView child) { out += written(child); });
  return out + "</>";
}

std::string written_by_expat(std::string_view bytes) {
  struct FreeParser {
    void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
  };
  const std::unique_ptr<XML_ParserStruct, FreeParser> parser(XML_ParserCreateNS(nullptr, separator));
  std::string out;
  XML_SetUserData(parser.get(), &out);
  XML_SetElementHandler(
      parser.get(),
      [](void* to, const char* name, const char** attributes) {
        auto& text = *static_cast<std::string*>(to);
        const std::string whole(name);
        text += '<';
        if (whole.find(separator) == std::string::npos) text += separator;
        text += whole;
        for (; *attributes != nullptr; attributes += 2) {
          if (std::string_view(attributes[0]).find(separator) != std::string_view::npos) continue;
          text.append(" ").append(attributes[0]).append("=").append(attributes[1]).append("\x01");
        }
        text += ">";
      },
      [](void* to, const char*) { *static_cast<std::string*>(to) += "</>"; });
  XML_SetCharacterDataHandler(parser.get(), [](void* to, const char* text, int size) {
    static_cast<std::string*>(to)->append(text, static_cast<std::size_t>(size));
  });
  if (XML_Parse(parser.get(), bytes.data(), static_cast<int>(bytes.size()), 1) != XML_STATUS_OK) return "not read";
  return out;
}

void check_tree(std::string_view bytes) {
  const auto parsed = xmpp::ParsedElement::parse(bytes);
  if (!parsed) fuzz::complain("a proven element is no tree", bytes);
  if (const auto expected = written_by_expat(bytes); written(parsed->root()) != expected)
    fuzz::complain("the tree is another", expected);
}

void check(const xmpp::Stanza& stanza) {
  check_tree(stanza.bytes);
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
