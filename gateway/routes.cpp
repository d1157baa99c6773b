#include "gateway/routes.hpp"

#include <algorithm>

#include "bosh/script_syntax.hpp"
#include "gateway/bosh_entry.hpp"
#include "gateway/client_of.hpp"
#include "gateway/clock.hpp"
#include "gateway/info_page.hpp"
#include "gateway/poll_entry.hpp"
#include "gateway/prebind_entry.hpp"
#include "gateway/push_entry.hpp"
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

// Without the query, and without what precedes the path in the absolute form, which a client sends to what it takes for
// a proxy (RFC 9112 3.2.2).
std::string_view query_of(std::string_view target) {
  const auto mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
}

std::string_view path_of(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const auto slash = target.find('/', scheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  return target.substr(0, target.find('?'));
}

}  // namespace

Routes::Routes(const Config& config)
    : bosh_paths_(config.paths.bosh),
      websocket_paths_(config.paths.websocket),
      poll_paths_(config.polling.enabled ? config.paths.poll : std::vector<std::string>{}),
      web_(config.webchat.enabled),
      prebind_(config.prebind.enabled()),
      cors_(config.cors),
      host_meta_(config),
      static_files_(config.statics) {}

bool Routes::streams_body(std::string_view target) const {
  std::string_view path = path_of(target);
  if (!web_ || !brings_file(path)) return false;
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);  // H-018
  const auto has = [path](const std::vector<std::string>& paths) {
    return std::find(paths.begin(), paths.end(), path) != paths.end();
  };
  return !has(bosh_paths_) && !has(poll_paths_);
}

Routes::Endpoint Routes::find(const RequestHead& head, bool private_listener) const {
  std::string_view path = path_of(head.target);
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);  // H-018
  if (private_listener) {
    if (path == "/healthz") return Endpoint::healthz;
    if (path == "/readyz") return Endpoint::readyz;
    if (path == "/prebind" && prebind_) return Endpoint::prebind;
    return Endpoint::none;
  }
  if (path == "/.well-known/host-meta") return Endpoint::host_meta;
  if (path == "/.well-known/host-meta.json") return Endpoint::host_meta_json;
  const auto is_one_of = [&path](const std::vector<std::string>& paths) {
    return std::find(paths.begin(), paths.end(), path) != paths.end();
  };
  const bool websocket = is_one_of(websocket_paths_);
  if (websocket && asks_for_websocket(head)) return Endpoint::websocket;
  if (is_one_of(bosh_paths_)) return Endpoint::bosh;
  if (is_one_of(poll_paths_)) return Endpoint::poll;
  if (websocket) return Endpoint::websocket;
  constexpr std::string_view ticket = "/ticket";
  if (prebind_ && path.ends_with(ticket)) {
    path.remove_suffix(ticket.size());
    if (is_one_of(websocket_paths_)) return Endpoint::ticket;
  }
  return web_ ? Endpoint::web : Endpoint::none;
}

// Always open to pages of any origin, whatever [cors] says: a client asks the domain of its user, not its own (D-004).
void Routes::serve_host_meta(HttpConnection& connection, const Request& request, bool json) const {
  Answer answer;
  answer.cross_origin = CrossOrigin::any;
  const Method method = request.head.method;
  const HostMeta::Documents* const documents = host_meta_.find(request.head.host);
  if (method == Method::options) {
    answer.status = 204;
    answer.fields = "Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\nAccess-Control-Max-Age: 86400\r\n";
  } else if (method != Method::get && method != Method::head) {
    answer.status = 405;
    answer.content_type = plain_text;
    answer.body = "Only GET, HEAD and OPTIONS.\n";
    answer.fields = "Allow: GET, HEAD, OPTIONS\r\n";
  } else if (documents == nullptr) {
    answer.status = 404;
    answer.content_type = plain_text;
    answer.body = "There is nothing at this path.\n";
  } else {
    answer.content_type = json ? HostMeta::json_type : HostMeta::xml_type;
    answer.body = json ? documents->json : documents->xml;
  }
  connection.answer(sequence_of(request.id), answer);
}

