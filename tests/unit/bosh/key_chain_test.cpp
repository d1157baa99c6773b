// XEP-0124 15. PROTOCOL B-160 ... B-165.
#include "bosh/key_chain.hpp"

#include <gtest/gtest.h>

#include <string>

namespace bosh {
namespace {

std::string hex(const Digest& digest) {
  std::string text;
  for (const auto byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string next(std::string_view key) {
  return hex(key_digest(key));
}

// RFC 3174's own vector.
TEST(KeyChain, IsSha1) {
  EXPECT_EQ(next("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

// The keys of the examples in XEP-0124 15.4 and 15.5 belong together.
TEST(KeyChain, AcceptsASequence) {
  const std::string k1 = next("seed"), k2 = next(k1), k3 = next(k2);
  KeyChain chain(k3);
  EXPECT_TRUE(chain.keyed());
  EXPECT_TRUE(chain.accept(k2, {}));
  EXPECT_TRUE(same_digest(chain.digest(), key_digest(k2)));
  EXPECT_TRUE(chain.accept(k1, {}));
  EXPECT_FALSE(chain.accept(k1, {}));
}

TEST(KeyChain, IsAsBeforeAfterAWrongKey) {
  const std::string k1 = next("seed"), k2 = next(k1);
  KeyChain chain(k2);
  EXPECT_FALSE(chain.accept(k2, {}));
  EXPECT_FALSE(chain.accept(std::nullopt, {}));
  EXPECT_FALSE(chain.accept("", {}));
  EXPECT_TRUE(chain.accept(k1, {}));
}

TEST(KeyChain, SwitchesToAnotherSequence) {
  const std::string k1 = next("seed"), k2 = next(k1), l1 = next("other"), l2 = next(l1);
  KeyChain chain(k2);
  EXPECT_TRUE(chain.accept(k1, l2));
  EXPECT_FALSE(chain.accept("seed", {}));  // the old one is over
  EXPECT_TRUE(chain.accept(l1, {}));
}

TEST(KeyChain, WithoutKeysAcceptsEverything) {
  KeyChain chain("");
  EXPECT_FALSE(chain.keyed());
  EXPECT_TRUE(chain.accept(std::nullopt, {}));
  EXPECT_TRUE(chain.accept("anything", ""));
  EXPECT_FALSE(chain.keyed());
  EXPECT_TRUE(chain.accept(std::nullopt, next("k")));
  EXPECT_TRUE(chain.keyed());
  EXPECT_TRUE(chain.accept("k", {}));
}

TEST(KeyChain, AcceptsNothingAfterAMalformedNewkey) {
  for (const char* malformed :
       {"x", "a9993e364706816aba3e25717850c26c9cd0d89", "a9993e364706816aba3e25717850c26c9cd0d89dd",
        "g9993e364706816aba3e25717850c26c9cd0d89d"}) {
    KeyChain chain(malformed);
    EXPECT_TRUE(chain.keyed());
    EXPECT_FALSE(chain.accept("abc", {}));
  }
  KeyChain chain(next("abc"));
  EXPECT_TRUE(chain.accept("abc", ""));  // an empty newkey on a keyed session is one that nothing can match
  EXPECT_FALSE(chain.accept("abc", {}));
}

}  // namespace
}  // namespace bosh
