// Several streams to servers in one session: a client that adds, uses, names wrongly and closes them, servers that talk
// and vanish, connections that break, at random around one engine. What must hold:
//   a body has the payload of one stream and says whose; of each stream everything is handed out once and in order, or
//   goes back to its own server; a repeat gets what its rid got;
//   what the client says reaches the streams that it names, or all, once and in order;
//   of no stream more is acknowledged than answers that the client has shown to have held of it (see Losses);
//   nothing is asked of a stream that is over, and the end of the session leaves none; what is kept is bounded; every
//   living request gets one reply; after on_time() the deadline lies ahead.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "bosh/engine.hpp"
#include "bosh/response.hpp"
#include "tests/fuzz/losses.hpp"
#include "tests/fuzz/steps.hpp"

namespace {

using bosh::Rid;
using fuzz::Input;
using fuzz::trace;
using xmpp::RequestId;
using xmpp::StanzaKind;

[[noreturn]] void complain(const char* what, std::string_view more = {}) {
  fuzz::complain(what, more);
}

constexpr Rid first = 100;
constexpr std::uint32_t most = 4;

// Of one stream: what its server has said that is not handed out, and what was, by the requests that carried it.
struct Server {
  std::deque<std::uint64_t> waiting;
  std::map<Rid, std::uint64_t> handed_out_by;
  std::uint64_t sent = 0, handed_out = 0, bounced = 0, acknowledged = 0, forwarded = 0;
  bool open = false, over = false;  // over: shut by us, or gone by itself
  bool told = false;                // the client knows that: nothing of it is proven any more, so nothing is in doubt
};

struct Mark {
  std::uint32_t stream;
  std::uint64_t number;
};

// "<mark>STREAM-NUMBER'" wherever it stands in a text.
std::vector<Mark> marks(std::string_view text, std::string_view mark) {
  std::vector<Mark> found;
  for (auto at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at)) {
    at += mark.size();
    Mark one{};
    for (; text[at] != '-'; ++at) one.stream = one.stream * 10 + static_cast<unsigned>(text[at] - '0');
    for (++at; text[at] != '\''; ++at) one.number = one.number * 10 + static_cast<unsigned>(text[at] - '0');
    found.push_back(one);
  }
  return found;
}

class World {
 public:
  explicit World(Input& input) : in_(input) {}

  void run() {
    create();
    for (int steps = 0; in_.more() && !ended_ && steps < 2000; ++steps) step();
    finish();
  }

 private:
  void create() {
    const unsigned bits = in_.byte();
    policy_.max_streams = most;
    policy_.max_response_bytes = (bits & 1) != 0 ? 120 : 1 << 20;
    policy_.queue_high = 600;
    policy_.queue_low = 200;
    policy_.queue_cap = (bits & 2) != 0 ? 1500 : 100'000;
    policy_.max_in_doubt = (bits & 4) != 0 ? 3 : 1'000'000;
    acks_ = (bits & 8) != 0;
    bosh::Body body = blank();
    body.rid = first;
    body.to = "one";
    body.ver = "1.6";
    body.hold = 1;
    body.wait = (bits & 16) != 0 ? 0 : 60;
    if (acks_) body.ack = 1;
    auto read = bosh::read_creation(body, policy_);
    requests_ = std::get<bosh::Creation>(read).requests;
    engine_ =
        std::make_unique<bosh::Engine>(policy_, std::get<bosh::Creation>(read), bosh::Identity{"sid", "one"}, now_);
    servers_[1].open = true;
    engine_->on_create(open(first), body, now_, out_);
    check();
    engine_->opened({"id", "one", "1.0", "en"}, now_, out_);
    engine_->deliver({"<f/>", StanzaKind::features}, now_, out_);
    engine_->delivered_all(now_, out_);
    check();
  }

  void step() {
    switch (in_.below(10)) {
      case 0:
      case 1:
      case 2:
        return request();
      case 3:
      case 4:
      case 5:
        return server_says();
      case 6:
        return server_goes();
      case 7:
        return repeat();
      case 8:
        return gone();
      default:
        return wait(in_.flag() ? 3 : 1000ULL * in_.below(40));
    }
  }

