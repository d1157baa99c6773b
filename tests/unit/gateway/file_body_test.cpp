// What can be opened below a directory, and what reading it gives: with a real file system, links and pipes in it.
#include "gateway/file_body.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <variant>

#include "tests/support/certificates.hpp"

namespace gateway {
namespace {

namespace fs = std::filesystem;

class FileBodyTest : public testing::Test {
 protected:
  FileBodyTest() {
    fs::create_directories(root_path() / "sub");
    std::ofstream(root_path() / "a.txt") << "0123456789";
    std::ofstream(fs::path(scratch_.path()) / "secret") << "secret";
    fs::create_symlink("../secret", root_path() / "out");
    fs::create_symlink(fs::path(scratch_.path()) / "secret", root_path() / "absolute");
    fs::create_directory_symlink("..", root_path() / "up");
    fs::create_symlink("../a.txt", root_path() / "sub" / "inside");
    ::mkfifo((root_path() / "pipe").c_str(), 0600);
    root_ = open_directory(root_path().string());
  }
  [[nodiscard]] fs::path root_path() const { return fs::path(scratch_.path()) / "root"; }

  [[nodiscard]] bool is_there(const std::string& name) const {
    return std::holds_alternative<OpenFile>(open_below(root_, name));
  }
  [[nodiscard]] std::optional<NoFile> why_not(const std::string& name) const {
    const auto opened = open_below(root_, name);
    const auto* const reason = std::get_if<NoFile>(&opened);
    return reason == nullptr ? std::nullopt : std::optional(*reason);
  }

  support::ScratchDirectory scratch_;
  Descriptor root_;
};

TEST_F(FileBodyTest, OpensFilesAndDirectoriesBelow) {
  ASSERT_TRUE(root_.is_open());
  EXPECT_TRUE(is_there("a.txt"));
  EXPECT_TRUE(is_there(""));
  EXPECT_TRUE(is_there("sub/"));
  EXPECT_TRUE(is_there("sub/inside")) << "a link that stays inside is fine";
}

TEST_F(FileBodyTest, NothingElse) {
  for (const char* const name : {"out", "absolute", "up/secret", "../secret", "sub/../../secret", "/etc/passwd", "pipe",
                                 "a.txt/", "none", "sub/inside/x"}) {
    EXPECT_EQ(why_not(name), NoFile::absent) << name;
  }
  EXPECT_FALSE(open_directory((root_path() / "a.txt").string()).is_open());
}

// Else a web client would seem to be deleted.
TEST_F(FileBodyTest, WhatCannotBeReadNowIsNotAbsent) {
  const Descriptor& root = root_;  // UBSan needs a descriptor to look at what is virtual
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto opened = open_below(root, "a.txt");
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(std::holds_alternative<NoFile>(opened));
  EXPECT_EQ(std::get<NoFile>(opened), NoFile::unavailable);
  EXPECT_TRUE(is_there("a.txt"));
}

TEST_F(FileBodyTest, ReadsAPartPieceByPiece) {
  FileBody body(std::move(std::get<OpenFile>(open_below(root_, "a.txt")).descriptor), 2, 7);
  std::array<char, 4> piece{};
  EXPECT_EQ(body.read(piece), 4u);
  EXPECT_EQ(std::string(piece.data(), 4), "2345");
  EXPECT_EQ(body.left(), 3u);
  EXPECT_EQ(body.read(piece), 3u);
  EXPECT_EQ(std::string(piece.data(), 3), "678");
  EXPECT_EQ(body.left(), 0u);
}

TEST_F(FileBodyTest, NoticesThatTheFileBecameShorter) {
  FileBody body(std::move(std::get<OpenFile>(open_below(root_, "a.txt")).descriptor), 0, 10);
  fs::resize_file(root_path() / "a.txt", 3);
  std::array<char, 16> piece{};
  EXPECT_FALSE(body.read(piece));
}

}  // namespace
}  // namespace gateway
