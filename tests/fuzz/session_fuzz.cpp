// A session driven by random events: bytes of a server, of a browser, of a hostile network, time and lost links. What
// must hold: nothing of the browser is sent before the stream is usable (above all not in the clear), nothing at all
// follows an end, the stream we write is well-formed, time that has come is acted on, and where XEP-0198 is the
// gateway's nothing is acknowledged that was not delivered and proven, or is answered for when the session ends. What
// is kept is what waits for the stream, within its limit, and the errors for what is on its way, as long as it is.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "xmpp/arena.hpp"
#include "xmpp/bounce.hpp"
#include "xmpp/parser_pool.hpp"
#include "xmpp/raw_element.hpp"
#include "xmpp/session.hpp"
#include "xmpp/stream_splitter.hpp"

namespace {

using xmpp::Session;

[[noreturn]] void complain(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

void check(bool holds, const char* what) {
  if (!holds) complain(what);
}

constexpr std::string_view server_says[] = {
    "<?xml version='1.0'?><stream:stream id='a' from='example.org' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>",
    "<stream:stream id='b' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></stream:features>",
    "<stream:features/>",
    "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<success xmlns='urn:xmpp:sasl:2'/>",
    "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>[::1]:5222</see-other-host>"
    "</stream:error>",
    "<message from='b@x' id='#'><body>x</body></message>",
    "<presence/>",
    "</stream:stream>",
    "<!-- -->",
    "<stream:features><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>1</max-bytes></limits></stream:features>",
    " ",
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>",
    "<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    "<enabled xmlns='urn:xmpp:sm:3'/>",
    "<failed xmlns='urn:xmpp:sm:3'/>",
    "<r xmlns='urn:xmpp:sm:3'/>",
    "<a xmlns='urn:xmpp:sm:3' h='0'/>",
    "<a xmlns='urn:xmpp:sm:3' h='1'/>",
    "<a xmlns='urn:xmpp:sm:3' h='2'/>",
    "<message from='b@x' id='#'/><message from='b@x' id='#'/><message from='b@x' id='#'/>",
    "<message from='b@x' id='#'><a><b><c/></b></a></message>",  // beyond the limits
    "<iq from='b@x' id='5' type='get'><a><b><c/></b></a></iq>",
    "<stream:features><authentication xmlns='urn:xmpp:sasl:2'><inline><sm xmlns='urn:xmpp:sm:3'/><bind "
    "xmlns='urn:xmpp:bind:0'/></inline></authentication></stream:features>",
};

constexpr std::string_view enable = "<enable xmlns='urn:xmpp:sm:3'/>";

// Who asks within SASL2 gets it, and it is the client's then.
constexpr std::string_view login =
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='secret'><bind xmlns='urn:xmpp:bind:0'><enable "
    "xmlns='urn:xmpp:sm:3'/></bind></authenticate>";

// Every byte of the browser carries this, so that it is found wherever it goes.
constexpr std::string_view secret = "<secret xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

class Play {
 public:
  Play(std::string_view script) : script_(script) {
    policy_.domain = "example.org";
    limits_.max_depth = 4;
    limits_.leave_out = true;
    policy_.max_queued = 4 * secret.size();
    policy_.legacy_without_version = (next() & 1) != 0;
    policy_.max_bytes_to_server = next();
    policy_.management.max_unacknowledged = 1U + (next() & 3U);
    const std::uint8_t who = next();
    owned_ = who % 3 == 1;
    late_ = who % 3 == 2;
    session_.emplace(
        policy_, xmpp::StreamRequest{"en", "a@example.org", (who & 64) != 0, static_cast<xmpp::Management>(who % 3)},
        now_);
  }

  void run() {
    while (!script_.empty()) {
      step(next());
      carry_out();
    }
    finish();
  }

 private:
  std::uint8_t next() {
    if (script_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(script_.front());
    script_.remove_prefix(1);
    return value;
  }

  void step(std::uint8_t what) {
    const std::uint8_t which = next();
    switch (what % 12) {
      case 0:
        mode_ = static_cast<xmpp::TlsMode>(which % 3);
        if (session_->state() == Session::State::opening) {
          secure_ = mode_ != xmpp::TlsMode::starttls;
          congested_ = false;  // a new connection
        }
        return session_->link_up(mode_, now_, actions_);
      case 1:
        if (!encrypt_asked_) return;
        encrypt_asked_ = false;
        secure_ = true;
        return session_->encrypted(now_, actions_);
      case 2:
        return session_->link_down({xmpp::FaultKind::connection_lost, ""}, now_, actions_);
      case 3:
        if (which % 4 == 0) {
          left_ = (which & 4) != 0;
          if (left_) session_->client_left(now_);
          return close((which & 8) != 0);
        }
        may_open_ |= session_->state() == xmpp::Session::State::active;
        return session_->restart(which % 4 == 1 ? "de" : "", now_, actions_);
      case 4:
        if (which % 8 == 0) {
          session_->to_server(enable, 0, now_, actions_);
          late_ = late_ && is_refused();  // if it was undecided still, it is the client's now
          return;
        }
        if (which % 8 == 2) {
          session_->to_server(login, 0, now_, actions_);
          owned_ = late_ = false;  // unless it was the gateway's already
          asked_in_login_ = true;
          return;
        }
        spoke_ = spoke_ || which % 4 == 1;
        said_ += which % 4 == 1 ? 1U : 0U;
        if (which % 4 == 1) return session_->to_server("<message id='1'/><presence/>", 2, now_, actions_);
        return session_->to_server(secret, 0, now_, actions_);
      case 5:
        return pass_time(std::chrono::seconds(which));
      case 7:
        if (which > 200) session_->given_up(proven_, std::min(proven_ + which % 3, provable()), now_, actions_);
        proven_ = std::max(proven_, std::min(which > 200 ? proven_ + which % 3 : which, provable()));
        if (session_->state() == Session::State::active || session_->state() == Session::State::emptying)
          released_ = proven_;
        return session_->client_received(proven_, now_, actions_);
      case 8:
        deaf_ = (which & 1) == 0;
        congested_ = (which & 2) != 0;
        session_->congested(congested_);
        return session_->reading(!deaf_, now_);
      case 9:
        return give_back();
      case 6: {
        const auto size = std::min<std::size_t>(which, script_.size());
        const auto raw = script_.substr(0, size);
        script_.remove_prefix(size);
        return read(raw);
      }
      default:
        return read(numbered(server_says[which % std::size(server_says)]));
    }
  }

  // Each message has an id of its own, so that one knows whose error it is.
  std::string numbered(std::string_view text) {
    std::string out;
    for (const char c : text) c == '#' ? out += "m" + std::to_string(++ids_) : out += c;
    return out;
  }

  void read(std::string_view bytes) {
    heard_ = now_;
    xmpp::StreamEvents events;
    splitter_.feed(bytes, events);
    for (const auto& event : events.list) {
      const auto* stanza = std::get_if<xmpp::Stanza>(&event);
      if (stanza != nullptr && session_->state() == Session::State::emptying) note(*stanza);
      session_->on_event(event, now_, actions_);
      if (!managed_ && session_->managed()) before_ = told_ = delivered_;
      if (session_->state() != Session::State::closed) managed_ = session_->managed();  // what it was when it wrote
      const bool was_void = rest_is_void_;
      carry_out();
      if (rest_is_void_ && !was_void) break;
    }
    rest_is_void_ = false;
  }

  // Of what was delivered: what comes behind that which will not arrive does not arrive either.
  [[nodiscard]] std::uint64_t provable() const { return std::min(provable_, delivered_); }

  // The gateway has decided already, though the server has offered nothing so far.
  [[nodiscard]] bool is_refused() const {
    return std::any_of(actions_.list.begin(), actions_.list.end(), [](const auto& action) {
      const auto* const deliver = std::get_if<xmpp::Deliver>(&action);
      return deliver != nullptr && deliver->stanza.bytes.find("unexpected-request") != std::string_view::npos;
    });
  }

  void close(bool at_once) {
    closing_ = true;
    at_once ? session_->close_at_once(now_, actions_) : session_->close(now_, actions_);
  }

  // The next message that the client has not received will not reach it.
  void give_back() {
    const auto next = answerable_.upper_bound(std::max(proven_, given_back_));
    if (next == answerable_.end()) return;
    if (given_back_ == 0) provable_ = next->first - 1;
    given_back_ = next->first;
    const bool kept = answers_ && given_back_ > answers_from_;
    const bool is_told = session_->state() == Session::State::active && !kept && !next->second.empty();
    const std::string error = "<message id='" + next->second +
                              "' type='error'><error type='cancel'><recipient-unavailable "
                              "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>";
    session_->undeliverable(given_back_, error, now_, actions_);
    carry_out();
    check(!is_told || bounced_.contains(next->second), "nobody is told of what will not arrive");
  }

  void pass_time(xmpp::Duration time) {
    now_ += time;
    session_->on_time(now_, actions_);
    carry_out();
    check(session_->deadline() > now_, "a deadline was reached and nothing happened");
  }

  void carry_out() {
    for (const auto& action : actions_.list) {
      check(!ended_, "something follows the end");
      std::visit([this](const auto& a) { act(a); }, action);
    }
    actions_.clear();
    check(ended_ == (session_->state() == Session::State::closed), "closed without an end, or the other way round");
    check(session_->queued_bytes() <= bound(), "more is kept than may be needed");
  }

  // An error repeats attributes, each of their characters as an entity at worst.
  [[nodiscard]] std::size_t bound() const {
    constexpr std::size_t notice = 500;
    std::size_t bytes = policy_.max_queued + said_ * notice;
    for (auto n = static_cast<std::size_t>(released_); n < sizes_.size(); ++n) bytes += notice + 6 * sizes_[n];
    return bytes;
  }

  void act(const xmpp::SendBytes& send) {
    check(!encrypt_asked_, "something is sent while TLS begins");
    check(!end_sent_, "something is sent behind </stream:stream>");
    if (late_ && send.bytes == enable) {
      check(spoke_, "decided before the client has said anything");
      owned_ = true;
    }
    const bool refuses = send.bytes.starts_with("<message") || send.bytes.starts_with("<iq");
    check(!congested_ || !refuses || send.bytes.find("policy-violation") == send.bytes.npos,
          "others fill the connection of a server that does not read");
    check_acknowledged(send.bytes);
    const bool is_secret = send.bytes.find("secret") != std::string_view::npos;
    check(!is_secret || (secure_ && usable_), "bytes of the browser on a stream that is not usable");
    if (send.bytes.starts_with("<?xml")) {
      usable_ = false;
      ours_.reset();
    }
    if (send.bytes.ends_with("</stream:stream>")) end_sent_ = true;
    xmpp::StreamEvents events;
    ours_.feed(send.bytes, events);
    for (const auto& event : events.list) {
      check(!std::holds_alternative<xmpp::Fault>(event), "what we write is no stream");
    }
  }
  // What is acknowledged beyond the proofs is bounced at the end, and not before the server had too much of it.
  void check_acknowledged(std::string_view sent) {
    note_bounced(sent);
    const bool is_end = sent == "</stream:stream>" && closing_;
    if (is_end && answers_ && !managed_ && !left_)
      check(are_told(std::max(proven_, answers_from_), delivered_), "nobody answers for it");
    if (!owned_) return;
    constexpr std::string_view begin = "<a xmlns='urn:xmpp:sm:3' h='";
    if (sent.starts_with(begin)) {
      const auto h = static_cast<std::uint64_t>(std::atoll(std::string(sent.substr(begin.size())).c_str())) + before_;
      check(managed_, "an acknowledgement without stream management");
      check(h >= told_ && h <= delivered_, "more or less acknowledged than possible");
      check(h <= std::max(passed(), told_) || delivered_ - told_ > policy_.management.max_unacknowledged,
            "acknowledged without a proof and without need");
      told_ = h;
    }
    if (managed_ && is_end)
      check(are_told(std::max(proven_, before_), told_), "nobody answers for what is acknowledged");
  }
  void note_bounced(std::string_view sent) {
    constexpr std::string_view id = " id='";
    for (auto at = sent.find("<message "); at != sent.npos; at = sent.find("<message ", at + 1)) {
      const auto error = sent.substr(at, sent.find("</message>", at) - at);
      const auto begin = error.find(id);
      if (begin == error.npos || error.find("<recipient-unavailable ") == error.npos) continue;
      bounced_.emplace(error.substr(begin + id.size(), error.find('\'', begin + id.size()) - begin - id.size()));
    }
  }
  // Those who wrote the messages behind `after`, up to `up_to`, as far as there is an error for them.
  [[nodiscard]] bool are_told(std::uint64_t after, std::uint64_t up_to) const {
    return std::all_of(
        answerable_.upper_bound(after), answerable_.upper_bound(std::max(after, up_to)),
        [this](const auto& message) { return message.second.empty() || bounced_.contains(message.second); });
  }
  // Up to the first message that is not proven, nor told already where the server is read empty.
  [[nodiscard]] std::uint64_t passed() const {
    const auto told = session_->state() == Session::State::active ? 0 : told_;
    const auto next = std::upper_bound(messages_.begin(), messages_.end(), std::max({proven_, before_, told}));
    return next == messages_.end() ? delivered_ : *next - 1;
  }
  void act(const xmpp::Encrypt&) {
    check(!secure_, "TLS twice");
    encrypt_asked_ = rest_is_void_ = true;
  }
  void act(const xmpp::ResetSplitter&) { splitter_.reset(); }
  void act(const xmpp::Opened& opened) {
    check(secure_, "the stream before TLS is shown");
    check(std::exchange(may_open_, false), "a second stream is shown");
    if (opened.stream.version.empty()) usable_ = true;
  }
  void act(const xmpp::Deliver& deliver) {
    const bool is_error = deliver.stanza.kind == xmpp::StanzaKind::stream_error;
    const bool ours = deliver.stanza.type == xmpp::StanzaType::error && deliver.stanza.excess.empty();
    if (!ours) note(deliver.stanza);
    const bool management = deliver.stanza.kind == xmpp::StanzaKind::management;
    check(!owned_ || !management || deliver.stanza.bytes.find("unexpected-request") != std::string_view::npos,
          "stream management is shown");
    check(secure_ || is_error || (owned_ && management), "an element of the stream before TLS is shown");
    check(deliver.stanza.bytes.find("starttls") == std::string_view::npos, "starttls is shown");
    if (deliver.stanza.kind == xmpp::StanzaKind::features) {
      usable_ = true;
      check(!owned_ || deliver.stanza.bytes.find("sm:3") == std::string_view::npos, "stream management is offered");
    }
  }
  void note(const xmpp::Stanza& stanza) {
    if (!stanza.counts()) return;
    ++delivered_;
    sizes_.push_back(stanza.bytes.size());
    if (!stanza.excess.empty()) return;  // its sender is told by the same step
    if (stanza.kind == xmpp::StanzaKind::message) messages_.push_back(delivered_);
    const auto tag = xmpp::read_start_tag(stanza.bytes, 0);
    if (stanza.kind == xmpp::StanzaKind::message && tag && !xmpp::bounce(stanza, scratch_).empty())
      answerable_[delivered_] = xmpp::attribute(*tag, "id").value_or(std::string());
    scratch_.clear();
  }
  void act(const xmpp::Managed& managed) {
    check(answers_ != managed.is, "said twice");
    check(!managed.is || owned_ || late_ || asked_in_login_, "not the gateway's to say");
    answers_ = managed.is;
    answers_from_ = delivered_;
  }
  void act(const xmpp::Redirect& redirect) {
    check(redirect.host == "::1" || !redirect.host.empty(), "nowhere to go");
    check(++redirects_ <= 2, "too many redirects");
    usable_ = secure_ = end_sent_ = false;
    rest_is_void_ = true;
  }
  void act(const xmpp::Ended&) { ended_ = rest_is_void_ = true; }

  // However it went: a session that is told to end does so in bounded time, and soon where its server was quiet.
  void finish() {
    const bool quiet =
        session_->state() == Session::State::active && !deaf_ && now_ - heard_ >= std::chrono::seconds(2);
    close(false);
    carry_out();
    const auto begin = now_;
    for (int i = 0; i < 2 && !ended_; ++i) pass_time(session_->deadline() - now_);  // emptying, closing
    check(ended_, "no end");
    check(now_ - begin <= (quiet ? 2 : 16) * policy_.closing_timeout, "an end that takes too long");
    check(session_->deadline() == xmpp::never, "a deadline behind the end");
  }

  std::string_view script_;
  xmpp::StreamPolicy policy_;
  xmpp::Limits limits_;
  xmpp::ParserPool pool_{1};
  xmpp::StreamSplitter splitter_{pool_, limits_}, ours_{pool_, limits_};
  xmpp::SessionActions actions_;
  std::optional<Session> session_;
  xmpp::Instant now_{std::chrono::seconds(1)};
  xmpp::TlsMode mode_ = xmpp::TlsMode::starttls;
  int redirects_ = 0;
  bool may_open_ = true;  // a header may be shown: none was, or the client has begun the stream again
  bool secure_ = false, usable_ = false, encrypt_asked_ = false, end_sent_ = false, ended_ = false;
  bool rest_is_void_ = false;
  // counted from the start of the session
  std::uint64_t delivered_ = 0, proven_ = 0, released_ = 0, told_ = 0, before_ = 0, answers_from_ = 0;
  std::uint64_t given_back_ = 0, provable_ = std::numeric_limits<std::uint64_t>::max();
  std::vector<std::uint64_t> messages_;
  std::map<std::uint64_t, std::string> answerable_;  // with their ids
  std::set<std::string, std::less<>> bounced_;
  unsigned ids_ = 0;
  xmpp::Arena scratch_;
  std::vector<std::size_t> sizes_;  // of what was delivered
  std::size_t said_ = 0;            // messages of the browser
  xmpp::Instant heard_{};
  bool deaf_ = false, congested_ = false;
  bool answers_ = false, owned_ = false, late_ = false, asked_in_login_ = false, spoke_ = false, managed_ = false,
       closing_ = false, left_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Play(std::string_view(reinterpret_cast<const char*>(data), size)).run();
  return 0;
}
