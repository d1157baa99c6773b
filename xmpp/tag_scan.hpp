// Follows markup byte by byte, only as far as it takes to know whether a tag is unfinished: expat reads an unfinished
// tag from its beginning with every piece it is given, so a tag that comes in tiny pieces would cost the square of its
// size (StreamSplitter keeps such pieces back). Proves nothing, refuses nothing, keeps nothing: what is well-formed is
// for expat to say. Comments and processing instructions, which expat reads in the same way, count as tags.
#pragma once
#include <cstdint>
#include <string_view>

namespace xmpp {

class TagScan {
 public:
  // False: somewhere behind the first of these bytes, no tag was unfinished.
  bool advance(std::string_view bytes);
  [[nodiscard]] bool in_tag() const { return state_ != State::text && state_ != State::cdata; }

 private:
  enum class State : std::uint8_t {
    text,
    opened,
    tag,
    single_quoted,
    double_quoted,
    bang,
    comment_opened,
    comment,
    instruction,
    cdata
  };
  void step(char c);

  State state_ = State::text;
  char before_ = 0, last_ = 0;  // the two bytes in front, for marks that end with '>'
};

}  // namespace xmpp
