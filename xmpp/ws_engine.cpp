#include "xmpp/ws_engine.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "xmpp/bounce.hpp"
#include "xmpp/raw_element.hpp"
#include "xmpp/stream_error.hpp"

namespace xmpp {
namespace {

// The client is asked for a stanza at once, in the same packet, and again after so many or so long. What is not proven
// when it vanishes comes twice.
constexpr std::uint64_t prove_every = 50;
constexpr Duration prove_pace = std::chrono::milliseconds(250);
// For the answer to the last question of all. A user who logs out must not get the last second's messages again.
constexpr Duration last_proof = std::chrono::seconds(2);

bool is_true(const std::optional<std::string>& value) {
  return value == "true" || value == "1";
}

// XEP-0198 5: <resumed/>, or <enabled/> that says so.
bool may_be_resumed(std::string_view element) {
  const auto tag = read_start_tag(element, 0);
  if (!tag) return false;
  const auto name = split_name(tag->name).local;
  return name == "resumed" || (name == "enabled" && is_true(attribute(*tag, "resume")));
}

// XEP-0388 with XEP-0386: the same, inside <success/> or inside its <bound/>.
bool success_may_be_resumed(std::string_view success) {
  const auto children = read_children(success);
  if (!children) return false;
  return std::any_of(children->list.begin(), children->list.end(), [](const RawElement& child) {
    if (child.uri == ns::management_3) return may_be_resumed(child.bytes);
    if (child.local != "bound") return false;
    const auto inner = read_children(child.bytes);
    return inner && std::any_of(inner->list.begin(), inner->list.end(), [](const RawElement& grandchild) {
             return grandchild.uri == ns::management_3 && may_be_resumed(grandchild.bytes);
           });
  });
}

StreamCondition violation_condition(WsClose code) {
  switch (code) {
    case WsClose::too_big:
      return StreamCondition::policy_violation;
    case WsClose::bad_data:
      return StreamCondition::unsupported_encoding;
    default:
      return StreamCondition::bad_format;
  }
}

std::string_view violation_text(WsClose code) {
  switch (code) {
    case WsClose::too_big:
      return "a message larger than allowed";
    case WsClose::bad_data:
      return "a message that is not UTF-8";
    case WsClose::unacceptable:
      return "a binary message";
    default:
      return "not a WebSocket frame that may come here";
  }
}

}  // namespace

std::string made_up_id(std::uint64_t random) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), random, 16).ptr;
  return {digits.data(), end};
}

namespace {

// Who meets an error first looks no further (RFC 7395 3.6.1, E-45).
bool redirects(std::string_view see_other_uri, Framing framing) {
  return !see_other_uri.empty() && framing == Framing::rfc7395;
}

}  // namespace

OpenRefusal refuse_open(std::string_view from, std::uint64_t random, StreamCondition condition,
                        std::string_view see_other_uri, Framing framing) {
  return {write_open({from, made_up_id(random), {}, {}, framing}),
          redirects(see_other_uri, framing) ? std::string() : write_framed_error(condition),
          write_close(see_other_uri, framing)};
}

WsEngine::WsEngine(const WsPolicy& policy, std::string_view domain, WsIdentity identity, Instant now)
    : policy_(&policy),
      domain_(domain),
      identity_(identity),
      may_ask_at_(now),
      taken_at_(now),
      ping_at_(policy.ping_interval == Duration::zero() ? never : now + policy.ping_interval) {}

// ---- handed over ---------------------------------------------------------------------------------------------------

WsEngine::WsEngine(const WsPolicy& policy, std::string_view domain, std::uint64_t random, WsHandOver what, Instant now)
    : WsEngine(policy, domain, WsIdentity{{}, random}, now) {
  handed_ = std::make_unique<Handed>();
  handed_->bound = std::move(what.bound);
  handed_->features = std::move(what.features);
  delivered_ = acknowledged_ = asked_ = what.delivered;
  proof_at_ = now + what.lifetime;
  state_ = State::awaited;
}

void WsEngine::attach(ConnectionRef connection, Instant now, Actions& out) {
  if (state_ != State::awaited) return;
  identity_.connection = connection;
  state_ = State::open;
  proof_at_ = never;
  ping_at_ = policy_->ping_interval == Duration::zero() ? never : now + policy_->ping_interval;
  restart_due_ = true;
  push("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", out);
}

void WsEngine::greet(Actions& out) {
  push(out.arena.store(write_open({domain_, made_up_id(identity_.random), {}, {}})), out);
  push(out.arena.store(handed_->features), out);
  had_features_ = true;
}

