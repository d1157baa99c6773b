// A client, a server, connections and time, all at random, around one engine. The input is a list of steps; what must
// hold after each and at the end:
//   every living request gets one reply, answers go in rid order, a repeat gets what its rid got;
//   what the server sent is handed out once, in order, and lost to nobody while the session lives (else it is bounced);
//   what the client sent is forwarded once, in rid order; nothing is acknowledged that is not proven: what an answer
//   carried that died with its connection waits for an ack or a repeat, or for much to follow (see Losses);
//   open requests and bytes kept are bounded; after on_time() the deadline lies ahead; after the end there is silence.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bosh/engine.hpp"
#include "bosh/response.hpp"
#include "tests/fuzz/keys.hpp"
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

// The numbers behind a mark in a text, in their order.
std::vector<std::uint64_t> serials(std::string_view text, std::string_view mark) {
  std::vector<std::uint64_t> found;
  for (auto at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at)) {
    at += mark.size();
    std::uint64_t n = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
      n = n * 10 + static_cast<unsigned>(text[at] - '0');
    found.push_back(n);
  }
  return found;
}

class World {
 public:
  explicit World(Input& input) : in_(input) {}

  void run() {
    if (!create()) return;
    for (int steps = 0; in_.more() && steps < 4000; ++steps) step();
    finish();
  }

 private:
  struct Open {
    Rid rid;
    bool gone = false;
  };

  // ---- inputs

  bool create() {
    const unsigned bits = in_.byte();
    policy_.max_hold = 1 + (bits & 1);
    policy_.strict_overactivity = (bits & 2) != 0;
    policy_.queue_high = 600;
    policy_.queue_low = 200;
    policy_.queue_cap = (bits & 4) ? 2000 : 200'000;
    policy_.max_response_bytes = (bits & 8) ? 300 : 1 << 20;
    policy_.max_cached_bytes = (bits & 16) ? 400 : 1 << 20;
    policy_.coalesce = std::chrono::milliseconds((bits & 32) ? 5 : 0);
    policy_.nonsasl_features = (bits & 64) != 0;
    policy_.max_in_doubt = (bits & 128) ? 3 : 1'000'000;
    bosh::Body body = blank();
    next_ = in_.flag() ? 0 : 100 + in_.byte();
    body.rid = next_;
    body.to = "example.org";
    const unsigned kind = in_.byte();
    if (kind & 1) body.ver = "1.6";
    if (kind >= 192) body.newkey = keys_.emplace(200).of_request(0);
    const unsigned shape = in_.byte();
    body.wait = (shape & 3) == 0 ? 0 : 60;
    body.hold = (shape >> 2) % 4;
    if (shape & 16) body.ack = 1;
    if (shape & 32) body.has_version = true;
    acks_ = (shape & 16) != 0;
    auto read = bosh::read_creation(body, policy_);
    auto* creation = std::get_if<bosh::Creation>(&read);
    if (!creation) complain("refused");
    requests_ = creation->requests;
    engine_ = std::make_unique<bosh::Engine>(policy_, *creation, bosh::Identity{"sid", "example.org"}, now_);
    payload(body);
    first_ = answered_ = newest_ = next_;
    --answered_;
    const RequestId id = open(body.rid);
    ++next_;
    engine_->on_create(id, body, now_, out_);
    check();
    return true;
  }

  void step() {
    switch (in_.below(12)) {
      case 0:
      case 1:
      case 2:
        return request(next_, true);
      case 3:  // somewhere around
        return request(next_ + in_.below(8) - 5, false);
      case 4:
      case 5:
        return from_server();
      case 6:
        return wait(in_.below(100));
      case 7:
        return wait(1000ULL * in_.below(70));
      case 8:
        return gone();
      case 9:
        engine_->congested(in_.flag(), now_, out_);
        return check();
      case 10: {
        const xmpp::StreamOpened stream{"stream-id", "example.org", in_.flag() ? "1.0" : "", "en"};
        engine_->opened(stream, now_, out_);
        engine_->delivered_all(now_, out_);
        return check();
      }
      default:
        const unsigned what = in_.below(16);
        if (what > 0 && what < 8) return answer_dies();
        if (what != 0) return;
        engine_->close(static_cast<xmpp::EndReason>(in_.below(12)), "fuzz", now_, out_);
        return check();
    }
  }

  static bosh::Body blank() {
    static const std::vector<xmpp::Stanza> none;
    bosh::Body body;
    body.payloads = &none;
    return body;
  }

