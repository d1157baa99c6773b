#include "gateway/srv.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace gateway {

namespace {

// One drawing of RFC 2782: the record at which the running sum of weights reaches the lot. Those without weight stand
// first, so that they keep a small chance.
std::size_t draw(std::span<const SrvRecord> records, std::uint32_t random) {
  std::uint64_t total = 0;
  for (const SrvRecord& record : records) total += record.weight;
  const std::uint64_t lot = random % (total + 1);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    sum += records[i].weight;
    if (sum >= lot) return i;
  }
  return records.size() - 1;
}

}  // namespace

std::vector<SrvRecord> order_srv(std::vector<SrvRecord> records, std::span<const std::uint32_t> random) {
  std::stable_sort(records.begin(), records.end(), [](const SrvRecord& a, const SrvRecord& b) {
    return std::pair(a.priority, a.weight != 0) < std::pair(b.priority, b.weight != 0);
  });
  for (std::size_t i = 0; i < records.size(); ++i) {
    std::size_t end = i;
    while (end < records.size() && records[end].priority == records[i].priority) ++end;
    const std::size_t chosen = i + draw(std::span(records).subspan(i, end - i), i < random.size() ? random[i] : 0);
    const auto at = [&](std::size_t index) { return records.begin() + static_cast<std::ptrdiff_t>(index); };
    std::rotate(at(i), at(chosen), at(chosen + 1));  // the others keep their order: those without weight first
  }
  return records;
}

SrvPlan merge_srv(const std::vector<SrvRecord>& starttls, const std::vector<SrvRecord>& direct) {
  SrvPlan plan;
  plan.fall_back = starttls.empty() && direct.empty();
  for (const auto* list : {&direct, &starttls}) {
    for (SrvRecord record : *list) {
      if (record.target.empty()) continue;
      record.tls = list == &direct ? xmpp::TlsMode::direct : xmpp::TlsMode::starttls;
      plan.targets.push_back(std::move(record));
    }
  }
  return plan;
}

std::vector<boost::asio::ip::address> interleave(const std::vector<boost::asio::ip::address>& addresses) {
  std::vector<boost::asio::ip::address> six, four, result;
  for (const auto& address : addresses) (address.is_v6() ? six : four).push_back(address);
  result.reserve(addresses.size());
  for (std::size_t i = 0; i < std::max(six.size(), four.size()); ++i) {
    if (i < six.size()) result.push_back(six[i]);
    if (i < four.size()) result.push_back(four[i]);
  }
  return result;
}

}  // namespace gateway
