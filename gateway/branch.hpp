// A further stream of a BOSH session (XEP-0124 16). It is a SessionHost of its own, with its own link, XEP-0198 and
// limits; the session that it belongs to, the trunk, has the engine and all that the client sees.
//
//   browser ──► trunk: bosh::Engine ──orders──► Branches ──► Branch ──► session ──► link ──► server
//   browser ◄── trunk: bosh::Engine ◄──────── reports ────── Branch ◄── session ◄── splitter ◄── link
//
// Orders and reports travel as steps of their own, since each end is in the middle of one when it has something for the
// other. Neither end decides anything, and an end that is gone is a normal answer: what the client has said to a branch
// that is over is given back to the trunk, in front of the report of its end. One shard, one thread.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include "bosh/condition.hpp"
#include "bosh/engine.hpp"
#include "gateway/ids.hpp"
#include "xmpp/arena.hpp"
#include "xmpp/binding.hpp"
#include "xmpp/stream_splitter.hpp"
#include "xmpp/time.hpp"

namespace gateway {

class Shard;
class SessionHost;
struct SessionOrigin;

// The binding of a branch's host.
class Branch {
 public:
  Branch(Shard& shard, SessionId trunk, std::uint32_t stream, xmpp::Instant now);
  ~Branch();
  Branch(Branch&&) noexcept;
  Branch& operator=(Branch&&) noexcept;

  void begin(xmpp::Actions& out);
  void obey(const xmpp::StreamOrder& order, xmpp::Actions& out);
  [[nodiscard]] bool ended() const { return ended_; }

  // Contract of xmpp/binding.hpp.
  void opened(const xmpp::StreamOpened& stream, xmpp::Instant now, xmpp::Actions& out);
  void deliver(const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out);
  void delivered_all(xmpp::Instant now, xmpp::Actions& out);
  void close(xmpp::EndReason reason, std::string_view text, xmpp::Instant now, xmpp::Actions& out);
  void congested(bool is, xmpp::Instant now, xmpp::Actions& out);
  void on_time(xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] xmpp::Instant deadline() const { return ended_ ? xmpp::never : look_at_; }
  // After an exception in one of its host's steps: what can still be done is to say so.
  void fail();

  [[nodiscard]] std::uint32_t stream() const { return stream_; }

 private:
  struct Report;
  struct Delivery;
  Report& report();
  void send();
  void end(const xmpp::CloseStream& why, xmpp::Actions& out);
  friend class Branches;

  Shard* shard_;
  SessionId trunk_;
  std::uint32_t stream_;
  bool reported_ = false;  // that it is over
  bool ended_ = false;
  xmpp::Instant look_at_;           // whether the trunk is still there: one that ended by a bug could not say so
  std::unique_ptr<Report> report_;  // since the last one was sent
};

// What a trunk knows of its branches.
class Branches {
 public:
  Branches(Shard& shard, SessionId trunk, const SessionOrigin& origin, std::string_view sid);
  ~Branches();
  Branches(const Branches&) = delete;
  Branches& operator=(const Branches&) = delete;

  // The name of the domain, or why not.
  [[nodiscard]] std::variant<std::string_view, bosh::Condition> open(std::uint32_t stream, const bosh::Creation& wish,
                                                                     xmpp::Instant now);
  // Its own report of its end is on the way.
  [[nodiscard]] bool hears_of(std::uint32_t stream) const;
  void will_hear_of(std::uint32_t stream);
  // One that is over.
  void forget(std::uint32_t stream);
  [[nodiscard]] bool any_logged_in() const;
  void order(const xmpp::ToStream& what);
  // Sends what was ordered: at the end of a step.
  void send();
  // Some of it has not arrived yet.
  [[nodiscard]] bool on_their_way() const { return !sent_.expired(); }

 private:
  struct Orders;
  struct One {
    std::uint32_t stream;
    SessionId host;
    bool ends = false;
  };
  struct Errand;

  Shard& shard_;
  const SessionId trunk_;
  const SessionOrigin& origin_;
  const std::string_view sid_;
  std::vector<One> list_;
  std::unique_ptr<Orders> orders_;
  std::weak_ptr<const Orders> sent_;  // those sent last: they arrive in their order
};

}  // namespace gateway
