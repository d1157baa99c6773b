#include "gateway/resolver.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <unordered_map>
#include <utility>

#include "gateway/clock.hpp"
#include "gateway/dns_channel.hpp"
#include "gateway/dns_message.hpp"
#include "gateway/srv.hpp"
#include "gateway/step.hpp"
#include "xmpp/jid.hpp"

namespace gateway {

namespace {

constexpr std::uint16_t xmpp_port = 5222;
constexpr std::uint16_t direct_port = 5223;
constexpr std::uint16_t https_port = 443;
constexpr std::uint16_t first_free_port = 1024;

// What a zone may make us do; more would be its owner's tool against others.
constexpr std::size_t max_targets = 16;
constexpr std::size_t max_addresses = 8;  // of one target
constexpr std::size_t max_cached = 500;   // each may take 15 kB, and a server can name hosts as it likes (U-016)

// Bounds of what DNS may say about keeping an answer. None at all would ask anew for each session; /etc/hosts says 0.
constexpr std::uint32_t least_ttl = 1;
constexpr std::uint32_t most_ttl = 300;

// What is asked about a name, the same for all that want to know.
enum class Question : std::uint8_t {
  service,  // SRV, and if there is none the addresses
  host,     // the addresses; the name is complete
  search,   // the addresses, the name as the operator wrote it
};
using Key = std::pair<Question, std::string>;

struct Answer {
  bool by_srv = false;
  std::vector<SrvRecord> targets;
  std::map<std::string, std::vector<Address>> addresses;  // of each target
  std::string failure;
  xmpp::Instant good_until = xmpp::never;
};

// What one lookup makes of an answer.
struct Wanted {
  std::uint16_t port = 0;  // 0: what SRV says or the default
  xmpp::TlsMode tls = xmpp::TlsMode::starttls;
  AddressPolicy policy;
};

std::optional<Address> literal(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const Address address = boost::asio::ip::make_address(std::string(host), error);
  if (error) return {};
  return address;
}

std::uint16_t default_port(xmpp::TlsMode tls) {
  return tls == xmpp::TlsMode::direct ? direct_port : xmpp_port;
}

void add_failure(std::string& failures, std::string_view text) {
  if (failures.find(text) != failures.npos) return;
  if (!failures.empty()) failures += "; ";
  failures += text;
}

// The record as this domain may use it: nothing where its TLS mode excludes it (U-002).
std::optional<xmpp::TlsMode> mode_for(const SrvRecord& record, bool by_srv, xmpp::TlsMode configured) {
  if (!by_srv) return configured;
  if (configured == xmpp::TlsMode::direct && record.tls != xmpp::TlsMode::direct) return {};
  if (configured == xmpp::TlsMode::none) {
    if (record.tls == xmpp::TlsMode::direct) return {};
    return configured;
  }
  return record.tls;
}

}  // namespace

struct Resolver::State {
  // A question that is being asked.
  struct Query {
    Query(boost::asio::io_context& io, Key about, std::uint64_t number)
        : key(std::move(about)), serial(number), deadline(io) {}
    const Key key;
    const std::uint64_t serial;  // answers that come late are for another question about the same
    boost::asio::steady_timer deadline;
    unsigned open = 0;  // answers that are still to come
    std::vector<SrvRecord> starttls, direct;
    bool srv_failed = false;
    std::uint32_t ttl = most_ttl;
    Answer answer;
    std::vector<Lookup> waiting;
    std::size_t told = 0;  // of those that wait, once there is an answer
  };
  struct Waiting {
    Callback callback;
    Wanted wanted;
  };

  State(boost::asio::io_context& context, const ServerConfig& server) : io(context) { configure(server); }

  void configure(const ServerConfig& server) {
    timeout = server.dns_timeout;
    negative_ttl = server.dns_negative_ttl;
    refused = server.refused_networks;
    options.servers = server.dns;
    // Three tries must fit into the time of the whole.
    options.timeout = std::clamp<xmpp::Duration>(timeout / 4, std::chrono::milliseconds(20), std::chrono::seconds(2));
  }

