#include "gateway/shard.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cassert>
#include <cstdio>
#include <limits>
#include <utility>

#include "gateway/clock.hpp"
#include "gateway/listener.hpp"
#include "gateway/log.hpp"
#include "gateway/random.hpp"
#include "gateway/shard_set.hpp"

namespace gateway {

namespace {

// How often a draining shard looks whether it is done.
constexpr auto drain_step = std::chrono::milliseconds(20);

// What an honest login may hold: to end it helps nobody, unless there are so many that together they hold much.
constexpr std::uint32_t of_a_login = 4096;

// How many may end for one newcomer: more than one only where the limit has become smaller.
constexpr int strangers_ended_at_once = 64;

constexpr std::string_view xml_fields = "Content-Security-Policy: default-src 'none'; sandbox\r\n";  // H-019

// Calls with the connection, whatever its kind; not at all when the slot is empty.
template <typename Call>
void with_connection(const AnyConnection& any, Call call) {
  std::visit(
      [&](const auto& held) {
        if constexpr (requires { *held; }) call(*held);
      },
      any);
}

bool is_writing(const AnyConnection& any) {
  return std::visit(
      [](const auto& connection) {
        if constexpr (requires { connection->writing(); }) return connection->writing();
        return false;
      },
      any);
}

}  // namespace

Shard::Shard(ShardSet& set, Common& common, unsigned index, SetupPtr setup)
    : set_(set),
      common_(common),
      index_(index),
      setup_(std::move(setup)),
      resolver_(io_, setup_->config.server),
      codec_(std::make_unique<Codec>(static_cast<int>(setup_->config.compression.level))) {
  follow(setup_);
}

// One by one: each would destroy the next from within itself, and there may be as many as there are sessions.
Shard::~Shard() {
  while (first_dead_) first_dead_ = std::move(first_dead_->next_dead);
}

unsigned Shard::count() const {
  return set_.count();
}

// ---- from any thread -----------------------------------------------------------------------------------------------

void Shard::start() {
  for (auto& listener : listeners_) listener->start();
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), ("shard " + std::to_string(index_)).c_str());
    run();
  });
}

void Shard::run() {
  const auto work = boost::asio::make_work_guard(io_);
  std::array<char, 128> trouble{};  // no string: there may be no memory
  for (;;) {
    try {
      if (trouble[0] != '\0') recover(std::exchange(trouble, {}).data());
      io_.run();
      return;
    } catch (const std::exception& error) {
      std::snprintf(trouble.data(), trouble.size(), "%s", error.what());
    }
  }
}

// After a bug of ours, or without memory: the session and the connection in whose step it happened may be in any state.
// They alone end; nothing of them is on the stack any more. There may be no memory for that either: so first what can
// be done all the same, then what run() has this try again.
void Shard::recover(const char* trouble) {
  attempt([&] { spdlog::error("internal error: {}", trouble); });
  do {
    const auto session = std::exchange(session_step_, {});
    const auto connection = std::exchange(connection_step_, {});
    forget_step();
    if (session) end_broken(*session, trouble);
    if (connection) end_broken(*connection, trouble);
    forget_step();
  } while (session_step_ || connection_step_);  // that of somebody who was to hear of it, and failed as well
  timers_.resume();
  poller_.resume();
  for (auto& listener : listeners_) listener->resume();
  boost::asio::post(io_, [this] { poller_.end_round(); });
  if (draining_) boost::asio::post(io_, [this] { end_all(); });
}

// What a step that was broken off had still to do: the next one would do it in another's name.
void Shard::forget_step() {
  actions_.clear();
  session_actions_.clear();
  stream_events_.clear();
}

void Shard::end_broken(SessionId id, const char* trouble) {
  if (SessionHost* const host = sessions_.find(id)) {
    host->broken(trouble);
    attempt([&] { sessions_.erase(id); });
  }
  for (std::uint32_t slot = 0; slot < connections_.size(); ++slot) {
    with_connection(connections_[slot].connection, [&](auto& any) {
      if constexpr (requires { any.session_failed(id); }) {
        if (!attempt([&] { any.session_failed(id); })) {
          end_broken(ConnectionId{slot, connections_[slot].generation}, trouble);
        }
      }
    });
  }
}

void Shard::end_broken(ConnectionId id, const char* trouble) {
  // Of those who are to hear of it one may fail. That one ends, and the next time the others are told.
  for (;;) {
    const auto* const slot = find_slot(id);
    if (slot == nullptr) return;
    bool told = true;
    with_connection(*slot, [&](auto& any) {
      told = attempt([&] {
        if constexpr (requires { any.close(); }) any.close();
        if constexpr (requires { any.report_gone(); }) any.report_gone();
      });
    });
    if (told) break;
    forget_step();
    if (const auto failed = std::exchange(session_step_, {})) end_broken(*failed, trouble);
  }
  attempt([&] { erase_connection(id); });
}

