#include "webclient/catalogue.hpp"

#include <algorithm>
#include <charconv>

#include "webclient/embedded.hpp"
#include "xmpp/ascii.hpp"

namespace webclient {

namespace {

constexpr std::string_view folder = "texts/";
constexpr std::string_view english = "en";

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

std::vector<Catalogue> load_all() {
  std::vector<Catalogue> all;
  for (const auto& file : embedded_files()) {
    if (!file.name.starts_with(folder)) continue;
    const std::string_view name = file.name.substr(folder.size());
    all.emplace_back(name.substr(0, name.find('.')), file.content);
  }
  std::sort(all.begin(), all.end(), [](const Catalogue& a, const Catalogue& b) {
    if ((a.tag() == english) != (b.tag() == english)) return a.tag() == english;
    return a.tag() < b.tag();
  });
  return all;
}

// The weight of "de;q=0.8" in thousandths; 0 for what is not understood: it is not wanted then.
int weight_of(std::string_view parameters) {
  parameters = trim(parameters);
  if (parameters.empty()) return 1000;
  if (!parameters.starts_with("q=") && !parameters.starts_with("Q=")) return 0;
  parameters.remove_prefix(2);
  if (parameters.starts_with('1')) return 1000;
  if (!parameters.starts_with("0.") || parameters.size() > 5) return 0;
  std::string digits(parameters.substr(2));
  digits.resize(3, '0');
  int value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace

Catalogue::Catalogue(std::string_view tag, std::string_view file) : tag_(tag) {
  while (!file.empty()) {
    const auto end = std::min(file.find('\n'), file.size());
    const std::string_view line = trim(file.substr(0, end));
    file.remove_prefix(std::min(end + 1, file.size()));
    const auto equals = line.find('=');
    if (line.empty() || line.front() == '#' || equals == std::string_view::npos) continue;
    texts_.emplace(trim(line.substr(0, equals)), trim(line.substr(equals + 1)));
  }
}

std::string_view Catalogue::text(std::string_view key) const {
  const auto found = texts_.find(key);
  return found == texts_.end() ? key : std::string_view(found->second);
}

std::string Catalogue::fill(std::string_view key, const Variables& variables) const {
  std::string_view rest = text(key);
  std::string out;
  while (true) {
    const auto begin = rest.find("{{");
    const auto end = begin == std::string_view::npos ? begin : rest.find("}}", begin);
    if (end == std::string_view::npos) return out.append(rest);
    out.append(rest.substr(0, begin));
    const std::string_view name = rest.substr(begin + 2, end - begin - 2);
    for (const auto& [variable, value] : variables) {
      if (variable == name) out.append(value);
    }
    rest.remove_prefix(end + 2);
  }
}

const std::vector<Catalogue>& catalogues() {
  static const std::vector<Catalogue> all = load_all();
  return all;
}

const Catalogue& catalogue(std::string_view tag) {
  const auto& all = catalogues();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Catalogue& one) { return one.tag() == tag; });
  return found == all.end() ? all.front() : *found;
}

const Catalogue& choose_language(std::string_view accept_language) {
  const auto& all = catalogues();
  const Catalogue* best = &all.front();
  int best_weight = 0;
  while (!accept_language.empty()) {
    const auto end = std::min(accept_language.find(','), accept_language.size());
    const std::string_view range = accept_language.substr(0, end);
    accept_language.remove_prefix(std::min(end + 1, accept_language.size()));
    const auto semicolon = std::min(range.find(';'), range.size());
    const int weight = weight_of(range.substr(std::min(semicolon + 1, range.size())));
    // "de-AT" is well served with "de": what we have is languages, not dialects.
    const std::string wanted = xmpp::lowered(trim(range.substr(0, semicolon)));
    const std::string_view primary = std::string_view(wanted).substr(0, wanted.find('-'));
    for (const auto& one : all) {
      if (one.tag() == primary && weight > best_weight) {
        best = &one;
        best_weight = weight;
      }
    }
  }
  return *best;
}

}  // namespace webclient
