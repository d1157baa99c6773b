#include "gateway/config_rules.hpp"

#include <openssl/evp.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <variant>

#include "gateway/file_body.hpp"
#include "gateway/sid.hpp"
#include "gateway/text_file.hpp"
#include "gateway/tls.hpp"
#include "gateway/web_paths.hpp"
#include "webclient/text.hpp"
#include "xmpp/jid.hpp"

namespace gateway::rules {

namespace {

[[noreturn]] void fail(const std::string& place, std::string_view what, std::string_view cure) {
  throw ConfigError(place + std::string(what) + "; " + std::string(cure));
}

std::string quote(std::string_view text) {
  return '"' + safe_text(text) + '"';
}

std::optional<Address> literal(const std::string& host) {
  boost::system::error_code error;
  const Address address = boost::asio::ip::make_address(host, error);
  if (error) return {};
  return address;
}

// As far as that can be told without asking anybody; the connected address is checked again.
bool is_loopback(const std::string& host) {
  if (const auto address = literal(host)) return unmapped(*address).is_loopback();
  return host == "localhost" || host.ends_with(".localhost");
}

std::uint32_t usable_cores() {
  // Not hardware_concurrency(): a container or taskset may leave the process fewer than the machine has.
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1u, static_cast<std::uint32_t>(CPU_COUNT(&set)));
}

bool is_pin(std::string_view pin) {
  constexpr std::string_view scheme = "sha256//";
  constexpr std::size_t encoded = 44;  // base64 of 32 bytes, with one '='
  if (!pin.starts_with(scheme) || pin.size() != scheme.size() + encoded) return false;
  pin.remove_prefix(scheme.size());
  std::array<unsigned char, 33> bytes{};
  return pin.ends_with('=') && !pin.ends_with("==") &&
         EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(pin.data()), encoded) == 33;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_origin(std::string_view text) {
  if (text == "null") return true;
  const auto scheme = text.find("://");
  if (scheme == text.npos || scheme == 0) return false;
  const auto rest = text.substr(scheme + 3);
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("-._:[]").find(c) != std::string_view::npos;
  };
  return !rest.empty() && std::all_of(rest.begin(), rest.end(), fits) &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(scheme),
                     [](char c) { return (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.'; });
}

bool is_path(std::string_view path) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/-._~!$&'()*+,;=:@").find(c) != std::string_view::npos;
  };
  return path.starts_with('/') && path.find("//") == path.npos && std::all_of(path.begin(), path.end(), fits);
}

// Scheme, host, perhaps a port, path and query; nothing that would need escaping in XML or JSON but `&`.
bool is_url(std::string_view text, std::string_view scheme) {
  if (!text.starts_with(scheme)) return false;
  text.remove_prefix(scheme.size());
  const auto fits = [](char c) {
    return c > ' ' && c < 0x7f && std::string_view("\"'<>\\^`{|}#").find(c) == std::string_view::npos;
  };
  return !text.empty() && text[0] != '/' && text[0] != ':' && std::all_of(text.begin(), text.end(), fits);
}

// D-003: an unencrypted way in is not announced, whatever the operator uses inside.
void check_urls(const Domain& domain, const Place& place) {
  if (!domain.bosh_url.empty() && !is_url(domain.bosh_url, "https://")) {
    fail(place("bosh_url"), quote(domain.bosh_url) + " is not an https URL",
         "write what browsers use, like \"https://chat.example.org/http-bind\"");
  }
  if (!domain.websocket_url.empty() && !is_url(domain.websocket_url, "wss://")) {
    fail(place("websocket_url"), quote(domain.websocket_url) + " is not a wss URL",
         "write what browsers use, like \"wss://chat.example.org/xmpp-websocket\"");
  }
}

