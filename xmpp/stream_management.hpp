// XEP-0198 towards the server, owned by the gateway: what has been acknowledged by whom, when to acknowledge, when to
// ask, and who has to be told if the stream dies (PROTOCOL U-050 ... U-066). Counters and the error stanzas that would
// become due; it keeps no stanza, writes no XML but those errors, and cannot resume (a gateway that only relays the
// login has nothing to log in with again).
//
//   from the server:   proven by the client │ ours: acknowledged early │ the server's │ not delivered yet
//                                        passed()                   told           delivered()
//
// Presence and results are never missed once the session has ended, so the count passes over them without a proof:
// it costs nothing to keep them, and Prosody does not send each contact an error for its presence.
// What arrives between the bind and <enabled/> nobody counts (ejabberd re-routes there what an earlier session with the
// same resource did not get), so it is ours from the start, by errors as well. So is all that a server without XEP-0198
// sends, or one that has refused it.
// A server that asks behind each stanza (ejabberd does, as soon as the last question is answered) is answered at once
// while there is little to say, and no more than four times a second while there is much: XEP-0198 5 allows to collect,
// and each answer to such a question only brings the next one. Every <a/> keeps to that pace but those at a limit or at
// the end. What the server still owns it stores, re-routes or bounces when the stream ends. It bears only so much of
// that (Prosody forgets the oldest above smacks_max_queue_size = 500, ejabberd ends the stream above max_ack_queue =
// 5000), so above a limit the oldest become ours: they are acknowledged, and their senders get an error from us if the
// session ends before the client has proven them. One session, one shard.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/arena.hpp"
#include "xmpp/stanza.hpp"
#include "xmpp/time.hpp"

namespace xmpp {

struct ManagementPolicy {
  bool enabled = true;                                 // where the server offers it
  std::uint32_t max_unacknowledged = 200;              // of the server's stanzas, before the oldest become ours
  Duration answer_timeout = std::chrono::seconds(60);  // U-066: the server says nothing for so long; 0: never
};

// Error stanzas by the number of the stanza they belong to.
class Notices {
 public:
  void push(std::uint64_t number, std::string_view bytes);
  void drop_up_to(std::uint64_t number);
  [[nodiscard]] bool empty() const { return first_ == entries_.size(); }
  [[nodiscard]] std::uint64_t first() const { return entries_[first_].number; }
  [[nodiscard]] std::uint64_t last() const { return entries_.back().number; }
  // What they take, and what one would: some are empty.
  [[nodiscard]] std::size_t bytes() const { return text_.size() - begin_ + (entries_.size() - first_) * sizeof(Entry); }
  [[nodiscard]] static std::size_t bytes_of(std::string_view notice) { return notice.size() + sizeof(Entry); }
  // Calls with each one that has text and belongs to one behind `after`, up to `up_to`, oldest first. Valid until the
  // next change.
  template <class Call>
  void for_each(std::uint64_t after, std::uint64_t up_to, Call&& call) const {
    std::size_t at = begin_;
    for (std::size_t i = first_; i < entries_.size() && entries_[i].number <= up_to; at += entries_[i++].size)
      if (entries_[i].number > after && entries_[i].size > 0)
        call(std::string_view(text_).substr(at, entries_[i].size));
  }

 private:
  struct Entry {
    std::uint64_t number;
    std::size_t size;
  };
  std::string text_;
  std::vector<Entry> entries_;
  std::size_t begin_ = 0;  // of the first one in text_
  std::size_t first_ = 0;
};

class StreamManagement {
 public:
  // <enable/> may follow. From then on what we send is counted, from 0 on a new stream.
  StreamManagement(const ManagementPolicy& policy, Instant now, std::uint64_t counted = 0)
      : policy_(&policy),
        delivered_(counted),
        received_(counted),
        told_(counted),
        second_(now),
        before_second_(counted),
        before_last_(counted),
        sent_(counted),
        asked_up_to_(counted),
        acknowledged_(counted),
        heard_(now) {}

  // <enabled/>: the server counts from here; `before` stanzas of this session were delivered earlier.
  void enabled(std::uint64_t before);
  [[nodiscard]] bool on() const { return on_; }
  void refused() { to_client_.reset(); }  // nothing that was sent will be acknowledged
  // The sender of that stanza, counted from the start of the session, hears of its loss from the server or from us.
  [[nodiscard]] bool answers_for(std::uint64_t number) const;

