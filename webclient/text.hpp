// Text of strangers on its way into the model (PROTOCOL Z-007): valid UTF-8, without control characters and without
// the characters that turn text around (bidi embeddings, overrides, isolates: pages isolate by markup), cut to a size.
// It stays raw: escaping is for whoever writes markup. Pure functions.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace webclient {

struct CleanText {
  std::string text;
  bool cut = false;  // there was more
};

// Several lines: line ends become \n, tabs stay. At most `max_bytes` of the result, whole characters only.
[[nodiscard]] CleanText clean_text(std::string_view raw, std::size_t max_bytes);

// One line for names, nicks, subjects: white space at the ends goes, and any run of it inside becomes one space.
[[nodiscard]] std::string clean_label(std::string_view raw, std::size_t max_bytes);

// How an occupant of a room is shown: the resource as a label, with a mark behind it where that is not all there is of
// it. "alice " must not look like "alice": rooms take both, and anybody may come by such a nick.
[[nodiscard]] std::string nick_label(std::string_view resource, std::size_t max_bytes);

// Characters (code points) of valid UTF-8.
[[nodiscard]] std::size_t characters(std::string_view text);

// The text if it is an http or https URL without white space, quotes, angle brackets and user information.
[[nodiscard]] std::optional<std::string> web_url(std::string_view text, std::size_t max_bytes);
// Its scheme, host and port, in lower case and without a port that the scheme means anyway.
[[nodiscard]] std::string origin_of(std::string_view url);

}  // namespace webclient