  [[nodiscard]] AddressPolicy policy_for(const Domain& domain) const {
    AddressPolicy policy;
    policy.private_addresses = domain.private_addresses;
    policy.plaintext_loopback_only = domain.tls == xmpp::TlsMode::none && !domain.allow_plaintext;
    policy.refused = refused;
    return policy;
  }

  DnsChannel& channel_for(Question question) {
    auto& channel = question == Question::search ? searching : absolute;
    if (!channel) {
      options.search = question == Question::search;
      channel = std::make_unique<DnsChannel>(io, options);
    }
    return *channel;
  }

  Lookup ask(Key key, Wanted wanted, Callback callback);
  void begin(Query& query);
  void wait_for(Query& query);
  [[nodiscard]] Query* asked(const Key& key, std::uint64_t serial) const;
  void srv_arrived(Query& query, bool direct, DnsStatus status, std::span<const unsigned char> message,
                   std::string_view failure);
  void srv_complete(Query& query);
  void ask_addresses(Query& query);
  void addresses_arrived(Query& query, const std::string& host, DnsAddresses result);
  void complete(Query& query, bool timed_out);
  void deliver_next(std::shared_ptr<Query> done);
  void deliver(Query& done);
  void forget_old();
  [[nodiscard]] Resolution resolution(const Answer& answer, const Wanted& wanted);

