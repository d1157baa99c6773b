// Takes a complete document apart: a BOSH <body/>, a WebSocket message (RFC 7395 3.3). Proves that it is well-formed
// and balanced, so that nothing inside can close our stream, enforces the same restrictions and limits as the
// StreamSplitter, and cuts out the children of the root as self-contained stanzas (B-006, B-008).
// One per shard, used again for every document; the parser is kept.
#pragma once
#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include "xmpp/arena.hpp"
#include "xmpp/fault.hpp"
#include "xmpp/limits.hpp"
#include "xmpp/stanza.hpp"

namespace xmpp {

// An attribute of the root: namespace (empty: none), local name, prefix as written, value with references resolved.
// A prefix that is not declared does not make the document ill-formed here: `ns` is empty and `prefix` set (B-005).
struct Attribute {
  std::string_view ns, prefix, name, value;
};

struct Fragment {
  std::string_view root_ns, root_name;
  std::vector<Attribute> attributes;
  std::vector<Stanza> children;
  bool text = false;  // character data other than white space directly inside the root (B-003)
  Arena arena;
  void clear();
};

class FragmentSplitter {
 public:
  explicit FragmentSplitter(const Limits& limits);  // `limits` must outlive it
  explicit FragmentSplitter(Limits&& limits) = delete;
  ~FragmentSplitter();
  FragmentSplitter(const FragmentSplitter&) = delete;
  FragmentSplitter& operator=(const FragmentSplitter&) = delete;

  // Views in `out` are valid until out.clear(). A BOM, white space around and an XML declaration in UTF-8 are
  // accepted (H-021). Children of the root that are in the root's namespace `adopt_from` and are called message,
  // presence or iq become `jabber:client` (B-006); pass an empty view to adopt nothing.
  // Returns nothing, or what is wrong; `out` is then unspecified.
  [[nodiscard]] std::variant<std::monostate, Fault> split(std::string_view document, std::string_view adopt_from,
                                                          Fragment& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace xmpp
