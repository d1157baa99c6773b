#include "xmpp/strophe_stanza.hpp"

#include <strophe.h>

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "xmpp/raw_tag.hpp"
#include "xmpp/utf8.hpp"

namespace xmpp {

namespace {

struct FreeContext {
  void operator()(xmpp_ctx_t* context) const { xmpp_ctx_free(context); }
};

// Only tells libstrophe how to allocate and that it shall log nothing: constant, so all threads may use it.
xmpp_ctx_t* context() {
  static const std::unique_ptr<xmpp_ctx_t, FreeContext> only(xmpp_ctx_new(nullptr, nullptr));
  if (!only) throw std::bad_alloc();
  return only.get();
}

struct FreeText {
  void operator()(char* text) const { xmpp_free(context(), text); }
};

xmpp_stanza_t* made(xmpp_stanza_t* element) {
  if (element == nullptr) throw std::bad_alloc();
  return element;
}

std::string_view view(const char* text) {
  return text == nullptr ? std::string_view() : std::string_view(text);
}

bool is_foreign(std::string_view attribute) {
  return attribute.find(':') != std::string_view::npos && !declared_prefix(attribute);
}

// Copies proven markup without its attributes that have a prefix. False: it was not proven.
bool copy_plain(std::string_view bytes, std::string& out) {
  constexpr std::string_view cdata = "<![CDATA[", cdata_end = "]]>";
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto markup = bytes.find('<', at);
    if (markup == std::string_view::npos) break;
    out.append(bytes, at, markup - at);
    if (bytes.substr(markup).starts_with(cdata)) {
      const auto end = bytes.find(cdata_end, markup);
      if (end == std::string_view::npos) return false;
      at = end + cdata_end.size();
      out.append(bytes, markup, at - markup);
      continue;
    }
    if (bytes.substr(markup).starts_with("</")) {
      at = bytes.find('>', markup);
      if (at == std::string_view::npos) return false;
      out.append(bytes, markup, ++at - markup);
      continue;
    }
    const auto tag = read_start_tag(bytes, markup);
    if (!tag) return false;
    out.append("<").append(tag->name);
    for (const auto& attribute : tag->attributes) {
      if (!is_foreign(attribute.name)) out.append(" ").append(attribute.text);
    }
    out.append(tag->empty_element ? "/>" : ">");
    at = tag->end;
  }
  out.append(bytes, at);
  return true;
}

}  // namespace

void ReleaseElement::operator()(_xmpp_stanza_t* element) const {
  xmpp_stanza_release(element);
}

// ---- reading -------------------------------------------------------------------------------------------------------

ElementView ElementView::element_from(_xmpp_stanza_t* sibling) {
  while (sibling != nullptr && xmpp_stanza_is_tag(sibling) == 0) sibling = xmpp_stanza_get_next(sibling);
  return ElementView(sibling);
}

std::string_view ElementView::name() const {
  return element_ == nullptr ? std::string_view() : view(xmpp_stanza_get_name(element_));
}

std::string_view ElementView::ns() const {
  return element_ == nullptr ? std::string_view() : view(xmpp_stanza_get_ns(element_));
}

bool ElementView::is(std::string_view wanted, std::string_view wanted_ns) const {
  return element_ != nullptr && name() == wanted && ns() == wanted_ns;
}

std::string_view ElementView::attribute(const char* wanted) const {
  return element_ == nullptr ? std::string_view() : view(xmpp_stanza_get_attribute(element_, wanted));
}

bool ElementView::has_attribute(const char* wanted) const {
  return element_ != nullptr && xmpp_stanza_get_attribute(element_, wanted) != nullptr;
}

std::string ElementView::text() const {
  std::string all;
  if (element_ == nullptr) return all;
  for (auto* part = xmpp_stanza_get_children(element_); part != nullptr; part = xmpp_stanza_get_next(part)) {
    if (xmpp_stanza_is_text(part) != 0) all += view(xmpp_stanza_get_text_ptr(part));
  }
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
  return element_ == nullptr ? ElementView() : element_from(xmpp_stanza_get_children(element_));
}

ElementView ElementView::next() const {
  return element_ == nullptr ? ElementView() : element_from(xmpp_stanza_get_next(element_));
}

std::optional<ParsedElement> ParsedElement::parse(std::string_view bytes) {
  std::string plain;
  plain.reserve(bytes.size());
  if (bytes.empty() || bytes.front() != '<' || !copy_plain(bytes, plain)) return std::nullopt;
  auto* const element = xmpp_stanza_new_from_string(context(), plain.c_str());
  if (element == nullptr) return std::nullopt;
  return ParsedElement(element);
}

// ---- writing -------------------------------------------------------------------------------------------------------

NewElement::NewElement(const char* name, std::string_view ns) : element_(made(xmpp_stanza_new(context()))) {
  xmpp_stanza_set_name(element_.get(), name);
  if (!ns.empty()) xmpp_stanza_set_ns(element_.get(), std::string(ns).c_str());
}

NewElement NewElement::copy_of(ElementView element) {
  return NewElement(made(xmpp_stanza_copy(element.element_)));
}

NewElement& NewElement::set(const char* attribute, std::string_view value) & {
  xmpp_stanza_set_attribute(element_.get(), attribute, xml_text(value).c_str());
  return *this;
}

NewElement NewElement::set(const char* attribute, std::string_view value) && {
  return std::move(set(attribute, value));
}

NewElement& NewElement::text(std::string_view text) & {
  const auto clean = xml_text(text);
  auto* const part = made(xmpp_stanza_new(context()));
  xmpp_stanza_set_text_with_size(part, clean.data(), clean.size());
  xmpp_stanza_add_child_ex(element_.get(), part, 0);
  return *this;
}

NewElement NewElement::text(std::string_view content) && {
  return std::move(text(content));
}

NewElement& NewElement::add(NewElement child) & {
  xmpp_stanza_add_child_ex(element_.get(), child.element_.release(), 0);
  return *this;
}

NewElement NewElement::add(NewElement child) && {
  return std::move(add(std::move(child)));
}

std::string NewElement::bytes() const {
  char* text = nullptr;
  std::size_t size = 0;
  if (xmpp_stanza_to_text(element_.get(), &text, &size) != XMPP_EOK) throw std::bad_alloc();
  const std::unique_ptr<char, FreeText> owner(text);
  return {text, size};
}

}  // namespace xmpp
