// Logging in to the chat without scripts, and out of it.
#pragma once
#include <string>

#include "gateway/web_answer.hpp"

namespace gateway {

void show_login(Visit& visit, const std::string& message, std::uint16_t status = 200);
void log_in(Visit& visit);
void log_out(Visit& visit);
// The session is not yet, or no longer, of use: says so and returns true.
[[nodiscard]] bool answered_for_state(Visit& visit, PageKind kind);

}  // namespace gateway
