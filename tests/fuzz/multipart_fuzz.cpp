// A form with a file is the same however its bytes are cut; the bytes of the file are those of the body, and as many as
// was said before the first of them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "webclient/multipart.hpp"

namespace {

using webclient::MultipartReader;
using State = MultipartReader::State;

struct Outcome {
  State state = State::fields;
  std::string content, name, type, token;
  std::optional<std::uint64_t> size;
  bool operator==(const Outcome&) const = default;
};

Outcome run(std::string_view body, std::size_t step) {
  MultipartReader reader("XX", {.max_fields = 3, .max_head_bytes = 96, .max_value_bytes = 16});
  Outcome out;
  for (std::size_t at = 0; at < body.size(); at += step) {
    out.state = reader.feed(body.substr(at, step), out.content);
    if (out.state != State::fields && out.state != State::broken) out.size = reader.file_size(body.size());
  }
  if (out.state == State::broken)
    return {.state = State::broken, .content = {}, .name = {}, .type = {}, .token = {}, .size = {}};
  out.name = reader.file_name();
  out.type = reader.file_type();
  out.token = reader.value("token");
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const Outcome whole = run(body, body.empty() ? 1 : body.size());
  for (const std::size_t step : {1u, 5u}) {
    if (!(run(body, step) == whole)) std::abort();
  }
  if (whole.state == State::complete) {
    if (whole.size != whole.content.size()) std::abort();
    if (body.find(whole.content) == std::string_view::npos) std::abort();
  }
  (void)MultipartReader::boundary_of(body);
  return 0;
}
