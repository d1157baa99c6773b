// A small file read whole: a configuration, a token. Not for what is served: that is file_body.
#pragma once
#include <optional>
#include <string>

namespace gateway {

// Nothing where it cannot be read, a directory for one; errno says why. A signal is no reason.
[[nodiscard]] std::optional<std::string> read_text_file(const std::string& name);

}  // namespace gateway
