#include "gateway/file_body.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gateway {

namespace {

NoFile why_not(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EIO:
    case EAGAIN:  // a rename while the name was resolved
      return NoFile::unavailable;
    default:
      return NoFile::absent;
  }
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

std::optional<std::size_t> FileBody::read(std::span<char> into) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_));
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t got = ::pread(file_.number(), into.data() + filled, size - filled, static_cast<off_t>(at_));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {};
    filled += static_cast<std::size_t>(got);
    at_ += static_cast<std::uint64_t>(got);
    left_ -= static_cast<std::uint64_t>(got);
  }
  return filled;
}

Descriptor open_directory(const std::string& path) {
  return Descriptor(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

std::variant<OpenFile, NoFile> open_below(const Descriptor& root, const std::string& name) {
  open_how how{};
  // Not blocking: opening a pipe would wait for somebody to write into it.
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const char* const path = name.empty() ? "." : name.c_str();
  // glibc has no function for it.
  const long number = ::syscall(SYS_openat2, root.number(), path, &how, sizeof how);
  if (number < 0) return why_not(errno);
  OpenFile file{Descriptor(static_cast<int>(number)), {}};
  if (::fstat(file.descriptor.number(), &file.status) != 0) return why_not(errno);
  if (!S_ISREG(file.status.st_mode) && !S_ISDIR(file.status.st_mode)) return NoFile::absent;
  return file;
}

}  // namespace gateway