void check_plaintext(const Domain& domain, const Place& place) {
  if (domain.tls != xmpp::TlsMode::none || domain.allow_plaintext) return;
  if (!domain.static_server()) {
    fail(place("tls"), "tls = \"none\" needs a server on loopback, but without `server` DNS decides",
         "name the server, use tls = \"starttls\", or allow passwords in the clear with allow_plaintext = true");
  }
  if (is_loopback(domain.host)) return;
  fail(place("tls"), "tls = \"none\" would carry passwords in the clear to " + quote(domain.host),
       "use tls = \"starttls\" or \"direct\", or take the risk with allow_plaintext = true");
}

void check_certificates(const Domain& domain, const Place& place) {
  if (!domain.check_certificate && !(domain.static_server() && is_loopback(domain.host))) {
    fail(place("check_certificate"), "check_certificate = false is for servers on loopback only",
         "give the certificate of the server or its authority as ca_file");
  }
  for (const auto& pin : domain.pins) {
    if (!is_pin(pin)) {
      fail(place("pins"), quote(pin) + " is not a pin",
           "write \"sha256//\" and the base64 of the key's SHA-256 digest");
    }
  }
  if (domain.client_certificate.empty() != domain.client_key.empty()) {
    const bool key_missing = domain.client_key.empty();
    fail(place(key_missing ? "client_certificate" : "client_key"),
         key_missing ? "client_certificate needs client_key" : "client_key needs client_certificate",
         "give both files or none");
  }
  try {
    const ClientTls probe(domain);
  } catch (const TlsError& error) {
    fail(place(error.option()), error.what(), "give a readable PEM file");
  }
}

}  // namespace

std::optional<HostPort> parse_host_port(std::string_view text) {
  HostPort result;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == text.npos) return {};
    const auto address = literal(std::string(text.substr(1, close - 1)));
    if (!address || !address->is_v6()) return {};
    result.host = address->to_string();
    const auto rest = text.substr(close + 1);
    has_port = !rest.empty();
    if (has_port && rest[0] != ':') return {};
    if (has_port) port = rest.substr(1);
  } else {
    const auto colon = text.find(':');
    has_port = colon != text.npos;
    if (has_port) port = text.substr(colon + 1);
    const auto host = xmpp::domain_to_ascii(text.substr(0, colon));
    if (!host) return {};
    result.host = *host;
  }
  if (has_port) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
    if (port.empty() || error != std::errc{} || end != port.data() + port.size() || value > 65535) return {};
    result.port = static_cast<std::uint16_t>(value);
  }
  return result;
}

std::string host_port(std::string_view host, std::uint16_t port) {
  const bool six = host.find(':') != host.npos;
  return (six ? '[' + std::string(host) + ']' : std::string(host)) + ':' + std::to_string(port);
}

std::uint32_t threads_for(std::uint32_t cores) {
  return std::min<std::uint32_t>(cores, max_shards);
}

void finish(ServerConfig& server, const Place&) {
  if (server.threads == 0) server.threads = threads_for(usable_cores());
}

void finish(Listen& listen, const Place& place) {
  if (listen.certificate.empty() != listen.key.empty()) {
    const bool key_missing = listen.key.empty();
    fail(place(key_missing ? "certificate" : "key"), key_missing ? "certificate needs key" : "key needs certificate",
         "give both files for HTTPS or none for HTTP");
  }
  if (!listen.secure()) return;
  try {
    const ServerTls probe(listen.certificate, listen.key);
  } catch (const TlsError& error) {
    fail(place(error.option()), error.what(), "give the PEM files of one certificate, with its chain, and of its key");
  }
}

