#include "bosh/rid_window.hpp"

#include <algorithm>
#include <utility>

namespace bosh {
namespace {

std::size_t size_of(const std::optional<std::string_view>& text) {
  return text ? text->size() : 0;
}

}  // namespace

StoredBody::StoredBody(const Body& body) : payloads_(*body.payloads), body_(body) {
  // Of what a request within a session may mean; the rest would dangle.
  body_.raw = {};
  body_.sid = body_.ver = body_.charsets = {};
  const auto texts = {&body_.key, &body_.newkey, &body_.lang,  &body_.stream,
                      &body_.to,  &body_.from,   &body_.route, &body_.content};
  std::size_t size = body.piece.size();
  for (const auto* text : texts) size += size_of(*text);
  for (const xmpp::Stanza& payload : payloads_) size += payload.bytes.size();
  bytes_.reserve(size);  // the views below must not move
  const auto keep = [this](std::string_view text) {
    const std::size_t begin = bytes_.size();
    bytes_.append(text);
    return std::string_view(bytes_).substr(begin, text.size());
  };
  for (auto* text : texts)
    if (*text) *text = keep(**text);
  body_.piece = keep(body.piece);
  for (xmpp::Stanza& payload : payloads_) payload.bytes = keep(payload.bytes);
  body_.payloads = &payloads_;
}

RidWindow::Place RidWindow::place(Rid rid, bool extra) const {
  if (rid < base_) return Place::gone;
  if (rid < first_held()) return Place::answered;
  if (rid < expected()) return Place::held;
  const Rid ahead = rid - expected();
  // E-38: a client that has used up the number space has no next request.
  if (rid > max_rid || ahead >= Rid{requests_} + (extra ? 1 : 0)) return Place::above;
  return ahead == 0 ? Place::expected : Place::future;
}

Exchange& RidWindow::push(Exchange exchange) {
  // One at a time: doubling would leave an idle session with more empty than used places.
  if (exchanges_.size() == exchanges_.capacity()) exchanges_.reserve(exchanges_.size() + 1);
  exchanges_.push_back(std::move(exchange));
  return exchanges_.back();
}

std::size_t RidWindow::held_alive() const {
  const auto alive = [](const Exchange& e) { return e.alive; };
  return static_cast<std::size_t>(std::count_if(exchanges_.begin() + answered_, exchanges_.end(), alive));
}

xmpp::Instant RidWindow::earliest_arrival() const {
  xmpp::Instant earliest = xmpp::never;
  for (std::size_t i = answered_; i < exchanges_.size(); ++i)
    if (exchanges_[i].alive) earliest = std::min(earliest, exchanges_[i].at);
  return earliest;
}

Exchange* RidWindow::find_held(xmpp::RequestId request, Rid& rid) {
  for (std::size_t i = answered_; i < exchanges_.size(); ++i) {
    if (exchanges_[i].request != request || !exchanges_[i].alive) continue;
    rid = base_ + i;
    return &exchanges_[i];
  }
  return nullptr;
}

Exchange* RidWindow::find_answered(xmpp::RequestId request, Rid& rid) {
  for (std::size_t i = 0; i < answered_; ++i) {
    if (exchanges_[i].request != request || !exchanges_[i].alive) continue;
    rid = base_ + i;
    return &exchanges_[i];
  }
  return nullptr;
}

void RidWindow::trim(bool acks, Rid acked) {
  std::size_t kept = 0, pauses = 0;  // counted from the newest; pauses take nobody's place (B-099)
  std::size_t first = answered_;
  const std::size_t most = acks ? std::size_t{4} * requests_ : requests_;
  while (first > 0) {
    const Exchange& e = exchanges_[first - 1];
    if (acks && base_ + first - 1 < acked + 1) break;  // before rid 0 there is 2^64-1
    if (e.pause ? ++pauses > most : ++kept > most) break;
    --first;
  }
  if (first == 0) return;
  trimmed_delivered_ = exchanges_[first - 1].delivered;
  // A string that takes over a short one keeps its own buffer: let go first, or an idle session carries old answers.
  for (std::size_t i = 0; i < first; ++i) std::string().swap(exchanges_[i].answer);
  exchanges_.erase(exchanges_.begin(), exchanges_.begin() + static_cast<std::ptrdiff_t>(first));
  base_ += first;
  answered_ -= static_cast<std::uint32_t>(first);
}

void RidWindow::drop_text_above(std::size_t limit) {
  std::size_t total = 0;
  for (std::size_t i = answered_; i-- > 0;) {
    Exchange& e = exchanges_[i];
    total += e.answer.size();
    if (i + 1 == answered_ || total <= limit || e.answer.empty()) continue;
    total -= e.answer.size();
    std::string().swap(e.answer);
    e.dropped = true;
  }
}

std::size_t RidWindow::held_bytes() const {
  std::size_t total = future_bytes();
  for (const auto& exchange : exchanges_) total += exchange.answer.size();
  return total;
}

std::size_t RidWindow::future_bytes() const {
  std::size_t total = 0;
  for (const auto& future : futures_) total += future.body->bytes();
  return total;
}

std::uint64_t RidWindow::delivered_up_to(Rid rid) const {
  if (rid + 1 == base_) return trimmed_delivered_;
  if (rid < base_ || rid >= first_held()) return 0;
  return exchanges_[static_cast<std::size_t>(rid - base_)].delivered;
}

void RidWindow::forget_answers() {
  base_ += answered_;
  exchanges_.erase(exchanges_.begin(), exchanges_.begin() + answered_);
  answered_ = 0;
  exchanges_.shrink_to_fit();
}

void RidWindow::store(Future future) {
  const auto after =
      std::find_if(futures_.begin(), futures_.end(), [&](const Future& f) { return f.rid > future.rid; });
  futures_.insert(after, std::move(future));
}

Future* RidWindow::future(Rid rid) {
  const auto it = std::find_if(futures_.begin(), futures_.end(), [rid](const Future& f) { return f.rid == rid; });
  return it == futures_.end() ? nullptr : &*it;
}

bool RidWindow::take_next(Future& out) {
  if (futures_.empty() || futures_.front().rid != expected()) return false;
  out = std::move(futures_.front());
  futures_.erase(futures_.begin());
  if (futures_.empty()) std::vector<Future>().swap(futures_);
  return true;
}

}  // namespace bosh
