#include "gateway/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <regex>

namespace gateway {
namespace {

using namespace std::string_literals;

TEST(SafeText, OneLineWhateverThePeerSends) {
  const struct {
    std::string text, safe;
  } table[] = {
      {"plain", "plain"},
      {"bücher 例え 😀", "bücher 例え 😀"},
      {"a\nb\rc\td", R"(a\x0ab\x0dc\x09d)"},
      {"\x1b[31mred", R"(\x1b[31mred)"},
      {"nul\0byte"s, R"(nul\x00byte)"},
      {"back\\slash", R"(back\\slash)"},
      {"\x7f", R"(\x7f)"},
      {"\xc2\x85", R"(\xc2\x85)"},        // next line
      {"\u2028", R"(\xe2\x80\xa8)"},      // line separator
      {"a\u202Eb", R"(a\xe2\x80\xaeb)"},  // right-to-left override
      {"\xff", R"(\xff)"},
      {"\xc3", R"(\xc3)"},                  // cut off
      {"\xc0\xaf", R"(\xc0\xaf)"},          // overlong
      {"\xed\xa0\x80", R"(\xed\xa0\x80)"},  // surrogate
      {"\xf4\x90\x80\x80", R"(\xf4\x90\x80\x80)"},
      {"", ""},
  };
  for (const auto& row : table) EXPECT_EQ(safe_text(row.text), row.safe) << row.safe;
}

TEST(SafeText, IsCutBetweenCharacters) {
  EXPECT_EQ(safe_text("abcdef", 3), "abc…");
  EXPECT_EQ(safe_text("abc", 3), "abc");
  EXPECT_EQ(safe_text("aü", 2), "a…");
  EXPECT_EQ(safe_text("a\n", 4), "a…");
  EXPECT_EQ(safe_text(std::string(1000, 'x')).size(), 80u + 3u);
}

TEST(ShortSid, ShowsSixCharacters) {  // B-201
  EXPECT_EQ(short_sid("abcdefghijklmnop"), "abcdef…");
  EXPECT_EQ(short_sid("\nabcdefghijklmnop"), "\\x0aabcde…");
  EXPECT_EQ(short_sid(""), "…");
}

// What a child process writes to standard error while `work` runs in it.
template <class Work>
std::string standard_error_of(Work work) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe_ends[1], STDERR_FILENO);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    work();
    ::_exit(0);
  }
  ::close(pipe_ends[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = ::read(pipe_ends[0], buffer.data(), buffer.size());
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(pipe_ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return text + (WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "" : "[died]");
}

TEST(Log, OneLineWithUtcTimeAndLevel) {
  const std::string text = standard_error_of([] {
    start_log(LogLevel::info);
    spdlog::debug("hidden");
    spdlog::info("listening {}", 1);
    spdlog::warn("careful");
  });
  EXPECT_TRUE(std::regex_match(text, std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info listening 1\n)"
                                                R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning careful\n)")))
      << text;
}

TEST(Log, FullDeviceDoesNotThrow) {
  const std::string text = standard_error_of([] {
    const int full = ::open("/dev/full", O_WRONLY);
    ::dup2(full, STDERR_FILENO);
    start_log(LogLevel::info);
    for (int i = 0; i < 100; ++i) spdlog::info("nobody will read this");
  });
  EXPECT_EQ(text, "");
}

TEST(Log, ClosedStandardErrorIsNotGivenToASocket) {
  const std::string text = standard_error_of([] {
    ::close(STDIN_FILENO);
    ::close(STDERR_FILENO);
    start_log(LogLevel::info);
    const int next = ::open("/dev/null", O_RDONLY);
    if (next <= STDERR_FILENO) ::_exit(1);
    spdlog::info("nobody will read this");
  });
  EXPECT_EQ(text, "");
}

}  // namespace
}  // namespace gateway
