#include "xmpp/fragment_splitter.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "xmpp/raw_tag.hpp"
#include "xmpp/xml_reader.hpp"

namespace xmpp {
namespace {

// What expat is given at once. Never a document in parts, or a tag that spans them would be scanned once for each.
constexpr std::size_t slice_bytes = std::size_t{1} << 30;

// A document above this leaves buffers and tables of names behind that are not worth keeping.
constexpr std::size_t swollen_bytes = 32 * 1024;

// expat remembers every name it has seen until it is freed, and the names are the browser's to choose.
constexpr std::uint64_t renew_after = 128 * 1024;

constexpr std::string_view white = " \t\r\n";

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

std::string_view without_surroundings(std::string_view document) {
  if (document.starts_with(byte_order_mark)) document.remove_prefix(byte_order_mark.size());
  document.remove_prefix(std::min(document.find_first_not_of(white), document.size()));
  return document.substr(0, document.find_last_not_of(white) + 1);
}

// A declaration, a DTD, a comment, another encoding: whatever a document may begin with and an element may not.
bool has_prolog(std::string_view document) {
  return document.size() < 2 || document[0] != '<' || document[1] == '?' || document[1] == '!' || document[1] == '\0';
}

// Declarations for the prefixes of this tag that have none.
std::vector<std::string> undeclared_prefixes(const RawTag& tag) {
  std::vector<std::string> wanted;
  const auto want = [&](std::string_view name) {
    const auto prefix = split_name(name).prefix;
    if (prefix.empty() || prefix == "xml" || prefix == "xmlns") return;
    if (std::find(wanted.begin(), wanted.end(), prefix) == wanted.end()) wanted.emplace_back(prefix);
  };
  want(tag.name);
  for (const auto& attribute : tag.attributes) want(attribute.name);
  for (const auto& attribute : tag.attributes) {
    if (const auto declared = declared_prefix(attribute.name)) std::erase(wanted, *declared);
  }
  return wanted;
}

}  // namespace

struct FragmentSplitter::State final : XmlReader::Sink {
  explicit State(const Limits& given) : limits(given), reader(std::make_unique<XmlReader>(given)) {}
  ~State() = default;

  const Limits& limits;
  std::unique_ptr<XmlReader> reader;
  std::string_view document;
  std::size_t begin = 0;  // of the document, in the positions of the reader
  bool wrapped = false;
  Fragment* out = nullptr;
  std::size_t stored_bytes = 0;  // of the children so far
  // Declarations for the prefixes of the root that have none: expat reads them, the document does not have them.
  std::vector<std::string> unbound;
  std::string inserted;
  std::size_t inserted_at = 0;

  std::optional<Fault> read_wrapped(std::string_view adopt_from) {
    if (!wrapped || reader->fault() || reader->fed() > renew_after) {
      if (reader->fed() > renew_after) reader = std::make_unique<XmlReader>(limits);
      reader->reset(limits, XmlReader::Scope::document);
      reader->open_wrapper();
      wrapped = true;
    }
    out->clear();
    stored_bytes = 0;
    begin = static_cast<std::size_t>(reader->fed());
    reader->next_document(adopt_from);
    feed(document, false);
    reader->finish_document();
    return reader->fault();
  }

  std::optional<Fault> read(std::string_view adopt_from) {
    wrapped = false;
    reader->reset(limits, XmlReader::Scope::document, adopt_from);
    out->clear();
    stored_bytes = 0;
    begin = 0;
    feed(document.substr(0, inserted_at), false);
    feed(inserted, false);
    feed(document.substr(inserted_at), true);
    return reader->fault();
  }

  void feed(std::string_view part, bool is_last) {
    do {
      const auto slice = part.substr(0, slice_bytes);
      part.remove_prefix(slice.size());
      if (!reader->feed(slice, is_last && part.empty(), this)) return;
    } while (!part.empty());
  }

  // B-005: on the root an undeclared prefix is only a spelling. True: it is worth another reading.
  bool tolerate_unbound_prefix() {
    const auto at = reader->unbound_prefix_at();
    if (!at || reader->root_was_seen() || !inserted.empty()) return false;
    const auto root = static_cast<std::size_t>(*at) - begin;
    const auto tag = read_start_tag(document, root);
    if (!tag || tag->attributes.size() > limits.max_attributes) return false;
    unbound = undeclared_prefixes(*tag);
    for (const auto& prefix : unbound)
      inserted.append(" xmlns:").append(prefix).append("='undeclared:").append(prefix).append("'");
    inserted_at = root + 1 + tag->name.size();
    return !unbound.empty();
  }

  void on_root(const RootElement& root) override {
    Arena& arena = out->arena;
    const auto is_unbound = [this](std::string_view prefix) {
      return std::find(unbound.begin(), unbound.end(), prefix) != unbound.end();
    };
    for (auto& declaration : reader->namespaces().prefixes) declaration.bound = !is_unbound(declaration.prefix);
    const auto& name = root.name();
    out->root_name = arena.store(name.local);
    out->root_ns = is_unbound(name.prefix) ? std::string_view{} : arena.store(name.uri);
    root.each_attribute([&](const QualifiedName& attribute, std::string_view value) {
      const auto uri = is_unbound(attribute.prefix) ? std::string_view{} : attribute.uri;
      out->attributes.push_back(
          {arena.store(uri), arena.store(attribute.prefix), arena.store(attribute.local), arena.store(value)});
    });
  }

  void on_child(const Payload& payload) override {
    const auto bytes = document.substr(static_cast<std::size_t>(payload.begin) - begin - inserted.size(),
                                       static_cast<std::size_t>(payload.end - payload.begin));
    const auto left = most_growth * limits.max_bytes - stored_bytes;
    const auto stored =
        make_self_contained(payload, reader->namespaces(), reader->uses(), {{}, bytes}, left, out->arena);
    if (const auto* fault = std::get_if<Fault>(&stored)) return reader->fail(fault->kind, fault->text);
    const auto child = std::get<std::string_view>(stored);
    stored_bytes += child.size();
    out->children.push_back({child, payload.kind, payload.type});
  }

  void on_root_end() override {}
};

void Fragment::clear() {
  root_ns = root_name = {};
  attributes.clear();
  children.clear();
  text = false;
  arena.clear();
}

FragmentSplitter::FragmentSplitter(const Limits& limits) : state_(std::make_unique<State>(limits)) {}
FragmentSplitter::~FragmentSplitter() = default;

std::variant<std::monostate, Fault> FragmentSplitter::split(std::string_view document, std::string_view adopt_from,
                                                            Fragment& out) {
  State& state = *state_;
  if (document.size() > state.limits.max_bytes) return Fault{FaultKind::too_large, "document too large"};
  state.document = without_surroundings(document);
  // expat would skip one as well; anywhere but at the very beginning it is a character like any other.
  if (state.document.starts_with(byte_order_mark)) return Fault{FaultKind::not_well_formed, "text before the root"};
  state.out = &out;
  state.unbound.clear();
  state.inserted.clear();
  state.inserted_at = 0;
  auto fault = has_prolog(state.document) ? state.read(adopt_from) : state.read_wrapped(adopt_from);
  if (fault && state.tolerate_unbound_prefix()) fault = state.read(adopt_from);
  out.text = state.reader->text_in_root();
  if (document.size() > swollen_bytes) {
    state.reader = std::make_unique<XmlReader>(state.limits);
    state.wrapped = false;
  }
  if (fault) return *fault;
  return std::monostate{};
}

}  // namespace xmpp
