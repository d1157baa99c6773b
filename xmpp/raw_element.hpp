// Looks at the direct children of one self-contained element (a Stanza), without a parser and without copying: for the
// few elements whose content matters to us (stream:features, stream:error, what is bounced). The bytes must have been
// proven well-formed and free of comments, PIs and DTD. Not a DOM: nothing is kept, nothing deeper is looked at.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/arena.hpp"
#include "xmpp/raw_tag.hpp"

namespace xmpp {

struct RawElement {
  std::string_view bytes;    // from '<' to '>'
  std::string_view content;  // between the tags; empty for an empty-element tag
  std::string uri;           // its namespace; empty: none
  std::string_view local;
};

struct RawChildren {
  RawTag root;
  std::vector<RawElement> list;
};

[[nodiscard]] std::optional<RawChildren> read_children(std::string_view element);
// Several elements of a client's stream in a row, as a ToServer has them: the children of a root made up for them in
// `arena`, into which the views point.
[[nodiscard]] std::optional<RawChildren> read_row(std::string_view elements, Arena& arena);

// An attribute without a namespace, references resolved.
[[nodiscard]] std::optional<std::string> attribute(const RawTag& tag, std::string_view name);

// What stands between two tags, character data and CDATA sections. False where there is a tag.
bool append_text(std::string& out, std::string_view between);
// The character data of content that has no child elements; nothing if it has.
[[nodiscard]] std::optional<std::string> text_of(std::string_view content);

}  // namespace xmpp
