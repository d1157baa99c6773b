// The table of all options: for every struct of the configuration, each option's name, kind and range, in the order of
// conf/postern.toml. Reader, printer and list of names are three visitors of it, so they cannot disagree.
// Internal to the config_*.cpp files.
#pragma once
#include <array>
#include <chrono>
#include <string_view>
#include <utility>

#include "gateway/config.hpp"
#include "gateway/sid.hpp"

namespace gateway::options {

// The names of an enum in the file.
template <class Enum, std::size_t Size>
using Names = std::array<std::pair<std::string_view, Enum>, Size>;

inline constexpr Names<LogLevel, 6> log_levels = {{{"trace", LogLevel::trace},
                                                   {"debug", LogLevel::debug},
                                                   {"info", LogLevel::info},
                                                   {"warning", LogLevel::warning},
                                                   {"error", LogLevel::error},
                                                   {"off", LogLevel::off}}};
inline constexpr Names<xmpp::TlsMode, 3> tls_modes = {
    {{"starttls", xmpp::TlsMode::starttls}, {"direct", xmpp::TlsMode::direct}, {"none", xmpp::TlsMode::none}}};
inline constexpr Names<bosh::LegacyErrors, 3> legacy_errors = {{{"auto", bosh::LegacyErrors::automatic},
                                                                {"always", bosh::LegacyErrors::always},
                                                                {"never", bosh::LegacyErrors::never}}};

inline constexpr std::uint32_t kib = 1024;
inline constexpr std::uint32_t mib = 1024 * 1024;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

template <class Visitor>
void visit(Visitor& v, ServerConfig& c) {
  v.integer("threads", c.threads, 0, max_shards);
  v.choice("log_level", c.log_level, log_levels);
  v.domain("default_domain", c.default_domain);
  v.domains("removed_domains", c.removed_domains);
  v.networks("trusted_proxies", c.trusted_proxies);
  v.time("shutdown_grace", c.shutdown_grace, seconds(0), minutes(10));
  v.dns_servers("dns", c.dns);
  v.time("dns_timeout", c.dns_timeout, milliseconds(100), minutes(1));
  v.time("dns_negative_ttl", c.dns_negative_ttl, seconds(0), hours(1));
  v.networks("refused_networks", c.refused_networks);
}

template <class Visitor>
void visit(Visitor& v, Listen& c) {
  v.endpoint("address", c.address);
  v.file("certificate", c.certificate);
  v.file("key", c.key);
  v.flag("private", c.private_);
  v.flag("proxy_protocol", c.proxy_protocol);
}

template <class Visitor>
void visit(Visitor& v, Domain& c) {
  v.domain("name", c.name);
  v.domains("aliases", c.aliases);
  v.server("server", c.host, c.port);
  v.choice("tls", c.tls, tls_modes);
  v.flag("allow_plaintext", c.allow_plaintext);
  v.file("ca_file", c.ca_file);
  v.flag("check_certificate", c.check_certificate);
  v.ascii_domain("expected_name", c.expected_name);
  v.flag("allow_common_name", c.allow_common_name);
  v.texts("pins", c.pins);
  v.file("client_certificate", c.client_certificate);
  v.file("client_key", c.client_key);
  v.flag("private_addresses", c.private_addresses);
  v.flag("proxy_protocol", c.proxy_protocol);
  v.flag("guests", c.guests);
  v.text("bosh_url", c.bosh_url);
  v.text("websocket_url", c.websocket_url);
  v.texts("upload_origins", c.upload_origins);
  v.count("max_sessions", c.max_sessions);
  v.count("max_connecting", c.max_connecting);
  v.time("connect_timeout", c.connect_timeout, milliseconds(100), minutes(1));
  v.time("negotiation_timeout", c.stream.negotiation_timeout, seconds(1), minutes(2));
  v.time("keepalive", c.stream.keepalive, seconds(0), hours(1));
  v.time("closing_timeout", c.stream.closing_timeout, milliseconds(100), minutes(1));
  v.bytes("max_queued_bytes", c.stream.max_queued, 16 * kib, 64 * mib);
  v.flag("legacy_without_version", c.stream.legacy_without_version);
  v.flag("stream_management", c.stream.management.enabled);
  v.integer("max_unacknowledged", c.stream.management.max_unacknowledged, 10, 100000);
  v.time("answer_timeout", c.stream.management.answer_timeout, seconds(0), hours(1));
}

template <class Visitor>
void visit(Visitor& v, PathsConfig& c) {
  v.texts("bosh", c.bosh);
  v.texts("websocket", c.websocket);
  v.texts("poll", c.poll);
}

template <class Visitor>
void visit(Visitor& v, WebchatConfig& c) {
  v.flag("enabled", c.enabled);
  v.count("logins_per_minute_per_address", c.logins_per_minute_per_address);
  v.count("logins_per_minute_per_account", c.logins_per_minute_per_account);
  v.bytes("max_file_bytes", c.max_file_bytes, 0, std::uint64_t{1024} * 1024 * mib);
  v.flag("session_in_path", c.session_in_path);
}

template <class Visitor>
void visit(Visitor& v, PrebindConfig& c) {
  v.file("token_file", c.token_file);
  v.time("lifetime", c.lifetime, seconds(1), minutes(10));
  v.time("login_timeout", c.login_timeout, seconds(1), minutes(2));
  v.count("requests_per_minute", c.requests_per_minute);
  v.count("failures_per_minute_per_address", c.failures_per_minute_per_address);
  v.count("logins_per_minute_per_account", c.logins_per_minute_per_account);
}

template <class Visitor>
void visit(Visitor& v, StaticTree& c) {
  v.text("path", c.path);
  v.file("root", c.root);
  v.time("max_age", c.max_age, seconds(0), hours(24 * 365));
  v.flag("inline_scripts", c.inline_scripts);
  v.texts("connect_sources", c.connect_sources);
}

template <class Visitor>
void visit(Visitor& v, bosh::Policy& c) {
  constexpr std::uint32_t unsigned_short = 65535;  // the schema's type for times
  v.integer("default_wait", c.default_wait, 0, unsigned_short);
  v.integer("max_wait", c.max_wait, 0, unsigned_short);
  v.integer("max_hold", c.max_hold, 0, 10);
  v.integer("max_requests", c.max_requests, 1, 255);
  v.integer("max_streams", c.max_streams, 1, 32);
  v.integer("inactivity", c.inactivity, 5, unsigned_short);
  v.integer("polling", c.polling, 0, unsigned_short);
  v.integer("maxpause", c.maxpause, 0, unsigned_short);
  v.time("unused", c.unused, seconds(1), hours(1));
  v.time("connect_hold", c.connect_hold, seconds(0), minutes(2));
  v.time("surplus_release", c.surplus_release, seconds(0), seconds(1));
  v.time("coalesce", c.coalesce, seconds(0), seconds(1));
  v.time("implied_restart", c.implied_restart, milliseconds(100), seconds(30));
  v.time("report_threshold", c.report_threshold, seconds(0), hours(1));
  v.bytes("max_response_bytes", c.max_response_bytes, 16 * kib, 256 * mib);
  v.bytes("queue_high", c.queue_high, 16 * kib, 256 * mib);
  v.bytes("queue_low", c.queue_low, 0, 256 * mib);
  v.bytes("queue_cap", c.queue_cap, 64 * kib, 1024 * mib);
  v.bytes("max_cached_bytes", c.max_cached_bytes, 0, 1024 * mib);
  v.integer("max_repeats", c.max_repeats, 1, 1000);
  v.flag("strict_overactivity", c.strict_overactivity);
  v.flag("strict_text", c.strict_text);
  v.flag("acks", c.acks);
  v.integer("max_in_doubt", c.max_in_doubt, 1, 100000);
  v.flag("nonsasl_features", c.nonsasl_features);
  v.flag("local_session", c.local_session);
  v.choice("legacy_errors", c.legacy_errors, legacy_errors);
  v.texts("content_types", c.content_types);
  v.flag("offer_gzip_requests", c.offer_gzip_requests);
  v.flag("script_syntax", c.script_syntax);
  v.flag("push_streams", c.push.enabled);
  v.time("push_keep_alive", c.push.keep_alive, seconds(1), minutes(5));
  v.time("push_max_time", c.push.max_stream_time, seconds(10), hours(24));
  v.bytes("push_max_bytes", c.push.max_stream_bytes, 16 * kib, 256 * mib);
  v.bytes("push_unproven_bytes", c.push.max_unproven_bytes, 4 * kib, 64 * mib);
}

template <class Visitor>
void visit(Visitor& v, WebSocketConfig& c) {
  v.texts("origins", c.origins);
  v.time("ping_interval", c.policy.ping_interval, seconds(0), hours(1));
  v.integer("max_missed_pings", c.policy.max_missed_pings, 1, 100);
  v.time("stall_timeout", c.policy.stall_timeout, seconds(0), hours(1));
  v.bytes("queue_high", c.policy.queue_high, 16 * kib, 256 * mib);
  v.bytes("queue_low", c.policy.queue_low, 0, 256 * mib);
  v.bytes("queue_cap", c.policy.queue_cap, 64 * kib, 1024 * mib);
  v.text("see_other_uri", c.policy.see_other_uri);
  v.flag("compression", c.compression);
  v.bytes("compression_min_bytes", c.compression_min_bytes, 0, 1 * mib);
  v.flag("draft_framing", c.draft_framing);
}

template <class Visitor>
void visit(Visitor& v, bosh::PollPolicy& c) {
  v.flag("enabled", c.enabled);
  v.time("inactivity", c.inactivity, seconds(5), hours(1));
  v.time("hold", c.hold, seconds(0), seconds(1));
  v.time("connect_hold", c.connect_hold, seconds(0), minutes(2));
}

template <class Visitor>
void visit(Visitor& v, LimitsConfig& c) {
  v.count("max_sessions", c.max_sessions);
  v.count("max_sessions_per_address", c.max_sessions_per_address);
  v.count("max_unauthenticated_sessions", c.max_unauthenticated_sessions);
  v.bytes("max_unauthenticated_bytes", c.max_unauthenticated_bytes, 4 * kib, 64 * mib);
  v.time("unauthenticated_timeout", c.unauthenticated_timeout, seconds(1), hours(1));
  v.count("max_connections", c.max_connections);
  v.count("max_connections_per_address", c.max_connections_per_address);
  v.count("session_starts_per_minute_per_address", c.session_starts_per_minute_per_address);
  v.count("sid_misses_per_minute_per_address", c.sid_misses_per_minute_per_address);
  v.time("header_timeout", c.header_timeout, milliseconds(100), minutes(10));
  v.time("body_timeout", c.body_timeout, milliseconds(100), minutes(10));
  v.time("write_timeout", c.write_timeout, milliseconds(100), minutes(10));
  v.time("keepalive_timeout", c.keepalive_timeout, milliseconds(100), hours(1));
  v.time("handshake_timeout", c.handshake_timeout, milliseconds(100), minutes(10));
  v.time("tcp_user_timeout", c.tcp_user_timeout, seconds(1), hours(1));
  v.bytes("max_header_bytes", c.max_header_bytes, 1 * kib, 1 * mib);
  // RFC 6120 13.12: no server may allow less than 10 000 bytes a stanza, and the <body/> around it needs room too.
  v.bytes("max_body_bytes", c.from_client.max_bytes, 16 * kib, 64 * mib);
  v.integer("max_pipelined", c.max_pipelined, 1, 1000);
  v.bytes("max_buffered_bytes", c.max_buffered_bytes, 1 * mib, std::uint64_t{1024} * 1024 * mib);
  v.integer("max_depth", c.from_client.max_depth, 8, 10000);
  v.integer("max_attributes", c.from_client.max_attributes, 16, 10000);
  v.bytes("max_name_bytes", c.from_client.max_name_bytes, 128, 64 * kib);
  v.integer("max_elements", c.from_client.max_elements, 64, 100 * 1000 * 1000);
  v.bytes("max_stanza_bytes", c.from_server.max_bytes, 16 * kib, 256 * mib);
  v.integer("max_stanza_elements", c.from_server.max_elements, 64, 100 * 1000 * 1000);
}

template <class Visitor>
void visit(Visitor& v, CorsConfig& c) {
  v.texts("origins", c.origins);
  v.texts("headers", c.headers);
  v.flag("credentials", c.credentials);
  v.time("max_age", c.max_age, seconds(0), hours(24 * 365));
}

template <class Visitor>
void visit(Visitor& v, CompressionConfig& c) {
  v.flag("enabled", c.enabled);
  v.bytes("min_bytes", c.min_bytes, 0, 1 * mib);
  v.integer("level", c.level, 1, 9);
}

}  // namespace gateway::options
