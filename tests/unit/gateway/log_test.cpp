#include "gateway/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <regex>

#include "gateway/process.hpp"

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

// As on a disk that fills up and is cleared: a limit on the size of the file stands for it.
TEST(Log, CountsTheLinesForWhichADiskHasNoRoom) {
  const int file = ::memfd_create("log", MFD_CLOEXEC);
  ASSERT_GE(file, 0);
  const std::string died = standard_error_of([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    ::dup2(file, STDERR_FILENO);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlimit little{100, limit.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &little);
    start_log(LogLevel::info);
    for (int i = 0; i < 10; ++i) spdlog::info("line {} {}", i, std::string(25, 'x'));  // 60 bytes
    ::setrlimit(RLIMIT_FSIZE, &limit);
    spdlog::info("room again");
    spdlog::info("and more");
  });
  EXPECT_EQ(died, "");
  std::array<char, 1000> buffer{};
  const ssize_t size = ::pread(file, buffer.data(), buffer.size(), 0);
  ::close(file);
  ASSERT_GT(size, 0);
  const std::string text(buffer.data(), static_cast<std::size_t>(size));
  const std::string when = R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z )";
  EXPECT_TRUE(std::regex_match(text, std::regex(when + "info line 0 x{25}\n" + when + "info line 1 x*\n" + when +
                                                "warning 9 lines of this log were lost: there was no room for them\n" +
                                                when + "info room again\n" + when + "info and more\n")))
      << text;
}

// Nobody reads until everything has been logged: that took no time, the first lines are there, and the others are
// counted.
TEST(Log, AReaderThatStallsStopsNobody) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ASSERT_GT(::fcntl(ends[1], F_SETPIPE_SZ, 16 * 1024), 0);
  const int saved = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  start_log(LogLevel::info);
  constexpr int lines = 1000;
  for (int i = 0; i < lines; ++i) spdlog::info("line {} {}", i, std::string(100, 'x'));
  spdlog::info("{}", std::string(100'000, 'y'));
  std::array<char, 64 * 1024> buffer{};
  const auto read_all = [&] {
    const ssize_t got = ::read(ends[0], buffer.data(), buffer.size());
    return std::string(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  };
  const std::string first = read_all();
  spdlog::info("read again");
  spdlog::info("{}", std::string(100'000, 'z'));
  const std::string second = read_all();
  ::dup2(saved, STDERR_FILENO);
  for (const int descriptor : {saved, ends[0], ends[1]}) ::close(descriptor);

  const auto kept = std::count(first.begin(), first.end(), '\n');
  EXPECT_GT(kept, 50);
  EXPECT_NE(first.find("line " + std::to_string(kept - 1) + " "), std::string::npos);
  EXPECT_NE(second.find(" warning " + std::to_string(lines + 1 - kept) + " lines of this log were lost"),
            std::string::npos)
      << second.substr(0, 200);
  EXPECT_LT(second.find("were lost"), second.find("read again"));
  EXPECT_EQ(std::count(second.begin(), second.end(), '\n'), 3) << "a line stays a line, however long";
  EXPECT_LE(second.size(), 4096U + 300U);
}

TEST(Log, ClosedStandardErrorIsNotGivenToASocket) {
  const std::string text = standard_error_of([] {
    ::close(STDIN_FILENO);
    ::close(STDERR_FILENO);
    open_standard_descriptors();
    start_log(LogLevel::info);
    const int next = ::open("/dev/null", O_RDONLY);
    if (next <= STDERR_FILENO) ::_exit(1);
    spdlog::info("nobody will read this");
  });
  EXPECT_EQ(text, "");
}

}  // namespace
}  // namespace gateway