  boost::asio::io_context& io;
  xmpp::Duration timeout{};
  xmpp::Duration negative_ttl{};
  std::vector<Network> refused;
  DnsChannel::Options options;
  std::mt19937 random{std::random_device{}()};  // shares load, keeps no secret
  std::map<Key, std::shared_ptr<Query>> queries;
  std::map<Key, Answer> cache;
  std::unordered_map<std::uint64_t, Waiting> lookups;
  std::uint64_t last_lookup = 0, last_query = 0;
  // Handlers on their way when the resolver goes find this gone.
  std::shared_ptr<const bool> alive = std::make_shared<const bool>(true);
  // Last: their destruction calls back into the rest.
  std::unique_ptr<DnsChannel> absolute, searching;
};

Resolver::Lookup Resolver::State::ask(Key key, Wanted wanted, Callback callback) {
  const auto cached = cache.find(key);
  if (cached != cache.end() && cached->second.good_until > steady_now()) {
    callback(resolution(cached->second, wanted));
    return Lookup::none;
  }
  const Lookup lookup{++last_lookup};
  lookups.emplace(last_lookup, Waiting{std::move(callback), std::move(wanted)});
  std::uint64_t begun = 0;
  try {
    const auto known = queries.find(key);
    if (known != queries.end()) {
      known->second->waiting.push_back(lookup);
    } else {
      const auto query = std::make_shared<Query>(io, key, ++last_query);
      query->waiting.push_back(lookup);
      queries.emplace(key, query);
      begun = query->serial;
      begin(*query);
    }
  } catch (...) {
    // Whoever asks does not learn the number, and cannot take it back.
    lookups.erase(static_cast<std::uint64_t>(lookup));
    if (asked(key, begun) != nullptr) queries.erase(key);
    throw;
  }
  return lookup;
}

// Null when it is answered already.
Resolver::State::Query* Resolver::State::asked(const Key& key, std::uint64_t serial) const {
  const auto found = queries.find(key);
  return found != queries.end() && found->second->serial == serial ? found->second.get() : nullptr;
}

void Resolver::State::wait_for(Query& query) {
  query.deadline.expires_after(timeout);
  query.deadline.async_wait(
      [this, key = query.key, serial = query.serial, watch = std::weak_ptr(alive)](const auto& error) {
        if (error || watch.expired()) return;
        Query* const late = asked(key, serial);
        if (late == nullptr) return;
        wait_for(*late);  // should there be no memory for what follows
        complete(*late, true);
      });
}

void Resolver::State::begin(Query& query) {
  wait_for(query);
  const Key key = query.key;
  const std::uint64_t serial = query.serial;
  if (key.first != Question::service) {
    query.answer.targets.push_back({key.second});
    return ask_addresses(query);
  }
  query.answer.by_srv = true;
  query.open = 2;
  for (const bool direct : {false, true}) {
    const std::string service = (direct ? "_xmpps-client._tcp." : "_xmpp-client._tcp.") + key.second;
    channel_for(key.first).query_srv(service, [this, key, serial, direct](auto status, auto message, auto failure) {
      if (Query* const in_time = asked(key, serial)) srv_arrived(*in_time, direct, status, message, failure);
    });
  }
}

void Resolver::State::srv_arrived(Query& query, bool direct, DnsStatus status, std::span<const unsigned char> message,
                                  std::string_view failure) {
  if (status == DnsStatus::found) {
    if (auto answer = read_srv_answer(message)) {
      query.ttl = std::min(query.ttl, answer->ttl);
      (direct ? query.direct : query.starttls) = std::move(answer->records);
    } else {
      status = DnsStatus::failed;
      failure = "broken answer";
    }
  }
  if (status == DnsStatus::failed) {
    query.srv_failed = true;
    add_failure(query.answer.failure, "SRV of " + query.key.second + ": " + std::string(failure));
  }
  if (--query.open == 0) srv_complete(query);
}

void Resolver::State::srv_complete(Query& query) {
  SrvPlan plan = merge_srv(query.starttls, query.direct);
  if (!plan.targets.empty()) {
    query.answer.targets = std::move(plan.targets);
    std::stable_sort(query.answer.targets.begin(), query.answer.targets.end(),
                     [](const SrvRecord& a, const SrvRecord& b) { return a.priority < b.priority; });
    if (query.answer.targets.size() > max_targets) query.answer.targets.resize(max_targets);
    return ask_addresses(query);
  }
  if (plan.fall_back && !query.srv_failed) {
    query.answer.by_srv = false;
    query.answer.targets.push_back({query.key.second});
    return ask_addresses(query);
  }
  // U-004: a record that says "not here", or no way to know whether there is one.
  if (!query.srv_failed) {
    add_failure(query.answer.failure, "DNS says that " + query.key.second + " offers no XMPP to clients (SRV \".\")");
  }
  complete(query, false);
}

void Resolver::State::ask_addresses(Query& query) {
  const Key key = query.key;
  const std::uint64_t serial = query.serial;
  for (const SrvRecord& target : query.answer.targets) query.answer.addresses[target.target];
  std::vector<std::string> hosts;
  for (const auto& [host, addresses] : query.answer.addresses) hosts.push_back(host);
  // One more than there are, so that answers that come at once do not end the query under our hands.
  query.open = static_cast<unsigned>(hosts.size()) + 1;
  for (const std::string& host : hosts) {
    channel_for(key.first).query_addresses(host, [this, key, serial, host](DnsAddresses result) {
      if (Query* const in_time = asked(key, serial)) addresses_arrived(*in_time, host, std::move(result));
    });
  }
  if (--query.open == 0) complete(query, false);
}

void Resolver::State::addresses_arrived(Query& query, const std::string& host, DnsAddresses result) {
  if (result.status == DnsStatus::found) {
    query.ttl = std::min(query.ttl, result.ttl);
    auto addresses = interleave(result.addresses);
    if (addresses.size() > max_addresses) addresses.resize(max_addresses);
    query.answer.addresses[host] = std::move(addresses);
  } else {
    add_failure(query.answer.failure, host + ": " + result.failure);
  }
  if (--query.open == 0) complete(query, false);
}

void Resolver::State::complete(Query& query, bool timed_out) {
  Answer& answer = query.answer;
  if (timed_out) add_failure(answer.failure, "DNS did not answer in time");
  const bool any = std::any_of(answer.addresses.begin(), answer.addresses.end(),
                               [](const auto& entry) { return !entry.second.empty(); });
  const xmpp::Duration keep = any ? std::chrono::seconds(std::clamp(query.ttl, least_ttl, most_ttl)) : negative_ttl;
  answer.good_until = steady_now() + keep;
  forget_old();
  cache[query.key] = answer;
  const auto found = queries.find(query.key);
  const std::shared_ptr<Query> done = found->second;
  deliver_next(done);  // the last that needs memory: until then the query stands, and its deadline
  queries.erase(found);
  done->deadline.cancel();
}

// One after the other, each as a step of its own: what becomes of one of those who have waited is nothing to the
// others. Not from within c-ares' callback, for whoever is called back may ask again, cancel, or stop everything.
void Resolver::State::deliver_next(std::shared_ptr<Query> done) {
  boost::asio::post(io, [this, done = std::move(done), watch = std::weak_ptr(alive)] {
    if (watch.expired() || done->told == done->waiting.size()) return;
    deliver_next(done);
    deliver(*done);
  });
}

void Resolver::State::deliver(Query& done) {
  auto entry = lookups.extract(static_cast<std::uint64_t>(done.waiting[done.told++]));
  if (entry.empty()) return;  // cancelled
  Resolution result;
  if (!attempt([&] { result = resolution(done.answer, entry.mapped().wanted); })) result = {};
  entry.mapped().callback(std::move(result));
}

void Resolver::State::forget_old() {
  const xmpp::Instant now = steady_now();
  std::erase_if(cache, [&](const auto& entry) { return entry.second.good_until <= now; });
  if (cache.size() < max_cached) return;
  cache.erase(std::min_element(cache.begin(), cache.end(),
                               [](const auto& a, const auto& b) { return a.second.good_until < b.second.good_until; }));
}

Resolution Resolver::State::resolution(const Answer& answer, const Wanted& wanted) {
  Resolution result;
  std::array<std::uint32_t, max_targets> lots{};
  for (auto& lot : lots) lot = static_cast<std::uint32_t>(random());
  std::string refusals;
  bool usable_target = false;
  for (const SrvRecord& target : order_srv(answer.targets, lots)) {
    const auto tls = mode_for(target, answer.by_srv, wanted.tls);
    if (!tls) continue;
    usable_target = true;
    const auto addresses = answer.addresses.find(target.target);
    if (addresses == answer.addresses.end()) continue;
    std::uint16_t port = answer.by_srv ? target.port : wanted.port;
    if (port == 0) port = default_port(*tls);
    for (const Address& address : addresses->second) {
      const std::string_view refusal = wanted.policy.refusal(address);
      if (refusal.empty()) {
        result.candidates.push_back({{address, port}, *tls, target.target});
      } else {
        add_failure(refusals, target.target + " [" + address.to_string() + "]: " + std::string(refusal));
      }
    }
  }
  if (!result.candidates.empty()) return result;
  result.failure = answer.failure;
  if (!refusals.empty()) add_failure(result.failure, refusals);
  if (!answer.targets.empty() && !usable_target) {
    add_failure(result.failure, "DNS offers no server of the configured TLS mode");
  }
  if (result.failure.empty()) result.failure = "no address found";
  return result;
}

Resolver::Resolver(boost::asio::io_context& io, const ServerConfig& server)
    : state_(std::make_unique<State>(io, server)) {}

Resolver::~Resolver() = default;

namespace {

Resolution literal_resolution(const Address& address, std::uint16_t port, xmpp::TlsMode tls,
                              const AddressPolicy& policy) {
  Resolution result;
  if (const auto refusal = policy.refusal(address); !refusal.empty()) {
    result.failure = address.to_string() + ": " + std::string(refusal);
  } else {
    result.candidates.push_back({{address, port}, tls, address.to_string()});
  }
  return result;
}

}  // namespace

Resolver::Lookup Resolver::resolve(const Domain& domain, Callback callback) {
  if (!state_) return Lookup::none;
  Wanted wanted{domain.port, domain.tls, state_->policy_for(domain)};
  if (domain.static_server()) {
    // The operator named this very place: neither private nor refused networks matter.
    wanted.policy.private_addresses = true;
    wanted.policy.refused.clear();
    if (const auto address = literal(domain.host)) {
      callback(literal_resolution(*address, domain.port, domain.tls, wanted.policy));
      return Lookup::none;
    }
    return state_->ask({Question::search, domain.host}, std::move(wanted), std::move(callback));
  }
  if (const auto address = literal(domain.ascii_name)) {
    callback(literal_resolution(*address, default_port(domain.tls), domain.tls, wanted.policy));
    return Lookup::none;
  }
  return state_->ask({Question::service, domain.ascii_name}, std::move(wanted), std::move(callback));
}

Resolver::Lookup Resolver::resolve_redirect(const Domain& domain, std::string_view host, std::uint16_t port,
                                            Callback callback) {
  if (!state_) return Lookup::none;
  const auto refuse = [&](std::string text) {
    Resolution result;
    result.failure = "redirected to " + safe_text(host) + ": " + std::move(text);
    callback(std::move(result));
    return Lookup::none;
  };
  if (port != 0 && port != xmpp_port && port != direct_port && port != https_port) {
    return refuse("port " + std::to_string(port) + " is not one of XMPP");
  }
  Wanted wanted{port, domain.tls, state_->policy_for(domain)};
  if (const auto address = literal(host)) {
    callback(literal_resolution(*address, port != 0 ? port : default_port(domain.tls), domain.tls, wanted.policy));
    return Lookup::none;
  }
  const auto name = xmpp::domain_to_ascii(host);
  if (!name) return refuse("not a host name");
  const Question question = port != 0 ? Question::host : Question::service;
  return state_->ask({question, *name}, std::move(wanted), std::move(callback));
}

Resolver::Lookup Resolver::resolve_host(const Domain& domain, const Host& host, Callback callback) {
  if (!state_) return Lookup::none;
  const auto refuse = [&](std::string text) {
    Resolution result;
    result.failure = safe_text(host.name) + ": " + std::move(text);
    callback(std::move(result));
    return Lookup::none;
  };
  Wanted wanted{host.port, xmpp::TlsMode::direct, state_->policy_for(domain)};
  wanted.policy.plaintext_loopback_only = false;  // of XMPP
  if (host.listed) {
    wanted.policy.private_addresses = true;
    wanted.policy.refused.clear();
  } else if (host.port != https_port && host.port < first_free_port) {
    return refuse("port " + std::to_string(host.port) + " is not one for files");
  }
  if (const auto address = literal(host.name)) {
    callback(literal_resolution(*address, host.port, wanted.tls, wanted.policy));
    return Lookup::none;
  }
  const auto name = xmpp::domain_to_ascii(host.name);
  if (!name) return refuse("not a host name");
  return state_->ask({host.listed ? Question::search : Question::host, *name}, std::move(wanted), std::move(callback));
}

void Resolver::cancel(Lookup lookup) {
  if (state_) state_->lookups.erase(static_cast<std::uint64_t>(lookup));
}

void Resolver::reconfigure(const ServerConfig& server) {
  if (!state_) return;
  State& state = *state_;
  state.configure(server);
  state.absolute.reset();
  state.searching.reset();
  state.cache.clear();
  const auto interrupted = std::exchange(state.queries, {});
  for (const auto& [key, query] : interrupted) {
    const auto again = std::make_shared<State::Query>(state.io, key, ++state.last_query);
    again->waiting = query->waiting;
    state.queries.emplace(key, again);
    state.begin(*again);
  }
}

void Resolver::stop() {
  state_.reset();
}

}  // namespace gateway
