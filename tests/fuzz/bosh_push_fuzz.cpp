// A client that keeps the rules of push streams, on a network that loses whatever it likes: connections break with part
// of what was on them, answers do not arrive, the client goes to and fro between stream and answers. What must hold:
//   the client works off every stanza of the server once and in order, as long as the session lives;
//   nothing is acknowledged that it has not worked off; what is neither worked off nor acknowledged at the end was
//   handed out or bounced, and what was bounced is never worked off, unless the server itself has gone; what is kept is
//   bounded; after on_time() the deadline lies ahead; after the end nothing is asked of the server.
// And next to it a stranger with the token, who asks for anything.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bosh/engine.hpp"
#include "tests/fuzz/steps.hpp"

namespace {

using fuzz::Input;
using fuzz::trace;
using xmpp::ConnectionRef;
using xmpp::RequestId;
using xmpp::StanzaKind;

[[noreturn]] void complain(const char* what, std::string_view bytes = {}) {
  fuzz::complain(what, bytes);
}

constexpr std::string_view mark = " id='s";

std::uint64_t number_at(std::string_view text) {
  std::uint64_t n = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1))
    n = n * 10 + static_cast<unsigned>(text.front() - '0');
  return n;
}

class World {
 public:
  explicit World(Input& input) : in_(input) {}

  void run() {
    create();
    while (in_.more() && !forgotten_) step();
    finish();
  }

 private:
  void create() {
    const unsigned bits = in_.byte();
    policy_.push.enabled = true;
    policy_.push.max_unproven_bytes = (bits & 1) != 0 ? 300 : 10'000;
    policy_.push.max_stream_bytes = (bits & 2) != 0 ? 3000 : 100'000;
    policy_.queue_high = 600;
    policy_.queue_low = 200;
    policy_.queue_cap = (bits & 4) != 0 ? 3000 : 1'000'000;
    policy_.max_response_bytes = (bits & 8) != 0 ? 300 : 1 << 20;
    policy_.coalesce = std::chrono::milliseconds((bits & 16) != 0 ? 5 : 0);
    acks_ = (bits & 32) != 0;
    frame_ = (bits & 64) != 0;
    bosh::Body body = blank(100);
    body.sid.reset();
    body.to = "example.org";
    body.ver = "1.6";
    body.wait = 60;
    body.hold = 1;
    if (acks_) body.ack = 1;
    auto read = bosh::read_creation(body, policy_);
    auto* creation = std::get_if<bosh::Creation>(&read);
    if (creation == nullptr) complain("refused");
    engine_ = std::make_unique<bosh::Engine>(policy_, *creation, bosh::Identity{"sid", "example.org"}, now_);
    engine_->offer_stream("token");
    asked_ = RequestId{++last_id_};
    engine_->on_create(*asked_, body, now_, out_);
    check();
    engine_->opened({"id", "example.org", "1.0", "en"}, now_, out_);
    engine_->deliver({"<f/>", StanzaKind::features}, now_, out_);
    engine_->delivered_all(now_, out_);
    wait(10);
    if (engine_->stream_token() != "token") complain("no token");
  }

  void step() {
    switch (in_.below(12)) {
      case 0:
      case 1:
        return from_server();
      case 2:
        return open_stream();
      case 3:
      case 4:
        return read_stream();
      case 5:
        return lose_stream();
      case 6:
      case 7:
        return ask();
      case 8:
        return lose_answer();
      case 9:
        return wait(10ULL * in_.below(200));
      case 10:
        return strange();
      default:
        return leave();
    }
  }

  bosh::Body blank(bosh::Rid rid) {
    static const std::vector<xmpp::Stanza> none;
    bosh::Body body;
    body.payloads = &none;
    body.rid = rid;
    body.sid = "sid";
    raw_ = std::to_string(rid);
    body.raw = raw_;
    return body;
  }

  void from_server() {
    const unsigned kind = in_.byte();
    for (unsigned i = 0; i <= kind % 3 && !ended_; ++i) {
      const std::string text =
          "<message from='a@b' id='s" + std::to_string(++sent_) + "'>" + std::string(kind, '\n') + "</message>";
      trace("S>", sent_);
      engine_->deliver({text, StanzaKind::message}, now_, out_);
      check();
    }
    if (kind % 16 == 15) engine_->deliver({"<success/>", StanzaKind::sasl_success}, now_, out_);
    engine_->delivered_all(now_, out_);
    check();
  }

  // ---- the stream

  void open_stream() {
    if (leaving_) return;
    pipe_.clear();
    seen_text_.clear();
    bosh::StreamWish wish{ConnectionRef{++last_id_}, frame_ ? bosh::EventFormat::frame : bosh::EventFormat::sse, "n",
                          std::nullopt};
    reader_ = wish.connection;
    if (last_event_ > 0) wish.last = last_event_;
    streaming_ = true;
    trace("STREAM", last_event_);
    engine_->on_stream(wish, now_, out_);
    check();
  }

