#include "xmpp/xml_reader.hpp"

#include <expat.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "xmpp/names.hpp"

namespace xmpp {
namespace {

// Between the parts of a name; not a character of XML, so no name can forge it.
constexpr char separator = '\x01';

constexpr std::string_view outside_of_root = "something outside of the root";
constexpr std::string_view name_too_long = "name too long";
constexpr std::string_view too_many_attributes = "too many attributes";
constexpr std::string_view unbound_prefix = "namespace prefix without a declaration";

QualifiedName split_triplet(std::string_view triplet) {
  const auto first = triplet.find(separator);
  if (first == std::string_view::npos) return {{}, triplet, {}};
  const auto second = triplet.find(separator, first + 1);
  if (second == std::string_view::npos) return {triplet.substr(0, first), triplet.substr(first + 1), {}};
  return {triplet.substr(0, first), triplet.substr(first + 1, second - first - 1), triplet.substr(second + 1)};
}

StanzaKind client_kind(std::string_view local) {
  if (local == "message") return StanzaKind::message;
  if (local == "presence") return StanzaKind::presence;
  if (local == "iq") return StanzaKind::iq;
  return StanzaKind::other;
}

StanzaKind sasl_kind(std::string_view local) {
  if (local == "auth") return StanzaKind::sasl_auth;
  if (local == "challenge" || local == "response" || local == "abort") return StanzaKind::sasl_step;
  if (local == "success") return StanzaKind::sasl_success;
  if (local == "failure") return StanzaKind::sasl_failure;
  return StanzaKind::other;
}

StanzaKind tls_kind(std::string_view local) {
  if (local == "starttls") return StanzaKind::starttls;
  if (local == "proceed") return StanzaKind::tls_proceed;
  if (local == "failure") return StanzaKind::tls_failure;
  return StanzaKind::other;
}

StanzaKind framing_kind(std::string_view local) {
  if (local == "open") return StanzaKind::framing_open;
  if (local == "close") return StanzaKind::framing_close;
  return StanzaKind::other;
}

StanzaKind kind_of(std::string_view uri, std::string_view local) {
  if (uri == ns::client) return client_kind(local);
  if (uri == ns::streams) {
    return local == "features" ? StanzaKind::features : local == "error" ? StanzaKind::stream_error : StanzaKind::other;
  }
  if (uri == ns::sasl) return sasl_kind(local);
  if (uri == ns::sasl2) return local == "success" ? StanzaKind::sasl2_success : StanzaKind::sasl2;
  if (uri == ns::tls) return tls_kind(local);
  if (uri == ns::management_3 || uri == ns::management_2) return StanzaKind::management;
  if (uri == ns::framing) return framing_kind(local);
  if (uri == ns::compress && local == "compress") return StanzaKind::compress;
  return StanzaKind::other;
}

StanzaType type_of(std::string_view value) {
  constexpr std::pair<std::string_view, StanzaType> known[] = {
      {"get", StanzaType::get},
      {"set", StanzaType::set},
      {"result", StanzaType::result},
      {"error", StanzaType::error},
      {"unavailable", StanzaType::unavailable},
      {"groupchat", StanzaType::groupchat},
      {"headline", StanzaType::headline},
  };
  for (const auto& [name, type] : known) {
    if (value == name) return type;
  }
  return StanzaType::other;
}

bool is_utf8_name(std::string_view encoding) {
  constexpr std::string_view utf8 = "utf-8";
  if (encoding.size() != utf8.size()) return false;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const char c = encoding[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != utf8[i]) return false;
  }
  return true;
}

}  // namespace

struct XmlReader::Handlers {
  static XmlReader& of(void* data) { return *static_cast<XmlReader*>(data); }

  // An exception (no memory) must not pass through expat, which would be left in the middle of something: feed() throws
  // it on.
  template <typename Call>
  static void guarded(void* data, Call call) {
    XmlReader& reader = of(data);
    if (reader.thrown_) return;
    try {
      call(reader);
    } catch (...) {
      reader.thrown_ = std::current_exception();
      reader.fail(FaultKind::too_large, "no memory");
    }
  }

