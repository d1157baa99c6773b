// Every text that the chat shows, in every language. One file a language in texts/, embedded at build:
//   # comment
//   key = text, which may hold {{variables}}
// English is the measure: a key that another language lacks is a failing test, not a surprise at run time. A language
// file says its own name, and whether it is written from right to left, under the keys language.name and language.dir.
// Pure and immutable; any thread.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace webclient {

using Variables = std::vector<std::pair<std::string_view, std::string_view>>;

class Catalogue {
 public:
  Catalogue(std::string_view tag, std::string_view file);

  [[nodiscard]] const std::string& tag() const { return tag_; }
  [[nodiscard]] bool has(std::string_view key) const { return texts_.contains(key); }
  // The key itself when there is no such text.
  [[nodiscard]] std::string_view text(std::string_view key) const;
  // Plain text with the variables put in: it is not HTML yet.
  [[nodiscard]] std::string fill(std::string_view key, const Variables& variables) const;
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& all() const { return texts_; }

 private:
  std::string tag_;
  std::map<std::string, std::string, std::less<>> texts_;
};

// All languages that are built in, English first, the others by their tags.
[[nodiscard]] const std::vector<Catalogue>& catalogues();
// By its tag; English for an unknown one.
[[nodiscard]] const Catalogue& catalogue(std::string_view tag);
// The best of ours for an Accept-Language header (RFC 9110 12.5.4): by weight, then by order; English when none fits.
[[nodiscard]] const Catalogue& choose_language(std::string_view accept_language);

}  // namespace webclient
