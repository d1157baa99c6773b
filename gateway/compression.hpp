// HTTP content codings (RFC 9110 8.4, 12.5.3; PROTOCOL H-007...H-009): answers by Accept-Encoding, requests by
// Content-Encoding with a hard bound on what comes out; and the messages of permessage-deflate (RFC 7692, W-004).
// One Codec a shard: its memory is used again for every message. gzip and deflate only; no streaming, since answers
// are complete when they are sent, and no context from one WebSocket message to the next.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace gateway {

enum class Coding : std::uint8_t { identity, gzip, deflate };

[[nodiscard]] std::string_view name_of(Coding coding);

// The coding for an answer. identity also when the client excludes everything we have: an answer that it may be unable
// to read is worth more to a BOSH client than a 406, which ends its session (H-013).
[[nodiscard]] Coding choose_coding(std::string_view accept_encoding);

// What a request says about itself. Unknown codings are identity: libpurple sends a media type here (H-009), and what
// is really encoded in an unknown way fails as XML.
[[nodiscard]] Coding request_coding(std::string_view content_encoding);

class Codec {
 public:
  explicit Codec(int level);
  ~Codec();
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;

  // Appends to `out`. False when that failed or would not be smaller; `out` is then as before.
  [[nodiscard]] bool compress(Coding coding, std::string_view bytes, std::string& out);

  enum class Outcome : std::uint8_t { ok, too_large, malformed };
  // Appends at most `limit` bytes to `out`; anything but ok leaves `out` as before.
  [[nodiscard]] Outcome decompress(Coding coding, std::string_view bytes, std::size_t limit, std::string& out);

  // One message of permessage-deflate without context takeover (RFC 7692 7.2). The same promises.
  [[nodiscard]] bool deflate_message(std::string_view bytes, std::string& out);
  [[nodiscard]] Outcome inflate_message(std::string_view bytes, std::size_t limit, std::string& out);

 private:
  struct Streams;
  std::unique_ptr<Streams> streams_;
  int level_;
};

}  // namespace gateway
