#include "bosh/poll_engine.hpp"

#include <algorithm>
#include <utility>

#include "xmpp/bounce.hpp"
#include "xmpp/parser_pool.hpp"
#include "xmpp/raw_tag.hpp"
#include "xmpp/stream_error.hpp"
#include "xmpp/stream_header.hpp"

namespace bosh {

using xmpp::StanzaKind;
using xmpp::StreamCondition;

namespace {

constexpr std::string_view content_type = "text/xml; charset=utf-8";
// A client whose server does not read is slowed down so far; its next piece is bounded by the session's own queue.
constexpr xmpp::Duration congested_hold = std::chrono::seconds(1);
// What is made of that many bytes is there a second time while it is passed on.
constexpr std::size_t read_at_once = 16 * 1024;

std::optional<StreamCondition> condition_of(xmpp::EndReason reason) {
  switch (reason) {
    case xmpp::EndReason::server_unreachable:
    case xmpp::EndReason::server_lost:
      return StreamCondition::remote_connection_failed;
    case xmpp::EndReason::policy:
      return StreamCondition::policy_violation;
    case xmpp::EndReason::shutdown:
      return StreamCondition::system_shutdown;
    case xmpp::EndReason::overload:
      return StreamCondition::resource_constraint;
    case xmpp::EndReason::internal_error:
      return StreamCondition::internal_server_error;
    default:
      return {};
  }
}

void append(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += ' ';
  out += name;
  out += "='";
  xmpp::append_escaped(out, value);
  out += '\'';
}

// P-013: JSJaC takes the first id= of the text for that of the stream.
std::string header_for_client(const xmpp::StreamOpened& stream) {
  std::string out = "<stream:stream";
  append(out, "id", stream.id);
  append(out, "xmlns", "jabber:client");
  append(out, "xmlns:stream", "http://etherx.jabber.org/streams");
  append(out, "from", stream.from);
  append(out, "version", stream.version);
  append(out, "xml:lang", stream.lang);
  return out + '>';
}

}  // namespace

PollEngine::PollEngine(const PollPolicy& policy, xmpp::ParserPool& pool, const xmpp::Limits& limits,
                       PollIdentity identity, std::optional<std::string_view> key)
    : policy_(&policy),
      identity_(std::move(identity)),
      keys_(key),
      from_client_(std::make_unique<xmpp::StreamSplitter>(pool, limits)) {}

// ---- requests ------------------------------------------------------------------------------------------------------

void PollEngine::on_create(xmpp::RequestId request, std::string_view xml, xmpp::Instant now, xmpp::Actions& out) {
  out.list.emplace_back(xmpp::OpenLink{});
  ++counters_.requests;
  idle_until_ = now + policy_->inactivity;
  hold(request, now, out);
  take(xml, now, out);
  settle(now, out);
}

void PollEngine::on_poll(xmpp::RequestId request, const PollRequest& poll, xmpp::Instant now, xmpp::Actions& out) {
  ++counters_.requests;
  // P-006, P-021: neither processed nor taken for a sign of life. The session stays, or everybody who reads an id could
  // end it.
  if (!keys_.accept(poll)) return reply(request, {}, poll_error_id(PollError::key_error), out);
  acknowledge(out);
  // Told already, as far as anybody knows: the id means nothing any more (P-011).
  if (ended_ && entries_.empty() && !held_) {
    return reply(request, {}, poll_error_id(PollError::unknown_session), out);
  }
  if (!ended_) idle_until_ = now + policy_->inactivity;
  hold(request, now, out);
  if (ended_) {
    give_back(poll.xml, out);
  } else {
    take(poll.xml, now, out);
  }
  settle(now, out);
}

// Without rids only one request can wait: an older one is answered with what there is.
void PollEngine::hold(xmpp::RequestId request, xmpp::Instant now, xmpp::Actions& out) {
  if (held_) answer(now, out);
  held_ = Held{request, now + (awaiting_features_ ? policy_->connect_hold : policy_->hold)};
}

void PollEngine::on_gone(xmpp::RequestId request, xmpp::Instant now, xmpp::Actions&) {
  if (held_ && held_->request == request) {
    held_.reset();
  } else if (std::find(answered_.begin(), answered_.end(), request) != answered_.end()) {
    queue_.insert(0, unproven_);
    entries_.insert(entries_.begin(), unproven_entries_.begin(), unproven_entries_.end());
    forget_unproven();
    if (ended_) idle_until_ = now + policy_->inactivity;  // as for any last words that are not told
  }
}

// ---- from the client -----------------------------------------------------------------------------------------------

void PollEngine::take(std::string_view xml, xmpp::Instant now, xmpp::Actions& out) {
  if (xml.empty() || client_ == Client::closed) return;
  if (client_ == Client::restarting && !header_seen_) {
    // White space at the end of the old stream may still come; a declaration must be the first of the new one.
    xml.remove_prefix(std::min(xml.find_first_not_of(" \t\r\n"), xml.size()));
    if (xml.empty()) return;
  }
  header_seen_ = true;
  xmpp::StreamEvents events;
  while (!xml.empty() && client_ != Client::closed && !ended_) {
    from_client_->feed(xml.substr(0, read_at_once), events);
    xml.remove_prefix(std::min(read_at_once, xml.size()));
    for (const auto& event : events.list) take(event, now, out);
    events.clear();
  }
}

void PollEngine::take(const xmpp::StreamEvent& event, xmpp::Instant now, xmpp::Actions& out) {
  if (ended_) return;
  if (const auto* const stanza = std::get_if<xmpp::Stanza>(&event)) {
    take_stanza(*stanza, out);
  } else if (const auto* const opened = std::get_if<xmpp::StreamOpened>(&event)) {
    if (client_ != Client::restarting) return;  // the first one, for which the session was made
    client_ = Client::streaming;
    awaiting_features_ = true;
    if (held_) held_->until = now + policy_->connect_hold;
    out.list.emplace_back(xmpp::RestartStream{out.arena.store(opened->lang)});
  } else if (const auto* const fault = std::get_if<xmpp::Fault>(&event)) {
    refuse_stream(*fault, now, out);
  } else {
    client_ = Client::closed;
    push_end({});
    end({.reason = xmpp::EndReason::client_terminated,
         .condition = {},
         .text = "terminated by the client",
         .all_received = true},
        now, out);
  }
}

// Said to a stream that has ended, of which this poll's answer tells: it comes back ahead of the last words.
void PollEngine::give_back(std::string_view xml, xmpp::Actions& out) {
  if (client_ != Client::streaming) return;
  xmpp::StreamEvents events;
  from_client_->feed(xml, events);
  std::string notices;
  for (const auto& event : events.list) {
    if (const auto* const stanza = std::get_if<xmpp::Stanza>(&event))
      notices += xmpp::unconfirmed(stanza->bytes, out.arena);
  }
  if (notices.empty()) return;
  std::size_t before = 0;
  auto last_words = entries_.begin();
  for (; last_words != entries_.end() && last_words->kind != StanzaKind::stream_error; ++last_words)
    before += last_words->size;
  const auto size = static_cast<std::uint32_t>(notices.size());
  queue_.insert(before, notices);
  entries_.insert(last_words, Entry{size, StanzaKind::other, xmpp::StanzaType::none, false});
}

void PollEngine::take_stanza(const xmpp::Stanza& stanza, xmpp::Actions& out) {
  const Entry local{0, StanzaKind::other, xmpp::StanzaType::none, false};
  if (stanza.kind == StanzaKind::starttls) {  // B-014: they are the gateway's own business
    return push("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", local);
  }
  if (stanza.kind == StanzaKind::compress) {
    return push("<failure xmlns='http://jabber.org/protocol/compress'><unsupported-method/></failure>", local);
  }
  ++counters_.to_server;
  out.list.emplace_back(xmpp::ToServer{out.arena.store(stanza.bytes), stanza.counts() ? 1u : 0u});
}

void PollEngine::refuse_stream(const xmpp::Fault& fault, xmpp::Instant now, xmpp::Actions& out) {
  client_ = Client::closed;
  const auto condition = xmpp::condition_of(fault.kind).value_or(StreamCondition::not_well_formed);
  push_end(condition);
  end({xmpp::EndReason::protocol_fault, xmpp::wire_name(condition), fault.text}, now, out);
}

// ---- from the server -----------------------------------------------------------------------------------------------

void PollEngine::opened(const xmpp::StreamOpened& stream, xmpp::Instant, xmpp::Actions&) {
  if (ended_) return;
  header_given_ = true;
  const bool features_follow = !stream.version.empty() && stream.version != "0.9";
  if (!features_follow) awaiting_features_ = false;
  push(header_for_client(stream), Entry{0, StanzaKind::other, xmpp::StanzaType::none, false});
}

void PollEngine::deliver(const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out) {
  if (ended_) return;
  if (stanza.kind == StanzaKind::stream_error) push_missing_header();  // one from before TLS comes without
  push(stanza.bytes, Entry{0, stanza.kind, stanza.type, stanza.counts()});
  switch (stanza.kind) {
    case StanzaKind::features:
      awaiting_features_ = false;
      break;
    case StanzaKind::sasl_success:
      // P-015: what comes from the client now is another document.
      client_ = Client::restarting;
      header_seen_ = false;
      from_client_->reset();
      break;
    case StanzaKind::stream_error:
      push_end({});  // P-016
      return end({xmpp::EndReason::server_error, "remote-stream-error", "stream error"}, now, out);
    default:
      break;
  }
  if (queue_.size() > policy_->queue_cap) {
    bounce_queue(out);
    push_end(StreamCondition::policy_violation);
    return end({xmpp::EndReason::policy, "policy-violation", "too much unread"}, now, out);
  }
  if (queue_.size() >= policy_->queue_high && !server_paused_) {
    server_paused_ = true;
    out.list.emplace_back(xmpp::PauseServer{});
  }
}

void PollEngine::delivered_all(xmpp::Instant now, xmpp::Actions& out) {
  settle(now, out);
}

void PollEngine::congested(bool is, xmpp::Instant now, xmpp::Actions& out) {
  congested_ = is;
  if (is && held_) held_->until = std::max(held_->until, now + congested_hold);
  settle(now, out);
}

// ---- answers -------------------------------------------------------------------------------------------------------

std::uint64_t PollEngine::counted(const std::vector<Entry>& entries) {
  return static_cast<std::uint64_t>(
      std::count_if(entries.begin(), entries.end(), [](const Entry& entry) { return entry.counted; }));
}

void PollEngine::push(std::string_view bytes, const Entry& entry) {
  queue_ += bytes;
  entries_.push_back(entry);
  entries_.back().size = static_cast<std::uint32_t>(bytes.size());
}

// The last words, behind a header where the client has none yet: alone they would not be XML (P-016).
void PollEngine::push_end(std::optional<StreamCondition> condition) {
  push_missing_header();
  push(condition ? xmpp::write_error(*condition) : std::string(xmpp::stream_end),
       Entry{0, StanzaKind::stream_error, xmpp::StanzaType::none, false});
}

void PollEngine::push_missing_header() {
  if (std::exchange(header_given_, true)) return;
  push(header_for_client({"0", identity_.domain, "1.0", {}}),
       Entry{0, StanzaKind::other, xmpp::StanzaType::none, false});
}

void PollEngine::settle(xmpp::Instant now, xmpp::Actions& out) {
  if (!held_) return;
  const bool ready = !entries_.empty() && !awaiting_features_ && !congested_;
  if (ready || ended_ || held_->until <= now) answer(now, out);
}

void PollEngine::answer(xmpp::Instant now, xmpp::Actions& out) {
  std::size_t size = 0;
  std::size_t count = 0;
  for (; count < entries_.size(); ++count) {
    if (size > 0 && size + entries_[count].size > policy_->max_response_bytes) break;
    size += entries_[count].size;
  }
  counters_.to_client += count;
  reply(held_->request, out.arena.store(std::string_view(queue_).substr(0, size)), identity_.id, out);
  answered_.push_back(held_->request);
  held_.reset();
  // Behind what another request has been given, where two of them overlapped: both are proven by the next one, or come
  // again when either is known to be lost.
  unproven_.append(queue_, 0, size);
  unproven_entries_.insert(unproven_entries_.end(), entries_.begin(),
                           entries_.begin() + static_cast<std::ptrdiff_t>(count));
  queue_.erase(0, size);
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(count));
  if (server_paused_ && queue_.size() <= policy_->queue_low) {
    server_paused_ = false;
    out.list.emplace_back(xmpp::ResumeServer{});
  }
  if (ended_ && entries_.empty()) idle_until_ = now + policy_->told;
}

