// What a session hands out on a push stream instead of in answers (V-001 ... V-009): numbered events, each a <body/>,
// kept until the client has shown that it has them, and given again to whoever opens the stream anew.
//
//   proven, forgotten │ given, not proven: the log │ waits in the ClientQueue
//
// One reader at a time. Events are given while the reader takes them and not too much is unproven; so what is kept is
// bounded, whatever the reader does. It judges and counts; the engine pushes, ends and answers.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bosh/client_queue.hpp"
#include "bosh/event_format.hpp"
#include "bosh/policy.hpp"
#include "xmpp/binding.hpp"
#include "xmpp/time.hpp"

namespace bosh {

// Who asks for the stream.
struct StreamWish {
  xmpp::ConnectionRef connection{};
  EventFormat format = EventFormat::sse;
  std::string nonce;
  std::optional<std::uint64_t> last;  // the newest event that the client has
};

class EventStream {
 public:
  // `before`: counted elements that were handed out in answers. `next`: the number of the first event.
  EventStream(const PushPolicy& policy, std::uint64_t before, std::uint64_t next)
      : policy_(&policy), before_(before), seen_elements_(before), next_(next) {}

  // ---- the reader
  [[nodiscard]] bool attached() const { return reader_.has_value(); }
  [[nodiscard]] xmpp::ConnectionRef connection() const { return reader_->connection; }
  // Appends to `bytes` all that this reader is to have at once.
  void attach(const StreamWish& wish, xmpp::Instant now, std::string& bytes);
  // Appends its last words for a reader that is replaced by another.
  void say_moved(std::string& bytes) const { reader_->writer.sign(bytes, EventWriter::Sign::moved); }
  void detach() { reader_.reset(); }
  void on_unsent(std::size_t bytes) { reader_->writable = bytes == 0; }

  // ---- events
  // Something may be given now.
  [[nodiscard]] bool may_give() const;
  // The front of the queue becomes an event, which is kept, and appended to `bytes` if there is a reader.
  void give(ClientQueue& queue, const ClientQueue::Batch& batch, std::uint64_t elements, std::string& bytes);
  // The end of the session, as a complete body.
  void give_end(std::string document, std::string& bytes);
  // Appends a sign of life if one is due.
  void keep_alive(xmpp::Instant now, std::string& bytes);
  // What was appended leaves now.
  void sent(std::size_t bytes, xmpp::Instant now);
  // The connection has done its service: the client is to open the next one.
  [[nodiscard]] bool is_over(xmpp::Instant now) const;
  [[nodiscard]] xmpp::Instant deadline() const;

  // ---- proof
  [[nodiscard]] bool is_news(std::uint64_t id) const;
  // The client has this event and all before it.
  void seen(std::uint64_t id);
  // Counted elements of the session that are proven if `before` is, and those.
  [[nodiscard]] std::uint64_t seen_elements() const { return seen_elements_; }
  [[nodiscard]] std::uint64_t before() const { return before_; }

  // ---- back to answers
  // Puts what is not proven in front of what waits, and says how many counted elements that were.
  [[nodiscard]] std::uint64_t give_back(ClientQueue& queue);
  [[nodiscard]] std::uint64_t next() const { return next_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Kept {
    std::uint32_t size;
    xmpp::StanzaKind kind;
    xmpp::StanzaType type;
    bool counted;
  };
  struct Event {
    std::uint64_t id;
    std::uint64_t elements;  // counted elements handed out up to and with it
    std::string document;
    std::size_t head;  // size of what precedes the payload in `document`
    std::vector<Kept> stanzas;
  };
  struct Reader {
    xmpp::ConnectionRef connection;
    EventWriter writer;
    xmpp::Instant opened;
    xmpp::Instant last_sent;
    std::size_t bytes = 0;
    bool writable = true;
  };
  void keep(Event event, std::string& bytes);

  const PushPolicy* policy_;
  std::uint64_t before_;
  std::uint64_t seen_elements_;
  std::uint64_t next_;
  std::deque<Event> log_;
  std::size_t bytes_ = 0;  // of the documents in the log
  std::optional<Reader> reader_;
};

}  // namespace bosh
