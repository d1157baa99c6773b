#include "xmpp/parsed_element.hpp"

#include <cstddef>
#include <deque>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "xmpp/raw_element.hpp"
#include "xmpp/raw_tag.hpp"

namespace xmpp {

namespace {

constexpr std::string_view cdata_begin = "<![CDATA[", cdata_end = "]]>";
constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

}  // namespace

// Elements in the order in which they begin. Positions are into `bytes`.
struct ElementTree {
  struct Element {
    std::string_view name, ns;
    std::uint32_t attributes = 0, attributes_end = 0;  // of `values`
    std::uint32_t begin = 0, content = 0, content_end = 0, end = 0;
    std::uint32_t first_child = none, next = none;
  };
  using Attribute = std::pair<std::string_view, std::string_view>;

  std::string bytes;
  std::vector<Element> elements;
  std::vector<Attribute> values;
  std::deque<std::string> resolved;  // values that are not as they are written
};

namespace {

// The namespaces in force. Somebody may declare thousands and use each of them, and choose their names: so neither a
// list nor a hash, in which they may all lie in one place.
class Scope {
 public:
  void declare(std::string_view prefix, std::string_view uri) {
    const auto [at, is_new] = in_force_.try_emplace(prefix, uri);
    shadowed_.push_back({prefix, is_new ? std::nullopt : std::optional(std::exchange(at->second, uri))});
  }

  [[nodiscard]] std::string_view find(std::string_view prefix) const {
    if (prefix == "xml") return "http://www.w3.org/XML/1998/namespace";
    const auto at = in_force_.find(prefix);
    return at == in_force_.end() ? std::string_view() : at->second;
  }

  [[nodiscard]] std::size_t mark() const { return shadowed_.size(); }

  void back_to(std::size_t mark) {
    for (; shadowed_.size() > mark; shadowed_.pop_back()) {
      const auto& [prefix, before] = shadowed_.back();
      if (before)
        in_force_[prefix] = *before;
      else
        in_force_.erase(prefix);
    }
  }

 private:
  std::map<std::string_view, std::string_view> in_force_;
  std::vector<std::pair<std::string_view, std::optional<std::string_view>>> shadowed_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : tree_(std::make_unique<ElementTree>()) { tree_->bytes = bytes; }

  // Nothing: it was not proven.
  std::unique_ptr<const ElementTree> read() {
    const std::string_view bytes = tree_->bytes;
    if (!bytes.starts_with('<') || bytes.size() >= none) return nullptr;
    std::size_t at = 0;
    do {
      at = bytes.find('<', at);
      if (at == std::string_view::npos) return nullptr;
      const auto rest = bytes.substr(at);
      const bool read = rest.starts_with(cdata_begin) ? cdata(at) : rest.starts_with("</") ? end(at) : start(at);
      if (!read) return nullptr;
    } while (!open_.empty());
    return std::move(tree_);
  }

 private:
  struct Open {
    std::uint32_t element, last_child;
    std::size_t scope;  // to which its end goes back
  };

  [[nodiscard]] bool cdata(std::size_t& at) const {
    const auto end = tree_->bytes.find(cdata_end, at);
    at = end == std::string::npos ? end : end + cdata_end.size();
    return end != std::string::npos && !open_.empty();
  }

  bool start(std::size_t& at) {
    const auto tag = read_start_tag(tree_->bytes, at);
    if (!tag) return false;
    const auto index = static_cast<std::uint32_t>(tree_->elements.size());
    const auto scope = scope_.mark();
    auto& made = tree_->elements.emplace_back();
    made.begin = static_cast<std::uint32_t>(at);
    made.content = made.content_end = made.end = static_cast<std::uint32_t>(tag->end);
    take_attributes(*tag, made);
    const auto name = split_name(tag->name);
    made.name = name.local;
    made.ns = scope_.find(name.prefix);
    if (!open_.empty()) {
      auto& parent = open_.back();
      (parent.last_child == none ? tree_->elements[parent.element].first_child
                                 : tree_->elements[parent.last_child].next) = index;
      parent.last_child = index;
    }
    if (tag->empty_element)
      scope_.back_to(scope);
    else
      open_.push_back({index, none, scope});
    at = tag->end;
    return true;
  }

  void take_attributes(const RawTag& tag, ElementTree::Element& of) {
    of.attributes = static_cast<std::uint32_t>(tree_->values.size());
    for (const auto& attribute : tag.attributes) {
      if (const auto prefix = declared_prefix(attribute.name)) {
        scope_.declare(*prefix, value(attribute.value));
      } else if (attribute.name.find(':') == std::string_view::npos) {
        tree_->values.emplace_back(attribute.name, value(attribute.value));
      }
    }
    of.attributes_end = static_cast<std::uint32_t>(tree_->values.size());
  }

