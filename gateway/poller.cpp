#include "gateway/poller.hpp"

#include <cerrno>
#include <system_error>

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
}

void Poller::wait() {
  set_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    // First, so that an exception from a watcher (a bug, no memory) does not leave the shard deaf.
    wait();
    dispatch();
  });
}

void Poller::dispatch() {
  const int count = ::epoll_wait(set_.native_handle(), batch_.data(), static_cast<int>(batch_.size()), 0);
  if (count <= 0) return;
  end_ = static_cast<std::size_t>(count);
  for (next_ = 0; next_ < end_;) {
    const epoll_event event = batch_[next_++];
    if (event.data.ptr == nullptr) continue;
    static_cast<Watcher*>(event.data.ptr)
        ->on_ready({(event.events & (EPOLLIN | EPOLLRDHUP)) != 0, (event.events & EPOLLOUT) != 0,
                    (event.events & (EPOLLERR | EPOLLHUP)) != 0});
  }
  end_ = 0;
}

}  // namespace gateway
