// The small readers of what stands in a header: each is given any text, and what it accepts must be what its user
// relies on. The first byte chooses the reader, lines are the fields where there are several.
#include <algorithm>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gateway/http_conditions.hpp"
#include "gateway/put_answer.hpp"
#include "gateway/put_request.hpp"
#include "gateway/sid.hpp"
#include "gateway/static_path.hpp"
#include "gateway/web_access.hpp"
#include "gateway/ws_handshake.hpp"
#include "tests/fuzz/complain.hpp"
#include "webclient/catalogue.hpp"
#include "webclient/kept_reader.hpp"
#include "webclient/pages.hpp"
#include "xmpp/ascii.hpp"

namespace {

using fuzz::complain;
using gateway::Cookie;

std::string next_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const std::string line(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// Opened below a root: no name that leaves it, is hidden, or is another one to the file system.
void file_name(std::string_view text) {
  const auto name = gateway::file_name_of(text);
  if (!name) return;
  const std::string path = "/" + *name;
  if (path.find("/.") != path.npos || path.find("//") != path.npos) complain("a segment that is none", text);
  for (const char c : path)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\') complain("a control character", text);
  if (gateway::file_type_of(*name).media_type.empty()) complain("no type", text);
}

// The answer is our own words and the digest: nothing of the request may stand in it.
void handshake(std::string_view text) {
  gateway::RequestHead head;
  head.method = gateway::Method::get;
  head.upgrade.emplace();
  head.upgrade->asked = true;
  for (std::string* field : {&head.upgrade->to, &head.upgrade->key, &head.upgrade->version, &head.upgrade->protocols,
                             &head.upgrade->extensions, &head.origin}) {
    *field = next_line(text);
  }
  gateway::WebSocketConfig config;
  config.origins = {"https://chat.example.org"};
  static_cast<void>(gateway::asks_for_websocket(head));
  const auto answer = gateway::answer_handshake(head, config);
  const auto* const accepted = std::get_if<gateway::WsHandshake>(&answer);
  if (accepted == nullptr) return;
  if (!head.origin.empty() && head.origin != config.origins[0]) complain("a foreign origin", head.origin);
  if (head.upgrade->key.size() != 24) complain("a key of another size", head.upgrade->key);
  const std::size_t lines = accepted->deflate ? 6 : 5;  // and the empty one
  std::size_t ends = 0;
  for (std::size_t at = 0; (at = accepted->response.find("\r\n", at)) != std::string::npos; at += 2) ++ends;
  if (ends != lines + 1) complain("another number of lines", accepted->response);
}

// What is found is a part of the field; a second cookie of the name makes it none.
void cookie(std::string_view text) {
  for (const Cookie which : {Cookie::session, Cookie::reader}) {
    for (const bool secure : {false, true}) {
      const auto value = gateway::find_cookie(text, which, secure);
      if (!value) continue;
      if (value->find(';') != value->npos) complain("more than a value", text);
      const std::string set = gateway::set_cookie(which, *value, secure);
      const auto pair = set.substr(12, set.find(';') - 12);  // behind "Set-Cookie: "
      const auto again = gateway::find_cookie(pair, which, secure);
      if (again != value) complain("the value changes", text);
      if (gateway::find_cookie(pair + ";" + std::string(text), which, secure)) complain("one of two is taken", text);
    }
  }
}

void conditions(std::string_view text) {
  gateway::Conditions fields;
  for (std::string* field : {&fields.if_none_match, &fields.if_modified_since, &fields.range, &fields.if_range})
    *field = next_line(text);
  const gateway::Version version{"\"abc\"", 784111777, 1000};
  const auto wanted = gateway::wanted_of(fields, version);
  if (const auto* part = std::get_if<gateway::PartOfFile>(&wanted)) {
    const bool within = part->first < version.size && part->length <= version.size - part->first;
    if (part->length == 0 || !within) complain("a part that is not of the file", fields.range);
  }
  if (const auto time = gateway::read_http_date(fields.if_modified_since)) {
    const std::string written = gateway::http_date(*time);
    const bool usual = *time > -62135596800 && *time < 253402300800;  // years of four digits
    if (usual && gateway::read_http_date(written) != time) complain("another date", written);
  }
}

// Of settings that pages offer, and written again as they were read.
void kept_reader(std::string_view text) {
  webclient::Reader reader;
  reader.texts = &webclient::catalogue("en");
  const std::string before = webclient::keep_reader(reader);
  webclient::restore_reader(text, reader);
  const std::string after = webclient::keep_reader(reader);
  if (after == before) return;
  webclient::Reader again;
  again.texts = reader.texts;
  webclient::restore_reader(after, again);
  if (webclient::keep_reader(again) != after) complain("kept otherwise", text);
}

// It stands in the head of a request to a server of the domain, or to one that is listed.
void slot(std::string_view text) {
  gateway::Domain domain;
  domain.name = domain.ascii_name = "example.org";
  domain.upload_origins = {"http://[2001:db8::1]:8080"};
  const auto target = gateway::put_target(text, domain);
  if (!target) return;
  const bool own = target->host == "example.org" || target->host.ends_with(".example.org");
  if (!target->listed && !(own && target->secure)) complain("sent to a stranger", text);
  if (target->listed && target->host != "2001:db8::1") complain("what is not listed", text);
  if (!target->path.starts_with('/') || target->port == 0) complain("no place", text);
  for (const char c : target->authority + target->path)
    if (c <= ' ' || c >= 0x7f) complain("what stands in no URL", text);
  if (target->authority.find_first_of("/?#@\\") != target->authority.npos) complain("more than a host", text);
}

// The same in pieces; a final status or none.
void answer(std::string_view text) {
  const auto read = [text](std::size_t step) -> std::optional<std::uint16_t> {
    gateway::PutAnswer reader;
    for (std::size_t at = 0; at < text.size(); at += step) {
      if (const auto verdict = reader.take(text.substr(at, step))) {
        if ((verdict->status == 0) == verdict->trouble.empty()) complain("no reason", text);
        return verdict->status;
      }
    }
    return std::nullopt;
  };
  const auto whole = read(text.size());
  if (whole && *whole != 0 && (*whole < 200 || *whole > 599)) complain("no final status", text);
  for (const std::size_t step : {1U, 7U, 100U})
    if (read(step) != whole) complain("another status in pieces", text);
}

// What a sid may look like in one way only: it is compared nowhere else.
void sid(std::string_view text) {
  const auto read = gateway::read_sid(text);
  if (read && gateway::write_sid(*read) != text) complain("another way to write a sid", text);
}

// The same for any case, and whatever else is asked for behind it that we do not have.
void language(std::string_view text) {
  const auto& chosen = webclient::choose_language(text);
  if (&chosen != &webclient::choose_language(xmpp::lowered(text))) complain("the case matters", text);
  if (&chosen != &webclient::choose_language(std::string(text) + ",tlh;q=1")) complain("another language", text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using Reader = void (*)(std::string_view);
  constexpr Reader readers[] = {file_name, handshake, cookie, conditions, kept_reader, slot, answer, sid, language};
  if (size < 2) return 0;
  readers[data[0] % std::size(readers)](fuzz::text_of(data + 1, size - 1));
  return 0;
}
