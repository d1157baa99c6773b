#include "webclient/push_engine.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace webclient {

namespace {

constexpr std::size_t section_messages = 50;
constexpr std::size_t remembered_windows = 32;

template <typename Id>
Id id_of(std::uint32_t item) {
  return static_cast<Id>(item);
}

}  // namespace

// What a stretch of the journal comes to, each thing once.
struct PushEngine::Changes {
  std::vector<MessageId> added;
  std::set<MessageId> changed;
  std::set<ConversationId> rows;
  std::set<OccupantId> occupants;
  bool account = false, unread = false;
};

bool PushEngine::is_displaced(std::string_view window) const {
  return std::find(displaced_.begin(), displaced_.end(), window) != displaced_.end();
}

void PushEngine::end(const Stream& stream, std::string bytes, std::vector<Chunk>& out, std::string_view farewell) {
  append_end(bytes, stream.shown != ConversationId{}, farewell.empty() ? stream.page.address() : std::string(),
             farewell);
  out.push_back(Chunk{stream.connection, std::move(bytes), true});
}

void PushEngine::displace_oldest(std::vector<Chunk>& out) {
  displaced_.push_back(streams_.front().page.window);
  if (displaced_.size() > remembered_windows) displaced_.pop_front();
  end(streams_.front(), {}, out);
  streams_.erase(streams_.begin());
}

void PushEngine::open(const StreamWish& wish, const View& view, Pages& pages, xmpp::Instant now,
                      std::vector<Chunk>& out) {
  // A window that asks again has lost its old stream, whether we have noticed or not; unless one of its links was
  // opened in another tab. To a stream that is dead it is the same where it is told to go on. One that lives must not
  // come back under this name, or the two would end each other for ever.
  const auto same = std::find_if(streams_.begin(), streams_.end(),
                                 [&](const Stream& one) { return one.page.window == wish.page.window; });
  if (same != streams_.end()) {
    same->page.window = wish.spare;
    end(*same, {}, out);
    streams_.erase(same);
  }
  if (streams_.size() >= policy_.streams) displace_oldest(out);
  Stream& stream = streams_.emplace_back();
  stream.connection = wish.connection;
  stream.shown = wish.shown;
  stream.page = wish.page;
  stream.next = view.model.journal().next();
  stream.opened = stream.last_beat = stream.last_message = now;
  const Conversation* shown = view.model.find(wish.shown);
  if (shown != nullptr) {
    stream.messages = std::min(shown->messages.size(), wish.page.backlog);
    stream.in_section = (stream.messages + section_messages - 1) % section_messages + 1;
    if (stream.messages == 0) stream.in_section = 0;
    if (!shown->messages.empty()) stream.last_day = shown->messages.back().when;
  }
  std::string bytes = pages.stream(wish.page, view, shown);
  append_keep_alive(bytes, stream.page.nonce, stream.beat);
  give(stream, std::move(bytes), out);
  // The limit is for what a page grows by. What it begins with would be the same again; it is bounded by the model.
  stream.bytes = 0;
}

void PushEngine::give(Stream& stream, std::string bytes, std::vector<Chunk>& out) {
  stream.bytes += bytes.size();
  stream.arrived = false;
  out.push_back(Chunk{stream.connection, std::move(bytes), false});
}

void PushEngine::on_unsent(xmpp::ConnectionRef connection, std::size_t bytes) {
  for (auto& stream : streams_) {
    if (stream.connection == connection) stream.writable = bytes == 0;
  }
}

PushEngine::Arrived PushEngine::on_arrived(xmpp::ConnectionRef connection, const Journal& journal) {
  for (auto& stream : streams_) {
    if (stream.connection != connection) continue;
    stream.arrived = stream.writable;
    return {stream.arrived && stream.next >= journal.next(), stream.shown};
  }
  return {};
}

void PushEngine::on_gone(xmpp::ConnectionRef connection) {
  std::erase_if(streams_, [&](const Stream& stream) { return stream.connection == connection; });
}

void PushEngine::close_all(std::vector<Chunk>& out) {
  for (const auto& stream : streams_) end(stream, {}, out);
  streams_.clear();
}

