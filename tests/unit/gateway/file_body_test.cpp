// What can be opened below a directory, and what reading it gives: with a real file system, links and pipes in it.
#include "gateway/file_body.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>

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

  support::ScratchDirectory scratch_;
  Descriptor root_;
};

TEST_F(FileBodyTest, OpensFilesAndDirectoriesBelow) {
  ASSERT_TRUE(root_.is_open());
  EXPECT_TRUE(open_below(root_, "a.txt"));
  EXPECT_TRUE(open_below(root_, ""));
  EXPECT_TRUE(open_below(root_, "sub/"));
  EXPECT_TRUE(open_below(root_, "sub/inside")) << "a link that stays inside is fine";
}

TEST_F(FileBodyTest, NothingElse) {
  for (const char* const name : {"out", "absolute", "up/secret", "../secret", "sub/../../secret", "/etc/passwd", "pipe",
                                 "a.txt/", "none", "sub/inside/x"}) {
    EXPECT_FALSE(open_below(root_, name)) << name;
  }
  EXPECT_FALSE(open_directory((root_path() / "a.txt").string()).is_open());
}

TEST_F(FileBodyTest, ReadsAPartPieceByPiece) {
  FileBody body(std::move(open_below(root_, "a.txt")->descriptor), 2, 7);
  std::array<char, 4> piece{};
  EXPECT_EQ(body.read(piece), 4u);
  EXPECT_EQ(std::string(piece.data(), 4), "2345");
  EXPECT_EQ(body.left(), 3u);
  EXPECT_EQ(body.read(piece), 3u);
  EXPECT_EQ(std::string(piece.data(), 3), "678");
  EXPECT_EQ(body.left(), 0u);
}

TEST_F(FileBodyTest, NoticesThatTheFileBecameShorter) {
  FileBody body(std::move(open_below(root_, "a.txt")->descriptor), 0, 10);
  fs::resize_file(root_path() / "a.txt", 3);
  std::array<char, 16> piece{};
  EXPECT_FALSE(body.read(piece));
}

}  // namespace
}  // namespace gateway
