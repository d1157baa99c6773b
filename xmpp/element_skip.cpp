#include "xmpp/element_skip.hpp"

namespace xmpp {
namespace {

constexpr std::string_view cdata_begin = "[CDATA[";

}  // namespace

std::size_t ElementSkip::advance(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && !over() && !fault_) {
    if (state_ == State::text) {
      // What there may be most of.
      const auto tag = bytes.find('<', at);
      if (tag == std::string_view::npos) return bytes.size();
      at = tag;
    }
    step(bytes[at++]);
  }
  return at;
}

void ElementSkip::step(char c) {
  switch (state_) {
    case State::text:
      if (c == '<') state_ = State::opened;
      return;
    case State::opened:
      return begin_tag(c);
    case State::bang:
      if (c != cdata_begin[matched_]) {
        fault_ = Fault{FaultKind::restricted_xml, "comment or document type declaration"};
      } else if (++matched_ == cdata_begin.size()) {
        state_ = State::cdata;
        matched_ = 0;
      }
      return;
    case State::cdata:
      return in_cdata(c);
    case State::start_tag:
    case State::slash:
      return in_start_tag(c);
    case State::single_quoted:
      if (c == '\'') state_ = State::start_tag;
      return;
    case State::double_quoted:
      if (c == '"') state_ = State::start_tag;
      return;
    case State::end_tag:
      if (c != '>') return;
      --open_;
      state_ = State::text;
      return;
  }
}

void ElementSkip::begin_tag(char c) {
  if (c == '?') {
    fault_ = Fault{FaultKind::restricted_xml, "processing instruction"};
  } else if (c == '!') {
    state_ = State::bang;
    matched_ = 0;
  } else {
    state_ = c == '/' ? State::end_tag : State::start_tag;
  }
}

void ElementSkip::in_start_tag(char c) {
  if (c == '>') {
    if (state_ == State::start_tag) ++open_;
    state_ = State::text;
  } else if (c == '/') {
    state_ = State::slash;
  } else {
    state_ = c == '\'' ? State::single_quoted : c == '"' ? State::double_quoted : State::start_tag;
  }
}

// Ends with "]]>", also where more brackets stand before it.
void ElementSkip::in_cdata(char c) {
  if (c == '>' && matched_ == 2) {
    state_ = State::text;
    matched_ = 0;
  } else if (c != ']') {
    matched_ = 0;
  } else if (matched_ < 2) {
    ++matched_;
  }
}

}  // namespace xmpp