std::vector<PushEngine::Complete> PushEngine::on_change(const View& view, xmpp::Instant now, std::vector<Chunk>& out) {
  const std::size_t before = out.size();
  for (auto& stream : streams_) {
    if (stream.writable) produce(stream, view, now, out);
  }
  std::vector<Complete> complete;
  for (const auto& stream : streams_) {
    const bool has_all = stream.next >= view.model.journal().next() && !stream.cut_short;
    if (has_all && stream.shown != ConversationId{}) complete.push_back({stream.connection, stream.shown});
  }
  for (std::size_t i = before; i < out.size(); ++i) {
    if (out[i].last) on_gone(out[i].connection);
  }
  return complete;
}

// False: the stream cannot be continued from where it stands.
bool PushEngine::collect(Stream& stream, const View& view, Changes& changes) const {
  const Journal& journal = view.model.journal();
  if (!journal.reaches(stream.next)) return false;
  const Conversation* shown = view.model.find(stream.shown);
  std::size_t text = 0;
  while (stream.next < journal.next() && text < policy_.chunk_bytes) {
    const Event& event = journal.at(stream.next++);
    const bool here = event.conversation == stream.shown && shown != nullptr;
    switch (event.kind) {
      case EventKind::message_added: {
        if (!here) break;
        const Message* message = view.model.find(*shown, id_of<MessageId>(event.item));
        if (message == nullptr) break;
        text += message->text.size() + 200;
        changes.added.push_back(message->id);
        changes.changed.insert(message->id);
        if (message->replaces) changes.changed.insert(*message->replaces);
        break;
      }
      case EventKind::message_changed:
        if (here) changes.changed.insert(id_of<MessageId>(event.item));
        break;
      case EventKind::unread_changed:
        changes.unread = true;
        changes.rows.insert(event.conversation);
        break;
      case EventKind::presence_changed:
      case EventKind::typing_changed:
        changes.rows.insert(event.conversation);
        break;
      case EventKind::occupant_changed:
      case EventKind::occupant_left:
        if (here) changes.occupants.insert(id_of<OccupantId>(event.item));
        if (here) changes.rows.insert(event.conversation);
        break;
      case EventKind::occupant_joined:
        if (!here) break;
        changes.rows.insert(event.conversation);
        if (stream.newcomers.size() < places_for_newcomers) {
          stream.newcomers.push_back(id_of<OccupantId>(event.item));
          changes.occupants.insert(stream.newcomers.back());
        }
        stream.renew_later = true;
        break;
      case EventKind::status_changed:
        stream.renew_later = true;
        break;
      case EventKind::own_changed:  // what the server offers shows on other pages
        changes.account = true;
        break;
      case EventKind::rows_changed:
        stream.renew_soon = true;
        break;
      case EventKind::room_changed:
        changes.rows.insert(event.conversation);
        if (here) stream.renew_soon = true;
        break;
      case EventKind::history_changed:
        if (here) stream.renew_soon = true;
        break;
      case EventKind::link_changed:
        changes.account = true;
        // Whoever is logged out is to see it, and why.
        if (view.model.account().link == LinkState::ended) return false;
        break;
      case EventKind::upload_changed:
        break;
    }
  }
  return stream.shown == ConversationId{} || shown != nullptr;
}

void PushEngine::append_messages(Stream& stream, const Conversation& shown, const Changes& changes, const View& view,
                                 xmpp::Instant now, std::string& out) const {
  for (const MessageId id : changes.added) {
    const Message* message = view.model.find(shown, id);
    if (message == nullptr) continue;
    if (stream.in_section >= section_messages) {
      out += "</section><section>\n";
      stream.in_section = 0;
    }
    if (stream.last_day == WallTime{} || !same_day(stream.last_day, message->when, view.reader)) {
      append_day(out, message->when, view.reader);
    }
    stream.last_day = message->when;
    append_bubble(out, *message, shown, view.reader, true);
    ++stream.messages;
    ++stream.in_section;
    stream.last_message = now;
  }
}

