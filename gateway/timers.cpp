#include "gateway/timers.hpp"

#include <algorithm>
#include <memory>

#include "gateway/clock.hpp"

namespace gateway {

namespace {
constexpr std::size_t arity = 4;
constexpr xmpp::Duration shortest_pause = std::chrono::milliseconds(1);
// A process that was stopped, or its machine, finds deadlines passed, and everything that came meanwhile still in its
// sockets. That is read first: one round of readiness is not enough for a crowd, nor for new connections. The later it
// is beside the first deadline, the more there may be.
constexpr xmpp::Duration standstill = std::chrono::milliseconds(100);
constexpr xmpp::Duration least_grace = std::chrono::milliseconds(250), most_grace = std::chrono::seconds(2);
}  // namespace

Timed::~Timed() {
  disarm();
}

void Timed::arm(xmpp::Instant at) {
  if (at == xmpp::never || at >= at_) return;  // at_ is `never` when not armed
  if (position_ == not_armed) {
    timers_.insert(*this, at);
  } else {
    at_ = at;
    timers_.rise(position_);
  }
  timers_.wait_for_next();
}

void Timed::disarm() {
  if (position_ != not_armed) timers_.remove(*this);
}

void Timers::run(xmpp::Instant now) {
  for (std::size_t most = heap_.size(); most > 0 && !heap_.empty() && heap_.front()->at_ <= now; --most) {
    Timed& due = *heap_.front();
    remove(due);
    due.on_timer(now);
  }
}

void Timers::stop() {
  stopped_ = true;
  timer_.cancel();
}

void Timers::insert(Timed& node, xmpp::Instant at) {
  heap_.push_back(&node);  // where there is no memory, the node is not armed
  node.at_ = at;
  node.position_ = static_cast<std::uint32_t>(heap_.size() - 1);
  rise(heap_.size() - 1);
}

void Timers::remove(Timed& node) {
  const std::size_t position = node.position_;
  Timed* const last = heap_.back();
  heap_.pop_back();
  node.position_ = Timed::not_armed;
  node.at_ = xmpp::never;
  if (last == &node) return;
  place(last, position);
  rise(position);
  sink(last->position_);
}

void Timers::place(Timed* node, std::size_t position) {
  heap_[position] = node;
  node->position_ = static_cast<std::uint32_t>(position);
}

void Timers::rise(std::size_t position) {
  Timed* const node = heap_[position];
  while (position > 0) {
    const std::size_t parent = (position - 1) / arity;
    if (heap_[parent]->at_ <= node->at_) break;
    place(heap_[parent], position);
    position = parent;
  }
  place(node, position);
}

void Timers::sink(std::size_t position) {
  Timed* const node = heap_[position];
  for (;;) {
    const std::size_t first = position * arity + 1;
    if (first >= heap_.size()) break;
    const std::size_t last = std::min(first + arity, heap_.size());
    std::size_t least = first;
    for (std::size_t child = first + 1; child < last; ++child) {
      if (heap_[child]->at_ < heap_[least]->at_) least = child;
    }
    if (heap_[least]->at_ >= node->at_) break;
    place(heap_[least], position);
    position = least;
  }
  place(node, position);
}

void Timers::wait_for_next() {
  if (stopped_ || heap_.empty()) return;
  // Rounded up: a timer that fires a fraction early would find nothing due and be armed a second time.
  const xmpp::Instant wanted = std::max<xmpp::Instant>(std::chrono::ceil<std::chrono::milliseconds>(next()), free_at_);
  if (wanted >= waiting_for_) return;
  waiting_for_ = xmpp::never;  // until it is sure: where there is no memory nobody waits
  timer_.expires_at(wanted);
  timer_.async_wait([this, expected = std::max(wanted, steady_now())](const boost::system::error_code& error) {
    if (error) return;  // replaced by an earlier one, or stopped
    {
      // What is armed meanwhile waits for the end, which may be an exception.
      waiting_for_ = xmpp::Instant::min();
      const std::unique_ptr<Timers, void (*)(Timers*)> end(this,
                                                           [](Timers* timers) { timers->waiting_for_ = xmpp::never; });
      const auto now = steady_now();
      // Not twice in a row: a machine that is always so late has its deadlines, too.
      const xmpp::Duration late = now - expected;
      if (late >= standstill && expected > grace_until_) {
        grace_until_ = free_at_ = now + std::clamp(late, least_grace, most_grace);
      } else {
        free_at_ = now + shortest_pause;
        run(now);
      }
    }
    wait_for_next();
  });
  waiting_for_ = wanted;
}

}  // namespace gateway
