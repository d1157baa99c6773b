// Text becomes markup from which exactly that text can be had back (PROTOCOL Z-007): nothing of it is left unescaped,
// links are the only elements, each is closed before the next one begins and leads to a web address. A CSS string stays
// one string.
#include <array>
#include <string>
#include <utility>

#include "tests/fuzz/complain.hpp"
#include "webclient/html.hpp"
#include "webclient/text.hpp"

namespace {

constexpr std::string_view before_url = "<a href=\"";
constexpr std::string_view behind_url = "\" target=\"_blank\" rel=\"noreferrer noopener nofollow\">";
constexpr std::string_view behind_link = "</a>";

std::string unescaped(std::string_view markup, std::string_view input) {
  constexpr std::array<std::pair<std::string_view, char>, 5> entities{
      {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}}};
  std::string out;
  while (!markup.empty()) {
    std::size_t used = 1;
    char meant = markup.front();
    if (std::string_view("<>\"'").find(meant) != std::string_view::npos) fuzz::complain("unescaped", input);
    if (meant == '&') {
      used = 0;
      for (const auto& [entity, character] : entities) {
        if (!markup.starts_with(entity)) continue;
        used = entity.size();
        meant = character;
      }
      if (used == 0) fuzz::complain("an entity that is none", input);
    }
    out += meant;
    markup.remove_prefix(used);
  }
  return out;
}

// What stands in front of the mark, which is taken away too.
std::string_view take_to(std::string_view& markup, std::string_view mark, std::string_view input) {
  const auto end = markup.find(mark);
  if (end == std::string_view::npos) fuzz::complain("a link that does not end", input);
  const auto out = markup.substr(0, end);
  markup.remove_prefix(end + mark.size());
  return out;
}

std::string without_links(std::string_view markup, std::string_view input) {
  std::string out;
  while (true) {
    const auto link = markup.find(before_url);
    out += unescaped(markup.substr(0, link), input);
    if (link == std::string_view::npos) return out;
    markup.remove_prefix(link + before_url.size());
    const std::string url = unescaped(take_to(markup, behind_url, input), input);
    const std::string shown = unescaped(take_to(markup, behind_link, input), input);
    if (webclient::web_url(shown, 2048) != url) fuzz::complain("a link to somewhere else than it says", input);
    out += shown;
  }
}

std::string text_of_css(std::string_view css, std::string_view input) {
  if (css.size() < 2 || css.front() != '"' || css.back() != '"') fuzz::complain("no CSS string", input);
  css = css.substr(1, css.size() - 2);
  std::string out;
  while (!css.empty()) {
    std::size_t used = 1;
    if (css.front() == '\\') {
      if (css.size() < 4 || css[3] != ' ') fuzz::complain("half an escape", input);
      out += static_cast<char>(std::stoi(std::string(css.substr(1, 2)), nullptr, 16));
      used = 4;
    } else if (std::string_view("\"'<>&\n\r\f{};").find(css.front()) != std::string_view::npos) {
      fuzz::complain("unescaped in CSS", input);
    } else {
      out += css.front();
    }
    css.remove_prefix(used);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  if (unescaped(webclient::html(text), text) != text) fuzz::complain("text is lost", text);
  std::string linked;
  webclient::append_html_with_links(linked, text);
  if (without_links(linked, text) != text) fuzz::complain("text is lost between links", text);
  std::string css;
  webclient::append_css_string(css, text);
  if (text_of_css(css, text) != text) fuzz::complain("text is lost in CSS", text);
  return 0;
}
