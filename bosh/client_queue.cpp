#include "bosh/client_queue.hpp"

#include <utility>

#include "bosh/response.hpp"

namespace bosh {
namespace {

// Entries kept allocated by an empty queue: a steady trickle of single stanzas then costs one allocation each, the
// answer itself.
constexpr std::size_t kept_entries = 4;
// Slack of a moved buffer that is not worth a copy.
constexpr std::size_t tolerated_slack = 64;

}  // namespace

void ClientQueue::push(const xmpp::Stanza& stanza, bool counted) {
  if (empty()) {
    clear();
    buffer_.reserve(body_open.size() + stanza.bytes.size() + body_close.size());
    buffer_.append(body_open);
    begin_ = body_open.size();
  }
  buffer_.append(stanza.bytes);
  entries_.push_back({static_cast<std::uint32_t>(stanza.bytes.size()), stanza.kind, stanza.type, counted});
}

// SASL: JSJaC takes the next child of the next answer, so nothing may overtake or join it (B-010, Q-08). Features:
// Strophe looks for them only after it has worked off <success/> (X-024), and X-010 keeps them from stanzas.
bool ClientQueue::alone(xmpp::StanzaKind kind) {
  return kind == xmpp::StanzaKind::features ||
         (kind >= xmpp::StanzaKind::sasl_auth && kind <= xmpp::StanzaKind::sasl2_success);
}

ClientQueue::Batch ClientQueue::front(std::size_t max_bytes) const {
  Batch batch;
  std::size_t size = 0;
  for (std::size_t i = first_; i < entries_.size(); ++i) {
    const Entry& e = entries_[i];
    const bool single = alone(e.kind);
    if (batch.entries > 0 && (single || size + e.size > max_bytes)) break;
    size += e.size;
    ++batch.entries;
    if (e.counted) ++batch.counted;
    batch.features |= e.kind == xmpp::StanzaKind::features;
    batch.sasl_success |= e.kind == xmpp::StanzaKind::sasl_success;
    if (single) break;
  }
  batch.bytes = std::string_view(buffer_).substr(begin_, size);
  return batch;
}

void ClientQueue::pop(const Batch& batch) {
  advance(batch.bytes.size(), batch.entries);
}

std::string ClientQueue::pop_as_body(const Batch& batch) {
  if (first_ != 0 || begin_ != body_open.size() || batch.bytes.size() != bytes()) {
    std::string body = make_body({}, batch.bytes);
    pop(batch);
    return body;
  }
  buffer_.append(body_close);
  std::string body = std::move(buffer_);
  if (body.capacity() - body.size() > tolerated_slack) body.shrink_to_fit();
  clear();
  return body;
}

ClientQueue::Single ClientQueue::front() const {
  const Entry& e = entries_[first_];
  return {{std::string_view(buffer_).substr(begin_, e.size), e.kind, e.type}, e.counted};
}

void ClientQueue::pop_front() {
  advance(entries_[first_].size, 1);
}

void ClientQueue::advance(std::size_t bytes, std::size_t entries) {
  begin_ += bytes;
  first_ += static_cast<std::uint32_t>(entries);
  if (empty()) {
    clear();
  } else if (begin_ > buffer_.size() / 2 && begin_ > 4096) {
    buffer_.erase(0, begin_);
    entries_.erase(entries_.begin(), entries_.begin() + first_);
    begin_ = 0;
    first_ = 0;
  }
}

void ClientQueue::clear() {
  std::string().swap(buffer_);
  begin_ = 0;
  first_ = 0;
  if (entries_.capacity() > kept_entries) {
    std::vector<Entry>().swap(entries_);
  } else {
    entries_.clear();
  }
}

}  // namespace bosh
