// Scratch memory for the outputs of one step of an engine or splitter: everything that is stored keeps its
// address until clear(). One per shard and purpose, used again for every step, so the hot path allocates nothing.
// Not for anything that has to live longer than the step.
#pragma once
#include <cstring>
#include <initializer_list>
#include <memory>
#include <memory_resource>
#include <string_view>

namespace xmpp {

class Arena {
 public:
  explicit Arena(std::size_t first_block = 8 * 1024)
      : first_(std::make_unique<std::byte[]>(first_block)), memory_(first_.get(), first_block) {}

  [[nodiscard]] char* allocate(std::size_t size) { return static_cast<char*>(memory_.allocate(size, 1)); }

  std::string_view store(std::string_view text) { return join({text}); }

  std::string_view join(std::initializer_list<std::string_view> parts) {
    std::size_t size = 0;
    for (auto part : parts) size += part.size();
    if (size == 0) return {};
    char* const begin = allocate(size);
    char* at = begin;
    for (auto part : parts) {
      if (part.empty()) continue;  // memcpy may not be given a null pointer
      std::memcpy(at, part.data(), part.size());
      at += part.size();
    }
    return {begin, size};
  }

  // Gives everything back but the first block.
  void clear() { memory_.release(); }

 private:
  std::unique_ptr<std::byte[]> first_;
  std::pmr::monotonic_buffer_resource memory_;
};

}  // namespace xmpp
