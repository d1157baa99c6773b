// An SRV answer of a hostile DNS: what is taken from it must be host names that could be asked for again, no more of
// them than the bytes can hold, and the same for the same bytes.
#include <span>

#include "gateway/dns_message.hpp"
#include "tests/fuzz/complain.hpp"
#include "xmpp/jid.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto answer = gateway::read_srv_answer(std::span(data, size));
  if (!answer) return 0;
  constexpr std::size_t least_record = 18;  // an empty name, the fixed fields, and a target of one byte
  if (answer->records.size() * least_record > size) fuzz::complain("more records than bytes", {});
  if (answer->ttl > 0x7fffffff) fuzz::complain("a time that is no time", {});
  for (const auto& record : answer->records) {
    if (record.target.empty()) continue;
    const auto again = xmpp::domain_to_ascii(record.target);
    if (!again || *again != record.target) fuzz::complain("a target that is no host name", record.target);
  }
  return 0;
}
