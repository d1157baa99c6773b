#include "gateway/process.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include "gateway/log.hpp"

namespace gateway {

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  spdlog::info("{} open files allowed: about {} sessions", limit.rlim_cur, limit.rlim_cur / 3);
}

void open_standard_descriptors() {
  // open() returns the lowest free descriptor, so this fills the holes among the first three.
  for (;;) {
    const int descriptor = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return;
    if (descriptor > STDERR_FILENO) {
      ::close(descriptor);
      return;
    }
  }
}

void ignore_broken_pipes() {
  std::signal(SIGPIPE, SIG_IGN);
}

void give_back_large_blocks() {
  constexpr int bound = 128 * 1024;  // glibc's own at the start; to set it is what keeps it from moving
  mallopt(M_MMAP_THRESHOLD, bound);
}

}  // namespace gateway
