#include "bosh/stream_set.hpp"

#include <algorithm>
#include <charconv>

namespace bosh {
namespace {

// A client that never proves anything does not grow the list: the oldest are merged, and proven together then.
constexpr std::size_t max_marks = 256;

}  // namespace

void HandedOut::in(Rid rid, std::uint32_t counted) {
  if (counted == 0) return;
  count_ += counted;
  if (marks_.size() == max_marks) marks_.erase(marks_.begin());
  marks_.push_back({rid, count_});
}

// Distances from first - 1, as everywhere: rids may start at 0 (B-020).
bool HandedOut::proven(Rid rid, Rid first) {
  const Rid before = first - 1;
  auto behind = marks_.begin();
  while (behind != marks_.end() && behind->rid - before <= rid - before) ++behind;
  if (behind == marks_.begin()) return false;
  received_ = std::prev(behind)->count;
  marks_.erase(marks_.begin(), behind);
  return true;
}

std::optional<HandedOut::Part> HandedOut::in_answer_to(Rid rid) const {
  const auto mark = std::find_if(marks_.begin(), marks_.end(), [rid](const Mark& each) { return each.rid == rid; });
  if (mark == marks_.end()) return std::nullopt;
  return Part{mark == marks_.begin() ? received_ : std::prev(mark)->count, mark->count};
}

// ---- who there is

OtherStream& StreamSet::add(std::uint32_t number, Rid asked_by) {
  sides_.push_back(std::make_unique<OtherStream>());
  OtherStream& side = *sides_.back();
  side.stream.number = number;
  side.asked_by = asked_by;
  return side;
}

void StreamSet::remove(std::uint32_t number) {
  std::erase_if(sides_, [number](const auto& side) { return side->stream.number == number; });
}

void StreamSet::remove_told() {
  std::erase_if(sides_, [](const auto& side) { return side->fate.told; });
}

OtherStream* StreamSet::find(std::uint32_t number) const {
  const auto at =
      std::find_if(sides_.begin(), sides_.end(), [number](const auto& side) { return side->stream.number == number; });
  return at == sides_.end() ? nullptr : at->get();
}

StreamFate& StreamSet::fate_of(const Stream& stream) {
  OtherStream* const side = find(stream.number);
  return side == nullptr ? first_ : side->fate;
}

const StreamFate& StreamSet::fate_of(const Stream& stream) const {
  const OtherStream* const side = find(stream.number);
  return side == nullptr ? first_ : side->fate;
}

std::size_t StreamSet::open() const {
  return static_cast<std::size_t>(
             std::count_if(sides_.begin(), sides_.end(), [](const auto& side) { return !side->fate.over; })) +
         (first_.over ? 0 : 1);
}

void StreamSet::accepted(OtherStream& side, std::string_view from) {
  side.from = from;
  side.to = side.wish->to;
  side.wish.reset();
  several_ = true;
}

bool StreamSet::goes_to(std::string_view to) const {
  if (!first_.over && (to == to_ || to == domain_)) return true;
  return std::any_of(sides_.begin(), sides_.end(), [to](const auto& side) {
    return !side->fate.over && (to == (side->wish ? side->wish->to : side->to) || to == side->from);
  });
}

StreamSet::Name StreamSet::read(std::string_view name, std::uint32_t& number) const {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value);
  const bool ours = error == std::errc() && end == name.data() + name.size() && name.front() != '0';
  if (!ours || value >= next_) return Name::unknown;
  const OtherStream* const side = find(value);
  const bool over = value == 1 ? first_.over : side == nullptr || side->fate.over || side->wish;
  number = value;
  return over ? Name::closed : Name::open;
}

// ---- what there is to be told

bool StreamSet::undecided(Rid rid) const {
  return std::any_of(sides_.begin(), sides_.end(),
                     [rid](const auto& side) { return side->wish && side->asked_by == rid; });
}

bool StreamSet::speaks(const Stream& stream, xmpp::Instant now) const {
  if (!stream.queue.empty()) return stream.flush_at <= now;
  if (stream.authid || stream.tell_version) return true;
  const StreamFate& fate = fate_of(stream);
  return fate.over && !fate.told;
}

bool StreamSet::anybody_speaks(const Stream& first, Rid rid, xmpp::Instant now) const {
  return speaks(first, now) || std::any_of(sides_.begin(), sides_.end(), [&](const auto& side) {
           return (side->greeted || side->asked_by <= rid) && !side->wish && speaks(side->stream, now);
         });
}

Stream* StreamSet::next(Stream& first, Rid rid, xmpp::Instant now) const {
  for (const auto& side : sides_)
    if (!side->greeted && !side->wish && side->asked_by <= rid) return &side->stream;
  // The first behind the one that had the last turn, or else the first of all.
  Stream* again = speaks(first, now) ? &first : nullptr;
  for (const auto& side : sides_) {
    if (!side->greeted || !speaks(side->stream, now)) continue;
    if (side->stream.number > turn_) return &side->stream;
    if (again == nullptr) again = &side->stream;
  }
  return again;
}

StreamFate* StreamSet::last_words(const Stream& first) {
  if (!several_ || open() > 0 || !first.queue.empty()) return nullptr;
  StreamFate* last = first_.told ? nullptr : &first_;  // untold
  for (const auto& side : sides_) {
    if (side->fate.told) continue;
    if (last != nullptr || !side->stream.queue.empty()) return nullptr;
    last = &side->fate;
  }
  return last == nullptr ? &first_ : last;  // all told: what is left is to say that the session is over
}

// ---- sums

std::size_t StreamSet::waiting_bytes() const {
  std::size_t bytes = 0;
  for (const auto& side : sides_) bytes += side->stream.queue.bytes();
  return bytes;
}

std::size_t StreamSet::deferred_bytes() const {
  std::size_t bytes = 0;
  for (const auto& side : sides_) bytes += side->stream.restart.deferred().size();
  return bytes;
}

std::uint64_t StreamSet::handed_out() const {
  std::uint64_t count = 0;
  for (const auto& side : sides_) count += side->handed_out.count();
  return count;
}

bool StreamSet::any_congested() const {
  return std::any_of(sides_.begin(), sides_.end(), [](const auto& side) { return side->stream.congested; });
}

bool StreamSet::handed_out_in(Rid rid) const {
  return std::any_of(sides_.begin(), sides_.end(),
                     [rid](const auto& side) { return side->handed_out.in_answer_to(rid).has_value(); });
}

xmpp::Instant StreamSet::flush_at() const {
  xmpp::Instant at = xmpp::never;
  for (const auto& side : sides_)
    if (!side->stream.queue.empty()) at = std::min(at, side->stream.flush_at);
  return at;
}

xmpp::Instant StreamSet::implied_at(xmpp::Duration patience) const {
  xmpp::Instant at = xmpp::never;
  for (const auto& side : sides_) at = std::min(at, side->stream.restart.implied_at(patience));
  return at;
}

}  // namespace bosh
