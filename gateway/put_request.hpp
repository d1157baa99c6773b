// An HTTP PUT to the place that the user's server has named for a file (XEP-0363): finds the host, connects, checks the
// certificate against that host, sends the head and then the bytes as they come, waits for the status. Nothing gathers
// here: the owner gives more when on_put_ready() says that what it gave has left.
//
// The URL is the word of a peer: only https at the domain itself or below it, at public addresses (checked when they
// are known), port 443 or above 1023; anything else only at origins that the operator has listed (upload_origins).
// Redirects are not followed (PROTOCOL U-007). Neither a general HTTP client nor a pool: one request, one connection.
// One shard, one thread.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/any_stream.hpp"
#include "gateway/ids.hpp"
#include "gateway/outbox.hpp"
#include "gateway/put_answer.hpp"
#include "gateway/resolver.hpp"
#include "gateway/setup.hpp"
#include "gateway/timers.hpp"

namespace gateway {

class Shard;

struct PutTarget {
  bool secure = true;
  bool listed = false;  // in upload_origins
  std::string host;     // without brackets
  std::uint16_t port = 0;
  std::string authority, path;  // as the URL has them
};

// Nothing: not a place that files of this domain may be sent to, or no URL that could stand in a request.
[[nodiscard]] std::optional<PutTarget> put_target(std::string_view url, const Domain& domain);
// Where that would have been, as a log line may show it: its server has chosen every character.
[[nodiscard]] std::string origin_for_log(std::string_view url);

// What becomes of it. Never within a call of the owner; none may destroy the request.
class PutOwner {
 public:
  virtual void on_put_ready() = 0;
  // Once, the last: the final status, or 0 and why there is none (for the log; no text of a peer).
  virtual void on_put_done(std::uint16_t status, std::string_view trouble) = 0;

 protected:
  ~PutOwner() = default;
};

class PutRequest final : public Timed, private Watcher {
 public:
  // `domain` is one of the setup; `on_behalf`: the connection that ends when something here fails badly.
  PutRequest(Shard& shard, ConnectionId on_behalf, PutOwner& owner, SetupPtr setup, const Domain& domain);
  ~PutRequest() override;

  // `head`: the whole head of the request.
  void open(PutTarget target, std::string head);
  // After on_put_ready().
  void write(std::string_view bytes);
  // All is given: now the server has to answer.
  void complete();
  [[nodiscard]] std::size_t unsent() const { return outbox_.pending(); }
  // Ends everything without a further callback.
  void close();

 private:
  enum class State : std::uint8_t { idle, resolving, connecting, handshaking, up, done, closed };

  void on_timer(xmpp::Instant now) override;
  void on_ready(Ready ready) override;
  void resolved(Resolution result);
  void connect_next();
  void connected();
  void continue_handshake();
  void attempt_failed(std::string_view detail);
  void up();
  void on_readable();
  void send();
  void conclude(std::uint16_t status, std::string_view trouble);
  void set_deadline(xmpp::Duration from_now);

  Shard& shard_;
  const ConnectionId on_behalf_;
  PutOwner& owner_;
  const SetupPtr setup_;
  const Domain& domain_;
  PutTarget target_;
  std::vector<Candidate> candidates_;
  std::size_t next_ = 0;
  Resolver::Lookup lookup_ = Resolver::Lookup::none;
  std::optional<AnyStream> stream_;
  Outbox outbox_;
  PutAnswer answer_;
  std::string trouble_;  // of the attempts so far, then of the whole
  std::uint16_t status_ = 0;
  State state_ = State::idle;
  xmpp::Instant deadline_ = xmpp::never;
  bool complete_ = false;
};

}  // namespace gateway
