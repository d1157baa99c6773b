// Content codings: what comes out is never above the bound, a refusal leaves nothing behind, what we compress is what
// we get back, and a codec that has seen a broken stream serves the next one as if it were new.
#include <string>

#include "gateway/compression.hpp"
#include "tests/fuzz/complain.hpp"

namespace {

using gateway::Codec;
using gateway::Coding;

void check_bound(Codec& codec, Coding coding, std::string_view bytes, std::size_t limit) {
  std::string out = "before";
  const auto outcome = codec.decompress(coding, bytes, limit, out);
  if (outcome != Codec::Outcome::ok && out != "before") fuzz::complain("a refusal leaves something behind", bytes);
  if (out.size() > limit + 6) fuzz::complain("above the bound", bytes);
  std::string again;
  Codec fresh(1);
  if (fresh.decompress(coding, bytes, limit, again) != outcome ||
      (outcome == Codec::Outcome::ok && again != out.substr(6)))
    fuzz::complain("a used codec decides otherwise", bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Codec codec(3);
  if (size < 2) return 0;
  const Coding coding = (data[0] & 1) != 0 ? Coding::gzip : Coding::deflate;
  const std::size_t limit = std::size_t{data[1]} * 64;
  const std::string_view bytes = fuzz::text_of(data + 2, size - 2);
  check_bound(codec, coding, bytes, limit);
  static_cast<void>(gateway::choose_coding(bytes));
  static_cast<void>(gateway::request_coding(bytes));
  std::string packed, plain;
  if (!codec.compress(coding, bytes, packed)) return 0;
  if (packed.size() >= bytes.size()) fuzz::complain("not smaller", bytes);
  if (codec.decompress(coding, packed, bytes.size(), plain) != Codec::Outcome::ok || plain != bytes)
    fuzz::complain("not what was compressed", bytes);
  plain.clear();
  if (codec.decompress(coding, packed, bytes.size() - 1, plain) != Codec::Outcome::too_large)
    fuzz::complain("one byte above the bound passes", bytes);
  return 0;
}
