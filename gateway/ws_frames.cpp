#include "gateway/ws_frames.hpp"

#include <algorithm>
#include <cstring>

namespace gateway {

namespace {

constexpr std::uint8_t fin_bit = 0x80, rsv1_bit = 0x40, other_rsv_bits = 0x30, mask_bit = 0x80;
constexpr std::size_t max_control = 125;

constexpr std::uint16_t protocol_error = 1002, unacceptable = 1003, no_status = 1005, bad_data = 1007, too_big = 1009;

constexpr std::uint64_t high_bits = 0x8080808080808080;

std::size_t ascii_prefix(std::string_view bytes) {
  std::size_t at = 0;
  for (std::uint64_t word; at + sizeof word <= bytes.size(); at += sizeof word) {
    std::memcpy(&word, bytes.data() + at, sizeof word);
    if ((word & high_bits) != 0) break;
  }
  while (at < bytes.size() && static_cast<unsigned char>(bytes[at]) < 0x80) ++at;
  return at;
}

}  // namespace

bool Utf8Check::feed(std::string_view bytes) {
  std::size_t at = missing_ == 0 ? ascii_prefix(bytes) : 0;
  while (at < bytes.size()) {
    const auto byte = static_cast<std::uint8_t>(bytes[at]);
    if (missing_ > 0) {
      if (byte < lowest_ || byte > highest_) return false;
      lowest_ = 0x80;
      highest_ = 0xBF;
      --missing_;
      ++at;
      if (missing_ == 0) at += ascii_prefix(bytes.substr(at));
      continue;
    }
    // RFC 3629 4: what may follow the first byte is narrower where overlong forms, surrogates or too much would begin.
    if (byte >= 0xC2 && byte <= 0xDF) {
      missing_ = 1;
    } else if (byte >= 0xE0 && byte <= 0xEF) {
      missing_ = 2;
      if (byte == 0xE0) lowest_ = 0xA0;
      if (byte == 0xED) highest_ = 0x9F;
    } else if (byte >= 0xF0 && byte <= 0xF4) {
      missing_ = 3;
      if (byte == 0xF0) lowest_ = 0x90;
      if (byte == 0xF4) highest_ = 0x8F;
    } else {
      return false;
    }
    ++at;
  }
  return true;
}

bool is_utf8(std::string_view text) {
  Utf8Check check;
  return check.feed(text) && check.complete();
}

void unmask(std::span<char> bytes, const std::array<char, 4>& key, std::uint64_t offset) {
  std::array<char, 8> twice{};
  for (std::size_t i = 0; i < twice.size(); ++i) twice[i] = key[(offset + i) % key.size()];
  std::uint64_t mask;
  std::memcpy(&mask, twice.data(), sizeof mask);
  std::size_t at = 0;
  for (std::uint64_t word; at + sizeof word <= bytes.size(); at += sizeof word) {
    std::memcpy(&word, bytes.data() + at, sizeof word);
    word ^= mask;
    std::memcpy(bytes.data() + at, &word, sizeof word);
  }
  for (; at < bytes.size(); ++at) bytes[at] = static_cast<char>(bytes[at] ^ twice[at % twice.size()]);
}

// ---- header --------------------------------------------------------------------------------------------------------

std::size_t FrameReader::header_length() const {
  constexpr std::size_t first = 2, key = 4;
  const std::uint8_t length = byte(1) & 0x7F;
  return first + (length == 126 ? 2U : length == 127 ? 8U : 0U) + key;
}

// 0: nothing is wrong so far.
std::uint16_t FrameReader::check_first_bytes() const {
  const bool fin = (byte(0) & fin_bit) != 0, rsv1 = (byte(0) & rsv1_bit) != 0;
  const std::uint8_t code = opcode();
  if ((byte(0) & other_rsv_bits) != 0) return protocol_error;
  if (is_control()) {
    if (code > static_cast<std::uint8_t>(Opcode::pong) || !fin || rsv1) return protocol_error;
    if ((byte(1) & 0x7F) > max_control) return protocol_error;
  } else {
    if (code > 2 || (code == 0) != in_message_) return protocol_error;
    if (rsv1 && (!deflate_ || code == 0)) return protocol_error;
    if (code == 2) return unacceptable;
  }
  return (byte(1) & mask_bit) == 0 ? protocol_error : std::uint16_t{0};
}

std::uint16_t FrameReader::check_length() {
  const std::uint8_t small = byte(1) & 0x7F;
  length_ = small;
  if (small >= 126) {
    const std::size_t bytes = small == 126 ? 2 : 8;
    length_ = 0;
    for (std::size_t i = 0; i < bytes; ++i) length_ = length_ << 8 | byte(2 + i);
    // RFC 6455 5.2: the shortest form must be used.
    if (length_ <= (bytes == 2 ? std::uint64_t{125} : std::uint64_t{0xFFFF})) return protocol_error;
    if (length_ >> 63 != 0) return protocol_error;
  }
  if (!is_control() && length_ > max_message_ - message_.size()) return too_big;
  return 0;
}

// True when it is complete.
bool FrameReader::read_header(std::span<char>& input) {
  const auto take = [&](std::size_t until) {
    const std::size_t count = std::min(until - header_size_, input.size());
    std::copy_n(input.begin(), count, header_.begin() + header_size_);
    header_size_ = static_cast<std::uint8_t>(header_size_ + count);
    input = input.subspan(count);
    return header_size_ == until;
  };
  if (header_size_ < 2 && !take(2)) return false;
  return take(header_length());
}

void FrameReader::begin_payload() {
  std::copy_n(header_.begin() + header_size_ - 4, key_.size(), key_.begin());
  done_ = 0;
  in_payload_ = true;
  if (!is_control() && opcode() != 0) {
    compressed_ = (byte(0) & rsv1_bit) != 0;
    utf8_.reset();
  }
}

// ---- payload -------------------------------------------------------------------------------------------------------

FrameReader::Event FrameReader::fail(std::uint16_t code) {
  ended_ = true;
  std::string().swap(message_);
  return {Kind::violation, {}, code, false};
}

FrameReader::Event FrameReader::next(std::span<char>& input) {
  if (clear_) {
    clear_ = false;
    std::string().swap(is_control() ? control_ : message_);
  }
  while (!ended_) {
    if (!in_payload_) {
      const bool complete = read_header(input);
      // As soon as the two bytes are there: a peer that is wrong about them is not waited for.
      if (header_size_ >= 2) {
        if (const auto code = check_first_bytes(); code != 0) return fail(code);
      }
      if (!complete) return {};
      if (const auto code = check_length(); code != 0) return fail(code);
      begin_payload();
    }
    const Event event = read_payload(input);
    if (event.kind != Kind::more || in_payload_) return event;
  }
  input = {};
  return {};
}

// `more` with in_payload_ still set: the input is used up. Without: a fragment is complete, and the message is not.
FrameReader::Event FrameReader::read_payload(std::span<char>& input) {
  const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(length_ - done_, input.size()));
  const auto bytes = input.first(count);
  input = input.subspan(count);
  unmask(bytes, key_, done_);
  const std::string_view text(bytes.data(), bytes.size());
  done_ += count;
  const bool complete = done_ == length_;
  if (!is_control() && !compressed_ && !utf8_.feed(text)) return fail(bad_data);
  std::string& kept = is_control() ? control_ : message_;
  const bool last = is_control() || (byte(0) & fin_bit) != 0;
  if (!complete || !last || !kept.empty()) kept.append(text);
  if (!complete) return {};
  const std::string_view whole = kept.empty() ? text : std::string_view(kept);
  in_payload_ = false;
  header_size_ = 0;
  if (is_control()) return end_of_control(whole);
  in_message_ = !last;
  return last ? end_of_data(whole) : Event{};
}