  // Part of what is on the way arrives; what came before in answers is worked off first (V-002).
  void read_stream() {
    const std::size_t size = std::min<std::size_t>(pipe_.size(), std::size_t{in_.byte()} * 8);
    if (asked_) return;
    seen_text_.append(pipe_, 0, size);
    pipe_.erase(0, size);
    const std::string_view end = frame_ ? "</script>\n" : "\n\n";
    const std::string_view begin = frame_ ? ">e(" : "id: ";
    for (auto at = seen_text_.find(end); at != std::string::npos; at = seen_text_.find(end)) {
      const std::string event = seen_text_.substr(0, at);
      seen_text_.erase(0, at + end.size());
      const auto id = event.find(begin);
      if (id == std::string::npos) continue;
      const std::uint64_t n = number_at(std::string_view(event).substr(id + begin.size()));
      if (n <= last_event_) complain("an event again, or out of order");
      trace("event", n);
      last_event_ = n;
      work_off(event);
    }
    if (reader_) engine_->on_unsent(*reader_, pipe_.size() > 2000 ? 1 : 0, now_, out_);
    check();
  }

  void lose_stream() {
    pipe_.clear();
    seen_text_.clear();
    if (!reader_) return;
    const ConnectionRef gone = *reader_;
    reader_.reset();
    engine_->on_lost(gone, now_, out_);
    check();
  }

  void leave() {
    if (!streaming_ || asked_) return;
    lose_stream();
    streaming_ = false;
    leaving_ = true;
    ask();
  }

  // ---- requests

  void ask() {
    if (asked_) return;
    submit(rid_ + 1);
  }

  void submit(bosh::Rid rid) {
    bosh::Body body = blank(rid);
    body.push_end = leaving_;
    if (last_event_ > 0) body.push_seen = last_event_;
    if (acks_) body.ack = rid_;
    asked_ = RequestId{++last_id_};
    trace(leaving_ ? "C> end" : "C>", rid, body.push_seen ? std::to_string(*body.push_seen) : "");
    engine_->on_request(*asked_, body, now_, out_);
    check();
  }

  // The connection breaks with the request or with its answer; the client asks again.
  void lose_answer() {
    if (!asked_) {
      losing_ = true;  // the next one
      return;
    }
    engine_->on_gone(*asked_, now_, out_);
    asked_.reset();
    check();
    if (in_.flag()) return open_stream();  // and asks again later
    submit(rid_ + 1);
  }

  void answered(const xmpp::Reply& reply) {
    trace("G>", rid_ + 1, reply.body.substr(0, 400));
    if (!asked_ || reply.request != *asked_) return;
    asked_.reset();
    if (losing_) {
      losing_ = false;
      lost_ = reply.request;
      return;
    }
    ++rid_;
    leaving_ = false;
    if (reply.body.find("type='terminate'") == std::string_view::npos) work_off(reply.body);
  }

  // Somebody who knows the token: replaces the reader, but may not make anything disappear.
  void strange() {
    const unsigned what = in_.below(16);
    if (what == 15) return end();
    if (!streaming_) return;
    lose_stream();
    bosh::StreamWish wish{ConnectionRef{++last_id_}, bosh::EventFormat::sse, "n", std::nullopt};
    if (what % 2 == 0) wish.last = last_event_ + 1'000'000;
    engine_->on_stream(wish, now_, out_);
    check();
  }

  void end() {
    const auto reason = static_cast<xmpp::EndReason>(in_.below(12));
    trace("END", static_cast<std::uint64_t>(reason));
    engine_->close(reason, "fuzz", now_, out_);
    check();
  }

  void wait(std::uint64_t ms) {
    const xmpp::Instant target = now_ + std::chrono::milliseconds(ms);
    for (int i = 0; engine_->deadline() <= target; ++i) {
      if (i > 500) complain("the deadline does not move");
      now_ = std::max(now_, engine_->deadline());
      engine_->on_time(now_, out_);
      if (engine_->deadline() <= now_) complain("the deadline lies behind");
      check();
    }
    now_ = target;
  }

