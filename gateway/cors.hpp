// Cross-origin access (Fetch standard; PROTOCOL H-016): which header fields an answer gets, on every answer, or the
// browser hides even the status from the page.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config.hpp"

namespace gateway {

// Whether pages of other origins may read an answer.
enum class CrossOrigin : std::uint8_t {
  configured,  // as [cors] says
  any,         // what is public by its nature (D-004)
  none,        // pages of this origin only
};

class Cors {
 public:
  explicit Cors(const CorsConfig& config);

  // Whether allow() looks at its argument.
  [[nodiscard]] bool depends_on_origin() const { return !any_origin_; }
  // Header fields for an answer to a page of this origin; may be empty, ends in CRLF otherwise.
  [[nodiscard]] std::string allow(CrossOrigin who, std::string_view origin) const;
  // Further fields for the answer to a preflight request.
  [[nodiscard]] std::string_view preflight() const { return preflight_; }

 private:
  bool any_origin_;
  bool credentials_;
  std::vector<std::string> origins_;
  std::string preflight_;
};

}  // namespace gateway
