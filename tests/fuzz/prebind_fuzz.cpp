// A server that logs a back end's user in and talks nonsense while it does, and browsers that come with the first rid
// or read a push stream, or with a ticket on a WebSocket:
// the back end gets one answer, the session one end, no stanza is acknowledged that nobody has, and no deadline stays.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "bosh/body.hpp"
#include "bosh/prebind.hpp"
#include "tests/fuzz/complain.hpp"
#include "xmpp/parser_pool.hpp"
#include "xmpp/stream_splitter.hpp"

namespace {

constexpr std::string_view header =
    "<stream:stream id='s' from='a' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";
// The first four in this order are a login.
constexpr std::string_view said[] = {
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
    "</stream:features>",
    "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
    "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>a@b/c\"\\</jid></bind></iq>",
    "<message from='x@y'/>",
    "<iq type='error' id='bind'/>",
    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>",
    "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AAAA</challenge>",
    "<stream:error/>",
    "<stream:features/>",
};

class Run {
 public:
  explicit Run(std::string_view script) : whole_(script), script_(script) {
    xmpp::SaslIdentity user;
    user.user = "a";
    user.secret = xmpp::Secret("b");
    bosh::PrebindTerms terms{{"sid", "a"}, 5, std::chrono::seconds(15), 30};
    const bool websocket = script_.starts_with("ws");
    if (websocket) {
      terms.websocket = bosh::WebSocketTerms{&ws_policy_, "a", "ticket", 42};
      script_.remove_prefix(2);
    }
    prebind_.emplace(policy_, std::move(user), "r", std::move(terms));
    if (!websocket) prebind_->offer_stream("token");
    prebind_->start(xmpp::RequestId{1}, now_, actions_);
    prebind_->secured({true, {}});
    collect();
    splitter_.feed(header, events_);
    hand_on();
  }

  void run() {
    while (!script_.empty()) step(next());
    for (int i = 0; deadline() != xmpp::never; ++i) {
      if (i > 1000) fuzz::complain("a deadline that does not go away", whole_);
      now_ = std::max(now_, deadline());
      pass([&](auto& binding) { binding.on_time(now_, actions_); });
      collect();
    }
    if (ends_ != 1) fuzz::complain("not one end", whole_);
    if (replies_ != (left_ ? 0U : 1U)) fuzz::complain("not one answer for the back end", whole_);
  }

 private:
  std::uint8_t next() {
    const auto value = static_cast<std::uint8_t>(script_.front());
    script_.remove_prefix(1);
    return value;
  }
  // Whichever has the session.
  template <class Step>
  void pass(Step step) {
    if (prebind_) return step(*prebind_);
    std::visit(step, *engine_);
  }
  [[nodiscard]] xmpp::Instant deadline() const {
    if (prebind_) return prebind_->deadline();
    return std::visit([](const auto& engine) { return engine.deadline(); }, *engine_);
  }
  [[nodiscard]] bosh::Engine* bosh() { return engine_ ? std::get_if<bosh::Engine>(&*engine_) : nullptr; }
  [[nodiscard]] xmpp::WsEngine* websocket() { return engine_ ? std::get_if<xmpp::WsEngine>(&*engine_) : nullptr; }

  void step(std::uint8_t what) {
    if (what < std::size(said)) {
      splitter_.feed(said[what], events_);
    } else if (what < 32) {
      return ask(what);
    } else if (what == 32) {
      left_ = left_ || (replies_ == 0 && ends_ == 0);
      gone(xmpp::RequestId{1});
    } else if (what == 33 && !script_.empty()) {
      splitter_.feed(script_.substr(0, 1), events_);
      script_.remove_prefix(1);
    } else if (what == 62) {
      const xmpp::ConnectionRef stream{1};
      if (auto* engine = bosh()) engine->on_stream({stream, bosh::EventFormat::sse, {}, asked_ % 4}, now_, actions_);
    } else if (what == 63) {
      if (auto* engine = bosh()) engine->on_lost(xmpp::ConnectionRef{1}, now_, actions_);
      if (auto* engine = websocket(); engine != nullptr && attached_) lose(*engine);
    } else if (what < 64) {
      now_ += std::chrono::seconds(what - 32);
      if (deadline() <= now_) pass([&](auto& binding) { binding.on_time(now_, actions_); });
    } else {
      splitter_.feed(std::string(1, static_cast<char>(what)), events_);
    }
    collect();
    hand_on();
  }

