// What the reader's forms do: one function a path. Each has been checked already: it comes from one of our pages, and
// its token is that of this session and path.
#pragma once
#include "gateway/web_answer.hpp"
#include "webclient/chat_model.hpp"

namespace gateway {

void post_message(Visit& visit, const webclient::Conversation& to, bool static_page);
void post_new_contact(Visit& visit);
void post_contact(Visit& visit, const webclient::Conversation& who);
void post_join(Visit& visit);
void post_room(Visit& visit, const webclient::Conversation& which);
void post_settings(Visit& visit);

}  // namespace gateway
