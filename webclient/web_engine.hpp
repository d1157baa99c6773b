// The PUSH binding: one reader's chat without scripts. Puts together the client, which talks XMPP, and the endless
// pages, which show what it knows; and keeps what is the reader's own: language, zone, how long to stay after the last
// window has closed (PROTOCOL Z-009), which messages were sent already (a form that is sent twice, Z-005).
//
//   shell ─► commands, streams ─► WebEngine ─► Client ─► server
//   shell ◄─ pushes            ◄─ PushEngine ◄─ ChatModel ◄┘
//
// It deliberately knows no cookie, path or form: the shell does. After its end it stays a while, to say why.
#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webclient/client.hpp"
#include "webclient/push_engine.hpp"
#include "xmpp/binding.hpp"

namespace webclient {

struct WebSettings {
  Reader reader;
  xmpp::Duration linger = std::chrono::minutes(10);
  TokenFor token;  // for the forms of this session
};

// A form that brings a file, as far as its fields go.
struct FileWish {
  ConversationId to{};
  Services::File file;
  std::string_view once;
  xmpp::ConnectionRef connection{};  // brings it
};

class WebEngine {
 public:
  // `pages` outlives it.
  WebEngine(std::unique_ptr<Client> client, const PushPolicy& policy, Pages& pages, WebSettings settings,
            xmpp::Instant now);

  // ---- the binding contract
  // The clock on the wall says `wall` at `now`; to be told before the other entries, since somebody may have set it.
  void set_clock(xmpp::Instant now, WallTime wall) { client_->set_clock(now, wall); }
  void start(xmpp::Instant now, xmpp::Actions& out) { client_->start(now, out); }
  void secured(xmpp::SaslChannel channel) { client_->secured(std::move(channel)); }
  void opened(const xmpp::StreamOpened& stream, xmpp::Instant now, xmpp::Actions& out);
  void deliver(const xmpp::Stanza& stanza, xmpp::Instant now, xmpp::Actions& out);
  void delivered_all(xmpp::Instant now, xmpp::Actions& out) { show(now, out); }
  void close(xmpp::EndReason reason, std::string_view text, xmpp::Instant now, xmpp::Actions& out);
  void congested(bool, xmpp::Instant, xmpp::Actions&) {}  // a person writes: the bounds of the client suffice
  void on_time(xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] xmpp::Instant deadline() const;
  void on_unsent(xmpp::ConnectionRef connection, std::size_t bytes, xmpp::Instant now, xmpp::Actions& out);
  void on_arrived(xmpp::ConnectionRef connection, xmpp::Instant now, xmpp::Actions& out);
  void on_lost(xmpp::ConnectionRef connection, xmpp::Instant now, xmpp::Actions& out);

  [[nodiscard]] std::size_t held_bytes() const { return client_->held_bytes(); }

  // ---- for the shell
  void open_stream(StreamWish wish, xmpp::Instant now, xmpp::Actions& out);
  // The reader has asked for something: the session is in use, and the static page before is proven.
  void used(xmpp::Instant now, xmpp::Actions& out);
  // The reader has come, for whom somebody else began the session: it stays from now on as long as any other.
  void arrived(xmpp::Duration linger, xmpp::Instant now) {
    settings_.linger = linger;
    last_use_ = now;
  }
  // How many messages the next page of a conversation shows where `asked` were asked for: all that wait for a reader,
  // since what is on no page must not pass for read.
  [[nodiscard]] std::size_t backlog(ConversationId shown, std::size_t asked) const {
    return std::max(asked, client_->waiting(shown));
  }
  // A static page with everything there is has been written, and with the backlog() of before the conversation was
  // opened.
  void page_written(ConversationId shown);
  // To be called after commands, which may have changed the model.
  void show(xmpp::Instant now, xmpp::Actions& out);
  void log_out(xmpp::Instant now, xmpp::Actions& out);
  // A file on its way to the conversation; its connection is told to go on (ResumeClient) as soon as model() says where
  // to put it, or that it goes nowhere. Until end_file(), or the end of the connection. No problem and no id: this form
  // has brought its file before. Problem::busy: it is doing so on another connection.
  UploadStart begin_file(const FileWish& wish, xmpp::Instant now, xmpp::Actions& out);
  // The shell has put it there, and its link is sent; or could not, for a reason of its own.
  Problem end_file(UploadId id, Problem trouble, xmpp::Instant now, xmpp::Actions& out);
  // False: this form has been sent before.
  [[nodiscard]] bool take_once(std::string_view once);
  // Nothing came of it: whoever sends it again, as a second click does, is to hear why.
  void release_once(std::string_view once);

  [[nodiscard]] Client& client() { return *client_; }
  [[nodiscard]] const ChatModel& model() const { return client_->model(); }
  [[nodiscard]] const Reader& reader() const { return settings_.reader; }
  // Where pages that are of both kinds lead back to: what was looked at last.
  void prefer_static_pages(bool are) { settings_.reader.static_pages = are; }
  void set_reader(Reader reader, xmpp::Instant now, xmpp::Actions& out);
  [[nodiscard]] View view() const { return View{client_->model(), settings_.reader, settings_.token}; }
  [[nodiscard]] std::vector<xmpp::ConnectionRef> streams() const { return push_.connections(); }
  [[nodiscard]] bool is_displaced(std::string_view window) const { return push_.is_displaced(window); }

 private:
  struct FileOnItsWay {
    UploadId id{};
    xmpp::ConnectionRef connection{};
    std::string once;     // of its form, which counts as sent only if the file arrives
    bool waiting = true;  // for a place to put it
  };

  void hand_out(xmpp::Actions& out);
  void seen(const PageSeen& page, xmpp::Instant now, xmpp::Actions& out);
  void wake_files(xmpp::Actions& out);
  // Nobody looks and nothing is on its way.
  [[nodiscard]] bool is_left_alone() const { return push_.size() == 0 && files_.empty(); }

  std::unique_ptr<Client> client_;
  PushEngine push_;
  Pages* pages_;
  WebSettings settings_;
  std::vector<Chunk> chunks_;  // of one step
  std::deque<std::string> sent_forms_;
  std::optional<PageSeen> page_;  // the static one that was written last
  std::vector<FileOnItsWay> files_;
  xmpp::Instant last_use_, ended_at_ = xmpp::never;
  bool forgotten_ = false;
};

}  // namespace webclient