// The address that it has been bound to already, whatever resource it asks for. From here on it is a session like
// others.
bool WsEngine::answer_bind(const Stanza& iq, Instant now, Actions& out) {
  const auto read = iq.kind == StanzaKind::iq && iq.type == StanzaType::set ? read_children(iq.bytes) : std::nullopt;
  if (!read || read->list.size() != 1 || read->list.front().uri != ns::bind) return false;
  std::string answer = "<iq xmlns='jabber:client' type='result' id='";
  append_escaped(answer, attribute(read->root, "id").value_or(std::string()));
  answer += "'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>";
  append_escaped(answer, handed_->bound);
  push(out.arena.store(answer + "</jid></bind></iq>"), out);
  const auto handed = std::move(handed_);
  for (const auto& kept : handed->kept) deliver({out.arena.store(kept.bytes), kept.kind, kept.type}, now, out);
  return true;
}

void WsEngine::keep(const Stanza& stanza, Actions& out) {
  if (state_ == State::over || !stanza.counts()) return;
  handed_->bytes += stanza.bytes.size();
  handed_->kept.push_back({std::string(stanza.bytes), stanza.kind, stanza.type});
  if (handed_->bytes <= policy_->queue_cap) return;
  constexpr std::string_view text = "too much for a client that has not bound";
  if (state_ == State::awaited) return finish(EndReason::policy, {}, text, out);  // no connection to close
  give_up(EndReason::policy, text, out);
}

void WsEngine::give_back(EndReason reason, Actions& out) {
  const auto handed = std::move(handed_);
  if (server_is_gone(reason)) return;
  auto number = delivered_;
  for (const auto& kept : handed->kept) {
    out.list.emplace_back(Undeliverable{++number, bounce({kept.bytes, kept.kind, kept.type}, out.arena)});
  }
}

// ---- from the client -----------------------------------------------------------------------------------------------

void WsEngine::on_open(Instant /*now*/, Actions& out) {
  out.list.emplace_back(OpenLink{});
}

void WsEngine::on_message(const Framed& message, Instant now, Actions& out) {
  if (!talking()) return;
  const bool is_tag = message.kind == Framed::Kind::open || message.kind == Framed::Kind::close;
  if (is_tag && message.framing != identity_.framing) {
    return on_fault({FaultKind::bad_format, "a tag of the other framing"}, now, out);  // W-036
  }
  switch (message.kind) {
    case Framed::Kind::nothing:
      return;
    case Framed::Kind::open:
      return restart(message.open, out);
    case Framed::Kind::close:
      return leave(now, out);
    case Framed::Kind::element:
      return forward(message.element, now, out);
  }
}

// W-029.
void WsEngine::restart(const OpenElement& open, Actions& out) {
  if (!restart_due_) {
    return end_with(
        {EndReason::protocol_fault, StreamCondition::bad_format, "an <open/> that nothing called for", WsClose::normal},
        out);
  }
  restart_due_ = false;
  if (handed_) return greet(out);
  out.list.emplace_back(RestartStream{out.arena.store(open.lang)});
}

void WsEngine::forward(const Stanza& element, Instant now, Actions& out) {
  if (handed_ && answer_bind(element, now, out)) return;
  switch (element.kind) {
    case StanzaKind::starttls:  // W-032: was not offered, and is between the gateway and the server
      return push("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", out);
    case StanzaKind::compress:
      return push("<failure xmlns='http://jabber.org/protocol/compress'><setup-failed/></failure>", out);
    case StanzaKind::stream_error:  // its last word
      say_close({}, WsClose::normal, out);
      return finish(EndReason::client_terminated, {}, "with a stream error", out);
    case StanzaKind::features:
      return end_with({EndReason::protocol_fault, StreamCondition::bad_format, "an element that only a server sends",
                       WsClose::normal},
                      out);
    default:
      ++counters_.to_server;
      out.list.emplace_back(ToServer{element.bytes, element.counts() ? 1U : 0U});
  }
}

void WsEngine::on_fault(const Fault& fault, Instant /*now*/, Actions& out) {
  const auto condition = condition_of(fault.kind).value_or(StreamCondition::bad_format);
  end_with({EndReason::protocol_fault, condition, fault.text, WsClose::normal}, out);
}

// W-013: with the error and <close/>, because a client that resumes would send the same message again and again.
void WsEngine::on_violation(WsClose code, Instant /*now*/, Actions& out) {
  const auto reason = code == WsClose::too_big ? EndReason::policy : EndReason::protocol_fault;
  end_with({reason, violation_condition(code), violation_text(code), code}, out);
}

