// Builds and inspects single elements of streams that the gateway itself is a client of, with libstrophe: a small tree,
// read once, thrown away. The only file that sees strophe.h; its connections and its loop are never used.
//
// Not for what only passes through: that stays bytes (stanza.hpp). libstrophe drops the prefixes of names, so a foreign
// x:from would look like the `from` that the server has set: attributes with a prefix are taken out before it reads.
// Not thread-safe as an object; nothing is shared between objects.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct _xmpp_stanza_t;

namespace xmpp {

// A look at an element of a ParsedElement, valid as long as that. May be of nothing: then everything is empty, so that
// a path can be followed without asking at every step.
class ElementView {
 public:
  ElementView() = default;

  explicit operator bool() const { return element_ != nullptr; }
  [[nodiscard]] std::string_view name() const;
  [[nodiscard]] std::string_view ns() const;
  [[nodiscard]] bool is(std::string_view name, std::string_view ns) const;
  // Empty if absent.
  [[nodiscard]] std::string_view attribute(const char* name) const;
  [[nodiscard]] bool has_attribute(const char* name) const;
  // The character data directly in it.
  [[nodiscard]] std::string text() const;
  // The first such child element.
  [[nodiscard]] ElementView child(std::string_view name, std::string_view ns) const;
  // The first child element of any name in this namespace, or of any.
  [[nodiscard]] ElementView child_of(std::string_view ns) const;
  [[nodiscard]] ElementView first_child() const;
  [[nodiscard]] ElementView next() const;  // the next element beside it

 private:
  friend class ParsedElement;
  friend class NewElement;
  explicit ElementView(_xmpp_stanza_t* element) : element_(element) {}
  static ElementView element_from(_xmpp_stanza_t* sibling);
  _xmpp_stanza_t* element_ = nullptr;
};

struct ReleaseElement {
  void operator()(_xmpp_stanza_t* element) const;
};

class ParsedElement {
 public:
  // Of one complete, self-contained element that was proven before: a Stanza. Nothing if libstrophe cannot read it.
  [[nodiscard]] static std::optional<ParsedElement> parse(std::string_view bytes);
  [[nodiscard]] ElementView root() const { return ElementView(element_.get()); }

 private:
  explicit ParsedElement(_xmpp_stanza_t* element) : element_(element) {}
  std::unique_ptr<_xmpp_stanza_t, ReleaseElement> element_;
};

// An element to be sent. A namespace is written only where it differs from that of the parent, jabber:client never:
// the bytes belong into a stream. What XML cannot hold is left out of texts and values.
class NewElement {
 public:
  explicit NewElement(const char* name, std::string_view ns = {});
  // All of it, for what is to be given back as it was.
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
