// What is accepted as a request must be framed as the strictest proxy would frame it (RFC 9112): written in full lines,
// one length or chunked and never both, and the body must end exactly where that proxy sees its end. That is what
// smuggling needs to be otherwise. And however the bytes are cut, the same request comes out.
#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <cctype>
#include <optional>
#include <string>

#include "gateway/request_parser.hpp"
#include "tests/fuzz/complain.hpp"

namespace {

using gateway::RequestParser;

constexpr std::uint32_t header_limit = 2048;
constexpr std::uint64_t body_limit = 4096;

struct Outcome {
  bool done = false;
  std::size_t used = 0;
  std::string target, host, body;
  bool keep_alive = false;
  bool operator==(const Outcome&) const = default;
};

// As the connection does it: what the parser does not use comes again, with more behind it.
Outcome read(std::string_view bytes, std::uint32_t seed) {
  RequestParser parser(header_limit, body_limit);
  Outcome outcome;
  std::uint32_t state = seed;
  std::size_t end = seed == 0 ? bytes.size() : 0;
  for (;;) {
    if (seed != 0) {
      state = state * 1664525U + 1013904223U;
      end = std::min(bytes.size(), end + 1 + (state >> 16) % (seed % 2 == 0 ? 3 : 40));
    }
    const std::string piece(bytes.substr(outcome.used, end - outcome.used));
    boost::system::error_code error;
    outcome.used += parser.parse(piece, error);
    parser.keep_body();
    outcome.done = parser.is_done();
    const bool failed = error && error != boost::beast::http::error::need_more;
    if (outcome.done || failed || end == bytes.size()) break;
  }
  if (!outcome.done) {
    outcome.used = 0;  // of no consequence, and when a fault is noticed depends on the pieces
    return outcome;
  }
  outcome.target = parser.head().target;
  outcome.host = parser.head().host;
  outcome.body = parser.body();
  outcome.keep_alive = parser.head().keep_alive;
  return outcome;
}

bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || marks.find(c) != marks.npos;
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

struct Framing {
  std::optional<std::uint64_t> length;
  bool chunked = false;
};

// The header by the letter of RFC 9112; complains about what no strict reader takes.
Framing framing_of(std::string_view head) {
  Framing framing;
  head.remove_prefix(head.find("\r\n") + 2);  // the request line
  while (!head.empty()) {
    const auto end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    const auto colon = line.find(':');
    if (colon == line.npos || !is_token(line.substr(0, colon))) fuzz::complain("not a field", line);
    for (const char c : line) {
      if (c == '\0' || c == '\r' || c == '\n') fuzz::complain("a control character in a field", line);
    }
    const std::string name = lower(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (name == "content-length") {
      const bool digits = !value.empty() && value.size() < 18 && value.find_first_not_of("0123456789") == value.npos;
      if (!digits) fuzz::complain("a length that is no number", line);
      const std::uint64_t length = std::stoull(std::string(value));
      if (framing.length && *framing.length != length) fuzz::complain("two lengths", line);
      framing.length = length;
    } else if (name == "transfer-encoding") {
      if (framing.chunked || lower(value) != "chunked") fuzz::complain("another transfer coding", line);
      framing.chunked = true;
    }
  }
  if (framing.chunked && framing.length) fuzz::complain("both lengths", {});
  return framing;
}

// The end of a chunked body by the letter, and what is in it; nothing for what no strict reader takes.
std::optional<std::string> unchunk(std::string_view& rest) {
  std::string body;
  for (;;) {
    const auto end = rest.find("\r\n");
    if (end == rest.npos) return {};
    const std::string_view line = rest.substr(0, end);
    const auto digits = line.find_first_not_of("0123456789abcdefABCDEF");
    if (digits == 0 || line.empty()) return {};
    const std::string size_text(line.substr(0, digits));
    if (size_text.size() > 15) return {};
    const std::size_t size = std::stoull(size_text, nullptr, 16);
    rest.remove_prefix(end + 2);
    if (size == 0) break;
    if (rest.size() < size + 2 || rest.substr(size, 2) != "\r\n") return {};
    body += rest.substr(0, size);
    rest.remove_prefix(size + 2);
  }
  while (!rest.starts_with("\r\n")) {  // trailer fields
    const auto end = rest.find("\r\n");
    if (end == rest.npos) return {};
    rest.remove_prefix(end + 2);
  }
  rest.remove_prefix(2);
  return body;
}

void check_framing(std::string_view bytes, const Outcome& outcome) {
  std::string_view rest = bytes;
  while (rest.starts_with("\r\n")) rest.remove_prefix(2);  // RFC 9112 2.2 lets servers ignore them
  const auto end = rest.find("\r\n\r\n");
  if (end == rest.npos) fuzz::complain("a request without the end of its header", bytes);
  const Framing framing = framing_of(rest.substr(0, end + 2));
  rest.remove_prefix(end + 4);
  if (framing.chunked) {
    const auto body = unchunk(rest);
    if (!body) fuzz::complain("chunks that no strict reader takes", bytes);
    if (*body != outcome.body) fuzz::complain("another body", bytes);
  } else {
    const std::uint64_t length = framing.length.value_or(0);
    if (length > rest.size() || rest.substr(0, length) != outcome.body) fuzz::complain("another body", bytes);
    rest.remove_prefix(length);
  }
  if (bytes.size() - rest.size() != outcome.used) fuzz::complain("the request ends elsewhere", bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  const Outcome whole = read(bytes, 0);
  if (whole.body.size() > body_limit) fuzz::complain("a body above the limit", bytes);
  if (whole.done) check_framing(bytes, whole);
  for (const std::uint32_t seed : {1U, 2U, 77U}) {
    if (!(read(bytes, seed) == whole)) fuzz::complain("in pieces it is another request", bytes);
  }
  return 0;
}
