// All sessions of one shard, by sid and by id; the one place that erases them.
#pragma once
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "gateway/ids.hpp"
#include "gateway/session_host.hpp"
#include "gateway/sid.hpp"

namespace gateway {

class SessionTable {
 public:
  SessionTable() = default;
  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;

  SessionHost& insert(const SidSecret& secret, std::unique_ptr<SessionHost> host);
  // Null when there is no such session (any more).
  [[nodiscard]] SessionHost* find(const SidSecret& secret) const;
  [[nodiscard]] SessionHost* find(SessionId id) const;
  void erase(SessionId id);

  [[nodiscard]] std::size_t size() const { return by_secret_.size(); }
  template <typename Visitor>
  void for_each(Visitor visit) const {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].host) visit(*slots_[i].host);
    }
  }

 private:
  struct Hash {
    std::size_t operator()(const SidSecret& secret) const;
  };
  struct Slot {
    std::unique_ptr<SessionHost> host;
    SidSecret secret{};
    std::uint32_t generation = 0;
  };
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<SidSecret, std::uint32_t, Hash> by_secret_;
};

}  // namespace gateway
