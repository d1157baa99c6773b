// A file, or a part of one, on its way into an answer: opened below a directory that it cannot leave, read piece by
// piece when the connection has room (pull), so that a large file costs no more memory than a small one. Reading a
// regular file may wait for the disk; a piece is small so that this stays short. Owns its descriptor.
#pragma once
#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

namespace gateway {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

class FileBody {
 public:
  FileBody(Descriptor file, std::uint64_t first, std::uint64_t length)
      : file_(std::move(file)), at_(first), left_(length) {}

  [[nodiscard]] std::uint64_t left() const { return left_; }
  // Fills `into` as far as there is something left. Nothing when the file has become shorter or cannot be read.
  [[nodiscard]] std::optional<std::size_t> read(std::span<char> into);

 private:
  Descriptor file_;
  std::uint64_t at_;
  std::uint64_t left_;
};

// The directory itself, for open_below(). Not open where that fails; errno tells why.
[[nodiscard]] Descriptor open_directory(const std::string& path);

struct OpenFile {
  Descriptor descriptor;
  struct stat status;
};

enum class NoFile : std::uint8_t {
  absent,       // there is none, or it may not be read
  unavailable,  // nothing can be said now: no descriptors, no memory, a failing disk
};

// A regular file or a directory below `root`, never outside of it: the kernel resolves the name (RESOLVE_BENEATH), so
// that neither `..` nor a symbolic link nor a rename in between leads out. Devices, pipes and sockets do not exist
// here.
[[nodiscard]] std::variant<OpenFile, NoFile> open_below(const Descriptor& root, const std::string& name);

}  // namespace gateway
