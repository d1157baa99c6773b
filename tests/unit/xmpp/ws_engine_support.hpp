// A WebSocket session as a conversation: every test says what happens and which actions must come of it, all of them
// and in their order: "G> ..." is pushed to the client, "U> ..." goes to the server, the rest is named as it is called.
#pragma once
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "xmpp/ws_engine.hpp"

namespace test {

using namespace std::chrono_literals;
using xmpp::EndReason;
using xmpp::Framed;
using xmpp::Instant;
using xmpp::Stanza;
using xmpp::StanzaKind;
using xmpp::WsClose;
using xmpp::WsEngine;
using xmpp::WsPolicy;

inline const std::string open_message =
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.org' version='1.0'/>";
inline const std::string close_message = std::string(xmpp::framing_close);
inline const std::string opened =
    "G> <open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='example.org' id='i1' "
    "version='1.0' xml:lang='en' />";
inline const std::string made_up =
    "G> <open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='example.org' id='2a' "
    "version='1.0' />";
inline const std::string features = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>";
inline const std::string success = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
inline const std::string enabled = "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>";
inline const std::string said_close = "G> " + close_message;

inline std::string error(std::string_view condition) {
  return "G> <stream:error xmlns:stream='http://etherx.jabber.org/streams'><" + std::string(condition) +
         " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
}

using Lines = std::vector<std::string>;

class Conversation {
 public:
  explicit Conversation(WsPolicy with = {}, xmpp::Framing framing = xmpp::Framing::rfc7395)
      : policy(std::move(with)), reader(limits) {
    engine.emplace(policy, "example.org", xmpp::WsIdentity{connection, 0x2a, framing}, now);
  }

  Lines open() {
    engine->on_open(now, out);
    return take();
  }
  // Up to the features, as most tests need it.
  void begin() {
    open();
    server_opens();
    server(features, StanzaKind::features);
  }
  Lines server_opens() {
    engine->opened({"i1", "example.org", "1.0", "en"}, now, out);
    return take();
  }
  Lines client(std::string_view message) {
    const auto read = reader.read(message);
    engine->on_heard();
    if (const auto* fault = std::get_if<xmpp::Fault>(&read)) {
      engine->on_fault(*fault, now, out);
    } else {
      engine->on_message(std::get<Framed>(read), now, out);
    }
    return take();
  }
  Lines server(std::string_view element, StanzaKind kind, xmpp::StanzaType type = xmpp::StanzaType::none) {
    engine->deliver(Stanza{element, kind, type}, now, out);
    engine->delivered_all(now, out);
    return take();
  }
  Lines ends(EndReason reason) {
    engine->close(reason, "because", now, out);
    return take();
  }
  Lines lost() {
    engine->on_lost(connection, now, out);
    return take();
  }
  Lines violation(WsClose code) {
    engine->on_violation(code, now, out);
    return take();
  }
  Lines unsent(std::size_t bytes) {
    engine->on_unsent(connection, bytes, now, out);
    return take();
  }
  Lines pong(std::uint64_t token) {
    engine->on_heard();
    engine->on_pong(token, out);
    return take();
  }
  Lines managed(bool is = true) {
    engine->managed(is, now, out);
    return take();
  }
  Lines congested(bool is) {
    engine->congested(is, now, out);
    return take();
  }
  Lines at(xmpp::Duration since_start) {
    now = start + since_start;
    engine->on_time(now, out);
    return take();
  }
  [[nodiscard]] xmpp::Duration due() const { return engine->deadline() - start; }

  Lines take() {
    Lines lines;
    for (const auto& action : out.list) lines.push_back(describe(action));
    out.clear();
    return lines;
  }

  static std::string describe(const xmpp::Action& action) {
    if (const auto* a = std::get_if<xmpp::ToServer>(&action)) {
      return "U> " + std::string(a->bytes) + (a->stanzas == 1 ? "" : " uncounted");
    }
    if (const auto* a = std::get_if<xmpp::Push>(&action)) {
      EXPECT_EQ(a->connection, connection);
      return "G> " + std::string(a->bytes);
    }
    if (const auto* a = std::get_if<xmpp::CloseConnection>(&action)) return "close " + std::to_string(a->code);
    if (const auto* a = std::get_if<xmpp::Ping>(&action)) return "ping " + std::to_string(a->token);
    if (std::holds_alternative<xmpp::PauseClient>(action)) return "pause client";
    if (std::holds_alternative<xmpp::ResumeClient>(action)) return "resume client";
    if (std::holds_alternative<xmpp::OpenLink>(action)) return "open link";
    if (const auto* a = std::get_if<xmpp::RestartStream>(&action)) return "restart " + std::string(a->lang);
    if (std::holds_alternative<xmpp::PauseServer>(action)) return "pause server";
    if (std::holds_alternative<xmpp::ResumeServer>(action)) return "resume server";
    if (const auto* a = std::get_if<xmpp::AcknowledgedUpTo>(&action)) return "acked " + std::to_string(a->stanzas);
    if (const auto* a = std::get_if<xmpp::Undeliverable>(&action)) return "undeliverable " + std::to_string(a->number);
    if (const auto* a = std::get_if<xmpp::EndSession>(&action)) {
      return "end " + std::to_string(static_cast<int>(a->reason)) + (a->resumable ? " resumable" : "");
    }
    return std::holds_alternative<xmpp::Forget>(action) ? "forget" : "?";
  }

  static constexpr xmpp::ConnectionRef connection{7};
  const Instant start{};
  Instant now = start;
  xmpp::Limits limits;
  WsPolicy policy;
  xmpp::FramingReader reader;
  std::optional<WsEngine> engine;
  xmpp::Actions out;
};

inline std::string end(EndReason reason) {
  return "end " + std::to_string(static_cast<int>(reason));
}

}  // namespace test