  // What a rid carries is a function of the rid, or a repeat would be another request.
  void payload(bosh::Body& body) {
    payloads_.clear();
    texts_.clear();
    const unsigned shape = in_.byte();
    if (shape < 128 || known_.count(body.rid) != 0) {
      body.payloads = &payloads_;
      return;
    }
    const unsigned count = 1 + shape % 3;
    for (unsigned i = 0; i < count; ++i) texts_.push_back("<message id='c" + std::to_string(body.rid * 4 + i) + "'/>");
    for (const auto& text : texts_) payloads_.push_back({text, StanzaKind::message});
    const StanzaKind kinds[] = {StanzaKind::sasl_auth, StanzaKind::sasl_step, StanzaKind::sasl2,
                                StanzaKind::starttls,  StanzaKind::compress,  StanzaKind::management};
    if (shape >= 220) payloads_.insert(payloads_.begin() + in_.below(count), {"<x/>", kinds[in_.below(6)]});
    body.payloads = &payloads_;
  }

  void request(Rid rid, bool fresh) {
    bosh::Body body = blank();
    body.rid = rid;
    body.sid = "sid";
    body.raw = raw_ = "raw" + std::to_string(rid);
    payload(body);
    switch (in_.below(24)) {
      case 0:
        body.restart = true;
        break;
      case 1:
        body.pause = static_cast<std::int64_t>(in_.byte()) - 20;
        break;
      case 2:
        if (in_.below(8) == 0) body.type = bosh::BodyType::terminate;
        break;
      case 3:
        body.bad_pause = true;
        break;
      case 4:
        body.bad_ack = true;
        break;
      default:
        break;
    }
    if (acks_ && in_.flag()) body.ack = next_ - in_.below(6);
    if (submit(body) && fresh) ++next_;
    check();
  }

  // Whether the engine has taken it into its window.
  bool submit(bosh::Body& body) {
    if (keys_) body.key = in_.below(64) == 1 ? std::string_view("wrong") : keys_->of_request(body.rid - first_);
    const bool taken = !ended_ && !body.bad_pause && created_;
    if (taken && known_.count(body.rid) == 0) {
      const bool leaves = body.pause || body.type == bosh::BodyType::terminate;
      if (leaves) leaving_.insert(body.rid);
      if (!leaves && body.empty() && !body.restart) polls_.insert(body.rid);
      if (acks_ && !body.bad_ack) claims_[body.rid] = body.ack.value_or(body.rid - 1);
    }
    const RequestId id = open(body.rid);
    engine_->on_request(id, body, now_, out_);
    if (taken && body.rid - first_ < (Rid{1} << 62)) known_.insert(body.rid);
    take_up();
    return taken;
  }

  // What those requests show whose turn has come; of what the engine made of them nothing is known yet.
  void take_up() {
    for (; known_.count(newest_ + 1) != 0; ++newest_) {
      losses_.age(handed_out_, policy_.max_in_doubt);
      const auto claim = claims_.find(newest_ + 1);
      if (claim == claims_.end() || is_nonsense(claim->second)) continue;
      claimed_ = std::max(claimed_, place(claim->second));
      losses_.acknowledged_up_to(claimed_);
    }
  }

  // An ack for what is not answered yet (B-084).
  bool is_nonsense(Rid ack) {
    return std::any_of(open_.begin(), open_.end(), [&](const auto& request) {
      return !request.second.gone && place(request.second.rid) <= place(ack);
    });
  }

  RequestId open(Rid rid) {
    const RequestId id{++last_id_};
    trace("C>", rid);
    open_[id] = {rid};
    return id;
  }

  void from_server() {
    const unsigned kind = in_.byte();
    trace("S>", kind);
    StanzaKind kinds[] = {StanzaKind::features,     StanzaKind::sasl_step,     StanzaKind::sasl_success,
                          StanzaKind::sasl_failure, StanzaKind::sasl2_success, StanzaKind::management};
    if (kind >= 252) {
      engine_->deliver({"<stream:error/>", StanzaKind::stream_error}, now_, out_);
      return check();
    }
    if (kind >= 200) {
      engine_->deliver({"<y/>", kinds[kind % 6]}, now_, out_);
    } else {
      for (unsigned i = 0; i <= kind % 4; ++i) {
        const bool message = kind % 8 != 7;
        const std::string text =
            "<message from='a@b' id='s" + std::to_string(++sent_) + "' fill='" + std::string(kind / 2, '.') + "'/>";
        if (!ended_) waiting_.push_back({sent_, message});
        engine_->deliver({text, message ? StanzaKind::message : StanzaKind::presence}, now_, out_);
        check();
      }
    }
    if (kind & 1) engine_->delivered_all(now_, out_);
    check();
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
    trace("ms", ms);
  }

  void gone() {
    if (open_.empty()) return;
    auto it = open_.begin();
    std::advance(it, in_.below(static_cast<unsigned>(open_.size())));
    const RequestId id = it->first;
    it->second.gone = true;
    trace("GONE", it->second.rid);
    engine_->on_gone(id, now_, out_);
    check();
  }

