// What is accepted as a <body/> must hold what its header promises, must give the same again when it is written anew
// from what was read, and read_creation() must stay within the policy whatever it is asked for.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "bosh/body.hpp"
#include "bosh/engine.hpp"
#include "bosh/iq_scan.hpp"
#include "bosh/response.hpp"

namespace {

[[noreturn]] void complain(const char* what, std::string_view bytes) {
  std::fprintf(stderr, "%s: %.*s\n", what, static_cast<int>(bytes.size()), bytes.data());
  std::abort();
}

// Escaping and namespaces make it longer than it was.
xmpp::Limits generous() {
  xmpp::Limits limits;
  limits.max_bytes = 64 * 1024 * 1024;
  limits.max_attributes = 1024;
  limits.max_elements = 1024 * 1024;
  return limits;
}

struct Payload {
  std::string bytes;
  xmpp::StanzaKind kind;
  xmpp::StanzaType type;
};

void add(std::string& document, std::string_view name, const std::optional<std::string_view>& value) {
  if (value) bosh::append_attribute(document, name, *value);
}

void check_again(const bosh::Body& body) {
  std::string document = "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'";
  bosh::append_attribute(document, "rid", body.rid);
  add(document, "sid", body.sid);
  add(document, "to", body.to);
  add(document, "key", body.key);
  add(document, "xml:lang", body.lang);
  if (body.type == bosh::BodyType::terminate) add(document, "type", "terminate");
  if (body.restart) add(document, "xmpp:restart", "true");
  document += ">";
  std::vector<Payload> payloads;
  for (const auto& p : *body.payloads) {
    payloads.push_back({std::string(p.bytes), p.kind, p.type});
    document += p.bytes;
  }
  document += "</body>";
  const auto limits = generous();
  bosh::BodyReader reader(limits);
  const auto read = reader.read(document);
  const auto* again = std::get_if<bosh::Body>(&read);
  if (!again) complain("not readable again", document);
  if (again->rid != body.rid || again->sid != body.sid || again->to != body.to || again->key != body.key ||
      again->lang != body.lang || again->restart != body.restart ||
      (again->type == bosh::BodyType::terminate) != (body.type == bosh::BodyType::terminate))
    complain("other attributes", document);
  if (again->payloads->size() != payloads.size()) complain("other payloads", document);
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    const auto& p = (*again->payloads)[i];
    if (p.bytes != payloads[i].bytes || p.kind != payloads[i].kind || p.type != payloads[i].type)
      complain("another payload", p.bytes);
  }
}

void check_creation(const bosh::Body& body) {
  bosh::Policy policy;
  policy.max_hold = 2;
  const auto read = bosh::read_creation(body, policy);
  const auto* c = std::get_if<bosh::Creation>(&read);
  if (!c) return;
  if (c->wait > policy.max_wait || c->hold > policy.max_hold || c->requests <= c->hold ||
      c->requests > policy.max_requests)
    complain("beyond the policy", body.raw);
  if (c->ver_major > 1 || (c->ver_major == 1 && c->ver_minor > 11)) complain("version", body.raw);
  for (const char ch : c->content_type)
    if (ch < 0x20 || ch > 0x7e) complain("content type", body.raw);
  if (const auto* route = std::get_if<bosh::Route>(&c->route); route && (route->host.empty() || route->port == 0))
    complain("route", body.raw);
  for (const char ch : c->stream.lang + c->stream.from)
    if (ch == '<' || ch == '&' || ch == '\'' || ch == '"' || (ch >= 0 && ch < 0x20))
      complain("stream request", body.raw);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view document(reinterpret_cast<const char*>(data), size);
  const xmpp::Limits limits;
  bosh::BodyReader reader(limits);
  const auto read = reader.read(document);
  if (const auto* fault = std::get_if<bosh::BodyFault>(&read)) {
    if (fault->condition != bosh::Condition::bad_request && fault->condition != bosh::Condition::policy_violation)
      complain("another condition", document);
    return 0;
  }
  const auto& body = std::get<bosh::Body>(read);
  if (body.raw != document || body.rid > (bosh::Rid{1} << 63) || body.payloads == nullptr)
    complain("broken promise", document);
  for (const auto& payload : *body.payloads) static_cast<void>(bosh::id_of_session_request(payload.bytes));
  check_creation(body);
  check_again(body);
  return 0;
}
