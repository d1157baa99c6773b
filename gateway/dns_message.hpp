// Reads SRV records out of a DNS answer (RFC 1035 4.1, RFC 2782), with how long they may be kept; c-ares' own reader
// does not tell that. Bytes in, values out.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "gateway/srv.hpp"

namespace gateway {

struct SrvAnswer {
  std::vector<SrvRecord> records;
  std::uint32_t ttl = 0;  // seconds; the least of all records
};

// Nothing for what is not a whole DNS message. Targets that are no host names are left out.
[[nodiscard]] std::optional<SrvAnswer> read_srv_answer(std::span<const unsigned char> message);

}  // namespace gateway