void finish(Domain& domain, const LimitsConfig& limits, const Place& place) {
  const auto ascii = xmpp::domain_to_ascii(domain.name);
  if (!ascii) fail(place("name"), quote(domain.name) + " is no host name", "write the domain of the users' addresses");
  domain.ascii_name = *ascii;
  if (domain.expected_name.empty()) domain.expected_name = domain.ascii_name;
  if (domain.static_server()) {
    if (domain.port == 0) domain.port = domain.tls == xmpp::TlsMode::direct ? 5223 : 5222;
  }
  for (auto& origin : domain.upload_origins) {
    const bool web = origin.starts_with("https://") || origin.starts_with("http://");
    if (!web || !is_origin(origin) || !parse_host_port(origin.substr(origin.find("://") + 3))) {
      fail(place("upload_origins"), quote(origin) + " is not the origin of a web server",
           "write it as https://upload.example.org or http://127.0.0.1:5280");
    }
    origin = webclient::origin_of(origin);
  }
  check_plaintext(domain, place);
  check_certificates(domain, place);
  check_urls(domain, place);
  if (domain.stream.max_queued < limits.from_client.max_bytes) {
    fail(place("max_queued_bytes"), "max_queued_bytes is smaller than max_body_bytes, so one request could overflow it",
         "raise it to " + std::to_string(limits.from_client.max_bytes) + " or more");
  }
  domain.stream.domain = domain.name;
  // A stanza of the announced size must fit into a request together with its <body/> (X-009).
  constexpr std::size_t wrapper = 1024;
  domain.stream.max_bytes_to_server = limits.from_client.max_bytes - wrapper;
}

namespace {

template <typename Policy>
void check_queue_marks(const Policy& policy, const Place& place) {
  if (policy.queue_low >= policy.queue_high) {
    fail(place("queue_low"), "queue_low is not below queue_high", "let reading go on well below where it stops");
  }
  if (policy.queue_high >= policy.queue_cap) {
    fail(place("queue_high"), "queue_high is not below queue_cap", "let reading stop well before the session ends");
  }
}

void check_origins(const std::vector<std::string>& origins, const Place& place) {
  const bool star = std::find(origins.begin(), origins.end(), "*") != origins.end();
  if (star && origins.size() > 1) {
    fail(place("origins"), "\"*\" stands beside other origins", "keep either \"*\" or the list");
  }
  for (const auto& origin : origins) {
    if (origin != "*" && !is_origin(origin)) {
      fail(place("origins"), quote(origin) + " is not an origin",
           "write scheme and host in lower case, without a path: \"https://chat.example.org\"");
    }
  }
}

// H-018. `example` is what the cure shows.
void check_paths(std::vector<std::string>& paths, std::string_view option, std::string_view example,
                 const Place& place) {
  for (auto& path : paths) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    if (path.size() < 2 || !is_path(path)) {
      fail(place(option), quote(path) + " is not a path", "write it like " + quote(example));
    }
  }
}

}  // namespace

void finish(bosh::Policy& policy, const Place& place) {
  check_queue_marks(policy, place);
  if (policy.max_requests <= policy.max_hold) {
    fail(place("max_requests"), "max_requests is not above max_hold", "one request more than are held must be allowed");
  }
  if (policy.max_streams > 1 && policy.push.enabled) {
    fail(place("max_streams"), "max_streams above 1 cannot go together with push_streams",
         "the events of a push stream are those of one stream to a server: switch one of them off");
  }
  for (const auto& type : policy.content_types) {
    const std::string_view text = type;
    const auto slash = text.find('/');
    if (slash == text.npos || !is_token(text.substr(0, slash)) || !is_token(text.substr(slash + 1))) {
      fail(place("content_types"), quote(type) + " is not a media type",
           "write it like \"text/xml\", without parameters");
    }
  }
}

void finish(LimitsConfig& limits, const Place&) {
  // What has no option of its own is the same in both directions.
  limits.from_server.max_depth = limits.from_client.max_depth;
  limits.from_server.max_attributes = limits.from_client.max_attributes;
  limits.from_server.max_name_bytes = limits.from_client.max_name_bytes;
  limits.from_server.leave_out = true;  // other users write what it sends
}

void finish(CorsConfig& cors, const Place& place) {
  check_origins(cors.origins, place);
  if (cors.any_origin() && cors.credentials) {
    fail(place("credentials"), "credentials = true cannot go together with every origin",
         "list the origins that may send cookies");
  }
  for (const auto& header : cors.headers) {
    if (!is_token(header)) fail(place("headers"), quote(header) + " is not a header field name", "correct the name");
  }
}

