// Several streams in one session (XEP-0124 16): which there are, whose turn it is, and which of what was handed out of
// each is proven. The session's own stream, the first, lives in the engine and has only its fate here. A stream that is
// over stays until the client has had what was left of it and knows.
//
//   added ─shell─► accepted ─greeting─► known ─end─► over ─last words─► told: gone
//             └──► refused: gone
//
// It answers nothing and sends nothing; the engine does (bosh/engine_streams.cpp). One session, one shard.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bosh/condition.hpp"
#include "bosh/engine.hpp"
#include "bosh/stream.hpp"
#include "xmpp/binding.hpp"
#include "xmpp/time.hpp"

namespace bosh {

// What was handed out of one stream, by the requests that carried it (U-060, for each stream by itself).
class HandedOut {
 public:
  void in(Rid rid, std::uint32_t counted);
  // Everything up to this rid has been received. True if that is news.
  [[nodiscard]] bool proven(Rid rid, Rid first);
  // Those behind `after`, up to `up_to`; nothing where the answer had none of them, or is forgotten.
  struct Part {
    std::uint64_t after, up_to;
  };
  [[nodiscard]] std::optional<Part> in_answer_to(Rid rid) const;
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t received() const { return received_; }

 private:
  struct Mark {
    Rid rid;
    std::uint64_t count;
  };
  std::vector<Mark> marks_;  // ascending; not yet proven
  std::uint64_t count_ = 0, received_ = 0;
};

// How a stream ended.
struct StreamFate {
  bool over = false, told = false;
  xmpp::EndReason reason{};
  Condition condition = Condition::none;
  std::string_view text;  // static storage
  std::string error;      // of the server's stream
};

// One that is not the session's own.
struct OtherStream {
  Stream stream;
  StreamFate fate;
  HandedOut handed_out;
  std::unique_ptr<Creation> wish;  // until the shell has decided
  std::string to, from;            // what the client called the domain, and what we do
  Rid asked_by = 0;                // the request that added it
  bool greeted = false;            // the client knows the name
};

class StreamSet {
 public:
  // Of the first stream: what the client called its domain, and what we do.
  StreamSet(std::string to, std::string domain) : to_(std::move(to)), domain_(std::move(domain)) {}

  // ---- who there is
  [[nodiscard]] std::uint32_t next_number() { return next_++; }
  OtherStream& add(std::uint32_t number, Rid asked_by);
  void remove(std::uint32_t number);
  void remove_told();
  void clear() { sides_.clear(); }
  [[nodiscard]] OtherStream* find(std::uint32_t number) const;
  [[nodiscard]] const std::vector<std::unique_ptr<OtherStream>>& sides() const { return sides_; }
  [[nodiscard]] StreamFate& fate_of(const Stream& stream);
  [[nodiscard]] const StreamFate& fate_of(const Stream& stream) const;
  [[nodiscard]] std::size_t open() const;
  [[nodiscard]] std::size_t count() const { return sides_.size() + (first_.told ? 0 : 1); }
  // A second one has been opened, some time: from there on payload says whose it is (B-182).
  [[nodiscard]] bool several() const { return several_; }
  void accepted(OtherStream& side, std::string_view from);
  // One of the streams that are open goes there.
  [[nodiscard]] bool goes_to(std::string_view to) const;

  enum class Name : std::uint8_t { open, closed, unknown };
  // `number`: which one, unless it is unknown. Names that were given once are not.
  [[nodiscard]] Name read(std::string_view name, std::uint32_t& number) const;

  // ---- what there is to be told
  // The shell has not decided yet about a stream that this request asked for.
  [[nodiscard]] bool undecided(Rid rid) const;
  [[nodiscard]] bool anybody_speaks(const Stream& first, Rid rid, xmpp::Instant now) const;
  // Who has the next answer: a new stream the one to its request, else in turn. Null: nobody has anything to say.
  [[nodiscard]] Stream* next(Stream& first, Rid rid, xmpp::Instant now) const;
  void had_turn(const Stream& stream) { turn_ = stream.number; }
  // All streams are over, and nothing is left to say but the end of the session: in the words of this one, which was
  // the last, or of the first where all have been told already. Null: not yet.
  [[nodiscard]] StreamFate* last_words(const Stream& first);

  // ---- sums
  [[nodiscard]] std::size_t waiting_bytes() const;   // for the client
  [[nodiscard]] std::size_t deferred_bytes() const;  // for the servers
  [[nodiscard]] std::uint64_t handed_out() const;    // elements
  [[nodiscard]] bool any_congested() const;
  [[nodiscard]] bool handed_out_in(Rid rid) const;
  [[nodiscard]] xmpp::Instant flush_at() const;
  [[nodiscard]] xmpp::Instant implied_at(xmpp::Duration patience) const;

 private:
  [[nodiscard]] bool speaks(const Stream& stream, xmpp::Instant now) const;

  std::string to_, domain_;
  StreamFate first_;
  std::vector<std::unique_ptr<OtherStream>> sides_;  // ascending numbers
  std::uint32_t next_ = 2;
  std::uint32_t turn_ = 1;
  bool several_ = false;
};

}  // namespace bosh
