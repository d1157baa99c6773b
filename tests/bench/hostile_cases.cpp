#include "tests/bench/hostile_cases.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "bosh/body.hpp"
#include "bosh/poll_engine.hpp"
#include "gateway/compression.hpp"
#include "gateway/request_parser.hpp"
#include "gateway/ws_frames.hpp"
#include "webclient/form.hpp"
#include "webclient/multipart.hpp"
#include "xmpp/parsed_element.hpp"
#include "xmpp/parser_pool.hpp"
#include "xmpp/stream_splitter.hpp"

namespace hostile {
namespace {

constexpr std::size_t body_size = 250 * 1024;     // just below limits.max_body_bytes
constexpr std::size_t stanza_size = 1024 * 1024;  // a quarter of limits.max_stanza_bytes

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

// Of a stream's header, so long that it just may be said again on a stanza of six bytes.
const std::string long_namespace = " xmlns:p='" + std::string(157, 'u') + "'";

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
  return open + repeated("<b:c b:d='' p0:e='' p1:f=''/>", body_size - open.size() - close.size() - 200) + close;
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
      {"a long namespace for each element of one child",
       [uri] {
         const std::string quotes(1000, '"');
         return body(
             with_root("", "<c:a xmlns:c='k' xmlns:x='" + quotes + "'>" + repeated("<x:a/>", 190'000) + "</c:a>"));
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
  static_cast<void>(codec.decompress(gateway::Coding::gzip, packed, unpacked_limit, out));
  return {packed.size(), out.size()};
}

Sent inflate_message(const std::string& packed) {
  static gateway::Codec codec(3);
  std::string out;
  static_cast<void>(codec.inflate_message(packed, unpacked_limit, out));
  return {packed.size(), out.size()};
}

std::string deflated(const std::string& text) {
  std::string packed;
  if (!gateway::Codec(3).deflate_message(text, packed)) std::abort();
  return packed;
}

std::vector<Case> coding_cases() {
  const std::string body = gzipped(std::string(body_size, ' ')), bomb = gzipped(std::string(64 << 20, ' '));
  const std::string members = repeated(gzipped("a"), 100'000), message = deflated(std::string(64 << 20, ' '));
  return {
      {"gzip: a body of 250 kB in 300 bytes, accepted", [body] { return unpack(body); }, true},
      {"gzip: a bomb of 64 MB, refused at the limit", [bomb] { return unpack(bomb); }, true},
      {"gzip: many members", [members] { return unpack(members); }, true},
      {"deflate: a WebSocket message of 64 MB, refused at the limit", [message] { return inflate_message(message); },
       true},
  };
}

// ---- WebSocket

std::string frame(unsigned char first, const std::string& payload) {
  if (payload.size() > 125) std::abort();
  // Masked with zeros.
  return std::string{static_cast<char>(first), static_cast<char>(0x80 | payload.size()), 0, 0, 0, 0} + payload;
}

Sent frames(std::string bytes, std::size_t piece) {
  gateway::FrameReader reader(256 * 1024, true);
  Sent sent{bytes.size(), 0};
  std::span<char> all(bytes);
  while (!all.empty()) {
    auto input = all.first(std::min(piece, all.size()));
    all = all.subspan(input.size());
    for (;;) {
      const auto event = reader.next(input);
      if (event.kind == gateway::FrameReader::Kind::more) break;
      if (event.kind == gateway::FrameReader::Kind::message) sent.out += event.payload.size();
      if (event.kind == gateway::FrameReader::Kind::violation) return sent;
    }
  }
  return sent;
}

std::vector<Case> frame_cases() {
  const std::string first = frame(0x01, "<"), usual = frame(0x81, std::string(usual_message.substr(0, 120)));
  const std::string ones = first + repeated(frame(0x00, "x"), body_size), none = repeated(frame(0x00, ""), body_size);
  const std::string pings = repeated(frame(0x89, std::string(125, 'x')), body_size);
  return {
      {"WebSocket: usual messages", [=] { return frames(repeated(usual, body_size), 65536); }},
      {"WebSocket: fragments of one byte", [=] { return frames(ones, 65536); }},
      {"WebSocket: fragments of one byte, byte by byte", [=] { return frames(ones, 1); }},
      {"WebSocket: empty fragments", [=] { return frames(first + none, 65536); }},
      {"WebSocket: pings, byte by byte", [=] { return frames(pings, 1); }},
  };
}

// ---- polling

constexpr std::size_t poll_header = 60;  // that much HTTP goes with each request, at the very least

Sent polls(const std::string& bytes, std::size_t piece, const std::string& header_attributes = {}) {
  static xmpp::ParserPool pool;
  static const bosh::PollPolicy policy;
  bosh::PollEngine engine(policy, pool, from_client, {"id", "a", "/p"}, {});
  xmpp::Actions actions;
  std::uint64_t request = 0;
  Sent sent;
  const auto collect = [&] {
    for (const auto& action : actions.list) {
      if (const auto* const on = std::get_if<xmpp::ToServer>(&action)) sent.out += on->bytes.size();
    }
    actions.clear();
  };
  engine.on_create(
      xmpp::RequestId{++request},
      "<stream:stream to='a' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'" +
          header_attributes + ">",
      {}, actions);
  engine.opened({"1", "a", "1.0", {}}, {}, actions);
  engine.deliver({"<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>", xmpp::StanzaKind::features}, {},
                 actions);
  engine.delivered_all({}, actions);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    engine.on_poll(xmpp::RequestId{++request}, {"id", {}, {}, std::string_view(bytes).substr(at, piece)}, {}, actions);
    collect();
    sent.bytes += poll_header + std::min(piece, bytes.size() - at);
  }
  return sent;
}

std::vector<Case> poll_cases() {
  return {
      {"polling: usual messages", [] { return polls(repeated(usual_message, body_size), 4096); }},
      {"polling: one message, byte by byte",
       [] { return polls("<message><body>" + std::string(16'384, 'x') + "</body></message>", 1); }},
      {"polling: one attribute, byte by byte",
       [] { return polls("<message a='" + std::string(16'384, 'x') + "'/>", 1); }},
      {"polling: smallest elements", [] { return polls(repeated("<a/>", 60'000), 4096); }},
      {"polling: a long namespace repeated for each stanza",
       [] { return polls(repeated("<p:a/>", 60'000), 60'000, long_namespace); }},
  };
}

// ---- forms of the chat

Sent form(const std::string& body) {
  const auto read = webclient::read_form(body);
  const auto* const accepted = std::get_if<webclient::Form>(&read);
  return {body.size(), accepted == nullptr ? 0 : accepted->value("text").size()};
}

Sent multipart(const std::string& body, std::size_t piece) {
  webclient::MultipartReader reader("XX");
  std::string content;
  Sent sent{body.size(), 0};
  for (std::size_t at = 0; at < body.size(); at += piece) {
    static_cast<void>(reader.feed(std::string_view(body).substr(at, piece), content));
    sent.out += content.size();
    content.clear();
  }
  return sent;
}

// ---- what the gateway reads as the client of a session

Sent tree(const std::string& stanza) {
  const auto parsed = xmpp::ParsedElement::parse(stanza);
  Sent sent{stanza.size(), 0};
  if (!parsed) std::abort();
  // What is asked of a message: some children that are not there, and its text.
  for (const char* const name : {"body", "delay", "x"}) {
    if (parsed->root().child(name, "urn:x")) std::abort();
  }
  sent.out = parsed->root().text().size();
  return sent;
}

std::vector<Case> tree_cases() {
  const auto message = [](const std::string& content) {
    return "<message xmlns='jabber:client'>" + content + "</message>";
  };
  const auto usual = message(repeated(usual_message, 1000)), small = message(repeated("<a/>", body_size)),
             mixed = message(repeated("<a/>x", body_size)), text = message(repeated("&amp;", body_size)),
             sections = message(repeated("<![CDATA[]]>", body_size)), bound = message(many_bindings()),
             deep = message(repeated(repeated("<a>", 180) + repeated("</a>", 240), body_size));
  return {
      {"tree: usual message", [=] { return tree(usual); }},
      {"tree: smallest elements", [=] { return tree(small); }},
      {"tree: smallest elements and texts in turn", [=] { return tree(mixed); }},
      {"tree: nesting", [=] { return tree(deep); }},
      {"tree: references", [=] { return tree(text); }},
      {"tree: CDATA sections", [=] { return tree(sections); }},
      {"tree: names looked for in many declarations", [=] { return tree(bound); }},
  };
}

std::vector<Case> form_cases() {
  const std::string file =
      "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n" + std::string(65536, '\r');
  return {
      {"form: escapes", [] { return form("text=" + repeated("%41", 9'000)); }},
      {"form: many fields",
       [] { return form(numbered([](unsigned i) { return "&a" + std::to_string(i) + "="; }, 60'000)); }},
      {"form: a file of beginnings of its end, by segments",
       [=] { return multipart(file + repeated("\r\n--X", body_size), 1460); }},
      {"form: the same, byte by byte", [=] { return multipart(file + repeated("\r\n--X", 16'384), 1); }},
  };
}

// ---- a stream of a server

Sent stream(const std::string& stanza, std::size_t piece, const std::string& header_attributes = {}) {
  xmpp::ParserPool pool;
  xmpp::StreamSplitter splitter(pool, from_server);
  xmpp::StreamEvents events;
  const std::string header =
      "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'" + header_attributes + ">";
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
       [] { return stream(repeated("<p:a/>", 200'000), segment, long_namespace); }},
  };
}

}  // namespace

std::vector<Case> all_cases() {
  std::vector<Case> all;
  for (const auto& group : {request_cases(), http_cases(), coding_cases(), frame_cases(), poll_cases(), form_cases(),
                            tree_cases(), stream_cases()})
    all.insert(all.end(), group.begin(), group.end());
  return all;
}

}  // namespace hostile
