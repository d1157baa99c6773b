// Who may come in: connections, sessions and their creation rate, in total, per address (IPv6: per /64) and per domain
// (PROTOCOL B-203, B-201). Counted for the whole process, because the shards share the addresses: one mutex, taken at
// accept, at the creation and at the end of a session, never per request. Told the time; decides, does not act.
#pragma once
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "gateway/address.hpp"
#include "gateway/config.hpp"
#include "xmpp/time.hpp"

namespace gateway {

class Admission;

// The place of one connection among those that are counted; whoever has it gives it back by letting go of it. It knows
// for whom it is counted, so that no change of the configuration meanwhile makes the counts wrong.
class Place {
 public:
  Place() = default;  // of a connection that is not counted
  Place(Place&& other) noexcept;
  Place& operator=(Place&& other) noexcept;
  ~Place();

  // The connection came through a proxy and is going to be held long for this client: counted for it from now on,
  // unless the place is one's own address already. Empty, or why not.
  [[nodiscard]] std::string_view hold_for(AddressKey client, const LimitsConfig& limits);

 private:
  friend class Admission;
  Place(Admission& admission, std::optional<AddressKey> address) : admission_(&admission), address_(address) {}

  Admission* admission_ = nullptr;
  std::optional<AddressKey> address_;
};

class Admission {
 public:
  struct Entered {
    Place place;
    std::string_view why_not;  // not admitted; for the log (static storage)
  };
  // Without an address it counts in total only: a trusted proxy has connections for many.
  [[nodiscard]] Entered connection_opened(std::optional<AddressKey> address, const LimitsConfig& limits,
                                          xmpp::Instant now);

  static constexpr std::string_view too_many_strangers = "max_unauthenticated_sessions reached";
  // Empty: admitted, and counted until session_ended(). Else why not, as above; too_many_strangers only where nothing
  // else is against it.
  [[nodiscard]] std::string_view session_started(AddressKey address, const Domain& domain, const LimitsConfig& limits,
                                                 xmpp::Instant now);
  // How far a session has come. Two early stages have limits of their own, so that a flood of sessions that never log
  // in, or a server that is slow, does not take the room of those who chat (U-008).
  enum class Stage : std::uint8_t { connecting, unauthenticated, logged_in };
  void session_advanced(const Domain& domain, Stage from, Stage to);
  void session_ended(AddressKey address, const Domain& domain, Stage stage);

  // A request for a session that does not exist. False: this address guesses too much, answer it no more (B-201).
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
  struct DomainCounts {
    std::uint32_t sessions = 0, connecting = 0;
  };
  struct Counts {
    std::uint32_t connections = 0, sessions = 0;
    Bucket starts, misses;
  };
  friend class Place;
  [[nodiscard]] bool count_connection(AddressKey address, const LimitsConfig& limits);
  void connection_closed(std::optional<AddressKey> address);
  void sweep(xmpp::Instant now);

  mutable std::mutex mutex_;
  std::unordered_map<AddressKey, Counts> by_address_;
  std::unordered_map<std::string, DomainCounts> by_domain_;
  std::uint32_t connections_ = 0, sessions_ = 0, unauthenticated_ = 0;  // the last: connecting ones too
  std::size_t sweep_at_ = 1024;  // addresses known; doubled or halved with what the sweep left
};

}  // namespace gateway
