#include "gateway/poller.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace gateway {

namespace {

epoll_event interest(Watcher& watcher, bool read, bool write) {
  epoll_event event{};
  // EPOLLERR and EPOLLHUP are always reported.
  if (read) event.events |= EPOLLIN | EPOLLRDHUP;
  if (write) event.events |= EPOLLOUT;
  event.data.ptr = &watcher;
  return event;
}

int new_set() {
  const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
  if (descriptor < 0) throw std::system_error(errno, std::system_category(), "epoll_create1");
  return descriptor;
}

}  // namespace

Poller::Poller(boost::asio::io_context& io) : set_(io, new_set()) {
  wait();
}

bool Poller::add(int descriptor, Watcher& watcher, bool read, bool write) {
  epoll_event event = interest(watcher, read, write);
  return ::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void Poller::change(int descriptor, Watcher& watcher, bool read, bool write) {
  epoll_event event = interest(watcher, read, write);
  ::epoll_ctl(set_.native_handle(), EPOLL_CTL_MOD, descriptor, &event);
}

void Poller::remove(int descriptor, Watcher& watcher) {
  ::epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, descriptor, nullptr);
  for (std::size_t i = next_; i < end_; ++i) {
    if (batch_[i].data.ptr == &watcher) batch_[i].data.ptr = nullptr;
  }
  std::replace(put_off_.begin(), put_off_.end(), &watcher, static_cast<Watcher*>(nullptr));
}

bool Poller::put_off(Watcher& watcher) {
  if (!in_round_) return false;
  if (put_off_.empty() || put_off_.back() != &watcher) put_off_.push_back(&watcher);
  return true;
}

void Poller::end_round() {
  // By index: what is put off meanwhile belongs to this round too.
  for (std::size_t i = 0; i < put_off_.size(); ++i) {
    Watcher* const watcher = std::exchange(put_off_[i], nullptr);
    if (watcher != nullptr) watcher->on_round_end();
  }
  put_off_.clear();
  in_round_ = false;
}

void Poller::wait() {
  set_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    waiting_ = false;
    // First, so that an exception from a watcher (a bug, no memory) does not leave the shard deaf.
    wait();
    dispatch();
  });
  waiting_ = true;
}

void Poller::resume() {
  if (!waiting_) wait();
}

void Poller::dispatch() {
  const int count = ::epoll_wait(set_.native_handle(), batch_.data(), static_cast<int>(batch_.size()), 0);
  if (count <= 0) return;
  end_ = static_cast<std::size_t>(count);
  in_round_ = true;
  for (next_ = 0; next_ < end_;) {
    const epoll_event event = batch_[next_++];
    if (event.data.ptr == nullptr) continue;
    static_cast<Watcher*>(event.data.ptr)
        ->on_ready({(event.events & (EPOLLIN | EPOLLRDHUP)) != 0, (event.events & EPOLLOUT) != 0,
                    (event.events & (EPOLLERR | EPOLLHUP)) != 0});
  }
  end_ = 0;
  end_round();
}

}  // namespace gateway