void finish(WebSocketConfig& websocket, const Place& place) {
  check_origins(websocket.origins, place);
  check_queue_marks(websocket.policy, place);
  const std::string_view uri = websocket.policy.see_other_uri;
  // W-028: only to equal or better security, and clients cannot know how they came here through a proxy.
  if (!uri.empty() && !uri.starts_with("wss://") && !uri.starts_with("https://")) {
    fail(place("see_other_uri"), quote(uri) + " is not a secure address",
         "write it like \"wss://other.example.org/xmpp-websocket\"");
  }
}

void finish(PathsConfig& paths, const Place& place) {
  if (paths.bosh.empty()) fail(place("bosh"), "no path is left for BOSH", "write bosh = [\"/http-bind\"]");
  if (paths.poll.empty()) fail(place("poll"), "no path is left for polling", "write poll = [\"/http-poll\"]");
  check_paths(paths.bosh, "bosh", "/http-bind", place);
  check_paths(paths.poll, "poll", "/http-poll", place);
  check_paths(paths.websocket, "websocket", "/xmpp-websocket", place);
  // One path may serve both BOSH and WebSocket: only the latter asks for an upgrade.
  std::set<std::string_view> seen;
  for (const auto& path : paths.bosh) {
    if (!seen.insert(path).second) fail(place("bosh"), quote(path) + " is given twice", "remove one");
  }
  for (const auto& path : paths.poll) {
    if (!seen.insert(path).second) fail(place("poll"), quote(path) + " is given twice", "remove one");
  }
  seen.clear();
  for (const auto& path : paths.websocket) {
    if (!seen.insert(path).second) fail(place("websocket"), quote(path) + " is given twice", "remove one");
  }
}

void check_shadowed_paths(const Config& config, const Place& place) {
  const auto check = [&](std::string_view key, const std::vector<std::string>& paths) {
    for (const auto& path : paths) {
      if (path == "/.well-known/host-meta" || path == "/.well-known/host-meta.json") {
        fail(place(key), quote(path) + " is where host-meta is", "choose another one");
      }
      if (config.webchat.enabled && is_web_path(path)) {
        fail(place(key), quote(path) + " is a path of the chat without scripts",
             "choose another one, or switch [webchat] off");
      }
    }
  };
  check("bosh", config.paths.bosh);
  if (config.polling.enabled) check("poll", config.paths.poll);
  check("websocket", config.paths.websocket);
}

void finish(PrebindConfig& prebind, const Place& place) {
  if (prebind.token_file.empty()) return;
  auto read = read_text_file(prebind.token_file);
  if (!read) {
    fail(place("token_file"), quote(prebind.token_file) + " cannot be read: " + std::strerror(errno),
         "name a file that postern may read");
  }
  std::string text = std::move(*read);
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  const bool one_line = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (text.size() < 32 || !one_line) {
    fail(place("token_file"), quote(prebind.token_file) + " holds no token of 32 characters or more in one line",
         "make one with: openssl rand -hex 32");
  }
  prebind.token = std::move(text);
}

