#include "tests/unit/bosh/transcript.hpp"

#include <gtest/gtest.h>

#include <charconv>
#include <chrono>
#include <sstream>

#include "bosh/key_chain.hpp"
#include "bosh/response.hpp"
#include "bosh/script_syntax.hpp"
#include "xmpp/names.hpp"

namespace bosh::test {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// A '#' inside a tag or text is none of ours: a remark begins the line or follows two blanks.
std::string_view without_remark(std::string_view line) {
  if (line.starts_with("#")) return {};
  return trimmed(line.substr(0, line.find("  #")));
}

std::string erased(std::string text, std::string_view what) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what)) text.erase(at, what.size());
  return text;
}

std::string without_client_namespace(std::string_view text) {
  return erased(erased(std::string(text), " xmlns='jabber:client'"), " xmlns=\"jabber:client\"");
}

std::vector<std::string_view> lines_of(std::string_view script) {
  std::vector<std::string_view> lines;
  while (!script.empty()) {
    const auto end = std::min(script.find('\n'), script.size());
    lines.push_back(without_remark(trimmed(script.substr(0, end))));
    script.remove_prefix(std::min(end + 1, script.size()));
  }
  return lines;
}

// What the call of _BOSH_ gets, as far as our transcripts have anything to escape.
std::string from_script(const xmpp::Reply& reply) {
  std::string_view text = reply.body;
  EXPECT_EQ(reply.content_type, script_content_type);
  EXPECT_EQ(reply.fields, script_fields);
  EXPECT_TRUE(text.starts_with("_BOSH_(\"") && text.ends_with("\")")) << text;
  std::string body(text.substr(8, text.size() - 10));
  for (auto at = body.find('\\'); at != std::string::npos; at = body.find('\\', at + 1)) body.erase(at, 1);
  return body;
}

bool of_other_stream(std::string_view line) {
  return line.size() > 2 && line[0] >= '2' && line[0] <= '9' && line[1] == ' ';
}

constexpr std::string_view reasons[] = {
    "client_terminated", "inactivity",   "never_used",  "protocol_fault", "policy",   "server_unreachable",
    "server_closed",     "server_error", "server_lost", "shutdown",       "overload", "internal_error"};

xmpp::EndReason reason_of(std::string_view name) {
  for (std::size_t i = 0; i < std::size(reasons); ++i)
    if (reasons[i] == name) return static_cast<xmpp::EndReason>(i);
  ADD_FAILURE() << "no such reason: " << name;
  return xmpp::EndReason::internal_error;
}

}  // namespace

Transcript::Transcript(Policy given)
    : policy(std::move(given)), reader_(limits_), splitter_(limits_), start_(std::chrono::hours(1000)), now_(start_) {}

void Transcript::start(std::string_view attributes) {
  static_cast<void>(
      play("C>9 [to='example.org' " + std::string(attributes) +
           "]\n"
           "OPENED id=s1 version=1.0\n"
           "S> <stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></stream:features>"));
}

void Transcript::start_two(std::string_view attributes) {
  start(attributes);
  static_cast<void>(
      play("C>10 [to='example.net' xmpp:version='1.0']\n"
           "ACCEPT 2 example.net\n"
           "2 OPENED id=s2 version=1.0\n"
           "2 S> <stream:features/>"));
}

void Transcript::run(std::string_view script) {
  const auto lines = lines_of(script);
  for (std::size_t i = 0; i < lines.size();) {
    if (lines[i].empty()) {
      ++i;
      continue;
    }
    ASSERT_TRUE(is_input(lines[i])) << "line " << i << " is not an input: " << lines[i];
    const std::size_t at = i;
    const auto actual = input(lines[i++]);
    std::vector<std::string> expected;
    for (; i < lines.size() && !(is_input(lines[i])); ++i)
      if (!lines[i].empty()) expected.emplace_back(lines[i]);
    EXPECT_EQ(expected, actual) << "after line " << at << ": " << lines[at];
  }
}

std::vector<std::string> Transcript::play(std::string_view script) {
  std::vector<std::string> all;
  for (const auto line : lines_of(script)) {
    if (line.empty()) continue;
    for (auto& out : input(line)) all.push_back(std::move(out));
  }
  return all;
}

bool Transcript::is_input(std::string_view line) {
  for (const std::string_view start : {"C>", "S>", "S+", "OPENED", "GONE", "at ", "CLOSE", "CONGESTED", "FLOWING",
                                       "STREAM", "UNSENT", "LOST", "ACCEPT", "REFUSE", "BACK"})
    if (line.starts_with(start)) return true;
  return of_other_stream(line) && is_input(line.substr(2));
}

