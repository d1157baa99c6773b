#include "bosh/ack_ledger.hpp"

#include <algorithm>

namespace bosh {
namespace {

// Rids may start at 0 (B-020), and first - 1 is "nothing yet" then: compare as distances from first - 1.
bool above(Rid a, Rid b, Rid first) {
  return a - (first - 1) > b - (first - 1);
}

}  // namespace

std::optional<Rid> AckLedger::claimed(const Arrival& arrival) const {
  if (arrival.bad_ack) return std::nullopt;
  std::optional<Rid> ack = arrival.ack;
  if (!ack && acks_) ack = arrival.rid - 1;  // B-083
  if (!ack) return std::nullopt;
  // B-084: nonsense proves nothing.
  if (above(*ack, arrival.last_answered, first_)) return std::nullopt;
  return ack;
}

void AckLedger::arrived(const Arrival& arrival) {
  if (arrival.looks_new) run_ = arrival.rid;
  if (!arrival.doubt_allowed) {
    run_ = first_;
    doubts_.reset();
  }
  if (const auto ack = claimed(arrival)) {
    if (above(*ack, proven_, first_)) proven_ = *ack;
    if (doubts_) std::erase_if(*doubts_, [&](Rid doubt) { return !above(doubt, *ack, first_); });
  }
  const Rid in_flight = Rid{requests_} + (arrival.one_more ? 1 : 0);
  if (acks_ || arrival.rid - run_ < in_flight) return;
  Rid by_window = arrival.rid - in_flight;
  if (above(by_window, arrival.last_answered, first_)) by_window = arrival.last_answered;
  if (doubts_)
    for (const Rid doubt : *doubts_)
      if (!above(doubt, by_window, first_)) by_window = doubt - 1;
  if (above(by_window, proven_, first_)) proven_ = by_window;
}

void AckLedger::in_doubt(Rid rid) {
  if (!above(rid, proven_, first_)) return;
  if (!doubts_) doubts_ = std::make_unique<std::vector<Rid>>();
  if (std::find(doubts_->begin(), doubts_->end(), rid) == doubts_->end()) doubts_->push_back(rid);
}

void AckLedger::repeated(Rid rid) {
  if (doubts_) std::erase(*doubts_, rid);
}

bool AckLedger::received_up_to(std::uint64_t count) {
  if (count <= received_) return false;
  received_ = count;
  return true;
}

std::optional<Rid> AckLedger::missing(const Arrival& arrival) const {
  if (!acks_) return std::nullopt;
  const auto ack = claimed(arrival);
  if (!ack || *ack == arrival.last_answered) return std::nullopt;
  const Rid rid = *ack + 1;
  if (!above(rid, reported_, first_)) return std::nullopt;
  return rid;
}

void AckLedger::round_trip(xmpp::Duration time) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  const auto sample = static_cast<std::uint32_t>(std::clamp<std::int64_t>(ms, 0, 60'000));
  // The smoothing of RFC 6298 2.3; a spike of the client's own idling must not hide real losses for long.
  round_trip_ms_ = round_trip_ms_ == 0 ? sample : round_trip_ms_ - round_trip_ms_ / 8 + sample / 8;
}

}  // namespace bosh
