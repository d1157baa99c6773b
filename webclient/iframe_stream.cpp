#include "webclient/iframe_stream.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "webclient/html.hpp"
#include "webclient/text.hpp"

namespace webclient {

namespace {

// Longer messages are folded: the beginning is shown, the whole on demand.
constexpr std::size_t fold_bytes = 1500;
constexpr std::size_t fold_lines = 20;
constexpr std::size_t folded_bytes = 300;

struct Clock {
  std::chrono::year_month_day date;
  unsigned hour = 0, minute = 0;
};

Clock clock_of(WallTime when, int zone_minutes) {
  const auto local = when + std::chrono::minutes(zone_minutes);
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(local - day).count();
  return {std::chrono::year_month_day(day), static_cast<unsigned>(minutes / 60), static_cast<unsigned>(minutes % 60)};
}

std::string padded(unsigned number, std::size_t width) {
  std::string digits = std::to_string(number);
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return digits;
}

std::string date_text(const Clock& clock) {
  return padded(static_cast<unsigned>(static_cast<int>(clock.date.year())), 4) + "-" +
         padded(static_cast<unsigned>(clock.date.month()), 2) + "-" +
         padded(static_cast<unsigned>(clock.date.day()), 2);
}

std::string time_text(const Clock& clock) {
  return padded(clock.hour, 2) + ":" + padded(clock.minute, 2);
}

std::string_view author_of(const Message& message, const Conversation& in, const Reader& reader) {
  if (message.direction == Direction::outgoing) return reader.texts->text("stream.me");
  return message.author.empty() ? in.title() : std::string_view(message.author);
}

std::string notice_text(const Message& message, const Conversation& in, const Reader& reader) {
  const bool refused = message.notice == Notice::not_invited;
  const Variables variables{{"name", author_of(message, in, reader)},
                            {"text", refused ? words(*reader.texts, message.problem) : message.text}};
  const auto fill = [&](std::string_view key) { return reader.texts->fill(key, variables); };
  switch (message.notice) {
    case Notice::subject:
      return fill(message.text.empty() ? "notice.subject_removed" : "notice.subject");
    case Notice::nick_changed:
      return fill("notice.nick_changed");
    case Notice::kicked:
      return fill("notice.kicked");
    case Notice::banned:
      return fill("notice.banned");
    case Notice::invited:
      return fill("notice.invited");
    case Notice::has_invited:
      return fill("notice.has_invited");
    case Notice::not_invited:
      return fill("notice.not_invited");
    case Notice::declined:
      return fill("notice.declined");
    case Notice::none:
      break;
  }
  return message.text;
}

// The beginning of a long text, whole characters and at most `fold_lines` lines of it.
std::string_view beginning(std::string_view text) {
  std::size_t end = std::min(folded_bytes, text.size());
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  std::string_view out = text.substr(0, end);
  std::size_t at = 0;
  for (std::size_t lines = 0; lines < fold_lines / 2; ++lines) {
    at = out.find('\n', at);
    if (at == std::string_view::npos) return out;
    ++at;
  }
  return out.substr(0, at - 1);
}

// Nothing but a file (XEP-0363 says to put its address into the body too).
bool is_file(const Message& message) {
  return !message.link.empty() && message.text == message.link;
}

void append_text(std::string& out, const Message& message, const Reader& reader) {
  if (is_file(message)) {
    out += "<span class=\"x\">";
    append_file_link(out, message.link);
    out += "</span>";
    return;
  }
  const auto lines = static_cast<std::size_t>(std::count(message.text.begin(), message.text.end(), '\n'));
  if (message.text.size() <= fold_bytes && lines <= fold_lines) {
    out += "<span class=\"x\" dir=\"auto\">";
    append_html_with_links(out, message.text);
    out += "</span>";
    return;
  }
  out += "<details class=\"x\"><summary>";
  append_html(out, beginning(message.text));
  out += "… (";
  append_html(out, reader.texts->text("stream.more"));
  out += ")</summary>";
  append_html_with_links(out, message.text);
  out += "</details>";
}

std::string delivery_text(const Message& message, const Reader& reader) {
  const Catalogue& texts = *reader.texts;
  switch (message.delivery) {
    case Delivery::waiting:
      return std::string(texts.text("delivery.waiting"));
    case Delivery::sent:
      return std::string(texts.text("delivery.sent"));
    case Delivery::delivered:
      return std::string(texts.text("delivery.delivered"));
    case Delivery::failed:
      return std::string(texts.text("delivery.failed")) + ": " + std::string(words(texts, message.problem));
    case Delivery::none:
      break;
  }
  return {};
}

std::string_view delivery_mark(Delivery delivery) {
  switch (delivery) {
    case Delivery::waiting:
      return "\\2026";
    case Delivery::sent:
      return "\\2713";
    case Delivery::delivered:
      return "\\2713\\2713";
    default:
      return "";
  }
}

std::string_view colour(Show show) {
  switch (show) {
    case Show::online:
    case Show::chat:
      return "var(--online)";
    case Show::away:
    case Show::extended_away:
      return "var(--away)";
    case Show::do_not_disturb:
      return "var(--busy)";
    case Show::offline:
      break;
  }
  return "var(--off)";
}

// Within its group a row stands by this, then as the page was written, which is by title.
int rank(const Conversation& row) {
  if (row.asks || (row.room && row.room->invitation)) return 0;
  if (row.unread > 0) return 1;
  if (row.kind == RowKind::room) return row.room && row.room->state == RoomState::joined ? 2 : 6;
  switch (row.show) {
    case Show::chat:
    case Show::online:
      return 2;
    case Show::away:
    case Show::do_not_disturb:
      return 3;
    case Show::extended_away:
      return 4;
    case Show::offline:
      break;
  }
  return 6;
}

Show shown_presence(const Conversation& row) {
  if (row.kind != RowKind::room) return row.show;
  return row.room && row.room->state == RoomState::joined ? Show::online : Show::offline;
}

void append_content(std::string& out, std::string_view text) {
  out += "::after{content:";
  append_css_string(out, text);
  out += "}";
}

void append_presence_of_occupant(std::string& out, std::string_view element, const Occupant* there,
                                 std::string_view more = {}) {
  out.append("#").append(element);
  if (there == nullptr) {
    out += "{display:none}";
    return;
  }
  out.append("{").append(more).append("--d:").append(colour(there->show)).append("}");
}

}  // namespace

std::string name_of(ConversationId id) {
  return "c" + std::to_string(static_cast<std::uint32_t>(id));
}
std::string name_of(MessageId id) {
  return "m" + std::to_string(static_cast<std::uint32_t>(id));
}
std::string name_of(OccupantId id) {
  return "o" + std::to_string(static_cast<std::uint32_t>(id));
}

std::string_view words(const Catalogue& texts, Show show) {
  constexpr std::array<std::string_view, 6> keys{"show.offline", "show.chat",          "show.online",
                                                 "show.away",    "show.extended_away", "show.do_not_disturb"};
  return texts.text(keys.at(static_cast<std::size_t>(show)));
}

void append_bubble(std::string& out, const Message& message, const Conversation& in, const Reader& reader, bool live) {
  const Clock clock = clock_of(message.when, reader.zone_minutes);
  const std::string id = name_of(message.id);
  if (message.direction == Direction::notice) {
    out += "<p class=\"b note\" id=\"" + id + "\"><bdi>";
    append_html_with_links(out, notice_text(message, in, reader));
    out += "</bdi> <small>" + time_text(clock) + "</small></p>\n";
    return;
  }
  const bool own = message.direction == Direction::outgoing;
  out += "<div class=\"b";
  out += own ? " out" : " in";
  if (message.mention) out += " hl";
  out += "\" id=\"" + id + "\"><bdi class=\"a\">";
  if (message.me) out += "* ";
  append_html(out, author_of(message, in, reader));
  out += "</bdi> ";
  append_text(out, message, reader);
  if (!message.link.empty() && message.text.find(message.link) == std::string::npos) {
    out += " <a href=\"";
    append_html(out, message.link);
    out += "\" target=\"_blank\" rel=\"noreferrer noopener nofollow\">";
    append_html(out, reader.texts->text("stream.file"));
    out += "</a>";
  }
  out += " <small>";
  if (message.cut) {
    append_html(out, reader.texts->text("stream.cut"));
    out += ' ';
  }
  if (message.replaces) {
    append_html(out, reader.texts->text("stream.edited"));
    out += ' ';
  }
  out += "<time datetime=\"" + date_text(clock) + "T" + time_text(clock) + "\">" + time_text(clock) + "</time>";
  if (own && live && is_file(message)) {
    out += " <span class=\"k\"></span>";  // what others would get of a correction is no file
  } else if (own && live) {
    out += " <a class=\"e\" href=\"" + html(reader.base) + "/compose/" + name_of(in.id) + "?edit=" + id +
           "#t\" target=\"compose\">";
    append_html(out, reader.texts->text("stream.edit"));
    out += "</a> <span class=\"k\"></span>";
  } else if (own && message.delivery != Delivery::none) {
    out += " <span class=\"k\">";
    append_html(out, delivery_text(message, reader));
    out += "</span>";
  }
  out += "</small></div>\n";
}

std::string time_text(WallTime when, int zone_minutes) {
  return time_text(clock_of(when, zone_minutes));
}

bool same_day(WallTime a, WallTime b, const Reader& reader) {
  return clock_of(a, reader.zone_minutes).date == clock_of(b, reader.zone_minutes).date;
}

void append_day(std::string& out, WallTime when, const Reader& reader) {
  const std::string date = date_text(clock_of(when, reader.zone_minutes));
  out += "<p class=\"day\"><time datetime=\"" + date + "\">" + date + "</time></p>\n";
}

void append_row_rules(std::string& out, const Conversation& row, const Reader& reader) {
  const std::string id = "#" + name_of(row.id);
  const Show show = shown_presence(row);
  out += id + "{--d:";
  out += colour(show);
  out += ";order:" + std::to_string(rank(row)) + "}";
  if (row.kind != RowKind::room) append_content(out += id + " .p", words(*reader.texts, show));
  out += id + " .n{display:" + (row.unread > 0 ? "inline-block" : "none") + "}";
  append_content(out += id + " .n", std::to_string(row.unread) + (row.mentions > 0 ? " \u2022" : ""));
  out += id + " .t{display:" + (row.typing == Typing::composing ? "inline" : "none") + "}";
}

void append_unread_rules(std::string& out, std::uint32_t unread) {
  out += "#un{display:";
  out += unread > 0 ? "inline-block}" : "none}";
  append_content(out += "#un", std::to_string(unread));
}

void append_header_rules(std::string& out, const Conversation& shown, const Reader& reader) {
  out += "#hd{--d:";
  out += colour(shown_presence(shown));
  out += "}";
  // The name is a user's text and stays out of rules: it stands in the header above anyway.
  append_content(out += "#ty", shown.typing == Typing::composing ? reader.texts->text("stream.typing_short") : "");
  if (shown.room)
    append_content(out += "#oc", std::to_string(shown.room->occupants.size() + shown.room->more_occupants));
}

void append_message_rules(std::string& out, const Message& message, const Reader& reader) {
  const std::string id = "#" + name_of(message.id);
  if (message.replaced_by) {
    out += id + "{display:none}";
    return;
  }
  if (message.direction != Direction::outgoing || message.delivery == Delivery::none) return;
  out += id + " .k::after{content:";
  if (message.delivery == Delivery::failed) {
    append_css_string(out, delivery_text(message, reader));
    out += ";color:var(--alert)}";
    return;
  }
  // Marks for the eye, words for who cannot see them.
  out += '"';
  out += delivery_mark(message.delivery);
  out += "\"/";
  append_css_string(out, delivery_text(message, reader));
  out += "}";
}

void append_occupant_rules(std::string& out, OccupantId id, const Occupant* there) {
  append_presence_of_occupant(out, name_of(id), there);
}

std::string name_of_place(std::size_t place) {
  return "n" + std::to_string(place);
}

void append_newcomer_rules(std::string& out, std::size_t place, const Occupant* there) {
  const std::string element = name_of_place(place);
  append_presence_of_occupant(out, element, there, "display:list-item;");
  if (there == nullptr) return;
  out.append("#").append(element);
  append_content(out, there->nick);
}

void append_account_rules(std::string& out, const Account& account) {
  out += "#own{--d:";
  out += colour(account.link == LinkState::online ? account.show : Show::offline);
  out += "}#down{display:";
  out += account.link == LinkState::reconnecting ? "block}" : "none}";
}

void append_style(std::string& out, std::string_view nonce, std::string_view rules) {
  if (rules.empty()) return;
  out += "<style nonce=\"";
  out += nonce;
  out += "\">";
  out += rules;
  out += "</style>\n";
}

void append_keep_alive(std::string& out, std::string_view nonce, bool beat) {
  append_style(out, nonce, beat ? "#rc{animation-name:kb}" : "#rc{animation-name:ka}");
}

void append_end(std::string& out, bool conversation, std::string_view again, std::string_view farewell) {
  if (!again.empty()) {
    out += "<meta http-equiv=\"refresh\" content=\"0;url=";
    append_html(out, again);
    out += "\">";
  }
  out += conversation ? "</section></div></div></main>" : "</div>";
  if (!farewell.empty()) {
    out += "<p class=\"stop\" role=\"status\">";
    append_html(out, farewell);
    out += "</p>";
  }
  out += "</div></body></html>\n";
}

}  // namespace webclient