  static bosh::Body blank() {
    static const std::vector<xmpp::Stanza> none;
    bosh::Body body;
    body.payloads = &none;
    return body;
  }

  void request() {
    static constexpr std::string_view domains[] = {"one", "two", "three", ""};
    static constexpr std::string_view names[] = {"1", "2", "3", "2", "1", "3", "9", "x"};
    Sent& sent = bodies_[next_];
    sent = {};
    if (in_.flag()) sent.stream = names[in_.below(8)];
    const unsigned what = in_.below(12);
    if (what < 3) sent.to = domains[in_.below(4)];
    sent.version = what == 0;
    if (what >= 3 && what < 8)
      for (unsigned i = 0; i <= in_.below(3); ++i)
        sent.texts.push_back("<message id='c0-" + std::to_string(++said_) + "'/>");
    sent.restart = what == 8;
    sent.pause = what == 9;
    sent.terminate = what == 10 && (sent.stream || in_.below(8) == 0);
    if (acks_) {
      sent.ack = (overtaken_ != 0 ? overtaken_ : next_) - 1 - in_.below(3);
      claimed_ = std::max(claimed_, sent.ack);
    }
    const Rid rid = next_++;
    // Now and then the next one overtakes it (B-140).
    if (overtaken_ == 0 && in_.below(8) == 0) {
      overtaken_ = rid;
      return;
    }
    submit(rid);
    fill_gap();
  }

  void fill_gap() {
    if (overtaken_ != 0) submit(std::exchange(overtaken_, 0));
  }

  void submit(Rid rid) {
    const Sent& sent = bodies_[rid];
    bosh::Body body = blank();
    const std::string raw = "raw" + std::to_string(rid);
    std::vector<xmpp::Stanza> payloads;
    for (const auto& text : sent.texts) payloads.push_back({text, StanzaKind::message});
    body.rid = rid;
    body.sid = "sid";
    body.raw = raw;
    body.payloads = &payloads;
    body.stream = sent.stream;
    body.to = sent.to;
    body.has_version = sent.version;
    body.restart = sent.restart;
    if (sent.pause) body.pause = 30;
    if (sent.terminate) body.type = bosh::BodyType::terminate;
    if (sent.terminate)
      for (auto& [stream, server] : servers_) server.told |= stream != 1 && sent.stream == std::to_string(stream);
    if (acks_) body.ack = sent.ack;
    drop_doubts();
    gap_filled_ = rid + 1 < next_;
    engine_->on_request(open(rid), body, now_, out_);
    check();
    gap_filled_ = false;
  }

  void repeat() {
    if (next_ == first + 1 || overtaken_ != 0) return;
    submit(std::max(first + 1, next_ - 1 - (in_.below(16) == 0 ? 3 : in_.below(2))));
  }

  RequestId open(Rid rid) {
    trace("C>", rid);
    const RequestId id{++last_id_};
    open_[id] = rid;
    return id;
  }

  std::uint32_t some_stream() {
    auto at = servers_.begin();
    std::advance(at, in_.below(static_cast<unsigned>(servers_.size())));
    return at->first;
  }

  void server_says() {
    const std::uint32_t number = some_stream();
    Server& server = servers_[number];
    if (server.over) return;
    const unsigned shape = in_.byte();
    for (unsigned i = 0; i <= shape % 3 && !server.over; ++i) {
      const std::string text = "<message from='a@b' id='s" + std::to_string(number) + "-" +
                               std::to_string(++server.sent) + "' fill='" + std::string(shape / 4, '.') + "'/>";
      server.waiting.push_back(server.sent);
      const xmpp::Stanza stanza{text, StanzaKind::message};
      number == 1 ? engine_->deliver(stanza, now_, out_) : engine_->deliver(number, stanza, now_, out_);
      check();
    }
    number == 1 ? engine_->delivered_all(now_, out_) : engine_->delivered_all(number, now_, out_);
    check();
  }

