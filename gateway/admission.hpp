// Who may come in: connections, sessions and their creation rate, in total, per address (IPv6: per /64) and per domain
// (PROTOCOL B-203, B-201). Counted for the whole process, because the shards share the addresses: one mutex, taken at
// accept, at the creation and at the end of a session, never per request. Told the time; decides, does not act.
#pragma once
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "gateway/address.hpp"
#include "gateway/config.hpp"
#include "gateway/ids.hpp"
#include "xmpp/time.hpp"

namespace gateway {

class Admission;

// The place of one connection among those that are counted; whoever has it gives it back by letting go of it. It knows
// for whom it is counted, so that no change of the configuration meanwhile makes the counts wrong.
class ConnectionPlace {
 public:
  ConnectionPlace() = default;  // of a connection that is not counted
  ConnectionPlace(ConnectionPlace&& other) noexcept;
  ConnectionPlace& operator=(ConnectionPlace&& other) noexcept;
  ~ConnectionPlace();

  // The connection came through a proxy and is going to be held long for this client: counted for it from now on,
  // unless the place is one's own address already. Empty, or why not.
  [[nodiscard]] std::string_view hold_for(AddressKey client, const LimitsConfig& limits);

 private:
  friend class Admission;
  ConnectionPlace(Admission& admission, std::optional<AddressKey> address)
      : admission_(&admission), address_(address) {}

  Admission* admission_ = nullptr;
  std::optional<AddressKey> address_;
};

struct DomainCounts {
  std::uint32_t sessions = 0, connecting = 0;
};

// A session that has not logged in, and where it is.
struct Stranger {
  unsigned shard = 0;
  SessionId session;     // no_session while it is about to be created
  bool leaving = false;  // makes room for another: its end is on the way to it
};

// The place of one session, from before its creation, so that one whose creation fails is not counted for ever.
class SessionPlace {
 public:
  SessionPlace() = default;  // of a session that is not counted
  SessionPlace(SessionPlace&& other) noexcept;
  SessionPlace& operator=(SessionPlace&& other) noexcept;
  ~SessionPlace() { give_back(); }

  // How far the session has come. Two early stages have limits of their own, so that a flood of sessions that never log
  // in, or a server that is slow, does not take the room of those who chat (U-008).
  enum class Stage : std::uint8_t { connecting, unauthenticated, logged_in };
  void advance(Stage to);
  // The session is there: from now on it may have to make room.
  void belongs_to(unsigned shard, SessionId session);
  [[nodiscard]] Stage stage() const { return stage_; }
  void give_back() noexcept;

 private:
  friend class Admission;
  using Strangers = std::list<Stranger>;
  SessionPlace(Admission& admission, AddressKey address, DomainCounts& domain, Strangers::iterator stranger)
      : admission_(&admission), domain_(&domain), stranger_(stranger), address_(address) {}

  Admission* admission_ = nullptr;
  DomainCounts* domain_ = nullptr;
  Strangers::iterator stranger_;  // until it has logged in
  AddressKey address_{};
  Stage stage_ = Stage::connecting;
};

class Admission {
 public:
  struct Entered {
    ConnectionPlace place;
    std::string_view why_not;  // not admitted; for the log (static storage)
  };
  // Without an address it counts in total only: a trusted proxy has connections for many.
  [[nodiscard]] Entered connection_opened(std::optional<AddressKey> address, const LimitsConfig& limits,
                                          xmpp::Instant now);

  static constexpr std::string_view too_many_strangers = "max_unauthenticated_sessions reached";
  struct Started {
    SessionPlace place;
    std::string_view why_not;  // as above; too_many_strangers only where nothing else is against it
  };
  [[nodiscard]] Started session_started(AddressKey address, const Domain& domain, const LimitsConfig& limits,
                                        xmpp::Instant now);

  // The session that has not logged in for the longest time, wherever it is: its place is free from now on, and the
  // caller has it ended. None where none is there, or too many are about to end already.
  [[nodiscard]] std::optional<Stranger> oldest_leaves();

  // A request for a session that does not exist. False: this address guesses too much, keep no connection for it
  // (B-201).
  [[nodiscard]] bool sid_missed(AddressKey address, const LimitsConfig& limits, xmpp::Instant now);

  struct Totals {
    std::uint32_t connections, sessions;
  };
  [[nodiscard]] Totals totals() const;

 private:
  // Refilled continuously; a bucket that is full again and counts nothing is forgotten.
  struct Bucket {
    double tokens = 0;
    xmpp::Instant filled{};
    bool started = false;
    bool take(std::uint32_t per_minute, xmpp::Instant now);
    void put_back() { tokens += 1; }
    [[nodiscard]] bool idle(xmpp::Instant now) const;
  };
  struct Counts {
    std::uint32_t connections = 0, sessions = 0;
    Bucket starts, misses;
  };
  friend class ConnectionPlace;
  friend class SessionPlace;
  [[nodiscard]] bool count_connection(AddressKey address, const LimitsConfig& limits);
  void connection_closed(std::optional<AddressKey> address);
  void forget(SessionPlace::Strangers::iterator stranger) noexcept;
  void sweep(xmpp::Instant now);

  mutable std::mutex mutex_;
  std::unordered_map<AddressKey, Counts> by_address_;
  std::unordered_map<std::string, DomainCounts> by_domain_;  // none is ever forgotten: places point to them
  SessionPlace::Strangers strangers_;                        // who has not logged in, the oldest first
  SessionPlace::Strangers leaving_;                          // counts as a session, but not among those any more
  std::uint32_t connections_ = 0, sessions_ = 0;
  std::size_t sweep_at_ = 1024;  // addresses known; doubled or halved with what the sweep left
};

}  // namespace gateway