void Shard::join() {
  if (thread_.joinable()) thread_.join();
}

void Shard::stop() {
  io_.stop();
}

void Shard::reload(SetupPtr setup) {
  boost::asio::post(io_, [this, setup = std::move(setup)] {
    follow(setup);
    resolver_.reconfigure(setup_->config.server);
  });
}

// All or nothing, and the readers first: they refer to the limits of the setup that may go with the last of its
// sessions.
void Shard::follow(SetupPtr setup) {
  const auto& limits = setup->config.limits.from_client;
  auto body_reader = std::make_unique<bosh::BodyReader>(limits, setup->config.bosh.strict_text);
  auto framing_reader = std::make_unique<xmpp::FramingReader>(limits);
  auto codec = std::make_unique<Codec>(static_cast<int>(setup->config.compression.level));
  body_reader_ = std::move(body_reader);
  framing_reader_ = std::move(framing_reader);
  codec_ = std::move(codec);
  setup_ = std::move(setup);
}

void Shard::move_here(Moved moved) {
  auto shared = std::make_shared<Moved>(std::move(moved));
  boost::asio::post(io_, [this, shared] { arrived(std::move(*shared)); });
}

void Shard::move_here(MovedWebSocket moved) {
  auto shared = std::make_shared<MovedWebSocket>(std::move(moved));
  boost::asio::post(io_, [this, shared] {
    add_connection<WsConnection>(std::move(shared->stream), std::move(shared->peer),
                                 [&](auto& connection) { connection.adopt(std::move(*shared)); });
  });
}

void Shard::listen(std::unique_ptr<Listener> listener) {
  listeners_.push_back(std::move(listener));
}

void Shard::drain(xmpp::Duration grace, std::function<void()> done) {
  boost::asio::post(io_, [this, grace, done = std::move(done)]() mutable {
    draining_ = true;
    drained_ = std::move(done);
    drain_until_ = steady_now() + grace;
    end_all();
  });
}

// Again after a fault in the middle of it: those that have been ended do not hear it twice.
void Shard::end_all() {
  for (auto& listener : listeners_) listener->stop();
  sessions_.for_each([](SessionHost& host) { host.end(xmpp::EndReason::shutdown, "the gateway is being stopped"); });
  check_drained();
}

// ---- sessions ------------------------------------------------------------------------------------------------------

Admission::Started Shard::session_started(const Address& client, const Domain& domain) {
  const auto now = steady_now();
  const auto& limits = config().limits;
  auto started = admission().session_started(address_key(client), domain, limits, now);
  // In the middle of a session's step, which wants another stream, nobody can be ended: it itself might be the one.
  if (session_step_) return started;
  for (int i = 0; i < strangers_ended_at_once && started.why_not == Admission::too_many_strangers; ++i) {
    const auto oldest = admission().oldest_leaves();
    if (!oldest) break;
    end_stranger(*oldest);
    started = admission().session_started(address_key(client), domain, limits, now);
  }
  return started;
}

// In its own shard. Should there be no memory for the way there, it has the time of any other.
void Shard::end_stranger(const Stranger& stranger) {
  if (stranger.shard != index_) {
    Shard& home = set_.shard(stranger.shard);
    return boost::asio::post(home.io_, [&home, stranger] { home.end_stranger(stranger); });
  }
  SessionHost* const host = sessions_.find(stranger.session);
  // Meanwhile it may have logged in.
  if (host == nullptr || host->worth() != SessionHost::Worth::early) return;
  host->end(xmpp::EndReason::policy, Admission::too_many_strangers);
}

Sid Shard::mint_sid() const {
  Sid sid{static_cast<std::uint8_t>(index_), {}};
  fill_at_random(sid.secret);
  return sid;
}

SessionHost& Shard::create_session(const SidSecret& secret, SessionStart start) {
  return sessions_.insert(secret, std::make_unique<SessionHost>(*this, setup_, std::move(start)));
}

void Shard::reply(const xmpp::Reply& reply) {
  const auto* const slot = find_slot(connection_of(reply.request));
  const auto* const connection = slot == nullptr ? nullptr : std::get_if<std::unique_ptr<HttpConnection>>(slot);
  if (connection == nullptr) return;
  Answer answer;
  answer.status = reply.status;
  answer.content_type = reply.content_type;
  answer.body = reply.body;
  std::string fields;
  if (!reply.fields.empty()) fields.append(xml_fields).append(reply.fields);
  answer.fields = fields.empty() ? xml_fields : std::string_view(fields);
  answer.compress = true;
  (*connection)->answer(sequence_of(reply.request), answer);
}

