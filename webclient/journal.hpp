// What has changed, in order and numbered, for the live streams (PROTOCOL Z-004). A stream remembers the number of the
// next event it needs; the number is the event id with which a renewed stream goes on. Events name what changed and
// hold no content: a stream shows the state of the model at the moment it writes, so a slow reader gets the newest.
// Bounded: a stream that needs an event which is no longer kept is to be rendered anew.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>

#include "webclient/ids.hpp"

namespace webclient {

enum class EventKind : std::uint8_t {
  // ---- a message bubble is to be appended to its conversation
  message_added,
  // ---- server-made style rules suffice
  message_changed,   // delivery, problem, replaced by a correction (whose bubble follows), withdrawn
  presence_changed,  // show of a row
  unread_changed,    // unread or mentions of a row
  typing_changed,    // chat state of a row
  occupant_changed,  // presence or role; the nick is the same
  occupant_left,
  // ---- texts and structure: append a replacement, or render anew
  occupant_joined,
  status_changed,   // status text of a row
  rows_changed,     // the row was added or removed, or its name, groups, subscription, bookmark, invitation changed
  room_changed,     // joined, left, subject, problem of a room
  history_changed,  // older messages were put before the first, or missing ones in between: render anew
  own_changed,      // own presence, status, capabilities
  link_changed,     // state of the connection to the server
  upload_changed,
};

struct Event {
  EventKind kind;
  ConversationId conversation{};  // 0: of the session as a whole
  std::uint32_t item = 0;         // MessageId, OccupantId or UploadId, as the kind says
};

class Journal {
 public:
  explicit Journal(std::size_t capacity) : capacity_(capacity) {}

  // The number of the event that comes next; take it before rendering, then follow from it.
  [[nodiscard]] std::uint64_t next() const { return first_ + events_.size(); }
  // The number of the oldest that is kept.
  [[nodiscard]] std::uint64_t first() const { return first_; }
  // False: too far behind (or from another session): render anew.
  [[nodiscard]] bool reaches(std::uint64_t number) const { return number >= first_ && number <= next(); }
  // first kept <= number < next().
  [[nodiscard]] const Event& at(std::uint64_t number) const { return events_[number - first_]; }

  void add(const Event& event) {
    events_.push_back(event);
    if (events_.size() <= capacity_) return;
    events_.pop_front();
    ++first_;
  }

 private:
  std::size_t capacity_;
  std::deque<Event> events_;
  std::uint64_t first_ = 1;
};

}  // namespace webclient