void WsEngine::on_pong(std::uint64_t token, Actions& out) {
  if (state_ == State::over || token <= acknowledged_ || token > delivered_) return;
  acknowledged_ = token;
  out.list.emplace_back(AcknowledgedUpTo{token});
  if (state_ == State::leaving && acknowledged_ == delivered_) finish(EndReason::client_terminated, {}, {}, out);
}

void WsEngine::on_lost(ConnectionRef, Instant /*now*/, Actions& out) {
  if (state_ == State::over) return;
  finish(state_ == State::leaving ? EndReason::client_terminated : EndReason::client_lost, {}, {}, out);
}

// ---- from the server -----------------------------------------------------------------------------------------------

void WsEngine::opened(const StreamOpened& stream, Instant /*now*/, Actions& out) {
  if (!talking()) return;
  state_ = State::open;
  const auto from = stream.from.empty() ? domain_ : stream.from;
  push(out.arena.store(write_open({from, stream.id, stream.version, stream.lang, identity_.framing})), out);
}

void WsEngine::deliver(const Stanza& stanza, Instant now, Actions& out) {
  if (handed_ && stanza.kind != StanzaKind::stream_error) return keep(stanza, out);
  // Behind its <close/>, while a last proof is due: it takes nothing more.
  if (state_ == State::leaving && stanza.counts()) {
    out.list.emplace_back(Undeliverable{delivered_ + ++too_late_, bounce(stanza, out.arena)});
  }
  if (!talking()) return;
  if (state_ == State::opening) opened({}, {}, out);  // W-022: an error instead of a header
  switch (stanza.kind) {
    case StanzaKind::features:
      had_features_ = true;
      break;
    case StanzaKind::sasl_success:
      restart_due_ = true;
      break;
    case StanzaKind::sasl2_success:
      resumable_ = success_may_be_resumed(stanza.bytes);
      break;
    case StanzaKind::management:
      if (may_be_resumed(stanza.bytes)) resumable_ = true;
      break;
    case StanzaKind::stream_error:
      error_said_ = true;
      break;
    default:
      break;
  }
  ++counters_.to_client;
  if (stanza.counts()) ++delivered_;
  push(stanza.bytes, out);
  if (!managed_ || !stanza.is_missed()) return;
  proof_at_ = std::max(now, may_ask_at_);
  if (proof_at_ <= now || delivered_ - asked_ >= prove_every) ask_for_proof(now, out);
}

void WsEngine::managed(bool is, Instant now, Actions& /*out*/) {
  if (!talking() && state_ != State::awaited) return;
  managed_ = is;
  if (state_ != State::awaited) proof_at_ = is && delivered_ > asked_ ? now : never;
}

void WsEngine::ask_for_proof(Instant now, Actions& out) {
  asked_ = delivered_;
  proof_at_ = never;
  may_ask_at_ = now + prove_pace;
  out.list.emplace_back(Ping{identity_.connection, delivered_});
}

void WsEngine::congested(bool is, Instant /*now*/, Actions& out) {
  if (!talking()) return;
  client_paused_ = is;
  if (is) {
    out.list.emplace_back(PauseClient{identity_.connection});
  } else {
    misses_ = 0;  // what it has answered meanwhile is still to be read
    out.list.emplace_back(ResumeClient{identity_.connection});
  }
}

// ---- the end -------------------------------------------------------------------------------------------------------

void WsEngine::close(EndReason reason, std::string_view text, Instant /*now*/, Actions& out) {
  if (state_ == State::over) return;
  if (state_ == State::leaving) return finish(EndReason::client_terminated, {}, {}, out);
  if (state_ == State::awaited) return finish(reason, {}, text, out);
  switch (reason) {
    case EndReason::server_closed:
      say_close({}, WsClose::normal, out);
      return finish(reason, {}, text, out);
    case EndReason::server_error:
      if (!error_said_) break;
      say_close({}, WsClose::normal, out);
      return finish(reason, {}, text, out);
    case EndReason::shutdown:
      return end_with({reason, StreamCondition::system_shutdown, text, WsClose::going_away}, out);
    case EndReason::overload:
      return end_with({reason, StreamCondition::resource_constraint, text, WsClose::try_again_later}, out);
    case EndReason::internal_error:
      return end_with({reason, StreamCondition::internal_server_error, text, WsClose::internal_error}, out);
    case EndReason::policy:
      return end_with({reason, StreamCondition::policy_violation, text, WsClose::policy}, out);
    case EndReason::inactivity:
    case EndReason::never_used:
      return end_with({reason, StreamCondition::connection_timeout, text, WsClose::normal}, out);
    default:
      break;
  }
  end_with({reason, StreamCondition::remote_connection_failed, text, WsClose::normal}, out);  // W-034
}

