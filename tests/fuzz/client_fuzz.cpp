// The client of the chat driven by a script: stanzas of a server and of hostile contacts, commands of a reader, time,
// lost links, resumes. What must hold: every bound of the model, numbers that mean one thing for ever, well-formed
// stanzas only, nothing after the end, deadlines that go away when they are acted on; and of every letter of a stranger
// that a reader has it on a page, or the server still has it, or its author was told (PROTOCOL U-060, X-050).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "tests/fuzz/letters.hpp"
#include "webclient/client.hpp"
#include "webclient/text.hpp"
#include "xmpp/parser_pool.hpp"
#include "xmpp/stream_splitter.hpp"
#include "xmpp/strophe_stanza.hpp"

namespace {

using namespace webclient;

using tests::check;

constexpr std::string_view header =
    "<stream:stream id='s' from='example.org' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";

// @ is one of the addresses, # an id that the client has used, $ text out of the script, % a number.
constexpr std::string_view stanzas[] = {
    "<message from='@' to='@' type='chat' id='#'><body>$</body></message>",
    "<message from='@' type='groupchat' id='#'><body>$</body></message>",
    "<message from='@' type='groupchat'><subject>$</subject></message>",
    "<message from='@' id='#'><body>/me $</body><replace xmlns='urn:xmpp:message-correct:0' id='#'/></message>",
    "<message from='@' type='error' id='#'><error type='cancel'><gone "
    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
    "<message from='@' id='#'><received xmlns='urn:xmpp:receipts' id='#'/><request "
    "xmlns='urn:xmpp:receipts'/></message>",
    "<message from='@'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
    "<message from='@'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message "
    "xmlns='jabber:client' "
    "from='@' to='@' id='#'><body>$</body></message></forwarded></sent></message>",
    "<message from='@'><result xmlns='urn:xmpp:mam:2' queryid='#' id='%'><forwarded xmlns='urn:xmpp:forward:0'><delay "
    "xmlns='urn:xmpp:delay' stamp='20%-01-01T00:00:00Z'/><message xmlns='jabber:client' from='@' to='@' "
    "id='#'><body>$</body>"
    "<replace xmlns='urn:xmpp:message-correct:0' id='#'/></message></forwarded></result></message>",
    "<message from='@'><stanza-id xmlns='urn:xmpp:sid:0' by='julia@example.org' id='%'/><body>$</body></message>",
    "<message from='@'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:bookmarks:1'><item "
    "id='@'>"
    "<conference xmlns='urn:xmpp:bookmarks:1' name='$' autojoin='true'/></item><retract "
    "id='@'/></items></event></message>",
    "<message from='@'><x xmlns='http://jabber.org/protocol/muc#user'><invite "
    "from='@'><reason>$</reason></invite></x></message>",
    "<message from='@'><x xmlns='jabber:x:conference' jid='@'/></message>",
    "<presence from='@'><show>away</show><status>$</status><priority>%</priority></presence>",
    "<presence from='@' type='unavailable'/>",
    "<presence from='@' type='subscribe'><status>$</status></presence>",
    "<presence from='@'><x xmlns='http://jabber.org/protocol/muc#user'><item role='participant'/><status "
    "code='110'/></x></presence>",
    "<presence from='@' type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'><item nick='$'/><status "
    "code='303'/></x>"
    "</presence>",
    "<presence from='@' type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'><item/><status "
    "code='307'/></x></presence>",
    "<presence from='@' type='error'><error type='auth'><conflict "
    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>",
    "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='@' name='$' "
    "subscription='both'><group>$</group></item>"
    "</query></iq>",
    "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='@' subscription='remove'/></query></iq>",
    "<iq type='result' id='#'><query xmlns='jabber:iq:roster'><item jid='@' subscription='to'/><item "
    "jid='@'/></query></iq>",
    "<iq type='result' id='#'><query xmlns='http://jabber.org/protocol/disco#info'><feature "
    "var='urn:xmpp:mam:2'/><feature "
    "var='urn:xmpp:http:upload:0'/></query></iq>",
    "<iq type='result' from='@' id='#'><query xmlns='http://jabber.org/protocol/disco#items'><item jid='@'/><item "
    "jid='b.c'/></query></iq>",
    "<iq type='result' from='@' id='#'><slot xmlns='urn:xmpp:http:upload:0'><put url='https://a/$'/><get "
    "url='https://a/b'/></slot></iq>",
    "<iq type='result' id='#'><fin xmlns='urn:xmpp:mam:2'><set "
    "xmlns='http://jabber.org/protocol/rsm'><last>%</last></set></fin></iq>",
    "<iq type='result' id='#'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>",
    "<iq type='error' from='@' id='#'><error type='cancel'><item-not-found "
    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    "<iq type='get' from='@' id='$'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
    "<iq type='get' from='@' id='#'><unknown xmlns='$'/></iq>",
    "<iq type='result' id='#'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items "
    "node='urn:xmpp:bookmarks:1'><item id='@'>"
    "<conference xmlns='urn:xmpp:bookmarks:1' autojoin='1'><nick>$</nick></conference></item></items></pubsub></iq>",
    "<r xmlns='urn:xmpp:sm:3'/>",
    "<a xmlns='urn:xmpp:sm:3' h='%'/>",
    "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>",
    "<failed xmlns='urn:xmpp:sm:3' h='%'/>",
    "<resumed xmlns='urn:xmpp:sm:3' previd='x' h='%'/>",
    "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    "<iq type='result' id='#'><bind "
    "xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>julia@example.org/w</jid></bind></iq>",
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>",
    "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>$</challenge>",
    "<message from='@'><x xmlns='http://jabber.org/protocol/muc#user'><decline "
    "from='@'><reason>$</reason></decline></x></message>",
    "<message from='julia@example.org'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
    "<message xmlns='jabber:client' from='@'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='@'/></x>"
    "</message></forwarded></received></message>",
};

constexpr std::string_view addresses[] = {
    "julia@example.org",
    "julia@example.org/w",
    "romeo@example.net/o",
    "romeo@example.net",
    "hall@rooms.example.org",
    "hall@rooms.example.org/julia",
    "hall@rooms.example.org/nurse",
    "hall@rooms.example.org/&#x202e;",
    "example.org",
    "",
    "a@b",
    "mallory@example.net/x",
    "garden@rooms.example.org",
    "nurse@example.org",
    "@",
    "c@d/e",
    "f@g",
    "h@i",
};

Bounds small() {
  Bounds bounds;
  bounds.roster = 4;
  bounds.conversations = 4;
  bounds.rooms = 2;
  bounds.occupants = 3;
  bounds.messages = 6;
  bounds.all_text = 20 * sizeof(Message);
  bounds.text = 40;
  bounds.label = 16;
  bounds.status = 20;
  bounds.groups = 1;
  bounds.uploads = 2;
  bounds.events = 16;
  bounds.sending = 30;
  return bounds;
}

class Run {
 public:
  explicit Run(std::string_view script) : script_(script), splitter_(pool_, limits_) {
    ClientSettings settings;
    settings.domain = "example.org";
    settings.seed = "seed";
    settings.bounds = small();
    xmpp::SaslIdentity identity;
    identity.user = "julia";
    identity.secret = xmpp::Secret("pencil");
    client_ = std::make_unique<Client>(std::move(settings), std::move(identity), now_, WallTime{});
    client_->start(now_, actions_);
    collect();
    if (const auto how = next(); (how & 3U) != 0) log_in((how & 12U) == 12U);
  }

