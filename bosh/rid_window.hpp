// Order of the requests of a session (XEP-0124 14): which rids are answered and kept for repeats, held, or waiting for
// a gap to close. Knows places, not policy: when to answer, what to answer and when to end is the engine's.
//
//        base ............... first_held ............ expected ............ expected + requests - 1
//   gone │ answered, kept for repeats │ held, in order │ future: stored, unprocessed │ above the window
//
// One session, one shard.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bosh/body.hpp"
#include "bosh/condition.hpp"
#include "bosh/key_chain.hpp"
#include "xmpp/binding.hpp"
#include "xmpp/time.hpp"

namespace bosh {

// One request that was processed: held, or answered.
struct Exchange {
  xmpp::RequestId request{};    // the connection that carries it, the newest one
  xmpp::Instant at;             // held: when the first copy arrived; answered: when that was
  std::uint64_t hash = 0;       // of the raw body (B-145)
  std::uint64_t delivered = 0;  // answered: counted elements handed out up to and with this answer
  std::string answer;           // of exact size; empty: the empty body, or that of `condition`
  std::unique_ptr<Digest> key;  // of keyed sessions (B-166)
  Condition condition = Condition::none;
  std::uint8_t repeats = 0;
  bool alive : 1 = true;      // held: its connection stands (PROTOCOL 0.2 rule 8); answered: it stood
  bool pinned : 1 = false;    // held: not to be released as surplus, its answer has to go to it
  bool pause : 1 = false;     // the answer has no payload and is not counted among those kept (B-095, B-099)
  bool terminal : 1 = false;  // answered with type='terminate'
  bool dropped : 1 = false;   // answered, and the answer not kept for want of memory
  bool extended : 1 = false;  // a repeat has extended the inactivity period (B-091)
};

// A body that waits for earlier rids; owns what the views point to.
class StoredBody {
 public:
  explicit StoredBody(const Body& body);
  StoredBody(const StoredBody&) = delete;
  StoredBody& operator=(const StoredBody&) = delete;
  [[nodiscard]] const Body& body() const { return body_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_.size(); }

 private:
  std::string bytes_;
  std::vector<xmpp::Stanza> payloads_;
  Body body_;
};

struct Future {
  Rid rid = 0;
  xmpp::RequestId request{};
  xmpp::Instant arrived;
  std::uint64_t hash = 0;
  std::unique_ptr<StoredBody> body;
  std::uint8_t repeats = 0;
  bool alive = true;
};

class RidWindow {
 public:
  enum class Place : std::uint8_t { gone, answered, held, expected, future, above };

  // `before`: counted elements of the session that are not for the client.
  RidWindow(Rid first, std::uint32_t requests, std::uint64_t before = 0)
      : base_(first), trimmed_delivered_(before), requests_(requests) {}

  [[nodiscard]] std::uint32_t requests() const { return requests_; }
  [[nodiscard]] Rid base() const { return base_; }
  [[nodiscard]] Rid expected() const { return base_ + exchanges_.size(); }
  [[nodiscard]] Rid first_held() const { return base_ + answered_; }
  // `extra`: pause and terminate may lie one above the window (B-112, B-123).
  [[nodiscard]] Place place(Rid rid, bool extra) const;

  // ---- held and answered
  Exchange& push(Exchange exchange);  // the rid is expected()
  [[nodiscard]] std::size_t held() const { return exchanges_.size() - answered_; }
  [[nodiscard]] std::size_t held_alive() const;
  [[nodiscard]] bool any_alive() const { return held_alive() > 0; }
  [[nodiscard]] Exchange& at(Rid rid) { return exchanges_[static_cast<std::size_t>(rid - base_)]; }
  [[nodiscard]] Exchange& oldest() { return exchanges_[answered_]; }
  [[nodiscard]] const Exchange& oldest() const { return exchanges_[answered_]; }
  [[nodiscard]] Exchange& newest() { return exchanges_.back(); }
  // Of those that are held and alive; `never` when there is none. Not always that of the oldest: a request that
  // had to wait for an earlier one has arrived before it.
  [[nodiscard]] xmpp::Instant earliest_arrival() const;
  [[nodiscard]] Exchange* find_held(xmpp::RequestId request, Rid& rid);
  [[nodiscard]] Exchange* find_answered(xmpp::RequestId request, Rid& rid);
  void oldest_is_answered() { ++answered_; }

  // ---- answers for repeats (B-141, B-088)
  // Keeps the `requests` newest that were no pause, or with acks all above `acked`, but at most 4 * requests.
  void trim(bool acks, Rid acked);
  // Drops the text of the oldest answers, never that of the newest, until all together are below `limit`.
  void drop_text_above(std::size_t limit);
  // Of answers and of requests ahead of a gap.
  [[nodiscard]] std::size_t held_bytes() const;
  [[nodiscard]] std::size_t future_bytes() const;  // of the latter alone
  // What was handed out up to the answer of `rid`; 0 if that is not known any more.
  [[nodiscard]] std::uint64_t delivered_up_to(Rid rid) const;
  void forget_answers();  // of a session that shall look as if it had never been (XEP-0124 10)

  // ---- requests ahead of a gap
  void store(Future future);
  [[nodiscard]] Future* future(Rid rid);  // null if it has not come
  [[nodiscard]] std::vector<Future>& futures() { return futures_; }
  [[nodiscard]] const std::vector<Future>& futures() const { return futures_; }
  // Takes the one whose turn it is; false if there is none.
  [[nodiscard]] bool take_next(Future& out);

 private:
  std::vector<Exchange> exchanges_;  // rids base_, base_ + 1, ...; the first `answered_` of them are answered
  std::vector<Future> futures_;      // ascending rids
  Rid base_;
  std::uint64_t trimmed_delivered_;  // Exchange::delivered of rid base_ - 1
  std::uint32_t answered_ = 0;
  std::uint32_t requests_;
};

}  // namespace bosh
