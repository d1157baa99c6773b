// WebSocket frames from bytes: byte 0 says whether permessage-deflate was agreed on, byte 1 how the rest is cut.
// However it is cut, the same events come of it, nothing is kept above the limit, and text is UTF-8.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/ws_frames.hpp"

namespace {

using gateway::FrameReader;

constexpr std::size_t limit = 300;

void require(bool holds) {
  if (!holds) std::abort();
}

std::vector<std::string> read(std::string_view bytes, bool deflate, std::size_t step) {
  FrameReader reader(limit, deflate);
  std::vector<std::string> events;
  bool ended = false;
  while (!bytes.empty()) {
    std::string part(bytes.substr(0, step));
    bytes.remove_prefix(part.size());
    std::span<char> input(part);
    for (;;) {
      const auto event = reader.next(input);
      if (event.kind == FrameReader::Kind::more) break;
      require(!ended);
      require(event.payload.size() <= limit);
      if (event.kind == FrameReader::Kind::message && !event.compressed) require(gateway::is_utf8(event.payload));
      if (event.kind == FrameReader::Kind::message && event.compressed) require(deflate);
      if (event.kind == FrameReader::Kind::close) require(event.code == 1005 || gateway::is_close_code(event.code));
      ended = event.kind == FrameReader::Kind::close || event.kind == FrameReader::Kind::violation;
      events.push_back(std::to_string(static_cast<int>(event.kind)) + " " + std::to_string(event.code) + " " +
                       std::string(event.payload));
    }
    require(input.empty());
  }
  return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const bool deflate = (data[0] & 1) != 0;
  const std::size_t step = data[1] % 16 + 1U;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = read(bytes, deflate, bytes.size());
  require(read(bytes, deflate, step) == whole);
  require(read(bytes, deflate, 1) == whole);
  return 0;
}