std::string PushEngine::rules_for(const Stream& stream, const Changes& changes, const View& view) {
  std::string rules;
  if (changes.account) append_account_rules(rules, view.model.account());
  for (const ConversationId id : changes.rows) {
    if (const Conversation* row = view.model.find(id)) append_row_rules(rules, *row, view.reader);
  }
  const Conversation* shown = view.model.find(stream.shown);
  if (shown == nullptr) return rules;
  if (changes.unread) append_unread_rules(rules, view.model.unread());
  if (changes.rows.contains(stream.shown)) append_header_rules(rules, *shown, view.reader);
  for (const MessageId id : changes.changed) {
    if (const Message* message = view.model.find(*shown, id)) append_message_rules(rules, *message, view.reader);
  }
  if (shown->room) {
    for (const OccupantId id : changes.occupants) {
      const Occupant* const there = view.model.find(*shown, id);
      const auto place = std::find(stream.newcomers.begin(), stream.newcomers.end(), id);
      if (place == stream.newcomers.end()) {
        append_occupant_rules(rules, id, there);
      } else {
        append_newcomer_rules(rules, static_cast<std::size_t>(place - stream.newcomers.begin()), there);
      }
    }
  }
  return rules;
}

void PushEngine::produce(Stream& stream, const View& view, xmpp::Instant now, std::vector<Chunk>& out) {
  Changes changes;
  std::string bytes;
  if (!collect(stream, view, changes)) {
    stream.cut_short = true;
    // Whoever loads anew at once from a gateway that is being stopped meets a closed port, and the browser's own page
    // about that in place of this one, with no way back.
    const bool stopped = view.model.account().problem == Problem::shutting_down;
    return end(stream, {}, out, stopped ? view.reader.texts->text("stream.stopped") : std::string_view());
  }
  if (const Conversation* shown = view.model.find(stream.shown)) {
    append_messages(stream, *shown, changes, view, now, bytes);
  }
  const std::string rules = rules_for(stream, changes, view);
  stream.rules += static_cast<std::size_t>(std::count(rules.begin(), rules.end(), '}'));
  append_style(bytes, stream.page.nonce, rules);
  // What is still in the journal comes first: a page that is loaded anew would show it too, but the reader loses the
  // place.
  if (due_for_renewal(stream, now)) return end(stream, std::move(bytes), out);
  if (now >= stream.last_beat + policy_.keep_alive) {
    stream.beat = !stream.beat;
    append_keep_alive(bytes, stream.page.nonce, stream.beat);
    ++stream.rules;
    stream.last_beat = now;
  }
  if (!bytes.empty()) give(stream, std::move(bytes), out);
}

// When the stream is to end, if no message comes before that.
xmpp::Instant PushEngine::renewal_at(const Stream& stream) const {
  const auto over = [&](std::size_t times) {
    return stream.messages >= policy_.max_messages * times || stream.rules >= policy_.max_rules * times ||
           stream.bytes >= policy_.max_bytes * times;
  };
  if (over(2)) return stream.opened;
  xmpp::Instant at = xmpp::never;
  if (stream.renew_soon) at = stream.opened + policy_.pause;
  if (over(1)) at = std::min(at, stream.last_message + policy_.quiet);
  if (stream.renew_later) {
    // The list has no place that a reader could lose.
    const auto patience = stream.shown == ConversationId{} ? policy_.quiet : policy_.patience;
    at = std::min(at, std::max(stream.last_message + policy_.quiet, stream.opened + patience));
  }
  return at;
}

bool PushEngine::due_for_renewal(const Stream& stream, xmpp::Instant now) const {
  return renewal_at(stream) <= now;
}

xmpp::Instant PushEngine::deadline(const Journal& journal) const {
  xmpp::Instant at = xmpp::never;
  for (const auto& stream : streams_) {
    if (!stream.writable) continue;                          // nothing can be sent anyway
    if (stream.next < journal.next()) return stream.opened;  // a chunk was full: at once
    at = std::min({at, stream.last_beat + policy_.keep_alive, renewal_at(stream)});
  }
  return at;
}

std::vector<xmpp::ConnectionRef> PushEngine::connections() const {
  std::vector<xmpp::ConnectionRef> found;
  for (const auto& stream : streams_) found.push_back(stream.connection);
  return found;
}

bool PushEngine::is_up_to_date(const Journal& journal) const {
  return !streams_.empty() && std::all_of(streams_.begin(), streams_.end(), [&](const Stream& stream) {
    return stream.arrived && stream.next >= journal.next();
  });
}

std::vector<ConversationId> PushEngine::shown() const {
  std::vector<ConversationId> out;
  for (const auto& stream : streams_) {
    if (stream.writable && stream.shown != ConversationId{}) out.push_back(stream.shown);
  }
  return out;
}

}  // namespace webclient
