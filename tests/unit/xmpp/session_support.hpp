// A session with a real splitter, driven as the shell drives it, and what the two sides say to each other.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "tests/unit/xmpp/splitter_support.hpp"
#include "xmpp/session.hpp"

namespace test {

using namespace std::chrono_literals;
using xmpp::Fault;
using xmpp::FaultKind;
using xmpp::Instant;
using xmpp::Session;
using xmpp::SessionAction;
using xmpp::SessionActions;
using xmpp::StreamPolicy;
using xmpp::StreamRequest;
using xmpp::TlsMode;

// Our stream headers; `full` is the one of the stream that the browser sees.
inline const std::string ns = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
inline const std::string bare_header =
    "<?xml version='1.0'?><stream:stream to='example.org' version='1.0' xml:lang='en' " + ns;
inline const std::string full_header =
    "<?xml version='1.0'?><stream:stream to='example.org' from='a@example.org' version='1.0' xml:lang='en' " + ns;

// What the server says.
inline const std::string theirs = "<stream:stream id='i1' from='example.org' version='1.0' " + ns;
inline const std::string theirs_legacy = "<stream:stream id='i1' from='example.org' " + ns;
inline const std::string tls_features =
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
inline const std::string proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
inline const std::string mechanisms =
    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>";
inline const std::string sasl_features = "<stream:features>" + mechanisms + "</stream:features>";
inline const std::string success = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
inline const std::string success_2 = "<success xmlns='urn:xmpp:sasl:2'/>";
inline const std::string conflict =
    "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
inline const std::string other_host =
    "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>"
    "other.example.org:5223</see-other-host></stream:error>";

// The same as they are delivered.
inline const std::string streams_declared = "xmlns:stream='http://etherx.jabber.org/streams'";
inline std::string delivered(std::string element) {
  const std::string name = element.substr(0, element.find_first_of(" />"));
  const std::string more = name.starts_with("<stream:") ? " " + streams_declared : " xmlns='jabber:client'";
  return "deliver " + name + more + element.substr(name.size());
}

// A session with a real splitter, driven as the shell drives it.
struct Rig {
  explicit Rig(StreamPolicy with = {}, StreamRequest request = {"en", "a@example.org", true})
      : policy(std::move(with)), splitter(pool, limits) {
    if (policy.domain.empty()) policy.domain = "example.org";
    session.emplace(policy, std::move(request), now);
  }

  Lines take() {
    Lines lines;
    for (const auto& action : actions.list) lines.push_back(describe(action));
    actions.clear();
    return lines;
  }

  std::string describe(const SessionAction& action) {
    if (const auto* a = std::get_if<xmpp::SendBytes>(&action)) return "send " + std::string(a->bytes);
    if (std::holds_alternative<xmpp::Encrypt>(action)) return "encrypt";
    if (std::holds_alternative<xmpp::ResetSplitter>(action)) {
      splitter.reset();
      return "reset";
    }
    if (const auto* a = std::get_if<xmpp::Opened>(&action)) return "opened " + std::string(a->stream.id);
    if (const auto* a = std::get_if<xmpp::Deliver>(&action)) return "deliver " + std::string(a->stanza.bytes);
    if (const auto* a = std::get_if<xmpp::Managed>(&action)) return a->is ? "managed" : "not managed";
    if (const auto* a = std::get_if<xmpp::Redirect>(&action)) {
      return "redirect " + std::string(a->host) + " " + std::to_string(a->port);
    }
    return "ended " + test::name(std::get<xmpp::Ended>(action).fault.kind);
  }

  Lines server(std::string_view bytes) {
    xmpp::StreamEvents events;
    splitter.feed(bytes, events);
    for (const auto& event : events.list) {
      session->on_event(event, now, actions);
      if (actions.list.empty()) continue;
      const auto& last = actions.list.back();
      if (std::holds_alternative<xmpp::Encrypt>(last) || std::holds_alternative<xmpp::Ended>(last)) break;
      if (std::holds_alternative<xmpp::Redirect>(last)) break;
    }
    return take();
  }
  Lines up(TlsMode tls) { return session->link_up(tls, now, actions), take(); }
  Lines encrypted() { return session->encrypted(now, actions), take(); }
  Lines down(FaultKind kind = FaultKind::connection_lost) {
    return session->link_down(Fault{kind, ""}, now, actions), take();
  }
  Lines to_server(std::string_view bytes, std::uint32_t stanzas = 0) {
    return session->to_server(bytes, stanzas, now, actions), take();
  }
  Lines received(std::uint64_t count) { return session->client_received(count, now, actions), take(); }
  Lines undeliverable(std::uint64_t number, std::string_view bounced) {
    return session->undeliverable(number, bounced, now, actions), take();
  }
  Lines given_up(std::uint64_t after, std::uint64_t up_to) {
    return session->given_up(after, up_to, now, actions), take();
  }
  Lines restart(std::string_view lang = {}) { return session->restart(lang, now, actions), take(); }
  Lines close() { return session->close(now, actions), take(); }
  Lines drop() { return session->drop(actions), take(); }
  Lines after(xmpp::Duration time) {
    now += time;
    return session->on_time(now, actions), take();
  }
  Lines expire() {
    if (session->deadline() == xmpp::never) return {};
    now = session->deadline();
    return session->on_time(now, actions), take();
  }

  StreamPolicy policy;
  xmpp::Limits limits;
  xmpp::ParserPool pool;
  xmpp::StreamSplitter splitter;
  SessionActions actions;
  Instant now{1000s};
  std::optional<Session> session;
};

// ---- the ways into each state

inline void into_opening(Rig&) {}
inline void into_header_in_clear(Rig& rig) {
  rig.up(TlsMode::starttls);
}
inline void into_features_in_clear(Rig& rig) {
  into_header_in_clear(rig);
  rig.server(theirs);
}
inline void into_proceed(Rig& rig) {
  into_features_in_clear(rig);
  rig.server(tls_features);
}
inline void into_encrypting(Rig& rig) {
  into_proceed(rig);
  rig.server(proceed);
}
inline void into_header(Rig& rig) {
  into_encrypting(rig);
  rig.encrypted();
}
inline void into_features(Rig& rig) {
  into_header(rig);
  rig.server(theirs);
}
inline void into_active(Rig& rig) {
  into_features(rig);
  rig.server(sasl_features);
}
inline void into_restarted(Rig& rig) {
  into_active(rig);
  rig.server(success);
  rig.restart();
}
inline void into_restarted_features(Rig& rig) {
  into_restarted(rig);
  rig.server(theirs);
}
inline void into_closing(Rig& rig) {
  into_active(rig);
  rig.close();
}
inline void into_closed(Rig& rig) {
  into_active(rig);
  rig.down();
}

}  // namespace test