void Routes::serve(Shard& shard, HttpConnection& connection, const Request& request) const {
  const std::string_view path = path_of(request.head.target);
  const Endpoint endpoint = find(request.head, request.peer.private_listener);
  const Method method = request.head.method;
  const bool special = endpoint != Endpoint::none && endpoint != Endpoint::web;
  if (!special && !request.peer.private_listener && static_files_.serve(shard, connection, request, path)) return;
  if (endpoint == Endpoint::none) {
    return say(connection, request, 404, "There is nothing at this path.\n");
  }
  if (endpoint == Endpoint::websocket || endpoint == Endpoint::ticket) {
    if (asks_for_websocket(request.head)) {
      return serve_upgrade(shard, connection, request, endpoint == Endpoint::ticket);
    }
    if (method == Method::get || method == Method::head) return serve_page(shard, connection, request);  // W-002
    return say(connection, request, 405, "Only GET and HEAD.\n", "Allow: GET, HEAD\r\n");
  }
  if (endpoint == Endpoint::web) return serve_web(shard, connection, request);
  if (endpoint == Endpoint::bosh || endpoint == Endpoint::poll) {
    if (method == Method::post) {
      return endpoint == Endpoint::bosh ? serve_bosh(shard, connection, request)
                                        : serve_poll(shard, connection, request);
    }
    if (method == Method::options) {
      Answer answer;
      answer.status = 204;
      answer.fields = cors_.preflight();
      return connection.answer(sequence_of(request.id), answer);
    }
    const std::string_view query = query_of(request.head.target);
    if (method == Method::get && endpoint == Endpoint::bosh && is_push_query(query)) {
      if (shard.config().bosh.push.enabled) return serve_push_stream(shard, connection, request, query);
      return say(connection, request, 404, "Push streams are not switched on.\n");
    }
    if (method == Method::get && endpoint == Endpoint::bosh && bosh::looks_like_script_query(query)) {
      if (shard.config().bosh.script_syntax) return serve_bosh_script(shard, connection, request, query);
      return say(connection, request, 404, "The script syntax of BOSH is not switched on.\n");  // S-005
    }
    if (method == Method::get || method == Method::head) return serve_page(shard, connection, request);
    return say(connection, request, 405, "Only GET, HEAD, POST and OPTIONS.\n", "Allow: GET, HEAD, POST, OPTIONS\r\n");
  }
  if (endpoint == Endpoint::prebind) {
    if (method == Method::post) return serve_prebind(shard, connection, request);
    return say(connection, request, 405, "Only POST.\n", "Allow: POST\r\n");
  }
  if (endpoint == Endpoint::host_meta || endpoint == Endpoint::host_meta_json) {
    return serve_host_meta(connection, request, endpoint == Endpoint::host_meta_json);
  }
  if (method != Method::get && method != Method::head) {
    return say(connection, request, 405, "Only GET and HEAD.\n", "Allow: GET, HEAD\r\n");
  }
  if (endpoint == Endpoint::healthz) return say(connection, request, 200, "alive\n");
  const std::string trouble = shard.health().trouble(steady_now());
  if (trouble.empty()) return say(connection, request, 200, "ready\n");
  say(connection, request, 503, trouble + "\n");
}

void Routes::refuse(Shard& shard, HttpConnection& connection, const Request& request, Refusal refusal) const {
  const std::string peer = request.peer.address.to_string();
  switch (refusal) {
    case Refusal::body_too_large:
      shard.say_refused("request of {} refused: body larger than max_body_bytes", peer);
      if (find(request.head, request.peer.private_listener) == Endpoint::bosh) {
        return refuse_bosh(shard, connection, request, bosh::Condition::policy_violation, true);  // H-014
      }
      return say(connection, request, 413, "The body is too large.\n", {}, true);
    case Refusal::header_too_large:
      shard.say_refused("request of {} refused: header larger than max_header_bytes", peer);
      return say(connection, request, 431, "The header is too large.\n", {}, true);
    case Refusal::timed_out:
      shard.say_refused("request of {} refused: not complete in time", peer);
      return say(connection, request, 408, "The request did not come to its end in time.\n", {}, true);
    case Refusal::malformed:
      shard.say_refused("request of {} refused: not HTTP", peer);
      return say(connection, request, 400, "This is not a request that HTTP/1.1 knows.\n", {}, true);
  }
}

}  // namespace gateway