  std::string_view value(std::string_view raw) {
    if (raw.find_first_of("&\t\r\n") == std::string_view::npos) return raw;
    return tree_->resolved.emplace_back(attribute_value(raw));
  }

  bool end(std::size_t& at) {
    const auto close = tree_->bytes.find('>', at);
    if (close == std::string::npos || open_.empty()) return false;
    auto& element = tree_->elements[open_.back().element];
    element.content_end = static_cast<std::uint32_t>(at);
    at = close + 1;
    element.end = static_cast<std::uint32_t>(at);
    scope_.back_to(open_.back().scope);
    open_.pop_back();
    return true;
  }

  std::unique_ptr<ElementTree> tree_;
  std::vector<Open> open_;
  Scope scope_;
};

}  // namespace

// ---- views

ElementView ElementView::other(std::uint32_t index) const {
  return index == none ? ElementView() : ElementView(tree_, index);
}

std::string_view ElementView::name() const {
  return tree_ == nullptr ? std::string_view() : tree_->elements[index_].name;
}

std::string_view ElementView::ns() const {
  return tree_ == nullptr ? std::string_view() : tree_->elements[index_].ns;
}

bool ElementView::is(std::string_view wanted, std::string_view wanted_ns) const {
  return tree_ != nullptr && name() == wanted && ns() == wanted_ns;
}

const std::string_view* ElementView::find(std::string_view wanted) const {
  if (tree_ == nullptr) return nullptr;
  const auto& element = tree_->elements[index_];
  for (auto at = element.attributes; at != element.attributes_end; ++at) {
    if (tree_->values[at].first == wanted) return &tree_->values[at].second;
  }
  return nullptr;
}

std::string_view ElementView::attribute(std::string_view wanted) const {
  const auto* const value = find(wanted);
  return value == nullptr ? std::string_view() : *value;
}

bool ElementView::has_attribute(std::string_view wanted) const {
  return find(wanted) != nullptr;
}

void ElementView::each_attribute(const std::function<void(std::string_view, std::string_view)>& take) const {
  if (tree_ == nullptr) return;
  const auto& element = tree_->elements[index_];
  for (auto at = element.attributes; at != element.attributes_end; ++at) {
    take(tree_->values[at].first, tree_->values[at].second);
  }
}

void ElementView::each_part(const std::function<void(const std::string&)>& text,
                            const std::function<void(ElementView)>& element) const {
  if (tree_ == nullptr) return;
  const auto& whole = tree_->elements[index_];
  const auto say = [&](std::uint32_t from, std::uint32_t to) {
    std::string between;
    static_cast<void>(append_text(between, std::string_view(tree_->bytes).substr(from, to - from)));
    if (!between.empty()) text(between);
  };
  auto at = whole.content;
  for (auto child = first_child(); child; child = child.next()) {
    const auto& inner = tree_->elements[child.index_];
    say(at, inner.begin);
    element(child);
    at = inner.end;
  }
  say(at, whole.content_end);
}

std::string ElementView::text() const {
  std::string all;
  each_part([&all](const std::string& part) { all += part; }, [](ElementView) {});
  return all;
}

ElementView ElementView::child(std::string_view wanted, std::string_view wanted_ns) const {
  auto at = first_child();
  while (at && !at.is(wanted, wanted_ns)) at = at.next();
  return at;
}

ElementView ElementView::child_of(std::string_view wanted_ns) const {
  auto at = first_child();
  while (at && at.ns() != wanted_ns) at = at.next();
  return at;
}

ElementView ElementView::first_child() const {
  return tree_ == nullptr ? ElementView() : other(tree_->elements[index_].first_child);
}

ElementView ElementView::next() const {
  return tree_ == nullptr ? ElementView() : other(tree_->elements[index_].next);
}

std::size_t ElementView::size() const {
  return tree_ == nullptr ? 0 : tree_->elements[index_].end - tree_->elements[index_].begin;
}

// ---- the whole

ParsedElement::ParsedElement(std::unique_ptr<const ElementTree> tree) : tree_(std::move(tree)) {}
ParsedElement::ParsedElement(ParsedElement&& other) noexcept = default;
ParsedElement& ParsedElement::operator=(ParsedElement&& other) noexcept = default;
ParsedElement::~ParsedElement() = default;

std::optional<ParsedElement> ParsedElement::parse(std::string_view bytes) {
  auto tree = Reader(bytes).read();
  if (!tree) return std::nullopt;
  return ParsedElement(std::move(tree));
}

}  // namespace xmpp