  void server_goes() {
    const std::uint32_t number = some_stream();
    const unsigned way = in_.below(8);
    if (way > 4) return answer_dies();
    if (number != 1 && way == 4) {  // in front of its end, or far too late
      engine_->returned(number, "<message to='a@b' id='c'/><presence/>", now_, out_);
      ++said_;
      return check();
    }
    if (servers_[number].over || way > 3) return;
    servers_[number].over = way < 2;
    if (way < 2) {
      const auto reason = way == 0 ? xmpp::EndReason::server_lost : xmpp::EndReason::server_closed;
      number == 1 ? engine_->close(reason, "fuzz", now_, out_) : engine_->closed(number, {reason, "fuzz"}, now_, out_);
    } else if (way == 2) {
      servers_[number].over = true;
      const xmpp::Stanza error{"<e/>", StanzaKind::stream_error};
      number == 1 ? engine_->deliver(error, now_, out_) : engine_->deliver(number, error, now_, out_);
    } else if (number != 1) {
      engine_->opened(number, {"id", "x", "1.0", "en"}, now_, out_);
      engine_->deliver(number, {"<f/>", StanzaKind::features}, now_, out_);
      engine_->delivered_all(number, now_, out_);
      ++said_;  // the features may need an answer of their own
    }
    check();
  }

  void gone() {
    if (open_.empty()) return;
    auto at = open_.begin();
    std::advance(at, in_.below(static_cast<unsigned>(open_.size())));
    const RequestId id = at->first;
    trace("GONE", at->second);
    open_.erase(at);
    engine_->on_gone(id, now_, out_);
    check();
  }

  // The answer has left and does not arrive. Nothing is lost if a repeat has fetched it on another connection.
  void answer_dies() {
    const std::size_t back = 1 + in_.below(3);
    if (back > brought_.size()) return;
    const auto at = brought_.end() - static_cast<std::ptrdiff_t>(back);
    const auto [id, rid] = *at;
    brought_.erase(at);
    trace("LOST", rid);
    engine_->on_gone(id, now_, out_);
    const auto held = marks(answers_[rid], " id='s");
    if (carrier_[rid] == id && !held.empty())
      losses_.died(place(rid), handed_out_, rid > shown() && !servers_[held[0].stream].told);
    check();
  }

  static std::int64_t place(Rid rid) { return static_cast<std::int64_t>(rid); }
  void drop_doubts() { losses_.age(handed_out_, policy_.max_in_doubt); }
  void brought(Rid rid, RequestId by) {
    brought_.emplace_back(by, rid);
    carrier_[rid] = by;
    losses_.fetched(place(rid));
  }

  void wait(std::uint64_t ms) {
    const xmpp::Instant target = now_ + std::chrono::milliseconds(ms);
    for (int i = 0; engine_->deadline() <= target; ++i) {
      if (i > 200) complain("the deadline does not move");
      now_ = std::max(now_, engine_->deadline());
      engine_->on_time(now_, out_);
      if (engine_->deadline() <= now_) complain("the deadline lies behind");
      check();
    }
    now_ = target;
  }

