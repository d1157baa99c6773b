// One request for the chat without scripts, and the ways to answer it: each kind of page with exactly the header fields
// that let it work and nothing else (no script anywhere, no foreign frame around it, no address in a referrer).
// Lives during one call of serve_web().
#pragma once
#include <string>
#include <string_view>
#include <variant>

#include "gateway/address.hpp"
#include "gateway/http_connection.hpp"
#include "gateway/session_host.hpp"
#include "webclient/form.hpp"
#include "webclient/web_engine.hpp"

namespace gateway {

class Shard;

struct Visit {
  Shard& shard;
  HttpConnection& connection;
  const Request& request;
  Client client;
  std::string path;             // decoded of nothing: ours need no escapes; without query
  std::string_view query;       // without '?'
  webclient::Form form;         // of a POST
  SessionHost* host = nullptr;  // null: nobody is logged in
  webclient::WebEngine* engine = nullptr;

  [[nodiscard]] const webclient::Catalogue& texts() const;
  // A value of the query; empty when there is none.
  [[nodiscard]] std::string asked(std::string_view name) const;
};

enum class PageKind : std::uint8_t {
  whole,   // in no frame
  framed,  // in a frame of ours
};

void answer_page(Visit& visit, std::string_view page, PageKind kind = PageKind::whole, std::uint16_t status = 200,
                 std::string_view more_fields = {});
// POST/redirect/GET: `location` is one of our own paths.
void redirect(Visit& visit, std::string_view location, std::string_view more_fields = {});
// A page that says one thing, by its keys in the catalogue.
void answer_error(Visit& visit, std::uint16_t status, std::string_view key);
// "You are not logged in any more", for a page or for what stands in a frame.
void answer_expired(Visit& visit, PageKind kind);

// The head of an endless page, complete.
[[nodiscard]] std::string stream_head(std::string_view nonce, std::string_view self);

}  // namespace gateway
