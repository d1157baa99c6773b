// A WebSocket session driven by bytes: each line of the input is one thing that happens, by its first character.
// Whatever happens, in whatever order: the session ends once, is forgotten with its end, says nothing afterwards,
// acknowledges only what was pushed, and the same input gives the same actions.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

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
    if (!engine_.is_awaited()) engine_.on_open(now_, out_);
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
      return {policy_, "example.org", 42, {"a@example.org/b", "<features/>", 2, std::chrono::seconds(30)}, now_};
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
        engine_.deliver({rest.substr(1), static_cast<StanzaKind>(number % 19)}, now_, out_);
        return engine_.delivered_all(now_, out_);
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
        return engine_.on_pong(number, out_);
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
    if (const auto* fault = std::get_if<xmpp::Fault>(&read)) {
      engine_.on_fault(*fault, now_, out_);
    } else {
      engine_.on_message(std::get<xmpp::Framed>(read), now_, out_);
    }
  }

  void check() {
    for (const auto& action : out_.list) {
      require(!forgotten_);
      if (const auto* push = std::get_if<xmpp::Push>(&action)) {
        require(!ended_ && !closing_ && push->connection == connection && !push->bytes.empty());
        log.append(push->bytes);
      } else if (const auto* close = std::get_if<xmpp::CloseConnection>(&action)) {
        require(!closing_ && close->connection == connection);
        closing_ = true;
        log += std::to_string(close->code);
      } else if (const auto* acked = std::get_if<xmpp::AcknowledgedUpTo>(&action)) {
        require(acked->stanzas > acknowledged_);
        acknowledged_ = acked->stanzas;
      } else if (const auto* end = std::get_if<xmpp::EndSession>(&action)) {
        require(!ended_);
        ended_ = true;
        log += end->resumable ? "resumable" : "ended";
      } else if (std::holds_alternative<xmpp::Forget>(action)) {
        require(ended_);
        forgotten_ = true;
      }
      log += static_cast<char>('A' + action.index());
    }
    out_.clear();
  }

  static constexpr xmpp::ConnectionRef connection{1};
  xmpp::Instant now_{};
  xmpp::Limits limits_;
  xmpp::WsPolicy policy_;
  xmpp::FramingReader reader_;
  xmpp::WsEngine engine_;
  xmpp::TicketDoor door_;
  xmpp::Actions out_;
  std::uint64_t acknowledged_ = 0;
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
