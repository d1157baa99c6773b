#include "bosh/poll_request.hpp"

#include <algorithm>
#include <variant>

#include "xmpp/parser_pool.hpp"
#include "xmpp/raw_tag.hpp"
#include "xmpp/stream_splitter.hpp"

namespace bosh {

namespace {

constexpr std::size_t max_id = 64;
constexpr std::size_t max_key = 128;  // a seed may be any text

std::string base64(const Digest& digest) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0;
  unsigned have = 0;
  for (const std::uint8_t byte : digest) {
    bits = (bits << 8 | byte) & 0xffff;
    have += 8;
    while (have >= 6) {
      have -= 6;
      out += alphabet[bits >> have & 63];
    }
  }
  if (have > 0) out += alphabet[bits << (6 - have) & 63];
  return out;
}

std::string_view without_padding(std::string_view key) {
  while (key.ends_with('=')) key.remove_suffix(1);
  return key;
}

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= max_id && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == ':' || c == '-';
  });
}

}  // namespace

std::optional<PollRequest> read_poll_request(std::string_view body) {
  const auto comma = body.find(',');  // P-003: what follows the first one may hold others
  if (comma == body.npos) return {};
  std::string_view head = body.substr(0, comma);
  PollRequest request;
  request.xml = body.substr(comma + 1);
  const auto next = [&head]() -> std::optional<std::string_view> {
    if (head.data() == nullptr) return {};
    const auto semicolon = head.find(';');
    const std::string_view part = head.substr(0, semicolon);
    head = semicolon == head.npos ? std::string_view{} : head.substr(semicolon + 1);
    return part;
  };
  request.id = *next();
  request.key = next();
  request.newkey = next();
  if (!is_id(request.id) || head.data() != nullptr) return {};
  for (const auto& key : {request.key, request.newkey}) {
    if (key && key->size() > max_key) return {};
  }
  return request;
}

std::string_view poll_error_id(PollError error) {
  switch (error) {
    case PollError::unknown_session:
      return "0:0";
    case PollError::server_error:
      return "-1:0";
    case PollError::bad_request:
      return "-2:0";
    case PollError::key_error:
      return "-3:0";
  }
  return {};
}

std::string poll_cookie(std::string_view id, std::string_view path) {
  // As in the examples of XEP-0025: the date that is none makes it a cookie of the session.
  return "Set-Cookie: ID=" + std::string(id) + "; path=" + std::string(path) + "/; expires=-1\r\n";
}

PollKeys::PollKeys(std::optional<std::string_view> first) : keyed_(first.has_value()) {
  if (first) expect(*first);
}

void PollKeys::expect(std::string_view key) {
  expected_ = without_padding(key);
}

bool PollKeys::accept(const PollRequest& request) {
  if (!keyed_) return true;
  if (!request.key || base64(key_digest(*request.key)) != expected_) return false;
  expect(request.newkey ? *request.newkey : *request.key);
  return true;
}

std::optional<PollHeader> read_poll_header(std::string_view xml, xmpp::ParserPool& pool, const xmpp::Limits& limits) {
  xmpp::StreamSplitter splitter(pool, limits);
  xmpp::StreamEvents events;
  splitter.feed(xml, events);
  if (events.list.empty()) return {};
  const auto* const opened = std::get_if<xmpp::StreamOpened>(&events.list.front());
  if (opened == nullptr) return {};
  // What stands in front of it, by now proven to be an XML declaration and white space, has no other '<'.
  auto begin = xml.find('<');
  if (begin != xml.npos && xml.substr(begin).starts_with("<?")) begin = xml.find('<', begin + 1);
  const auto tag = begin == xml.npos ? std::nullopt : xmpp::read_start_tag(xml, begin);
  if (!tag) return {};
  PollHeader header;
  header.lang = opened->lang;
  header.from = opened->from;
  header.version = !opened->version.empty() && opened->version != "0.9";
  for (const auto& attribute : tag->attributes) {
    if (attribute.name == "to") header.to = xmpp::attribute_value(attribute.value);
  }
  return header;
}

}  // namespace bosh
