#include "xmpp/framing.hpp"

#include <algorithm>

#include "xmpp/raw_element.hpp"
#include "xmpp/raw_tag.hpp"
#include "xmpp/stream_header.hpp"

namespace xmpp {
namespace {

constexpr std::string_view white = " \t\r\n";

// A message is read as the only child of an element of our own: so it gets the namespace of the stream if it has none,
// and an undeclared prefix, another root or a tag that closes more than was opened is an error like any other.
constexpr std::string_view before = "<m xmlns='jabber:client'>";
constexpr std::string_view after = "</m>";
constexpr std::string_view draft_open = "<stream:stream";

Limits with_room(Limits limits) {
  limits.max_bytes += before.size() + after.size();
  ++limits.max_depth;
  ++limits.max_elements;
  return limits;
}

// W-011: tolerated. What it says does not matter, the text is UTF-8 by then.
std::string_view without_declaration(std::string_view message) {
  constexpr std::string_view declaration = "<?xml";
  if (!message.starts_with(declaration) || message.size() == declaration.size()) return message;
  if (white.find(message[declaration.size()]) == std::string_view::npos) return message;
  const auto end = message.find("?>");
  if (end == std::string_view::npos) return message;
  message.remove_prefix(end + 2);
  message.remove_prefix(std::min(message.find_first_not_of(white), message.size()));
  return message;
}

// W-023: what is called like ours and is not ours means nothing to any server.
bool is_misnamed(const Stanza& element) {
  if (element.kind != StanzaKind::other) return false;
  const auto tag = read_start_tag(element.bytes, 0);
  return tag && (split_name(tag->name).local == "open" || split_name(tag->name).local == "close");
}

OpenElement read_open(std::string_view bytes) {
  OpenElement open;
  const auto tag = read_start_tag(bytes, 0);
  if (!tag) return open;
  open.to = attribute(*tag, "to").value_or(std::string());
  open.from = attribute(*tag, "from").value_or(std::string());
  open.lang = attribute(*tag, "xml:lang").value_or(std::string());
  open.version = attribute(*tag, "version").has_value();
  return open;
}

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out.append(" ").append(name).append("='");
  append_escaped(out, value);
  out += '\'';
}

}  // namespace

FramingReader::FramingReader(const Limits& limits) : limits_(with_room(limits)), splitter_(limits_) {}

// `end`: of our own, what the message leaves open on purpose.
std::variant<Stanza, Fault> FramingReader::read_element(std::string_view message, std::string_view end) {
  document_.assign(before).append(message).append(end).append(after);
  fragment_.clear();
  const auto fault = splitter_.split(document_, {}, fragment_);
  if (document_.capacity() > 64 * 1024) std::string().swap(document_);
  if (const auto* found = std::get_if<Fault>(&fault)) return *found;
  if (fragment_.text || fragment_.children.size() != 1) {
    return Fault{FaultKind::bad_format, "not one element in a message"};  // E-44
  }
  return fragment_.children.front();
}

// Nothing but the start tag: with an end tag of ours behind it, it is an element without content. Under another name,
// because the reader lets no stream begin inside of one. It comes back without the prefix (B-008).
std::variant<Framed, Fault> FramingReader::read_draft_open(std::string_view header) {
  constexpr std::string_view name = "<stream:header", end = "</stream:header>";
  std::string renamed(name);
  renamed.append(header.substr(draft_open.size()));
  const auto read = read_element(renamed, end);
  if (const auto* fault = std::get_if<Fault>(&read)) return *fault;
  const auto bytes = std::get<Stanza>(read).bytes;
  const auto tag = read_start_tag(bytes, 0);
  if (tag && attribute(*tag, "xmlns") != ns::streams) {
    return Fault{FaultKind::invalid_namespace, "the header of a stream in a foreign namespace"};
  }
  if (!tag || bytes.substr(tag->end) != "</header>") {
    return Fault{FaultKind::bad_format, "more than the header of a stream in a message"};
  }
  Framed framed;
  framed.kind = Framed::Kind::open;
  framed.framing = Framing::draft;
  framed.open = read_open(bytes);
  return framed;
}

std::variant<Framed, Fault> FramingReader::read(std::string_view message) {
  if (message.find_first_not_of(white) == std::string_view::npos) return Framed{};
  message = without_declaration(message);
  if (!message.starts_with('<')) return Fault{FaultKind::bad_format, "a message that does not begin with an element"};
  if (message.starts_with(draft_open) && message.size() > draft_open.size() &&
      white.find(message[draft_open.size()]) != std::string_view::npos) {
    return read_draft_open(message);
  }
  Framed framed;
  if (message == stream_end) {
    framed.kind = Framed::Kind::close;
    framed.framing = Framing::draft;
    return framed;
  }
  const auto read = read_element(message, {});
  if (const auto* fault = std::get_if<Fault>(&read)) return *fault;
  framed.element = std::get<Stanza>(read);
  if (is_misnamed(framed.element)) {
    return Fault{FaultKind::invalid_namespace, "<open/> or <close/> in a foreign namespace"};
  }
  framed.kind = Framed::Kind::element;
  if (framed.element.kind == StanzaKind::framing_close) framed.kind = Framed::Kind::close;
  if (framed.element.kind == StanzaKind::framing_open) {
    framed.kind = Framed::Kind::open;
    framed.open = read_open(framed.element.bytes);
  }
  return framed;
}

std::string write_close(std::string_view see_other_uri, Framing framing) {
  if (framing == Framing::draft) return std::string(stream_end);
  if (see_other_uri.empty()) return std::string(framing_close);
  std::string out = "<close";
  append_attribute(out, "xmlns", ns::framing);
  append_attribute(out, "see-other-uri", see_other_uri);
  return out + " />";
}

std::string write_open(const OpenAnswer& open) {
  const bool draft = open.framing == Framing::draft;
  std::string out = draft ? "<stream:stream" : "<open";
  append_attribute(out, "xmlns", draft ? ns::client : ns::framing);
  if (draft) append_attribute(out, "xmlns:stream", ns::streams);
  append_attribute(out, "from", open.from);
  append_attribute(out, "id", open.id);
  append_attribute(out, "version", open.version.empty() ? "1.0" : open.version);
  append_attribute(out, "xml:lang", open.lang);
  return out + (draft ? ">" : " />");
}

std::string write_framed_error(StreamCondition condition) {
  std::string out = "<stream:error";
  append_attribute(out, "xmlns:stream", ns::streams);
  out.append("><").append(wire_name(condition));
  append_attribute(out, "xmlns", ns::stream_conditions);
  return out + "/></stream:error>";
}

}  // namespace xmpp
