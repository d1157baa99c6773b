#include "gateway/compression.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>

namespace gateway {
namespace {

TEST(AcceptEncoding, Choice) {  // H-007, RFC 9110 12.5.3
  const struct {
    std::string_view header;
    Coding coding;
  } table[] = {
      {"", Coding::identity},
      {"gzip", Coding::gzip},
      {"GZIP", Coding::gzip},
      {"x-gzip", Coding::gzip},
      {"deflate", Coding::deflate},
      {"gzip, deflate, br", Coding::gzip},
      {"deflate, gzip", Coding::gzip},
      {"deflate;q=1.0, gzip;q=0.5", Coding::deflate},
      {"gzip;q=0.5,deflate;q=0.5", Coding::gzip},
      {"gzip;q=0", Coding::identity},
      {"gzip;q=0.000", Coding::identity},
      {"gzip;q=0, deflate", Coding::deflate},
      {"*", Coding::gzip},
      {"*;q=0", Coding::identity},
      {"gzip;q=0, *", Coding::deflate},
      {"identity, gzip;q=0.5", Coding::identity},
      {"identity;q=0.5, gzip;q=1", Coding::gzip},
      {"identity;q=1, gzip;q=1", Coding::gzip},
      {"identity;q=0", Coding::identity},
      {"identity;q=0, gzip", Coding::gzip},
      {"br", Coding::identity},
      {"gzip ; q=0.8 , deflate ; Q=0.9", Coding::deflate},
      {"gzip;q=nonsense", Coding::identity},
      {"gzip;q=1.5", Coding::identity},
      {"gzip;q=2", Coding::identity},
      {"gzip;q=", Coding::identity},
      {"gzip;q=0.0001", Coding::identity},
      {"gzip;level=9", Coding::gzip},
      {",,, gzip ,,", Coding::gzip},
      {"gzipx", Coding::identity},
  };
  for (const auto& row : table) EXPECT_EQ(choose_coding(row.header), row.coding) << row.header;
}

TEST(ContentEncoding, OfRequests) {  // H-008, H-009
  const struct {
    std::string_view header;
    Coding coding;
  } table[] = {
      {"", Coding::identity},
      {"identity", Coding::identity},
      {"gzip", Coding::gzip},
      {"X-GZip", Coding::gzip},
      {"deflate", Coding::deflate},
      {"identity, gzip", Coding::gzip},
      {"text/xml; charset=utf-8", Coding::identity},  // libpurple
      {"br", Coding::identity},
      {"gzip, gzip", Coding::identity},
      {"gzip, br", Coding::identity},
  };
  for (const auto& row : table) EXPECT_EQ(request_coding(row.header), row.coding) << row.header;
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "<item jid='user" + std::to_string(i) + "@example.org'/>";
  return text;
}

TEST(Codec, ThereAndBack) {
  Codec codec(3);
  const std::string text = long_text();
  for (int round = 0; round < 3; ++round) {  // streams are used again
    for (const Coding coding : {Coding::gzip, Coding::deflate}) {
      std::string packed = "before";
      ASSERT_TRUE(codec.compress(coding, text, packed));
      ASSERT_TRUE(packed.starts_with("before"));
      EXPECT_LT(packed.size(), text.size() / 5);
      std::string unpacked = "before";
      EXPECT_EQ(codec.decompress(coding, packed.substr(6), text.size(), unpacked), Codec::Outcome::ok);
      EXPECT_EQ(unpacked, "before" + text);
    }
  }
}

TEST(Codec, FormatsAreWhatTheyAreCalled) {
  Codec codec(6);
  std::string gzip, deflate;
  ASSERT_TRUE(codec.compress(Coding::gzip, long_text(), gzip));
  ASSERT_TRUE(codec.compress(Coding::deflate, long_text(), deflate));
  EXPECT_EQ(gzip.substr(0, 2), "\x1f\x8b");
  EXPECT_EQ(deflate[0] & 0x0f, 8);  // zlib header, RFC 1950
}

TEST(Codec, RefusesToGrow) {
  Codec codec(9);
  std::string out = "kept";
  EXPECT_FALSE(codec.compress(Coding::gzip, "short", out));
  std::mt19937 random(1);
  std::string noise;
  for (int i = 0; i < 4000; ++i) noise += static_cast<char>(random());
  EXPECT_FALSE(codec.compress(Coding::deflate, noise, out));
  EXPECT_FALSE(codec.compress(Coding::gzip, "", out));
  EXPECT_FALSE(codec.compress(Coding::identity, long_text(), out));
  EXPECT_EQ(out, "kept");
}

TEST(Codec, BombIsCutAtTheLimit) {
  Codec codec(9);
  std::string bomb;
  ASSERT_TRUE(codec.compress(Coding::gzip, std::string(64 * 1024 * 1024, ' '), bomb));
  ASSERT_LT(bomb.size(), 100u * 1024);
  std::string out = "kept";
  EXPECT_EQ(codec.decompress(Coding::gzip, bomb, 256 * 1024, out), Codec::Outcome::too_large);
  EXPECT_EQ(out, "kept");
  EXPECT_LT(out.capacity(), 1024u * 1024);
}

TEST(Codec, ExactlyTheLimitIsAllowed) {
  Codec codec(3);
  for (const std::size_t size : {1024u, 16384u, 16385u, 32768u, 100000u}) {
    const std::string text = long_text().substr(0, size);
    std::string packed, out;
    ASSERT_TRUE(codec.compress(Coding::gzip, text, packed));
    EXPECT_EQ(codec.decompress(Coding::gzip, packed, size, out), Codec::Outcome::ok) << size;
    EXPECT_EQ(out, text);
    out.clear();
    EXPECT_EQ(codec.decompress(Coding::gzip, packed, size - 1, out), Codec::Outcome::too_large) << size;
  }
}

TEST(Codec, BareDeflateIsTaken) {
  const std::string text = long_text();
  std::string raw(text.size(), '\0');
  z_stream stream{};
  ASSERT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string input = text;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(raw.data());
  stream.avail_out = static_cast<uInt>(raw.size());
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  raw.resize(stream.total_out);
  deflateEnd(&stream);
  Codec codec(3);
  std::string out;
  EXPECT_EQ(codec.decompress(Coding::deflate, raw, text.size(), out), Codec::Outcome::ok);
  EXPECT_EQ(out, text);
}

TEST(Codec, MalformedInput) {
  Codec codec(3);
  std::string packed;
  ASSERT_TRUE(codec.compress(Coding::gzip, long_text().substr(0, 3000), packed));
  std::string out;
  for (std::size_t size = 0; size < packed.size(); ++size) {
    ASSERT_EQ(codec.decompress(Coding::gzip, packed.substr(0, size), 1 << 20, out), Codec::Outcome::malformed) << size;
  }
  EXPECT_EQ(codec.decompress(Coding::gzip, packed + "x", 1 << 20, out), Codec::Outcome::malformed);
  EXPECT_EQ(codec.decompress(Coding::gzip, "<body/>", 1 << 20, out), Codec::Outcome::malformed);
  EXPECT_EQ(codec.decompress(Coding::deflate, "<body/>", 1 << 20, out), Codec::Outcome::malformed);
  EXPECT_EQ(out, "");
  packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 1);  // checksum
  EXPECT_EQ(codec.decompress(Coding::gzip, packed, 1 << 20, out), Codec::Outcome::malformed);
}

TEST(Codec, IdentityHasTheSameLimit) {
  Codec codec(3);
  std::string out;
  EXPECT_EQ(codec.decompress(Coding::identity, "12345", 5, out), Codec::Outcome::ok);
  EXPECT_EQ(out, "12345");
  EXPECT_EQ(codec.decompress(Coding::identity, "123456", 5, out), Codec::Outcome::too_large);
}

}  // namespace
}  // namespace gateway
