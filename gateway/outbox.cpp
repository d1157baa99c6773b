#include "gateway/outbox.hpp"

#include <array>

namespace gateway {

namespace {

Outbox::Result wait_for(IoStatus status) {
  switch (status) {
    case IoStatus::wait_read:
      return Outbox::Result::wait_read;
    case IoStatus::ok:  // a partial write: the socket buffer is full
    case IoStatus::wait_write:
      return Outbox::Result::wait_write;
    default:
      return Outbox::Result::failed;
  }
}

}  // namespace

Outbox::Result Outbox::write(AnyStream& stream, std::span<const std::string_view> parts) {
  if (pending() == 0) {
    std::size_t total = 0;
    for (auto part : parts) total += part.size();
    if (total == 0) return Result::done;
    const IoResult result = stream.write(parts);
    if (result.status == IoStatus::failed || result.status == IoStatus::end) return Result::failed;
    if (result.bytes == total) return Result::done;
    std::size_t skip = result.bytes;
    for (auto part : parts) {
      if (skip >= part.size()) {
        skip -= part.size();
        continue;
      }
      pending_.append(part.substr(skip));
      skip = 0;
    }
    return wait_for(result.status);
  }
  for (auto part : parts) pending_.append(part);
  const std::array<std::string_view, 1> rest{std::string_view(pending_).substr(sent_)};
  const IoResult result = stream.write(rest);
  if (result.status == IoStatus::failed || result.status == IoStatus::end) return Result::failed;
  sent_ += result.bytes;
  if (pending() > 0) {
    if (sent_ > pending_.size() / 2) {
      pending_.erase(0, sent_);
      sent_ = 0;
    }
    return wait_for(result.status);
  }
  clear();
  return Result::done;
}

void Outbox::clear() {
  sent_ = 0;
  std::string().swap(pending_);  // thousands of idle streams must not keep what they once needed
}

}  // namespace gateway
