// Finds the end of an element whose content is beyond the limits, without keeping any of it: a parser would remember
// every open element and every name (Limits; PROTOCOL U-018). What it takes for the end is the end for every parser, or
// somebody could hide stanzas of his own behind it: outside of quotes and CDATA sections '<' begins a tag, and nothing
// else does (XML 1.0 2.4, 2.7, 3.1). Comments, processing instructions and DTD are refused (RFC 6120 11.1). It does not
// see whether the rest is well-formed: nobody is given it. TagScan follows markup as well, and may be wrong about it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "xmpp/fault.hpp"

namespace xmpp {

class ElementSkip {
 public:
  // Begins behind a tag, with so many elements open: at least one.
  explicit ElementSkip(std::uint64_t open) : open_(open) {}

  // How many of `bytes` belong to the element; all of them if it does not end there. Call until over() or fault().
  [[nodiscard]] std::size_t advance(std::string_view bytes);
  [[nodiscard]] bool over() const { return open_ == 0; }
  [[nodiscard]] const std::optional<Fault>& fault() const { return fault_; }

 private:
  enum class State : std::uint8_t {
    text,
    opened,
    bang,
    cdata,
    start_tag,
    slash,
    single_quoted,
    double_quoted,
    end_tag
  };
  void step(char c);
  void begin_tag(char c);
  void in_start_tag(char c);
  void in_cdata(char c);

  std::uint64_t open_;
  std::optional<Fault> fault_;
  State state_ = State::text;
  std::uint8_t matched_ = 0;  // of the mark that begins or ends a CDATA section
};

}  // namespace xmpp
