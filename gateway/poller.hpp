// Which sockets of a shard are ready: one epoll set, in which a socket is registered once and not for every wait.
// Asio rearms a waiting socket with a system call each time (two a message here, a tenth of its CPU) and keeps about
// 600 bytes of operation and reactor state for the two sockets of an idle session; this costs neither
// (docs/PERFORMANCE.md). The set itself is one descriptor of the shard's io_context, which stays the event loop:
// timers, signals, resolver and posts are Asio's. Level-triggered: a socket that is not read to the end is reported
// again. One shard, one thread.
#pragma once
#include <sys/epoll.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <vector>

namespace gateway {

struct Ready {
  bool read;  // or the peer has closed: reading tells
  bool write;
  bool error;  // the connection is gone (RST, time-out), whatever else was asked for
};

// Who is told. May close any socket, its own included, while it is being told; must not be destroyed by it.
class Watcher {
 public:
  virtual void on_ready(Ready ready) = 0;
  // What it has put off (Poller::put_off); perhaps more than once.
  virtual void on_round_end() {}

 protected:
  ~Watcher() = default;
};

class Poller {
 public:
  explicit Poller(boost::asio::io_context& io);
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // False when the kernel has no memory for it. `watcher` stays until remove().
  [[nodiscard]] bool add(int descriptor, Watcher& watcher, bool read, bool write);
  void change(int descriptor, Watcher& watcher, bool read, bool write);
  // Nothing more is reported to `watcher`, not even what is known already.
  void remove(int descriptor, Watcher& watcher);

  // While a round of readiness is being told: `watcher` is called once more at its end. Writes are put off that far:
  // what several steps have for one socket goes out in one call, and the processes on the other side, which a write
  // wakes up, find more than one thing to do. False outside of a round: then there is nothing to wait for.
  [[nodiscard]] bool put_off(Watcher& watcher);
  // After an exception in the middle of a round: does what was put off.
  void end_round();
  // Likewise: waits for the next round, should that have failed.
  void resume();

 private:
  void wait();
  void dispatch();

  boost::asio::posix::stream_descriptor set_;
  std::array<epoll_event, 128> batch_{};
  std::size_t next_ = 0, end_ = 0;  // of the batch being told
  std::vector<Watcher*> put_off_;
  bool in_round_ = false;
  bool waiting_ = false;
};

}  // namespace gateway
