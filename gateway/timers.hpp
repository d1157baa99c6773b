// The timers of one shard: a 4-ary heap over nodes that live inside their owners, driven by one Asio timer.
// A session or connection has one node and re-computes its deadline when it fires. Arming an armed node with a later
// instant changes nothing (it fires early, the owner arms it anew): traffic that keeps pushing a deadline into the
// future costs no heap work and no system call.
// One shard, one thread. Resolution: one millisecond, and no more often than that: an owner that is wrong about its
// deadline, and arms itself again and again for what has passed, does not take the whole thread. After a standstill of
// the process what has come meanwhile is given the time to be read before anything counts as too late.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "xmpp/time.hpp"

namespace gateway {

class Timers;

// Who wants to be woken. Leaves the heap by itself when it is destroyed.
class Timed {
 public:
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 protected:
  explicit Timed(Timers& timers) : timers_(timers) {}
  virtual ~Timed();

  // Fires at `at` or, if an earlier instant was armed before, then. `never` leaves things as they are.
  void arm(xmpp::Instant at);
  void disarm();

 private:
  friend class Timers;
  // Disarmed when called. May arm itself again, or destroy itself.
  virtual void on_timer(xmpp::Instant now) = 0;

  static constexpr std::uint32_t not_armed = ~std::uint32_t{0};
  Timers& timers_;
  xmpp::Instant at_ = xmpp::never;
  std::uint32_t position_ = not_armed;
};

class Timers {
 public:
  explicit Timers(boost::asio::io_context& io) : timer_(io) {}
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  // Fires what is due; what is armed meanwhile for an instant that has passed may be left for the next time, so that
  // nobody can keep the shard from its other work. Public for the tests, which step time themselves.
  void run(xmpp::Instant now);
  [[nodiscard]] xmpp::Instant next() const { return heap_.empty() ? xmpp::never : heap_.front()->at_; }
  // Cancels the Asio timer so that the io_context can run out of work.
  void stop();
  // After an exception has left run(): waits for the next one again.
  void resume() { wait_for_next(); }

 private:
  friend class Timed;
  void insert(Timed& node, xmpp::Instant at);
  void remove(Timed& node);
  void rise(std::size_t position);
  void sink(std::size_t position);
  void place(Timed* node, std::size_t position);
  void wait_for_next();

  std::vector<Timed*> heap_;
  boost::asio::steady_timer timer_;
  xmpp::Instant waiting_for_ = xmpp::never;
  xmpp::Instant free_at_ = xmpp::Instant::min();      // not before does it run again
  xmpp::Instant grace_until_ = xmpp::Instant::min();  // the last one
  bool stopped_ = false;
};

}  // namespace gateway
