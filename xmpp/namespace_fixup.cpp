#include "xmpp/namespace_fixup.hpp"

#include <algorithm>
#include <cstring>
#include <list>
#include <map>
#include <optional>
#include <utility>

#include "xmpp/names.hpp"
#include "xmpp/raw_tag.hpp"

namespace xmpp {
namespace {

constexpr Fault too_long{FaultKind::too_large, "the names of its namespaces make it too long"};
// A declaration on most, and now and then a second one.
constexpr std::size_t usual_growth = 256;
constexpr std::string_view none_text = " xmlns=''";
constexpr std::string_view client_text = " xmlns='jabber:client'";

bool is_streams(StanzaKind kind) {
  return kind == StanzaKind::features || kind == StanzaKind::stream_error;
}

void append_declaration(std::string& out, std::string_view prefix, std::string_view uri) {
  out += " xmlns";
  if (!prefix.empty()) {
    out += ':';
    out += prefix;
  }
  out += "='";
  append_escaped(out, uri);
  out += '\'';
}

std::string declaration_text(std::string_view prefix, std::string_view uri) {
  std::string text;
  append_declaration(text, prefix, uri);
  return text;
}

// The slow path. Every element loses its prefix and says its namespace by xmlns where that differs from its parent's;
// only the root keeps or gets one, and only `stream`. Prefixes of attributes stay, and so do their declarations.
class Rewriter {
 public:
  Rewriter(const Payload& payload, const RootNamespaces& root, std::string_view raw, std::size_t most)
      : payload_(payload), root_(root), raw_(raw), most_(most) {
    out_.reserve(std::min(raw.size() + usual_growth, most));
  }

  std::variant<std::string_view, Fault> run(Arena& arena) {
    for (std::size_t at = 0; at < raw_.size();) {
      const auto tag = raw_.find('<', at);
      if (tag == std::string_view::npos) return broken();
      out_.append(raw_, at, tag - at);
      const auto next = markup(tag);
      if (!next) return *fault_;
      at = *next;
    }
    std::string hoisted;
    for (std::size_t i = 0; i < hoisted_.size(); ++i) {
      if (hoisted_[i]) hoisted += root_.prefixes[i].text;
    }
    if (out_.size() + hoisted.size() > most_) return too_long;
    const std::string_view out = out_;
    return arena.join({out.substr(0, hoist_at_), hoisted, out.substr(hoist_at_)});
  }

 private:
  struct Uri {
    std::string_view name;
    const Declaration* from_root = nullptr;
  };
  struct Shadowed {
    std::string_view prefix;
    std::optional<std::string_view> uri;  // what it stood for outside
  };
  struct Scope {
    std::string_view prefix, local;  // as written out
    std::size_t shadowed;            // how many there were outside
    std::string_view default_in, default_out;
  };

  Fault broken() const { return {FaultKind::not_well_formed, "the parser and the fix-up disagree about a tag"}; }

  std::optional<std::size_t> markup(std::size_t at) {
    constexpr std::string_view cdata = "<![CDATA[", cdata_end = "]]>";
    if (raw_.substr(at).starts_with(cdata)) {
      const auto end = raw_.find(cdata_end, at + cdata.size());
      if (end == std::string_view::npos) return fail(broken());
      out_.append(raw_, at, end + cdata_end.size() - at);
      return end + cdata_end.size();
    }
    if (raw_.substr(at).starts_with("</")) {
      const auto end = raw_.find('>', at);
      if (end == std::string_view::npos || scopes_.empty()) return fail(broken());
      out_ += "</";
      append_name(scopes_.back());
      out_ += '>';
      leave(scopes_.back());
      scopes_.pop_back();
      return end + 1;
    }
    const auto tag = read_start_tag(raw_, at);
    if (!tag) return fail(broken());
    if (!start_tag(*tag)) return std::nullopt;
    return tag->end;
  }

