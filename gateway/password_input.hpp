// The password of `postern check --user`: the first line of a file or pipe, or typed at a terminal, which does not show
// it. For the command line: it waits for as long as that takes, and what is behind the line may be lost. Deliberately
// not from the arguments or the environment, which others can read. The one thread of its process.
#pragma once
#include <string>

#include "xmpp/secret.hpp"

namespace gateway {

// `prompt` goes to standard error, for a terminal only. Echo is back on whatever happens; a signal that ends or stops
// the process does so when it is, and one that was only stopped asks again. Throws std::runtime_error, one line: there
// is no password, or it cannot be read.
[[nodiscard]] xmpp::Secret read_password(int input, const std::string& prompt);

}  // namespace gateway
