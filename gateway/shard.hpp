// A thread's whole world: its io_context, its connections and sessions, its timers and scratch memory. Nothing in it
// is locked, because nobody else touches it; what comes from other threads comes through post().
// What the shards share is in Common.
#pragma once
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "bosh/body.hpp"
#include "gateway/admission.hpp"
#include "gateway/clock.hpp"
#include "gateway/compression.hpp"
#include "gateway/health.hpp"
#include "gateway/http_connection.hpp"
#include "gateway/log.hpp"
#include "gateway/poller.hpp"
#include "gateway/push_connection.hpp"
#include "gateway/random.hpp"
#include "gateway/refusals.hpp"
#include "gateway/resolver.hpp"
#include "gateway/session_table.hpp"
#include "gateway/setup.hpp"
#include "gateway/step.hpp"
#include "gateway/tickets.hpp"
#include "gateway/timers.hpp"
#include "gateway/upload_connection.hpp"
#include "gateway/web_access.hpp"
#include "gateway/ws_connection.hpp"
#include "webclient/pages.hpp"
#include "xmpp/binding.hpp"
#include "xmpp/framing.hpp"
#include "xmpp/parser_pool.hpp"
#include "xmpp/session.hpp"
#include "xmpp/stream_splitter.hpp"

namespace gateway {

class Listener;
class ShardSet;

// What all shards share; outlives them.
struct Common {
  Admission admission;
  Health health;
  LoginThrottle logins{random_token()};           // from the internet
  LoginThrottle back_end_logins{random_token()};  // of [prebind], which no crowd of strangers is to hold up
  Tickets tickets;
  const std::string web_key = random_token();  // of the tokens in forms; a restart makes old pages worthless
};

// A connection on its way to the shard of its session, with the request that brought it there.
struct Moved {
  AnyStream stream;
  Peer peer;
  RequestHead head;
  std::string body;
  std::string left_over;
};

// The kinds of connections: what a slot of the shard holds. A new kind is constructed with (Shard&, ConnectionId,
// AnyStream, Peer), says with writing() whether something unsent keeps a draining shard alive, leaves its place and
// reports its end with erase_connection_later() when it closes, and is named here. One whose binding pushes has
//   std::size_t push(std::string_view)              takes one message or chunk, to be written now or at the end of
//                                                   the round; returns what the peer keeps waiting, all in all
//   void finish(std::uint16_t code)                 says good-bye once everything has left
//   void pause(bool)                                stops and goes on reading from the client
// and, where the binding asks for signs of life, ping(token).
// An HttpConnection becomes another kind by HttpConnection::leave() and add_connection<Kind>().
using AnyConnection = std::variant<std::monostate, std::unique_ptr<HttpConnection>, std::unique_ptr<WsConnection>,
                                   std::unique_ptr<PushConnection>, std::unique_ptr<UploadConnection>>;

class Shard {
 public:
  // `common` and `set` must outlive the shard.
  Shard(ShardSet& set, Common& common, unsigned index, SetupPtr setup);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // ---- from any thread
  void start();  // its own thread
  void join();
  // New sessions use this from now on.
  void reload(SetupPtr setup);
  // No new connections or sessions; every session ends with system-shutdown. done() is called in this thread when no
  // link to a server and no unsent answer is left, or when `grace` is over.
  void drain(xmpp::Duration grace, std::function<void()> done);
  void stop();
  void move_here(Moved moved);
  void move_here(MovedWebSocket moved);
  void listen(std::unique_ptr<Listener> listener);  // before start()

  // ---- in its own thread
  [[nodiscard]] boost::asio::io_context& io() { return io_; }
  [[nodiscard]] unsigned index() const { return index_; }
  [[nodiscard]] unsigned count() const;  // of all shards
  [[nodiscard]] bool draining() const { return draining_; }
  [[nodiscard]] const Config& config() const { return setup_->config; }
  [[nodiscard]] const Routes& routes() const { return setup_->routes; }
  [[nodiscard]] Timers& timers() { return timers_; }
  [[nodiscard]] Poller& poller() { return poller_; }
  [[nodiscard]] Resolver& resolver() { return resolver_; }
  [[nodiscard]] Admission& admission() { return common_.admission; }
  [[nodiscard]] LoginThrottle& logins() { return common_.logins; }
  [[nodiscard]] LoginThrottle& back_end_logins() { return common_.back_end_logins; }
  [[nodiscard]] Tickets& tickets() { return common_.tickets; }
  [[nodiscard]] const std::string& web_key() const { return common_.web_key; }
  [[nodiscard]] Health& health() { return common_.health; }
  [[nodiscard]] SessionTable& sessions() { return sessions_; }
  [[nodiscard]] Codec& codec() { return *codec_; }

  // Scratch, used within one step only.
  [[nodiscard]] std::span<char> read_buffer() { return read_buffer_; }
  [[nodiscard]] std::string& head_buffer() { return head_buffer_; }
  [[nodiscard]] bosh::BodyReader& body_reader() { return *body_reader_; }
  [[nodiscard]] xmpp::FramingReader& framing_reader() { return *framing_reader_; }
  // Made when the first is asked for: hundreds of kilobytes that a gateway without the chat does not need.
  [[nodiscard]] webclient::Pages& pages() {
    if (!pages_) pages_ = std::make_unique<webclient::Pages>();
    return *pages_;
  }
  [[nodiscard]] xmpp::ParserPool& parser_pool() { return parser_pool_; }
  [[nodiscard]] xmpp::StreamEvents& stream_events() { return stream_events_; }
  [[nodiscard]] xmpp::Actions& actions() { return actions_; }
  [[nodiscard]] xmpp::SessionActions& session_actions() { return session_actions_; }

