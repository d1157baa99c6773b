// From the path of a URL to the name of a file below a root, and from its name to its type. Pure text: what the file
// system makes of the name is checked again where it is opened (file_body), so that neither alone has to be right.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace gateway {

// The part of the request target behind the mount point, percent-decoded: "js/a%20b.js" is "js/a b.js", an empty text
// is the directory itself. Nothing where a segment is empty or begins with a dot (.., .git, .htaccess), or where a
// decoded slash, backslash or control character could mean something else to the file system than it meant to a proxy
// in front.
[[nodiscard]] std::optional<std::string> file_name_of(std::string_view path);

struct FileType {
  std::string_view media_type;
  bool compressible = false;
};
// By the ending. Answers say nosniff, so what is not known is a download and never a page.
[[nodiscard]] FileType file_type_of(std::string_view name);

}  // namespace gateway