void PollEngine::reply(xmpp::RequestId request, std::string_view body, std::string_view id, xmpp::Actions& out) const {
  out.list.emplace_back(
      xmpp::Reply{request, 200, content_type, body, out.arena.store(poll_cookie(id, identity_.path))});
}

// A request with the right key comes after the answer to the one before it: a client that has lost an answer stops.
void PollEngine::acknowledge(xmpp::Actions& out) {
  const std::uint64_t received = counted(unproven_entries_);
  forget_unproven();
  if (received == 0 || ended_) return;
  acknowledged_ += received;
  out.list.emplace_back(xmpp::AcknowledgedUpTo{acknowledged_});
}

void PollEngine::forget_unproven() {
  std::string().swap(unproven_);
  unproven_entries_.clear();
  answered_.clear();
}

// ---- the end -------------------------------------------------------------------------------------------------------

void PollEngine::close(xmpp::EndReason reason, std::string_view text, xmpp::Instant now, xmpp::Actions& out) {
  if (ended_) return;
  if (!server_is_gone(reason)) bounce_queue(out);
  // Who is ended because there is no memory left must not keep any.
  if (reason == xmpp::EndReason::overload) forget_unproven();
  const auto condition = condition_of(reason);
  push_end(condition);
  end({reason, condition ? xmpp::wire_name(*condition) : std::string_view{}, text}, now, out);
  settle(now, out);
}