  bool start_tag(const RawTag& tag) {
    const bool is_root = scopes_.empty();
    Scope scope = enter(tag);
    const auto name = split_name(tag.name);
    const auto uri = element_namespace(name.prefix, scope);
    if (!uri) return fail(broken()).has_value();
    scope.local = name.local;
    if (is_root && is_streams(payload_.kind)) {
      if (declares_stream_otherwise(tag)) return fail(foreign_stream_prefix).has_value();
      scope.prefix = "stream";
    } else if (name.prefix == "xml") {
      scope.prefix = name.prefix;  // its namespace may not be a default namespace (Namespaces in XML 3)
    }
    out_ += '<';
    append_name(scope);
    if (is_root && !scope.prefix.empty()) {
      append_declaration(out_, "stream", ns::streams);
    } else if (scope.prefix.empty() && (is_root || uri->name != scope.default_out)) {
      append_default(*uri);
      scope.default_out = uri->name;
    }
    if (is_root) hoist_at_ = out_.size();
    if (!append_attributes(tag)) return false;
    out_ += tag.empty_element ? "/>" : ">";
    if (out_.size() > most_) return fail(too_long).has_value();
    if (tag.empty_element) {
      leave(scope);
    } else {
      scopes_.push_back(scope);
    }
    return true;
  }

  // The declarations of the tag come into force.
  Scope enter(const RawTag& tag) {
    Scope scope{{}, {}, shadowed_.size(), root_.default_uri, {}};
    if (!scopes_.empty()) {
      scope.default_in = scopes_.back().default_in;
      scope.default_out = scopes_.back().default_out;
    } else if (is_streams(payload_.kind)) {
      scope.default_out = outside;  // the root says nothing of the default namespace: its children must
    }
    for (const auto& attribute : tag.attributes) {
      const auto prefix = declared_prefix(attribute.name);
      if (!prefix) continue;
      const std::string_view uri = values_.emplace_back(attribute_value(attribute.value));
      if (prefix->empty()) {
        scope.default_in = uri;
      } else {
        bind(*prefix, uri);
      }
    }
    return scope;
  }

  void bind(std::string_view prefix, std::string_view uri) {
    const auto [at, is_new] = in_force_.try_emplace(prefix);
    const auto before = std::exchange(at->second, uri);
    shadowed_.push_back({prefix, is_new ? std::nullopt : std::optional(before)});
  }

  void leave(const Scope& scope) {
    for (; shadowed_.size() > scope.shadowed; shadowed_.pop_back()) {
      const auto& [prefix, uri] = shadowed_.back();
      if (uri) {
        in_force_[prefix] = *uri;
      } else {
        in_force_.erase(prefix);
      }
    }
  }

  std::optional<Uri> element_namespace(std::string_view prefix, const Scope& scope) const {
    std::optional<Uri> uri;
    if (prefix.empty()) {
      uri = Uri{scope.default_in};
    } else if (prefix == "xml") {
      uri = Uri{ns::xml};
    } else {
      if (const auto inner = in_force_.find(prefix); inner != in_force_.end()) uri = Uri{inner->second};
      for (const auto& declaration : root_.prefixes) {
        if (!uri && declaration.prefix == prefix) uri = Uri{declaration.uri, &declaration};
      }
    }
    if (uri && !payload_.adopt_from.empty() && uri->name == payload_.adopt_from) uri = Uri{ns::client};
    return uri;
  }

  // It becomes the default namespace. One of the root has been escaped already: " xmlns:prefix" stands before that.
  void append_default(const Uri& uri) {
    if (uri.from_root == nullptr) return append_declaration(out_, {}, uri.name);
    const std::size_t before = std::string_view(" xmlns:").size() + uri.from_root->prefix.size();
    out_ += " xmlns";
    out_.append(uri.from_root->text, before);
  }

  static bool declares_stream_otherwise(const RawTag& tag) {
    for (const auto& attribute : tag.attributes) {
      if (attribute.name == "xmlns:stream" && attribute_value(attribute.value) != ns::streams) return true;
    }
    return false;
  }

  bool append_attributes(const RawTag& tag) {
    const bool stream_is_said = scopes_.empty() && is_streams(payload_.kind);
    for (const auto& attribute : tag.attributes) {
      const auto declared = declared_prefix(attribute.name);
      if (declared && (declared->empty() || (stream_is_said && *declared == "stream"))) continue;
      if (!declared && !hoist(split_name(attribute.name).prefix)) return false;
      out_ += ' ';
      out_ += attribute.text;
    }
    return true;
  }

