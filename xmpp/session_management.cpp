// Session: XEP-0198 towards the server where it is the gateway's (PROTOCOL U-050 ... U-066). What is counted and when
// something is due, xmpp/stream_management knows; here it is put on the wire.
#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "xmpp/bounce.hpp"
#include "xmpp/names.hpp"
#include "xmpp/raw_element.hpp"
#include "xmpp/session.hpp"
#include "xmpp/stream_header.hpp"

namespace xmpp {
namespace {

constexpr std::string_view enable = "<enable xmlns='urn:xmpp:sm:3'/>";
constexpr std::string_view request = "<r xmlns='urn:xmpp:sm:3'/>";
constexpr std::string_view failed =
    "<failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";
constexpr std::string_view too_high =
    "<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
    "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='";
// Of errors for what is left out: so many bytes, before the server has shown that it reads, or some time has passed.
constexpr std::size_t max_refused_bytes = 16 * 1024;
constexpr Duration renew_refusals = std::chrono::minutes(1);
constexpr int longest_emptying = 15;  // closing timeouts, where the server has more and more to say

bool is_management(const RawElement& element) {
  return element.uri == ns::management_3 || element.uri == ns::management_2;
}

// Within its login, which cannot be rewritten.
bool asks_in_login(const RawElement& element) {
  return element.uri == ns::sasl2 && element.bytes.find(ns::any_management) != std::string_view::npos;
}

bool is_word_to_others(const RawElement& element) {
  return element.uri == ns::client && (element.local == "presence" || element.local == "message");
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

// ---- beginning -----------------------------------------------------------------------------------------------------

void Session::hand_over(const Stanza& given, Instant now, SessionActions& out) {
  const Stanza stanza = given.excess.empty() ? given : rest_of(given, now, out);
  out.list.emplace_back(Deliver{stanza});
  if (!stanza.counts()) return;
  ++delivered_;
  if (!management_) return;
  if (!managed()) return management_->delivered_uncounted(stanza, delivered_, out.arena);
  management_->delivered(stanza, out.arena);
  if (management_->must_acknowledge()) acknowledge(now, out);
}

// What is above the limits: the client gets what is left of it, which keeps all counts right, and whoever wrote it is
// told, unless the client itself may be counting what it sends.
Stanza Session::rest_of(const Stanza& excessive, Instant now, SessionActions& out) {
  Stanza rest = excessive;
  const bool asks = rest.kind == StanzaKind::iq && (rest.type == StanzaType::get || rest.type == StanzaType::set);
  const bool clients = management_shown_ && request_.management == Management::transparent;
  // Who counts itself what it sends is the only one who can answer.
  if (rest.kind == StanzaKind::iq && !(clients && asks)) rest.bytes = left_out(excessive, out.arena);
  if (clients) return rest;
  rest.type = StanzaType::error;  // nobody is to be told a second time
  if (state_ == State::negotiating || !may_refuse(now)) return rest;
  const auto refused = refusal(excessive, out.arena);
  if (refused.empty()) return rest;
  refused_bytes_ += static_cast<std::uint32_t>(refused.size());
  send(refused, now, out);
  // Its answer shows that the server reads; while it is read empty other questions would stand in the way.
  state_ == State::emptying ? count_ours() : count_sent(refused, 1, now, out);
  return rest;
}

// Whoever may write to the client could fill the connection to a server that reads slowly, and end the session with it.
bool Session::may_refuse(Instant now) {
  if (now - renew_refusals >= refused_since_) {
    refused_since_ = now;
    refused_bytes_ = 0;
  }
  return !congested_ && refused_bytes_ < max_refused_bytes;
}

// Only after the bind (U-051), which nothing else announces: the result of it, or what SASL2 says of Bind 2.
void Session::note_binding(const Stanza& stanza, Instant now, SessionActions& out) {
  const bool result = stanza.kind == StanzaKind::iq && stanza.type == StanzaType::result;
  if (!result && stanza.kind != StanzaKind::sasl2_success) return;
  bound_ = stanza.bytes.find(result ? ns::bind : ns::bind_2) != std::string_view::npos;
  if (bound_ && spoke_ && request_.management == Management::late) request_.management = Management::owned;
  try_to_manage(now, out);
}

void Session::try_to_manage(Instant now, SessionActions& out) {
  if (!bound_ || state_ != State::active || request_.management == Management::transparent) return;
  if (!management_) {
    management_ = std::make_unique<StreamManagement>(policy_.management, now);
    out.list.emplace_back(Managed{true});
  }
  if (!management_offered_ || request_.management == Management::late || management_asked_) return;
  management_asked_ = true;
  // Without resume: who cannot log in again cannot resume, and without it the server re-routes at once.
  send(enable, now, out);
}

void Session::leave_to_client(SessionActions& out) {
  request_.management = Management::transparent;
  if (std::exchange(management_, nullptr)) out.list.emplace_back(Managed{false});
}

// Clients that want it ask when they are bound, but not with the first thing they say: the session of RFC 3921 comes
// before it, in some clients more.
void Session::note_first_words(std::string_view bytes, Instant now, SessionActions& out) {
  const auto elements = read_row(bytes, out.arena);
  if (!elements) return;
  spoke_ = spoke_ || std::any_of(elements->list.begin(), elements->list.end(), is_word_to_others);
  if (!spoke_ || !bound_) return;
  request_.management = Management::owned;
  try_to_manage(now, out);
}

// ---- from the server -----------------------------------------------------------------------------------------------

void Session::on_management(const Stanza& stanza, Instant now, SessionActions& out) {
  const auto tag = read_start_tag(stanza.bytes, 0);
  if (!tag || !management_) return;
  const auto name = split_name(tag->name).local;
  if (!management_->on()) {
    if (!management_asked_) return;
    if (name == "enabled") management_->enabled(delivered_);
    if (name == "failed") {
      management_->refused();
      management_asked_ = management_offered_ = false;  // so that it is not tried again
    }
    return;
  }
  if (name == "r") {
    management_->on_request(now);
    if (management_->ack_due() <= now) acknowledge(now, out);
  }
  if (name == "a") on_acknowledged(attribute(*tag, "h").value_or(std::string()), now, out);
}

void Session::on_acknowledged(std::string_view h, Instant now, SessionActions& out) {
  const auto count = number(h);
  if (!count) return refuse({FaultKind::bad_format, "an acknowledgement without a number"}, now, out);
  refused_bytes_ = 0;  // it reads
  if (management_->acknowledged(*count)) return;
  // U-064.
  settle_accounts(now, out);
  const auto sent = static_cast<std::uint32_t>(management_->sent());
  send(out.arena.join({too_high, std::to_string(*count), "' send-count='", std::to_string(sent), "'/></stream:error>",
                       stream_end}),
       now, out);
  end({FaultKind::bad_format, "the server acknowledges more than was sent"}, out);
}

// ---- from the client -----------------------------------------------------------------------------------------------

// Elements of XEP-0198 that a client sends where it was not offered are refused (U-050); what is left is returned.
// A client that asks within SASL2 gets what it wants, so it is the client's then.
std::string_view Session::without_management(std::string_view bytes, SessionActions& out) {
  if (bytes.find(ns::any_management) == std::string_view::npos) return bytes;
  const auto elements = read_row(bytes, out.arena);
  if (!elements) return bytes;
  if (request_.management == Management::late) {
    const auto& list = elements->list;
    if (std::any_of(list.begin(), list.end(), is_management) || std::any_of(list.begin(), list.end(), asks_in_login)) {
      leave_to_client(out);
    }
    return bytes;
  }
  std::string rest;
  for (const auto& element : elements->list) {
    if (!is_management(element)) {
      if (asks_in_login(element) && !management_) request_.management = Management::transparent;
      rest += element.bytes;
    } else if (element.local == "enable" || element.local == "resume") {
      out.list.emplace_back(Deliver{Stanza{failed, StanzaKind::management}});
    }
  }
  return rest.size() == bytes.size() ? bytes : out.arena.store(rest);
}

void Session::count_sent(std::string_view bytes, std::uint32_t stanzas, Instant now, SessionActions& out) {
  if (!management_ || !management_asked_) return;
  if (stanzas == 1 && (bytes.starts_with("<message") || bytes.starts_with("<iq") || bytes.starts_with("<presence"))) {
    management_->sent(bytes, now, out.arena);
  } else if (stanzas > 0) {
    const auto elements = read_row(bytes, out.arena);
    for (const auto& element : elements ? elements->list : std::vector<RawElement>{}) {
      const bool counts = element.local == "message" || element.local == "iq" || element.local == "presence";
      if (counts && element.uri == ns::client) management_->sent(element.bytes, now, out.arena);
    }
  }
  // One write carries it all.
  if (managed() && management_->may_acknowledge(now)) acknowledge(now, out);
  if (management_->must_ask(now)) ask(now, out);
}

// ---- both ----------------------------------------------------------------------------------------------------------

void Session::acknowledge(Instant now, SessionActions& out) {
  send(out.arena.join({"<a xmlns='urn:xmpp:sm:3' h='", std::to_string(management_->acknowledge(now)), "'/>"}), now,
       out);
}

void Session::tell_ours(Instant now, SessionActions& out) {
  std::string all;
  management_->for_each_of_ours([&](std::string_view notice) {
    all += notice;
    count_ours();
  });
  if (!all.empty()) send(out.arena.store(all), now, out);
  management_->told_ours();
}

// U-064: it is counted like any other, and a server that does so may not be told that it is wrong.
void Session::count_ours() {
  if (management_ && management_asked_) management_->sent_ours();
}

void Session::ask(Instant now, SessionActions& out) {
  management_->ask(now);
  send(request, now, out);
}

void Session::client_received(std::uint64_t count, Instant now, SessionActions& out) {
  const bool is_open = state_ == State::active || state_ == State::emptying;
  if (!is_open || !management_) return;
  management_->received(count, now);
  if (management_->must_acknowledge()) acknowledge(now, out);
}

// There is no place for them any more in what the client is given, nor in what the server keeps.
void Session::given_up(std::uint64_t after, std::uint64_t up_to, Instant now, SessionActions& out) {
  const bool is_open = state_ == State::active || state_ == State::emptying;
  if (!is_open || !management_) return;
  management_->for_each_between(after, up_to, [&](std::string_view notice) {
    send(out.arena.store(notice), now, out);
    count_ours();
  });
}

// Where the server counts, it keeps what is not proven, and may give it twice.
void Session::client_left(Instant now) {
  if (management_ && !management_asked_) management_->client_left(now);
}

// A server that was told to stop, or is not read fast enough, may have written more than it remembers. Its answer to
// this question stands behind all of it. And its <enabled/> stands behind all that it does not count. What is ours is
// told as it becomes ours: the errors that may be kept would soon be too many for one who stays in full flow.
void Session::begin_emptying(Instant now, SessionActions& out) {
  state_ = State::emptying;
  emptied_by_ = now + longest_emptying * policy_.closing_timeout;
  wait_for_rest(now);
  if (!managed()) return;
  settle_accounts(now, out);
  answers_due_ = management_->answers_alike() ? 1 : 0;
  ask_behind_all(now, out);
}

// A busy machine takes its time. From one that has much to say silence is a stall, and what it says later would be
// dropped; one that was quiet before is soon given up.
void Session::wait_for_rest(Instant now) {
  due_ = management_->in_flow(now) ? emptied_by_ : std::min(now + policy_.closing_timeout, emptied_by_);
}

void Session::ask_behind_all(Instant now, SessionActions& out) {
  ++answers_due_;
  asked_behind_ = static_cast<std::uint32_t>(delivered_);
  ask(now, out);
}

// Nobody is there to receive it: it is counted, so that the oldest become ours in time.
void Session::on_emptying(const Stanza& stanza, Instant now, SessionActions& out) {
  if (stanza.counts()) {
    ++delivered_;
    const Stanza lost = stanza.excess.empty() ? stanza : rest_of(stanza, now, out);
    managed() ? management_->delivered(lost, out.arena) : management_->delivered_uncounted(lost, delivered_, out.arena);
    if (managed() && management_->must_acknowledge()) {
      acknowledge(now, out);
      tell_ours(now, out);
    }
    wait_for_rest(now);
  }
  if (stanza.kind == StanzaKind::stream_error) return say_end(now, out);
  if (stanza.kind != StanzaKind::management) return;
  const auto tag = read_start_tag(stanza.bytes, 0);
  if (!tag) return;
  const auto name = split_name(tag->name).local;
  if (!managed() && (name == "enabled" || name == "failed")) return say_end(now, out);
  if (!managed() || name != "a") return;
  on_acknowledged(attribute(*tag, "h").value_or(std::string()), now, out);
  if (state_ != State::emptying || !management_->is_answer() || --answers_due_ > 0) return;
  // As much as has come since the question may come again until the server reads of the end.
  const bool in_flow =
      management_->is_much(static_cast<std::uint32_t>(delivered_) - asked_behind_) && now < emptied_by_;
  in_flow ? ask_behind_all(now, out) : say_end(now, out);
}

void Session::undeliverable(std::uint64_t number, std::string_view bounced, Instant now, SessionActions& out) {
  if (management_) management_->held_back(number);
  if (bounced.empty() || state_ != State::active || (management_ && management_->answers_for(number))) return;
  send(bounced, now, out);
  count_ours();
}

void Session::reading(bool is, Instant now) {
  if (management_) management_->reading(is, now);
}

// The server is gone, and the client is not: it learns which of its stanzas nobody has confirmed. Also where the server
// has never come to <enabled/>: what was written behind our <enable/> is as uncertain.
void Session::report_lost(SessionActions& out) {
  const auto management = std::exchange(management_, nullptr);
  if (!management) return;
  management->for_each_lost([&](std::string_view notice) {
    const auto kind = notice.starts_with("<iq") ? StanzaKind::iq : StanzaKind::message;
    out.list.emplace_back(Deliver{Stanza{out.arena.store(notice), kind, StanzaType::error}});
  });
}

void Session::on_time_active(Instant now, SessionActions& out) {
  if (!managed()) return send(" ", now, out);
  if (management_->is_dead(now)) return refuse({FaultKind::connection_lost, "the server does not answer"}, now, out);
  if (management_->ack_due() <= now) acknowledge(now, out);
  // Where white space would be due, the question is the better sign of life: it is answered (U-066).
  const bool idle = keepalive_at() <= now && !management_->asked();
  if (idle || management_->must_ask(now)) return ask(now, out);
  if (keepalive_at() <= now) send(" ", now, out);
}

}  // namespace xmpp
