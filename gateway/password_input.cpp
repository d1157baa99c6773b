#include "gateway/password_input.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace gateway {

namespace {

class Line {
 public:
  Line() = default;
  ~Line() { explicit_bzero(bytes_.data(), bytes_.size()); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  // Reads once; true when the line is complete.
  bool read(int input) {
    char* const begin = bytes_.data() + size_;
    const ssize_t got = ::read(input, begin, bytes_.size() - size_);
    if (got < 0 && errno == EINTR) return false;
    if (got < 0) throw std::system_error(errno, std::generic_category(), "the password cannot be read");
    char* const newline = std::find(begin, begin + got, '\n');
    size_ = static_cast<std::size_t>(newline - bytes_.data());
    if (newline != begin + got || got == 0) return true;
    if (size_ == bytes_.size()) throw std::runtime_error("the password is too long; it is the first line of the input");
    return false;
  }

  [[nodiscard]] xmpp::Secret password() const {
    std::string_view text(bytes_.data(), size_);
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.empty()) throw std::runtime_error("no password; it is the first line of standard input");
    return xmpp::Secret(text);
  }

 private:
  std::array<char, 2048> bytes_{};  // RFC 4616 2 has every server take 255
  std::size_t size_ = 0;
};

// A terminal without echo, as long as it lives. What would end or stop the process meanwhile is held up and only looked
// at: a handler could do no more than that, and its moment between two calls is hard to get right.
class QuietTerminal {
 public:
  explicit QuietTerminal(int terminal) : terminal_(terminal) {
    sigset_t held;
    sigemptyset(&held);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) sigaddset(&held, signal);
    if (::tcgetattr(terminal_, &before_) != 0) fail();
    signals_ = ::signalfd(-1, &held, SFD_CLOEXEC);
    if (signals_ < 0) fail();
    ::pthread_sigmask(SIG_BLOCK, &held, &mask_before_);
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ECHONL;
    if (::tcsetattr(terminal_, TCSAFLUSH, &quiet) == 0) return;
    const int error = errno;
    restore();
    errno = error;
    fail();
  }
  ~QuietTerminal() { restore(); }
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;

  // False: a signal is waiting for the end of this object.
  [[nodiscard]] bool wait() const {
    std::array<pollfd, 2> ready{{{terminal_, POLLIN, 0}, {signals_, POLLIN, 0}}};
    while (::poll(ready.data(), ready.size(), -1) < 0) {
      if (errno != EINTR) fail();
    }
    return ready[1].revents == 0;
  }

 private:
  [[noreturn]] static void fail() {
    throw std::system_error(errno, std::generic_category(), "no password can be typed at this terminal");
  }

  void restore() {
    ::tcsetattr(terminal_, TCSANOW, &before_);
    ::close(signals_);
    ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }

  int terminal_;
  int signals_ = -1;
  termios before_{};
  sigset_t mask_before_{};
};

// False: a signal came between, and the process has survived it.
bool type(int terminal, const std::string& prompt, Line& line) {
  const QuietTerminal quiet(terminal);
  std::cerr << prompt << std::flush;
  do {
    if (!quiet.wait()) return false;
  } while (!line.read(terminal));
  return true;
}

}  // namespace

xmpp::Secret read_password(int input, const std::string& prompt) {
  if (::isatty(input) == 1) {
    for (;;) {
      Line line;
      if (type(input, prompt, line)) return line.password();
    }
  }
  Line line;
  while (!line.read(input)) {
  }
  return line.password();
}

}  // namespace gateway
