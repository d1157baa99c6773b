#include "webclient/templates.hpp"

#include <cstdint>
#include <kainjow/mustache.hpp>
#include <map>
#include <stdexcept>
#include <utility>

#include "webclient/embedded.hpp"
#include "webclient/html.hpp"

namespace webclient {

namespace {

namespace mustache = kainjow::mustache;

constexpr std::string_view folder = "templates/";
constexpr std::string_view suffix = ".mustache";
constexpr std::string_view sheet = "assets/chat.css";

std::string put_in(std::string_view text, const Catalogue& language) {
  std::string out;
  while (true) {
    const auto begin = text.find("[[");
    const auto end = begin == std::string_view::npos ? begin : text.find("]]", begin);
    if (end == std::string_view::npos) return out.append(text);
    out.append(text.substr(0, begin));
    const std::string_view name = text.substr(begin + 2, end - begin - 2);
    if (name.starts_with('>')) {
      out += put_in(embedded(std::string(folder) + std::string(name.substr(1)) + std::string(suffix)), language);
    } else if (name == "language.tag") {
      out += language.tag();
    } else if (language.has(name)) {
      append_html(out, language.text(name));
    } else {
      throw std::logic_error("no text for " + std::string(name));
    }
    text.remove_prefix(end + 2);
  }
}

// FNV-1a: a name for a content, no protection of anything.
std::string fingerprint(std::string_view content) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : content) hash = (hash ^ static_cast<std::uint8_t>(c)) * 1099511628211u;
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out += digits[(hash >> shift) & 15];
  return out;
}

}  // namespace

Values& Values::text(std::string_view name, std::string value) {
  texts_.emplace_back(name, std::move(value));
  return *this;
}

Values& Values::flag(std::string_view name, bool value) {
  flags_.emplace_back(name, value);
  return *this;
}

Values& Values::list(std::string_view name, std::vector<Values> values) {
  lists_.emplace_back(name, std::move(values));
  return *this;
}

struct Templates::Compiled {
  std::map<std::string, mustache::mustache, std::less<>> by_name;  // "de/login"

  static mustache::data convert(const Values& values) {
    mustache::data out;
    for (const auto& [name, value] : values.texts_) {
      if (value.empty()) {
        out.set(name, mustache::data(mustache::data::type::bool_false));
      } else {
        out.set(name, value);
      }
    }
    for (const auto& [name, value] : values.flags_) out.set(name, value);
    for (const auto& [name, items] : values.lists_) {
      mustache::data list(mustache::data::type::list);
      for (const auto& item : items) list.push_back(convert(item));
      out.set(name, list);
    }
    return out;
  }
};

Templates::Templates()
    : compiled_(std::make_unique<Compiled>()), stylesheet_("chat-" + fingerprint(embedded(sheet)) + ".css") {
  for (const auto& file : embedded_files()) {
    if (!file.name.starts_with(folder)) continue;
    const std::string name(file.name.substr(folder.size(), file.name.size() - folder.size() - suffix.size()));
    for (const auto& language : catalogues()) {
      mustache::mustache one(source(name, language));
      if (!one.is_valid()) throw std::logic_error("template " + name + ": " + one.error_message());
      compiled_->by_name.emplace(language.tag() + "/" + name, std::move(one));
    }
  }
}

Templates::~Templates() = default;

std::string Templates::source(std::string_view name, const Catalogue& language) {
  return put_in(embedded(std::string(folder) + std::string(name) + std::string(suffix)), language);
}

std::string Templates::render(std::string_view name, const Catalogue& language, const Values& values) {
  const auto found = compiled_->by_name.find(language.tag() + "/" + std::string(name));
  if (found == compiled_->by_name.end()) throw std::logic_error("no template " + std::string(name));
  auto data = Compiled::convert(values);
  data.set("stylesheet", stylesheet_);
  return found->second.render(data);
}

Asset find_asset(std::string_view name, std::string_view stylesheet) {
  if (name == stylesheet) return {"text/css; charset=utf-8", embedded(sheet), true};
  if (name == "icon.svg") return {"image/svg+xml", embedded("assets/icon.svg"), false};
  return {};
}

}  // namespace webclient
