#include "gateway/srv.hpp"

#include <gtest/gtest.h>

#include <map>

#include "gateway/dns_message.hpp"

namespace gateway {
namespace {

std::string order(std::vector<SrvRecord> records, std::vector<std::uint32_t> random) {
  std::string names;
  for (const auto& record : order_srv(std::move(records), random)) names += record.target + ' ';
  return names;
}

SrvRecord record(const std::string& target, std::uint16_t priority, std::uint16_t weight) {
  return {.target = target, .port = 5222, .priority = priority, .weight = weight};
}

TEST(SrvOrder, PriorityFirst) {
  EXPECT_EQ(order({record("c", 30, 0), record("a", 10, 0), record("b", 20, 0)}, {0, 0, 0}), "a b c ");
  EXPECT_EQ(order({record("c", 30, 9), record("a", 10, 0), record("b", 20, 65535)}, {7, 7, 7}), "a b c ");
  EXPECT_EQ(order({}, {}), "");
}

TEST(SrvOrder, WeightedLot) {
  const std::vector<SrvRecord> records = {record("a", 1, 10), record("b", 1, 30), record("c", 1, 60)};
  // The lot of the first drawing is random modulo 101; running sums are 10, 40, 100.
  EXPECT_EQ(order(records, {0, 0, 0}), "a b c ");
  EXPECT_EQ(order(records, {10, 0, 0}), "a b c ");
  EXPECT_EQ(order(records, {11, 0, 0}), "b a c ");
  EXPECT_EQ(order(records, {40, 0, 0}), "b a c ");
  EXPECT_EQ(order(records, {41, 0, 0}), "c a b ");
  EXPECT_EQ(order(records, {100, 0, 0}), "c a b ");
  EXPECT_EQ(order(records, {101, 0, 0}), "a b c ");
  // The second drawing is among what is left: after c, random modulo 41.
  EXPECT_EQ(order(records, {100, 11, 0}), "c b a ");
}

TEST(SrvOrder, WithoutWeightStandsFirstButIsSeldomDrawn) {
  const std::vector<SrvRecord> records = {record("heavy", 1, 100), record("none", 1, 0)};
  EXPECT_EQ(order(records, {0, 0}), "none heavy ");
  EXPECT_EQ(order(records, {1, 0}), "heavy none ");
  EXPECT_EQ(order({record("a", 1, 0), record("b", 1, 0)}, {12345, 6}), "a b ");
}

TEST(SrvOrder, SharesFollowTheWeights) {
  const std::vector<SrvRecord> records = {record("a", 1, 1), record("b", 1, 3)};
  std::map<std::string, int> first;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const std::vector<std::uint32_t> random = {i * 2654435761u, i};
    ++first[order_srv(records, random).front().target];
  }
  // RFC 2782 draws from 0 to the sum, both included: 2 of 5 for a.
  EXPECT_NEAR(first["a"], 2000, 150);
  EXPECT_NEAR(first["b"], 3000, 150);
}

TEST(SrvMerge, BothKindsTogether) {
  const auto plan = merge_srv({record("plain", 5, 0)}, {record("direct", 10, 0)});
  EXPECT_FALSE(plan.fall_back);
  ASSERT_EQ(plan.targets.size(), 2u);
  for (const auto& target : plan.targets) {
    EXPECT_EQ(target.tls, target.target == "direct" ? xmpp::TlsMode::direct : xmpp::TlsMode::starttls);
  }
  EXPECT_EQ(order(plan.targets, {0, 0}), "plain direct ");
}

TEST(SrvMerge, RootTargetMeansNotHere) {  // U-004
  const auto only_plain = merge_srv({record("plain", 5, 0)}, {record("", 0, 0)});
  ASSERT_EQ(only_plain.targets.size(), 1u);
  EXPECT_EQ(only_plain.targets[0].target, "plain");
  const auto nothing = merge_srv({record("", 0, 0)}, {});
  EXPECT_TRUE(nothing.targets.empty());
  EXPECT_FALSE(nothing.fall_back);
  EXPECT_TRUE(merge_srv({}, {}).fall_back);
}

TEST(Interleave, FamiliesTakeTurns) {
  const auto ip = [](const char* text) { return boost::asio::ip::make_address(text); };
  const std::vector in = {ip("192.0.2.1"), ip("192.0.2.2"), ip("192.0.2.3"), ip("2001:db8::1")};
  const std::vector out = {ip("2001:db8::1"), ip("192.0.2.1"), ip("192.0.2.2"), ip("192.0.2.3")};
  EXPECT_EQ(interleave(in), out);
  EXPECT_TRUE(interleave({}).empty());
}

// ---- the wire format

std::string number16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

std::string srv_data(unsigned priority, unsigned weight, unsigned port, const std::string& name) {
  return number16(priority) + number16(weight) + number16(port) + name;
}

std::string message(unsigned answers, const std::string& records) {
  using namespace std::string_literals;
  return "\x12\x34\x81\x80"s + number16(1) + number16(answers) + number16(0) + number16(0) + "\1q\0"s + number16(33) +
         number16(1) + records;
}

std::string resource(unsigned type, unsigned ttl, const std::string& data) {
  return "\xc0\x0c" + number16(type) + number16(1) + number16(ttl >> 16) + number16(ttl & 0xffff) +
         number16(static_cast<unsigned>(data.size())) + data;
}

std::optional<SrvAnswer> read(const std::string& bytes) {
  return read_srv_answer({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

TEST(SrvAnswer, ReadsRecordsAndTheLeastTtl) {
  using namespace std::string_literals;
  const auto answer = read(message(3, resource(5, 10, "\1x\0"s) + resource(33, 300, srv_data(1, 2, 3, "\1a\1B\0"s)) +
                                          resource(33, 40, srv_data(0, 0, 0, "\0"s))));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->ttl, 10u);
  ASSERT_EQ(answer->records.size(), 2u);
  EXPECT_EQ(answer->records[0], (SrvRecord{"a.b", 3, 1, 2}));
  EXPECT_EQ(answer->records[1].target, "");
}

TEST(SrvAnswer, TtlWithTopBitIsNone) {
  using namespace std::string_literals;
  EXPECT_EQ(read(message(1, resource(33, 0x80000001, srv_data(1, 2, 3, "\1a\0"s))))->ttl, 0u);
}

TEST(SrvAnswer, LeavesOutTargetsThatAreNoHosts) {
  using namespace std::string_literals;
  const auto answer = read(message(1, resource(33, 1, srv_data(1, 2, 3, "\3a b\0"s))));
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->records.empty());
}

TEST(SrvAnswer, RefusesEveryCutAndLiesAboutLengths) {
  using namespace std::string_literals;
  const std::string whole = message(1, resource(33, 1, srv_data(1, 2, 3, "\1a\0"s)));
  ASSERT_TRUE(read(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(read(whole.substr(0, size))) << size;
  EXPECT_FALSE(read(message(2, resource(33, 1, srv_data(1, 2, 3, "\1a\0"s)))));
  EXPECT_FALSE(read(message(1, resource(33, 1, srv_data(1, 2, 3, "\1a\0xx"s)))));  // data beyond the name
  EXPECT_FALSE(read(message(1, resource(33, 1, srv_data(1, 2, 3, "\xc0\xff"s)))));
  const std::string loop = srv_data(1, 2, 3, number16(0xc000 | static_cast<unsigned>(whole.size() - 3)));
  EXPECT_FALSE(read(message(1, resource(33, 1, loop))));
}

}  // namespace
}  // namespace gateway