  static void start(void* data, const char* name, const char** attributes) {
    guarded(data, [&](XmlReader& reader) { reader.start_element(name, attributes); });
  }
  static void end(void* data, const char* /*name*/) {
    guarded(data, [](XmlReader& reader) { reader.end_element(); });
  }
  static void start_declaration(void* data, const char* prefix, const char* uri) {
    guarded(data, [&](XmlReader& reader) { reader.start_declaration(prefix, uri); });
  }
  static void end_declaration(void* data, const char* prefix) {
    guarded(data, [&](XmlReader& reader) { reader.end_declaration(prefix); });
  }
  static void text(void* data, const char* characters, int size) {
    guarded(data, [&](XmlReader& reader) { reader.text(characters, size); });
  }
  static void start_cdata(void* data) {
    of(data).in_cdata_ = true;
    if (of(data).depth_ == 0) of(data).fail(FaultKind::not_well_formed, outside_of_root);
  }
  static void end_cdata(void* data) {
    XmlReader& reader = of(data);
    reader.in_cdata_ = false;
    if (reader.depth_ == 1) reader.base_ = reader.event_end();
  }
  static void doctype(void* data, const char* /*name*/, const char* /*system*/, const char* /*public*/, int /*inner*/) {
    of(data).fail(FaultKind::restricted_xml, "document type declaration");
  }
  static void instruction(void* data, const char* /*target*/, const char* /*text*/) {
    of(data).fail(FaultKind::restricted_xml, "processing instruction");
  }
  static void comment(void* data, const char* /*text*/) { of(data).fail(FaultKind::restricted_xml, "comment"); }
  static void declaration(void* data, const char* /*version*/, const char* encoding, int /*standalone*/) {
    if (encoding == nullptr || is_utf8_name(encoding)) return;
    of(data).fail(FaultKind::bad_encoding, "the XML declaration names an encoding other than UTF-8");
  }
};

QualifiedName RootElement::split(std::string_view triplet) {
  return split_triplet(triplet);
}

void XmlReader::Free::operator()(XML_ParserStruct* parser) const {
  XML_ParserFree(parser);
}

XmlReader::XmlReader(const Limits& limits) : parser_(XML_ParserCreateNS("UTF-8", separator)), limits_(&limits) {
  if (!parser_) throw std::bad_alloc();
  prepare();
}

XmlReader::~XmlReader() = default;

void XmlReader::prepare() {
  XML_Parser parser = parser_.get();
  XML_SetUserData(parser, this);
  XML_SetReturnNSTriplet(parser, 1);
  XML_SetElementHandler(parser, Handlers::start, Handlers::end);
  XML_SetNamespaceDeclHandler(parser, Handlers::start_declaration, Handlers::end_declaration);
  XML_SetCdataSectionHandler(parser, Handlers::start_cdata, Handlers::end_cdata);
  XML_SetStartDoctypeDeclHandler(parser, Handlers::doctype);
  XML_SetProcessingInstructionHandler(parser, Handlers::instruction);
  XML_SetCommentHandler(parser, Handlers::comment);
  XML_SetXmlDeclHandler(parser, Handlers::declaration);
#ifdef POSTERN_EXPAT_DEFERS
  // With deferral a stanza may stay inside of expat until more bytes come, which need not be soon.
  XML_SetReparseDeferralEnabled(parser, XML_FALSE);
#endif
}

void XmlReader::reset(const Limits& limits, Scope scope, std::string_view adopt_from) {
  XML_ParserReset(parser_.get(), "UTF-8");
  prepare();
  limits_ = &limits;
  scope_ = scope;
  fed_ = 0;
  stopped_ = opening_wrapper_ = false;
  fault_.reset();
  excess_.reset();
  too_much_ = {};
  unbound_prefix_at_.reset();
  forget_document();
  adopt_from_ = adopt_from;
}

void XmlReader::forget_document() {
  own_.clear();
  namespaces_ = &own_;
  uses_.clear();
  live_.clear();
  live_default_ = 0;
  payload_ = {};
  base_ = fed_;
  depth_ = elements_ = declarations_ = 0;
  root_seen_ = in_cdata_ = text_in_root_ = false;
}

void XmlReader::open_wrapper() {
  opening_wrapper_ = true;
  feed("<_>", false, nullptr);
}

void XmlReader::next_document(std::string_view adopt_from) {
  forget_document();
  adopt_from_ = adopt_from;
}

bool XmlReader::finish_document() {
  if (stopped_) return false;
  // The root has ended and nothing of what was fed is left inside of expat.
  if (root_seen_ && depth_ == 0 && base_ == fed_) return true;
  fail(FaultKind::not_well_formed, "the document is not complete");
  return false;
}

void XmlReader::use_namespaces(const RootNamespaces& namespaces) {
  namespaces_ = &namespaces;
  uses_.assign(namespaces.prefixes.size(), 0);
  live_.assign(namespaces.prefixes.size(), 0);
}

bool XmlReader::feed(std::string_view bytes, bool final, Sink* sink) {
  if (stopped_ || !check_encoding(bytes)) return false;
  sink_ = sink;
  const auto status = XML_Parse(parser_.get(), bytes.data(), static_cast<int>(bytes.size()), final ? 1 : 0);
  sink_ = nullptr;
  fed_ += bytes.size();
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
  if (status == XML_STATUS_ERROR && !stopped_) translate_error();
  return !stopped_;
}