std::vector<std::string> Transcript::input(std::string_view line) {
  actions_.clear();
  extra_.clear();
  if (line.starts_with("C>")) {
    request(line.substr(2));
  } else if (!engine_) {
    ADD_FAILURE() << "no session yet: " << line;
  } else if (line.starts_with("GONE")) {
    const auto id = ids_.find(trimmed(line.substr(4)));
    if (id == ids_.end()) {
      ADD_FAILURE() << "no such request: " << line;
    } else {
      engine_->on_gone(id->second, now_, actions_);
    }
  } else if (line.starts_with("at ")) {
    advance(trimmed(line.substr(3)));
  } else if (line.starts_with("STREAM") || line.starts_with("UNSENT") || line.starts_with("LOST")) {
    reader(line);
  } else if (line.starts_with("ACCEPT") || line.starts_with("REFUSE")) {
    decide(line);
  } else if (of_other_stream(line)) {
    server(static_cast<std::uint32_t>(line[0] - '0'), line.substr(2));
  } else {
    server(1, line);
  }
  return rendered();
}

void Transcript::server(std::uint32_t stream, std::string_view line) {
  const auto value = [line](std::string_view name) {
    const auto at = line.find(name);
    if (at == std::string_view::npos) return std::string_view{};
    const auto rest = line.substr(at + name.size());
    return rest.substr(0, rest.find(' '));
  };
  // The session's own stream has no number.
  const auto tell = [&](auto call) { stream == 1 ? call() : call(stream); };
  if (line.starts_with("S>") || line.starts_with("S+")) {
    from_server(stream, trimmed(line.substr(2)), line[1] == '+');
  } else if (line.starts_with("OPENED")) {
    const xmpp::StreamOpened opened{value("id="), "example.org", value("version="), "en"};
    tell([&](auto... of) { engine_->opened(of..., opened, now_, actions_); });
    if (opened.version.empty()) tell([&](auto... of) { engine_->delivered_all(of..., now_, actions_); });
  } else if (line.starts_with("CLOSE")) {
    const auto reason = reason_of(trimmed(line.substr(5)));
    if (stream == 1) return engine_->close(reason, "test", now_, actions_);
    engine_->closed(stream, {reason, "test"}, now_, actions_);
  } else if (line.starts_with("BACK")) {
    engine_->returned(stream, trimmed(line.substr(4)), now_, actions_);
  } else {
    tell([&](auto... of) { engine_->congested(of..., line.starts_with("CONGESTED"), now_, actions_); });
  }
}

void Transcript::decide(std::string_view line) {
  const auto stream = static_cast<std::uint32_t>(line[7] - '0');
  const std::string_view word = trimmed(line.substr(8));
  ASSERT_NE(engine_->wish(stream), nullptr) << "nobody asked for it: " << line;
  if (line.starts_with("ACCEPT")) return engine_->accepted(stream, word, now_, actions_);
  for (auto condition = Condition::bad_request; condition <= Condition::undefined_condition;
       condition = static_cast<Condition>(static_cast<int>(condition) + 1))
    if (wire_name(condition) == word) return engine_->refused(stream, condition, now_, actions_);
}

void Transcript::request(std::string_view line) {
  const auto end_of_label = std::min(line.find(' '), line.size());
  const std::string name(line.substr(0, end_of_label));
  const std::string rid = name.substr(0, name.find_first_not_of("0123456789"));
  std::string_view rest = trimmed(line.substr(end_of_label));
  std::string document;
  if (rest.starts_with("<body") || rest.starts_with("<b:body")) {
    document = rest;
  } else {
    document = "<body rid='" + rid + "' xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'";
    if (policy.push.enabled) document += " xmlns:push='urn:x-postern:push'";
    if (engine_) document += " sid='s'";
    if (rest.starts_with("[")) {
      document.append(" ").append(rest.substr(1, rest.find(']') - 1));
      rest = trimmed(rest.substr(rest.find(']') + 1));
    }
    document.append(">").append(rest).append("</body>");
  }
  const auto id = static_cast<xmpp::RequestId>(next_id_++);
  ids_[name] = id;
  labels_[id] = name;
  std::string head;
  const auto read = script_ ? read_script_body(reader_, document, head) : reader_.read(document);
  if (const auto* fault = std::get_if<BodyFault>(&read)) {
    extra_.push_back("BAD " + std::string(wire_name(fault->condition)));
    return;
  }
  const Body& body = std::get<Body>(read);
  if (!engine_) return create(id, body);
  engine_->on_request(id, body, now_, actions_);
}

