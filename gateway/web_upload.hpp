// Files of the chat without scripts: which requests bring one, who may, and the answer when it is over. The way of the
// bytes is UploadConnection's.
#pragma once
#include <string>
#include <string_view>

#include "gateway/web_answer.hpp"
#include "webclient/chat_model.hpp"

namespace gateway {

class SessionHost;
class Shard;
struct UploadWish;

// The body of a POST to this path is a file: it is not collected, and the limit of bodies is not for it.
[[nodiscard]] bool brings_file(std::string_view path);

// The form for a file, in the frame of the form for messages or by itself; with what stood in that.
void show_file_form(Visit& visit, const webclient::Conversation& to, std::string draft, bool framed);
// Judges the request by its head; the connection becomes an UploadConnection, or is answered.
void serve_upload(Visit& visit, const webclient::Conversation* to);

// The whole answer, as bytes. `host` null: the session is gone. `draft`: the message that came with the form.
[[nodiscard]] std::string upload_answer(Shard& shard, SessionHost* host, const UploadWish& wish,
                                        webclient::Problem problem, std::string draft);

// A type that may stand in a header field; what is none becomes application/octet-stream.
[[nodiscard]] std::string media_type(std::string_view text);

}  // namespace gateway
