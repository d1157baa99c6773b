// Room 3: the connection to the XMPP server of one session: find it, connect, encrypt, read, write, close.
// Resolves through the shard's Resolver, tries the addresses one after the other (PROTOCOL U-001...U-007), does TLS
// directly or when the session asks for it (U-002, U-011) and checks the certificate against the domain (U-013).
// It does not parse: bytes go up to the owner, who has the splitter. One shard, one thread.
//
//   idle ──open()──► resolving ──► connecting ──► (handshake) ──► up ──close()──► closed
//
// Closed, it goes to Shard::bury(): what it has posted may still be on its way.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/address.hpp"
#include "gateway/any_stream.hpp"
#include "gateway/outbox.hpp"
#include "gateway/resolver.hpp"
#include "gateway/setup.hpp"
#include "gateway/timers.hpp"
#include "xmpp/fault.hpp"
#include "xmpp/sasl.hpp"
#include "xmpp/session.hpp"

namespace gateway {

class Shard;
struct Domain;

// What a link tells its session. None of these may destroy the link.
class LinkOwner {
 public:
  virtual void on_link_up(xmpp::TlsMode tls) = 0;
  virtual void on_link_encrypted() = 0;
  virtual void on_link_bytes(std::string_view bytes) = 0;  // valid during the call
  virtual void on_link_congested(bool is) = 0;             // unsent bytes above the high / below the low mark
  // Once, after which nothing more comes; also where unsent bytes are above the cap. `detail` is for the log: may hold
  // text of the system, never of a peer.
  virtual void on_link_down(xmpp::Fault fault, std::string_view detail) = 0;

 protected:
  ~LinkOwner() = default;
};

class Link final : public Timed, private Watcher {
 public:
  std::unique_ptr<Link> next_dead;  // for Shard::bury()

  // `domain` is one of the setup.
  Link(Shard& shard, LinkOwner& owner, SetupPtr setup, const Domain& domain);
  ~Link() override;

  // `client`: who is behind the session, for servers that want to know (U-015).
  void open(const Address& client);
  // see-other-host (U-016): the same domain, certificate and policy, another place. Drops the present connection.
  void open_elsewhere(std::string_view host, std::uint16_t port);
  // Which addresses were tried and why in vain, as long as none is connected; for the log.
  [[nodiscard]] std::string search_trouble() const;
  // STARTTLS: after the server said proceed.
  void start_tls();

  void write(std::string_view bytes);  // queued; goes out after flush()
  void flush();
  [[nodiscard]] std::size_t unsent() const { return outbox_.pending(); }
  void pause_reading(bool pause);
  // How safe it is to speak of secrets, and what to bind them to.
  [[nodiscard]] xmpp::SaslChannel channel() const;
  // Ends everything without a further callback.
  void close();

 private:
  enum class State : std::uint8_t { idle, resolving, connecting, handshaking, up, failed, closed };

  struct Search;

  void on_timer(xmpp::Instant now) override;
  void resolved(Resolution result);
  void connect_next();
  void connected();
  [[nodiscard]] bool introduce_client();
  void up(xmpp::TlsMode tls);
  void attempt_failed(std::string_view detail);
  [[nodiscard]] bool prepare_handshake();
  void continue_handshake();
  void on_ready(Ready ready) override;
  void on_round_end() override { send(); }
  void on_readable();
  void send();
  void report_congestion();
  template <typename Report>
  void report_later(Report report);
  void drop_stream();
  void fail(xmpp::Fault fault, std::string_view detail);

  Shard& shard_;
  LinkOwner& owner_;
  const SetupPtr setup_;
  const Domain& domain_;
  Address client_;
  std::optional<AnyStream> stream_;
  Outbox outbox_;
  std::unique_ptr<Search> search_;  // only until connected
  State state_ = State::idle;
  xmpp::TlsMode plain_mode_ = xmpp::TlsMode::starttls;  // of a connection that is not encrypted from the beginning
  bool direct_tls_ = false;
  bool paused_ = false, congested_ = false;
  bool blocked_ = false;  // unsent bytes wait for the socket
};

}  // namespace gateway
