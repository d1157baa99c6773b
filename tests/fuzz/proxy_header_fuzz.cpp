// A PROXY header must come to the same end however it is cut, within its bound, and never ask for what it does not
// need.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gateway/proxy_header.hpp"

namespace {

struct Outcome {
  std::size_t kind = 0;
  std::size_t taken = 0;
  std::string address;
  bool operator==(const Outcome&) const = default;
};

Outcome read(std::string_view stream, std::size_t step) {
  std::string begin;
  for (;;) {
    const gateway::ProxyHeader header = gateway::read_proxy_header(begin);
    if (const auto* const more = std::get_if<gateway::MoreNeeded>(&header)) {
      if (more->bytes == 0 || begin.size() + more->bytes > gateway::max_proxy_header) std::abort();
      const auto next = stream.substr(begin.size()).substr(0, std::min(more->bytes, step));
      if (next.empty()) return {header.index(), begin.size(), {}};
      begin += next;
      continue;
    }
    const auto* const client = std::get_if<gateway::ProxiedClient>(&header);
    const bool has_address = client != nullptr && client->address;
    return {header.index(), client != nullptr ? begin.size() : 0, has_address ? client->address->to_string() : ""};
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  const Outcome whole = read(stream, gateway::max_proxy_header);
  if (read(stream, 1) != whole || read(stream, 7) != whole) {
    std::fprintf(stderr, "depends on how it is cut\n");
    std::abort();
  }
  return 0;
}
