// Conditional and range requests (RFC 9110 13 and 14) for files: is the copy that the client has still good, and which
// part of the file does it want? Pure functions over header fields; no file is touched here. What is not understood is
// ignored, as the RFC asks: the answer is then the whole file. Deliberately one range only: several would be a second
// format of answers that no chat client asks for, and a way to make a small request cost a lot.
#pragma once
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "gateway/request_parser.hpp"

namespace gateway {

// What a file is at the moment.
struct Version {
  std::string_view etag;  // with its quotes, W/ in front where it is weak
  std::time_t modified = 0;
  std::uint64_t size = 0;
};

struct WholeFile {};
struct PartOfFile {
  std::uint64_t first = 0;
  std::uint64_t length = 0;
};
struct NotModified {};
struct UnsatisfiableRange {};
using Wanted = std::variant<WholeFile, PartOfFile, NotModified, UnsatisfiableRange>;

[[nodiscard]] Wanted wanted_of(const Conditions& conditions, const Version& version);

// "Sun, 06 Nov 1994 08:49:37 GMT"
[[nodiscard]] std::string http_date(std::time_t time);
// Also in the two obsolete forms that recipients must take (RFC 9110 5.6.7).
[[nodiscard]] std::optional<std::time_t> read_http_date(std::string_view text);

}  // namespace gateway
