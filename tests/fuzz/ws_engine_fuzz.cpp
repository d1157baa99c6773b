// A WebSocket session driven by bytes: each line of the input is one thing that happens, by its first character.
// Whatever happens, in whatever order: the session ends once, is forgotten with its end, says nothing afterwards, and
// the same input gives the same actions. Of stanzas: they are pushed once, in their order and at once while the session
// talks; what has to wait until its client has bound is kept, within bounds, and goes back if it never does; what is
// acknowledged was pushed before a ping whose pong has come.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "xmpp/strophe_stanza.hpp"
#include "xmpp/ticket_door.hpp"
#include "xmpp/ws_engine.hpp"

namespace {

using xmpp::EndReason;
using xmpp::StanzaKind;

void require(bool holds) {
  if (!holds) std::abort();
}

class Run {
 public:
  explicit Run(std::string_view script) : reader_(limits_), engine_(make(script)) {
    if (engine_.is_awaited()) {
      policy_.queue_cap = 1000;
      pushed_ = acknowledged_ = proven_ = handed_over;
    } else {
      engine_.on_open(now_, out_);
    }
    check();
    while (!script.empty()) {
      const auto line = script.substr(0, script.find('\n'));
      script.remove_prefix(std::min(line.size() + 1, script.size()));
      if (line.empty()) continue;
      happen(line[0], line.substr(1));
      check();
    }
    engine_.close(EndReason::shutdown, "the end", now_, out_);
    check();
    require(ended_);
    require(engine_.deadline() == xmpp::never);
  }

  std::string log;

 private:
  xmpp::WsEngine make(std::string_view script) const {
    if (script.starts_with("handed")) {
      return {
          policy_, "example.org", 42, {"a@example.org/b", "<features/>", handed_over, std::chrono::seconds(30)}, now_};
    }
    const auto framing = script.starts_with("draft") ? xmpp::Framing::draft : xmpp::Framing::rfc7395;
    return {policy_, "example.org", {connection, 42, framing}, now_};
  }

  void happen(char what, std::string_view rest) {
    const auto number = static_cast<std::uint8_t>(rest.empty() ? 0 : rest[0]);
    switch (what) {
      case 'c':
        return client(rest);
      case 'o':
        return engine_.opened({rest, {}, "1.0", {}}, now_, out_);
      case 's':
        if (rest.size() < 2) return;
        return server(rest.substr(1), static_cast<StanzaKind>(number % 19));
      case 'e':
        return engine_.close(static_cast<EndReason>(number % 13), "because", now_, out_);
      case 'h':
        return engine_.attach(connection, now_, out_);
      case 'l':
        return engine_.on_lost(connection, now_, out_);
      case 'v':
        return engine_.on_violation(static_cast<xmpp::WsClose>(1000 + number % 16), now_, out_);
      case 'u':
        return engine_.on_unsent(connection, std::size_t{number} * number * 256, now_, out_);
      case 'p':
        return pong(number);
      case 'm':
        return engine_.managed(number % 2 == 0, now_, out_);
      case 'g':
        return engine_.congested(number % 2 == 0, now_, out_);
      case 't':
        now_ += std::chrono::seconds(number);
        if (engine_.deadline() <= now_) {
          engine_.on_time(now_, out_);
          require(engine_.deadline() > now_);
        }
        return;
      default:
        return;
    }
  }

  void client(std::string_view message) {
    engine_.on_heard();
    const auto read = reader_.read(message);
    const auto step = door_.on_message(read);
    require(step.ticket.empty() == (step.kind != xmpp::TicketDoor::Kind::ticket));
    answer(step);
    if (const auto* fault = std::get_if<xmpp::Fault>(&read)) {
      engine_.on_fault(*fault, now_, out_);
    } else {
      engine_.on_message(std::get<xmpp::Framed>(read), now_, out_);
    }
  }

  // What the shell says at the door: each message an element.
  static void answer(const xmpp::TicketDoor::Step& step) {
    using Kind = xmpp::TicketDoor::Kind;
    const auto is_element = [](const std::string& said) { return xmpp::ParsedElement::parse(said).has_value(); };
    if (step.kind == Kind::greet) {
      for (const auto& said : xmpp::TicketDoor::greeting(step.to, 42)) require(is_element(said));
    } else if (step.kind == Kind::fail) {
      require(is_element(xmpp::TicketDoor::failure(step.failure)));
    } else if (step.kind == Kind::refuse) {
      for (const std::string_view elsewhere : {"", "wss://other.example/ws?a&b"}) {
        const auto said = xmpp::refuse_open(step.to, 42, step.condition, elsewhere, xmpp::Framing::rfc7395);
        require(is_element(said.open) && is_element(said.close));
        require(elsewhere.empty() ? is_element(said.error) : said.error.empty());
      }
    }
  }

