// One stanza as a small tree, for sessions whose client the gateway itself is: read once, looked at, thrown away.
// Not for what only passes through, that stays bytes (stanza.hpp), and not a parser: the splitter has proven the bytes,
// here they are only taken apart, in time linear in their length whatever they are. Attributes with a prefix are not
// there, so that nobody takes a foreign x:from for the `from` that the server has set.
// Not thread-safe as an object; nothing is shared between objects.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace xmpp {

struct ElementTree;

// A look at an element of a ParsedElement, valid as long as that. May be of nothing: then everything is empty, so that
// a path can be followed without asking at every step.
class ElementView {
 public:
  ElementView() = default;

  explicit operator bool() const { return tree_ != nullptr; }
  [[nodiscard]] std::string_view name() const;  // without its prefix
  [[nodiscard]] std::string_view ns() const;
  [[nodiscard]] bool is(std::string_view name, std::string_view ns) const;
  // Empty if absent.
  [[nodiscard]] std::string_view attribute(std::string_view name) const;
  [[nodiscard]] bool has_attribute(std::string_view name) const;
  void each_attribute(const std::function<void(std::string_view name, std::string_view value)>& take) const;
  // The character data directly in it.
  [[nodiscard]] std::string text() const;
  // The first such child element.
  [[nodiscard]] ElementView child(std::string_view name, std::string_view ns) const;
  // The first child element of any name in this namespace.
  [[nodiscard]] ElementView child_of(std::string_view ns) const;
  [[nodiscard]] ElementView first_child() const;
  [[nodiscard]] ElementView next() const;  // the next element beside it
  // What is in it in its order: character data that is not empty, and elements.
  void each_part(const std::function<void(const std::string&)>& text,
                 const std::function<void(ElementView)>& element) const;
  // Bytes that it had in its stanza.
  [[nodiscard]] std::size_t size() const;

 private:
  friend class ParsedElement;
  ElementView(const ElementTree* tree, std::uint32_t index) : tree_(tree), index_(index) {}
  [[nodiscard]] ElementView other(std::uint32_t index) const;
  [[nodiscard]] const std::string_view* find(std::string_view attribute) const;
  const ElementTree* tree_ = nullptr;
  std::uint32_t index_ = 0;
};

class ParsedElement {
 public:
  // Of one complete, self-contained element that was proven before: a Stanza. Nothing if it is none.
  [[nodiscard]] static std::optional<ParsedElement> parse(std::string_view bytes);
  ParsedElement(ParsedElement&& other) noexcept;
  ParsedElement& operator=(ParsedElement&& other) noexcept;
  ~ParsedElement();

  [[nodiscard]] ElementView root() const { return {tree_.get(), 0}; }

 private:
  explicit ParsedElement(std::unique_ptr<const ElementTree> tree);
  std::unique_ptr<const ElementTree> tree_;  // on the heap: views hold its address
};

}  // namespace xmpp
