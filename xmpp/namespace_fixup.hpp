// Makes the child of a root self-contained (PROTOCOL B-006...B-009, W-015): what the root declared and the child uses
// is declared again on the child, in front of its other attributes; a prefix on the child itself is taken away.
// Deliberately not an XML writer: except for names and declarations every byte stays as it came, and the input
// must have been proven well-formed before. Pure functions, no parser.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "xmpp/arena.hpp"
#include "xmpp/fault.hpp"
#include "xmpp/stanza.hpp"

namespace xmpp {

struct Declaration {
  std::string prefix;
  std::string uri;
  std::string text;   // " xmlns:prefix='uri'", ready to be inserted
  bool bound = true;  // false: nobody declared it, it is only tolerated on the root (B-005)
};

// What the root element declares.
struct RootNamespaces {
  std::string default_uri;                 // empty: none
  std::string default_text = " xmlns=''";  // ready to be inserted
  std::vector<Declaration> prefixes;

  void declare(std::string_view prefix, std::string_view uri, bool bound = true);
  void clear();
};

// What is known of a child of the root when its end has been read.
struct Payload {
  std::uint64_t begin = 0, end = 0;  // positions in the document
  std::size_t name_bytes = 0;        // of the name as written, prefix included
  StanzaKind kind = StanzaKind::other;
  StanzaType type = StanzaType::none;
  std::string_view adopt_from;  // not empty: elements of this namespace become jabber:client (B-006)
  bool uses_default = false;    // an un-prefixed element relies on the default namespace of the root
  bool rewrite = false;         // the names must change
};

// A prefix of the root that children use is declared again on each of them, and one that an element of a child has
// becomes a declaration: a few bytes of a browser could become thousands for the server. So many times the limit on a
// document is more than honest ones of many tiny children need.
inline constexpr std::size_t most_growth = 8;
// What a stanza of a stream may gain besides, however small it is: more than the names of the namespaces that real
// headers declare. Their number in one read is bounded by nothing else.
inline constexpr std::size_t most_declared = 128;

// As it came, in two pieces where its beginning was in an earlier read.
struct Original {
  std::string_view head, tail;
};

// The bytes of `payload`, of which `original` is how they came, self-contained and stored in `arena`: no
// more than `most` of them, else too_large, and then hardly more have been written. uses[i] is 1 if prefixes[i] of the
// root is relied on.
[[nodiscard]] std::variant<std::string_view, Fault> make_self_contained(const Payload& payload,
                                                                        const RootNamespaces& root,
                                                                        std::span<const std::uint8_t> uses,
                                                                        Original original, std::size_t most,
                                                                        Arena& arena);

}  // namespace xmpp
