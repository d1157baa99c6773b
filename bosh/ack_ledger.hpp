// Who has what: which responses the client has provably received (XEP-0124 9; PROTOCOL U-060, U-061), when to tell it
// that one seems lost (B-085), and what the acks of ours say. Counts; it keeps no response and no stanza.
//
// Without acks the window is the only proof: a client that keeps `requests` cannot send request r while the response to
// r - requests is outstanding. To leave it may have one more in flight (B-112), unless it was only waiting: who polls
// has had all answers. That holds for one run of a client only. A page that was reloaded goes on with the next rid and
// never fetches what was in flight (E-08), so a request that looks like such a start proves nothing, and those after it
// prove only what the new page itself has asked for. A response on a connection that is known to have died is proven by
// an ack or by its repeat alone. Since both doubts could last for ever, and everything after them would be delivered
// twice in the end, each is dropped when a bounded number of further elements has been handed out since it arose. What
// stood in a lost answer is given up then, and is to be told when it comes to count as received.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "bosh/body.hpp"
#include "xmpp/time.hpp"

namespace bosh {

class AckLedger {
 public:
  // `client_acks`: the client said ack='1' (B-032). `before`: elements that count and are not for the client.
  AckLedger(Rid first, std::uint32_t requests, bool client_acks, std::uint64_t before = 0)
      : handed_out_(before),
        received_(before),
        first_(first),
        run_(first),
        proven_(first - 1),
        reported_(first - 1),
        requests_(static_cast<std::uint16_t>(requests) & 0x7FFF),
        acks_(client_acks) {}

  struct Arrival {
    Rid rid;
    std::optional<std::uint64_t> ack;
    bool bad_ack;       // present and no number: says nothing, not even by absence
    bool looks_new;     // as after a reload: older requests are given up, or there was no reason to send this one
    bool one_more;      // there may be one more in flight than the window has room for
    Rid last_answered;  // first - 1 when there is none
    std::uint64_t handed_out;    // elements so far, in all streams
    std::uint32_t max_in_doubt;  // of them since a doubt arose, before it is dropped
  };
  // A new request, in rid order. Everything up to proven() has been received.
  void arrived(const Arrival& arrival);
  [[nodiscard]] Rid proven() const { return proven_; }
  [[nodiscard]] Rid first() const { return first_; }
  // Elements up to proven(), where a doubt stands behind it: the window may have forgotten that answer. Else 0.
  [[nodiscard]] std::uint64_t proven_before_doubt() const;

  // It is not known whether this answer was received; a repeat tells. Where its connection has died with it, it was
  // most probably `lost`. `before` and `up_to`: elements up to the answer before it, and to its end; `handed_out`: as
  // in Arrival.
  struct Answer {
    Rid rid;
    std::uint64_t before, up_to;
    bool lost;
  };
  void in_doubt(const Answer& answer, std::uint64_t handed_out);
  void repeated(Rid rid);
  // Of an answer that is not proven.
  [[nodiscard]] bool knows_of_loss() const;
  // Calls with each answer that was given up as lost and counts as received now.
  template <class Call>
  void take_given_up(Call&& call) {
    if (!doubts_) return;
    std::erase_if(*doubts_, [&](const Doubt& doubt) {
      if (above(doubt.answer.rid, proven_)) return false;
      call(doubt.answer);
      return true;
    });
  }

  // Elements handed out that XEP-0198 counts, and how many of them are proven.
  std::uint64_t hand_out(std::uint32_t counted) { return handed_out_ += counted; }
  // They will be handed out again.
  void take_back(std::uint64_t counted) { handed_out_ -= counted; }
  [[nodiscard]] std::uint64_t handed_out() const { return handed_out_; }
  [[nodiscard]] std::uint64_t received() const { return received_; }
  // True if that is news.
  [[nodiscard]] bool received_up_to(std::uint64_t count);

  // ---- report (B-085, B-086)
  // The response that the client misses according to its ack, if there is one that was not reported before.
  [[nodiscard]] std::optional<Rid> missing(const Arrival& arrival) const;
  void reported(Rid rid) { reported_ = rid; }
  void round_trip(xmpp::Duration time);
  [[nodiscard]] xmpp::Duration round_trip() const { return std::chrono::milliseconds(round_trip_ms_); }

 private:
  struct Doubt {
    Answer answer;
    std::uint32_t since;  // elements that had been handed out when it arose, modulo 2^32
    bool given_up = false;
  };
  // Rids may start at 0 (B-020), and first - 1 is "nothing yet" then: they are compared as distances from there.
  [[nodiscard]] bool above(Rid a, Rid b) const { return a - (first_ - 1) > b - (first_ - 1); }
  [[nodiscard]] std::optional<Rid> claimed(const Arrival& arrival) const;
  void drop_old_doubts(const Arrival& arrival, Rid in_flight);

  std::uint64_t handed_out_;
  std::uint64_t received_;
  Rid first_;
  Rid run_;                                     // first rid of the client's present run
  Rid proven_;                                  // responses up to here have been received
  std::unique_ptr<std::vector<Doubt>> doubts_;  // responses above proven_ that may be lost; null: none so far
  Rid reported_;
  std::uint32_t run_since_ = 0;  // as Doubt::since, of the first of the runs that prove nothing yet
  std::uint16_t round_trip_ms_ = 0;
  std::uint16_t requests_ : 15;
  bool acks_ : 1;
};

}  // namespace bosh
