// The first byte chooses the limits and how the rest is cut; the events must be those of the uncut bytes, with as
// many streams on one pool as there are, so that parsers are taken back in between.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/xmpp/splitter_support.hpp"

namespace {

xmpp::Limits limits_of(std::uint8_t seed) {
  xmpp::Limits limits;
  if ((seed & 1) != 0) {
    limits.max_bytes = 128;
    limits.max_depth = 5;
    limits.max_attributes = 6;
    limits.max_name_bytes = 60;
    limits.max_elements = 9;
    limits.leave_out = (seed & 2) != 0;
  }
  return limits;
}

std::vector<std::string_view> cut(std::string_view bytes, std::uint32_t seed) {
  std::vector<std::string_view> pieces;
  std::uint32_t state = seed * 2654435761U + 1;
  while (!bytes.empty()) {
    state = state * 1664525U + 1013904223U;
    const std::size_t size = seed % 3 == 0 ? 1 : 1 + (state >> 16) % (seed % 3 == 1 ? 4 : 64);
    pieces.push_back(bytes.substr(0, size));
    bytes.remove_prefix(pieces.back().size());
  }
  return pieces;
}

[[noreturn]] void complain(const test::Lines& whole, const test::Lines& pieces) {
  for (const auto& line : whole) std::fprintf(stderr, "whole:  %s\n", line.c_str());
  for (const auto& line : pieces) std::fprintf(stderr, "pieces: %s\n", line.c_str());
  std::abort();
}

// What is passed over must end where it ends for a parser, or somebody could hide stanzas behind it: without those
// limits the stanzas are the same ones, until something is refused.
void check_what_is_passed_over(const test::Lines& limited, const std::string& bytes, xmpp::Limits limits) {
  limits.max_depth = limits.max_attributes = limits.max_name_bytes = limits.max_elements = UINT32_MAX;
  const auto unlimited = test::split_stream(bytes, limits);
  const auto is_fault = [](const std::string& line) { return line.starts_with("fault"); };
  for (std::size_t i = 0; i < limited.size(); ++i) {
    if (is_fault(limited[i]) || (i < unlimited.size() && is_fault(unlimited[i]))) return;
    if (i >= unlimited.size()) complain(limited, unlimited);
    const auto excess = limited[i].find(": <");
    const bool is_left_out = limited[i][0] != '<' && !limited[i].starts_with("opened") && excess != std::string::npos;
    const std::string shown = is_left_out ? limited[i].substr(excess + 2, 3) : limited[i];
    if (!unlimited[i].starts_with(shown)) complain(limited, unlimited);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto limits = limits_of(data[0]);
  // What is wrong inside an unfinished tag may be told late, but no later than with a piece of some size.
  const std::string tail(std::max<std::size_t>(size, 4096), ' ');
  const auto whole = test::split_stream(std::string(bytes) + tail, limits);
  check_what_is_passed_over(whole, std::string(bytes) + tail, limits);

  xmpp::ParserPool pool(data[0] % 4);
  auto pieces = cut(bytes, data[0] / 4);
  pieces.push_back(tail);
  struct Stream {
    Stream(xmpp::ParserPool& lender, const xmpp::Limits& given) : splitter(lender, given) {}
    xmpp::StreamSplitter splitter;
    test::Lines lines;
  };
  Stream streams[] = {{pool, limits}, {pool, limits}, {pool, limits}};
  xmpp::StreamEvents events;
  for (const auto piece : pieces) {
    for (auto& stream : streams) {
      stream.splitter.feed(piece, events);
      for (const auto& event : events.list) stream.lines.push_back(test::describe(event));
      events.clear();
    }
  }
  for (const auto& stream : streams) {
    if (stream.lines != whole) complain(whole, stream.lines);
  }
  return 0;
}
