// What leaves the client, and what it waits for: ids of stanzas, questions (iq) with who may answer them and until
// when, and XEP-0198 on both sides: what we sent and the server has not acknowledged is kept and sent again after a
// resume; what we received is acknowledged once a reader has it (PROTOCOL U-062, U-064, Z-008).
//
// Counting is modulo 2^32. Without XEP-0198 nothing is kept but messages written while there is no link.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webclient/context.hpp"
#include "webclient/ids.hpp"
#include "xmpp/strophe_stanza.hpp"

namespace webclient {

enum class Question : std::uint8_t {
  roster,
  roster_edit,
  carbons,
  account_features,
  server_features,
  server_items,
  item_features,
  bookmarks,
  private_bookmarks,
  private_edit,   // the list, to be changed ...
  private_write,  // ... and written
  bookmark_edit,
  archive,
  archive_end,
  catch_up,
  slot,
  ping,
  room_config,
  room_ping,
};

struct Asked {
  Question what{};
  ConversationId conversation{};
  std::uint32_t item = 0;
  std::string address;  // who is asked; empty: our own account
  std::string note;     // whatever the asker wants to see again
  xmpp::Instant due{};
};

// A message that has been sent, as the model knows it.
struct SentMessage {
  ConversationId conversation{};
  MessageId message{};
};

class Wire {
 public:
  Wire(const ClientSettings& settings, const Self& self);

  [[nodiscard]] std::string new_id();
  // It came from new_id(), if it stands in a message of ours.
  [[nodiscard]] bool is_own_id(std::string_view id) const {
    return id.starts_with(prefix_) && id.substr(prefix_.size()).starts_with('-');
  }
  // A number below `bound` that nobody outside can guess and that repeats with the seed.
  [[nodiscard]] std::uint64_t jitter(std::uint64_t bound);

  struct Unsent {
    std::string bytes;
    SentMessage message;  // 0: an error
  };

  // ---- sending. Without a link it is kept, if it can be resumed. False: it would have to be kept, and too much is;
  // then nothing has been sent.
  bool send(const xmpp::NewElement& stanza, Turn& turn);
  // What somebody else has brought about. Where half of the room is taken there is no answer: the rest is for what the
  // reader says.
  void answer(std::string_view bytes, Turn& turn);
  // Somebody waits for this one. Not where it is full().
  void send_error(std::string_view bytes, Turn& turn);
  // Behind what is put off.
  void send_message(const xmpp::NewElement& stanza, SentMessage message, Turn& turn);
  void send_again(const Unsent& unsent, Turn& turn);
  void send_now(std::string_view bytes, Turn& turn);  // login; not a stanza that counts
  // Sets id and `to`. False: too many are open, or full().
  bool ask(xmpp::NewElement iq, Asked asked, Turn& turn);
  // Too much is kept: nothing may be sent that is to be kept as well.
  [[nodiscard]] bool full() const;
  [[nodiscard]] bool takes_messages() const;
  // From when on this stream is of no use any more: it has been full for `patience` since the server was asked what it
  // has.
  [[nodiscard]] xmpp::Instant stuck_at(xmpp::Duration patience) const;
  // Not acknowledged, or never written: in both cases sent again.
  [[nodiscard]] std::size_t kept() const { return kept_.size(); }
  [[nodiscard]] std::size_t held_bytes() const { return kept_bytes_ + put_off_bytes_; }

  // ---- questions
  // What an iq of type result or error answers; nothing if nobody asked, or another one.
  [[nodiscard]] std::optional<Asked> answered(xmpp::ElementView iq);
  [[nodiscard]] std::vector<Asked> expired(xmpp::Instant now);
  [[nodiscard]] std::vector<Asked> forget_questions();
  [[nodiscard]] xmpp::Instant deadline() const;

