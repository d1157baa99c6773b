// The log: one line an event on standard error, with UTC time and level, through spdlog's default logger (use
// spdlog::info and its like). A log that cannot be written is never a reason to stop, to wait or to throw: what its
// reader or its disk leaves no room for is lost, and the next line that fits says how many lines that were.
// Whatever a peer can choose goes through safe_text(): a log line must stay one line (log injection). A sid is a
// credential: only its short form may be logged (PROTOCOL B-201).
// Thread-safe after start_log().
#pragma once
#include <spdlog/spdlog.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gateway {

enum class LogLevel : std::uint8_t { trace, debug, info, warning, error, off };

void start_log(LogLevel level);
void set_log_level(LogLevel level);  // at reload

// The first characters of a sid, enough to find the lines of one session, useless to an attacker.
[[nodiscard]] std::string short_sid(std::string_view sid);

// Control characters, DEL, line separators and invalid UTF-8 escaped, bidirectional overrides too; cut at `limit`
// bytes with an ellipsis.
[[nodiscard]] std::string safe_text(std::string_view text, std::size_t limit = 80);

}  // namespace gateway
