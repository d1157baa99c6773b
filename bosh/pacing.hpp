// Hold, wait and overactivity (XEP-0124 8, 11, 12): until when a request may be held, when there are more than `hold`,
// and whether a client asks too often. Judges; the engine answers and ends.
//
// The XEP lets a manager end the session at the first offence. By default an offence costs a token instead: the first
// ones (a reload in mid-poll is one) cost nothing else, then the empty answers come no faster than `polling`, and who
// goes on in spite of that is ended (B-115).
#pragma once
#include <cstddef>
#include <cstdint>

#include "bosh/policy.hpp"
#include "xmpp/time.hpp"

namespace bosh {

class Pacing {
 public:
  Pacing(const Policy& policy, std::uint32_t wait, std::uint32_t hold, std::uint32_t requests, xmpp::Instant now);

  // wait='0' or hold='0': every request is answered at once (B-028, B-100).
  [[nodiscard]] bool polling() const { return hold_ == 0; }

  enum class Verdict : std::uint8_t {
    fine,
    crowded,  // an offence: too many at once. Bearable if the oldest are answered now
    abuse,    // policy-violation
  };
  struct Arrival {
    bool empty;              // no payload, and nothing else that B-114 names
    bool exempt;             // pause or terminate
    std::size_t unanswered;  // requests not answered, this one included
    bool streaming = false;  // requests are answered at once because the client reads by other ways (V-004)
  };
  // A new request, in rid order (B-102, B-110, B-113).
  [[nodiscard]] Verdict arrived(const Arrival& arrival, xmpp::Instant now);
  void answered(bool with_payload) { answered_with_payload_ = with_payload; }

  // So many are held that a client has no reason to send an empty one.
  [[nodiscard]] bool enough(std::size_t held) const { return held > 0 && held >= hold_; }

  // ---- the surplus (B-065): more held than `hold`
  // `quick`: nothing that the server could answer came with the newest request.
  void surplus(std::size_t held, bool quick, xmpp::Instant now);
  void no_longer(std::size_t held) {
    if (held <= hold_) surplus_at_ = xmpp::never;
  }
  // When the oldest is to be let go, payload or not.
  [[nodiscard]] xmpp::Instant surplus_at() const;

  // How long a request that arrived then may be held (B-064). In a polling session: may be kept back at most. `never`
  // when none that is alive is held: one whose connection is gone waits for its repeat.
  [[nodiscard]] xmpp::Instant held_until(xmpp::Instant arrived) const {
    return arrived == xmpp::never ? xmpp::never : arrived + longest_hold_;
  }

 private:
  [[nodiscard]] bool too_frequent(const Arrival& arrival, xmpp::Instant now) const;
  [[nodiscard]] bool spend(xmpp::Instant now);

  const Policy* policy_;
  xmpp::Duration longest_hold_;
  xmpp::Instant surplus_at_ = xmpp::never;
  xmpp::Instant throttled_until_ = xmpp::Instant::min();
  xmpp::Instant previous_at_;
  xmpp::Instant spent_at_;  // when the last token was taken
  std::uint16_t hold_;
  std::uint16_t requests_;
  std::uint8_t spent_ = 0;
  bool previous_empty_ = false;
  bool answered_with_payload_ = true;
};

}  // namespace bosh
