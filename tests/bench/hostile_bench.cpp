// What a byte of an attacker costs: for each kind of hostile input the CPU time and the memory that it takes, per byte
// sent, beside usual input. The table of docs/THREAT_MODEL.md is what this prints.
//   build/release/tests/bench/hostile_bench            the table
//   build/release/tests/bench/hostile_bench --check    fails where a byte costs far more than a usual one (ctest)
// Each case runs in a process of its own, so that its peak of memory is its own.
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "bosh/body.hpp"
#include "gateway/compression.hpp"
#include "gateway/request_parser.hpp"
#include "xmpp/parser_pool.hpp"
#include "xmpp/stream_splitter.hpp"

namespace {

constexpr std::size_t body_size = 250 * 1024;     // just below limits.max_body_bytes
constexpr std::size_t stanza_size = 1024 * 1024;  // a quarter of limits.max_stanza_bytes

// What comes out is counted, so that no work is left out by the compiler, and because what goes on to the server is an
// amplification as well.
struct Sent {
  std::size_t bytes = 0, out = 0;
};

struct Case {
  const char* name;
  std::function<Sent()> run;
  bool left = false;  // known to cost more, and why it is left so stands in docs/THREAT_MODEL.md
};

std::string repeated(std::string_view piece, std::size_t size) {
  std::string text;
  text.reserve(size + piece.size());
  while (text.size() < size) text += piece;
  return text;
}

std::string numbered(const std::function<std::string(unsigned)>& piece, std::size_t size) {
  std::string text;
  for (unsigned i = 0; text.size() < size; ++i) text += piece(i);
  return text;
}

// ---- a request of a browser

const xmpp::Limits from_client;
const xmpp::Limits from_server{.max_bytes = 4 * 1024 * 1024, .max_elements = 256 * 1024};

Sent body(const std::string& document) {
  static bosh::BodyReader reader(from_client, false);
  Sent sent{document.size(), 0};
  const auto read = reader.read(document);
  if (const auto* accepted = std::get_if<bosh::Body>(&read)) {
    for (const auto& payload : *accepted->payloads) sent.out += payload.bytes.size();
  }
  return sent;
}

std::string with_root(std::string_view attributes, std::string_view payload) {
  std::string document = "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' sid='x'";
  return document.append(attributes).append(">").append(payload).append("</body>");
}

constexpr std::string_view usual_message =
    "<message xmlns='jabber:client' to='juliet@example.com' type='chat' id='m1'><body>Art thou not Romeo, and a "
    "Montague?</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>";

// As many declarations in force as attributes and depth allow, and then names that are looked for in all of them.
std::string many_bindings() {
  std::string open, close;
  for (unsigned depth = 0; depth < 50; ++depth) {
    open += "<b:a";
    for (unsigned i = 0; i < 60; ++i) open += " xmlns:p" + std::to_string(depth * 60 + i) + "=''";
    open += ">";
    close += "</b:a>";
  }
  // An empty URI undeclares in XML 1.0 and is refused: one character will do.
  for (std::size_t at = 0; (at = open.find("=''", at)) != open.npos; at += 4) open.insert(at + 2, "u");
  return open + repeated("<b:c b:d='' p0:e='' p1:e=''/>", body_size - open.size() - close.size() - 200) + close;
}

std::vector<Case> request_cases() {
  const std::string uri(900, 'u');
  return {
      {"usual messages", [] { return body(with_root("", repeated(usual_message, body_size))); }},
      {"smallest elements", [] { return body(with_root("", repeated("<a/>", 120'000))); }},
      {"nesting",
       [] { return body(with_root("", repeated(repeated("<a>", 180) + repeated("</a>", 240), body_size))); }},
      {"attributes",
       [] {
         const std::string tag =
             "<a" + numbered([](unsigned i) { return " a" + std::to_string(i) + "=''"; }, 420) + "/>";
         return body(with_root("", repeated(tag, body_size)));
       }},
      {"ever new names",
       [] {
         return body(with_root("", numbered([](unsigned i) { return "<n" + std::to_string(i) + "/>"; }, body_size)));
       }},
      {"declarations",
       [] {
         const std::string tag =
             "<a" + numbered([](unsigned i) { return " xmlns:p" + std::to_string(i) + "='u'"; }, 700) + "/>";
         return body(with_root("", repeated(tag, body_size)));
       }},
      {"a long namespace repeated for each child",
       [uri] { return body(with_root(" xmlns:p='" + uri + "'", repeated("<p:a/>", 180'000))); }},
      {"many long namespaces repeated for each child",
       [uri] {
         std::string root, child = "<a";
         for (unsigned i = 0; i < 55; ++i) {
           root += " xmlns:p" + std::to_string(i) + "='" + uri + std::to_string(i) + "'";
           child += " p" + std::to_string(i) + ":b=''";
         }
         return body(with_root(root, repeated(child + "/>", 190'000)));
       }},
      {"names looked for in many declarations",
       [] { return body(with_root(" xmlns:b='http://jabber.org/protocol/httpbind'", many_bindings())); }},
      {"one attribute", [] { return body(with_root("", "<a b='" + std::string(body_size, 'x') + "'/>")); }},
      {"references", [] { return body(with_root("", "<a>" + repeated("&amp;", body_size) + "</a>")); }},
      {"CDATA sections", [] { return body(with_root("", "<a>" + repeated("<![CDATA[]]>", body_size) + "</a>")); }},
      {"line ends", [] { return body(with_root("", "<a>" + repeated("\n", body_size) + "</a>")); }},
      {"an unclosed tag", [] { return body(with_root("", "<a b='" + std::string(body_size, 'x'))); }},
  };
}

// ---- HTTP

Sent http(const std::string& bytes, std::size_t piece) {
  gateway::RequestParser parser(16 * 1024, 256 * 1024);
  std::string unparsed;
  for (std::size_t at = 0; at < bytes.size() && !parser.is_done(); at += piece) {
    unparsed.append(bytes, at, piece);
    boost::system::error_code error;
    unparsed.erase(0, parser.parse(unparsed, error));
    parser.keep_body();
  }
  return {bytes.size(), parser.body().size()};
}

constexpr const char* request_line = "POST /http-bind HTTP/1.1\r\nHost: example.org\r\n";

std::vector<Case> http_cases() {
  const std::string chunked = std::string(request_line) + "Transfer-Encoding: chunked\r\n\r\n";
  return {
      {"HTTP: usual header, 1 kB body",
       [] { return http(std::string(request_line) + "Content-Length: 1000\r\n\r\n" + std::string(1000, 'x'), 65536); }},
      {"HTTP: header of many fields",
       [] {
         return http(
             request_line + numbered([](unsigned i) { return "X-" + std::to_string(i) + ": y\r\n"; }, 15'000) + "\r\n",
             65536);
       }},
      {"HTTP: header, byte by byte", [] { return http(request_line + repeated("X-A: b\r\n", 15'000) + "\r\n", 1); }},
      {"HTTP: one field, byte by byte",
       [] { return http(request_line + ("X-A: " + std::string(15'000, 'b')) + "\r\n\r\n", 1); }},
      {"HTTP: chunks of one byte",
       [chunked] { return http(chunked + repeated("1\r\nx\r\n", 600'000) + "0\r\n\r\n", 65536); }},
      {"HTTP: chunk extension, byte by byte",
       [chunked] { return http(chunked + "1;a=" + std::string(15'000, 'b') + "\r\nx\r\n0\r\n\r\n", 1); }},
      {"HTTP: trailer, byte by byte",
       [chunked] { return http(chunked + "0\r\n" + repeated("X-A: b\r\n", 15'000) + "\r\n", 1); }},
  };
}

// ---- content coding

std::string gzipped(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(text.size() + 100, '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Sent unpack(const std::string& packed) {
  static gateway::Codec codec(3);
  std::string out;
  static_cast<void>(codec.decompress(gateway::Coding::gzip, packed, 256 * 1024, out));
  return {packed.size(), out.size()};
}

std::vector<Case> coding_cases() {
  return {
      {"gzip: a body of 250 kB in 300 bytes, accepted",
       [] {
         static const std::string packed = gzipped(std::string(body_size, ' '));
         return unpack(packed);
       }},
      {"gzip: a bomb of 64 MB, refused at the limit",
       [] {
         static const std::string packed = gzipped(std::string(64 << 20, ' '));
         return unpack(packed);
       }},
      {"gzip: many members",
       [] {
         static const std::string packed = repeated(gzipped("a"), 100'000);
         return unpack(packed);
       }},
  };
}

// ---- a stream of a server

Sent stream(const std::string& stanza, std::size_t piece, std::string_view header_attributes = "") {
  xmpp::ParserPool pool;
  xmpp::StreamSplitter splitter(pool, from_server);
  xmpp::StreamEvents events;
  const std::string header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'" +
                             std::string(header_attributes) + ">";
  splitter.feed(header, events);
  Sent sent{stanza.size(), 0};
  for (std::size_t at = 0; at < stanza.size(); at += piece) {
    splitter.feed(std::string_view(stanza).substr(at, piece), events);
    for (const auto& event : events.list) {
      if (const auto* whole = std::get_if<xmpp::Stanza>(&event)) sent.out += whole->bytes.size();
    }
    events.clear();
  }
  return sent;
}

std::vector<Case> stream_cases() {
  constexpr std::size_t segment = 1460;
  const std::string attribute = "<message a='" + std::string(stanza_size, 'x') + "'/>";
  const std::string text = "<message><body>" + std::string(stanza_size, 'x') + "</body></message>";
  const std::string usual = repeated(
      "<message from='romeo@example.net/orchard' to='juliet@example.com/balcony' "
      "type='chat'><body>But soft, what light?</body></message>",
      stanza_size);
  const std::string header = " xmlns:p='" + std::string(900, 'u') + "'";
  return {
      {"stream: usual stanzas, by segments", [usual] { return stream(usual, segment); }},
      {"stream: 1 MB of text, by segments", [text] { return stream(text, segment); }},
      {"stream: 1 MB in one attribute, by segments", [attribute] { return stream(attribute, segment); }},
      {"stream: 64 kB in one attribute, byte by byte",
       [] { return stream("<message a='" + std::string(65536, 'x') + "'/>", 1); }},
      {"stream: 64 kB of > in one attribute, byte by byte",
       [] { return stream("<message a='" + std::string(65536, '>') + "'/>", 1); }},
      {"stream: 64 kB in one attribute, in pieces of 100 bytes",
       [] { return stream("<message a='" + std::string(65536, 'x') + "'/>", 100); }},
      {"stream: a comment of 64 kB, byte by byte", [] { return stream("<!--" + std::string(65536, '>') + "-->", 1); }},
      {"stream: 64 kB of text, byte by byte",
       [] { return stream("<message>" + std::string(65536, 'x') + "</message>", 1); }},
      {"stream: smallest stanzas", [] { return stream(repeated("<a/>", stanza_size), segment); }},
      {"stream: a long namespace repeated for each stanza",
       [header] { return stream(repeated("<p:a/>", 200'000), segment, header); }, true},
  };
}

// ---- measuring

struct Cost {
  double nanoseconds = 0, memory = 0, out = 0;  // per byte sent
};

// The peak since reset_peak(); getrusage() would keep that of making the inputs.
long peak_kilobytes() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmHWM:")) return std::atol(line.c_str() + 6);
  }
  return 0;
}

void reset_peak() {
  std::ofstream("/proc/self/clear_refs") << "5\n";
}

double cpu_nanoseconds() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) * 1e9 + static_cast<double>(spent.tv_nsec);
}

Cost measure(const Case& hostile) {
  malloc_trim(0);
  reset_peak();
  const long before = peak_kilobytes();
  const Sent first = hostile.run();
  const auto sent = static_cast<double>(first.bytes);
  Cost cost{0, static_cast<double>(peak_kilobytes() - before) * 1024 / sent, static_cast<double>(first.out) / sent};
  // What else the machine does only adds to it: the cheapest of some rounds.
  cost.nanoseconds = std::numeric_limits<double>::max();
  for (int round = 0; round < 4; ++round) {
    const double begin = cpu_nanoseconds();
    double bytes = 0;
    do bytes += static_cast<double>(hostile.run().bytes);
    while (cpu_nanoseconds() - begin < 2e7);
    cost.nanoseconds = std::min(cost.nanoseconds, (cpu_nanoseconds() - begin) / bytes);
  }
  return cost;
}

Cost measure_apart(const Case& hostile) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    const Cost cost = measure(hostile);
    _exit(write(ends[1], &cost, sizeof cost) == sizeof cost ? 0 : 1);
  }
  close(ends[1]);
  Cost cost;
  if (read(ends[0], &cost, sizeof cost) != sizeof cost) std::abort();
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return cost;
}

// Generous, for a loaded machine and for sanitizers: the quadratic ways that were found cost a hundred times as much.
bool tolerable(const Case& hostile, const Cost& cost, const Cost& usual) {
  if (hostile.left) return true;
  const bool unpacks = std::strncmp(hostile.name, "gzip", 4) == 0;
  // Of a compressed byte the bound is on what comes out: 256 kB for a message, however small.
  if (unpacks) return true;
  return cost.nanoseconds < 60 * usual.nanoseconds && cost.out < 220;
}

}  // namespace

int main(int count, char** arguments) {
  const bool check = count > 1 && std::strcmp(arguments[1], "--check") == 0;
  std::vector<Case> all;
  for (const auto& group : {request_cases(), http_cases(), coding_cases(), stream_cases()})
    all.insert(all.end(), group.begin(), group.end());
  std::printf("| input | ns a byte | peak memory, bytes a byte | passed on, bytes a byte |\n|---|---|---|---|\n");
  Cost usual;
  bool fine = true;
  for (const auto& hostile : all) {
    const Cost cost = measure_apart(hostile);
    if (&hostile == all.data()) usual = cost;
    std::printf("| %s | %.1f | %.1f | %.2f |\n", hostile.name, cost.nanoseconds, cost.memory, cost.out);
    std::fflush(stdout);
    if (!check || tolerable(hostile, cost, usual)) continue;
    std::fprintf(stderr, "%s: a byte costs too much\n", hostile.name);
    fine = false;
  }
  return fine ? 0 : 1;
}
