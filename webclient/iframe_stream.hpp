// The pieces that an endless page is made of (PROTOCOL Z-002...Z-004, Z-007): message bubbles, whose text is escaped,
// and style rules, which hold nothing but what is minted or chosen here: ids, integers, fixed words of the catalogue.
// Each function appends something complete, so that a page cut after any of them shows no half element. Formatting
// only: what is written when is for push_engine. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "webclient/catalogue.hpp"
#include "webclient/chat_model.hpp"

namespace webclient {

// Who looks, and how.
struct Reader {
  const Catalogue* texts = nullptr;
  std::string base;                  // before every path: empty, or the token of a session without cookie
  int zone_minutes = 0;              // from universal time
  std::uint32_t reload_seconds = 0;  // of static pages; 0: never by itself
  bool static_pages = false;
};

// c7, m123, o5: for ids and addresses of pages.
[[nodiscard]] std::string name_of(ConversationId id);
[[nodiscard]] std::string name_of(MessageId id);
[[nodiscard]] std::string name_of(OccupantId id);

[[nodiscard]] std::string_view words(const Catalogue& texts, Show show);
[[nodiscard]] std::string_view words(const Catalogue& texts, Problem problem);

// One message. `live`: its state is told by rules, and own ones can be corrected in the form beside it.
void append_bubble(std::string& out, const Message& message, const Conversation& in, const Reader& reader, bool live);
// The date, between messages of two days.
void append_day(std::string& out, WallTime when, const Reader& reader);
// "14:30"
[[nodiscard]] std::string time_text(WallTime when, int zone_minutes);
[[nodiscard]] bool same_day(WallTime a, WallTime b, const Reader& reader);

// ---- rules; they stand within <style nonce="...">
void append_row_rules(std::string& out, const Conversation& row, const Reader& reader);
// Of all conversations, where the list is not in sight.
void append_unread_rules(std::string& out, std::uint32_t unread);
void append_header_rules(std::string& out, const Conversation& shown, const Reader& reader);
void append_message_rules(std::string& out, const Message& message, const Reader& reader);
// `there` null: has left.
void append_occupant_rules(std::string& out, OccupantId id, const Occupant* there);
// Who has come since the list of occupants was written is shown on one of its places, by name only.
inline constexpr std::size_t places_for_newcomers = 12;
[[nodiscard]] std::string name_of_place(std::size_t place);
void append_newcomer_rules(std::string& out, std::size_t place, const Occupant* there);
void append_account_rules(std::string& out, const Account& account);

void append_style(std::string& out, std::string_view nonce, std::string_view rules);
// Postpones the bar that says the connection is lost; `beat` alternates.
void append_keep_alive(std::string& out, std::string_view nonce, bool beat);
// The end of the document, upon which the browser loads it anew: at once from the address `again` (written out, because
// a page whose own address has a fragment would only scroll), or where that is empty when the header field Refresh says
// so; what is said until then is `farewell`.
void append_end(std::string& out, bool conversation, std::string_view again, std::string_view farewell);

}  // namespace webclient
