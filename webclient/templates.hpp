// The pages as templates: Mustache (templates/*.mustache), in which the build's texts stand as [[key]] and other
// templates as [[>name]]. Each is compiled once for each language. {{value}} is escaped for HTML; {{{value}}} is not,
// and stands only for what iframe_stream has made (tests/unit/webclient/pages_test.cpp lists them). One instance a
// shard: rendering uses it.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "webclient/catalogue.hpp"

namespace webclient {

// What a template is filled with: texts, flags and lists.
class Values {
 public:
  // An empty text counts as false for {{#name}}.
  Values& text(std::string_view name, std::string value);
  Values& flag(std::string_view name, bool value);
  Values& list(std::string_view name, std::vector<Values> values);

 private:
  friend class Templates;
  std::vector<std::pair<std::string, std::string>> texts_;
  std::vector<std::pair<std::string, bool>> flags_;
  std::vector<std::pair<std::string, std::vector<Values>>> lists_;
};

class Templates {
 public:
  Templates();
  ~Templates();
  Templates(const Templates&) = delete;
  Templates& operator=(const Templates&) = delete;

  [[nodiscard]] std::string render(std::string_view name, const Catalogue& language, const Values& values);
  // The name of the style sheet below /assets/, which changes with its content.
  [[nodiscard]] const std::string& stylesheet() const { return stylesheet_; }

  // Names and sources, with texts and parts put in: what is compiled.
  [[nodiscard]] static std::string source(std::string_view name, const Catalogue& language);

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
  std::string stylesheet_;
};

struct Asset {
  std::string_view content_type;
  std::string_view content;
  bool forever = false;  // its name changes with its content
};

// What is at /assets/NAME; empty content: nothing.
[[nodiscard]] Asset find_asset(std::string_view name, std::string_view stylesheet);

}  // namespace webclient
