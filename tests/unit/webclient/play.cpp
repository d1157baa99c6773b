#include "tests/unit/webclient/play.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

namespace tests {

namespace {

webclient::ClientSettings settings(const webclient::Bounds& bounds) {
  webclient::ClientSettings made;
  made.domain = "example.org";
  made.resource = "web";
  made.seed = "seed";
  made.software = "postern";
  made.software_version = "0";
  made.bounds = bounds;
  return made;
}

xmpp::SaslIdentity julia(xmpp::SaslKind kind) {
  xmpp::SaslIdentity identity;
  identity.kind = kind;
  if (kind == xmpp::SaslKind::anonymous) return identity;
  identity.user = "julia";
  identity.secret = xmpp::Secret("pencil");
  return identity;
}

}  // namespace

Play::Play(webclient::Bounds bounds, xmpp::SaslKind kind)
    : client(std::make_unique<webclient::Client>(settings(bounds), julia(kind), now,
                                                 webclient::WallTime{} + std::chrono::hours(24 * 365 * 50))),
      splitter_(std::make_unique<xmpp::StreamSplitter>(pool_, limits_)) {}

std::string Play::collect() {
  std::string said;
  for (const auto& action : actions_.list) {
    std::visit(
        [&](const auto& what) {
          using What = std::decay_t<decltype(what)>;
          if constexpr (std::is_same_v<What, xmpp::ToServer>) {
            said += std::string(what.bytes) + "\n";
            sent.emplace_back(what.bytes);
          } else if constexpr (std::is_same_v<What, xmpp::OpenLink>) {
            said += "[open]\n";
            splitter_->reset();
          } else if constexpr (std::is_same_v<What, xmpp::RestartStream>) {
            said += "[restart]\n";
            splitter_->reset();
          } else if constexpr (std::is_same_v<What, xmpp::EndSession>) {
            said += "[end]\n";
          } else {
            said += "[other]\n";
          }
        },
        action);
  }
  actions_.clear();
  return said;
}

std::string Play::hears(std::string_view bytes) {
  xmpp::StreamEvents events;
  splitter_->feed(bytes, events);
  std::string said;
  for (const auto& event : events.list) {
    if (const auto* stream = std::get_if<xmpp::StreamOpened>(&event)) {
      client->opened(*stream, now, actions_);
    } else if (const auto* stanza = std::get_if<xmpp::Stanza>(&event)) {
      client->deliver(*stanza, now, actions_);
    } else {
      throw std::runtime_error("the server of the test said nonsense: " + std::string(bytes));
    }
    said += collect();
  }
  return said;
}

std::string Play::waits(xmpp::Duration duration) {
  std::string said;
  const auto until = now + duration;
  while (client->deadline() <= until) {
    now = std::max(now, client->deadline());
    client->on_time(now, actions_);
    said += collect();
    if (client->deadline() <= now) throw std::runtime_error("a deadline that does not go away");
  }
  now = until;
  return said;
}

std::string Play::closes(xmpp::EndReason reason) {
  client->close(reason, "the test", now, actions_);
  return collect();
}

std::string Play::authenticates(std::string_view features) {
  client->secured({true, {}});
  hears(stream_header);
  hears(
      "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>"
      "<mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>");
  EXPECT_EQ(hears("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"), "[restart]\n");
  hears(stream_header);
  return hears(features);
}

std::string Play::logs_in() {
  client->start(now, actions_);
  EXPECT_EQ(collect(), "[open]\n");
  authenticates(bound_features);
  auto said = hears("<iq type='result' id='" + id_of("xmpp-bind") +
                    "'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>julia@example.org/web</jid></bind></iq>");
  said += hears("<enabled xmlns='urn:xmpp:sm:3' id='resume-me' resume='true'/>");
  return said;
}

std::string Play::reconnects() {
  closes();
  const auto said = waits(std::chrono::seconds(1));
  EXPECT_EQ(said, "[open]\n");
  return authenticates(bound_features);
}

std::string Play::begins_anew() {
  reconnects();
  hears("<failed xmlns='urn:xmpp:sm:3'/>");
  return answers("xmpp-bind",
                 "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>julia@example.org/web2</jid></bind>");
}

std::string Play::has_archive() {
  return answers("to=\"julia@example.org\"",
                 "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:mam:2'/></query>",
                 "julia@example.org");
}

std::string Play::id_of(std::string_view text) const {
  for (auto at = sent.rbegin(); at != sent.rend(); ++at) {
    if (at->find(text) == std::string::npos) continue;
    const auto id = at->find(" id=\"");
    if (id == std::string::npos) continue;
    return at->substr(id + 5, at->find('"', id + 5) - id - 5);
  }
  throw std::runtime_error("nothing was sent with " + std::string(text));
}

std::string Play::answers(std::string_view about, std::string_view content, std::string_view from) {
  std::string iq = "<iq type='result' id='" + id_of(about) + "'";
  if (!from.empty()) iq += " from='" + std::string(from) + "'";
  return hears(iq + ">" + std::string(content) + "</iq>");
}

const webclient::Conversation& Play::row(std::string_view address) const {
  const auto* found = model().find(address);
  if (found == nullptr) throw std::runtime_error("no row " + std::string(address));
  return *found;
}

std::string Play::texts(std::string_view address) const {
  std::string all;
  for (const auto& message : row(address).messages) {
    all += message.direction == webclient::Direction::outgoing ? "me" : message.author;
    all += "[" + message.text + "]";
  }
  return all;
}

}  // namespace tests
