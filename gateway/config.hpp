// The configuration: plain values, complete and checked. Whoever reads them needs no defaults and no second check.
// conf/postern.toml explains every option; the names here are the names there. Not a TOML model: that stays inside
// config_reader.cpp. Immutable once loaded; SIGHUP loads a second one.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bosh/policy.hpp"
#include "bosh/poll_engine.hpp"
#include "gateway/address.hpp"
#include "gateway/log.hpp"
#include "xmpp/limits.hpp"
#include "xmpp/session.hpp"
#include "xmpp/time.hpp"
#include "xmpp/ws_engine.hpp"

namespace gateway {

// One line: "FILE:LINE: what is wrong; what to do".
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Counts and rates: 0 in the file is this here, so that a comparison is all it takes.
inline constexpr std::uint32_t no_limit = std::numeric_limits<std::uint32_t>::max();

struct ServerConfig {
  std::uint32_t threads = 0;  // never 0 after loading
  LogLevel log_level = LogLevel::info;
  std::string default_domain;                                  // for clients that send no `to` (B-021); empty: none
  std::vector<std::string> removed_domains;                    // host-gone (B-022); prepared
  std::vector<Network> trusted_proxies;                        // H-020
  xmpp::Duration shutdown_grace = std::chrono::seconds(10);    // from SIGTERM to the exit, at most
  std::vector<std::string> dns;                                // "address:port"; empty: those of the system
  xmpp::Duration dns_timeout = std::chrono::seconds(8);        // of one whole resolution (U-005)
  xmpp::Duration dns_negative_ttl = std::chrono::seconds(10);  // failed resolutions are remembered so long (U-008)
  std::vector<Network> refused_networks;                       // never connected to (U-007)
};

struct Listen {
  boost::asio::ip::tcp::endpoint address;
  bool v6_only = false;     // another listener has the same port on IPv4
  std::string certificate;  // files; both or none
  std::string key;
  bool private_ = false;        // `private` in the file: /healthz, /readyz and /prebind, nothing for browsers
  bool proxy_protocol = false;  // connections begin with a PROXY header, from trusted_proxies only

  [[nodiscard]] bool secure() const { return !certificate.empty(); }
};

struct Domain {
  std::string name;                  // prepared; what the server knows itself by
  std::vector<std::string> aliases;  // prepared
  std::string ascii_name;            // A-labels: DNS, SNI

  // Static server (U-006); `host` is empty when SRV decides. IPv6 literals without brackets.
  std::string host;
  std::uint16_t port = 0;

  xmpp::TlsMode tls = xmpp::TlsMode::starttls;
  bool allow_plaintext = false;    // TlsMode::none beyond loopback
  std::string ca_file;             // empty: the system's authorities
  bool check_certificate = true;   // false: only for a server on loopback
  std::string expected_name;       // A-labels; the name that the certificate must carry (U-013, U-014)
  bool allow_common_name = false;  // U-013: certificates without any subjectAltName
  std::vector<std::string> pins;   // "sha256//BASE64" of public keys; any of them must match (U-014)
  std::string client_certificate;  // files; both or none
  std::string client_key;
  bool private_addresses = false;  // for what DNS and see-other-host say; `host` is always allowed (U-007)
  bool guests = false;             // anonymous logins of the chat without scripts
  bool proxy_protocol = false;     // U-015
  // As browsers see them from outside, for discovery (D-003); empty: not announced.
  std::string bosh_url;
  std::string websocket_url;
  std::vector<std::string> upload_origins;                   // where files may go beside the domain's own https
  std::uint32_t max_sessions = no_limit;                     // B-203
  std::uint32_t max_connecting = no_limit;                   // sessions whose stream is not yet negotiated (U-008)
  xmpp::Duration connect_timeout = std::chrono::seconds(5);  // of one address, TCP and TLS
  xmpp::StreamPolicy stream;                                 // stream.domain == name

  [[nodiscard]] bool static_server() const { return !host.empty(); }
};

// Which of the domains a client means.
class Domains {
 public:
  enum class Standing : std::uint8_t { served, removed, unknown };
  struct Found {
    Standing standing = Standing::unknown;
    const Domain* domain = nullptr;  // only when served; lives as long as the Config
  };

  Domains() = default;
  Domains(std::vector<Domain> domains, const std::vector<std::string>& removed);

  // `to` as the client wrote it.
  [[nodiscard]] Found find(std::string_view to) const;
  [[nodiscard]] const std::vector<Domain>& all() const { return domains_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  static constexpr std::size_t removed_mark = ~std::size_t{0};

  [[nodiscard]] std::optional<Found> find_prepared(std::string_view name) const;

  std::vector<Domain> domains_;
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> by_name_;
};

struct LimitsConfig {
  std::uint32_t max_sessions = no_limit;
  std::uint32_t max_sessions_per_address = 500;  // offices and schools share one address
  std::uint32_t max_unauthenticated_sessions = 10000;
  std::uint32_t max_unauthenticated_bytes = 64 * 1024;               // from one browser that has not logged in
  xmpp::Duration unauthenticated_timeout = std::chrono::minutes(5);  // from the creation; nothing extends it
  std::uint32_t max_connections = no_limit;
  std::uint32_t max_connections_per_address = 1000;
  std::uint32_t session_starts_per_minute_per_address = 600;
  std::uint32_t sid_misses_per_minute_per_address = 3000;  // B-201