  // A line of the log at level info, while there are not too many of them.
  template <typename... Values>
  void say_refused(spdlog::format_string_t<Values...> text, Values&&... values) {
    const auto said = refusals_.note(steady_now());
    if (said.before > 0) spdlog::info("{} more were refused, without a line of their own", said.before);
    spdlog::log(said.in_full ? spdlog::level::info : spdlog::level::debug, text, std::forward<Values>(values)...);
  }

  // Whether there may be one more session (see Admission). At max_unauthenticated_sessions the oldest of all that
  // have not logged in makes room: that is not the one whose user is about to. Not in the middle of a session's step.
  [[nodiscard]] Admission::Started session_started(const Address& client, const Domain& domain);
  [[nodiscard]] Sid mint_sid() const;
  SessionHost& create_session(const SidSecret& secret, SessionStart start);
  void reply(const xmpp::Reply& reply);
  // Calls back with the connection, whatever its kind; not at all when it is gone.
  template <typename Call>
  void at_connection(xmpp::ConnectionRef ref, Call call) const {
    const AnyConnection* const slot = find_slot(connection_of(ref));
    if (slot == nullptr) return;
    std::visit(
        [&](const auto& held) {
          if constexpr (requires { *held; }) call(*held);
        },
        *slot);
  }
  void request_gone(SessionId session, xmpp::RequestId request);
  void erase_session_later(SessionId id);
  // Destroys a closed link as soon as nothing can refer to it any more.
  void bury(std::unique_ptr<Link> link);

  [[nodiscard]] Step<SessionId> step_of(SessionId id) { return {session_step_, id}; }
  [[nodiscard]] Step<ConnectionId> step_of(ConnectionId id) { return {connection_step_, id}; }
  // What a session or connection keeps in memory has become `now` bytes; `counted` is its last word.
  void note_buffered(std::uint32_t& counted, std::size_t now);

  // False when there is no memory for it.
  [[nodiscard]] bool accepted(AnyStream stream, Peer peer);
  // `begin` is the first step of the connection, which ends with it where it fails.
  template <typename Kind, typename Begin>
  void add_connection(AnyStream stream, Peer peer, Begin begin) {
    const ConnectionId id = free_slot();
    auto made = std::make_unique<Kind>(*this, id, std::move(stream), std::move(peer));
    Kind& kind = *made;
    connections_[id.slot].connection = std::move(made);
    free_connections_.pop_back();
    const auto entered = step_of(id);
    begin(kind);
  }
  // This request and what follows on its connection belong to the shard of their session.
  void move_home(unsigned shard, HttpConnection& connection, const Request& request);
  void move_websocket(unsigned shard, MovedWebSocket moved);
  void erase_connection_later(ConnectionId id);

 private:
  class Relief;
  struct ConnectionSlot {
    AnyConnection connection;
    std::uint16_t generation = 0;
  };
  // Null when it is gone.
  [[nodiscard]] const AnyConnection* find_slot(ConnectionId id) const;
  [[nodiscard]] ConnectionId free_slot();  // the last of free_connections_, still free
  void run();
  void erase_connection(ConnectionId id);
  void recover(const char* trouble);
  void forget_step();
  void end_broken(SessionId id, const char* trouble);
  void end_broken(ConnectionId id, const char* trouble);
  void end_stranger(const Stranger& stranger);
  void relieve();
  [[nodiscard]] std::uint64_t buffered_share() const { return config().limits.max_buffered_bytes / count(); }
  void arrived(Moved moved);
  void follow(SetupPtr setup);
  void end_all();
  void check_drained();

  ShardSet& set_;
  Common& common_;
  const unsigned index_;
  SetupPtr setup_;
  boost::asio::io_context io_{1};
  Timers timers_{io_};
  Poller poller_{io_};
  Resolver resolver_;
  std::uint64_t buffered_ = 0;  // by sessions and connections, which take it back when they go: before them
  bool relieving_ = false;
  Refusals refusals_;
  xmpp::ParserPool parser_pool_;
  std::unique_ptr<bosh::BodyReader> body_reader_;  // of the limits of setup_, like the next
  std::unique_ptr<xmpp::FramingReader> framing_reader_;
  std::unique_ptr<Codec> codec_;
  std::unique_ptr<webclient::Pages> pages_;
  xmpp::StreamEvents stream_events_;
  xmpp::Actions actions_;
  xmpp::SessionActions session_actions_;
  std::array<char, 64 * 1024> read_buffer_;
  std::string head_buffer_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  SessionTable sessions_;
  std::vector<ConnectionSlot> connections_;
  std::vector<std::uint32_t> free_connections_;
  std::unique_ptr<Link> first_dead_;  // and behind it the others, in the order of their end
  Link* last_dead_ = nullptr;
  boost::asio::steady_timer drain_timer_{io_};
  xmpp::Instant drain_until_ = xmpp::never;
  std::function<void()> drained_;
  bool draining_ = false;
  bool parted_ = false;  // the grace is over
  std::optional<SessionId> session_step_;
  std::optional<ConnectionId> connection_step_;
  std::thread thread_;
};

}  // namespace gateway