  // The answer has left and does not arrive. Nothing is lost if a repeat has fetched it on another connection.
  void answer_dies() {
    const std::size_t back = 1 + in_.below(4);
    if (back > brought_.size()) return;
    const auto at = brought_.end() - static_cast<std::ptrdiff_t>(back);
    const auto [id, rid] = *at;
    brought_.erase(at);
    trace("LOST", rid);
    engine_->on_gone(id, now_, out_);
    if (carrier_[rid] == id && !serials(answers_[rid], " id='s").empty())
      losses_.died(place(rid), handed_out_, place(rid) > shown());
    check();
  }

  // A client that comes back and fetches what is left, then long silence.
  void finish() {
    engine_->congested(false, now_, out_);
    engine_->delivered_all(now_, out_);
    check();
    if (!created_ && !ended_) wait(60'000);
    if (!ended_) next_ = newest_ + 1;  // rids that were skipped: the engine would wait for them
    for (int i = 0; i < 5000 && !ended_ && !waiting_.empty(); ++i) {
      bosh::Body body = blank();
      body.rid = next_++;
      if (i % 2 != 0) body.pause = 20;  // answered at once, and no abuse
      body.raw = raw_ = "raw" + std::to_string(body.rid);
      static_cast<void>(submit(body));
      check();
      wait(10'000);
    }
    if (!ended_ && !waiting_.empty()) complain("not handed out");
    wait(1'000'000);
    if (!ended_) complain("no end");
    for (const auto& [id, request] : open_)
      if (!request.gone) complain("no reply", std::to_string(request.rid));
    if (engine_->deadline() != xmpp::never) complain("not forgotten");
  }

  // Rids may lie around the end of the number space: how far behind the first one.
  [[nodiscard]] std::int64_t place(Rid rid) const { return static_cast<std::int64_t>(rid - first_); }

  // Up to which answer the client can at most have shown to have them: by what it said, or by requests that its window
  // allows only then.
  std::int64_t shown() {
    if (acks_) return claimed_;
    const bool one_more = leaving_.count(newest_) != 0 && polls_.count(newest_ - 1) == 0;
    return std::max(place(newest_) - (std::int64_t{requests_} + (one_more ? 1 : 0)), claimed_);
  }

  std::uint64_t provable() {
    const auto behind = handed_out_by_.upper_bound(losses_.proven(shown()));
    return behind == handed_out_by_.begin() ? 0 : std::prev(behind)->second;
  }

  // ---- outputs

  void check() {
    // What goes back to the server is said before the replies: for the order of stanzas the replies count first.
    for (const auto& action : out_.list)
      if (const auto* reply = std::get_if<xmpp::Reply>(&action)) check_reply(*reply);
    for (const auto& action : out_.list) {
      if (std::holds_alternative<xmpp::Reply>(action)) continue;
      if (const auto* to_server = std::get_if<xmpp::ToServer>(&action)) {
        check_to_server(to_server->bytes);
      } else if (const auto* undeliverable = std::get_if<xmpp::Undeliverable>(&action)) {
        check_undeliverable(*undeliverable);
      } else if (const auto* acked = std::get_if<xmpp::AcknowledgedUpTo>(&action)) {
        if (acked->stanzas <= acknowledged_) complain("an ack that is no news");
        acknowledged_ = acked->stanzas;
        if (acknowledged_ > provable()) complain("acknowledged what is not proven");
        if (!acks_) losses_.check_all_told(handed_out_by_, acknowledged_);
      } else if (const auto* given_up = std::get_if<xmpp::GivenUp>(&action)) {
        losses_.told(handed_out_by_, given_up->after, given_up->up_to);
      } else if (const auto* end = std::get_if<xmpp::EndSession>(&action)) {
        check_end(end->reason);
      } else if (std::holds_alternative<xmpp::Forget>(action)) {
        if (!ended_ || forgotten_) complain("forgotten too early or twice");
        forgotten_ = true;
      } else if (ended_ && !std::holds_alternative<xmpp::ResumeServer>(action)) {
        complain("an action after the end");
      }
    }
    out_.clear();
    std::size_t living = 0;
    for (const auto& [id, request] : open_)
      if (!request.gone) ++living;
    if (living > 2 * requests_ + 2) complain("too many open requests");
    // Beyond what the policy says: the newest answer, a last stanza above the cap, requests ahead of a gap.
    constexpr std::size_t slack = 8'000;
    if (engine_->held_bytes() > policy_.queue_cap + policy_.max_cached_bytes + policy_.max_response_bytes + slack)
      complain("memory without bound", std::to_string(engine_->held_bytes()));
    for (auto it = open_.begin(); it != open_.end();)
      it = it->second.gone && forgotten_ ? open_.erase(it) : std::next(it);
  }

  void check_to_server(std::string_view bytes) {
    trace("  U>", 0, bytes);
    if (ended_) complain("to the server after the end");
    if (bytes.empty()) complain("nothing to the server");
    for (const auto n : serials(bytes, " id='c")) {
      if (forwarded_any_ && n <= forwarded_) complain("forwarded twice, or out of order", bytes);
      forwarded_ = n;
      forwarded_any_ = true;
    }
  }

  // In order; only presence is dropped. The number is that of the stanza among all that were delivered.
  void check_undeliverable(const xmpp::Undeliverable& what) {
    if (ended_) complain("to the server after the end");
    const auto found = serials(what.bounced, " id='s");
    if (found.size() != 1) complain("not the error for one stanza", what.bounced);
    while (!waiting_.empty() && waiting_.front().n != found[0]) {
      if (waiting_.front().message) complain("bounced out of order");
      waiting_.pop_front();
      ++dropped_;
    }
    if (waiting_.empty()) complain("bounced what was handed out");
    waiting_.pop_front();
    if (what.number != handed_out_ + ++dropped_) complain("a stanza under another's number");
  }

  void check_end(xmpp::EndReason reason) {
    trace("  END", static_cast<std::uint64_t>(reason));
    if (ended_) complain("ended twice");
    ended_ = true;
    for (const auto& left : waiting_)
      if (left.message && !xmpp::server_is_gone(reason)) complain("neither handed out nor bounced");
  }

  void check_reply(const xmpp::Reply& reply) {
    const auto at = open_.find(reply.request);
    if (at == open_.end()) complain("a reply to nobody", reply.body);
    if (at->second.gone) complain("a reply to a dead connection", reply.body);
    const Rid rid = at->second.rid;
    open_.erase(at);
    trace("  G>", rid, reply.body);
    if (!reply.body.starts_with("<body")) complain("no body", reply.body);
    if (reply.body == bosh::superseded_body) return;
    const bool terminal = reply.body.find("type='terminate'") != std::string_view::npos;
    const auto said = answers_.find(rid);
    if (said != answers_.end() && (!terminal || said->second == reply.body)) {
      if (said->second != reply.body) complain("a repeat gets another answer", reply.body);
      return brought(rid, reply.request);
    }
    hand_out(reply.body);
    created_ |= rid == first_ && !terminal;  // the sid was a secret before
    if (terminal && serials(reply.body, " id='s").empty()) return;
    if (rid - (first_ - 1) <= answered_ - (first_ - 1)) {
      // Resolved while its connection was dead: empty then, and not noted here.
      if (reply.body != bosh::empty_body) complain("an answer out of order", reply.body);
      return;
    }
    answered_ = rid;
    answers_[rid] = reply.body;
    handed_out_by_[place(rid)] = handed_out_;
    brought(rid, reply.request);
  }

  void brought(Rid rid, RequestId by) {
    brought_.emplace_back(by, rid);
    carrier_[rid] = by;
    losses_.fetched(place(rid));
  }

  void hand_out(std::string_view body) {
    for (const auto n : serials(body, " id='s")) {
      if (waiting_.empty() || waiting_.front().n != n) complain("handed out twice, or out of order", body);
      waiting_.pop_front();
      ++handed_out_;
    }
  }

  Input& in_;
  bosh::Policy policy_;
  std::unique_ptr<bosh::Engine> engine_;
  xmpp::Actions out_;
  xmpp::Instant now_{std::chrono::hours(1)};
  std::map<RequestId, Open> open_;
  std::map<Rid, std::string> answers_;
  std::map<Rid, Rid> claims_;         // acks, by the requests that say them
  std::map<Rid, RequestId> carrier_;  // the newest connection that has brought the answer
  std::deque<std::pair<RequestId, Rid>> brought_;
  std::set<Rid> known_, leaving_, polls_;
  fuzz::Losses losses_;  // of answers with stanzas
  std::optional<fuzz::Keys> keys_;
  std::map<std::int64_t, std::uint64_t> handed_out_by_;
  std::int64_t claimed_ = -1;
  struct Waiting {
    std::uint64_t n;
    bool message;
  };
  std::deque<Waiting> waiting_;
  std::vector<xmpp::Stanza> payloads_;
  std::deque<std::string> texts_;
  std::string raw_;
  Rid first_ = 0, next_ = 0, answered_ = 0, newest_ = 0;
  std::uint64_t last_id_ = 0, sent_ = 0, handed_out_ = 0, acknowledged_ = 0, forwarded_ = 0, dropped_ = 0;
  std::uint32_t requests_ = 0;
  bool acks_ = false, created_ = false, ended_ = false, forgotten_ = false, forwarded_any_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  World(input).run();
  return 0;
}
