#include "gateway/routes.hpp"

#include <algorithm>

#include "gateway/bosh_entry.hpp"
#include "gateway/client_of.hpp"
#include "gateway/info_page.hpp"
#include "gateway/log.hpp"
#include "gateway/shard.hpp"
#include "gateway/web_entry.hpp"
#include "gateway/web_upload.hpp"
#include "gateway/ws_entry.hpp"
#include "gateway/ws_handshake.hpp"

namespace gateway {

namespace {

constexpr std::string_view plain_text = "text/plain; charset=utf-8";

void say(HttpConnection& connection, const Request& request, std::uint16_t status, std::string_view text,
         std::string_view fields = {}, bool close = false) {
  Answer answer;
  answer.status = status;
  answer.content_type = plain_text;
  answer.body = text;
  answer.fields = fields;
  answer.close = close;
  connection.answer(sequence_of(request.id), answer);
}

void serve_page(const Shard& shard, HttpConnection& connection, const Request& request) {
  const RequestHead& head = request.head;
  const Client client = client_of(request, shard.config());
  const std::string peer = request.peer.address.to_string();
  const std::string behind = client.address.to_string();
  InfoRequest what;
  what.path = head.target;
  what.scheme = client.secure ? "https" : "http";
  what.host = head.host;
  what.origin = head.origin;
  what.client = behind;
  what.peer = peer;
  what.http_version = head.http10 ? "1.0" : "1.1";
  what.proxy_trusted = client.proxied;
  what.forwarded_fields = head.forwarded;
  const std::string page = info_page(what);
  const std::string fields = "Content-Security-Policy: " + std::string(info_page_policy()) + "\r\n";
  Answer answer;
  answer.content_type = info_page_type;
  answer.body = page;
  answer.fields = fields;
  answer.compress = true;
  connection.answer(sequence_of(request.id), answer);
}

}  // namespace

Routes::Routes(const Config& config)
    : bosh_paths_(config.paths.bosh),
      websocket_paths_(config.paths.websocket),
      web_(config.webchat.enabled),
      cors_(config.cors) {}

StreamedBody Routes::streamed_body() const {
  return web_ ? &brings_file : nullptr;
}

Routes::Endpoint Routes::find(const RequestHead& head, bool private_listener) const {
  std::string_view target = head.target;
  // Absolute form, as a client sends it to what it takes for a proxy (RFC 9112 3.2.2).
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const auto slash = target.find('/', scheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  target = target.substr(0, target.find('?'));
  if (target.size() > 1 && target.ends_with('/')) target.remove_suffix(1);  // H-018
  if (private_listener) {
    if (target == "/healthz") return Endpoint::healthz;
    if (target == "/readyz") return Endpoint::readyz;
    return Endpoint::none;
  }
  const auto is_one_of = [target](const std::vector<std::string>& paths) {
    return std::find(paths.begin(), paths.end(), target) != paths.end();
  };
  const bool websocket = is_one_of(websocket_paths_);
  if (websocket && asks_for_websocket(head)) return Endpoint::websocket;
  if (is_one_of(bosh_paths_)) return Endpoint::bosh;
  if (websocket) return Endpoint::websocket;
  return web_ ? Endpoint::web : Endpoint::none;
}

void Routes::serve(Shard& shard, HttpConnection& connection, const Request& request) const {
  const Endpoint endpoint = find(request.head, request.peer.private_listener);
  const Method method = request.head.method;
  if (endpoint == Endpoint::none) {
    return say(connection, request, 404, "There is nothing at this path.\n");
  }
  if (endpoint == Endpoint::websocket) {
    if (asks_for_websocket(request.head)) return serve_upgrade(shard, connection, request);
    if (method == Method::get || method == Method::head) return serve_page(shard, connection, request);  // W-002
    return say(connection, request, 405, "Only GET and HEAD.\n", "Allow: GET, HEAD\r\n");
  }
  if (endpoint == Endpoint::web) return serve_web(shard, connection, request);
  if (endpoint == Endpoint::bosh) {
    if (method == Method::post) return serve_bosh(shard, connection, request);
    if (method == Method::options) {
      Answer answer;
      answer.status = 204;
      answer.fields = cors_.preflight();
      return connection.answer(sequence_of(request.id), answer);
    }
    if (method == Method::get || method == Method::head) return serve_page(shard, connection, request);
    return say(connection, request, 405, "Only GET, HEAD, POST and OPTIONS.\n", "Allow: GET, HEAD, POST, OPTIONS\r\n");
  }
  if (method != Method::get && method != Method::head) {
    return say(connection, request, 405, "Only GET and HEAD.\n", "Allow: GET, HEAD\r\n");
  }
  if (endpoint == Endpoint::healthz) return say(connection, request, 200, "alive\n");
  const std::string trouble = shard.health().trouble();
  if (trouble.empty()) return say(connection, request, 200, "ready\n");
  say(connection, request, 503, trouble + "\n");
}

void Routes::refuse(Shard& shard, HttpConnection& connection, const Request& request, Refusal refusal) const {
  const std::string peer = request.peer.address.to_string();
  switch (refusal) {
    case Refusal::body_too_large:
      spdlog::info("request of {} refused: body larger than max_body_bytes", peer);
      if (find(request.head, request.peer.private_listener) == Endpoint::bosh) {
        return refuse_bosh(shard, connection, request, bosh::Condition::policy_violation, true);  // H-014
      }
      return say(connection, request, 413, "The body is too large.\n", {}, true);
    case Refusal::header_too_large:
      spdlog::info("request of {} refused: header larger than max_header_bytes", peer);
      return say(connection, request, 431, "The header is too large.\n", {}, true);
    case Refusal::timed_out:
      spdlog::info("request of {} refused: not complete in time", peer);
      return say(connection, request, 408, "The request did not come to its end in time.\n", {}, true);
    case Refusal::malformed:
      spdlog::info("request of {} refused: not HTTP", peer);
      return say(connection, request, 400, "This is not a request that HTTP/1.1 knows.\n", {}, true);
  }
}

}  // namespace gateway
