// A bug, or no memory, in one session ends that session only. The fault is an allocation that fails in a shard's
// thread, wherever one can: after the first, the second, the third ... of a whole life of a session. After each the
// gateway must be as good as new: the neighbour goes on, whoever waited has an answer or a closed connection, nothing
// is left counted. Of operator new and of the handlers of Asio, which come from aligned_alloc(); not of C libraries.
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/scripted_server.hpp"
#include "tests/unit/gateway/shell_support.hpp"

namespace {

// Allocations of shards until one fails, and so many behind it.
std::atomic<long> until_fault{LONG_MAX};
std::atomic<long> failing{1};

bool in_shard() {
  thread_local const bool is = [] {
    std::array<char, 16> name{};
    pthread_getname_np(pthread_self(), name.data(), name.size());
    return std::strncmp(name.data(), "shard", 5) == 0;
  }();
  return is;
}

bool fails_now() {
  if (!in_shard()) return false;
  const long left = until_fault.fetch_sub(1);
  return left <= 0 && left > -failing.load();
}

}  // namespace

extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  void* memory = nullptr;
  if (fails_now() || posix_memalign(&memory, std::max(alignment, sizeof(void*)), size) != 0) return nullptr;
  return memory;
}

void* operator new(std::size_t size) {
  if (fails_now()) throw std::bad_alloc();
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
// Inlined, they look to GCC as if memory of another operator new went to free().
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace gateway {
namespace {

using namespace test;

// ---- whole lives of a session, by every door. Each step may fail in any way but by silence.

constexpr std::string_view auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>";
constexpr std::string_view restart = " xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'";
constexpr auto silence = std::chrono::seconds(9);

std::optional<support::HttpResponse> answer_of(HttpClient& client, std::string_view question) {
  const auto begun = std::chrono::steady_clock::now();
  auto response = client.receive();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, silence) << "no answer to " << question;
  return response;
}

std::optional<support::HttpResponse> answer_to(HttpClient& client, std::string_view body,
                                               std::string_view path = "/http-bind") {
  if (!client.post(body, path)) return std::nullopt;
  return answer_of(client, body);
}

// A connection that is read as text.
class Line {
 public:
  explicit Line(std::uint16_t port) : tcp_(support::Tcp::connect(port)) {}
  bool send(std::string_view bytes) { return tcp_.send(bytes); }
  // False: the connection came to its end first, or `end` did.
  bool until(std::string_view what, std::string_view end = {}) {
    for (;;) {
      const auto at = text_.find(what);
      if (at != std::string::npos) return text_.erase(0, at + what.size()), true;
      if (!end.empty() && text_.find(end) != std::string::npos) return false;
      const auto more = tcp_.receive();
      if (!more) return false;
      EXPECT_FALSE(more->empty()) << "silence instead of " << what << " behind " << text_;
      if (more->empty()) return false;
      text_ += *more;
    }
  }
  [[nodiscard]] bool has(std::string_view what) const { return text_.find(what) != std::string::npos; }

 private:
  support::Tcp tcp_;
  std::string text_;
};

// A BOSH session, whose requests follow each other on one connection.
class Bosh {
 public:
  explicit Bosh(std::uint16_t port, const std::string& more = "") : client_(port) {
    const auto created = answer_to(client_, creation(rid_, more));
    if (!created) return;
    sid_ = attribute(created->body, "sid");
    last_ = created->body;
  }
  bool ask(std::string_view attributes, std::string_view payload = {}) {
    if (sid_.empty()) return false;
    const auto response =
        answer_to(client_, "<body rid='" + std::to_string(++rid_) + "' sid='" + sid_ + "'" + std::string(ns) +
                               std::string(attributes) + ">" + std::string(payload) + "</body>");
    last_ = response ? response->body : std::string();
    if (!response || terminated()) sid_.clear();
    return !sid_.empty();
  }
  // Asks until it has come in an answer.
  bool ask_until(std::string_view what, std::string_view attributes, std::string_view payload = {}) {
    for (int i = 0; i < 8; ++i) {
      if (!(i == 0 ? ask(attributes, payload) : ask(" stream='1'"))) return false;
      if (last_.find(what) != std::string::npos) return true;
    }
    return false;
  }
  bool log_in() { return ask("", auth) && ask(restart); }
  [[nodiscard]] const std::string& last() const { return last_; }
  [[nodiscard]] bool terminated() const { return last_.find("type='terminate'") != std::string::npos; }

 private:
  HttpClient client_;
  std::uint64_t rid_ = 1000;
  std::string sid_, last_;
};

bool live_by_bosh(std::uint16_t port) {
  Bosh session(port);
  if (!session.log_in() || !session.ask("", echo("there and back"))) return false;
  session.ask(" type='terminate'");
  return session.terminated();
}

bool live_by_push_stream(std::uint16_t port) {
  Bosh session(port, " xmlns:push='urn:x-postern:push' push:ask='1'");
  const std::string token = attribute(session.last(), "push:stream");
  if (token.empty() || !session.log_in()) return false;
  Line stream(port);
  if (!stream.send("GET /http-bind?push=" + token + "&as=sse HTTP/1.1\r\nHost: localhost\r\n\r\n")) return false;
  if (!stream.until("ready", "HTTP/1.1 4") || !session.ask("", echo("there and back"))) return false;
  if (!stream.until("there and back")) return false;
  session.ask(" type='terminate'");
  // Where the request was what the fault hit, the session and its stream live on.
  return !session.last().empty() && stream.until("type='terminate'");
}

// The second stream is a host of its own, and its end is not that of the first.
bool live_by_two_streams(std::uint16_t port) {
  Bosh session(port);
  if (!session.log_in()) return false;
  if (!session.ask(" to='localhost' xml:lang='en' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'")) return false;
  const std::string stream = attribute(session.last(), "stream");
  if (stream.empty()) return false;
  const std::string its = " stream='" + stream + "'";
  if (!session.ask_until("<success", its, auth)) return false;
  if (!session.ask_until("<bind", its + std::string(restart))) return false;
  if (!session.ask_until("there and back", its, echo("there and back"))) return false;
  session.ask(" type='terminate'");
  return session.terminated();
}

bool live_by_polls(std::uint16_t port) {
  HttpClient client(port);
  std::string id = "0";
  const auto say = [&](std::string_view what, std::string_view answer) {
    std::string text(what);
    for (int polls = 0; polls < 40; ++polls) {
      const auto response = answer_to(client, id + "," + std::exchange(text, {}), "/http-poll");
      if (!response || response->status != 200) return false;
      const auto from = response->head.find("ID=");
      if (from == std::string::npos) return false;
      id = response->head.substr(from + 3, response->head.find_first_of(";\r", from) - from - 3);
      if (id.ends_with(":0")) return false;
      if (response->body.find(answer) != std::string::npos) return true;
    }
    ADD_FAILURE() << "silence instead of " << answer;
    return false;
  };
  const std::string open =
      "<stream:stream to='localhost' xmlns='jabber:client' version='1.0' "
      "xmlns:stream='http://etherx.jabber.org/streams'>";
  if (!say(open, "<mechanism") || !say(auth, "<success") || !say(open, "<bind")) return false;
  return say(echo("there and back"), "there and back") && say("</stream:stream>", "</stream:stream>");
}

// Sessions over WebSocket that said good-bye for what had become of them.
int internal_errors = 0;

bool live_by_websocket(std::uint16_t port) {
  const auto frame = [](std::string_view text) {
    std::string bytes{'\x81'};
    bytes += static_cast<char>(0x80 | std::min<std::size_t>(text.size(), 126));
    if (text.size() >= 126) bytes.append({static_cast<char>(text.size() >> 8), static_cast<char>(text.size() & 0xFF)});
    return bytes.append(4, '\0').append(text);  // a mask that changes nothing
  };
  constexpr std::string_view close_frame = "\x88\x02";
  constexpr std::string_view internal_error = "\x88\x02\x03\xF3";  // 1011
  Line line(port);
  line.send(
      "GET /xmpp-websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
      "Sec-WebSocket-Protocol: xmpp\r\n\r\n");
  if (!line.until("101 ", "HTTP/1.1 5")) return false;
  const std::string framing = " xmlns='urn:ietf:params:xml:ns:xmpp-framing'";
  const std::string open = "<open" + framing + " to='localhost' version='1.0'/>";
  const std::pair<std::string, std::string_view> steps[] = {{open, "<mechanism"},
                                                            {std::string(auth), "<success"},
                                                            {open, "<bind"},
                                                            {echo("there and back"), "there and back"},
                                                            {"<close" + framing + "/>", "<close"}};
  for (const auto& [what, answer] : steps) {
    if (!line.send(frame(what))) return false;
    if (line.until(answer, close_frame)) continue;
    if (line.has(internal_error)) ++internal_errors;
    return false;
  }
  return true;
}

// A reader without scripts, each of whose requests is a connection of its own: with two shards some of them, and the
// endless page, come to the wrong one and are moved.
class Reader {
 public:
  explicit Reader(std::uint16_t port) : port_(port) {}
  // False: no page, or not this one.
  bool ask(std::string_view head, std::string_view form = {},
           std::string_view form_type = "application/x-www-form-urlencoded") {
    HttpClient client(port_);
    std::string request = std::string(head) + " HTTP/1.1\r\nHost: localhost\r\n" + cookie_;
    if (!form.empty()) {
      request +=
          "Content-Type: " + std::string(form_type) + "\r\nContent-Length: " + std::to_string(form.size()) + "\r\n";
    }
    if (!client.send(request + "\r\n" + std::string(form))) return false;
    page_.clear();
    auto response = answer_of(client, head);
    if (!response) return false;
    page_ = response->head + response->body;
    return response->status == 200 || response->status == 303;
  }
  // The form of this page.
  bool fill(std::string_view path, std::string_view fields) {
    const std::string own(path.substr(0, path.find('?')));
    if (!ask("GET " + std::string(path))) return false;
    const std::string token = between("name=\"token\" value=\"", "\""), once = between("name=\"once\" value=\"", "\"");
    return !token.empty() &&
           ask("POST " + own, std::string(fields) + "&token=" + token + (once.empty() ? "" : "&once=" + once));
  }
  bool log_in() {
    if (!fill("/login", "user=user&password=secret&how=password")) return false;
    const std::string cookie = between("Set-Cookie: ", ";");
    if (cookie.empty()) return false;
    cookie_ = "Cookie: " + cookie + "\r\n";
    return true;
  }
  // A file from no page of ours: refused by the connection that would have sent it on.
  bool send_file(const std::string& conversation) {
    const std::string form =
        "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhello\r\n--X--\r\n";
    ask("POST /upload/" + conversation, form, "multipart/form-data; boundary=X");
    return !between("HTTP/1.1 403", "role=\"alert\"").empty();
  }
  bool log_out() {
    return ask("GET /settings") &&
           ask("POST /logout",
               "token=" + between("action=\"/logout\"><input type=\"hidden\" name=\"token\" value=\"", "\""));
  }
  [[nodiscard]] std::string between(std::string_view begin, std::string_view end) const {
    const auto at = page_.find(begin);
    if (at == std::string::npos) return {};
    const auto from = at + begin.size();
    return page_.substr(from, page_.find(end, from) - from);
  }
  [[nodiscard]] const std::string& cookie() const { return cookie_; }

 private:
  std::uint16_t port_;
  std::string cookie_, page_;
};

bool read_and_write(Reader& reader, std::uint16_t port) {
  if (!reader.log_in()) return false;
  const auto enough = std::chrono::steady_clock::now() + silence / 2;
  while (!reader.fill("/contact/add", "address=bob%40localhost&do=write")) {
    EXPECT_LT(std::chrono::steady_clock::now(), enough) << "the login comes to no end";
    if (testing::Test::HasFailure()) return false;
    if (reader.between("http-equiv=\"refresh\" content=\"", ";").empty())
      return false;  // it is not logging in any more
    std::this_thread::yield();
  }
  const std::string conversation = reader.between("Location: /app/", "\r\n");
  if (conversation.empty()) return false;
  Line stream(port);
  if (!stream.send("GET /stream/" + conversation + "?w=window HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
                   reader.cookie() + "\r\n")) {
    return false;
  }
  if (!stream.until(">bob<", "HTTP/1.1 5")) return false;
  if (!reader.fill("/compose/" + conversation, "text=there+and+back")) return false;
  if (!stream.until("there and back", "</html>")) return false;
  return reader.send_file(conversation) && reader.log_out();
}

bool live_by_pages(std::uint16_t port) {
  Reader reader(port);
  const bool whole = read_and_write(reader, port);
  if (!whole) reader.log_out();  // else it would wait for its reader for ten minutes, and keep its descriptors
  return whole;
}

struct Life {
  const char* by;
  bool (*live)(std::uint16_t port);  // true: all of it
  const char* bosh;                  // of the configuration
  long in_a_row;  // several: the first ends a session, the next ones meet the shard while it cleans up behind that
  unsigned shards = 1;
  long stride = 1;  // where there are thousands of allocations in a life
};

void PrintTo(const Life& life, std::ostream* out) {
  *out << life.by << ", " << life.in_a_row << " in a row";
}

class Faults : public testing::TestWithParam<Life> {};
INSTANTIATE_TEST_SUITE_P(ByEveryDoor, Faults,
                         testing::Values(Life{"BOSH", live_by_bosh, "", 1}, Life{"BOSH", live_by_bosh, "", 2},
                                         Life{"BOSH", live_by_bosh, "", 5}, Life{"WebSocket", live_by_websocket, "", 1},
                                         Life{"WebSocket", live_by_websocket, "", 3},
                                         Life{"polls", live_by_polls, "", 2},
                                         Life{"a push stream", live_by_push_stream, "push_streams = true\n", 2},
                                         Life{"two streams", live_by_two_streams, "max_streams = 2\n", 2},
                                         Life{"pages", live_by_pages, "", 2, 2, 13}));

TEST_P(Faults, EndOneSessionOnly) {
  const Life& life = GetParam();
  failing = life.in_a_row;
  const support::ScriptedServer server;
  // So few connections that one which is not counted back is noticed soon. A session whose browser lost its connection
  // to a fault lives on until it has been unused for a second.
  Gateway gateway(server.port(), life.shards,
                  "[limits]\nmax_connections = 8\nmax_sessions_per_address = 0\nsession_starts_per_minute_per_address "
                  "= 0\n[polling]\nenabled = true\n[webchat]\nenabled = true\n"
                  "logins_per_minute_per_address = 0\nlogins_per_minute_per_account = 0\n"
                  "[bosh]\nunused = 1\ninactivity = 5\n" +
                      std::string(life.bosh));
  Browser neighbour(gateway.port());
  neighbour.log_in();
  int faults = 0;
  internal_errors = 0;
  for (long at = 0;; at += life.stride) {
    until_fault = at;
    const bool whole = life.live(gateway.port());
    const bool failed = until_fault.exchange(LONG_MAX) < 0;
    if (!failed) {
      EXPECT_TRUE(whole);  // what else it ends at would have kept the faults from it
      break;
    }
    ++faults;
    ASSERT_FALSE(HasFailure()) << "after a fault in allocation " << at;
    ASSERT_NE(neighbour.client().exchange(neighbour.body("", echo("well"))).body.find("well"), std::string::npos)
        << "after a fault in allocation " << at;
    ASSERT_LT(at, 2000 * life.stride);
  }
  EXPECT_GT(faults, 30);
  if (life.live == live_by_websocket) {
    EXPECT_GT(internal_errors, faults / 10);
  }
  EXPECT_FALSE(Browser(gateway.port()).sid.empty());
  EXPECT_TRUE(gateway.drain());
  EXPECT_EQ(gateway.sessions_counted(), 0U);
}

// Two sessions share a connection, one's answer is on its way and the other's request waits behind it, when it dies.
// That the one cannot be told of it, for want of memory, must not keep it from the other.
TEST(OneFault, OfASessionAtTheEndOfAConnectionIsNotTheOthers) {
  support::ScriptedServer server;
  Gateway gateway(server.port());
  for (long at = 0; at < 12; ++at) {
    Browser one(gateway.port()), other(gateway.port());
    one.log_in();
    other.log_in();
    support::Tcp line = connect_narrow(gateway.port());
    std::string both;
    for (const std::string& body : {one.body("", echo(std::string(16'000, 'x'))), other.body()}) {
      both += "POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n\r\n" + body;
    }
    line.send(both);
    ASSERT_FALSE(line.receive().value_or("").empty()) << "it begins to arrive";
    failing = 1;
    until_fault = at;
    line.reset();
    (void)HttpClient(gateway.port()).exchange("<body/>");  // until the gateway has seen that; the fault may be in this
    until_fault = LONG_MAX;
    (void)HttpClient(gateway.port()).exchange("<body/>");
    server.send_to_all("<message xmlns='jabber:client' from='localhost'><body>meanwhile</body></message>");
    // Behind it on the same stream: what is for the waiting request has been given to it, if it counts as waiting.
    Browser third(gateway.port());
    third.log_in();
    other.new_connection();
    std::string all = other.client().exchange(other.body("", echo("behind it"))).body;
    if (attribute(all, "type") == "terminate") continue;  // the fault was its own
    if (all.find("behind it") == std::string::npos) all += other.client().exchange(other.body()).body;
    EXPECT_NE(all.find("meanwhile"), std::string::npos) << "after a fault in allocation " << at << ": " << all;
  }
  EXPECT_TRUE(gateway.drain());
  EXPECT_EQ(gateway.sessions_counted(), 0U);
}

// Whatever is asked of the gateway while there is no memory at all may fail. When there is some again it must have gone
// deaf on none of its ears: the listener, the set of descriptors, the timers.
TEST(Outage, IsOverWithTheShortageOfMemory) {
  const support::ScriptedServer server;
  Gateway gateway(server.port(), 1, "[bosh]\nunused = 1\ninactivity = 5\n");
  for (long at = 0; at < 60; at += 3) {
    Browser neighbour(gateway.port());
    neighbour.log_in();
    failing = LONG_MAX;
    until_fault = at;
    std::vector<HttpClient> others;
    const auto enough = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    for (int i = 0; until_fault.load() > -12 && std::chrono::steady_clock::now() < enough; ++i) {
      if (i % 8 == 0 && others.size() < 64) others.emplace_back(gateway.port()).post(creation());
      neighbour.client().post(neighbour.body("", echo("now")));
      std::this_thread::yield();
    }
    until_fault = LONG_MAX;
    ASSERT_FALSE(Browser(gateway.port()).sid.empty()) << "after a shortage from allocation " << at;
  }
  EXPECT_TRUE(gateway.drain());
  EXPECT_EQ(gateway.sessions_counted(), 0U);
}

// A fault in telling one session that the gateway is being stopped keeps it neither from telling the others nor from
// coming to an end.
TEST(OneFault, DoesNotKeepTheGatewayFromStopping) {
  const support::ScriptedServer server;
  int faults = 0;
  for (long at = 0;; ++at) {
    Gateway gateway(server.port());
    std::vector<Browser> browsers;
    for (int i = 0; i < 3; ++i) {
      browsers.emplace_back(gateway.port()).log_in();
      browsers.back().client().post(browsers.back().body());
    }
    (void)HttpClient(gateway.port()).exchange("<body/>");
    failing = 1;
    until_fault = at;
    ASSERT_TRUE(gateway.drain()) << "after a fault in allocation " << at;
    const bool failed = until_fault.exchange(LONG_MAX) < 0;
    int told = 0;
    for (auto& browser : browsers) {
      const auto answer = browser.client().receive();
      if (answer && answer->body.find("system-shutdown") != std::string::npos) ++told;
    }
    EXPECT_GE(told, failed ? 2 : 3) << "after a fault in allocation " << at;
    if (!failed) break;
    ++faults;
    ASSERT_LT(at, 500);
  }
  EXPECT_GT(faults, 5);
}

}  // namespace
}  // namespace gateway
