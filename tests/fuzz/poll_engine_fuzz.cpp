// A polling session in two ways, which the first byte chooses. Bytes of a client, cut into requests by the input
// itself: every request gets one answer, nothing but complete stanzas reaches the server, and they are the same however
// the stream was cut. And a random course of events: answers carry what the server has said in its order, without a gap
// and again only where a connection is known to have died; exactly what was answered before a request is acknowledged
// with it; what is left at the end goes back where the client has not brought it about, and is not acknowledged any
// more; memory has its bounds.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "bosh/poll_engine.hpp"
#include "tests/fuzz/complain.hpp"
#include "tests/fuzz/steps.hpp"
#include "xmpp/parser_pool.hpp"

namespace {

constexpr std::string_view header =
    "<stream:stream to='a' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

struct Run {
  xmpp::ParserPool pool;
  xmpp::Limits limits{.max_bytes = 4096};
  bosh::PollPolicy policy;
  bosh::PollEngine engine{policy, pool, limits, {"id", "a", "/p"}, {}};
  xmpp::Actions actions;
  xmpp::Instant now{};
  std::uint64_t asked = 0, answered = 0;
  std::string to_server;
  bool over = false;

  void collect() {
    for (const auto& action : actions.list) {
      if (const auto* const sent = std::get_if<xmpp::ToServer>(&action)) to_server += sent->bytes;
      if (std::holds_alternative<xmpp::Reply>(action)) ++answered;
      if (std::holds_alternative<xmpp::EndSession>(action)) over = true;
    }
    actions.clear();
  }
  explicit Run(std::string_view stream, std::size_t step) {
    engine.on_create(xmpp::RequestId{++asked}, header, now, actions);
    engine.opened({"1", "a", "1.0", {}}, now, actions);
    engine.deliver({"<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>", xmpp::StanzaKind::features},
                   now, actions);
    engine.delivered_all(now, actions);
    collect();
    for (std::size_t at = 0; at < stream.size() && !over; at += step) {
      engine.on_poll(xmpp::RequestId{++asked}, {"id", {}, {}, stream.substr(at, step)}, now, actions);
      collect();
    }
    while (engine.deadline() != xmpp::never) {
      now = engine.deadline();
      engine.on_time(now, actions);
      collect();
    }
    if (answered != asked) std::abort();
  }
};

class Course {
 public:
  explicit Course(fuzz::Input in) : in_(in) {
    policy_.max_response_bytes = 500;
    policy_.queue_high = 1000;
    policy_.queue_low = 300;
    policy_.queue_cap = 3000;
  }

