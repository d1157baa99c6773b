#include "gateway/log.hpp"

#include <poll.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <memory>
#include <mutex>
#include <string_view>

#include "gateway/encoding.hpp"

namespace gateway {

namespace {

// What became of a line. A log that cannot be written at all, a closed one for example, is not worth a word.
enum class Fate : std::uint8_t { written, not_read, no_room };

// spdlog's own sink goes through stdio, which keeps a failed write's bytes and tries them again and again; here a line
// is one write(2) and what cannot be written is gone. A reader that does not read must not stop a shard: the pipe or
// socket to it is the queue, and lines that do not fit are counted instead, as those for which a disk has no room
// (docs/DECISIONS.md).
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (lost_ > 0) {
      spdlog::memory_buf_t note;
      const std::string text = std::to_string(lost_) + " lines of this log were lost: " +
                               (why_ == Fate::not_read ? "it is not read fast enough" : "there was no room for them");
      formatter_->format({message.time, {}, "postern", spdlog::level::warn, text}, note);
      if (write(note)) lost_ = 0;
    }
    if (lost_ > 0 || !write(line)) ++lost_;
  }
  void flush_() override {}

 private:
  // False: it is lost.
  bool write(spdlog::memory_buf_t& buffer) {
    // A pipe that is writable takes this much without blocking.
    if (buffer.size() > PIPE_BUF) {
      buffer.resize(PIPE_BUF);
      buffer.data()[PIPE_BUF - 1] = '\n';
    }
    const std::string_view line(buffer.data(), buffer.size());
    std::size_t written = 0;
    // A disk may have room for the half of a line: it ends there, and counts as lost.
    Fate fate = torn_ ? write_all("\n", written) : Fate::written;
    if (fate == Fate::written) {
      torn_ = false;
      written = 0;
      fate = write_all(line, written);
      torn_ = fate != Fate::written && written > 0;
    }
    if (fate != Fate::written) why_ = fate;
    return fate == Fate::written;
  }

  static Fate write_all(std::string_view text, std::size_t& written) {
    while (written < text.size()) {
      pollfd state{STDERR_FILENO, POLLOUT, 0};
      if (::poll(&state, 1, 0) == 0) return Fate::not_read;
      const ssize_t more = ::write(STDERR_FILENO, text.data() + written, text.size() - written);
      if (more < 0 && errno == EINTR) continue;
      if (more < 0) return fate_of(errno);
      written += static_cast<std::size_t>(more);
    }
    return Fate::written;
  }

  static Fate fate_of(int error) {
    if (error == EAGAIN) return Fate::not_read;
    return error == ENOSPC || error == EDQUOT || error == EFBIG ? Fate::no_room : Fate::written;
  }

  std::uint64_t lost_ = 0;
  Fate why_ = Fate::written;  // of the last that was lost
  bool torn_ = false;         // the last line has no end
};

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

// One decoded character; length 0 where the bytes are not UTF-8.
struct Character {
  char32_t value = 0;
  std::size_t length = 0;
};

Character decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  std::size_t length = 0;
  char32_t value = 0;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
    value = first & 0x1f;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    value = first & 0x0f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    value = first & 0x07;
  } else {
    return {};
  }
  if (text.size() < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3f);
  }
  constexpr std::array<char32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
  if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
  return {value, length};
}

// What changes how a terminal or a log viewer shows the rest of the line.
bool is_dangerous(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
         (c >= 0xe0000 && c <= 0xe007f);
}

void escape_byte(unsigned char byte, std::string& out) {
  out += "\\x" + hex({&byte, 1});
}

}  // namespace

void start_log(LogLevel level) {
  auto logger = std::make_shared<spdlog::logger>("postern", std::make_shared<StderrSink>());
  logger->set_formatter(
      std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
  // The default handler prints to the standard error that has just failed.
  logger->set_error_handler([](const std::string&) {});
  spdlog::set_default_logger(std::move(logger));
  set_log_level(level);
}

void set_log_level(LogLevel level) {
  spdlog::set_level(spdlog_level(level));
}

std::string short_sid(std::string_view sid) {
  constexpr std::size_t shown = 6;
  return safe_text(sid.substr(0, shown)) + "…";
}

std::string safe_text(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    std::string next;
    const Character c = decode(text);
    const std::size_t length = c.length == 0 ? 1 : c.length;
    if (c.length == 0 || is_dangerous(c.value)) {
      for (std::size_t i = 0; i < length; ++i) escape_byte(static_cast<unsigned char>(text[i]), next);
    } else if (c.value == '\\') {
      next = "\\\\";  // else the peer could write escapes of its own
    } else {
      next = text.substr(0, length);
    }
    if (out.size() + next.size() > limit) {
      out += "…";
      break;
    }
    out += next;
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace gateway
