#include "webclient/multipart.hpp"

#include <algorithm>

#include "xmpp/ascii.hpp"

namespace webclient {

namespace {

constexpr std::string_view line_end = "\r\n";
constexpr std::string_view head_end = "\r\n\r\n";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// A field value of a head: the word before the first ';', and the parameters behind it, each with its quotes undone.
struct FieldValue {
  std::string_view word;
  std::vector<std::pair<std::string_view, std::string>> parameters;

  [[nodiscard]] const std::string* find(std::string_view name) const {
    for (const auto& [key, value] : parameters) {
      if (xmpp::same_ignoring_case(key, name)) return &value;
    }
    return nullptr;
  }
};

// Takes a quoted string off `rest`, which begins behind the opening quote. False: it does not end.
bool take_quoted(std::string_view& rest, std::string& value) {
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c == '"') return true;
    // Browsers write %22 (WHATWG HTML 4.10.21.8) and curl \"; a backslash before anything else is one.
    const bool escaped = c == '\\' && !rest.empty() && (rest.front() == '"' || rest.front() == '\\');
    if (escaped) {
      value += rest.front();
      rest.remove_prefix(1);
    } else if (c == '%' && rest.starts_with("22")) {
      value += '"';
      rest.remove_prefix(2);
    } else {
      value += c;
    }
  }
  return false;
}

std::optional<FieldValue> take_apart(std::string_view text) {
  FieldValue out;
  const auto semicolon = std::min(text.find(';'), text.size());
  out.word = trimmed(text.substr(0, semicolon));
  text.remove_prefix(semicolon);
  while (!text.empty()) {
    text = trimmed(text.substr(1));
    if (text.empty()) return out;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const auto name = trimmed(text.substr(0, equals));
    text = trimmed(text.substr(equals + 1));
    std::string value;
    if (text.starts_with('"')) {
      text.remove_prefix(1);
      if (!take_quoted(text, value)) return std::nullopt;
      text = trimmed(text);
      if (!text.empty() && text.front() != ';') return std::nullopt;
    } else {
      const auto end = std::min(text.find(';'), text.size());
      value = trimmed(text.substr(0, end));
      text.remove_prefix(end);
    }
    if (out.find(name) != nullptr) return std::nullopt;
    out.parameters.emplace_back(name, std::move(value));
  }
  return out;
}

}  // namespace

std::optional<std::string> MultipartReader::boundary_of(std::string_view content_type) {
  const auto value = take_apart(content_type);
  if (!value || !xmpp::same_ignoring_case(value->word, "multipart/form-data")) return std::nullopt;
  const auto* const boundary = value->find("boundary");
  if (boundary == nullptr || boundary->empty() || boundary->size() > 70) return std::nullopt;  // RFC 2046 5.1.1
  const bool plain = std::all_of(boundary->begin(), boundary->end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!plain || boundary->back() == ' ') return std::nullopt;
  return *boundary;
}

MultipartReader::MultipartReader(std::string_view boundary, const MultipartLimits& limits)
    : limits_(limits), delimiter_("\r\n--" + std::string(boundary)), pending_(line_end) {}

MultipartReader::State MultipartReader::feed(std::string_view bytes, std::string& content) {
  if (state_ == State::broken) return state_;
  pending_.append(bytes);
  while (state_ != State::broken && advance(content)) {
  }
  pending_.erase(0, at_);
  at_ = 0;
  return state_;
}

std::string_view MultipartReader::value(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (key == name) return value;
  }
  return {};
}

std::optional<std::uint64_t> MultipartReader::file_size(std::uint64_t length) const {
  const std::uint64_t around = file_begin_ + delimiter_.size() + 2 + line_end.size();
  if (length < around) return std::nullopt;
  return length - around;
}

// ---- one step each: true when there may be more to do with what is there --------------------------------------------

bool MultipartReader::advance(std::string& content) {
  switch (step_) {
    case Step::delimiter:
      return read_delimiter();
    case Step::head:
      return read_head();
    case Step::value:
      return read_value();
    case Step::file:
      return read_file(content);
    case Step::after_file:
    case Step::end:
      return read_end();
  }
  return false;
}

bool MultipartReader::fail() {
  state_ = State::broken;
  return false;
}

