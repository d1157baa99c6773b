// The key sequence of a client (XEP-0124 15): the last one is told when the session is created, and each request shows
// the one before.
#pragma once
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "bosh/key_chain.hpp"

namespace fuzz {

class Keys {
 public:
  explicit Keys(std::size_t count) {
    std::string key(40, '0');
    for (std::size_t i = 0; i < count; ++i) keys_.push_back(std::exchange(key, hexadecimal(bosh::key_digest(key))));
  }
  // 0: that of the creation. Behind the last one there is none that fits.
  [[nodiscard]] const std::string& of_request(std::size_t nth) const {
    return keys_[nth < keys_.size() ? keys_.size() - 1 - nth : 0];
  }

 private:
  static std::string hexadecimal(const bosh::Digest& digest) {
    constexpr const char* digits = "0123456789abcdef";
    std::string text;
    for (const auto byte : digest) (text += digits[byte / 16]) += digits[byte % 16];
    return text;
  }
  std::vector<std::string> keys_;
};

}  // namespace fuzz