void Shard::request_gone(SessionId session, xmpp::RequestId request) {
  assert(actions_.list.empty());  // else the step that is being carried out would be carried out twice
  if (SessionHost* const host = sessions_.find(session)) host->gone(request);
}

void Shard::erase_session_later(SessionId id) {
  boost::asio::post(io_, [this, id] {
    const SessionHost* const host = sessions_.find(id);
    if (host != nullptr && host->released()) sessions_.erase(id);
  });
}

// ---- connections ---------------------------------------------------------------------------------------------------

const AnyConnection* Shard::find_slot(ConnectionId id) const {
  if (id.slot >= connections_.size() || connections_[id.slot].generation != id.generation) return nullptr;
  return &connections_[id.slot].connection;
}

ConnectionId Shard::free_slot() {
  if (free_connections_.empty()) {
    const auto slot = static_cast<std::uint32_t>(connections_.size());
    if (slot == max_connections_per_shard) throw std::length_error("too many connections");
    free_connections_.reserve(connections_.size() + 1);  // so that to give one back needs no memory
    connections_.emplace_back();
    free_connections_.push_back(slot);
  }
  const std::uint32_t slot = free_connections_.back();
  return {slot, connections_[slot].generation};
}

bool Shard::accepted(AnyStream stream, Peer peer) {
  const Address address = peer.address;
  try {
    add_connection<HttpConnection>(std::move(stream), std::move(peer), [](auto& connection) { connection.start(); });
    return true;
  } catch (const std::exception& error) {
    if (const auto begun = std::exchange(connection_step_, {})) end_broken(*begun, error.what());
    attempt([&] { spdlog::error("connection of {} refused: {}", address.to_string(), error.what()); });
    attempt([&] { timers_.resume(); });
    return false;
  }
}

void Shard::move_home(unsigned shard, HttpConnection& connection, const Request& request) {
  connection.leave(
      [&home = set_.shard(shard), head = request.head, body = std::string(request.body)](HttpConnection::Left left) {
        home.move_here(Moved{std::move(left.stream), std::move(left.peer), head, body, std::move(left.unread)});
      });
}

void Shard::move_websocket(unsigned shard, MovedWebSocket moved) {
  set_.shard(shard).move_here(std::move(moved));
}

void Shard::arrived(Moved moved) {
  add_connection<HttpConnection>(std::move(moved.stream), std::move(moved.peer),
                                 [&](auto& connection) { connection.adopt(moved.head, moved.body, moved.left_over); });
}

// Later, because it is in the middle of something when it closes.
void Shard::erase_connection_later(ConnectionId id) {
  boost::asio::post(io_, [this, id] { erase_connection(id); });
}

void Shard::erase_connection(ConnectionId id) {
  if (find_slot(id) == nullptr) return;
  auto& place = connections_[id.slot];
  ++place.generation;
  place.connection = std::monostate();
  free_connections_.push_back(id.slot);
}

// In a queue that needs no memory: should there be none for the handler either, the link waits for that of the next
// one.
void Shard::bury(std::unique_ptr<Link> link) {
  const Link* const last = link.get();
  auto& place = last_dead_ == nullptr ? first_dead_ : last_dead_->next_dead;
  last_dead_ = link.get();
  place = std::move(link);
  // Posted after everything the link has posted itself.
  boost::asio::post(io_, [this, last] {
    for (bool found = false; !found;) {
      found = first_dead_.get() == last;
      if (last_dead_ == first_dead_.get()) last_dead_ = nullptr;
      first_dead_ = std::move(first_dead_->next_dead);
    }
  });
}

// ---- memory --------------------------------------------------------------------------------------------------------

void Shard::note_buffered(std::uint32_t& counted, std::size_t now) {
  const auto bytes = static_cast<std::uint32_t>(std::min<std::size_t>(now, std::numeric_limits<std::uint32_t>::max()));
  if (bytes == counted) return;
  const bool grows = bytes > counted;
  buffered_ += bytes;
  buffered_ -= std::exchange(counted, bytes);
  if (!grows || buffered_ <= buffered_share() || relieving_) return;
  boost::asio::post(io_, [this] { relieve(); });  // not in the middle of somebody's step
  relieving_ = true;
}

