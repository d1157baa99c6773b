// Room 1: one accepted connection that speaks HTTP/1.x, plain or TLS. Reads requests, hands them to the routes of its
// shard, writes the answers in the order of the requests (PROTOCOL H-001...H-023, RFC 9112).
//
// It knows no session: it remembers under which session id a request waits, only to report that its client is gone.
// It reads on while a request is held, because old clients pipeline (H-010) and because that is how a lost client is
// noticed (H-022). Nothing is buffered for a connection that waits. Of a client that does not read its answers nothing
// more is read either.
//
// Owned by its shard, in whose thread everything happens; the shard erases it once it is closed().
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/address.hpp"
#include "gateway/admission.hpp"
#include "gateway/any_stream.hpp"
#include "gateway/compression.hpp"
#include "gateway/cors.hpp"
#include "gateway/file_body.hpp"
#include "gateway/ids.hpp"
#include "gateway/outbox.hpp"
#include "gateway/request_parser.hpp"
#include "gateway/timers.hpp"

namespace gateway {

class Shard;
struct Config;
struct Listen;

// What is the same for all requests of a connection.
struct Peer {
  Address address;   // of the socket, or whom a PROXY header named
  bool tls = false;  // to us, or to the proxy that said so
  bool private_listener = false;
  bool unnamed = false;   // the proxy did not say for whom it speaks: whatever it passes on is no word of its own
  ConnectionPlace place;  // nowhere for a private listener
};

// One complete request, as the routes see it. Views live during the call.
struct Request {
  xmpp::RequestId id;
  const RequestHead& head;
  std::string_view body;
  const Peer& peer;
};

// One complete answer. Length, connection and CORS header fields are added by the connection.
struct Answer {
  std::uint16_t status = 200;
  std::string_view content_type;
  std::string_view body;
  std::string_view fields;  // further header fields, each ending in CRLF
  bool close = false;       // end the connection after this answer
  bool compress = false;    // if the request allows it and the configuration wants it
  CrossOrigin cross_origin = CrossOrigin::configured;
  std::string_view cache_control = "no-store";
};

// Why a request is answered without having been read to its end.
enum class Refusal : std::uint8_t { malformed, header_too_large, body_too_large, timed_out };

class HttpConnection final : public Timed, private Watcher {
 public:
  HttpConnection(Shard& shard, ConnectionId id, AnyStream stream, Peer peer);
  ~HttpConnection() override;

  // Begins with the TLS handshake or the first request.
  void start();
  // Goes on with what another shard has read (see leave).
  void adopt(const RequestHead& head, std::string_view body, std::string_view left_over);

  // The answer to a request of this connection. Unknown sequence numbers are ignored.
  void answer(std::uint32_t sequence, const Answer& answer);
  // The same with all that is left of a file for a body, whatever `answer` has there. Read when the client has room.
  void answer(std::uint32_t sequence, const Answer& answer, FileBody file);
  // The request waits in a session: tell it if the client goes away.
  void belongs_to(std::uint32_t sequence, SessionId session);
  // It is going to be held long (a WebSocket, a stream) for this client, which is not its peer where a proxy is in
  // between. Empty: it may; else why not.
  [[nodiscard]] std::string_view hold_for(const Client& client);
  // The socket is to go on as something else: a connection of another shard, another kind of connection. `take` is
  // called with it and with what was read behind the present request, which stays unanswered here, when all earlier
  // requests are answered and nothing is being parsed: not by this call, and in nobody's step. This object is closed
  // then.
  struct Left {
    AnyStream stream;
    Peer peer;
    std::string unread;
  };
  void leave(std::function<void(Left)> take);

  // A session is no more, by a fault of ours: its requests are answered so.
  void session_failed(SessionId session);
  // Bytes kept: of unfinished requests, of answers that are not out.
  [[nodiscard]] std::uint32_t buffered() const { return buffered_; }