// What is unread stays for one more time of inactivity: a poller hears of nothing between its polls.
void PollEngine::end(const xmpp::EndSession& end, xmpp::Instant now, xmpp::Actions& out) {
  ended_ = true;
  awaiting_features_ = false;
  idle_until_ = now + policy_->inactivity;
  out.list.emplace_back(end);
}

// The id means nothing then, as after its time.
void PollEngine::let_go() {
  if (!ended_) return;
  idle_until_ = xmpp::never;
  std::string().swap(queue_);
  std::string().swap(unproven_);
  std::vector<Entry>().swap(entries_);
  std::vector<Entry>().swap(unproven_entries_);
  from_client_->reset();
}

// what was never handed out goes back.
void PollEngine::bounce_queue(xmpp::Actions& out) {
  std::uint64_t number = acknowledged_ + counted(unproven_entries_);
  std::string_view rest = queue_;
  for (const Entry& entry : entries_) {
    const xmpp::Stanza stanza{rest.substr(0, entry.size), entry.kind, entry.type};
    rest.remove_prefix(entry.size);
    if (!entry.counted) continue;
    ++number;
    const std::string_view bounced = xmpp::bounce(stanza, out.arena);
    if (!bounced.empty()) out.list.emplace_back(xmpp::Undeliverable{number, bounced});
  }
  std::string().swap(queue_);
  entries_.clear();
}

void PollEngine::on_time(xmpp::Instant now, xmpp::Actions& out) {
  if (held_ && held_->until <= now) answer(now, out);
  if (idle_until_ > now) return;
  idle_until_ = xmpp::never;
  if (ended_) {
    out.list.emplace_back(xmpp::Forget{});
    return;
  }
  // P-011: its stanzas go back to who sent them, and the id means nothing any more.
  bounce_queue(out);
  ended_ = true;
  out.list.emplace_back(xmpp::EndSession{xmpp::EndReason::inactivity, {}, "inactivity"});
  if (held_) return answer(now, out);
  out.list.emplace_back(xmpp::Forget{});
}

xmpp::Instant PollEngine::deadline() const {
  return held_ ? std::min(held_->until, idle_until_) : idle_until_;
}

}  // namespace bosh
