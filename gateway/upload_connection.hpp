// Room 1 for a file on its way (XEP-0363): reads the form of one POST, hands the bytes of the file to a PutRequest as
// fast as that takes them, and answers when all of it is over. At most a few hundred kilobytes are ever here, whatever
// the size of the file; nothing is stored.
//
//   fields ─► asking (the server is asked for a place; reading stops) ─► sending ─► answered, rest thrown away
//
// What the form may do is decided by web_upload, where the request came in; what a file is, by the session.
// Owned by its shard, in whose thread everything happens; made from an HttpConnection by HttpConnection::leave().
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/any_stream.hpp"
#include "gateway/http_connection.hpp"
#include "gateway/ids.hpp"
#include "gateway/outbox.hpp"
#include "gateway/put_request.hpp"
#include "gateway/timers.hpp"
#include "webclient/ids.hpp"
#include "webclient/multipart.hpp"
#include "webclient/problem.hpp"

namespace gateway {

class Shard;

struct UploadWish {
  SessionId session;
  webclient::ConversationId to{};
  std::string boundary;
  std::uint64_t length = 0;  // of the whole body
  std::string form;          // its path, for which the token was minted
  std::string from;          // the browser's address, for the log
  bool framed = true;        // the form, and so the answer
};

class UploadConnection final : public Timed, private Watcher, private PutOwner {
 public:
  UploadConnection(Shard& shard, ConnectionId id, AnyStream stream, Peer peer);
  ~UploadConnection() override;

  // `body`: what has come of it.
  void start(UploadWish wish, std::string_view body);
  [[nodiscard]] xmpp::ConnectionRef ref() const { return make_connection_ref(id_); }

  // The session knows where the file goes, or that it goes nowhere. Called in the middle of its step.
  void pause(bool on);
  void session_failed(SessionId session);

  void close();
  [[nodiscard]] std::uint32_t buffered() const { return buffered_; }
  [[nodiscard]] bool writing() const { return !closed_ && outbox_.pending() > 0; }

 private:
  enum class Phase : std::uint8_t { fields, asking, sending, answered };

  void on_timer(xmpp::Instant now) override;
  void on_ready(Ready ready) override;
  void on_put_ready() override;
  void on_put_done(std::uint16_t status, std::string_view trouble) override;
  void on_readable();
  void browser_left();
  void take(std::string_view bytes);
  void begin_file();
  void send_file();
  void pass_on();
  void conclude(webclient::Problem problem);
  void after_write(Outbox::Result result);
  void read_on();
  void set_deadline(xmpp::Duration from_now);
  void note_buffered();
  [[nodiscard]] bool may_read() const;

  Shard& shard_;
  const ConnectionId id_;
  AnyStream stream_;
  Peer peer_;
  UploadWish wish_;
  std::optional<webclient::MultipartReader> reader_;
  std::unique_ptr<PutRequest> put_;
  std::optional<webclient::UploadId> upload_;  // as long as the session has it on its way
  std::string content_;                        // of the file, not yet given to put_
  std::uint64_t received_ = 0;                 // of the body
  Outbox outbox_;
  xmpp::Instant deadline_ = xmpp::never;
  std::uint32_t buffered_ = 0;  // as it was told to the shard
  Phase phase_ = Phase::fields;
  bool put_ready_ = false;
  bool decided_ = false;  // see pause()
  bool drained_ = false;  // our side is closed
  bool closed_ = false;
};

}  // namespace gateway
