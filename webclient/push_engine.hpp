// The endless pages of one session (PROTOCOL Z-001...Z-004, Z-009, Z-010). Pull-driven: a stream is given its next
// chunk only when the one before is out, and a chunk shows the state of the model at the moment it is made; so a reader
// that is slow gets the newest, and nothing piles up for it. It follows the model's journal by number.
//
//              open() ─► first chunk ─┐            keep-alive when nothing else was sent for a while
//   journal ─► on_change() ───────────┴─► chunks ─► … ─► last chunk: the page loads itself anew
//
// A stream is renewed when the page has grown too long for a browser, when what changed is more than bubbles and rules
// can tell, or when it is too far behind; at a quiet moment where it can wait, because a reader loses the place. A
// fifth stream ends the oldest, whose window is then told that the conversation goes on elsewhere.
//
// It deliberately knows no HTTP and no XMPP. Not a binding by itself: the client of the session is. One shard.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "webclient/iframe_stream.hpp"
#include "webclient/pages.hpp"
#include "xmpp/binding.hpp"
#include "xmpp/time.hpp"

namespace webclient {

struct PushPolicy {
  std::size_t streams = 4;  // at a time; browsers have six connections for one site
  xmpp::Duration keep_alive = std::chrono::seconds(15);
  std::size_t max_messages = 800;  // of one stream, then it is renewed; twice that: at once
  std::size_t max_rules = 5000;
  std::size_t max_bytes = 4 * 1024 * 1024;
  std::size_t chunk_bytes = 64 * 1024;                 // about; one item may be longer
  xmpp::Duration quiet = std::chrono::seconds(3);      // without a message
  xmpp::Duration patience = std::chrono::seconds(15);  // between renewals that can wait
  xmpp::Duration pause = std::chrono::seconds(1);      // between renewals that should not
};

struct StreamWish {
  xmpp::ConnectionRef connection{};
  ConversationId shown{};  // 0: the list
  StreamPage page;
  std::string spare;  // a name that no frame has yet
};

struct Chunk {
  xmpp::ConnectionRef connection{};
  std::string bytes;
  bool last = false;
};

class PushEngine {
 public:
  explicit PushEngine(const PushPolicy& policy) : policy_(policy) {}

  // The window was told to make room for another one.
  [[nodiscard]] bool is_displaced(std::string_view window) const;

  void open(const StreamWish& wish, const View& view, Pages& pages, xmpp::Instant now, std::vector<Chunk>& out);
  // So many bytes of what was given for this stream have not left; while there are any, nothing more is given.
  void on_unsent(xmpp::ConnectionRef connection, std::size_t bytes);
  // All that was given for this stream is with the client's machine. Everything: and there is no more to show.
  struct Arrived {
    bool everything = false;
    ConversationId shown{};
  };
  [[nodiscard]] Arrived on_arrived(xmpp::ConnectionRef connection, const Journal& journal);
  void on_gone(xmpp::ConnectionRef connection);
  // The streams that have been given all there is of the conversation they show, which may be on its way; also with
  // their last words.
  struct Complete {
    xmpp::ConnectionRef connection{};
    ConversationId shown{};
  };
  // The journal may have grown, or deadline() has come.
  std::vector<Complete> on_change(const View& view, xmpp::Instant now, std::vector<Chunk>& out);
  // Every stream ends; what it loads then tells why.
  void close_all(std::vector<Chunk>& out);
  [[nodiscard]] xmpp::Instant deadline(const Journal& journal) const;
  // Somebody looks, and has got everything.
  [[nodiscard]] bool is_up_to_date(const Journal& journal) const;

  [[nodiscard]] std::size_t size() const { return streams_.size(); }
  [[nodiscard]] std::vector<xmpp::ConnectionRef> connections() const;
  // The conversations that somebody looks at just now. A stream that takes nothing is not looked at.
  [[nodiscard]] std::vector<ConversationId> shown() const;

 private:
  struct Stream {
    xmpp::ConnectionRef connection{};
    ConversationId shown{};
    StreamPage page;         // where it goes on
    std::uint64_t next = 0;  // event of the journal
    xmpp::Instant opened{}, last_beat{}, last_message{};
    std::size_t messages = 0, in_section = 0, rules = 0, bytes = 0;
    WallTime last_day{};
    std::vector<OccupantId> newcomers;  // by their places
    bool writable = true, beat = false, arrived = false;
    bool renew_soon = false, renew_later = false;
    bool cut_short = false;  // has ended without what there was
  };
  struct Changes;

  static void give(Stream& stream, std::string bytes, std::vector<Chunk>& out);
  void produce(Stream& stream, const View& view, xmpp::Instant now, std::vector<Chunk>& out);
  bool collect(Stream& stream, const View& view, Changes& changes) const;
  void append_messages(Stream& stream, const Conversation& shown, const Changes& changes, const View& view,
                       xmpp::Instant now, std::string& out) const;
  static std::string rules_for(const Stream& stream, const Changes& changes, const View& view);
  [[nodiscard]] bool due_for_renewal(const Stream& stream, xmpp::Instant now) const;
  [[nodiscard]] xmpp::Instant renewal_at(const Stream& stream) const;
  void displace_oldest(std::vector<Chunk>& out);
  static void end(const Stream& stream, std::string bytes, std::vector<Chunk>& out, std::string_view farewell = {});

  PushPolicy policy_;
  std::vector<Stream> streams_;  // oldest first
  std::deque<std::string> displaced_;
};

}  // namespace webclient