void finish(StaticTree& tree, const Config& config, const Place& place) {
  while (tree.path.size() > 1 && tree.path.back() == '/') tree.path.pop_back();
  if (!is_path(tree.path)) fail(place("path"), quote(tree.path) + " is not a path", "write it like \"/chat\" or \"/\"");
  if (config.webchat.enabled && is_web_path(tree.path)) {
    fail(place("path"), quote(tree.path) + " is a path of the chat without scripts",
         "choose another one, or switch [webchat] off");
  }
  const auto& bosh = config.paths.bosh;
  if (std::find(bosh.begin(), bosh.end(), tree.path) != bosh.end()) {
    fail(place("path"), quote(tree.path) + " is a path of BOSH", "choose another one");
  }
  const auto& websocket = config.paths.websocket;
  if (std::find(websocket.begin(), websocket.end(), tree.path) != websocket.end()) {
    fail(place("path"), quote(tree.path) + " is a path of WebSocket", "choose another one");
  }
  const auto& poll = config.paths.poll;
  if (config.polling.enabled && std::find(poll.begin(), poll.end(), tree.path) != poll.end()) {
    fail(place("path"), quote(tree.path) + " is a path of polling", "choose another one");
  }
  for (const auto& other : config.statics) {
    if (other.path == tree.path) fail(place("path"), quote(tree.path) + " has a [[static]] already", "remove one");
  }
  const Descriptor root = open_directory(tree.root);
  if (!root.is_open()) {
    fail(place("root"), quote(tree.root) + " cannot be opened: " + std::strerror(errno), "name a directory");
  }
  if (!std::holds_alternative<OpenFile>(open_below(root, ""))) {
    fail(place("root"), quote(tree.root) + " cannot be served: " + std::strerror(errno),
         "let postern read it; the kernel must be Linux 5.6 or newer");
  }
  for (const auto& source : tree.connect_sources) {
    if (!is_url(source, "https://") && !is_url(source, "wss://") && source != "https:") {
      fail(place("connect_sources"), quote(source) + " is not a source",
           "write it like \"https://upload.example.org\"");
    }
    if (source.find_first_of(";,") != source.npos) {
      fail(place("connect_sources"), quote(source) + " holds a separator", "write one source an entry");
    }
  }
}

void check_listeners(std::vector<Listen>& listeners, const std::vector<Place>& places, const ServerConfig& server) {
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    const auto& address = listeners[i].address;
    if (listeners[i].proxy_protocol && server.trusted_proxies.empty()) {
      fail(places[i]("proxy_protocol"), "proxy_protocol = true, but no proxy is trusted, so nobody could connect",
           "add the address of the proxy to trusted_proxies");
    }
    for (std::size_t j = 0; j < listeners.size(); ++j) {
      const auto& other = listeners[j].address;
      if (j < i && other == address && address.port() != 0) {
        fail(places[i]("address"), "the address is that of another [[listen]] too", "remove one");
      }
      // A dual-stack socket would take the port of the IPv4 one.
      if (address.address().is_v6() && other.address().is_v4() && other.port() == address.port()) {
        listeners[i].v6_only = true;
      }
    }
  }
}

void check_prebind(const Config& config, const Place& place) {
  const auto& listeners = config.listen;
  const bool somewhere = std::any_of(listeners.begin(), listeners.end(), [](const Listen& l) { return l.private_; });
  if (!config.prebind.enabled() || somewhere) return;
  fail(place("token_file"), "sessions can be begun on private listeners only, and there is none",
       "add a [[listen]] with private = true that the site's back end reaches");
}

void check_domains(const std::vector<Domain>& domains, const std::vector<Place>& places, const ServerConfig& server,
                   const Place& server_place) {
  std::set<std::string> seen;
  const auto add = [&](const std::string& name, const std::string& place) {
    if (!seen.insert(name).second) {
      fail(place, quote(name) + " is the name or alias of a domain twice", "each name can mean one domain only");
    }
  };
  for (std::size_t i = 0; i < domains.size(); ++i) {
    add(domains[i].name, places[i]("name"));
    for (const auto& alias : domains[i].aliases) add(alias, places[i]("aliases"));
  }
  if (!server.default_domain.empty() && !seen.contains(server.default_domain)) {
    fail(server_place("default_domain"), quote(server.default_domain) + " is not among the domains",
         "name one that has a [[domain]]");
  }
  for (const auto& removed : server.removed_domains) {
    if (seen.contains(removed)) {
      fail(server_place("removed_domains"), quote(removed) + " is also served", "remove it here or there");
    }
  }
}

}  // namespace gateway::rules
