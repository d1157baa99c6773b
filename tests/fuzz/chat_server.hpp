// The server of a session of the chat without scripts, as a script of bytes wants it: login, letters, hostile stanzas,
// links that are lost and resumed, time. It keeps the account of the letters (letters.hpp), and looks at every action
// of what is driven: stanzas are well-formed, deadlines go away, the session ends once. Drives the client by itself and
// within its engine, which have the same entries.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "tests/fuzz/chat_stanzas.hpp"
#include "tests/fuzz/letters.hpp"
#include "tests/fuzz/steps.hpp"
#include "webclient/client.hpp"
#include "xmpp/parser_pool.hpp"
#include "xmpp/stream_splitter.hpp"
#include "xmpp/strophe_stanza.hpp"

namespace fuzz {

// julia's session, which draws its ids from here.
inline webclient::ClientSettings chat_settings() {
  webclient::ClientSettings settings;
  settings.domain = "example.org";
  settings.seed = "seed";
  settings.bounds = small();
  return settings;
}
inline xmpp::SaslIdentity chat_identity() {
  xmpp::SaslIdentity identity;
  identity.user = "julia";
  identity.secret = xmpp::Secret("pencil");
  return identity;
}

template <class Driven>
class ChatServer {
 public:
  // All outlive it. `look` sees every action, in its order.
  ChatServer(Driven& driven, Input& input, std::function<void(const xmpp::Action&)> look)
      : driven_(driven), input_(input), look_(std::move(look)), splitter_(pool_, limits_) {}

  static constexpr xmpp::Instant begin_of_time{std::chrono::seconds(1000)};
  [[nodiscard]] xmpp::Instant now() const { return now_; }
  [[nodiscard]] xmpp::Actions& actions() { return actions_; }
  [[nodiscard]] tests::Letters& letters() { return letters_; }
  [[nodiscard]] bool over() const { return over_; }

  void log_in(bool early_letter) {
    come_up();
    begin(early_letter);
  }

