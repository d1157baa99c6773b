#include "gateway/compression.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "gateway/field_text.hpp"
#include "xmpp/ascii.hpp"

namespace gateway {

namespace {

using xmpp::same_ignoring_case;

// The quality in thousandths: "0", "1", "0.5", "1.000"; what is not one counts as 0 (never offer it).
int parse_quality(std::string_view text) {
  if (text.empty() || (text[0] != '0' && text[0] != '1') || text.size() > 5) return 0;
  int value = (text[0] - '0') * 1000;
  if (text.size() > 1 && text[1] != '.') return 0;
  int unit = 100;
  for (std::size_t i = 2; i < text.size(); ++i, unit /= 10) {
    if (text[i] < '0' || text[i] > '9') return 0;
    value += (text[i] - '0') * unit;
  }
  return value <= 1000 ? value : 0;
}

bool is_gzip(std::string_view name) {
  return same_ignoring_case(name, "gzip") || same_ignoring_case(name, "x-gzip");
}

constexpr int gzip_window = MAX_WBITS + 16;
constexpr int zlib_window = MAX_WBITS;
constexpr int raw_window = -MAX_WBITS;
constexpr int memory_level = 8;

}  // namespace

std::string_view name_of(Coding coding) {
  switch (coding) {
    case Coding::identity:
      return "identity";
    case Coding::gzip:
      return "gzip";
    case Coding::deflate:
      return "deflate";
  }
  return {};
}

Coding choose_coding(std::string_view accept_encoding) {
  constexpr int unsaid = -1;
  int gzip = unsaid, deflate = unsaid, identity = unsaid, any = unsaid;
  while (!accept_encoding.empty()) {
    std::string_view item = next_item(accept_encoding, ',');
    const std::string_view name = next_item(item, ';');
    int quality = 1000;
    while (!item.empty()) {
      const std::string_view parameter = next_item(item, ';');
      if (parameter.starts_with("q=") || parameter.starts_with("Q="))
        quality = parse_quality(trimmed(parameter.substr(2)));
    }
    if (is_gzip(name)) gzip = std::max(gzip, quality);
    if (same_ignoring_case(name, "deflate")) deflate = std::max(deflate, quality);
    if (same_ignoring_case(name, "identity")) identity = quality;
    if (name == "*") any = quality;
  }
  if (gzip == unsaid) gzip = any;
  if (deflate == unsaid) deflate = any;
  const int best = std::max(gzip, deflate);
  // identity counts as acceptable but is not preferred unless the client says so by a higher quality.
  if (best <= 0 || identity > best) return Coding::identity;
  return gzip >= deflate ? Coding::gzip : Coding::deflate;
}

Coding request_coding(std::string_view content_encoding) {
  Coding coding = Coding::identity;
  while (!content_encoding.empty()) {
    const std::string_view name = next_item(content_encoding, ',');
    if (name.empty() || same_ignoring_case(name, "identity")) continue;
    // Two codings on top of each other are nobody's habit but a bomb's.
    if (coding != Coding::identity) return Coding::identity;
    if (is_gzip(name)) {
      coding = Coding::gzip;
    } else if (same_ignoring_case(name, "deflate")) {
      coding = Coding::deflate;
    } else {
      return Coding::identity;
    }
  }
  return coding;
}

// The zlib streams, made when first needed: one that compresses takes 256 kB.
struct Codec::Streams {
  struct Deflater {
    z_stream stream{};
    bool made = false;
    ~Deflater() {
      if (made) deflateEnd(&stream);
    }
    bool ready(int level, int window) {
      if (made) return deflateReset(&stream) == Z_OK;
      made = deflateInit2(&stream, level, Z_DEFLATED, window, memory_level, Z_DEFAULT_STRATEGY) == Z_OK;
      return made;
    }
  };
  struct Inflater {
    z_stream stream{};
    bool made = false;
    ~Inflater() {
      if (made) inflateEnd(&stream);
    }
    bool ready(int window) {
      if (made) return inflateReset2(&stream, window) == Z_OK;
      made = inflateInit2(&stream, window) == Z_OK;
      return made;
    }
  };
  Deflater gzip, deflate, message;
  Inflater inflater;
};

Codec::Codec(int level) : streams_(std::make_unique<Streams>()), level_(level) {}
Codec::~Codec() = default;

namespace {

// zlib only reads through next_in, but its type says otherwise unless ZLIB_CONST is set for all of the program.
void set_input(z_stream& stream, std::string_view bytes) {
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
}

void set_output(z_stream& stream, std::string& out, std::size_t from) {
  stream.next_out = reinterpret_cast<Bytef*>(out.data() + from);
  stream.avail_out = static_cast<uInt>(out.size() - from);
}

}  // namespace

bool Codec::compress(Coding coding, std::string_view bytes, std::string& out) {
  if (coding == Coding::identity || bytes.empty() || bytes.size() > std::numeric_limits<uInt>::max() / 2) return false;
  auto& deflater = coding == Coding::gzip ? streams_->gzip : streams_->deflate;
  if (!deflater.ready(level_, coding == Coding::gzip ? gzip_window : zlib_window)) return false;
  const std::size_t before = out.size();
  // Room for one byte less than the input: what does not fit is not worth sending.
  out.resize(before + bytes.size() - 1);
  set_input(deflater.stream, bytes);
  set_output(deflater.stream, out, before);
  const int status = deflate(&deflater.stream, Z_FINISH);
  if (status != Z_STREAM_END) {
    out.resize(before);
    return false;
  }
  out.resize(before + deflater.stream.total_out);
  return true;
}

Codec::Outcome Codec::decompress(Coding coding, std::string_view bytes, std::size_t limit, std::string& out) {
  constexpr std::size_t step = 16 * 1024;
  const std::size_t before = out.size();
  if (coding == Coding::identity) {
    if (bytes.size() > limit) return Outcome::too_large;
    out.append(bytes);
    return Outcome::ok;
  }
  if (bytes.size() > std::numeric_limits<uInt>::max()) return Outcome::too_large;
  z_stream& stream = streams_->inflater.stream;
  const auto attempt = [&](int window) {
    out.resize(before);
    if (!streams_->inflater.ready(window)) return Outcome::malformed;
    set_input(stream, bytes);
    std::size_t used = before;
    for (;;) {
      // One byte above the limit, to tell "exactly full" from "more to come".
      const std::size_t room = std::min(step, limit + 1 - (used - before));
      out.resize(used + room);
      set_output(stream, out, used);
      const int status = inflate(&stream, Z_NO_FLUSH);
      used = out.size() - stream.avail_out;
      if (used - before > limit) return Outcome::too_large;
      if (status == Z_STREAM_END) break;
      if (status != Z_OK) return Outcome::malformed;
      // No room left in the output is the only reason to go on; without input the message is cut off.
      if (stream.avail_out > 0) return Outcome::malformed;
    }
    out.resize(used);
    return stream.avail_in == 0 ? Outcome::ok : Outcome::malformed;
  };
  Outcome outcome = attempt(coding == Coding::gzip ? gzip_window : zlib_window);
  // "deflate" means zlib's format, but some clients send the bare one.
  if (outcome == Outcome::malformed && coding == Coding::deflate) outcome = attempt(raw_window);
  if (outcome != Outcome::ok) out.resize(before);
  return outcome;
}

// What every message ends with and none carries: an empty stored block, by which the compressor comes to a byte's end.
constexpr std::string_view message_end("\x00\x00\xff\xff", 4);

bool Codec::deflate_message(std::string_view bytes, std::string& out) {
  if (bytes.size() <= message_end.size() || bytes.size() > std::numeric_limits<uInt>::max() / 2) return false;
  auto& deflater = streams_->message;
  if (!deflater.ready(level_, raw_window)) return false;
  const std::size_t before = out.size();
  // Room for what goes away again at the end; more would not be smaller.
  out.resize(before + bytes.size() - 1 + message_end.size());
  set_input(deflater.stream, bytes);
  set_output(deflater.stream, out, before);
  const int status = deflate(&deflater.stream, Z_SYNC_FLUSH);
  if (status != Z_OK || deflater.stream.avail_in > 0 || deflater.stream.avail_out == 0) {
    out.resize(before);
    return false;
  }
  out.resize(before + deflater.stream.total_out - message_end.size());
  return true;
}

Codec::Outcome Codec::inflate_message(std::string_view bytes, std::size_t limit, std::string& out) {
  constexpr std::size_t step = 16 * 1024;
  if (bytes.size() > std::numeric_limits<uInt>::max()) return Outcome::too_large;
  const std::size_t before = out.size();
  std::size_t used = before;
  const auto fail = [&](Outcome outcome) {
    out.resize(before);
    return outcome;
  };
  z_stream& stream = streams_->inflater.stream;
  if (!streams_->inflater.ready(raw_window)) return fail(Outcome::malformed);
  bool ended = false;  // by a final block, behind which a client puts one empty byte (RFC 7692 7.2.3.4)
  for (const std::string_view part : {bytes, message_end}) {
    set_input(stream, part);
    while (!ended) {
      const std::size_t room = std::min(step, limit + 1 - (used - before));
      out.resize(used + room);
      set_output(stream, out, used);
      const int status = inflate(&stream, Z_SYNC_FLUSH);
      used = out.size() - stream.avail_out;
      if (used - before > limit) return fail(Outcome::too_large);
      ended = status == Z_STREAM_END;
      if (!ended && status != Z_OK && status != Z_BUF_ERROR) return fail(Outcome::malformed);
      if (!ended && stream.avail_out > 0) break;  // all input is used up
    }
    if (!ended) continue;
    if (stream.avail_in > 1) return fail(Outcome::malformed);
    break;
  }
  out.resize(used);
  return Outcome::ok;
}

}  // namespace gateway
