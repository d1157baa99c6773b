// The answer to a PUT (RFC 9112 4) as far as postern reads it: the final status. Interim answers (1xx) are passed over,
// header fields and a body mean nothing to us. The bytes are those of a server that a peer has named: a head of at most
// 8 kB is kept, however they come. Pure; not a general HTTP client's parser.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gateway {

class PutAnswer {
 public:
  struct Verdict {
    std::uint16_t status;      // 200 ... 599, or 0
    std::string_view trouble;  // why there is no status; static storage
  };
  // Nothing: the head is not complete. Behind a verdict nothing more may be given.
  [[nodiscard]] std::optional<Verdict> take(std::string_view bytes);

 private:
  std::string head_;
};

}  // namespace gateway