  void ask_on(unsigned times) {
    for (unsigned i = 0; i < times && !ended_; ++i) {
      Sent& sent = bodies_[next_];
      sent = {};
      sent.pause = i % 2 == 1;
      if (acks_) claimed_ = std::max(claimed_, sent.ack = next_ - 1);
      submit(next_++);
      wait(10'000);
    }
  }

  // Whoever keeps asking gets everything there is.
  void finish() {
    if (!ended_) fill_gap();
    for (int i = 0; i < 1500 && left() > 0; ++i) ask_on(2);
    if (!ended_ && left() > 0) complain("not handed out");
    ask_on(2 * (most + static_cast<unsigned>(said_)));  // notices of what was said to none come before the last words
    const auto over = [](const auto& server) { return server.second.over; };
    if (!ended_ && std::all_of(servers_.begin(), servers_.end(), over)) complain("lives on without a stream");
    wait(1'000'000);
    if (!ended_ || engine_->deadline() != xmpp::never) complain("no end");
    if (!open_.empty()) complain("no reply");
  }

  std::size_t left() {
    std::size_t count = 0;
    for (const auto& [number, server] : servers_) count += server.waiting.size();
    return count;
  }

  // ---- outputs

  void check() {
    for (std::size_t i = 0; i < out_.list.size(); ++i)
      if (const auto* reply = std::get_if<xmpp::Reply>(&out_.list[i])) check_reply(*reply);
    if (gap_filled_) drop_doubts();  // the one that closes a stream is answered ahead of the one that has waited for it
    for (std::size_t i = 0; i < out_.list.size(); ++i) {
      const xmpp::Action action = out_.list[i];
      if (const auto* add = std::get_if<xmpp::OpenStream>(&action)) {
        decide(add->stream);
      } else if (const auto* other = std::get_if<xmpp::ToStream>(&action)) {
        if (other->stream < 2) complain("the first stream by number");
        std::visit([&](const auto& order) { check_order(other->stream, order); }, other->order);
      } else if (std::holds_alternative<xmpp::EndSession>(action)) {
        check_end();
      } else {
        std::visit([&](const auto& order) { check_order(1, order); }, action);
      }
    }
    out_.clear();
    if (engine_->held_bytes() > policy_.queue_cap + policy_.max_cached_bytes + policy_.max_response_bytes + 8000)
      complain("memory without bound");
    if (open_.size() > 2 * requests_ + 2) complain("too many open requests");
  }

  // As the shell does: at once, and what comes of it stands behind in the list.
  void decide(std::uint32_t stream) {
    if (engine_->wish(stream) == nullptr) return;
    std::size_t streams = 0;
    for (const auto& [number, server] : servers_) streams += server.over && server.waiting.empty() ? 0U : 1U;
    if (streams > most) complain("more streams than allowed");
    const std::size_t before = out_.list.size();
    if (in_.below(4) == 0) {
      engine_->refused(stream, bosh::Condition::host_unknown, now_, out_);
    } else {
      several_ = true;
      servers_[stream].open = true;
      engine_->accepted(stream, "domain", now_, out_);
    }
    for (std::size_t i = before; i < out_.list.size(); ++i)
      if (const auto* reply = std::get_if<xmpp::Reply>(&out_.list[i])) check_reply(*reply);
  }

  template <typename Order>
  void check_order(std::uint32_t number, const Order& order) {
    if constexpr (std::is_same_v<Order, xmpp::Forget> || std::is_same_v<Order, xmpp::Reply>) return;
    if constexpr (std::is_same_v<Order, xmpp::OpenLink>) return;
    Server& server = servers_[number];
    if (ended_) complain("an order after the end");
    if constexpr (std::is_same_v<Order, xmpp::ToServer>) {
      if (server.over && number != 1) return;  // the shell has not told yet, or it would not have been said
      for (const Mark& mark : marks(order.bytes, " id='c")) {
        if (mark.number <= server.forwarded) complain("forwarded twice, or out of order", order.bytes);
        server.forwarded = mark.number;
      }
    } else if constexpr (std::is_same_v<Order, xmpp::AcknowledgedUpTo>) {
      if (order.stanzas <= server.acknowledged) complain("an ack that is no news");
      server.acknowledged = order.stanzas;
      if (order.stanzas > provable(server)) complain("acknowledged what is not proven", std::to_string(number));
      if (!acks_) losses_.check_all_told(server.handed_out_by, order.stanzas);
    } else if constexpr (std::is_same_v<Order, xmpp::GivenUp>) {
      losses_.told(server.handed_out_by, order.after, order.up_to);
    } else if constexpr (std::is_same_v<Order, xmpp::Undeliverable>) {
      const auto found = marks(order.bounced, " id='s");
      if (found.size() != 1 || found[0].stream != number) complain("bounced to another server", order.bounced);
      if (server.waiting.empty() || server.waiting.front() != found[0].number) complain("bounced out of order");
      server.waiting.pop_front();
      if (order.number != server.handed_out + ++server.bounced) complain("a stanza under another's number");
    } else if constexpr (std::is_same_v<Order, xmpp::CloseStream>) {
      if (!server.waiting.empty() && !server.over) complain("shut with something left");
      server.over = true;  // if it has gone by itself, what it had said is still to be handed out
    }
  }

  void check_end() {
    if (ended_) complain("ended twice");
    ended_ = true;
    for (auto& [number, server] : servers_) {
      if (number != 1 && !server.over) complain("a stream is left behind");
      if (!server.over && !server.waiting.empty()) complain("neither handed out nor bounced");
      server.waiting.clear();
    }
  }

  // Up to which answer the client can at most have shown to have them.
  [[nodiscard]] Rid shown() const {
    if (acks_) return claimed_;
    return next_ - 1 < first + requests_ ? first - 1 : next_ - 1 - requests_;
  }
  [[nodiscard]] Rid proven() const { return acks_ ? shown() : static_cast<Rid>(losses_.proven(place(shown()))); }

  [[nodiscard]] std::uint64_t provable(const Server& server) const {
    const auto behind = server.handed_out_by.upper_bound(proven());
    return behind == server.handed_out_by.begin() ? 0 : std::prev(behind)->second;
  }

  void check_reply(const xmpp::Reply& reply) {
    const auto at = open_.find(reply.request);
    if (at == open_.end()) return;  // seen already: decide() looks at its own first
    const Rid rid = at->second;
    open_.erase(at);
    trace("  G>", rid, reply.body);
    if (reply.body == bosh::superseded_body) return;
    const auto said = answers_.find(rid);
    if (said != answers_.end()) {
      if (said->second != reply.body && reply.body.find("type='terminate'") == std::string_view::npos)
        complain("a repeat gets another answer", reply.body);
      if (said->second == reply.body) brought(rid, reply.request);
      return;
    }
    answers_[rid] = reply.body;
    brought(rid, reply.request);
    for (auto& [stream, server] : servers_)
      if (stream != 1 &&
          reply.body.find(" stream='" + std::to_string(stream) + "' type='terminate'") != reply.body.npos)
        server.told = true;
    const auto payload = marks(reply.body, " id='s");
    if (payload.empty()) return;
    const std::uint32_t number = payload.front().stream;
    Server& server = servers_[number];
    const std::string name = " stream='" + std::to_string(number) + "'";
    if (several_ && reply.body.find(name) == std::string_view::npos) complain("payload without its name", reply.body);
    for (const Mark& mark : payload) {
      if (mark.stream != number) complain("two streams in one body", reply.body);
      if (server.waiting.empty() || server.waiting.front() != mark.number)
        complain("twice, or out of order", reply.body);
      server.waiting.pop_front();
      ++server.handed_out;
      ++handed_out_;
    }
    server.handed_out_by[rid] = server.handed_out;
  }

  struct Sent {
    std::optional<std::string_view> stream, to;
    std::deque<std::string> texts;
    Rid ack = 0;
    bool version = false, restart = false, pause = false, terminate = false;
  };

  Input& in_;
  bosh::Policy policy_;
  std::unique_ptr<bosh::Engine> engine_;
  xmpp::Actions out_;
  xmpp::Instant now_{std::chrono::hours(1)};
  std::map<RequestId, Rid> open_;
  std::map<Rid, std::string> answers_;
  std::map<Rid, RequestId> carrier_;  // the newest connection that has brought the answer
  std::deque<std::pair<RequestId, Rid>> brought_;
  fuzz::Losses losses_;  // of answers with stanzas
  std::map<Rid, Sent> bodies_;
  std::map<std::uint32_t, Server> servers_;
  Rid next_ = first + 1, claimed_ = first - 1;
  Rid overtaken_ = 0;  // not sent yet, although the one behind it may be
  std::uint64_t last_id_ = 0, said_ = 0, handed_out_ = 0;
  std::uint32_t requests_ = 0;
  bool acks_ = false, several_ = false, ended_ = false, gap_filled_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  World(input).run();
  return 0;
}
