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
  if (free_.empty()) {
    free_.reserve(slots_.size() + 1);  // so that erase() needs no memory
    slots_.emplace_back();
    free_.push_back(static_cast<std::uint32_t>(slots_.size() - 1));
  }
  const std::uint32_t slot = free_.back();
  by_secret_.emplace(secret, slot);  // the last that needs memory: a slot is taken when all else is there
  free_.pop_back();
  slots_[slot].host = std::move(host);
  slots_[slot].secret = secret;
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
