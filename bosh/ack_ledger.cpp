#include "bosh/ack_ledger.hpp"

#include <algorithm>

namespace bosh {

std::optional<Rid> AckLedger::claimed(const Arrival& arrival) const {
  if (arrival.bad_ack) return std::nullopt;
  std::optional<Rid> ack = arrival.ack;
  if (!ack && acks_) ack = arrival.rid - 1;  // B-083
  if (!ack) return std::nullopt;
  // B-084: nonsense proves nothing.
  if (above(*ack, arrival.last_answered)) return std::nullopt;
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
    if (above(*ack, proven_)) proven_ = *ack;
    if (doubts_) std::erase_if(*doubts_, [&](const Doubt& doubt) { return !above(doubt.answer.rid, *ack); });
  }
  if (acks_ || arrival.rid - run_ < in_flight) return;
  Rid by_window = arrival.rid - in_flight;
  if (above(by_window, arrival.last_answered)) by_window = arrival.last_answered;
  if (doubts_)
    for (const Doubt& doubt : *doubts_)
      if (!doubt.given_up && !above(doubt.answer.rid, by_window)) by_window = doubt.answer.rid - 1;
  if (above(by_window, proven_)) proven_ = by_window;
}

void AckLedger::drop_old_doubts(const Arrival& arrival, Rid in_flight) {
  const auto is_old = [&arrival](std::uint32_t& since) {
    const auto now = static_cast<std::uint32_t>(arrival.handed_out);
    if (now - since > (1U << 31)) since = now;  // streams that are over count no more
    return now - since > arrival.max_in_doubt;
  };
  if (arrival.rid - run_ < in_flight && is_old(run_since_)) run_ = first_;
  if (!doubts_) return;
  std::erase_if(*doubts_, [&](Doubt& doubt) {
    if (doubt.given_up || !is_old(doubt.since)) return false;
    doubt.given_up = doubt.answer.lost && !acks_;  // where there are acks, they alone prove anything
    return !doubt.given_up;
  });
}

void AckLedger::in_doubt(const Answer& answer, std::uint64_t handed_out) {
  if (!above(answer.rid, proven_)) return;
  if (!doubts_) doubts_ = std::make_unique<std::vector<Doubt>>();
  const auto since = static_cast<std::uint32_t>(handed_out);
  const auto known = std::find_if(doubts_->begin(), doubts_->end(),
                                  [&answer](const Doubt& doubt) { return doubt.answer.rid == answer.rid; });
  if (known == doubts_->end()) {
    doubts_->push_back({answer, since});
  } else {
    *known = {{answer.rid, answer.before, answer.up_to, known->answer.lost || answer.lost}, since};
  }
}

std::uint64_t AckLedger::proven_before_doubt() const {
  if (!doubts_) return 0;
  const auto next = std::find_if(doubts_->begin(), doubts_->end(),
                                 [this](const Doubt& doubt) { return doubt.answer.rid == proven_ + 1; });
  return next == doubts_->end() ? 0 : next->answer.before;
}

bool AckLedger::knows_of_loss() const {
  return doubts_ && std::any_of(doubts_->begin(), doubts_->end(), [this](const Doubt& doubt) {
           return doubt.answer.lost && above(doubt.answer.rid, proven_);
         });
}

void AckLedger::repeated(Rid rid) {
  if (doubts_) std::erase_if(*doubts_, [rid](const Doubt& doubt) { return doubt.answer.rid == rid; });
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
  if (!above(rid, reported_)) return std::nullopt;
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
