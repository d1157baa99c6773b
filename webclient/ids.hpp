// Numbers that we mint for what pages show: c7 a row of the list and its conversation, m123 a message, o5 an occupant
// of a room, u2 a file on its way. They go into ids and addresses of pages instead of JIDs, so nothing that a contact
// chooses can be there. Never used twice within a session.
#pragma once
#include <cstdint>

namespace webclient {

enum class ConversationId : std::uint32_t {};
enum class MessageId : std::uint32_t {};
enum class OccupantId : std::uint32_t {};
enum class UploadId : std::uint32_t {};

}  // namespace webclient