  void run() {
    while (!script_.empty()) {
      step();
      collect();
      letters_.look(client_->model());
      check_model();
    }
    const bool listens = is_online() && !stream_error_;
    client_->log_out(now_, actions_);
    collect();
    check(client_->ended() && client_->deadline() == xmpp::never, "a session that does not end");
    if (listens) letters_.check_all();
  }

 private:
  std::uint8_t next() {
    if (script_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(script_.front());
    script_.remove_prefix(1);
    return value;
  }

  std::string_view text() {
    const std::size_t wanted = next() % 64U;
    const auto size = std::min(wanted, script_.size());
    const auto taken = script_.substr(0, size);
    script_.remove_prefix(size);
    return taken;
  }

  [[nodiscard]] bool is_online() const { return client_->model().account().link == LinkState::online; }

  void log_in(bool early_letter) {
    open_stream(
        "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>"
        "</mechanisms></stream:features>");
    hear("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    open_stream(stanzas[39]);
    begin(early_letter);
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
    hear("<message from='p" + std::to_string(next() % 8U) + "@letters.example/o' type='chat' id='" + letters_.write() +
         "'><body>x</body></message>");
    letters_.look(client_->model());
  }

  void read_row(ConversationId id) {
    client_->open_conversation(id, now_, actions_);
    collect();
    letters_.look(client_->model());
    client_->seen(client_->mark(), id, now_, actions_);
    letters_.arrived(id);
  }

  void close_row(ConversationId id) {
    if (client_->close_conversation(id) == Problem::none) letters_.dismissed(id);
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
    client_->secured({true, {}});
    hear(header);
    hear(features);
  }

  std::string fill(std::string_view stanza) {
    std::string out;
    for (const char c : stanza) {
      if (c == '@') {
        out += addresses[next() % std::size(addresses)];
      } else if (c == '#') {
        out += "seed-" + std::to_string(next() % 64U);
      } else if (c == '%') {
        out += std::to_string(next() % 100U);
      } else if (c == '$') {
        out += xmpp::NewElement("x").set("y", text()).bytes().substr(6);
        while (!out.empty() && (out.back() == '>' || out.back() == '/' || out.back() == '"')) out.pop_back();
      } else {
        out += c;
      }
    }
    return out;
  }

  void hear(std::string_view bytes) {
    xmpp::StreamEvents events;
    splitter_.feed(bytes, events);
    for (const auto& event : events.list) {
      if (const auto* opened = std::get_if<xmpp::StreamOpened>(&event)) {
        client_->opened(*opened, now_, actions_);
        collect();
      } else if (const auto* stanza = std::get_if<xmpp::Stanza>(&event)) {
        hear(*stanza);
      } else {
        splitter_.reset();
        client_->close(xmpp::EndReason::server_lost, "", now_, actions_);
        letters_.link_closed();
        collect();
      }
    }
  }

  void hear(const xmpp::Stanza& stanza) {
    const bool was_online = is_online();
    if (const auto parsed = xmpp::ParsedElement::parse(stanza.bytes);
        parsed && stanza.kind == xmpp::StanzaKind::management)
      letters_.counted(parsed->root(), was_online);
    if (!was_online) letters_.link_lost();
    if (stanza.kind == xmpp::StanzaKind::stream_error) stream_error_ = true;
    if (was_online && !repeats_) letters_.passed(stanza);
    client_->deliver(stanza, now_, actions_);
    collect();
    if (!was_online && is_online()) come_back(stanza);
  }

  ConversationId row() { return ConversationId{next() % 24U}; }

  void step() {
    switch (next() % 8U) {
      case 0:
        return command();
      case 1:
        return pass_time(std::chrono::seconds(next()));
      case 2:
        if (const auto what = next(); what % 4U != 0) {
          return what < 128 ? client_->seen(client_->mark(), {}, now_, actions_) : read_row(row());
        }
        splitter_.reset();
        client_->close(xmpp::EndReason::server_lost, "", now_, actions_);
        letters_.link_closed();
        collect();
        return pass_time(std::chrono::seconds(2));
      case 3:
        // A link that has come up again, as far as to the resume.
        open_stream(
            "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>"
            "</mechanisms></stream:features>");
        hear("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
        return open_stream(stanzas[39]);
      default:
        return server_says(next());
    }
  }

  void server_says(std::uint8_t what) {
    if (what == 250) {
      for (int i = 0; i < 200; ++i) hear("<presence from='a@b/c'/>");
    } else if (what == 251) {
      hear("<failed xmlns='urn:xmpp:sm:3'/>");
      begin((next() & 1U) != 0);
    } else if (what > 251) {
      write_letter();
    } else {
      hear(fill(stanzas[what % std::size(stanzas)]));
    }
  }

  void command() {
    auto& c = *client_;
    switch (next() % 19U) {
      case 0:
        c.start_chat(addresses[next() % std::size(addresses)], now_, actions_);
        return;
      case 1:
        c.start_private(row(), OccupantId{next()}, now_, actions_);
        return;
      case 2:
        c.open_conversation(row(), now_, actions_);
        return;
      case 3:
        close_row(row());
        return;
      case 4:
        c.load_older(row(), now_, actions_);
        return;
      case 5:
      case 6:
        c.send(row(), text(), now_, actions_);
        return;
      case 7:
        c.correct(row(), MessageId{next()}, text(), now_, actions_);
        return;
      case 8:
        c.add_buddy(addresses[next() % std::size(addresses)], {text(), {std::string(text())}}, now_, actions_);
        return;
      case 9:
        c.remove_buddy(row(), now_, actions_);
        return;
      case 10:
        c.answer_request(row(), (next() & 1U) != 0, now_, actions_);
        return;
      case 11:
        c.join_room({addresses[next() % std::size(addresses)], text(), {}}, now_, actions_);
        return;
      case 12:
        c.leave_room(row(), now_, actions_);
        return;
      case 13:
        c.change_nick(row(), text(), now_, actions_);
        return;
      case 14:
        c.set_bookmark(row(), {text(), true}, now_, actions_);
        return;
      case 15:
        c.start_upload(row(), {text(), text(), next()}, now_, actions_);
        return;
      case 16:
        c.finish_upload(UploadId{next() % 4U}, (next() & 1U) != 0, now_, actions_);
        return;
      case 17:
        c.invite(row(), {addresses[next() % std::size(addresses)], text()}, now_, actions_);
        return;
      default:
        c.set_presence(static_cast<Show>(next() % 6U), text(), now_, actions_);
        return;
    }
  }

  void pass_time(xmpp::Duration duration) {
    const auto until = now_ + duration;
    for (int i = 0; client_->deadline() <= until; ++i) {
      check(i < 1000, "a deadline that does not go away");
      now_ = std::max(now_, client_->deadline());
      client_->on_time(now_, actions_);
      collect();
    }
    now_ = until;
  }

  void collect() {
    for (const auto& action : actions_.list) {
      check(!over_, "an action after the end");
      if (std::holds_alternative<xmpp::EndSession>(action)) over_ = true;
      if (std::holds_alternative<xmpp::OpenLink>(action)) {
        stream_error_ = false;
        letters_.link_closed();
      }
      const auto* sent = std::get_if<xmpp::ToServer>(&action);
      if (sent == nullptr) continue;
      const auto parsed = xmpp::ParsedElement::parse(sent->bytes);
      check(parsed.has_value(), "what is sent is no element");
      letters_.sent(parsed->root());
      if (const auto id = parsed->root().attribute("id"); !id.empty()) last_id_ = id;
    }
    actions_.clear();
  }

  void check_text(std::string_view text, std::size_t bound) {
    check(text.size() <= bound, "a text above its bound");
    check(clean_text(text, text.size()).text == text, "a text that was not cleaned");
  }

  void check_model() {
    const auto& model = client_->model();
    const auto& bounds = model.bounds();
    std::size_t buddies = 0, others = 0, rooms = 0, messages = 0;
    for (std::uint32_t n = 1; n < 400; ++n) {
      const auto* found = model.find(ConversationId{n});
      if (found == nullptr) continue;
      const auto known = addresses_.emplace(n, found->address);
      check(known.first->second == found->address, "a number that means another conversation");
      (found->buddy ? buddies : others) += 1;
      rooms += found->room ? 1U : 0U;
      check_row(*found);
      messages += found->messages.size();
    }
    check(buddies == model.roster_size() && buddies <= bounds.roster, "too many buddies");
    // A buddy who is removed stays as a stranger until the next one needs the place.
    check(others <= bounds.conversations + bounds.roster + bounds.rooms, "too many conversations");
    check(rooms <= bounds.rooms, "too many rooms");
    check(messages * sizeof(Message) <= bounds.all_text, "too much text");
    const auto& journal = model.journal();
    check(journal.next() >= journal_, "the journal runs backwards");
    journal_ = journal.next();
  }

  void check_row(const Conversation& row) {
    const auto& bounds = client_->model().bounds();
    check(row.messages.size() <= bounds.messages, "too many messages");
    check_text(row.status, bounds.status);
    for (const auto& message : row.messages) {
      const auto n = static_cast<std::uint32_t>(message.id);
      check(messages_.emplace(n, row.id).first->second == row.id, "a number that means another message");
      const bool ours = message.direction == Direction::outgoing;
      check_text(message.text, std::max(ours ? bounds.sending * 4 : 0, std::max(bounds.text, bounds.status)));
      check_text(message.author, 3 * bounds.label);
      check(!message.replaced_by || *message.replaced_by != message.id, "a message that replaces itself");
    }
    if (!row.room) return;
    check(row.room->occupants.size() <= bounds.occupants + 1, "too many occupants");
    check_text(row.room->subject, bounds.status);
    for (const auto& [nick, occupant] : row.room->occupants) check_text(nick, bounds.label);
  }

  std::string_view script_;
  xmpp::Instant now_{std::chrono::seconds(1000)};
  xmpp::Limits limits_;
  xmpp::ParserPool pool_;
  xmpp::StreamSplitter splitter_;
  xmpp::Actions actions_;
  std::unique_ptr<Client> client_;
  std::map<std::uint32_t, std::string> addresses_;
  std::map<std::uint32_t, ConversationId> messages_;
  tests::Letters letters_;
  bool repeats_ = false, stream_error_ = false;
  std::string last_id_;
  std::uint64_t journal_ = 0;
  bool over_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Run({reinterpret_cast<const char*>(data), std::min<std::size_t>(size, 4096)}).run();
  return 0;
}