void Transcript::create(xmpp::RequestId id, const Body& body) {
  auto read = read_creation(body, policy);
  if (const auto* refusal = std::get_if<Refusal>(&read)) {
    extra_.push_back("REFUSED " + std::string(wire_name(refusal->condition)));
    return;
  }
  engine_.emplace(
      policy, std::get<Creation>(read),
      Identity{"the-sid", "example.org", script_ ? std::make_unique<ScriptStream>(pool_, limits_) : nullptr}, now_);
  if (policy.push.enabled) engine_->offer_stream("token");
  engine_->on_create(id, body, now_, actions_);
}

void Transcript::reader(std::string_view line) {
  std::istringstream words{std::string(line)};
  std::string what, name;
  std::uint64_t number = 0;
  words >> what >> name;
  const bool numbered = !(words >> number).fail();
  if (what == "STREAM") readers_[name] = static_cast<xmpp::ConnectionRef>(readers_.size() + 1);
  const xmpp::ConnectionRef ref = readers_[name];
  if (what == "STREAM") {
    StreamWish wish{ref, EventFormat::sse, "nonce", std::nullopt};
    if (numbered) wish.last = number;
    engine_->on_stream(wish, now_, actions_);
  } else if (what == "UNSENT") {
    engine_->on_unsent(ref, number, now_, actions_);
  } else {
    engine_->on_lost(ref, now_, actions_);
  }
}

void Transcript::from_server(std::uint32_t stream, std::string_view text, bool more) {
  // The splitter of documents cuts like that of streams, and takes the namespaces of a stream from a root.
  const std::string document =
      "<s xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>" + std::string(text) + "</s>";
  xmpp::Fragment fragment;
  const auto result = splitter_.split(document, {}, fragment);
  if (const auto* fault = std::get_if<xmpp::Fault>(&result)) {
    ADD_FAILURE() << fault->text << ": " << text;
    return;
  }
  for (const xmpp::Stanza& stanza : fragment.children)
    stream == 1 ? engine_->deliver(stanza, now_, actions_) : engine_->deliver(stream, stanza, now_, actions_);
  if (!more) stream == 1 ? engine_->delivered_all(now_, actions_) : engine_->delivered_all(stream, now_, actions_);
}

void Transcript::advance(std::string_view until) {
  std::int64_t number = 0;
  const auto unit = std::from_chars(until.data(), until.data() + until.size(), number).ptr;
  const bool ms = std::string_view(unit, until.data() + until.size()) == "ms";
  const xmpp::Instant target =
      start_ + (ms ? xmpp::Duration(std::chrono::milliseconds(number)) : xmpp::Duration(std::chrono::seconds(number)));
  ASSERT_GE(target, now_) << "time does not go back";
  for (int steps = 0; engine_->deadline() <= target; ++steps) {
    ASSERT_LT(steps, 1000) << "deadline() does not move";
    ASSERT_GE(engine_->deadline(), now_) << "deadline() lies in the past";
    now_ = engine_->deadline();
    engine_->on_time(now_, actions_);
    ASSERT_GT(engine_->deadline(), now_) << "on_time() did not do all that was due";
  }
  now_ = target;
}

std::string Transcript::label(xmpp::RequestId id) const {
  const auto at = labels_.find(id);
  return at == labels_.end() ? "?" : at->second;
}

std::string Transcript::render(const xmpp::Reply& reply) const {
  std::string line = "G>" + label(reply.request) + " ";
  if (reply.status != 200) line += std::to_string(reply.status) + " ";
  return line + shape(script_ ? from_script(reply) : std::string(reply.body));
}

std::string Transcript::shape(std::string_view text) {
  const std::string body(text);
  std::string line;
  if (body == empty_body) return line + "empty";
  if (!body.starts_with("<body")) return line + "NO BODY " + body;
  const auto end = body.find('>');
  const bool closed = body[end - 1] == '/';
  std::string attributes =
      erased(body.substr(5, end - 5 - (closed ? 1 : 0)), " xmlns='http://jabber.org/protocol/httpbind'");
  if (!attributes.empty()) attributes = "[" + attributes.substr(1) + "]";
  std::string payload;
  if (!closed) {
    payload = without_client_namespace(std::string_view(body).substr(end + 1));
    if (!payload.ends_with("</body>")) return line + "NOT CLOSED " + body;
    payload.erase(payload.size() - 7);
  }
  return line + attributes + (attributes.empty() || payload.empty() ? "" : " ") + payload;
}

std::string Transcript::label(xmpp::ConnectionRef ref) const {
  for (const auto& [name, known] : readers_)
    if (known == ref) return name;
  return "?";
}

