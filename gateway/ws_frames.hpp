// The wire of RFC 6455, server side: frames in, messages and control frames out (PROTOCOL W-012, W-013, W-014). A pure
// state machine: bytes are taken as they come, cut anywhere; every rule of section 5 is checked as soon as the bytes
// that break it are there, and limits before anything is stored. A message that lies whole in the caller's buffer is
// unmasked there and not copied.
// Deliberately no socket, no queue, no answer to a ping and no decompression: it says what came.
//
// Not Beast's websocket::stream, which wants to own the socket and its own waits, and not wslay, which keeps 4 kB of
// input buffer for each connection (docs/DECISIONS.md).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gateway {

// Checks text in parts: a code point may be cut anywhere (RFC 3629: no surrogates, nothing overlong, nothing above
// U+10FFFF).
class Utf8Check {
 public:
  // False from the first byte on that cannot be right, whatever follows.
  [[nodiscard]] bool feed(std::string_view bytes);
  // Nothing is missing.
  [[nodiscard]] bool complete() const { return missing_ == 0; }
  void reset() { *this = {}; }

 private:
  std::uint8_t missing_ = 0;                     // continuation bytes that must still come
  std::uint8_t lowest_ = 0x80, highest_ = 0xBF;  // of the next one
};
[[nodiscard]] bool is_utf8(std::string_view text);

// XORs with the masking key, `offset` bytes into the payload.
void unmask(std::span<char> bytes, const std::array<char, 4>& key, std::uint64_t offset);

class FrameReader {
 public:
  // A message, counted over all its frames, is at most `max_message` bytes. `deflate`: RSV1 marks compressed messages
  // (RFC 7692 6).
  FrameReader(std::size_t max_message, bool deflate) : max_message_(max_message), deflate_(deflate) {}

  enum class Kind : std::uint8_t { more, message, ping, pong, close, violation };
  struct Event {
    Kind kind = Kind::more;    // more: all is used up
    std::string_view payload;  // of a message (still compressed if it is), of a control frame; reason of a close
    std::uint16_t code = 0;    // close: as sent, or 1005 for none; violation: with which to fail the connection
    bool compressed = false;   // message
  };
  // Takes from the front of `input`, which it unmasks in place, up to the end of one event. The payload lives until the
  // next call, and as long as `input`. After close or violation nothing more is read.
  [[nodiscard]] Event next(std::span<char>& input);

  // Of a message that is not complete. What lies within the strings themselves counts as nothing: who has it holds
  // nothing.
  [[nodiscard]] std::size_t kept_bytes() const { return allocated(message_) + allocated(control_); }
  // Nothing has begun that is not at its end.
  [[nodiscard]] bool idle() const { return header_size_ == 0 && !in_payload_ && !in_message_; }

 private:
  static std::size_t allocated(const std::string& text) {
    return text.capacity() > std::string().capacity() ? text.capacity() : 0;
  }
  bool read_header(std::span<char>& input);
  [[nodiscard]] std::uint16_t check_first_bytes() const;
  [[nodiscard]] std::uint16_t check_length();
  void begin_payload();
  [[nodiscard]] Event read_payload(std::span<char>& input);
  [[nodiscard]] Event end_of_data(std::string_view whole);
  [[nodiscard]] Event end_of_control(std::string_view payload);
  [[nodiscard]] Event read_close(std::string_view payload);
  Event fail(std::uint16_t code);
  [[nodiscard]] std::uint8_t byte(std::size_t index) const { return static_cast<std::uint8_t>(header_[index]); }
  [[nodiscard]] std::uint8_t opcode() const { return byte(0) & 0x0F; }
  [[nodiscard]] bool is_control() const { return (byte(0) & 0x08) != 0; }
  [[nodiscard]] std::size_t header_length() const;

  std::size_t max_message_;
  std::string message_;                  // what has come of a message, if it did not come at once
  std::string control_;                  // likewise of a control frame
  std::uint64_t length_ = 0, done_ = 0;  // of the payload of the present frame
  std::array<char, 14> header_{};
  std::array<char, 4> key_{};
  Utf8Check utf8_;
  std::uint8_t header_size_ = 0;  // bytes of the header that are there
  bool deflate_;
  bool in_payload_ = false;
  bool in_message_ = false;  // fragments have come, the last has not
  bool compressed_ = false;  // the message is
  bool clear_ = false;       // message_ or control_ were given out and go with the next call
  bool ended_ = false;
};

enum class Opcode : std::uint8_t { text = 1, close = 8, ping = 9, pong = 10 };

// The header of an unfragmented, unmasked frame.
struct FrameHeader {
  std::array<char, 10> bytes;
  std::uint8_t size;
  [[nodiscard]] std::string_view view() const { return {bytes.data(), size}; }
};
[[nodiscard]] FrameHeader frame_header(Opcode opcode, std::size_t payload, bool compressed = false);

// RFC 6455 7.4: whether a peer may send it.
[[nodiscard]] bool is_close_code(std::uint16_t code);

}  // namespace gateway