FrameReader::Event FrameReader::end_of_data(std::string_view whole) {
  if (!compressed_ && !utf8_.complete()) return fail(bad_data);
  clear_ = !message_.empty();
  return {Kind::message, whole, 0, compressed_};
}

FrameReader::Event FrameReader::end_of_control(std::string_view payload) {
  clear_ = !control_.empty();
  switch (static_cast<Opcode>(opcode())) {
    case Opcode::ping:
      return {Kind::ping, payload, 0, false};
    case Opcode::pong:
      return {Kind::pong, payload, 0, false};
    default:
      return read_close(payload);
  }
}

FrameReader::Event FrameReader::read_close(std::string_view payload) {
  if (payload.size() == 1) return fail(protocol_error);
  ended_ = true;
  if (payload.empty()) return {Kind::close, {}, no_status, false};
  const auto code =
      static_cast<std::uint16_t>(static_cast<std::uint8_t>(payload[0]) << 8 | static_cast<std::uint8_t>(payload[1]));
  if (!is_close_code(code)) return fail(protocol_error);
  if (!is_utf8(payload.substr(2))) return fail(bad_data);
  return {Kind::close, payload.substr(2), code, false};
}

// ---- out -----------------------------------------------------------------------------------------------------------

FrameHeader frame_header(Opcode opcode, std::size_t payload, bool compressed) {
  FrameHeader header{};
  header.bytes[0] = static_cast<char>(fin_bit | (compressed ? rsv1_bit : 0) | static_cast<std::uint8_t>(opcode));
  std::size_t length_bytes = 0;
  if (payload <= max_control) {
    header.bytes[1] = static_cast<char>(payload);
  } else {
    length_bytes = payload <= 0xFFFF ? 2 : 8;
    header.bytes[1] = static_cast<char>(length_bytes == 2 ? 126 : 127);
  }
  for (std::size_t i = 0; i < length_bytes; ++i) {
    header.bytes[2 + i] = static_cast<char>(payload >> (8 * (length_bytes - 1 - i)) & 0xFF);
  }
  header.size = static_cast<std::uint8_t>(2 + length_bytes);
  return header;
}

bool is_close_code(std::uint16_t code) {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != no_status && code != 1006;
}

}  // namespace gateway
