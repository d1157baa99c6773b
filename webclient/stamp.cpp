#include "webclient/stamp.hpp"

namespace webclient {

namespace {

// Exactly `digits` of them, which are taken away.
std::optional<int> number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool skip(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// Z, +01:00, or nothing, which is UTC too.
std::optional<std::chrono::minutes> offset(std::string_view text) {
  if (text.empty() || text == "Z") return std::chrono::minutes(0);
  const bool east = skip(text, '+');
  if (!east && !skip(text, '-')) return std::nullopt;
  const auto hours = number(text, 2);
  const bool colon = skip(text, ':');
  const auto minutes = number(text, 2);
  if (!hours || !colon || !minutes || !text.empty() || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::chrono::minutes all(*hours * 60 + *minutes);
  return east ? all : -all;
}

}  // namespace

std::optional<WallTime> read_stamp(std::string_view text) {
  using namespace std::chrono;
  const auto y = number(text, 4);
  const bool dashes = skip(text, '-');
  const auto m = number(text, 2);
  if (dashes && !skip(text, '-')) return std::nullopt;
  const auto d = number(text, 2);
  if (!y || !m || !d || !skip(text, 'T')) return std::nullopt;
  const auto hour = number(text, 2);
  const bool colon = skip(text, ':');
  const auto minute = number(text, 2);
  const bool colon2 = skip(text, ':');
  const auto second = number(text, 2);
  if (!hour || !colon || !minute || !colon2 || !second) return std::nullopt;
  if (skip(text, '.')) {
    while (!text.empty() && text[0] >= '0' && text[0] <= '9') text.remove_prefix(1);
  }
  const auto east = offset(text);
  const year_month_day date(year(*y), month(static_cast<unsigned>(*m)), day(static_cast<unsigned>(*d)));
  if (!east || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return sys_days(date) + hours(*hour) + minutes(*minute) + seconds(*second) - *east;
}

std::string write_stamp(WallTime when) {
  using namespace std::chrono;
  const auto days = floor<std::chrono::days>(when);
  const year_month_day date(days);
  const hh_mm_ss time(when - days);
  const auto two = [](auto value) {
    const auto text = std::to_string(value);
    return text.size() < 2 ? "0" + text : text;
  };
  auto year = std::to_string(static_cast<int>(date.year()));
  year.insert(0, year.size() < 4 ? 4 - year.size() : 0, '0');
  return year + "-" + two(static_cast<unsigned>(date.month())) + "-" + two(static_cast<unsigned>(date.day())) + "T" +
         two(time.hours().count()) + ":" + two(time.minutes().count()) + ":" + two(time.seconds().count()) + "Z";
}

}  // namespace webclient
