// A configuration file: either one line that says what is wrong, or a configuration that, printed, is read again as the
// very same. Nothing else may come out, whatever the file says.
#include <cstdlib>
#include <string>

#include "gateway/config.hpp"
#include "tests/fuzz/complain.hpp"

// Otherwise each input with a domain reads all authorities that the system trusts.
[[maybe_unused]] const int no_authorities = setenv("SSL_CERT_FILE", "/dev/null", 1);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  // It may name files and have them read: not those of this machine.
  for (const std::string_view word : {"file", "cert", "key", "/"}) {
    if (text.find(word) != text.npos) return 0;
  }
  std::string printed;
  try {
    printed = gateway::print_config(gateway::parse_config(text, "fuzz"));
  } catch (const gateway::ConfigError& error) {
    const std::string_view line = error.what();
    if (line.empty() || line.find('\n') != line.npos) fuzz::complain("not one line", line);
    return 0;
  }
  try {
    if (gateway::print_config(gateway::parse_config(printed, "fuzz")) != printed)
      fuzz::complain("read again it is another configuration", printed);
  } catch (const gateway::ConfigError& error) {
    fuzz::complain(error.what(), printed);
  }
  return 0;
}