// Whose memory is needed: first what costs nobody anything, then those who have proven nothing, the last words of those
// who have gone, and of the others those that take the most. A little more than needed, or the next byte would begin it
// anew.
class Shard::Relief {
 public:
  explicit Relief(Shard& shard) : shard_(shard), before_(shard.buffered_) {}

  void go() {
    using Worth = SessionHost::Worth;
    shard_.sessions_.for_each([&](SessionHost& host) {
      const auto worth = host.worth();
      if (host.buffered() == 0) return;
      const bool small = worth == Worth::early && host.buffered() <= of_a_login;
      (small ? logins_ : of(worth)).push_back(&host);
      if (small) logins_hold_ += host.buffered();
    });
    forget(of(Worth::spent));
    end_oldest(of(Worth::early));
    if (!enough()) end_unfinished();
    forget(of(Worth::unread));
    if (logins_hold_ > shard_.buffered_share() / 8) end_oldest(logins_);
    auto& living = of(Worth::living);
    std::sort(living.begin(), living.end(), [](const auto* a, const auto* b) { return a->buffered() > b->buffered(); });
    end(living);
    spdlog::warn(
        "{}: {} sessions and {} connections ended, {} sessions of the past forgotten, {} bytes before, {} after",
        overloaded, ended_, connections_, forgotten_, before_, shard_.buffered_);
  }

 private:
  using Hosts = std::vector<SessionHost*>;
  [[nodiscard]] Hosts& of(SessionHost::Worth worth) { return hosts_[static_cast<std::size_t>(worth)]; }
  [[nodiscard]] bool enough() const {
    const std::uint64_t share = shard_.buffered_share();
    return shard_.buffered_ <= share - share / 8;
  }

  void forget(Hosts& hosts) {
    std::sort(hosts.begin(), hosts.end(), [](const auto* a, const auto* b) { return a->buffered() > b->buffered(); });
    for (auto host = hosts.begin(); host != hosts.end() && !enough(); ++host) {
      const auto before = (*host)->buffered();
      (*host)->let_go();
      if ((*host)->buffered() < before || (*host)->released()) ++forgotten_;
      if ((*host)->released()) shard_.sessions_.erase((*host)->id());
    }
  }

  void end_oldest(Hosts& hosts) {
    std::sort(hosts.begin(), hosts.end(), [](const auto* a, const auto* b) { return a->created() < b->created(); });
    end(hosts);
  }

  void end(const Hosts& hosts) {
    for (auto host = hosts.begin(); host != hosts.end() && !enough(); ++host) {
      if ((*host)->ended()) continue;  // with its connection
      (*host)->end(xmpp::EndReason::overload, overloaded);
      if ((*host)->ended()) ++ended_;
    }
  }

  void end_unfinished() {
    struct Unfinished {
      std::uint32_t bytes;
      ConnectionId id;
    };
    std::vector<Unfinished> unfinished;
    for (std::uint32_t slot = 0; slot < shard_.connections_.size(); ++slot) {
      const auto& place = shard_.connections_[slot];
      with_connection(place.connection, [&](auto& any) {
        if (any.buffered() > 0) unfinished.push_back({any.buffered(), {slot, place.generation}});
      });
    }
    std::sort(unfinished.begin(), unfinished.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
    for (auto it = unfinished.begin(); it != unfinished.end() && !enough(); ++it, ++connections_) {
      with_connection(shard_.connections_[it->id.slot].connection, [](auto& any) {
        if constexpr (requires { any.give_up(); }) {
          any.give_up();
        } else {
          any.close();
        }
      });
    }
  }

  Shard& shard_;
  const std::uint64_t before_;
  std::array<Hosts, 4> hosts_;
  Hosts logins_;                   // early ones that hold no more than a login takes ...
  std::uint64_t logins_hold_ = 0;  // ... and how much that is together
  std::size_t ended_ = 0, connections_ = 0, forgotten_ = 0;
};

void Shard::relieve() {
  relieving_ = false;
  if (buffered_ > buffered_share()) Relief(*this).go();
}

// ---- the end -------------------------------------------------------------------------------------------------------

void Shard::check_drained() {
  bool busy = false;
  sessions_.for_each([&](const SessionHost& host) { busy = busy || !host.link_closed(); });
  for (const auto& place : connections_) busy = busy || is_writing(place.connection);
  if (busy && !parted_) {
    // Whose server is still being read empty has one more moment for its last words to leave.
    parted_ = steady_now() >= drain_until_;
    if (parted_) sessions_.for_each([](SessionHost& host) { host.part(); });
    drain_timer_.expires_after(drain_step);
    drain_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) check_drained();
    });
    return;
  }
  if (const auto done = std::exchange(drained_, {})) done();
}

}  // namespace gateway
