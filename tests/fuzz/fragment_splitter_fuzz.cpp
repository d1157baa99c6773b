// The short way (many documents on one parser, as a shard reads them) must judge as the long one does, which a document
// with an XML declaration takes. What is accepted must be self-contained: put behind a stream header, and into a
// <body/> of other namespaces, it is split again into the same stanzas, byte for byte, and the stream or body still
// ends where it should.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "xmpp/fragment_splitter.hpp"
#include "xmpp/names.hpp"
#include "xmpp/parser_pool.hpp"
#include "xmpp/stream_splitter.hpp"

namespace {

[[noreturn]] void complain(const char* what, std::string_view bytes) {
  std::fprintf(stderr, "%s: %.*s\n", what, static_cast<int>(bytes.size()), bytes.data());
  std::abort();
}

// Fix-up adds declarations: what was just within the limits need not be so again.
xmpp::Limits generous() {
  xmpp::Limits limits;
  limits.max_bytes = 64 * 1024 * 1024;
  limits.max_attributes = 1024;
  limits.max_elements = 1024 * 1024;
  return limits;
}

void same(const xmpp::Stanza& is, const xmpp::Stanza& was) {
  if (is.bytes != was.bytes) complain("other bytes", is.bytes);
  if (is.kind != was.kind || is.type != was.type) complain("other kind or type", is.bytes);
}

void check_in_stream(const xmpp::Fragment& fragment, const std::string& inner) {
  xmpp::ParserPool pool;
  const auto limits = generous();
  xmpp::StreamSplitter splitter(pool, limits);
  xmpp::StreamEvents events;
  splitter.feed("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p'>",
                events);
  splitter.feed(inner, events);
  splitter.feed("</stream:stream>", events);
  if (events.list.size() != fragment.children.size() + 2) complain("in a stream: another number of events", inner);
  for (std::size_t i = 0; i < fragment.children.size(); ++i) {
    const auto* stanza = std::get_if<xmpp::Stanza>(&events.list[i + 1]);
    if (stanza == nullptr) complain("in a stream: not a stanza", inner);
    same(*stanza, fragment.children[i]);
  }
  if (!std::holds_alternative<xmpp::StreamClosed>(events.list.back())) complain("in a stream: not closed", inner);
}

void check_in_body(const xmpp::Fragment& fragment, const std::string& inner) {
  const auto limits = generous();
  xmpp::FragmentSplitter splitter(limits);
  xmpp::Fragment again;
  const std::string body = "<body xmlns='urn:b' xmlns:p='urn:p' xmlns:stream='urn:s'>" + inner + "</body>";
  if (splitter.split(body, "urn:b", again).index() != 0) complain("in a body: refused", inner);
  if (again.children.size() != fragment.children.size()) complain("in a body: another number of stanzas", inner);
  for (std::size_t i = 0; i < fragment.children.size(); ++i) same(again.children[i], fragment.children[i]);
  if (again.text) complain("in a body: text", inner);
}

void same_fragment(const xmpp::Fragment& is, const xmpp::Fragment& was, std::string_view document) {
  bool equal = is.root_ns == was.root_ns && is.root_name == was.root_name && is.text == was.text &&
               is.attributes.size() == was.attributes.size() && is.children.size() == was.children.size();
  for (std::size_t i = 0; equal && i < is.attributes.size(); ++i) {
    const auto &a = is.attributes[i], &b = was.attributes[i];
    equal = a.ns == b.ns && a.prefix == b.prefix && a.name == b.name && a.value == b.value;
  }
  if (!equal) complain("the long way reads another document", document);
  for (std::size_t i = 0; i < is.children.size(); ++i) same(is.children[i], was.children[i]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const xmpp::Limits limits;
  static xmpp::FragmentSplitter of_the_shard(limits);
  const std::string_view document(reinterpret_cast<const char*>(data), size);
  xmpp::Fragment fragment, again;
  const bool accepted = of_the_shard.split(document, xmpp::ns::httpbind, fragment).index() == 0;
  if (document.starts_with('<') && !document.starts_with("<?")) {
    xmpp::FragmentSplitter fresh(limits);
    const std::string declared = "<?xml version='1.0'?>" + std::string(document);
    const bool also = fresh.split(declared, xmpp::ns::httpbind, again).index() == 0;
    if (also != accepted) complain("the ways disagree", document);
    if (accepted) same_fragment(again, fragment, document);
  }
  if (!accepted) return 0;
  std::string inner;
  for (const auto& child : fragment.children) inner += child.bytes;
  check_in_stream(fragment, inner);
  check_in_body(fragment, inner);
  return 0;
}
