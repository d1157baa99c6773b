#include "bosh/event_stream.hpp"

#include <algorithm>
#include <utility>

#include "bosh/response.hpp"

namespace bosh {

void EventStream::attach(const StreamWish& wish, xmpp::Instant now, std::string& bytes) {
  reader_.emplace(Reader{wish.connection, EventWriter(wish.format, wish.nonce), now, now});
  reader_->writer.begin(bytes);
  for (const Event& event : log_) reader_->writer.event(bytes, event.id, event.document);
}

bool EventStream::may_give() const {
  return reader_ && reader_->writable && bytes_ < policy_->max_unproven_bytes &&
         reader_->bytes < policy_->max_stream_bytes;
}

void EventStream::give(ClientQueue& queue, const ClientQueue::Batch& batch, std::uint64_t elements,
                       std::string& bytes) {
  Head head;
  head.declare_stream = batch.features;
  Event event;
  event.id = next_;
  event.elements = elements;
  event.document = make_body(head, batch.bytes);
  event.head = event.document.size() - body_close.size() - batch.bytes.size();
  event.stanzas.reserve(batch.entries);
  for (std::uint32_t i = batch.entries; i > 0; --i) {
    const ClientQueue::Single single = queue.front();
    event.stanzas.push_back({static_cast<std::uint32_t>(single.stanza.bytes.size()), single.stanza.kind,
                             single.stanza.type, single.counted});
    queue.pop_front();
  }
  keep(std::move(event), bytes);
}

void EventStream::give_end(std::string document, std::string& bytes) {
  Event event{next_, log_.empty() ? seen_elements_ : log_.back().elements, std::move(document), 0, {}};
  keep(std::move(event), bytes);
}

void EventStream::keep(Event event, std::string& bytes) {
  if (reader_) reader_->writer.event(bytes, event.id, event.document);
  ++next_;
  bytes_ += event.document.size();
  log_.push_back(std::move(event));
}

void EventStream::keep_alive(xmpp::Instant now, std::string& bytes) {
  if (now >= reader_->last_sent + policy_->keep_alive) reader_->writer.sign(bytes, EventWriter::Sign::alive);
}

void EventStream::sent(std::size_t bytes, xmpp::Instant now) {
  reader_->bytes += bytes;
  reader_->last_sent = now;
}

bool EventStream::is_over(xmpp::Instant now) const {
  return reader_->bytes >= policy_->max_stream_bytes || now >= reader_->opened + policy_->max_stream_time;
}

xmpp::Instant EventStream::deadline() const {
  if (!reader_) return xmpp::never;
  return std::min(reader_->last_sent + policy_->keep_alive, reader_->opened + policy_->max_stream_time);
}

bool EventStream::is_news(std::uint64_t id) const {
  return !log_.empty() && id >= log_.front().id && id < next_;
}

void EventStream::seen(std::uint64_t id) {
  if (!is_news(id)) return;
  while (!log_.empty() && log_.front().id <= id) {
    seen_elements_ = log_.front().elements;
    bytes_ -= log_.front().document.size();
    log_.pop_front();
  }
}

std::uint64_t EventStream::give_back(ClientQueue& queue) {
  ClientQueue all;
  std::uint64_t counted = 0;
  for (const Event& event : log_) {
    std::size_t at = event.head;
    for (const Kept& kept : event.stanzas) {
      all.push({std::string_view(event.document).substr(at, kept.size), kept.kind, kept.type}, kept.counted);
      at += kept.size;
      counted += kept.counted ? 1 : 0;
    }
  }
  log_.clear();
  bytes_ = 0;
  for (; !queue.empty(); queue.pop_front()) all.push(queue.front().stanza, queue.front().counted);
  queue = std::move(all);
  return counted;
}

}  // namespace bosh
