#include "xmpp/strophe_stanza.hpp"

#include <strophe.h>

#include <memory>
#include <new>
#include <utility>

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

}  // namespace

void ReleaseElement::operator()(_xmpp_stanza_t* element) const {
  xmpp_stanza_release(element);
}

NewElement::NewElement(const char* name, std::string_view ns) : element_(made(xmpp_stanza_new(context()))) {
  xmpp_stanza_set_name(element_.get(), name);
  if (!ns.empty()) xmpp_stanza_set_ns(element_.get(), std::string(ns).c_str());
}

NewElement NewElement::copy_of(ElementView element) {
  NewElement copy(std::string(element.name()).c_str(), element.ns());
  element.each_attribute(
      [&copy](std::string_view name, std::string_view value) { copy.set(std::string(name).c_str(), value); });
  element.each_part([&copy](const std::string& text) { copy.text(text); },
                    [&copy](ElementView child) { copy.add(copy_of(child)); });
  return copy;
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
