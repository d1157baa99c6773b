#include "gateway/put_answer.hpp"

#include <charconv>

namespace gateway {

namespace {

constexpr std::size_t max_head = 8 * 1024;  // without the empty line
constexpr std::string_view end_of_head = "\r\n\r\n";

// Of a complete head; 0: this is no answer.
std::uint16_t status_of(std::string_view head) {
  constexpr std::size_t begin = 9;  // of the three digits, in "HTTP/1.1 200 OK"
  constexpr std::size_t end = 12;
  if (!head.starts_with("HTTP/1.") || head.find(end_of_head) < end || head[begin - 1] != ' ') return 0;
  if (head[end] != ' ' && head[end] != '\r') return 0;
  std::uint16_t status = 0;
  const auto [rest, error] = std::from_chars(head.data() + begin, head.data() + end, status);
  return error == std::errc() && rest == head.data() + end && status >= 100 && status < 600 ? status : 0;
}

}  // namespace

std::optional<PutAnswer::Verdict> PutAnswer::take(std::string_view bytes) {
  head_.append(bytes);
  for (;;) {
    const auto end = head_.find(end_of_head);
    if (end == std::string::npos && head_.size() < max_head + end_of_head.size()) return std::nullopt;
    if (end > max_head) return Verdict{0, "no end of the answer's head"};
    const std::uint16_t status = status_of(head_);
    if (status == 0) return Verdict{0, "no HTTP answer"};
    if (status >= 200) return Verdict{status, {}};
    head_.erase(0, end + end_of_head.size());
  }
}

}  // namespace gateway