  xmpp::Duration header_timeout = std::chrono::seconds(15);     // first byte to the end of the header (H-015)
  xmpp::Duration body_timeout = std::chrono::seconds(30);       // end of the header to the end of the body
  xmpp::Duration write_timeout = std::chrono::seconds(30);      // an answer that the client does not read
  xmpp::Duration keepalive_timeout = std::chrono::seconds(75);  // HTTP connection without a request
  xmpp::Duration handshake_timeout = std::chrono::seconds(15);  // TLS with the browser
  xmpp::Duration tcp_user_timeout = std::chrono::seconds(30);   // H-023
  std::uint32_t max_header_bytes = 16 * 1024;
  std::uint32_t max_pipelined = 8;  // H-011

  std::uint64_t max_buffered_bytes = 1024 * 1024 * 1024;  // of the process; each shard has an equal share

  xmpp::Limits from_client;  // max_body_bytes is its max_bytes
  xmpp::Limits from_server = {.max_bytes = 4 * 1024 * 1024, .max_elements = 256 * 1024};  // E-33
};

struct CorsConfig {
  std::vector<std::string> origins = {"*"};
  std::vector<std::string> headers = {"Content-Type"};
  bool credentials = false;  // never together with "*"
  xmpp::Duration max_age = std::chrono::hours(24);

  [[nodiscard]] bool any_origin() const { return origins.size() == 1 && origins.front() == "*"; }
};

struct CompressionConfig {
  bool enabled = true;
  std::uint32_t min_bytes = 1024;
  std::uint32_t level = 3;
};

struct WebSocketConfig {
  std::vector<std::string> origins = {"*"};  // W-003
  bool compression = true;                   // permessage-deflate (W-004)
  std::uint32_t compression_min_bytes = 512;
  bool draft_framing = false;  // W-036
  xmpp::WsPolicy policy;
};

// The chat without scripts.
struct WebchatConfig {
  bool enabled = false;
  std::uint32_t logins_per_minute_per_address = 30;
  std::uint32_t logins_per_minute_per_account = 10;
  std::uint64_t max_file_bytes = 100 * 1024 * 1024;  // 0: no files
  bool session_in_path = true;                       // readers may do without a cookie
};

// Sessions that a site's back end begins for its users.
struct PrebindConfig {
  std::string token_file;                                   // empty: nobody may
  std::string token;                                        // what it holds
  xmpp::Duration lifetime = std::chrono::seconds(30);       // until the browser has come
  xmpp::Duration login_timeout = std::chrono::seconds(15);  // of the back end's request
  std::uint32_t requests_per_minute = 600;
  std::uint32_t failures_per_minute_per_address = 10;
  std::uint32_t logins_per_minute_per_account = 10;

  [[nodiscard]] bool enabled() const { return !token.empty(); }
};

struct PathsConfig {
  // Without trailing slash; each is served with and without one (H-018).
  std::vector<std::string> bosh = {"/http-bind", "/bosh", "/JHB"};
  std::vector<std::string> websocket = {"/xmpp-websocket", "/ws"};  // may be empty
  std::vector<std::string> poll = {"/http-poll"};
};

// A directory with a web client of the operator's.
struct StaticTree {
  std::string path;                                 // "/" or without trailing slash
  std::string root;                                 // a directory
  xmpp::Duration max_age = xmpp::Duration::zero();  // 0: browsers ask each time whether their copy is still good
  bool inline_scripts = true;
  std::vector<std::string> connect_sources;  // beside this origin and any wss
};

struct Config {
  std::string file;  // empty: built in
  ServerConfig server;
  std::vector<Listen> listen;
  Domains domains;
  bosh::Policy bosh;
  WebSocketConfig websocket;
  bosh::PollPolicy polling;
  LimitsConfig limits;
  CorsConfig cors;
  CompressionConfig compression;
  PathsConfig paths;
  WebchatConfig webchat;
  PrebindConfig prebind;
  std::vector<StaticTree> statics;
};

// Throws ConfigError. Reads the certificates and keys that it names, to refuse what would fail later.
[[nodiscard]] Config load_config(const std::string& file);
[[nodiscard]] Config parse_config(std::string_view toml, const std::string& file);
// What runs without a file: 127.0.0.1:5280 for the domain localhost at 127.0.0.1:5222, unencrypted.
[[nodiscard]] Config default_config();

// TOML that load_config() takes and that gives the same configuration.
[[nodiscard]] std::string print_config(const Config& config);

// Every option as "table.key", in the order of the file; what conf/postern.toml must explain.
[[nodiscard]] std::vector<std::string> option_names();

}  // namespace gateway