  // Of the last answers so many may not have arrived, as far as is remembered; all to one session.
  [[nodiscard]] std::uint32_t unproven() const { return unproven_; }
  // Closes at once, reporting requests that wait as gone.
  void close();
  // Of one that is closed, where telling one of its sessions has thrown: tells those that have not been told yet.
  void report_gone();
  // An answer is on its way.
  [[nodiscard]] bool writing() const { return !closed_ && outbox_.pending() > 0; }
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  struct Waiting {  // a request without its complete answer
    SessionId session;
    bool answered = false;  // complete in `bytes`, but not its turn yet
    bool http10 = false, keep_alive = false, head_only = false, close = false;
    Coding accepted = Coding::identity;
    std::string origin;  // only where CORS depends on it
    std::string bytes;
    std::unique_ptr<FileBody> file;  // follows `bytes`
  };

  void on_timer(xmpp::Instant now) override;
  void on_ready(Ready ready) override;
  void on_round_end() override;
  void serve_ready(Ready ready);
  void note_buffered();
  void continue_handshake();
  void on_readable();
  void take(std::string_view bytes);
  void pause();
  void resume();
  std::size_t parse(std::string_view bytes);
  void request_complete();
  void accept_request(const RequestHead& head, std::string_view body);
  void refuse_unparsable(boost::system::error_code code);
  void refuse(Refusal refusal);
  void end_of_input();
  void probe();
  [[nodiscard]] Waiting* unanswered(std::uint32_t sequence);
  void write_head(const Waiting& request, const Answer& answer, std::size_t length, std::string_view coding);
  void send_or_keep(std::uint32_t sequence, std::string_view body, std::unique_ptr<FileBody> file);
  void pop_front();
  void add_ready();
  void send_file();
  void break_off();
  void after_write(Outbox::Result result);
  void drain();
  void set_deadline(xmpp::Duration from_now);
  void wait_for_reader();
  void read_within(xmpp::Duration time);
  void arm_deadline();
  void try_leave();

  Shard& shard_;
  const ConnectionId id_;
  AnyStream stream_;
  Peer peer_;
  std::unique_ptr<RequestParser> parser_;  // only while a request is incomplete
  std::string unparsed_;                   // bytes the parser could not use yet: part of a header
  std::vector<Waiting> waiting_;           // in order; the first has sequence number first_
  std::uint32_t first_ = 0;
  Outbox outbox_;
  std::unique_ptr<FileBody> file_;                    // being sent; everything else waits for its end
  SessionId unproven_for_;                            // whose answers were the last since a request came ...
  std::uint32_t unproven_ = 0;                        // ... and how many they are, at most most_known
  Progress progress_;                                 // of a reader who is waited for
  std::unique_ptr<std::function<void(Left)>> leave_;  // apart, because hardly any connection has it
  xmpp::Instant deadline_ = xmpp::never;
  std::uint32_t buffered_ = 0;     // as it was told to the shard
  std::uint32_t answered_in_ = 0;  // second, modulo 2^32; a second fits where an Instant would cost eight bytes
  bool handshaking_ = false;
  bool blocked_ = false;  // an answer waits for the peer to read
  bool paused_ = false;   // nothing is read: what has been read waits in unparsed_
  bool parsing_ = false;
  bool got_header_ = false;     // of the request being read
  bool streamed_ = false;       // the body of a request is not read here: more of it may come after the answer
  bool last_request_ = false;   // the answer to the newest request ends the connection
  bool last_answered_ = false;  // and it has been given
  bool half_closed_ = false;    // the peer will send nothing more, but may be listening (E-35)
  bool answer_begun_ = false;   // by probe()
  bool write_failed_ = false;   // the peer is gone; the read side will say so
  bool was_reset_ = false;      // by the peer
  bool draining_ = false;       // our side is closed; what still comes is thrown away
  bool closed_ = false;
};

}  // namespace gateway
