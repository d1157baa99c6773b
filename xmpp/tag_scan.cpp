#include "xmpp/tag_scan.hpp"

namespace xmpp {

bool TagScan::advance(std::string_view bytes) {
  bool stays = true;
  for (const char c : bytes) {
    const bool was_opened = state_ == State::comment_opened;
    step(c);
    const bool begins = was_opened && state_ == State::comment;
    before_ = begins ? '\0' : last_;
    last_ = begins ? '\0' : c;
    stays = stays && in_tag();
  }
  return stays;
}

void TagScan::step(char c) {
  switch (state_) {
    case State::text:
      if (c == '<') state_ = State::opened;
      return;
    case State::opened:
      state_ = c == '!' ? State::bang : c == '?' ? State::instruction : c == '>' ? State::text : State::tag;
      return;
    case State::tag:
      if (c == '\'') state_ = State::single_quoted;
      if (c == '"') state_ = State::double_quoted;
      if (c == '>') state_ = State::text;
      return;
    case State::single_quoted:
      if (c == '\'') state_ = State::tag;
      return;
    case State::double_quoted:
      if (c == '"') state_ = State::tag;
      return;
    case State::bang:
      state_ = c == '[' ? State::cdata : c == '-' ? State::comment_opened : State::tag;
      return;
    case State::comment_opened:  // these two are no part of the mark that ends it
      state_ = State::comment;
      return;
    case State::comment:
      if (c == '>' && last_ == '-' && before_ == '-') state_ = State::text;
      return;
    case State::instruction:
      if (c == '>' && last_ == '?') state_ = State::text;
      return;
    case State::cdata:
      if (c == '>' && last_ == ']' && before_ == ']') state_ = State::text;
      return;
  }
}

}  // namespace xmpp