  // A link that has come up (again), as far as to the resume.
  void come_up() {
    open_stream(
        "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>"
        "</mechanisms></stream:features>");
    hear("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    open_stream(stanzas[39]);
  }

  void cut() {
    splitter_.reset();
    lose();
    pass_time(std::chrono::seconds(2));
  }

  void say(std::uint8_t what) {
    if (what == 250) {
      for (int i = 0; i < 200; ++i) hear("<presence from='a@b/c'/>");
    } else if (what == 251) {
      hear("<failed xmlns='urn:xmpp:sm:3'/>");
      begin(input_.flag());
    } else if (what > 251) {
      write_letter();
    } else {
      hear(fill(stanzas[what % std::size(stanzas)]));
    }
  }

  void pass_time(xmpp::Duration duration) {
    const auto until = now_ + duration;
    for (int i = 0; driven_.deadline() <= until; ++i) {
      tests::check(i < 1000, "a deadline that does not go away");
      now_ = std::max(now_, driven_.deadline());
      driven_.on_time(now_, actions_);
      collect();
    }
    now_ = until;
  }

  // To be called after every entry.
  void collect() {
    bool ends = false;
    for (const auto& action : actions_.list) {
      look_(action);
      if (std::holds_alternative<xmpp::EndSession>(action)) {
        tests::check(!over_, "a second end");
        ends = over_ = true;
      }
      if (std::holds_alternative<xmpp::OpenLink>(action)) {
        stream_error_ = false;
        letters_.link_closed();
      }
      if (const auto* sent = std::get_if<xmpp::ToServer>(&action)) take(sent->bytes);
    }
    actions_.clear();
    if (ends && listened_ && !stream_error_) letters_.check_all();
    listened_ = is_online();
    letters_.look(driven_.model());
  }

 private:
  [[nodiscard]] bool is_online() const { return driven_.model().account().link == webclient::LinkState::online; }

  void take(std::string_view bytes) {
    trace("said", 0, bytes);
    tests::check(!over_, "something is said after the end");
    const auto parsed = xmpp::ParsedElement::parse(bytes);
    tests::check(parsed.has_value(), "what is sent is no element");
    letters_.sent(parsed->root());
    if (const auto id = parsed->root().attribute("id"); !id.empty()) last_id_ = id;
  }

  // From the bind to a stream that counts.
  void begin(bool early_letter) {
    hear("<iq type='result' id='" + last_id_ +
         "'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>julia@example.org/w"
         "</jid></bind></iq>");
    if (early_letter) write_letter();
    hear("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>");
  }

  void write_letter() {
    if (!is_online()) return;
    const auto from = std::to_string(input_.below(8));
    const auto id = letters_.write();
    hear("<message from='p" + from + "@letters.example/o' type='chat' id='" + id + "'><body>" + id +
         ".</body></message>");
  }

  // The server sees a client that has come back: what it has not confirmed comes again, or is stored.
  void come_back(const xmpp::Stanza& stanza) {
    if (stanza.kind != xmpp::StanzaKind::management) return letters_.new_stream();
    repeats_ = true;
    hear(letters_.unconfirmed());
    repeats_ = false;
  }

  void open_stream(std::string_view features) {
    splitter_.reset();
    driven_.secured({true, {}});
    hear(
        "<stream:stream id='s' from='example.org' version='1.0' xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams'>");
    hear(features);
  }

  std::string fill(std::string_view stanza) {
    std::string out;
    for (const char c : stanza) {
      if (c == '^') {
        out += addresses[input_.below(std::size(addresses))];
      } else if (c == '~') {
        out += "seed-" + std::to_string(input_.below(64));
      } else if (c == '%') {
        out += std::to_string(input_.below(100));
      } else if (c == '$') {
        out += xmpp::NewElement("x").set("y", input_.text()).bytes().substr(6);
        while (!out.empty() && (out.back() == '>' || out.back() == '/' || out.back() == '"')) out.pop_back();
      } else {
        out += c;
      }
    }
    return out;
  }

  void lose() {
    listened_ = false;
    driven_.close(xmpp::EndReason::server_lost, "", now_, actions_);
    letters_.link_closed();
    collect();
  }

  void hear(std::string_view bytes) {
    xmpp::StreamEvents events;
    splitter_.feed(bytes, events);
    for (const auto& event : events.list) {
      if (const auto* opened = std::get_if<xmpp::StreamOpened>(&event)) {
        driven_.opened(*opened, now_, actions_);
        collect();
      } else if (const auto* stanza = std::get_if<xmpp::Stanza>(&event)) {
        hear(*stanza);
      } else {
        splitter_.reset();
        lose();
      }
    }
    if constexpr (requires { driven_.delivered_all(now_, actions_); }) {
      driven_.delivered_all(now_, actions_);
      collect();
    }
  }

  void hear(const xmpp::Stanza& stanza) {
    trace("hears", is_online() ? 1 : 0, stanza.bytes);
    const bool was_online = is_online();
    if (const auto parsed = xmpp::ParsedElement::parse(stanza.bytes);
        parsed && stanza.kind == xmpp::StanzaKind::management)
      letters_.counted(parsed->root(), was_online);
    if (!was_online) letters_.link_lost();
    if (stanza.kind == xmpp::StanzaKind::stream_error) stream_error_ = true;
    if (was_online && !repeats_) letters_.passed(stanza);
    driven_.deliver(stanza, now_, actions_);
    collect();
    if (!was_online && is_online()) come_back(stanza);
  }

  Driven& driven_;
  Input& input_;
  std::function<void(const xmpp::Action&)> look_;
  xmpp::Instant now_ = begin_of_time;
  xmpp::Limits limits_;
  xmpp::ParserPool pool_;
  xmpp::StreamSplitter splitter_;
  xmpp::Actions actions_;
  tests::Letters letters_;
  std::string last_id_;
  bool repeats_ = false, stream_error_ = false, over_ = false;
  bool listened_ = false;  // the stream took what the client said, before this step
};

}  // namespace fuzz
