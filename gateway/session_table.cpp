#include "gateway/session_table.hpp"

#include <cstring>
#include <utility>

namespace gateway {

std::size_t SessionTable::Hash::operator()(const SidSecret& secret) const {
  // Random already, and not chosen by anybody outside.
  std::size_t hash;
  std::memcpy(&hash, secret.data(), sizeof hash);
  return hash;
}

SessionHost& SessionTable::insert(const SidSecret& secret, std::unique_ptr<SessionHost> host) {
  std::uint32_t slot;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  slots_[slot].host = std::move(host);
  slots_[slot].secret = secret;
  by_secret_.emplace(secret, slot);
  SessionHost& inserted = *slots_[slot].host;
  inserted.set_id({slot, slots_[slot].generation});
  return inserted;
}

SessionHost* SessionTable::find(const SidSecret& secret) const {
  const auto found = by_secret_.find(secret);
  return found == by_secret_.end() ? nullptr : slots_[found->second].host.get();
}

SessionHost* SessionTable::find(SessionId id) const {
  if (id.slot >= slots_.size() || slots_[id.slot].generation != id.generation) return nullptr;
  return slots_[id.slot].host.get();
}

void SessionTable::erase(SessionId id) {
  if (find(id) == nullptr) return;
  Slot& slot = slots_[id.slot];
  by_secret_.erase(slot.secret);
  slot.host.reset();
  ++slot.generation;
  free_.push_back(id.slot);
}

}  // namespace gateway