  void run() {
    engine_.on_create(next_request(), header, now_, actions_);
    check();
    while (in_.more() && !forgotten_) step();
    engine_.congested(false, now_, actions_);
    check();
    for (int i = 0; i < 100'000 && engine_.deadline() != xmpp::never; ++i) wait_until(engine_.deadline());
    if (engine_.deadline() != xmpp::never) fuzz::complain("no end", {});
    for (const Request& request : requests_)
      if (!request.answered && !request.gone) fuzz::complain("no answer", {});
  }

 private:
  struct Request {
    bool answered = false, gone = false;
    std::uint64_t round = 0;  // polls that had come when it was answered
  };

  void step() {
    switch (in_.below(9)) {
      case 0:
      case 1:
        return poll("");
      case 2:
        return poll("<message to='b'/><presence/>");
      case 3:
        return poll("<iq");  // never completed: what follows is nonsense
      case 4:
        return from_server();
      case 5:
        return gone();
      case 6:
        engine_.congested(in_.flag(), now_, actions_);
        return check();
      case 7:
        return wait_until(now_ + std::chrono::milliseconds(100 * in_.byte()));
      default:
        if (in_.below(16) != 0) return engine_.delivered_all(now_, actions_), check();
        end_is_given_ = true;
        engine_.close(static_cast<xmpp::EndReason>(in_.below(13)), "fuzz", now_, actions_);
        return check();
    }
  }

  xmpp::RequestId next_request() {
    requests_.emplace_back();
    return xmpp::RequestId{requests_.size()};
  }

  void poll(std::string_view xml) {
    fuzz::trace("poll", requests_.size() + 1, xml);
    proven_ = given_;
    may_acknowledge_ = ended_ ? 0 : given_;
    ++round_;
    engine_.on_poll(next_request(), {"id", {}, {}, xml}, now_, actions_);
    check();
    may_acknowledge_ = 0;
  }

  void from_server() {
    const unsigned kind = in_.byte();
    fuzz::trace("server", kind);
    if (kind < 8) {
      if (unopened_ == 0) return;  // once a stream
      --unopened_;
      engine_.opened({"1", "a", kind % 2 == 0 ? "1.0" : "", {}}, now_, actions_);
    } else if (kind < 16) {
      engine_.deliver({"<stream:features/>", xmpp::StanzaKind::features}, now_, actions_);
    } else if (kind < 18) {
      engine_.deliver({"<success/>", xmpp::StanzaKind::sasl_success}, now_, actions_);
    } else if (kind < 20) {
      engine_.deliver({"<stream:error/>", xmpp::StanzaKind::stream_error}, now_, actions_);
    } else {
      if (!ended_) ++sent_;
      const std::string text =
          "<message from='a@b' id='s" + std::to_string(sent_) + ".' fill='" + std::string(kind, '.') + "'/>";
      engine_.deliver({text, xmpp::StanzaKind::message}, now_, actions_);
    }
    check();
    if (kind % 2 == 0) engine_.delivered_all(now_, actions_);
    check();
  }

  void gone() {
    const std::size_t which = in_.below(static_cast<unsigned>(requests_.size()));
    Request& request = requests_[which];
    if (request.gone) return;
    fuzz::trace("gone", which + 1);
    request.gone = true;
    // Of those that were answered since the last poll: all of them come again.
    if (request.answered && request.round == round_) given_ = proven_;
    engine_.on_gone(xmpp::RequestId{which + 1}, now_, actions_);
    check();
  }

  void wait_until(xmpp::Instant then) {
    for (int i = 0; engine_.deadline() <= then; ++i) {
      if (i > 1000) fuzz::complain("the deadline does not move", {});
      now_ = std::max(now_, engine_.deadline());
      engine_.on_time(now_, actions_);
      check();
    }
    now_ = std::max(now_, then);
  }

  void check() {
    for (const auto& action : actions_.list) {
      if (const auto* reply = std::get_if<xmpp::Reply>(&action)) check_reply(*reply);
      if (const auto* acknowledged = std::get_if<xmpp::AcknowledgedUpTo>(&action)) {
        const std::uint64_t count = acknowledged->stanzas;
        if (ended_) fuzz::complain("acknowledged after the end", {});
        if (count != may_acknowledge_ || count <= acknowledged_) fuzz::complain("acknowledged otherwise", {});
        acknowledged_ = count;
      }
      if (const auto* back = std::get_if<xmpp::Undeliverable>(&action)) {
        check_undeliverable(*back);
      }
      if (const auto* end = std::get_if<xmpp::EndSession>(&action)) check_end(*end);
      if (std::holds_alternative<xmpp::Forget>(action)) forgotten_ = true;
      if (std::holds_alternative<xmpp::RestartStream>(action)) ++unopened_;
    }
    actions_.clear();
    constexpr std::size_t slack = 16 * 1024;  // an unfinished stanza of the client, and its parser
    if (engine_.held_bytes() > policy_.queue_cap + 2 * policy_.max_response_bytes + slack)
      fuzz::complain("memory without bound", std::to_string(engine_.held_bytes()));
  }

  void check_reply(const xmpp::Reply& reply) {
    Request& request = requests_[static_cast<std::size_t>(reply.request) - 1];
    if (request.answered || request.gone) fuzz::complain("answered twice, or nobody", {});
    request.answered = true;
    request.round = round_;
    fuzz::trace("reply", static_cast<std::uint64_t>(reply.request), reply.body);
    constexpr std::string_view mark = " id='s";
    for (auto at = reply.body.find(mark); at != reply.body.npos; at = reply.body.find(mark, at + 1)) {
      const auto number = std::strtoull(reply.body.data() + at + mark.size(), nullptr, 10);
      const bool is_back = returned_ > 0 && number >= returned_from_;
      if (number != given_ + 1 || is_back) fuzz::complain("not the next one", reply.body);
      given_ = number;
    }
  }

  void check_undeliverable(const xmpp::Undeliverable& back) {
    if (ended_) fuzz::complain("to the server after the end", back.bounced);
    if (back.number != std::max(returned_, given_) + 1) fuzz::complain("returned out of order", back.bounced);
    if (back.bounced.find(" id='s" + std::to_string(back.number) + ".'") == back.bounced.npos)
      fuzz::complain("a stanza under another's number", back.bounced);
    if (returned_ == 0) returned_from_ = back.number;
    returned_ = back.number;
  }

  // Where the server is there it still has what was answered; the rest has gone back to it. A client that ends its
  // session itself is there for the rest: its next polls fetch it.
  void check_end(const xmpp::EndSession& end) {
    if (ended_) fuzz::complain("ended twice", {});
    ended_ = true;
    const bool goes_back =
        end_is_given_ || end.reason == xmpp::EndReason::inactivity || end.reason == xmpp::EndReason::policy;
    const bool is_left = std::max(given_, returned_) < sent_;
    if (is_left && goes_back && !xmpp::server_is_gone(end.reason)) fuzz::complain("swallowed", {});
  }

  fuzz::Input in_;
  xmpp::ParserPool pool_;
  xmpp::Limits limits_{.max_bytes = 4096};
  bosh::PollPolicy policy_;
  bosh::PollEngine engine_{policy_, pool_, limits_, {"id", "a", "/p"}, {}};
  xmpp::Actions actions_;
  xmpp::Instant now_{};
  std::vector<Request> requests_;
  std::uint64_t sent_ = 0, given_ = 0, proven_ = 0, acknowledged_ = 0, returned_ = 0, returned_from_ = 0,
                may_acknowledge_ = 0, round_ = 0;
  unsigned unopened_ = 1;
  bool ended_ = false, forgotten_ = false, end_is_given_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0 && (data[0] & 128) != 0) {  // no letter of a client
    Course(fuzz::Input(data + 1, size - 1)).run();
    return 0;
  }
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto request = bosh::read_poll_request(input)) {
    if (request->id.empty() || request->xml.size() > input.size()) std::abort();
    xmpp::ParserPool pool;
    const xmpp::Limits limits{.max_bytes = 4096};
    static_cast<void>(bosh::read_poll_header(request->xml, pool, limits));
    bosh::PollKeys keys(request->key);
    static_cast<void>(keys.accept(*request));
  }
  const Run whole(input, size + 1);
  const Run cut(input, 3);
  if (whole.to_server != cut.to_server || whole.over != cut.over) {
    std::fprintf(stderr, "depends on how it is cut\n");
    std::abort();
  }
  return 0;
}