void WsEngine::end_with(const Ending& ending, Actions& out) {
  if (!talking()) return;
  if (state_ == State::opening) {
    push(out.arena.store(write_open({domain_, made_up_id(identity_.random), {}, {}, identity_.framing})), out);
  }
  // Clients look for it until they have seen features; afterwards they compare <close/> literally (W-025, W-028).
  const bool early = ending.reason == EndReason::shutdown && !had_features_;
  const auto elsewhere = early ? std::string_view(policy_->see_other_uri) : std::string_view{};
  if (!redirects(elsewhere, identity_.framing)) push(out.arena.store(write_framed_error(ending.condition)), out);
  say_close(elsewhere, ending.code, out);
  resumable_ = resumable_ && ending.reason != EndReason::protocol_fault && ending.reason != EndReason::policy;
  finish(ending.reason, wire_name(ending.condition), ending.text, out);
}

// W-026. All is said; a proof that is still due may come before the end of the closing handshake.
void WsEngine::leave(Instant now, Actions& out) {
  const bool unproven = managed_ && acknowledged_ < delivered_;
  if (unproven) ask_for_proof(now, out);
  say_close({}, WsClose::normal, out);
  if (!unproven) return finish(EndReason::client_terminated, {}, {}, out);
  state_ = State::leaving;
  proof_at_ = now + last_proof;
}

void WsEngine::say_close(std::string_view see_other_uri, WsClose code, Actions& out) const {
  push(out.arena.store(write_close(see_other_uri, identity_.framing)), out);
  out.list.emplace_back(CloseConnection{identity_.connection, static_cast<std::uint16_t>(code)});
}

void WsEngine::finish(EndReason reason, std::string_view condition, std::string_view text, Actions& out) {
  const bool left_open = reason == EndReason::client_lost || reason == EndReason::shutdown;
  state_ = State::over;
  if (handed_) give_back(reason, out);
  const bool has_left = reason == EndReason::client_terminated;
  out.list.emplace_back(EndSession{.reason = reason,
                                   .condition = condition,
                                   .text = text,
                                   .resumable = resumable_ && left_open,
                                   .all_received = has_left});
  out.list.emplace_back(Forget{});
}

// The client is not there, or not as far as anybody could tell: it is told nothing.
void WsEngine::give_up(EndReason reason, std::string_view text, Actions& out) {
  out.list.emplace_back(CloseConnection{identity_.connection, static_cast<std::uint16_t>(WsClose::policy)});
  finish(reason, {}, text, out);
}

// ---- flow and time -------------------------------------------------------------------------------------------------

void WsEngine::on_unsent(ConnectionRef, std::size_t bytes, Instant now, Actions& out) {
  if (!talking()) return;
  if (bytes < unsent_ || unsent_ == 0) taken_at_ = now;
  unsent_ = bytes;
  if (bytes > policy_->queue_cap) return give_up(EndReason::client_lost, "the client reads too slowly", out);
  if (!server_paused_ && bytes >= policy_->queue_high) {
    server_paused_ = true;
    out.list.emplace_back(PauseServer{});
  } else if (server_paused_ && bytes <= policy_->queue_low) {
    server_paused_ = false;
    out.list.emplace_back(ResumeServer{});
  }
}

Instant WsEngine::stall_deadline() const {
  return unsent_ == 0 || policy_->stall_timeout == Duration::zero() ? never : taken_at_ + policy_->stall_timeout;
}

Instant WsEngine::deadline() const {
  if (state_ == State::over) return never;
  return state_ == State::leaving || state_ == State::awaited ? proof_at_
                                                              : std::min({ping_at_, proof_at_, stall_deadline()});
}

void WsEngine::on_time(Instant now, Actions& out) {
  if (now < deadline()) return;
  if (state_ == State::leaving) return finish(EndReason::client_terminated, {}, {}, out);
  if (state_ == State::awaited) return finish(EndReason::never_used, {}, "nobody came with its ticket", out);
  if (now >= stall_deadline()) return give_up(EndReason::client_lost, "the client reads nothing any more", out);
  if (now >= ping_at_) {
    if (!client_paused_ && misses_ >= policy_->max_missed_pings)
      return give_up(EndReason::client_lost, "no answer to pings", out);
    if (!client_paused_) ++misses_;  // nobody reads its answers
    ping_at_ = now + policy_->ping_interval;
  }
  ask_for_proof(now, out);
}

void WsEngine::push(std::string_view bytes, Actions& out) const {
  out.list.emplace_back(Push{identity_.connection, bytes});
}

}  // namespace xmpp
