#include "xmpp/stream_management.hpp"

#include <algorithm>

#include "xmpp/bounce.hpp"

namespace xmpp {
namespace {

// A proof waits so long for company: it matters only if this process or the connection to the server dies.
constexpr Duration ack_delay = std::chrono::seconds(1);
// The shortest time between two <a/>, apart from those at a limit and at the end.
constexpr Duration ack_pace = std::chrono::milliseconds(250);
// While the server is not read its questions are not seen, and ejabberd ends a stream whose answer is late
// (ack_timeout, 60 s): any <a/> is an answer to it, also one with the old number.
constexpr Duration deaf_pace = std::chrono::seconds(4);
// How many stanzas of the client, or for how long, may be on their way before the server is asked for them.
constexpr std::uint64_t ask_every = 10;
constexpr Duration ask_delay = std::chrono::seconds(2);
constexpr Duration second = std::chrono::seconds(1);
// Size of the errors kept for each direction. Above it the server's stay the server's, and the client's loss is told in
// part.
constexpr std::size_t max_notice_bytes = 1024 * 1024;

void drop(std::unique_ptr<Notices>& notices, std::uint64_t up_to) {
  if (!notices) return;
  notices->drop_up_to(up_to);
  if (notices->empty()) notices.reset();
}

bool keep(std::unique_ptr<Notices>& notices, std::uint64_t number, std::string_view notice) {
  if ((notices ? notices->bytes() : 0) + Notices::bytes_of(notice) > max_notice_bytes) return false;
  if (!notices) notices = std::make_unique<Notices>();
  notices->push(number, notice);
  return true;
}

}  // namespace

// ---- Notices -------------------------------------------------------------------------------------------------------

void Notices::push(std::uint64_t number, std::string_view bytes) {
  text_.append(bytes);
  entries_.push_back({number, bytes.size()});
}

void Notices::drop_up_to(std::uint64_t number) {
  while (first_ < entries_.size() && entries_[first_].number <= number) begin_ += entries_[first_++].size;
  // Now and then, so that each byte is moved about once. Some entries have no text.
  if (begin_ <= text_.size() / 2 && first_ <= entries_.size() / 2) return;
  text_.erase(0, begin_);
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
  begin_ = 0;
  first_ = 0;
}

// ---- from the server -----------------------------------------------------------------------------------------------

void StreamManagement::enabled(std::uint64_t before) {
  on_ = true;
  before_ = before;
}

bool StreamManagement::answers_for(std::uint64_t number) const {
  const bool counted_by_server = on_ && number > before_;
  return counted_by_server || (uncounted_ && uncounted_->first() <= number && number <= uncounted_->last());
}

// What is above the limit the binding bounces as far as it has not handed it out.
void StreamManagement::delivered_uncounted(const Stanza& stanza, std::uint64_t number, Arena& scratch) {
  if (uncounted_full_ || !stanza.is_missed()) return;
  uncounted_full_ = !keep(uncounted_, number, bounce(stanza, scratch));
}

void StreamManagement::delivered(const Stanza& stanza, Arena& scratch) {
  ++delivered_;
  if (!stanza.is_missed() || keep(to_senders_, delivered_, bounce(stanza, scratch))) return;
  gap_begin_ = std::min(gap_begin_, delivered_);
  gap_end_ = delivered_;
}

void StreamManagement::received(std::uint64_t count, Instant now) {
  drop(uncounted_, count);
  if (!uncounted_) uncounted_full_ = false;
  if (!on_ || count <= before_) return;
  count = std::min(count - before_, delivered_);
  if (count <= received_) return;
  received_ = count;
  drop(to_senders_, received_);
  if (received_ >= gap_end_) {
    gap_begin_ = UINT64_MAX;
  } else {
    gap_begin_ = std::max(gap_begin_, received_ + 1);
  }
  if (has_news()) ack_due_ = std::min(ack_due_, now + ack_delay);
}

std::uint64_t StreamManagement::passed() const {
  const auto first_kept = to_senders_ ? to_senders_->first() : delivered_ + 1;
  return std::max(received_, std::min(first_kept, gap_begin_) - 1);
}

// What the server has to be told now, if it is more than it knows. Half of the limit at a time: one <a/> for many.
std::uint64_t StreamManagement::early() const {
  if (delivered_ - told_ <= policy_->max_unacknowledged) return told_;
  const auto proven = std::max(told_, passed());
  if (delivered_ - proven <= policy_->max_unacknowledged) return proven;
  return std::max(proven, std::min(delivered_ - policy_->max_unacknowledged / 2, gap_begin_ - 1));
}

Instant StreamManagement::next_ack(Instant now) const {
  return told_at_ == Instant::min() ? now : std::max(now, told_at_ + ack_pace);
}

void StreamManagement::on_request(Instant now) {
  ack_due_ = std::min(ack_due_, next_ack(now));
}

std::uint32_t StreamManagement::acknowledge(Instant now) {
  told_ = std::max(passed(), early());
  told_at_ = now;
  ack_due_ = reading_ ? never : now + deaf_pace;
  return static_cast<std::uint32_t>(told_);
}

void StreamManagement::told_ours() {
  uncounted_.reset();
  drop(to_senders_, told_);
}

// ---- from the client -----------------------------------------------------------------------------------------------

void StreamManagement::sent(std::string_view stanza, Instant now, Arena& scratch) {
  ++sent_;
  const auto notice = unconfirmed(stanza, scratch);
  if (!notice.empty()) static_cast<void>(keep(to_client_, sent_, notice));
  ask_due_ = std::min(ask_due_, now + ask_delay);
}

bool StreamManagement::must_ask(Instant now) const {
  return on_ && !asked() && sent_ > asked_up_to_ && (sent_ - asked_up_to_ >= ask_every || ask_due_ <= now);
}

void StreamManagement::ask(Instant now) {
  asked_up_to_ = sent_;
  asked_at_ = now;
  ask_due_ = never;
}

bool StreamManagement::acknowledged(std::uint32_t h) {
  const std::uint32_t news = h - static_cast<std::uint32_t>(acknowledged_);
  if (news > sent_ - acknowledged_) return false;
  acknowledged_ += news;
  asked_at_ = never;
  drop(to_client_, acknowledged_);
  return true;
}

// ---- time ----------------------------------------------------------------------------------------------------------

void StreamManagement::heard(Instant now) {
  heard_ = now;
  if (now < second_ + second) return;
  before_last_ = now < second_ + 2 * second ? before_second_ : delivered_;
  before_second_ = delivered_;
  second_ = now;
}

bool StreamManagement::in_flow(Instant now) const {
  if (!reading_) return true;
  if (now >= second_ + 2 * second) return false;
  return is_much(delivered_ - (now < second_ + second ? before_last_ : before_second_));
}

void StreamManagement::reading(bool is, Instant now) {
  reading_ = is;
  heard_ = now;
  if (!is) ack_due_ = std::min(ack_due_, now + deaf_pace);
}

Instant StreamManagement::dead_at() const {
  if (!asked() || !reading_ || policy_->answer_timeout == Duration::zero()) return never;
  return std::max(asked_at_, heard_) + policy_->answer_timeout;
}

Instant StreamManagement::deadline() const {
  if (!on_) return never;
  return std::min({ack_due_, asked() ? never : ask_due_, dead_at()});
}

}  // namespace xmpp
