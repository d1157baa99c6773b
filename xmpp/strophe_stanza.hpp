// Builds single elements of streams that the gateway itself is a client of, with libstrophe. The only file that sees
// strophe.h; its connections and its loop are never used. Nor is its reading: that takes the square of the number of
// children, and drops the prefixes of names (parsed_element.hpp).
// Not thread-safe as an object; nothing is shared between objects.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "xmpp/parsed_element.hpp"

struct _xmpp_stanza_t;

namespace xmpp {

struct ReleaseElement {
  void operator()(_xmpp_stanza_t* element) const;
};

// An element to be sent. A namespace is written only where it differs from that of the parent, jabber:client never:
// the bytes belong into a stream. What XML cannot hold is left out of texts and values.
class NewElement {
 public:
  explicit NewElement(const char* name, std::string_view ns = {});
  // All of it but attributes with a prefix, for what is small and to be given back as it was.
  [[nodiscard]] static NewElement copy_of(ElementView element);

  NewElement& set(const char* attribute, std::string_view value) &;
  NewElement set(const char* attribute, std::string_view value) &&;
  NewElement& text(std::string_view text) &;
  NewElement text(std::string_view text) &&;
  NewElement& add(NewElement child) &;
  NewElement add(NewElement child) &&;

  [[nodiscard]] std::string bytes() const;

 private:
  explicit NewElement(_xmpp_stanza_t* element) : element_(element) {}
  std::unique_ptr<_xmpp_stanza_t, ReleaseElement> element_;
};

}  // namespace xmpp
