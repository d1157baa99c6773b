#include "webclient/web_engine.hpp"

#include <algorithm>
#include <utility>

namespace webclient {

namespace {

constexpr std::size_t remembered_forms = 128;
// So long the session answers why it has ended.
constexpr xmpp::Duration epilogue = std::chrono::minutes(2);

}  // namespace

WebEngine::WebEngine(std::unique_ptr<Client> client, const PushPolicy& policy, Pages& pages, WebSettings settings,
                     xmpp::Instant now)
    : client_(std::move(client)), push_(policy), pages_(&pages), settings_(std::move(settings)), last_use_(now) {}

void WebEngine::opened(const xmpp::StreamOpened& stream, xmpp::Instant now, xmpp::Actions& out) {
  client_->opened(stream, now, out);
}

void WebEngine::deliver(const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out) {
  client_->deliver(stanza, now, out);
}

void WebEngine::close(xmpp::EndReason reason, std::string_view text, xmpp::Instant now, xmpp::Actions& out) {
  client_->close(reason, text, now, out);
  show(now, out);
}

void WebEngine::log_out(xmpp::Instant now, xmpp::Actions& out) {
  client_->log_out(now, out);
  show(now, out);
}

void WebEngine::on_time(xmpp::Instant now, xmpp::Actions& out) {
  if (client_->deadline() <= now) client_->on_time(now, out);
  if (!client_->ended() && is_left_alone() && now >= last_use_ + settings_.linger) {
    client_->close(xmpp::EndReason::inactivity, "no window is open", now, out);
  }
  if (ended_at_ != xmpp::never && now >= ended_at_ + epilogue && !forgotten_) {
    forgotten_ = true;
    out.list.emplace_back(xmpp::Forget{});
  }
  show(now, out);
}

xmpp::Instant WebEngine::deadline() const {
  if (forgotten_) return xmpp::never;
  if (ended_at_ != xmpp::never) return std::min(ended_at_ + epilogue, push_.deadline(model().journal()));
  xmpp::Instant at = std::min(client_->deadline(), push_.deadline(model().journal()));
  if (is_left_alone()) at = std::min(at, last_use_ + settings_.linger);
  return at;
}

void WebEngine::on_unsent(xmpp::ConnectionRef connection, std::size_t bytes, xmpp::Instant now, xmpp::Actions& out) {
  push_.on_unsent(connection, bytes);
  if (bytes == 0) show(now, out);
}

void WebEngine::on_arrived(xmpp::ConnectionRef connection, xmpp::Instant now, xmpp::Actions& out) {
  const auto arrived = push_.on_arrived(connection, model().journal());
  client_->page_arrived(page_of(connection));
  if (arrived.everything) seen({client_->mark(), arrived.shown, page_of(connection)}, now, out);
  show(now, out);
}

void WebEngine::on_lost(xmpp::ConnectionRef connection, xmpp::Instant now, xmpp::Actions& out) {
  push_.on_gone(connection);
  client_->page_gone(page_of(connection), now, out);
  std::erase_if(files_, [&](const FileOnItsWay& file) {
    if (file.connection != connection) return false;
    (void)client_->dismiss_upload(file.id);
    release_once(file.once);
    return true;
  });
  last_use_ = now;
}

void WebEngine::open_stream(StreamWish wish, xmpp::Instant now, xmpp::Actions& out) {
  used(now, out);
  wish.page.backlog = backlog(wish.shown, wish.page.backlog);
  if (wish.shown != ConversationId{}) (void)client_->open_conversation(wish.shown, now, out);
  push_.open(wish, view(), *pages_, now, chunks_);
  show(now, out);
}

void WebEngine::page_written(ConversationId shown) {
  client_->put_on(PageId::still, shown);
  page_ = PageSeen{client_->mark(), shown, PageId::still};
}

void WebEngine::used(xmpp::Instant now, xmpp::Actions& out) {
  last_use_ = now;
  if (page_) seen(*page_, now, out);
  page_.reset();
}

void WebEngine::seen(const PageSeen& page, xmpp::Instant now, xmpp::Actions& out) {
  if (!client_->ended()) client_->seen(page, now, out);
}

void WebEngine::show(xmpp::Instant now, xmpp::Actions& out) {
  const bool ends = ended_at_ == xmpp::never && client_->ended();
  if (ends) ended_at_ = now;
  for (const ConversationId id : push_.shown()) {
    const Conversation* shown = model().find(id);
    if (shown != nullptr && shown->unread > 0) (void)client_->mark_read(id, now, out);
  }
  for (const auto& [connection, shown] : push_.on_change(view(), now, chunks_)) {
    client_->put_on(page_of(connection), shown);
  }
  hand_out(out);
  wake_files(out);
  if (ends) client_->forget();
  if (push_.is_up_to_date(model().journal())) seen({client_->mark(), {}, PageId::none}, now, out);
}

void WebEngine::hand_out(xmpp::Actions& out) {
  for (const Chunk& chunk : chunks_) {
    out.list.emplace_back(xmpp::Push{chunk.connection, out.arena.store(chunk.bytes)});
    if (chunk.last) out.list.emplace_back(xmpp::CloseConnection{chunk.connection, 0});
  }
  chunks_.clear();
}

UploadStart WebEngine::begin_file(const FileWish& wish, xmpp::Instant now, xmpp::Actions& out) {
  used(now, out);
  // Nobody knows yet whether the first one arrives: a repeat must not be told that it has.
  const auto on_its_way = [&](const FileOnItsWay& file) { return file.once == wish.once; };
  if (std::any_of(files_.begin(), files_.end(), on_its_way)) return {Problem::busy, {}};
  if (!take_once(wish.once)) return {};
  const UploadStart start = client_->start_upload(wish.to, wish.file, now, out);
  if (start.problem == Problem::none) {
    files_.push_back({start.id, wish.connection, std::string(wish.once)});
  } else {
    release_once(wish.once);
  }
  show(now, out);
  return start;
}

Problem WebEngine::end_file(UploadId id, Problem trouble, xmpp::Instant now, xmpp::Actions& out) {
  last_use_ = now;
  Problem problem = client_->finish_upload(id, trouble == Problem::none, now, out);
  std::erase_if(files_, [&](const FileOnItsWay& file) {
    if (file.id != id) return false;
    if (problem != Problem::none) release_once(file.once);
    return true;
  });
  if (problem != Problem::none) {
    if (trouble != Problem::none) problem = trouble;
    (void)client_->dismiss_upload(id);  // the page that brought the file says what has become of it
  }
  show(now, out);
  return problem;
}

void WebEngine::wake_files(xmpp::Actions& out) {
  for (auto& file : files_) {
    const Upload* const upload = model().find(file.id);
    const bool decided = upload == nullptr || upload->state != UploadState::asking || client_->ended();
    if (!file.waiting || !decided) continue;
    file.waiting = false;
    out.list.emplace_back(xmpp::ResumeClient{file.connection});
  }
}

bool WebEngine::take_once(std::string_view once) {
  if (once.empty() || std::find(sent_forms_.begin(), sent_forms_.end(), once) != sent_forms_.end()) return false;
  sent_forms_.emplace_back(once);
  if (sent_forms_.size() > remembered_forms) sent_forms_.pop_front();
  return true;
}

void WebEngine::release_once(std::string_view once) {
  std::erase(sent_forms_, once);
}

void WebEngine::set_reader(Reader reader, xmpp::Instant now, xmpp::Actions& out) {
  settings_.reader = std::move(reader);
  push_.close_all(chunks_);  // they load themselves anew, in the new language
  show(now, out);
}

}  // namespace webclient