// expat looks for UTF-16 in the first two bytes even where it is told the encoding.
bool XmlReader::check_encoding(std::string_view bytes) {
  for (std::uint64_t at = fed_; at < 2 && at - fed_ < bytes.size(); ++at) {
    const char c = bytes[static_cast<std::size_t>(at - fed_)];
    if (c != '\0' && (at == 1 || (c != '\xFE' && c != '\xFF'))) continue;
    fail(FaultKind::bad_encoding, "UTF-16 or NUL at the beginning");
    return false;
  }
  return true;
}

void XmlReader::fail(FaultKind kind, std::string_view text) {
  if (stopped_) return;
  fault_ = Fault{kind, text};
  stop();
}

void XmlReader::stop() {
  stopped_ = true;
  XML_StopParser(parser_.get(), XML_FALSE);
}

void XmlReader::translate_error() {
  const auto error = XML_GetErrorCode(parser_.get());
  const char* const described = XML_ErrorString(error);
  const std::string_view text = described == nullptr ? "not well-formed" : described;
  switch (error) {
    case XML_ERROR_NO_MEMORY:
      throw std::bad_alloc();
    case XML_ERROR_UNDEFINED_ENTITY:
    case XML_ERROR_RECURSIVE_ENTITY_REF:
    case XML_ERROR_ASYNC_ENTITY:
    case XML_ERROR_BINARY_ENTITY_REF:
    case XML_ERROR_ATTRIBUTE_EXTERNAL_ENTITY_REF:
    case XML_ERROR_EXTERNAL_ENTITY_HANDLING:
    case XML_ERROR_ENTITY_DECLARED_IN_PE:
    case XML_ERROR_MISPLACED_XML_PI:
      return fail(FaultKind::restricted_xml, text);
    case XML_ERROR_UNKNOWN_ENCODING:
    case XML_ERROR_INCORRECT_ENCODING:
      return fail(FaultKind::bad_encoding, text);
    case XML_ERROR_UNBOUND_PREFIX:
      unbound_prefix_at_ = event_begin();
      return fail(FaultKind::not_well_formed, unbound_prefix);
    default:
      return fail(FaultKind::not_well_formed, text);
  }
}

std::uint64_t XmlReader::event_begin() const {
  return static_cast<std::uint64_t>(XML_GetCurrentByteIndex(parser_.get()));
}

std::size_t XmlReader::unread() const {
  const auto index = XML_GetCurrentByteIndex(parser_.get());
  return index < 0 ? 0 : static_cast<std::size_t>(fed_ - std::min(fed_, static_cast<std::uint64_t>(index)));
}

std::uint64_t XmlReader::event_end() const {
  return event_begin() + static_cast<std::uint64_t>(XML_GetCurrentByteCount(parser_.get()));
}

// Text matters between the children only; inside of them expat is spared the calls.
void XmlReader::listen_to_text(bool on) {
  XML_SetCharacterDataHandler(parser_.get(), on ? Handlers::text : nullptr);
}

void XmlReader::text(const char* characters, int size) {
  if (depth_ == 0) return fail(FaultKind::not_well_formed, outside_of_root);
  if (!in_cdata_) base_ = event_end();
  const std::string_view text(characters, static_cast<std::size_t>(size));
  if (text.find_first_not_of(" \t\r\n") != std::string_view::npos) text_in_root_ = true;
}

void XmlReader::exceed(std::string_view text) {
  if (stopped_) return;
  const bool in_stanza = scope_ == Scope::child && depth_ > 1 && is_stanza(payload_.kind);
  if (!in_stanza || !limits_->leave_out) return fail(FaultKind::too_large, text);
  excess_ = Excess{payload_, event_end(), depth_ - 2, text};
  stop();
}

