// Bytes on their way into one AnyStream: written at once as far as the socket takes them, the rest kept and written
// when it is writable again; at most one wait in flight, everything that gathers meanwhile goes out together.
// It decides nothing about limits: pending() tells how much is unsent, the owner acts on it.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "gateway/any_stream.hpp"

namespace gateway {

class Outbox {
 public:
  enum class Result : std::uint8_t { done, wait_read, wait_write, failed };

  // Queues without writing.
  void add(std::string_view bytes) { pending_.append(bytes); }
  // Writes what is queued, then `parts`, and keeps what did not fit.
  Result write(AnyStream& stream, std::span<const std::string_view> parts);
  Result flush(AnyStream& stream) { return write(stream, {}); }

  [[nodiscard]] std::size_t pending() const { return pending_.size() - sent_; }
  void clear();

 private:
  std::string pending_;
  std::size_t sent_ = 0;  // prefix of pending_ that is out already: erasing it after each write would be quadratic
};

}  // namespace gateway
