// Session ids (PROTOCOL B-040, B-201): written, read back, and everything that is not one refused.
#include "gateway/sid.hpp"

#include <gtest/gtest.h>

#include <string>

namespace gateway {
namespace {

TEST(Sid, SurvivesWritingAndReading) {
  for (unsigned shard = 0; shard < max_shards; ++shard) {
    Sid sid{static_cast<std::uint8_t>(shard), {}};
    for (std::size_t i = 0; i < sid.secret.size(); ++i) sid.secret[i] = static_cast<std::uint8_t>(shard * 37 + i * 91);
    const std::string text = write_sid(sid);
    EXPECT_EQ(text.size(), 23U);
    EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
              std::string::npos);
    const auto back = read_sid(text);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->shard, sid.shard);
    EXPECT_EQ(back->secret, sid.secret);
  }
}

TEST(Sid, EveryBitOfTheSecretShows) {
  const std::string zero = write_sid(Sid{});
  for (std::size_t bit = 0; bit < 128; ++bit) {
    Sid sid;
    sid.secret[bit / 8] = static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_NE(write_sid(sid), zero) << bit;
  }
}

TEST(Sid, RefusesWhatItDidNotWrite) {
  const std::string good = write_sid(Sid{});
  for (const std::string& bad : {std::string(), good.substr(1), good + "A", std::string(23, '*'), std::string(23, '\0'),
                                 good.substr(0, 22) + "B", good.substr(0, 22) + "="}) {
    EXPECT_FALSE(read_sid(bad)) << bad;
  }
}

}  // namespace
}  // namespace gateway