  // An attribute uses the prefix: if it comes from outside of the payload, it is declared again on its root.
  bool hoist(std::string_view prefix) {
    if (prefix.empty() || in_force_.contains(prefix)) return true;
    for (std::size_t i = 0; i < root_.prefixes.size(); ++i) {
      const auto& declaration = root_.prefixes[i];
      if (declaration.prefix != prefix) continue;
      if (prefix == "stream" && is_streams(payload_.kind)) {
        return declaration.uri == ns::streams || fail(foreign_stream_prefix).has_value();
      }
      hoisted_.resize(root_.prefixes.size());
      hoisted_[i] = true;
    }
    return true;
  }

  void append_name(const Scope& scope) {
    if (!scope.prefix.empty()) {
      out_ += scope.prefix;
      out_ += ':';
    }
    out_ += scope.local;
  }

  std::optional<std::size_t> fail(Fault fault) {
    fault_ = fault;
    return std::nullopt;
  }

  // RFC 6120 4.9.3.2 lets us refuse it; there is no name left that clients would look for.
  static constexpr Fault foreign_stream_prefix{FaultKind::bad_format,
                                               "the prefix stream is bound to another namespace"};
  // Equal to no namespace: not a character of XML.
  static constexpr std::string_view outside{"\x01", 1};

  const Payload& payload_;
  const RootNamespaces& root_;
  std::string_view raw_;
  std::size_t most_;
  std::string out_;
  std::size_t hoist_at_ = 0;
  std::vector<bool> hoisted_;
  // Of the declarations inside of the payload. Prefixes that a hostile client declares are found in no more time than
  // it takes to read them: each element may ask for any of thousands.
  std::map<std::string_view, std::string_view> in_force_;
  std::list<std::string> values_;  // of those declarations; they stay where they are
  std::vector<Shadowed> shadowed_;
  std::vector<Scope> scopes_;
  std::optional<Fault> fault_;
};

}  // namespace

void RootNamespaces::declare(std::string_view prefix, std::string_view uri, bool bound) {
  if (prefix.empty()) {
    default_uri = uri;
    default_text = declaration_text({}, uri);
  } else if (prefix != "xml") {  // bound for ever, everywhere
    prefixes.push_back({std::string(prefix), std::string(uri), declaration_text(prefix, uri), bound});
  }
}

void RootNamespaces::clear() {
  default_uri.clear();
  default_text = none_text;
  prefixes.clear();
}

std::variant<std::string_view, Fault> make_self_contained(const Payload& payload, const RootNamespaces& root,
                                                          std::span<const std::uint8_t> uses, Original original,
                                                          std::size_t most, Arena& arena) {
  const auto [head, tail] = original;
  if (payload.rewrite) {
    if (head.empty()) return Rewriter(payload, root, tail, most).run(arena);
    return Rewriter(payload, root, std::string(head).append(tail), most).run(arena);
  }
  const std::string_view default_text = !payload.uses_default        ? std::string_view{}
                                        : payload.adopt_from.empty() ? root.default_text
                                                                     : client_text;
  std::size_t size = head.size() + tail.size() + default_text.size();
  for (std::size_t i = 0; i < uses.size(); ++i) {
    if (uses[i]) size += root.prefixes[i].text.size();
  }
  if (size > most) return too_long;
  char* const begin = arena.allocate(size);
  char* at = begin;
  const auto put = [&at](std::string_view bytes) {
    if (bytes.empty()) return;  // memcpy may not be given a null pointer
    std::memcpy(at, bytes.data(), bytes.size());
    at += bytes.size();
  };
  // The declarations go behind the name, wherever the two parts of the original meet.
  const std::size_t name_end = 1 + payload.name_bytes;
  const std::size_t in_head = std::min(name_end, head.size());
  put(head.substr(0, in_head));
  put(tail.substr(0, name_end - in_head));
  put(default_text);
  for (std::size_t i = 0; i < uses.size(); ++i) {
    if (uses[i]) put(root.prefixes[i].text);
  }
  put(head.substr(in_head));
  put(tail.substr(name_end - in_head));
  return std::string_view(begin, size);
}

}  // namespace xmpp
