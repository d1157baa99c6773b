// Runs an engine through a conversation written as text, so that a test reads beside the XEP:
//
//   C>10 [ack='9'] <message/>   the client's request 10: attributes in brackets, then payload; `C>10 <body ...>`: as
//   is.
//                               Letters behind the number tell copies of a request apart: C>10, C>10b
//   GONE 10b                    the connection of that copy is gone
//   OPENED id=s1 [version=1.0]  the server's stream header
//   S> <message/>               from the server, the end of what one read has brought
//   S+ <message/>               likewise, and more follows in the same read
//   at 55s, at 1500ms           time goes on to that moment since the start, stopping at every deadline
//   CLOSE server_lost           the shell ends the session
//   CONGESTED, FLOWING          the server does not, does again read
//   2 S> ..., 2 OPENED ..., 2 CLOSE ..., 2 CONGESTED     likewise, of the session's second stream to a server
//   ACCEPT 2 example.net, REFUSE 2 host-unknown          what became of it
//   STREAM a [7]                a reader comes for the push stream, who has the events up to 7
//   UNSENT a 100, LOST a        so much of what was pushed to it has not left; its connection is gone
// and what the engine does about it, in its order, each on a line:
//   G>10 empty | G>10 <message/> | G>10 [type='terminate'] <message/> | G>10 404 [...]    (status 200 is not written)
//   U> <message/>   BOUNCE message id   OPEN   RESTART [lang]   PAUSE   RESUME   ACKED 3   END inactivity [condition]
//   OPEN 2                      another stream to a server is wished for; `2 U> ...` is what goes there
//   SHUT reason                 the stream to the server ends, and not the session
//   E>a 8 <message/> | E>a ready (alive, moved)   BYE a
//   FORGET REFUSED bad-request                 the creation request was refused BAD bad-request                     the
//   body could not be read, and the engine never saw it
// xmlns='jabber:client' and blank lines are left out, text behind '#' is a remark.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bosh/body.hpp"
#include "bosh/engine.hpp"
#include "bosh/policy.hpp"
#include "xmpp/binding.hpp"
#include "xmpp/fragment_splitter.hpp"
#include "xmpp/parser_pool.hpp"

namespace bosh::test {

class Transcript {
 public:
  explicit Transcript(Policy policy = {});

  // Compares; every difference is a test failure with the line of the script.
  void run(std::string_view script);
  // A session that is created by request 9 (answered, with features), hold='1' unless `attributes` say otherwise.
  void start(std::string_view attributes = "wait='60' hold='1' ver='1.6' xmpp:version='1.0'");
  // Likewise, with a second stream that request 10 has added; the policy has to allow it.
  void start_two(std::string_view attributes = "wait='60' hold='1' ver='1.6' xmpp:version='1.0'");
  // From the first request on: XEP-0252. Answers are read as browsers would, so that they look the same here.
  void speak_script() { script_ = true; }
  // Executes inputs only and returns everything that came out, one line each.
  std::vector<std::string> play(std::string_view script);

  [[nodiscard]] Engine& engine() { return *engine_; }
  [[nodiscard]] xmpp::Instant now() const { return now_; }
  Policy policy;

 private:
  [[nodiscard]] static bool is_input(std::string_view line);
  std::vector<std::string> input(std::string_view line);
  void request(std::string_view line);
  void create(xmpp::RequestId id, const Body& body);
  void from_server(std::uint32_t stream, std::string_view text, bool more);
  void server(std::uint32_t stream, std::string_view line);
  void decide(std::string_view line);
  void advance(std::string_view until);
  void reader(std::string_view line);
  [[nodiscard]] std::string label(xmpp::ConnectionRef ref) const;
  void render(const xmpp::Push& push, std::vector<std::string>& lines) const;
  [[nodiscard]] static std::string shape(std::string_view body);
  [[nodiscard]] std::vector<std::string> rendered();
  [[nodiscard]] std::string label(xmpp::RequestId id) const;
  [[nodiscard]] std::string render(const xmpp::Reply& reply) const;
  [[nodiscard]] static std::string render(const xmpp::Undeliverable& stanza);
  // What goes to a server, whichever; empty for anything else.
  template <typename Order>
  [[nodiscard]] static std::string render_order(const Order& order);

  xmpp::Limits limits_;
  BodyReader reader_;
  xmpp::FragmentSplitter splitter_;
  xmpp::ParserPool pool_;
  bool script_ = false;
  std::optional<Engine> engine_;
  xmpp::Actions actions_;
  std::vector<std::string> extra_;  // lines that are no actions
  std::map<std::string, xmpp::RequestId, std::less<>> ids_;
  std::map<xmpp::RequestId, std::string> labels_;
  std::map<std::string, xmpp::ConnectionRef, std::less<>> readers_;
  std::map<xmpp::RequestId, int> replies_;
  xmpp::Instant start_, now_;
  std::uint64_t next_id_ = 1;
};

// Otherwise as usual.
[[nodiscard]] Policy up_to(std::uint32_t streams);

// K(1) ... K(n) of XEP-0124 15.3 for a seed; keys[i] is K(i + 1).
[[nodiscard]] std::vector<std::string> key_sequence(std::string_view seed, std::size_t n);

}  // namespace bosh::test