  void server(std::string_view bytes, StanzaKind kind) {
    std::string text(bytes);
    const bool counts = xmpp::is_stanza(kind);
    text += counts ? std::to_string(++sent_) : "-";  // no two stanzas are alike, nor is anything else like one
    if (counts && !ended_) waiting_.push_back(text);
    engine_.deliver({text, kind}, now_, out_);
    check();
    engine_.delivered_all(now_, out_);
  }

  // Who makes up a token gets no more than that none of it comes again.
  void pong(std::uint64_t token) {
    const auto ping = pinged_.find(token);
    if (ping != pinged_.end()) {
      proven_ = std::max(proven_, ping->second);
    } else if (token <= pushed_) {
      proven_ = std::max(proven_, token);
    }
    engine_.on_pong(token, out_);
  }

  void check_push(std::string_view bytes) {
    if (!waiting_.empty() && waiting_.front() == bytes) {
      waiting_.pop_front();
      ++pushed_;
      return;
    }
    require(std::find(waiting_.begin(), waiting_.end(), bytes) == waiting_.end());
  }

  void check_end(const xmpp::EndSession& end) {
    require(!ended_);
    ended_ = true;
    log += end.resumable ? "resumable" : "ended";
    require(waiting_.empty() || xmpp::server_is_gone(end.reason));
  }

  void check() {
    for (const auto& action : out_.list) {
      require(!forgotten_);
      if (const auto* push = std::get_if<xmpp::Push>(&action)) {
        require(!ended_ && !closing_ && push->connection == connection && !push->bytes.empty());
        log.append(push->bytes);
        check_push(push->bytes);
      } else if (const auto* ping = std::get_if<xmpp::Ping>(&action)) {
        require(!ended_ && !closing_ && ping->connection == connection);
        pinged_.emplace(ping->token, pushed_);
      } else if (const auto* back = std::get_if<xmpp::Undeliverable>(&action)) {
        require(!ended_ && !waiting_.empty() && back->number == pushed_ + ++returned_);
        waiting_.pop_front();
      } else if (const auto* close = std::get_if<xmpp::CloseConnection>(&action)) {
        require(!closing_ && close->connection == connection);
        closing_ = true;
        log += std::to_string(close->code);
      } else if (const auto* acked = std::get_if<xmpp::AcknowledgedUpTo>(&action)) {
        require(acked->stanzas > acknowledged_ && acked->stanzas <= proven_);
        acknowledged_ = acked->stanzas;
      } else if (const auto* end = std::get_if<xmpp::EndSession>(&action)) {
        check_end(*end);
      } else if (std::holds_alternative<xmpp::Forget>(action)) {
        require(ended_);
        forgotten_ = true;
      }
      log += static_cast<char>('A' + action.index());
    }
    out_.clear();
    if (ended_) return;
    std::size_t kept = 0;
    for (const auto& text : waiting_) kept += text.size();
    require(engine_.held_bytes() == kept && kept <= policy_.queue_cap);
  }

  static constexpr xmpp::ConnectionRef connection{1};
  static constexpr std::uint64_t handed_over = 2;  // stanzas that were not for the client
  xmpp::Instant now_{};
  xmpp::Limits limits_;
  xmpp::WsPolicy policy_;
  xmpp::FramingReader reader_;
  xmpp::WsEngine engine_;
  xmpp::TicketDoor door_;
  xmpp::Actions out_;
  std::deque<std::string> waiting_;                // stanzas of the server that are not pushed yet
  std::map<std::uint64_t, std::uint64_t> pinged_;  // tokens, and how many stanzas were pushed before them
  std::uint64_t sent_ = 0, pushed_ = 0, returned_ = 0, proven_ = 0, acknowledged_ = 0;
  bool ended_ = false, closing_ = false, forgotten_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view script(reinterpret_cast<const char*>(data), size);
  const Run first(script);
  const Run second(script);
  require(first.log == second.log);
  return 0;
}