void XmlReader::start_element(const char* name, const char** attributes) {
  if (stopped_) return;
  if (opening_wrapper_) {
    opening_wrapper_ = false;
    return listen_to_text(true);
  }
  if (depth_ == 0 && root_seen_) return fail(FaultKind::not_well_formed, outside_of_root);
  const std::string_view triplet = name;
  const auto qualified = split_triplet(triplet);
  if (++depth_ == 2) begin_child(qualified, attributes);
  if (stopped_) return;
  if (!too_much_.empty()) return exceed(too_much_);
  if (depth_ > limits_->max_depth) return exceed("elements too deep");
  if (++elements_ > limits_->max_elements) return exceed("too many elements");
  if (triplet.size() > limits_->max_name_bytes) return exceed(name_too_long);
  std::uint32_t count = declarations_;
  declarations_ = 0;
  if (depth_ > 1) {
    if (!qualified.prefix.empty()) {
      rely_on(qualified.prefix);
    } else if (live_default_ == 0) {
      payload_.uses_default = true;
    }
  }
  for (const char** at = attributes; *at != nullptr; at += 2) {
    if (++count > limits_->max_attributes) return exceed(too_many_attributes);
    const std::string_view attribute = *at;
    if (attribute.size() > limits_->max_name_bytes) return exceed(name_too_long);
    const auto prefix = split_triplet(attribute).prefix;
    if (depth_ > 1 && !prefix.empty()) rely_on(prefix);
  }
  if (depth_ > 1 || stopped_) return;
  root_seen_ = true;
  use_namespaces(*namespaces_);
  if (sink_ != nullptr) sink_->on_root(RootElement(qualified, attributes));
  base_ = event_end();
  if (scope_ == Scope::child) elements_ = 0;
  listen_to_text(true);
}

void XmlReader::begin_child(const QualifiedName& name, const char** attributes) {
  listen_to_text(false);
  payload_ = {};
  payload_.begin = event_begin();
  payload_.name_bytes = name.local.size() + (name.prefix.empty() ? 0 : name.prefix.size() + 1);
  payload_.kind = kind_of(name.uri, name.local);
  std::fill(uses_.begin(), uses_.end(), std::uint8_t{0});
  if (name.uri == ns::streams && name.local == "stream") {
    return fail(FaultKind::bad_format, "a stream inside of a stream");
  }
  const bool in_streams = payload_.kind == StanzaKind::features || payload_.kind == StanzaKind::stream_error;
  payload_.rewrite = in_streams ? name.prefix != "stream" : !name.prefix.empty() && name.prefix != "xml";
  if (!adopt_from_.empty() && name.uri == adopt_from_ && client_kind(name.local) != StanzaKind::other) {
    payload_.kind = client_kind(name.local);
    payload_.adopt_from = adopt_from_;
    if (live_default_ > 0) payload_.rewrite = true;  // its own xmlns says the wrong thing
  }
  for (const char** at = attributes; *at != nullptr; at += 2) {
    if (std::strcmp(*at, "type") == 0) payload_.type = type_of(at[1]);
  }
}

void XmlReader::end_element() {
  if (stopped_) return;
  if (depth_ == 0) return fail(FaultKind::not_well_formed, outside_of_root);  // the wrapper's name was guessed
  --depth_;
  if (depth_ == 1) {
    end_child();
  } else if (depth_ == 0) {
    base_ = event_end();
    if (sink_ != nullptr) sink_->on_root_end();
  }
}

void XmlReader::end_child() {
  payload_.end = base_ = event_end();
  if (scope_ == Scope::child) elements_ = 0;
  listen_to_text(true);
  if (sink_ != nullptr) sink_->on_child(payload_);
}

void XmlReader::start_declaration(const char* prefix, const char* uri) {
  if (stopped_) return;
  // Counted here already: what the root declares is kept.
  if (++declarations_ > limits_->max_attributes) too_much_ = too_many_attributes;
  const std::string_view name = prefix == nullptr ? "" : prefix, value = uri == nullptr ? "" : uri;
  if (name.size() + value.size() > limits_->max_name_bytes) too_much_ = name_too_long;
  if (!too_much_.empty() && depth_ == 0) return fail(FaultKind::too_large, too_much_);
  if (depth_ == 0) return own_.declare(name, value);
  if (prefix == nullptr) {
    ++live_default_;
    return;
  }
  for (std::size_t i = 0; i < live_.size(); ++i) {
    if (namespaces_->prefixes[i].prefix == name) ++live_[i];
  }
}

void XmlReader::end_declaration(const char* prefix) {
  if (stopped_ || depth_ == 0) return;
  if (prefix == nullptr) {
    --live_default_;
    return;
  }
  const std::string_view name = prefix;
  for (std::size_t i = 0; i < live_.size(); ++i) {
    if (namespaces_->prefixes[i].prefix == name) --live_[i];
  }
}

// The payload uses `prefix`. If no declaration inside of it is in force, it is one of the root's, or expat had refused.
void XmlReader::rely_on(std::string_view prefix) {
  for (std::size_t i = 0; i < live_.size(); ++i) {
    const auto& declaration = namespaces_->prefixes[i];
    if (live_[i] > 0 || declaration.prefix != prefix) continue;
    uses_[i] = 1;
    if (!declaration.bound) fail(FaultKind::not_well_formed, unbound_prefix);
  }
}

}  // namespace xmpp
