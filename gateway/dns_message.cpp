#include "gateway/dns_message.hpp"
#include "xmpp/jid.hpp"

#include <ares.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <string>

namespace gateway {

namespace {

struct AresFree {
  void operator()(char* text) const { ares_free_string(text); }
};

// A position in the message that never leaves it.
class Cursor {
 public:
  explicit Cursor(std::span<const unsigned char> message) : message_(message) {}

  bool skip(std::size_t count) {
    if (message_.size() - at_ < count) return false;
    at_ += count;
    return true;
  }
  bool number16(std::uint16_t& value) {
    if (message_.size() - at_ < 2) return false;
    value = static_cast<std::uint16_t>(message_[at_] << 8 | message_[at_ + 1]);
    at_ += 2;
    return true;
  }
  bool number32(std::uint32_t& value) {
    std::uint16_t high = 0, low = 0;
    if (!number16(high) || !number16(low)) return false;
    value = std::uint32_t{high} << 16 | low;
    return true;
  }
  bool name(std::string& value) {
    char* text = nullptr;
    long length = 0;
    if (at_ == message_.size() || ares_expand_name(message_.data() + at_, message_.data(),
                                                   static_cast<int>(message_.size()), &text, &length) != ARES_SUCCESS) {
      return false;
    }
    const std::unique_ptr<char, AresFree> owner(text);
    value = text;
    return skip(static_cast<std::size_t>(length));
  }
  [[nodiscard]] std::size_t at() const { return at_; }

 private:
  std::span<const unsigned char> message_;
  std::size_t at_ = 0;
};

constexpr std::uint16_t type_srv = 33;
constexpr std::uint16_t class_internet = 1;

bool read_record(Cursor& cursor, SrvAnswer& answer) {
  std::string owner;
  std::uint16_t type = 0, record_class = 0, size = 0;
  std::uint32_t ttl = 0;
  if (!cursor.name(owner) || !cursor.number16(type) || !cursor.number16(record_class) || !cursor.number32(ttl) ||
      !cursor.number16(size)) {
    return false;
  }
  // A CNAME on the way limits the time as well. RFC 2181 8: with the top bit set it counts as 0.
  answer.ttl = std::min(answer.ttl, ttl > std::numeric_limits<std::int32_t>::max() ? 0 : ttl);
  if (type != type_srv || record_class != class_internet) return cursor.skip(size);
  const std::size_t end = cursor.at() + size;
  SrvRecord record;
  std::string target;
  if (!cursor.number16(record.priority) || !cursor.number16(record.weight) || !cursor.number16(record.port) ||
      !cursor.name(target) || cursor.at() != end) {
    return false;
  }
  if (target.empty()) {
    answer.records.push_back(record);
  } else if (const auto host = xmpp::domain_to_ascii(target)) {
    record.target = *host;
    answer.records.push_back(record);
  }
  return true;
}

}  // namespace

std::optional<SrvAnswer> read_srv_answer(std::span<const unsigned char> message) {
  Cursor cursor(message);
  std::uint16_t questions = 0, answers = 0;
  // id and flags; numbers of authorities and additional records
  if (!cursor.skip(4) || !cursor.number16(questions) || !cursor.number16(answers) || !cursor.skip(4)) return {};
  for (unsigned i = 0; i < questions; ++i) {
    std::string name;
    if (!cursor.name(name) || !cursor.skip(4)) return {};
  }
  SrvAnswer answer;
  answer.ttl = std::numeric_limits<std::int32_t>::max();
  for (unsigned i = 0; i < answers; ++i) {
    if (!read_record(cursor, answer)) return {};
  }
  return answer;
}

}  // namespace gateway