  void gone(xmpp::RequestId request) {
    pass([&](auto& binding) {
      if constexpr (requires { binding.on_gone(request, now_, actions_); }) binding.on_gone(request, now_, actions_);
    });
    collect();
  }

  void lose(xmpp::WsEngine& engine) {
    if (!std::exchange(lost_, true) && ends_ == 0) engine.on_lost(xmpp::ConnectionRef{1}, now_, actions_);
  }

  void ask(std::uint8_t what) {
    if (auto* engine = websocket()) return say(what, *engine);
    auto* const engine = bosh();
    if (engine == nullptr) return;
    const std::string document =
        "<body rid='" + std::to_string(5 + what % 8U) + "' sid='sid' xmlns='http://jabber.org/protocol/httpbind'/>";
    const auto read = reader_.read(document);
    const xmpp::RequestId request{++asked_};
    engine->on_request(request, std::get<bosh::Body>(read), now_, actions_);
    collect();
    if (what >= 24) gone(request);
  }

  // The browser that has shown the ticket.
  void say(std::uint8_t what, xmpp::WsEngine& engine) {
    if (lost_ || ends_ > 0) return;
    if (!std::exchange(attached_, true)) engine.attach(xmpp::ConnectionRef{1}, now_, actions_);
    collect();
    if (ends_ > 0) return;
    constexpr std::string_view messages[] = {
        "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a' version='1.0'/>",
        "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        "<presence xmlns='jabber:client'/>",
        "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
    };
    const auto read = framing_.read(messages[what % std::size(messages)]);
    engine.on_message(std::get<xmpp::Framed>(read), now_, actions_);
    collect();
  }

  void hand_on() {
    for (const auto& event : events_.list) {
      if (const auto* const opened = std::get_if<xmpp::StreamOpened>(&event)) {
        pass([&](auto& binding) { binding.opened(*opened, now_, actions_); });
      } else if (const auto* const stanza = std::get_if<xmpp::Stanza>(&event)) {
        if (ends_ == 0 && stanza->counts()) ++delivered_;
        pass([&](auto& binding) { binding.deliver(*stanza, now_, actions_); });
      } else {
        pass([&](auto& binding) { binding.close(xmpp::EndReason::server_lost, {}, now_, actions_); });
      }
      if (prebind_ && prebind_->ready()) {
        engine_.emplace(prebind_->hand_over(now_, actions_));
        prebind_.reset();
      }
      collect();
    }
    events_.clear();
    pass([&](auto& binding) { binding.delivered_all(now_, actions_); });
    collect();
  }

  void collect() {
    for (const auto& action : actions_.list) {
      if (std::holds_alternative<xmpp::EndSession>(action)) ++ends_;
      if (std::holds_alternative<xmpp::RestartStream>(action)) {
        restarted_ = true;
      }
      if (const auto* const reply = std::get_if<xmpp::Reply>(&action)) {
        if (reply->request == xmpp::RequestId{1}) ++replies_;
      }
      if (const auto* const acknowledged = std::get_if<xmpp::AcknowledgedUpTo>(&action)) {
        if (acknowledged->stanzas > delivered_) fuzz::complain("more is acknowledged than there was", whole_);
      }
    }
    actions_.clear();
    if (!std::exchange(restarted_, false)) return;
    splitter_.reset();
    xmpp::StreamEvents ignored;
    splitter_.feed(header, ignored);
  }

  std::string_view whole_, script_;
  xmpp::ParserPool pool_;
  xmpp::Limits limits_{.max_bytes = 4096};
  xmpp::StreamSplitter splitter_{pool_, limits_};
  xmpp::StreamEvents events_;
  bosh::Policy policy_;
  xmpp::WsPolicy ws_policy_;
  bosh::BodyReader reader_{limits_, false};
  xmpp::FramingReader framing_{limits_};
  std::optional<bosh::Prebind> prebind_;
  std::optional<bosh::HandedOver> engine_;
  xmpp::Actions actions_;
  xmpp::Instant now_{};
  std::uint64_t asked_ = 100, delivered_ = 0;
  unsigned replies_ = 0, ends_ = 0;
  bool left_ = false, restarted_ = false, attached_ = false, lost_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Run(fuzz::text_of(data, std::min<std::size_t>(size, 2048))).run();
  return 0;
}
