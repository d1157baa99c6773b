// Limits of one XML entry, enforced while reading (PROTOCOL B-011, U-018). Sizes in bytes of UTF-8.
#pragma once
#include <cstddef>
#include <cstdint>

namespace xmpp {

struct Limits {
  std::size_t max_bytes = 256 * 1024;   // of one document, or of one stanza of a stream
  std::uint32_t max_depth = 64;         // of elements, the root counted
  std::uint32_t max_attributes = 64;    // of one element, namespace declarations counted
  std::uint32_t max_name_bytes = 1024;  // element and attribute names; with the namespace that the parser puts before
  std::uint32_t max_elements = 32 * 1024;  // of one document or stanza
  // Of a stream, where stanzas are others' than the peer's: one beyond these, apart from max_bytes, is no fault but
  // left out (Stanza::excess).
  bool leave_out = false;
};

}  // namespace xmpp