  // ---- the link and XEP-0198
  void link_up();  // authenticated, and bound or resumed: stanzas may pass
  void link_down();
  [[nodiscard]] bool online() const { return online_; }
  // A new stream: <enable/> is on its way, and what is sent from here on counts; or the server does not offer it.
  void begin(bool offered, Turn& turn);
  void enabled(std::string_view id, bool resumable);
  void forget_resume();  // the server knows nothing of the old stream any more
  [[nodiscard]] bool managed() const { return managed_; }
  [[nodiscard]] bool resumable() const { return !resume_id_.empty(); }
  [[nodiscard]] std::string resume_request();

  // <resumed h/>: drops what has arrived, sends the rest. Nothing: h is impossible.
  [[nodiscard]] std::optional<std::vector<SentMessage>> resumed(std::uint32_t h, Turn& turn);
  [[nodiscard]] std::optional<std::vector<SentMessage>> acknowledged(std::uint32_t h);
  // A new stream instead of a resumed one: presence and questions mean nothing any more. Messages, and errors that are
  // owed to somebody, are handed out, or wait behind those that wait already until they are taken.
  [[nodiscard]] std::vector<Unsent> take_unsent();
  void put_off();
  [[nodiscard]] bool has_put_off() const { return !put_off_.empty(); }
  [[nodiscard]] std::vector<Unsent> take_put_off();

  // A stanza has come. False: it is one that was handled before the resume.
  [[nodiscard]] bool received(Turn& turn);
  // Where the stream stands: the number of the newest stanza, and of the count, since each begins anew.
  struct Mark {
    std::uint32_t stream = 0, stanza = 0;
    [[nodiscard]] bool is_before(const Mark& other) const {
      const auto ahead = stream == other.stream ? stanza - other.stanza : stream - other.stream;  // modulo 2^32
      return static_cast<std::int32_t>(ahead) < 0;
    }
  };
  [[nodiscard]] Mark mark() const { return {stream_, handled_}; }
  // False: the mark is of an earlier count, which nobody can acknowledge any more.
  [[nodiscard]] bool is_present(const Mark& mark) const { return mark.stream == stream_; }
  // The server has been told that it is here, or would be with the next <a/>, or has never counted it.
  [[nodiscard]] bool is_ours(const Mark& mark) const {
    return !is_present(mark) || !Mark{stream_, confirmed_}.is_before(mark);
  }
  // A reader has everything that was received up to there.
  void seen(const Mark& mark, Turn& turn);
  void acknowledge(Turn& turn);  // <a/>
  void request(Turn& turn);      // <r/>, unless one is open
  void probe(Turn& turn);        // <r/>, whether or not
  // The server has said something: no need to try the link out.
  void alive(xmpp::Instant now) { last_heard_ = now; }
  [[nodiscard]] xmpp::Instant last_heard() const { return last_heard_; }

 private:
  void count_anew();
  void acknowledge_much(Turn& turn);

  struct Kept {
    std::string bytes;
    SentMessage message;  // 0: something else
    bool owed = false;    // an error that somebody waits for
  };
  void write(std::string_view bytes, SentMessage message, bool owed, Turn& turn);

  const ClientSettings& settings_;
  const Self& self_;
  std::string prefix_;
  std::uint64_t last_id_ = 0, state_;
  std::map<std::string, Asked, std::less<>> asked_;

  std::deque<Kept> kept_;
  std::vector<Unsent> put_off_;
  std::size_t kept_bytes_ = 0, put_off_bytes_ = 0;
  std::string resume_id_;
  std::uint32_t acked_ = 0;                    // by the server, of ours; kept_ begins behind it
  std::uint32_t handled_ = 0, confirmed_ = 0;  // of the server's: in the model, and with a reader
  std::uint32_t said_ = 0;                     // of confirmed_: the server was told
  std::uint32_t stream_ = 0;                   // which one they count; new with <enabled/>, as the server's count is
  std::uint32_t resumes_at_ = 0;               // what the server has been told in <resume/>
  std::uint32_t skip_ = 0;                     // sent again after a resume though handled
  xmpp::Instant last_heard_{}, requested_at_{};
  bool online_ = false, managed_ = false, requested_ = false;
  bool counted_ = false;  // the server counts what it sends: it keeps that, and what is acknowledged too early is ours
};

}  // namespace webclient
