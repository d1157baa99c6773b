#include "gateway/config.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "gateway/config_rules.hpp"
#include "tests/support/certificates.hpp"

namespace gateway {
namespace {

using support::make_identity;
using support::ScratchDirectory;

constexpr std::string_view minimal = "[[domain]]\nname = \"example.org\"\n";

Config parse(std::string_view text) {
  return parse_config(text, "p.toml");
}

std::string error_of(std::string_view text, const std::string& file = "p.toml") {
  try {
    static_cast<void>(parse_config(text, file));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Config, NoMoreThreadsThanASessionIdCanName) {  // PROTOCOL B-201
  EXPECT_EQ(rules::threads_for(2), 2u);
  EXPECT_EQ(rules::threads_for(64), 64u);
  EXPECT_EQ(rules::threads_for(192), 64u);
}

TEST(Config, Defaults) {
  const Config config = parse(minimal);
  EXPECT_GE(config.server.threads, 1u);
  EXPECT_EQ(config.server.log_level, LogLevel::info);
  ASSERT_EQ(config.listen.size(), 1u);
  EXPECT_EQ(config.listen[0].address.address().to_string(), "127.0.0.1");
  EXPECT_EQ(config.listen[0].address.port(), 5280);
  EXPECT_EQ(config.bosh.max_wait, 55u);
  EXPECT_EQ(config.bosh.inactivity, 90u);
  EXPECT_EQ(config.limits.max_sessions, no_limit);
  EXPECT_EQ(config.limits.max_sessions_per_address, 500u);
  EXPECT_EQ(config.limits.max_connections_per_address, 1000u);
  EXPECT_EQ(config.limits.session_starts_per_minute_per_address, 600u);
  EXPECT_EQ(config.limits.header_timeout, std::chrono::seconds(15));
  EXPECT_EQ(config.limits.from_client.max_bytes, 256u * 1024);
  EXPECT_GE(config.limits.from_server.max_bytes, 2u * 1024 * 1024);  // E-33
  EXPECT_TRUE(config.cors.any_origin());
  EXPECT_EQ(config.paths.bosh, (std::vector<std::string>{"/http-bind", "/bosh", "/JHB"}));
  EXPECT_EQ(config.paths.websocket, (std::vector<std::string>{"/xmpp-websocket", "/ws"}));
  EXPECT_EQ(config.websocket.origins, std::vector<std::string>{"*"});
  const Domain& domain = config.domains.all().at(0);
  EXPECT_EQ(domain.tls, xmpp::TlsMode::starttls);
  EXPECT_FALSE(domain.static_server());
  EXPECT_TRUE(domain.check_certificate);
  EXPECT_FALSE(domain.private_addresses);
  EXPECT_EQ(domain.expected_name, "example.org");
  EXPECT_EQ(domain.stream.domain, "example.org");
}

TEST(Config, WithoutAFile) {
  const Config config = default_config();
  ASSERT_EQ(config.listen.size(), 1u);
  EXPECT_EQ(config.listen[0].address.port(), 5280);
  EXPECT_TRUE(config.listen[0].address.address().is_loopback());
  ASSERT_EQ(config.domains.all().size(), 1u);
  const Domain& domain = config.domains.all()[0];
  EXPECT_EQ(domain.name, "localhost");
  EXPECT_EQ(domain.host, "127.0.0.1");
  EXPECT_EQ(domain.port, 5222);
  EXPECT_EQ(domain.tls, xmpp::TlsMode::none);
  EXPECT_EQ(domain.stream.domain, "localhost");
  EXPECT_GE(config.server.threads, 1u);
  EXPECT_EQ(print_config(parse(print_config(config))), print_config(parse(print_config(parse(print_config(config))))));
}

TEST(Config, ValuesArriveWhereTheyBelong) {
  const Config config = parse(R"(
[server]
threads = 3
log_level = "debug"
default_domain = "alias.example.org"
removed_domains = ["old.example.org"]
trusted_proxies = ["127.0.0.1", "10.0.0.0/8"]
dns = "127.0.0.1:5353"
[[listen]]
address = "[::]:0"
[[listen]]
address = "127.0.0.1:0"
private = true
[[domain]]
name = "Bücher.Example"
aliases = ["alias.example.org"]
server = "192.0.2.1"
tls = "direct"
max_sessions = 7
[bosh]
surplus_release = 0.0025
coalesce = 1
legacy_errors = "never"
[limits]
max_sessions = 0
max_sessions_per_address = 12
max_body_bytes = 65_536
max_depth = 10
[cors]
origins = ["https://a.example", "null"]
credentials = true
[compression]
enabled = false
)");
  EXPECT_EQ(config.server.threads, 3u);
  EXPECT_EQ(config.server.log_level, LogLevel::debug);
  EXPECT_EQ(config.server.trusted_proxies.size(), 2u);
  EXPECT_EQ(config.server.dns, std::vector<std::string>{"127.0.0.1:5353"});
  EXPECT_TRUE(config.listen[0].v6_only);  // the other one has the port
  EXPECT_TRUE(config.listen[1].private_);
  const Domain& domain = config.domains.all()[0];
  EXPECT_EQ(domain.name, "bücher.example");
  EXPECT_EQ(domain.ascii_name, "xn--bcher-kva.example");
  EXPECT_EQ(domain.expected_name, "xn--bcher-kva.example");
  EXPECT_EQ(domain.host, "192.0.2.1");
  EXPECT_EQ(domain.port, 5223);
  EXPECT_EQ(domain.max_sessions, 7u);
  EXPECT_EQ(config.bosh.surplus_release, std::chrono::microseconds(2500));
  EXPECT_EQ(config.bosh.coalesce, std::chrono::seconds(1));
  EXPECT_EQ(config.bosh.legacy_errors, bosh::LegacyErrors::never);
  EXPECT_EQ(config.limits.max_sessions, no_limit);
  EXPECT_EQ(config.limits.from_client.max_bytes, 65536u);
  EXPECT_EQ(config.limits.from_server.max_depth, 10u);
  EXPECT_TRUE(config.limits.from_server.leave_out);
  EXPECT_FALSE(config.limits.from_client.leave_out) << "it is its own";
  EXPECT_LT(domain.stream.max_bytes_to_server, 65536u);
  EXPECT_FALSE(config.cors.any_origin());
  EXPECT_FALSE(config.compression.enabled);
}

TEST(Config, MistakesAreOneLineWithPlaceAndCure) {
  const std::string d(minimal);
  const struct {
    std::string text, start, cure;
  } table[] = {
      {"", "p.toml:1: there is no [[domain]]", "add one"},
      {"x = \n", "p.toml:1: not TOML: ", "correct the line"},
      {"[\n", "p.toml:1: not TOML: ", "correct the line"},
      {"x = [}\n", "p.toml:1: not TOML: ", "correct the line"},
      {"\n\n[server]\nthreads = 1\nthreads = 2\n", "p.toml:5: not TOML: ", "correct"},
      {d + "[server]\nthraeds = 1\n", "p.toml:4: unknown option \"thraeds\" in [server]", "did you mean \"threads\"?"},
      {d + "[limits]\nqqqqqqqqqqqq = 1\n", "p.toml:4: unknown option \"qqqqqqqqqqqq\" in [limits]", "remove it"},
      {d + "nmae = 1\n", "p.toml:3: unknown option \"nmae\" in [[domain]]", "did you mean \"name\"?"},
      {d + "[limit]\n", "p.toml:3: unknown table \"limit\"", "did you mean \"limits\"?"},
      {"max_wait = 3\n" + d, "p.toml:1: unknown option \"max_wait\"", "remove it"},
      {d + "[server]\nthreads = \"4\"\n", "p.toml:4: [server] threads is a string", "write an integer"},
      {d + "[server]\nthreads = 1.5\n", "p.toml:4: [server] threads is a number with a fraction", "write an integer"},
      {d + "[server]\nthreads = -1\n", "p.toml:4: [server] threads = -1 is out of range", "from 0 to 64"},
      {d + "[server]\nthreads = 65\n", "p.toml:4: [server] threads = 65 is out of range", "from 0 to 64"},
      {d + "[server]\nlog_level = \"loud\"\n", "p.toml:4: [server] log_level cannot be \"loud\"",
       "\"trace\", \"debug\""},
      {d + "[server]\nlog_level = 1\n", "p.toml:4: [server] log_level is an integer", "write a string"},
      {d + "[server]\nshutdown_grace = \"1\"\n", "p.toml:4: [server] shutdown_grace is a string", "number of seconds"},
      {d + "[server]\nshutdown_grace = nan\n", "p.toml:4: [server] shutdown_grace is out of range", "from 0 to 600"},
      {d + "[server]\nshutdown_grace = -0.5\n", "p.toml:4: [server] shutdown_grace is out of range", "seconds"},
      {d + "[server]\ntrusted_proxies = [\"10.0.0.1/8\"]\n",
       "p.toml:4: [server] trusted_proxies: \"10.0.0.1/8\" is not a network", "host bits"},
      {d + "[server]\ntrusted_proxies = [\n\"10.0.0.0/8\",\n7]\n", "p.toml:6: [server] trusted_proxies is an integer",
       "write a string"},
      {d + "[server]\ntrusted_proxies = 7\n", "p.toml:4: [server] trusted_proxies is an integer", "list of strings"},
      {d + "[server]\ndns = [\"localhost:53\"]\n", "p.toml:4: [server] dns: \"localhost:53\" is not the address",
       "127.0.0.1:53"},
      {d + "[server]\ndefault_domain = \"other.example\"\n", "p.toml:4: \"other.example\" is not among the domains",
       "[[domain]]"},
      {d + "[server]\nremoved_domains = [\"Example.ORG\"]\n", "p.toml:4: \"example.org\" is also served", "remove it"},
      {d + "[server]\nremoved_domains = [\"a b\"]\n", "p.toml:4: [server] removed_domains: \"a b\" is not a host name",
       "without port"},
      {"server = 1\n" + d, "p.toml:1: server is an integer", "[server]"},
      {d + "[listen]\naddress = \"127.0.0.1:1\"\n", "p.toml:3: listen is a table", "[[listen]]"},
      {"listen = [1]\n" + d, "p.toml:1: listen is a list of an integer", "[[listen]]"},
      {d + "[[listen]]\nprivate = true\n", "p.toml:3: [[listen]] has no address", "write address = "},
      {d + "[[listen]]\naddress = \"localhost:5280\"\n",
       "p.toml:4: [[listen]] address: \"localhost:5280\" is not an address", "127.0.0.1:5280"},
      {d + "[[listen]]\naddress = \"127.0.0.1\"\n", "p.toml:4: [[listen]] address: ", "with a port; write"},
      {d + "[[listen]]\naddress = \"127.0.0.1:65536\"\n", "p.toml:4: [[listen]] address: ", "write"},
      {d + "[[listen]]\naddress = \"::1:5280\"\n", "p.toml:4: [[listen]] address: ", "write"},
      {d + "[[listen]]\naddress = \"127.0.0.1:1\"\n[[listen]]\naddress = \"127.0.0.1:1\"\n",
       "p.toml:6: the address is that of another", "remove one"},
      {d + "[[listen]]\naddress = \"127.0.0.1:1\"\ncertificate = \"x.pem\"\n", "p.toml:5: certificate needs key",
       "both"},
      {d + "[[listen]]\naddress = \"127.0.0.1:1\"\nkey = \"x.pem\"\n", "p.toml:5: key needs certificate", "both"},
      {d + "[[listen]]\naddress = \"127.0.0.1:1\"\nkey = \"\"\n", "p.toml:5: [[listen]] key is empty",
       "remove the line"},
      {"[[domain]]\nserver = \"127.0.0.1:5222\"\n", "p.toml:1: [[domain]] has no name", "write name"},
      {"[[domain]]\nname = \"\"\n", "p.toml:2: [[domain]] name: \"\" is not a host name", "write"},
      {"[[domain]]\nname = \"example.org:5222\"\n", "p.toml:2: [[domain]] name: \"example.org:5222\"", "without port"},
      {"[[domain]]\nname = \"a\\nb\"\n", "p.toml:2: [[domain]] name: \"a\\x0ab\"", "write"},
      {d + d, "p.toml:4: \"example.org\" is the name or alias of a domain twice", "one domain only"},
      {d + "aliases = [\"EXAMPLE.org.\"]\n", "p.toml:3: \"example.org\" is the name or alias", "one"},
      {d + "server = \"127.0.0.1:0\"\n", "p.toml:3: [[domain]] server: \"127.0.0.1:0\"", "write it like"},
      {d + "server = \"127.0.0.1:70000\"\n", "p.toml:3: [[domain]] server: ", "write it like"},
      {d + "server = \"::1\"\n", "p.toml:3: [[domain]] server: \"::1\"", "[::1]:5222"},
      {d + "server = \"xmpp://127.0.0.1\"\n", "p.toml:3: [[domain]] server: ", "write it like"},
      {d + "tls = \"none\"\n", "p.toml:3: tls = \"none\" needs a server on loopback", "allow_plaintext"},
      {d + "tls = \"none\"\nserver = \"192.0.2.1:5222\"\n", "p.toml:3: tls = \"none\" would carry passwords",
       "starttls"},
      {d + "tls = \"none\"\nserver = \"xmpp.example.org\"\n", "p.toml:3: tls = \"none\" would carry passwords",
       "starttls"},
      {d + "tls = \"tls\"\n", "p.toml:3: [[domain]] tls cannot be \"tls\"", "\"starttls\", \"direct\", \"none\""},
      {d + "check_certificate = false\n", "p.toml:3: check_certificate = false is for servers on loopback", "ca_file"},
      {d + "check_certificate = false\nserver = \"10.0.0.1\"\n", "p.toml:3: check_certificate = false", "ca_file"},
      {d + "bosh_url = \"http://chat.example.org/http-bind\"\n",
       "p.toml:3: \"http://chat.example.org/http-bind\" is not", "https://"},
      {d + "bosh_url = \"https://a/'><x\"\n", "p.toml:3:", "not an https URL"},
      {d + "websocket_url = \"ws://a/ws\"\n", "p.toml:3: \"ws://a/ws\" is not a wss URL", "wss://"},
      {d + "[[static]]\npath = \"chat\"\nroot = \".\"\n", "p.toml:4: \"chat\" is not a path", "/chat"},
      {d + "[[static]]\npath = \"/bosh/\"\nroot = \".\"\n", "p.toml:4: \"/bosh\" is a path of BOSH", "another"},
      {d + "[webchat]\nenabled = true\n[[static]]\npath = \"/\"\nroot = \".\"\n",
       "p.toml:6: \"/\" is a path of the chat without scripts", "another"},
      {d + "[[static]]\npath = \"/\"\nroot = \"/no/such\"\n", "p.toml:5: \"/no/such\" cannot be opened: No such",
       "directory"},
      {d + "[[static]]\npath = \"/\"\nroot = \".\"\n[[static]]\npath = \"/\"\nroot = \".\"\n",
       "p.toml:7: \"/\" has a [[static]] already", "remove"},
      {d + "[[static]]\npath = \"/\"\nroot = \".\"\nconnect_sources = \"https://a; script-src *\"\n",
       "p.toml:6:", "source"},
      {d + "[[static]]\nroot = \".\"\n", "p.toml:3: [[static]] has no path", "/chat"},
      {d + "[[listen]]\naddress = \"127.0.0.1:0\"\nproxy_protocol = true\n",
       "p.toml:5: proxy_protocol = true, but no proxy is trusted", "trusted_proxies"},
      {d + "[prebind]\ntoken_file = \"/no/such\"\n", "p.toml:4: \"/no/such\" cannot be read", "may read"},
      {d + "[prebind]\ntoken_file = \"/proc/self/comm\"\n", "p.toml:4: \"/proc/self/comm\" holds no token",
       "openssl rand"},
      {d + "pins = [\"sha256//abc\"]\n", "p.toml:3: \"sha256//abc\" is not a pin", "base64"},
      {d + "ca_file = \"/nowhere/ca.pem\"\n", "p.toml:3: ca_file /nowhere/ca.pem cannot be read: No such file", "PEM"},
      {d + "client_key = \"/nowhere/ca.pem\"\n", "p.toml:3: client_key needs client_certificate", "both"},
      {d + "expected_name = \"*.example.org\"\n", "p.toml:3: [[domain]] expected_name", "write"},
      {d + "max_queued_bytes = 16384\n", "p.toml:3: max_queued_bytes is smaller than max_body_bytes", "262144"},
      {d + "[bosh]\nqueue_low = 1048576\n", "p.toml:4: queue_low is not below queue_high", "well below"},
      {d + "[bosh]\nqueue_high = 8388608\n", "p.toml:4: queue_high is not below queue_cap", "well before"},
      {d + "[bosh]\nmax_streams = 2\npush_streams = true\n", "p.toml:4: max_streams above 1 cannot go together", "off"},
      {d + "[bosh]\nmax_requests = 1\n", "p.toml:4: max_requests is not above max_hold", "more"},
      {d + "[bosh]\nmax_wait = 65536\n", "p.toml:4: [bosh] max_wait = 65536 is out of range", "65535"},
      {d + "[bosh]\ncontent_types = [\"text/xml; charset=utf-8\"]\n",
       "p.toml:4: \"text/xml; charset=utf-8\" is not a media type", "parameters"},
      {d + "[limits]\nmax_body_bytes = 9999\n", "p.toml:4: [limits] max_body_bytes = 9999 is out of range", "16384"},
      {d + "[limits]\nmax_sessions = 4294967295\n", "p.toml:4: [limits] max_sessions = 4294967295", "out of range"},
      {d + "[cors]\norigins = [\"*\", \"https://a.example\"]\n", "p.toml:4: \"*\" stands beside other origins",
       "either"},
      {d + "[cors]\ncredentials = true\n", "p.toml:4: credentials = true cannot go together with every origin", "list"},
      {d + "[cors]\norigins = [\"https://a.example/\"]\n", "p.toml:4: \"https://a.example/\" is not an origin",
       "without a path"},
      {d + "[cors]\norigins = [\"a.example\"]\n", "p.toml:4: \"a.example\" is not an origin", "scheme"},
      {d + "[cors]\nheaders = [\"X-A: b\"]\n", "p.toml:4: \"X-A: b\" is not a header field name", "correct"},
      {d + "[paths]\nbosh = []\n", "p.toml:4: no path is left for BOSH", "/http-bind"},
      {d + "[paths]\nbosh = [\"http-bind\"]\n", "p.toml:4: \"http-bind\" is not a path", "/http-bind"},
      {d + "[paths]\nbosh = [\"/a?b\"]\n", "p.toml:4: \"/a?b\" is not a path", "/http-bind"},
      {d + "[paths]\nbosh = [\"/a\", \"/a/\"]\n", "p.toml:4: \"/a\" is given twice", "remove one"},
      {d + "[paths]\nwebsocket = [\"/a\", \"/a/\"]\n", "p.toml:4: \"/a\" is given twice", "remove one"},
      {d + "[paths]\nwebsocket = [\"ws\"]\n", "p.toml:4: \"ws\" is not a path", "/xmpp-websocket"},
      {d + "[websocket]\norigins = [\"a.example\"]\n", "p.toml:4: \"a.example\" is not an origin", "scheme"},
      {d + "[websocket]\nqueue_low = 262144\n", "p.toml:4: queue_low is not below queue_high", "well below"},
      {d + "[websocket]\nqueue_high = 8388608\n", "p.toml:4: queue_high is not below queue_cap", "well before"},
      {d + "[websocket]\nsee_other_uri = \"ws://a.example/ws\"\n", "p.toml:4: \"ws://a.example/ws\" is not a secure",
       "wss://"},
      {d + "[compression]\nlevel = 10\n", "p.toml:4: [compression] level = 10 is out of range", "from 1 to 9"},
  };
  for (const auto& row : table) {
    const std::string error = error_of(row.text);
    EXPECT_TRUE(error.starts_with(row.start)) << row.text << "\n  " << error;
    EXPECT_NE(error.find(row.cure), std::string::npos) << error;
    EXPECT_NE(error.find("; "), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST(Config, HoldsLettersBeyondAsciiToCommentsAndDoubleQuotes) {
  const Config config = parse("\xEF\xBB\xBF# Grüße 😀\n[[domain]]\nname = \"bücher.example\"\n");
  EXPECT_EQ(config.domains.all().at(0).stream.domain,
            parse("[[domain]]\nname = \"b\\u00fccher.example\"\n").domains.all().at(0).stream.domain);
  EXPECT_TRUE(
      error_of(std::string(minimal) + "server = „a.example“\n").starts_with("p.toml:3: a character beyond ASCII, "));
}

TEST(Config, LoopbackMayGoWithoutTls) {
  for (const auto* server : {"127.0.0.1:5222", "[::1]:5222", "localhost", "127.8.9.1"}) {
    const std::string text = std::string(minimal) + "tls = \"none\"\nserver = \"" + server + "\"\n";
    EXPECT_EQ(error_of(text), "accepted") << server;
  }
  EXPECT_EQ(error_of(std::string(minimal) + "tls = \"none\"\nallow_plaintext = true\nserver = \"192.0.2.1\"\n"),
            "accepted");
}

TEST(Config, CertificatesAreReadWhileChecking) {
  const ScratchDirectory files;
  const auto one = make_identity({.names = "DNS:example.org"});
  const auto other = make_identity({.names = "DNS:example.org"});
  files.write("one.pem", one.certificate_pem());
  files.write("one.key", one.key_pem());
  files.write("other.key", other.key_pem());
  files.write("empty.pem", "");
  const auto with = [&](const std::string& certificate, const std::string& key) {
    return error_of(std::string(minimal) + "[[listen]]\naddress = \"127.0.0.1:0\"\ncertificate = \"" + certificate +
                        "\"\nkey = \"" + key + "\"\n",
                    files.path() + "/p.toml");
  };
  const std::string at = files.path() + "/p.toml:";
  EXPECT_EQ(with("one.pem", "one.key"), "accepted");  // relative to the file
  EXPECT_EQ(with("sub/../one.pem", files.path() + "/one.key"), "accepted");
  EXPECT_EQ(with("one.pem", "other.key").find(at + "6: the key "), 0u) << with("one.pem", "other.key");
  EXPECT_EQ(with("none.pem", "one.key").find(at + "5: the certificate "), 0u);
  EXPECT_EQ(with("one.pem", "none.key").find(at + "6: the key "), 0u);
  EXPECT_EQ(with("empty.pem", "one.key").find(at + "5: "), 0u);
  const std::string domain = std::string(minimal) + "client_certificate = \"one.pem\"\nclient_key = \"other.key\"\n";
  EXPECT_EQ(error_of(domain, files.path() + "/p.toml").find(at + "4: the key "), 0u);
  EXPECT_EQ(error_of(std::string(minimal) + "ca_file = \"empty.pem\"\n", files.path() + "/p.toml").find(at + "3: "),
            0u);
}

TEST(Config, UnreadableFile) {
  try {
    static_cast<void>(load_config("/nowhere/postern.toml"));
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(
        error.what(),
        "/nowhere/postern.toml:1: the file cannot be read: No such file or directory; name a readable one with "
        "--config");
  }
  EXPECT_THROW(static_cast<void>(load_config("/")), ConfigError);
}

TEST(Config, PrintedAndReadAgainIsTheSame) {
  const ScratchDirectory files;
  const auto identity = make_identity({.names = "DNS:example.org"});
  files.write("c.pem", identity.certificate_pem());
  files.write("k.pem", identity.key_pem());
  const std::string text = R"(
[server]
threads = 2
trusted_proxies = ["::1", "10.0.0.0/8"]
removed_domains = "old.example.org"
dns = ["127.0.0.1", "[::1]:5353"]
[[listen]]
address = "[::1]:0"
certificate = "c.pem"
key = "k.pem"
[[listen]]
address = "127.0.0.1:8080"
private = true
[[domain]]
name = "bücher.example"
aliases = ["b.example"]
server = "[::1]:5223"
tls = "direct"
ca_file = "c.pem"
client_certificate = "c.pem"
client_key = "k.pem"
max_sessions = 5
[[domain]]
name = "example.org"
[bosh]
surplus_release = 0.000001
report_threshold = 1.25
content_types = []
[limits]
max_sessions_per_address = 0
[cors]
headers = ["X-\u0041"]
origins = []
)";
  const Config config = parse_config(text, files.path() + "/p.toml");
  const std::string printed = print_config(config);
  const Config again = parse_config(printed, "elsewhere/q.toml");
  // Only the line that names the file differs.
  const auto body = [](const std::string& whole) { return whole.substr(whole.find('\n')); };
  EXPECT_EQ(body(print_config(again)), body(printed));
  EXPECT_EQ(again.bosh.surplus_release, std::chrono::microseconds(1));
  EXPECT_EQ(again.limits.max_sessions_per_address, no_limit);
  EXPECT_EQ(again.domains.all()[0].host, "::1");
  EXPECT_EQ(again.listen[0].certificate, files.path() + "/c.pem");
  EXPECT_TRUE(again.cors.origins.empty());
}

TEST(Config, FileNamesWithOddCharactersSurvivePrinting) {
  const ScratchDirectory files;
  files.write("a\"b\\c\x01.pem", make_identity({}).certificate_pem());
  const Config config =
      parse_config(std::string(minimal) + R"(ca_file = "a\"b\\c\u0001.pem")", files.path() + "/p.toml");
  const Config again = parse_config(print_config(config), "q.toml");
  EXPECT_EQ(again.domains.all()[0].ca_file, files.path() + "/a\"b\\c\x01.pem");
}

TEST(Domains, FindsWhatTheClientMeans) {  // B-022, B-023
  const Config config = parse(R"(
[server]
removed_domains = ["old.example.org"]
[[domain]]
name = "example.org"
aliases = ["chat.example.org", "xn--bcher-kva.example"]
[[domain]]
name = "other.example"
)");
  using Standing = Domains::Standing;
  const struct {
    std::string to;
    Standing standing;
    std::string name;
  } table[] = {
      {"example.org", Standing::served, "example.org"},
      {"Example.ORG", Standing::served, "example.org"},
      {"example.org.", Standing::served, "example.org"},
      {"ｅxample.org", Standing::served, "example.org"},
      {"chat.example.org", Standing::served, "example.org"},
      {"bücher.example", Standing::served, "example.org"},
      {"XN--bcher-kva.EXAMPLE", Standing::served, "example.org"},
      {"other.example", Standing::served, "other.example"},
      {"old.example.org", Standing::removed, ""},
      {"OLD.example.org", Standing::removed, ""},
      {"unknown.example", Standing::unknown, ""},
      {"example.org:5222", Standing::unknown, ""},
      {"user@example.org", Standing::unknown, ""},
      {"", Standing::unknown, ""},
      {"127.0.0.1", Standing::unknown, ""},
      {std::string(100000, 'a'), Standing::unknown, ""},
      {"\xff\xff", Standing::unknown, ""},
  };
  for (const auto& row : table) {
    const auto found = config.domains.find(row.to);
    EXPECT_EQ(found.standing, row.standing) << row.to;
    EXPECT_EQ(found.domain != nullptr ? found.domain->name : "", row.name) << row.to;
  }
}

TEST(Domains, StayValidWhenTheConfigurationIsMoved) {
  Config config = parse(minimal);
  const Domain* const before = config.domains.find("example.org").domain;
  const Config moved = std::move(config);
  EXPECT_EQ(moved.domains.find("example.org").domain, before);
}

// ---- conf/postern.toml is the manual

std::string manual() {
  std::ifstream file(POSTERN_SOURCE_DIR "/conf/postern.toml");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Manual, IsAccepted) {
  const std::string file = POSTERN_SOURCE_DIR "/conf/postern.toml";
  const Config config = load_config(file);
  // What it sets are the defaults, but for the domain.
  const Config defaults = parse("[[domain]]\nname = \"localhost\"\nserver = \"127.0.0.1:5222\"\ntls = \"none\"\n");
  const auto body = [](const std::string& whole) { return whole.substr(whole.find('\n')); };
  EXPECT_EQ(body(print_config(config)), body(print_config(defaults)));
}

TEST(Manual, NamesEveryOptionAndNoOther) {
  std::set<std::string> shown;
  std::istringstream lines(manual());
  std::string line, table;
  const std::regex head(R"((?:# )?\[+([a-z]+)\]+)"), option(R"((# )?([a-z_]+) = .*)");
  std::smatch match;
  while (std::getline(lines, line)) {
    if (std::regex_match(line, match, head)) table = match[1];
    if (std::regex_match(line, match, option)) shown.insert(table + '.' + match[2].str());
  }
  const auto names = option_names();
  EXPECT_EQ(shown, std::set<std::string>(names.begin(), names.end()));
}

TEST(Manual, GivesAReasonForEveryTable) {
  // Each option has a comment above it or above the group that it belongs to.
  std::istringstream lines(manual());
  std::string line;
  bool explained = false;
  std::set<std::string> bare;
  const std::regex option(R"(([a-z_]+) = .*)");
  std::smatch match;
  while (std::getline(lines, line)) {
    if (line.starts_with("#")) explained = true;
    if (std::regex_match(line, match, option) && !explained) bare.insert(match[1]);
    if (line.empty()) explained = false;
  }
  EXPECT_EQ(bare, (std::set<std::string>{"max_sessions"})) << "whose name says it all";
}

}  // namespace
}  // namespace gateway