// As a browser reads it: comments are dropped, data and id belong to an event that ends with an empty line.
void Transcript::render(const xmpp::Push& push, std::vector<std::string>& lines) const {
  std::string id, name, data;
  std::istringstream in{std::string(push.bytes)};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("id: ")) id = line.substr(4);
    if (line.starts_with("event: ")) name = line.substr(7);
    if (line.starts_with("data: ")) data += (data.empty() ? "" : "\n") + line.substr(6);
    if (!line.empty() || data.empty()) continue;
    lines.push_back("E>" + label(push.connection) + " " + (name.empty() ? id + " " + shape(data) : name));
    name.clear();
    data.clear();
  }
  EXPECT_TRUE(data.empty()) << "an event that does not end: " << push.bytes;
}

// What xmpp::bounce() makes of a stanza is its own business; here it matters which one it was.
std::string Transcript::render(const xmpp::Undeliverable& stanza) {
  const std::string_view bytes = stanza.bounced;
  const std::string_view name = bytes.substr(1, bytes.find(' ') - 1);
  const std::string_view id = bytes.substr(bytes.find(" id='") + 5);
  return "BOUNCE " + std::string(name) + " " + std::string(id.substr(0, id.find('\'')));
}

template <typename End>
std::string reason_of(const End& end) {
  const bool in_doubt = end.reason == xmpp::EndReason::client_terminated && !end.all_received;
  return std::string(reasons[static_cast<std::size_t>(end.reason)]) + (in_doubt ? " in doubt" : "");
}

template <typename Order>
std::string Transcript::render_order(const Order& order) {
  if constexpr (std::is_same_v<Order, xmpp::ToServer>) {
    return "U> " + without_client_namespace(order.bytes);
  } else if constexpr (std::is_same_v<Order, xmpp::Undeliverable>) {
    return render(order);
  } else if constexpr (std::is_same_v<Order, xmpp::RestartStream>) {
    return "RESTART" + (order.lang.empty() ? "" : " " + std::string(order.lang));
  } else if constexpr (std::is_same_v<Order, xmpp::PauseServer>) {
    return "PAUSE";
  } else if constexpr (std::is_same_v<Order, xmpp::ResumeServer>) {
    return "RESUME";
  } else if constexpr (std::is_same_v<Order, xmpp::AcknowledgedUpTo>) {
    return "ACKED " + std::to_string(order.stanzas);
  } else if constexpr (std::is_same_v<Order, xmpp::GivenUp>) {
    return "GIVEN UP " + std::to_string(order.after + 1) + " to " + std::to_string(order.up_to);
  } else if constexpr (std::is_same_v<Order, xmpp::CloseStream>) {
    return "SHUT " + reason_of(order);
  } else {
    return {};
  }
}

std::vector<std::string> Transcript::rendered() {
  std::vector<std::string> lines = extra_;
  for (const xmpp::Action& action : actions_.list) {
    if (const auto* push = std::get_if<xmpp::Push>(&action)) {
      render(*push, lines);
    } else if (const auto* close = std::get_if<xmpp::CloseConnection>(&action)) {
      lines.push_back("BYE " + label(close->connection));
    } else if (const auto* reply = std::get_if<xmpp::Reply>(&action)) {
      EXPECT_EQ(++replies_[reply->request], 1) << "second reply to " << label(reply->request);
      lines.push_back(render(*reply));
    } else if (std::holds_alternative<xmpp::OpenLink>(action)) {
      lines.emplace_back("OPEN");
    } else if (const auto* open = std::get_if<xmpp::OpenStream>(&action)) {
      lines.push_back("OPEN " + std::to_string(open->stream));
    } else if (const auto* other = std::get_if<xmpp::ToStream>(&action)) {
      lines.push_back(std::to_string(other->stream) + " " +
                      std::visit([](const auto& order) { return render_order(order); }, other->order));
    } else if (const auto* end = std::get_if<xmpp::EndSession>(&action)) {
      lines.push_back("END " + reason_of(*end) + (end->condition.empty() ? "" : " " + std::string(end->condition)));
    } else if (std::holds_alternative<xmpp::Forget>(action)) {
      lines.emplace_back("FORGET");
    } else {
      lines.push_back(std::visit([](const auto& order) { return render_order(order); }, action));
    }
  }
  return lines;
}

Policy up_to(std::uint32_t streams) {
  Policy policy;
  policy.max_streams = streams;
  return policy;
}

std::vector<std::string> key_sequence(std::string_view seed, std::size_t n) {
  std::vector<std::string> keys;
  std::string last(seed);
  for (std::size_t i = 0; i < n; ++i) {
    std::string hex;
    for (const std::uint8_t byte : key_digest(last)) {
      hex += "0123456789abcdef"[byte >> 4];
      hex += "0123456789abcdef"[byte & 15];
    }
    keys.push_back(hex);
    last = hex;
  }
  return keys;
}

}  // namespace bosh::test