  void finish() {
    losing_ = false;
    for (int i = 0; i < 4000 && !ended_ && worked_off_ < sent_; ++i) {
      if (asked_) {  // held: what waits comes by it, or it is let go
        wait(60'000);
        continue;
      }
      if (streaming_ && !leaving_) {
        leave();
      } else {
        ask();
      }
      wait(1'000);
    }
    if (!ended_ && worked_off_ < sent_) complain("not handed out");
    lose_stream();
    wait(1'000'000);
    if (!ended_) complain("no end");
    if (engine_->deadline() != xmpp::never) complain("not forgotten");
  }

  void work_off(std::string_view text) {
    for (auto at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at)) {
      at += mark.size();
      if (number_at(text.substr(at)) != ++worked_off_) complain("lost, twice, or out of order", text);
      if (returned_ > 0 && worked_off_ >= returned_from_) complain("worked off and bounced", text);
    }
  }

  void note_given(std::string_view text) {
    for (auto at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at)) {
      at += mark.size();
      given_ = std::max(given_, number_at(text.substr(at)));
    }
  }

  void check_undeliverable(const xmpp::Undeliverable& what) {
    trace("BOUNCED", what.number);
    const auto at = what.bounced.find(mark);
    if (at == std::string_view::npos || number_at(what.bounced.substr(at + mark.size())) != what.number)
      complain("a stanza under another's number", what.bounced);
    if (returned_ == 0) returned_from_ = what.number;
    if (what.number <= worked_off_ || what.number <= acknowledged_) complain("bounced what has arrived", what.bounced);
    if (returned_ != 0 && what.number != returned_ + 1) complain("bounced out of order", what.bounced);
    returned_ = what.number;
  }

  void check_end() {
    if (xmpp::server_is_gone(*over_)) return;
    if (std::max(given_, returned_) != sent_) complain("neither handed out nor bounced", std::to_string(sent_));
    if (returned_ > 0 && returned_from_ > given_ + 1) complain("bounced with a gap", std::to_string(returned_from_));
  }

  void check() {
    const bool was_over = ended_;
    for (const auto& action : out_.list) {
      if (forgotten_) complain("an action after all");
      if (const auto* push = std::get_if<xmpp::Push>(&action)) {
        note_given(push->bytes);
        if (reader_ && push->connection == *reader_) pipe_.append(push->bytes);
      } else if (const auto* close = std::get_if<xmpp::CloseConnection>(&action)) {
        if (reader_ && close->connection == *reader_) reader_.reset();
      } else if (const auto* acked = std::get_if<xmpp::AcknowledgedUpTo>(&action)) {
        if (ended_) complain("an ack after the end");
        if (acked->stanzas <= acknowledged_) complain("an ack that is no news");
        trace("ACKED", acked->stanzas);
        acknowledged_ = acked->stanzas;
        if (acknowledged_ > worked_off_) complain("acknowledged what the client has not seen");
      } else if (const auto* undeliverable = std::get_if<xmpp::Undeliverable>(&action)) {
        if (ended_) complain("to the server after the end");
        check_undeliverable(*undeliverable);
      } else if (const auto* end = std::get_if<xmpp::EndSession>(&action)) {
        if (ended_) complain("ended twice");
        ended_ = true;
        over_ = end->reason;
      } else if (const auto* reply = std::get_if<xmpp::Reply>(&action)) {
        note_given(reply->body);
      } else if (std::holds_alternative<xmpp::Forget>(action)) {
        forgotten_ = true;
      } else if (ended_ && !std::holds_alternative<xmpp::ResumeServer>(action)) {
        complain("an action after the end");
      }
    }
    if (ended_ && !was_over) check_end();
    // Work off behind the checks of acks: an answer of this very step cannot have been proven by it.
    for (const auto& action : out_.list)
      if (const auto* reply = std::get_if<xmpp::Reply>(&action)) answered(*reply);
    out_.clear();
    constexpr std::size_t slack = 10'000;
    if (engine_->held_bytes() > policy_.queue_cap + policy_.push.max_unproven_bytes + policy_.max_cached_bytes + slack)
      complain("memory without bound");
    if (lost_) {
      const RequestId lost = *lost_;
      lost_.reset();
      engine_->on_gone(lost, now_, out_);
      check();
      submit(rid_ + 1);
    }
  }

  Input& in_;
  bosh::Policy policy_;
  std::unique_ptr<bosh::Engine> engine_;
  xmpp::Actions out_;
  xmpp::Instant now_{std::chrono::hours(1)};
  std::string raw_, pipe_, seen_text_;
  std::optional<ConnectionRef> reader_;
  std::optional<RequestId> asked_, lost_;
  std::optional<xmpp::EndReason> over_;
  bosh::Rid rid_ = 99;  // the last that was answered
  std::uint64_t last_id_ = 0, last_event_ = 0, sent_ = 0, worked_off_ = 0, acknowledged_ = 0, given_ = 0, returned_ = 0,
                returned_from_ = 0;
  bool acks_ = false, frame_ = false, streaming_ = false, leaving_ = false, losing_ = false, ended_ = false,
       forgotten_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  World(input).run();
  return 0;
}
