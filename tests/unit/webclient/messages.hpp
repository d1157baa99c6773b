// Messages as a server sends them, and as it has them in copies.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/unit/webclient/play.hpp"

namespace tests {

inline std::string chat(std::string_view from, std::string_view body, std::string_view more = {},
                        std::string_view id = {}) {
  std::string message = "<message type='chat' to='julia@example.org' from='" + std::string(from) + "'";
  if (!id.empty()) message += " id='" + std::string(id) + "'";
  message += ">";
  if (!body.empty()) message += "<body>" + std::string(body) + "</body>";
  return message + std::string(more) + "</message>";
}

// Within a forwarded one.
inline std::string inner(std::string_view from, std::string_view to, std::string_view body,
                         std::string_view more = {}) {
  return "<message xmlns='jabber:client' type='chat' from='" + std::string(from) + "' to='" + std::string(to) + "'" +
         std::string(more) + "><body>" + std::string(body) + "</body></message>";
}

// julia writes to `to`.
inline webclient::Chats::Sent send(Play& play, std::string_view to, std::string_view text) {
  webclient::Chats::Sent sent;
  play.does([&](webclient::Client& client, auto now, auto& out) {
    const auto opened = client.start_chat(to, now, out);
    ASSERT_EQ(opened.problem, webclient::Problem::none);
    sent = client.send(opened.conversation, text, now, out);
  });
  return sent;
}

}  // namespace tests
