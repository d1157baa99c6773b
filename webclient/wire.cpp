#include "webclient/wire.hpp"

#include <algorithm>
#include <utility>

#include "xmpp/names.hpp"

namespace webclient {

namespace {

constexpr std::size_t max_questions = 256;
constexpr std::size_t max_kept = 1000, max_kept_bytes = 1024 * 1024;
// So long before it is full the server is asked what it has: others bring most of it about.
constexpr std::size_t kept_unasked = max_kept / 8, kept_bytes_unasked = max_kept_bytes / 8;
// Without a reader the server keeps what comes, but servers give up on a client that acknowledges too little.
constexpr std::uint32_t max_unconfirmed = 400;
constexpr std::uint32_t unasked = 100;  // so many are acknowledged without a question

// FNV-1a: spreads the seed, no more.
std::uint64_t spread(std::string_view text) {
  std::uint64_t value = 0xcbf29ce484222325U;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return value;
}

}  // namespace

Wire::Wire(const ClientSettings& settings, const Self& self)
    : settings_(settings), self_(self), prefix_(settings.seed.substr(0, 24)), state_(spread(settings.seed) | 1U) {}

std::string Wire::new_id() {
  return prefix_ + "-" + std::to_string(++last_id_);
}

std::uint64_t Wire::jitter(std::uint64_t bound) {
  // xorshift64
  state_ ^= state_ << 13U;
  state_ ^= state_ >> 7U;
  state_ ^= state_ << 17U;
  return bound == 0 ? 0 : state_ % bound;
}

// ---- sending -------------------------------------------------------------------------------------------------------

void Wire::send_now(std::string_view bytes, Turn& turn) {
  turn.out.list.emplace_back(xmpp::ToServer{turn.out.arena.store(bytes), 0});
}

void Wire::write(std::string_view bytes, SentMessage message, bool owed, Turn& turn) {
  const bool outlives = owed || message.message != MessageId{};
  if (online_) turn.out.list.emplace_back(xmpp::ToServer{turn.out.arena.store(bytes), 1});
  // Presence and questions are worth keeping only for a stream that goes on.
  if (online_ ? !managed_ : !(outlives || resumable())) return;
  kept_bytes_ += bytes.size();
  kept_.push_back({std::string(bytes), message, owed});
  if (kept_.size() >= kept_unasked || kept_bytes_ >= kept_bytes_unasked) request(turn);
}

bool Wire::send(const xmpp::NewElement& stanza, Turn& turn) {
  if (full()) return false;
  write(stanza.bytes(), {}, false, turn);
  return true;
}

void Wire::answer(std::string_view bytes, Turn& turn) {
  if (kept_.size() < max_kept / 2 && kept_bytes_ < max_kept_bytes / 2) write(bytes, {}, false, turn);
}

void Wire::send_error(std::string_view bytes, Turn& turn) {
  write(bytes, {}, true, turn);
}

void Wire::send_message(const xmpp::NewElement& stanza, SentMessage message, Turn& turn) {
  if (has_put_off()) {
    put_off_.push_back({stanza.bytes(), message});
    put_off_bytes_ += put_off_.back().bytes.size();
    return;
  }
  write(stanza.bytes(), message, false, turn);
  request(turn);
}

void Wire::send_again(const Unsent& unsent, Turn& turn) {
  write(unsent.bytes, unsent.message, unsent.message.message == MessageId{}, turn);
  request(turn);
}

bool Wire::ask(xmpp::NewElement iq, Asked asked, Turn& turn) {
  if (asked_.size() >= max_questions || (!online_ && !resumable()) || full()) return false;
  const auto id = new_id();
  iq.set("id", id);
  if (!asked.address.empty()) iq.set("to", asked.address);
  asked.due = turn.now + settings_.answer_timeout;
  asked_.emplace(id, std::move(asked));
  send(iq, turn);
  return true;
}

bool Wire::full() const {
  return kept_.size() >= max_kept || kept_bytes_ >= max_kept_bytes;
}

bool Wire::takes_messages() const {
  return !full() && put_off_.size() < max_kept && put_off_bytes_ < max_kept_bytes;
}

xmpp::Instant Wire::stuck_at(xmpp::Duration patience) const {
  return requested_ && full() ? requested_at_ + patience : xmpp::never;
}

// ---- questions -----------------------------------------------------------------------------------------------------

std::optional<Asked> Wire::answered(xmpp::ElementView iq) {
  const auto found = asked_.find(iq.attribute("id"));
  if (found == asked_.end()) return std::nullopt;
  const auto from = iq.attribute("from");
  const auto& address = found->second.address;
  // Of our own account and our own server several spellings are in use; nobody else can send any of them.
  const bool ours = address.empty() || address == self_.bare || address == self_.domain;
  const bool from_ours = self_.is_account(from) || from == self_.domain || from == self_.full;
  if (ours ? !from_ours : from != address) return std::nullopt;
  auto asked = std::move(found->second);
  asked_.erase(found);
  return asked;
}

std::vector<Asked> Wire::expired(xmpp::Instant now) {
  std::vector<Asked> late;
  for (auto at = asked_.begin(); at != asked_.end();) {
    if (at->second.due > now) {
      ++at;
      continue;
    }
    late.push_back(std::move(at->second));
    at = asked_.erase(at);
  }
  return late;
}

std::vector<Asked> Wire::forget_questions() {
  return expired(xmpp::never);
}

xmpp::Instant Wire::deadline() const {
  auto first = xmpp::never;
  for (const auto& [id, asked] : asked_) first = std::min(first, asked.due);
  return first;
}

// ---- the link and XEP-0198 -----------------------------------------------------------------------------------------

void Wire::link_up() {
  online_ = true;
  requested_ = false;
}

void Wire::link_down() {
  online_ = requested_ = false;
}

void Wire::begin(bool offered, Turn& turn) {
  forget_resume();
  kept_.clear();
  kept_bytes_ = 0;
  acked_ = skip_ = 0;
  counted_ = false;
  count_anew();
  if (!offered) return;
  send_now("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", turn);
  managed_ = true;
}

void Wire::count_anew() {
  ++stream_;
  handled_ = confirmed_ = said_ = 0;
}

// What came before has numbers of its own: the server begins with the next one. Only the answer to our <enable/>
// counts.
void Wire::enabled(std::string_view id, bool resumable) {
  if (!managed_ || counted_) return;
  count_anew();
  counted_ = true;
  resume_id_ = resumable ? id : std::string_view();
}

void Wire::forget_resume() {
  resume_id_.clear();
  managed_ = false;
}

std::string Wire::resume_request() {
  resumes_at_ = said_ = confirmed_;  // readers may go on before the answer
  return xmpp::NewElement("resume", xmpp::ns::management_3)
      .set("previd", resume_id_)
      .set("h", std::to_string(confirmed_))
      .bytes();
}

std::optional<std::vector<SentMessage>> Wire::acknowledged(std::uint32_t h) {
  const std::uint32_t newly = h - acked_;  // modulo 2^32
  requested_ = false;
  if (newly > kept_.size()) return std::nullopt;
  std::vector<SentMessage> arrived;
  for (std::uint32_t i = 0; i < newly; ++i) {
    kept_bytes_ -= kept_.front().bytes.size();
    if (kept_.front().message.message != MessageId{}) arrived.push_back(kept_.front().message);
    kept_.pop_front();
  }
  acked_ = h;
  return arrived;
}

std::optional<std::vector<SentMessage>> Wire::resumed(std::uint32_t h, Turn& turn) {
  auto arrived = acknowledged(h);
  if (!arrived) return std::nullopt;
  skip_ = handled_ - resumes_at_;
  link_up();
  for (const auto& kept : kept_) turn.out.list.emplace_back(xmpp::ToServer{turn.out.arena.store(kept.bytes), 1});
  if (!kept_.empty()) request(turn);
  return arrived;
}

std::vector<Wire::Unsent> Wire::take_unsent() {
  std::vector<Unsent> unsent;
  for (auto& kept : kept_) {
    if (kept.owed || kept.message.message != MessageId{}) unsent.push_back({std::move(kept.bytes), kept.message});
  }
  kept_.clear();
  kept_bytes_ = 0;
  return unsent;
}

void Wire::put_off() {
  for (auto& unsent : take_unsent()) {
    put_off_bytes_ += unsent.bytes.size();
    put_off_.push_back(std::move(unsent));
  }
}

std::vector<Wire::Unsent> Wire::take_put_off() {
  put_off_bytes_ = 0;
  return std::exchange(put_off_, {});
}

bool Wire::received(Turn& turn) {
  if (skip_ > 0) {
    --skip_;
    return false;
  }
  ++handled_;
  // The oldest has waited long enough; what is not counted is not kept either.
  if (!counted_ || handled_ - confirmed_ > max_unconfirmed) ++confirmed_;
  acknowledge_much(turn);
  return true;
}

void Wire::seen(const Mark& mark, Turn& turn) {
  const std::uint32_t newly = mark.stanza - confirmed_;  // modulo 2^32
  if (!is_present(mark) || newly == 0 || newly > handled_ - confirmed_) return;
  confirmed_ = mark.stanza;
  acknowledge_much(turn);
}

// Otherwise when the server asks; but some have little patience with a client that acknowledges nothing, and ask
// seldom.
void Wire::acknowledge_much(Turn& turn) {
  if (confirmed_ - said_ >= unasked && online_ && managed_) acknowledge(turn);
}

void Wire::acknowledge(Turn& turn) {
  if (!counted_) return;
  said_ = confirmed_;
  const auto h = std::to_string(confirmed_);
  turn.out.list.emplace_back(xmpp::ToServer{turn.out.arena.join({"<a xmlns='urn:xmpp:sm:3' h='", h, "'/>"}), 0});
}

void Wire::request(Turn& turn) {
  if (online_ && managed_ && !requested_) probe(turn);
}

void Wire::probe(Turn& turn) {
  if (!requested_) requested_at_ = turn.now;
  requested_ = true;
  send_now("<r xmlns='urn:xmpp:sm:3'/>", turn);
}

}  // namespace webclient