void MultipartReader::use(std::size_t bytes) {
  at_ += bytes;
  used_ += bytes;
}

// The first of all; the line end before it is ours and not counted.
bool MultipartReader::read_delimiter() {
  const std::string_view rest = std::string_view(pending_).substr(at_);
  const std::size_t wanted = delimiter_.size() + line_end.size();
  const auto seen = rest.substr(0, wanted);
  if (seen != (delimiter_ + std::string(line_end)).substr(0, seen.size())) return fail();
  if (rest.size() < wanted) return false;
  use(wanted);
  used_ -= line_end.size();
  step_ = Step::head;
  return true;
}

bool MultipartReader::read_head() {
  const std::string_view rest = std::string_view(pending_).substr(at_);
  if (rest.starts_with(line_end)) return fail();
  const auto end = rest.substr(0, limits_.max_head_bytes).find(head_end);
  if (end == std::string_view::npos) return rest.size() >= limits_.max_head_bytes ? fail() : false;
  if (!take_head(rest.substr(0, end))) return fail();
  use(end + head_end.size());
  if (step_ == Step::file) {
    file_begin_ = used_;
    state_ = State::file;
  }
  return true;
}

bool MultipartReader::take_head(std::string_view head) {
  bool named = false;
  step_ = Step::value;
  file_type_.clear();
  while (!head.empty()) {
    const auto end = std::min(head.find(line_end), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + line_end.size(), head.size()));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    const auto field = line.substr(0, colon);
    const auto text = trimmed(line.substr(colon + 1));
    if (xmpp::same_ignoring_case(field, "content-type")) file_type_ = text;
    if (!xmpp::same_ignoring_case(field, "content-disposition")) continue;
    const auto disposition = take_apart(text);
    if (named || !disposition || !xmpp::same_ignoring_case(disposition->word, "form-data")) return false;
    const auto* const name = disposition->find("name");
    if (name == nullptr) return false;
    named = true;
    name_ = *name;
    if (const auto* const file = disposition->find("filename")) {
      file_name_ = *file;
      step_ = Step::file;
    }
  }
  return named;
}

bool MultipartReader::read_value() {
  const std::string_view rest = std::string_view(pending_).substr(at_);
  const auto most = limits_.max_value_bytes + delimiter_.size();
  const auto end = rest.substr(0, most).find(delimiter_);
  if (end == std::string_view::npos) return rest.size() >= most ? fail() : false;
  const auto behind = rest.substr(end + delimiter_.size(), line_end.size());
  if (behind.size() < line_end.size()) return false;
  // A form that ends here has no file.
  const bool twice =
      std::any_of(fields_.begin(), fields_.end(), [&](const auto& field) { return field.first == name_; });
  if (behind != line_end || fields_.size() >= limits_.max_fields || twice) return fail();
  fields_.emplace_back(name_, std::string(rest.substr(0, end)));
  use(end + delimiter_.size() + line_end.size());
  step_ = Step::head;
  return true;
}

bool MultipartReader::read_file(std::string& content) {
  const std::string_view rest = std::string_view(pending_).substr(at_);
  const auto end = rest.find(delimiter_);
  if (end != std::string_view::npos) {
    content.append(rest.substr(0, end));
    use(end + delimiter_.size());
    step_ = Step::after_file;
    return true;
  }
  // What may be the beginning of the delimiter stays.
  std::size_t keep = std::min(rest.size(), delimiter_.size() - 1);
  while (keep > 0 && rest.substr(rest.size() - keep) != std::string_view(delimiter_).substr(0, keep)) --keep;
  content.append(rest.substr(0, rest.size() - keep));
  use(rest.size() - keep);
  return false;
}

bool MultipartReader::read_end() {
  constexpr std::string_view last = "--\r\n";
  const std::string_view rest = std::string_view(pending_).substr(at_);
  if (step_ == Step::end) return rest.empty() ? false : fail();
  const auto seen = rest.substr(0, last.size());
  if (seen != last.substr(0, seen.size())) return fail();
  if (rest.size() < last.size()) return false;
  use(last.size());
  step_ = Step::end;
  state_ = State::complete;
  return true;
}

}  // namespace webclient
