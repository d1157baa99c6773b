#include "gateway/text_file.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

namespace gateway {

// With stdio: a stream throws what it meets within its buffer, and does not tell the reason.
std::optional<std::string> read_text_file(const std::string& name) {
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file;
  do file.reset(std::fopen(name.c_str(), "rbe"));
  while (!file && errno == EINTR);
  if (!file) return {};
  std::string text;
  std::array<char, 4096> buffer{};
  do {
    std::clearerr(file.get());
    while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
      text.append(buffer.data(), got);
    }
  } while (std::ferror(file.get()) != 0 && errno == EINTR);
  if (std::ferror(file.get()) != 0) return {};
  return text;
}

}  // namespace gateway
