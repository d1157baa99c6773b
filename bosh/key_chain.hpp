// The key sequence of XEP-0124 15: every request proves that it comes from whoever sent the one before it.
// Verifies in the order of the rids (B-163), never in the order of arrival; the caller asks when a request becomes
// processable. Not a cipher and no secret of ours: SHA-1 is what the XEP names. One session, one shard.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace bosh {

using Digest = std::array<std::uint8_t, 20>;

// SHA-1 of the text of a key, as it was received (B-162).
[[nodiscard]] Digest key_digest(std::string_view key);
// Constant time.
[[nodiscard]] bool same_digest(const Digest& a, const Digest& b);

class KeyChain {
 public:
  // An empty newkey: the session has no keys (B-035).
  explicit KeyChain(std::string_view newkey);

  [[nodiscard]] bool keyed() const { return state_ != State::unkeyed; }

  // The next request in rid order. False: key missing or wrong (B-161); the chain is then as before. True: the chain
  // has advanced, and digest() is that of the accepted key, which a repeat of the request has to match (B-145).
  [[nodiscard]] bool accept(const std::optional<std::string_view>& key, const std::optional<std::string_view>& newkey);
  [[nodiscard]] const Digest& digest() const { return last_; }

 private:
  enum class State : std::uint8_t {
    unkeyed,
    keyed,
    impossible,  // the last (new)key was not 40 hexadecimal digits: no key can have it as its hash
  };
  void expect(std::string_view key);

  Digest expected_{};  // what the next key must hash to
  Digest last_{};
  State state_ = State::unkeyed;
};

}  // namespace bosh
