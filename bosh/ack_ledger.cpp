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
  const Rid in_flight = Rid{requests_} + (arrival.one_more ? 1 : 0);
  const bool new_already = run_ != first_ && arrival.rid - run_ < in_flight;
  if (arrival.looks_new) {
    if (!new_already) run_since_ = static_cast<std::uint32_t>(arrival.handed_out);
    run_ = arrival.rid;
  }
  drop_old_doubts(arrival, in_flight);
  if (const auto ack = claimed(arrival)) {
    if (above(*ack, proven_, first_)) proven_ = *ack;
    if (doubts_) std::erase_if(*doubts_, [&](const Doubt& doubt) { return !above(doubt.rid, *ack, first_); });
  }
  if (acks_ || arrival.rid - run_ < in_flight) return;
  Rid by_window = arrival.rid - in_flight;
  if (above(by_window, arrival.last_answered, first_)) by_window = arrival.last_answered;
  if (doubts_)
    for (const Doubt& doubt : *doubts_)
      if (!above(doubt.rid, by_window, first_)) by_window = doubt.rid - 1;
  if (above(by_window, proven_, first_)) proven_ = by_window;
}

void AckLedger::drop_old_doubts(const Arrival& arrival, Rid in_flight) {
  const auto is_old = [&arrival](std::uint32_t& since) {
    const auto now = static_cast<std::uint32_t>(arrival.handed_out);
    if (now - since > (1U << 31)) since = now;  // streams that are over count no more
    return now - since > arrival.max_in_doubt;
  };
  if (arrival.rid - run_ < in_flight && is_old(run_since_)) run_ = first_;
  if (doubts_) std::erase_if(*doubts_, [&](Doubt& doubt) { return is_old(doubt.since); });
}

void AckLedger::in_doubt(Rid rid, std::uint64_t before, std::uint64_t handed_out) {
  if (!above(rid, proven_, first_)) return;
  if (!doubts_) doubts_ = std::make_unique<std::vector<Doubt>>();
  const auto since = static_cast<std::uint32_t>(handed_out);
  const auto is_it = [rid](const Doubt& doubt) { return doubt.rid == rid; };
  const auto known = std::find_if(doubts_->begin(), doubts_->end(), is_it);
  if (known == doubts_->end()) {
    doubts_->push_back({rid, before, since});
  } else {
    known->since = since;
  }
}

std::uint64_t AckLedger::proven_before_doubt() const {
  if (!doubts_) return 0;
  const auto next =
      std::find_if(doubts_->begin(), doubts_->end(), [this](const Doubt& doubt) { return doubt.rid == proven_ + 1; });
  return next == doubts_->end() ? 0 : next->before;
}

void AckLedger::repeated(Rid rid) {
  if (doubts_) std::erase_if(*doubts_, [rid](const Doubt& doubt) { return doubt.rid == rid; });
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
  const auto sample = std::clamp<std::int64_t>(ms, 0, 60'000);
  // The smoothing of RFC 6298 2.3; a spike of the client's own idling must not hide real losses for long.
  const auto smoothed = round_trip_ms_ == 0 ? sample : round_trip_ms_ - round_trip_ms_ / 8 + sample / 8;
  round_trip_ms_ = static_cast<std::uint16_t>(smoothed);
}

}  // namespace bosh
