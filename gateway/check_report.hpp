// The lines of `postern check`: a mark, the step, what was found; where something is wrong also the cure. Deliberately
// without a verdict on the whole: a FAIL is something to cure, which need not keep sessions from the server.
#pragma once
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace gateway {

// A list within a line.
[[nodiscard]] inline std::string join(const std::vector<std::string>& list) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : ", ") + item;
  return text;
}

class CheckReport {
 public:
  explicit CheckReport(std::ostream& out) : out_(out) {}
  void good(std::string_view step, std::string_view found) { line("ok  ", step, found); }
  void note(std::string_view step, std::string_view found) { line("note", step, found); }
  void bad(std::string_view step, std::string_view cause, std::string_view cure) {
    line("FAIL", step, std::string(cause) + "; " + std::string(cure));
  }

 private:
  void line(std::string_view mark, std::string_view step, std::string_view text) {
    constexpr std::size_t width = 9;
    out_ << mark << "  " << step << std::string(step.size() < width ? width - step.size() : 1, ' ') << text << '\n';
    out_.flush();  // the next step may take seconds
  }
  std::ostream& out_;
};

}  // namespace gateway
