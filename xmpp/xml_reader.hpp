// One expat parser, and what both splitters do with it: everything restricted is refused and every limit enforced
// while reading (RFC 6120 11.1, 4.9.3.18; PROTOCOL B-002, B-011, U-018), and for each child of the root it finds out
// where it lies, what it is and which declarations of the root it relies on.
// It knows positions, not bytes: the splitters hold those. The only file of the project that sees expat.
#pragma once
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "xmpp/fault.hpp"
#include "xmpp/limits.hpp"
#include "xmpp/namespace_fixup.hpp"

struct XML_ParserStruct;

namespace xmpp {

struct QualifiedName {
  std::string_view uri, local, prefix;
};

// The root element; valid during on_root().
class RootElement {
 public:
  RootElement(const QualifiedName& name, const char** attributes) : name_(name), attributes_(attributes) {}
  [[nodiscard]] const QualifiedName& name() const { return name_; }

  template <typename F>
  void each_attribute(F f) const {
    for (const char** at = attributes_; *at != nullptr; at += 2) f(split(*at), std::string_view(at[1]));
  }

 private:
  static QualifiedName split(std::string_view triplet);
  QualifiedName name_;
  const char** attributes_;
};

class XmlReader {
 public:
  class Sink {
   public:
    // Called from within feed(); each may call fail() or stop().
    virtual void on_root(const RootElement& root) = 0;
    virtual void on_child(const Payload& payload) = 0;
    virtual void on_root_end() = 0;

   protected:
    ~Sink() = default;
  };

  explicit XmlReader(const Limits& limits);
  ~XmlReader();
  XmlReader(const XmlReader&) = delete;
  XmlReader& operator=(const XmlReader&) = delete;

  // What Limits::max_elements is about.
  enum class Scope : std::uint8_t { document, child };

  // A new document. Children of `adopt_from` that are stanzas become jabber:client; it must outlive the document.
  void reset(const Limits& limits, Scope scope, std::string_view adopt_from = {});
  void use_limits(const Limits& limits) { limits_ = &limits; }

  // Many documents on one parser without resetting it, which costs as much as a small document: they are read as the
  // children of an element that never ends. open_wrapper() after reset(), next_document() before each; afterwards
  // finish_document() instead of feeding with `final`. Only for documents without a prolog. After a fault: reset().
  void open_wrapper();
  void next_document(std::string_view adopt_from);
  bool finish_document();

  // What the root declares is collected in namespaces(); a splitter that keeps them elsewhere says so from on_root().
  [[nodiscard]] RootNamespaces& namespaces() { return own_; }
  void use_namespaces(const RootNamespaces& namespaces);

  // False: nothing more is read, because of a fault() or a stop(). `sink` may be null.
  bool feed(std::string_view bytes, bool final, Sink* sink);
  void fail(FaultKind kind, std::string_view text);
  void stop();
  [[nodiscard]] const std::optional<Fault>& fault() const { return fault_; }

  // With Limits::leave_out, of the children of a root: a stanza goes beyond the limits, so nothing more of it is read,
  // and reading has stopped behind a start tag.
  struct Excess {
    Payload stanza;              // its end is not known
    std::uint64_t tag_end;       // of the tag at which reading has stopped
    std::uint32_t open;          // elements of the stanza in front of that tag that are open
    std::string_view text = {};  // what is too much; static storage
  };
  [[nodiscard]] const std::optional<Excess>& excess() const { return excess_; }

  // Positions are counted from reset().
  [[nodiscard]] std::uint64_t fed() const { return fed_; }
  // Of an unfinished token: expat keeps a copy of them.
  [[nodiscard]] std::size_t unread() const;
  // Everything before it is done with. Depends on the bytes that were fed, never on how they were cut.
  [[nodiscard]] std::uint64_t base() const { return base_; }
  // Between two children, with nothing begun.
  [[nodiscard]] bool between_children() const { return depth_ == 1 && !in_cdata_ && base_ == fed_; }
  [[nodiscard]] bool root_was_seen() const { return root_seen_; }
  [[nodiscard]] bool text_in_root() const { return text_in_root_; }
  // fail() was called because of an undeclared prefix, at this position.
  [[nodiscard]] std::optional<std::uint64_t> unbound_prefix_at() const { return unbound_prefix_at_; }
  // Of the payload that on_child() is about.
  [[nodiscard]] std::span<const std::uint8_t> uses() const { return uses_; }

 private:
  struct Handlers;  // what expat calls
  struct Free {
    void operator()(XML_ParserStruct* parser) const;
  };

  void prepare();
  void forget_document();
  void start_element(const char* name, const char** attributes);
  void end_element();
  void begin_child(const QualifiedName& name, const char** attributes);
  void end_child();
  void start_declaration(const char* prefix, const char* uri);
  void end_declaration(const char* prefix);
  void text(const char* characters, int size);
  void exceed(std::string_view text);
  void rely_on(std::string_view prefix);
  bool check_encoding(std::string_view bytes);
  void translate_error();
  [[nodiscard]] std::uint64_t event_begin() const;
  [[nodiscard]] std::uint64_t event_end() const;
  void listen_to_text(bool on);

  std::unique_ptr<XML_ParserStruct, Free> parser_;
  const Limits* limits_;
  Sink* sink_ = nullptr;
  Scope scope_ = Scope::child;
  std::string_view adopt_from_;
  RootNamespaces own_;
  const RootNamespaces* namespaces_ = &own_;
  std::vector<std::uint8_t> uses_;   // a declaration of the root: does the payload rely on it
  std::vector<std::uint32_t> live_;  // and how many inner declarations of that prefix hide it now
  std::uint32_t live_default_ = 0;
  Payload payload_;
  std::optional<Fault> fault_;
  std::optional<Excess> excess_;
  std::string_view too_much_;  // in the declarations of the tag that is being read
  std::exception_ptr thrown_;  // by a handler, while expat is running
  std::optional<std::uint64_t> unbound_prefix_at_;
  std::uint64_t fed_ = 0, base_ = 0;
  std::uint32_t depth_ = 0, elements_ = 0, declarations_ = 0;
  bool stopped_ = false, root_seen_ = false, in_cdata_ = false, text_in_root_ = false;
  bool opening_wrapper_ = false;
};

}  // namespace xmpp
