#include "xmpp/raw_element.hpp"

namespace xmpp {
namespace {

constexpr std::string_view cdata_begin = "<![CDATA[";
constexpr std::string_view cdata_end = "]]>";

std::optional<std::string> declared(const RawTag& tag, std::string_view prefix) {
  for (const auto& attribute : tag.attributes) {
    if (declared_prefix(attribute.name) == prefix) return attribute_value(attribute.value);
  }
  return std::nullopt;
}

std::string resolve(const RawTag& child, const RawTag& root) {
  const auto prefix = split_name(child.name).prefix;
  if (auto uri = declared(child, prefix)) return *uri;
  return declared(root, prefix).value_or(std::string());
}

// Walks over the markup below the root and notes where its children begin and end.
class Walker {
 public:
  explicit Walker(std::string_view element) : element_(element) {}

  std::optional<RawChildren> run() {
    const auto root = read_start_tag(element_, 0);
    if (!root) return std::nullopt;
    out_.root = *root;
    if (root->empty_element) return std::move(out_);
    for (std::size_t at = root->end; at < element_.size();) {
      at = element_.find('<', at);
      if (at == std::string_view::npos) return std::nullopt;
      const auto rest = element_.substr(at);
      const auto next = rest.starts_with(cdata_begin) ? skip_cdata(at) : rest.starts_with("</") ? end(at) : start(at);
      if (!next) return std::nullopt;
      if (depth_ < 0) return std::move(out_);
      at = *next;
    }
    return std::nullopt;
  }

 private:
  std::optional<std::size_t> skip_cdata(std::size_t at) {
    const auto end = element_.find(cdata_end, at);
    if (end == std::string_view::npos) return std::nullopt;
    return end + cdata_end.size();
  }

  std::optional<std::size_t> start(std::size_t at) {
    const auto tag = read_start_tag(element_, at);
    if (!tag) return std::nullopt;
    if (depth_ == 0) {
      out_.list.push_back({{}, {}, resolve(*tag, out_.root), split_name(tag->name).local});
      begin_ = at;
      content_ = tag->end;
      if (tag->empty_element) finish(tag->end, tag->end);
    }
    if (!tag->empty_element) ++depth_;
    return tag->end;
  }

  std::optional<std::size_t> end(std::size_t at) {
    const auto close = element_.find('>', at);
    if (close == std::string_view::npos) return std::nullopt;
    if (--depth_ == 0) finish(at, close + 1);
    return close + 1;
  }

  void finish(std::size_t content_end, std::size_t end) {
    out_.list.back().bytes = element_.substr(begin_, end - begin_);
    out_.list.back().content = element_.substr(content_, content_end - content_);
  }

  std::string_view element_;
  RawChildren out_;
  int depth_ = 0;
  std::size_t begin_ = 0, content_ = 0;
};

}  // namespace

std::optional<RawChildren> read_children(std::string_view element) {
  return Walker(element).run();
}

std::optional<RawChildren> read_row(std::string_view elements, Arena& arena) {
  return read_children(arena.join({"<x xmlns='jabber:client'>", elements, "</x>"}));
}

std::optional<std::string> attribute(const RawTag& tag, std::string_view name) {
  for (const auto& attribute : tag.attributes) {
    if (attribute.name == name) return attribute_value(attribute.value);
  }
  return std::nullopt;
}

bool append_text(std::string& out, std::string_view between) {
  while (!between.empty()) {
    const auto markup = between.find('<');
    append_character_data(out, between.substr(0, markup), References::resolved);
    if (markup == std::string_view::npos) break;
    between.remove_prefix(markup);
    const auto end = between.find(cdata_end);
    if (!between.starts_with(cdata_begin) || end == std::string_view::npos) return false;
    append_character_data(out, between.substr(cdata_begin.size(), end - cdata_begin.size()), References::none);
    between.remove_prefix(end + cdata_end.size());
  }
  return true;
}

std::optional<std::string> text_of(std::string_view content) {
  std::string text;
  if (!append_text(text, content)) return std::nullopt;
  return text;
}

}  // namespace xmpp