  // ---- from the server
  void delivered_uncounted(const Stanza& stanza, std::uint64_t number, Arena& scratch);  // before <enabled/>
  void delivered(const Stanza& stanza, Arena& scratch);                                  // one that counts
  void received(std::uint64_t count, Instant now);  // provably, by the client; from the start of the session
  void on_request(Instant now);                     // an <r/> of the server
  [[nodiscard]] bool must_acknowledge() const { return early() > told_; }
  [[nodiscard]] bool has_news() const { return passed() > told_; }
  // Of the server's stanzas: so many that with those on their way it may have forgotten some.
  [[nodiscard]] bool is_much(std::uint64_t stanzas) const { return stanzas >= policy_->max_unacknowledged / 4; }
  // Much is unread, or has come in the last second or little more and is probably still on its way.
  [[nodiscard]] bool in_flow(Instant now) const;
  // Or so much is unproven.
  [[nodiscard]] bool has_backlog(Instant now) const { return is_much(delivered_ - passed()) || in_flow(now); }
  // There is news for the server, and time for an <a/> that costs no write of its own.
  [[nodiscard]] bool may_acknowledge(Instant now) const { return has_news() && next_ack(now) <= now; }
  // The `h` to say now (modulo 2^32).
  [[nodiscard]] std::uint32_t acknowledge(Instant now);
  // Calls with the error for each sender of what is ours and not proven.
  template <class Call>
  void for_each_of_ours(Call&& call) const {
    if (uncounted_) uncounted_->for_each(0, UINT64_MAX, call);
    if (to_senders_) to_senders_->for_each(0, told_, call);
  }
  void told_ours();  // they are not kept any longer
  // Likewise for what lies behind `after`, up to `up_to`, counted from the start of the session, whoever answers for
  // it.
  template <class Call>
  void for_each_between(std::uint64_t after, std::uint64_t up_to, Call&& call) const {
    if (uncounted_) uncounted_->for_each(after, up_to, call);
    const auto counted = [this](std::uint64_t number) { return number > before_ ? number - before_ : 0; };
    if (to_senders_) to_senders_->for_each(counted(after), counted(up_to), call);
  }
  // Of what nobody counts: this one has not been handed to the client. One who takes its leave has received the others.
  void held_back(std::uint64_t number) { held_back_from_ = std::min(held_back_from_, number); }
  void client_left(Instant now) { received(held_back_from_ - 1, now); }

  // ---- from the client
  void sent(std::string_view stanza, Instant now, Arena& scratch);
  void sent_ours() { ++sent_; }  // an error, whose loss is nobody's
  [[nodiscard]] bool asked() const { return asked_at_ != never; }
  // An <a/> that says less than this was not asked for, or by an earlier question.
  [[nodiscard]] bool is_answer() const { return acknowledged_ >= asked_up_to_; }
  // The answer to the last question may still come, and would look like one to the next.
  [[nodiscard]] bool answers_alike() const { return (asked() || !is_answer()) && sent_ == asked_up_to_; }
  [[nodiscard]] bool must_ask(Instant now) const;
  void ask(Instant now);  // <r/> goes out
  // An <a/> of the server; false if it claims more than there was (U-064).
  [[nodiscard]] bool acknowledged(std::uint32_t h);
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  // Calls with the error for the client that stands for each stanza not acknowledged.
  template <class Call>
  void for_each_lost(Call&& call) const {
    if (to_client_) to_client_->for_each(0, UINT64_MAX, call);
  }

  // Of errors for either side.
  [[nodiscard]] std::size_t kept_bytes() const {
    std::size_t bytes = 0;
    for (const auto* notices : {uncounted_.get(), to_senders_.get(), to_client_.get()}) {
      if (notices != nullptr) bytes += notices->bytes();
    }
    return bytes;
  }

  // ---- time
  void heard(Instant now);  // anything from the server, and before it is told as what
  // What the server says is (not) read: while it is not, its silence means nothing.
  void reading(bool is, Instant now);
  [[nodiscard]] bool is_dead(Instant now) const { return dead_at() <= now; }
  [[nodiscard]] Instant ack_due() const { return ack_due_; }
  [[nodiscard]] Instant deadline() const;

 private:
  [[nodiscard]] std::uint64_t passed() const;
  [[nodiscard]] std::uint64_t early() const;
  [[nodiscard]] Instant next_ack(Instant now) const;
  [[nodiscard]] Instant dead_at() const;

  const ManagementPolicy* policy_;
  // from the server, counted from <enabled/>
  std::uint64_t before_ = 0;
  std::uint64_t delivered_;
  std::uint64_t received_;
  std::uint64_t told_;                // the last h
  Instant told_at_ = Instant::min();  // when
  Instant second_;                    // the last one in which anything came
  std::uint64_t before_second_;       // of delivered_
  std::uint64_t before_last_;         // the same of the one before, if that was the last
  // Of stanzas whose errors were not kept, and perhaps others in between: these can never be ours.
  std::uint64_t gap_begin_ = UINT64_MAX, gap_end_ = 0;
  std::unique_ptr<Notices> uncounted_;  // for what nobody counts, by number in the session
  std::uint64_t held_back_from_ = UINT64_MAX;
  bool uncounted_full_ = false;
  // to the server, counted from <enable/>
  std::uint64_t sent_;
  std::uint64_t asked_up_to_;
  std::uint64_t acknowledged_;
  Instant ack_due_ = never;
  Instant ask_due_ = never;
  Instant asked_at_ = never;  // an <r/> behind which no <a/> has come, of whatever kind
  Instant heard_;
  std::unique_ptr<Notices> to_senders_, to_client_;  // null while there are none
  bool on_ = false;
  bool reading_ = true;
};

}  // namespace xmpp
