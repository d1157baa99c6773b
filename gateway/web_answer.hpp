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
  // "/s/SID" where the session is named by the path and not by a cookie: it stands before every path of ours.
  std::string base;
  std::string path;             // behind the base; decoded of nothing: ours need no escapes; without query
  std::string_view query;       // without '?'
  webclient::Form form;         // of a POST
  SessionHost* host = nullptr;  // null: nobody is logged in
  webclient::WebEngine* engine = nullptr;
  bool has_name = false;  // of a session, which may be gone

  // Of the session; else what the browser has kept, in the language that the address asks for, if it does.
  [[nodiscard]] webclient::Reader reader() const;
  [[nodiscard]] const webclient::Catalogue& texts() const;
  // A value of the query; empty when there is none.
  [[nodiscard]] std::string asked(std::string_view name) const;
};

// "/s/SID", for the pages of a session without cookie.
[[nodiscard]] std::string base_of(std::string_view sid);
// The same at the beginning of a path; empty when there is none.
[[nodiscard]] std::string_view split_base(std::string_view path);

enum class PageKind : std::uint8_t {
  whole,   // in no frame
  framed,  // in a frame of ours
};

inline constexpr std::string_view page_type = "text/html; charset=utf-8";

// The header fields that make a page safe. `base`: as that of a Visit.
[[nodiscard]] std::string page_fields(PageKind kind, std::string_view base);

// Whatever the answer is. No page of another origin may read it: [cors] is for clients that bring a password, and here
// a cookie comes by itself.
void answer_browser(Visit& visit, Answer answer);
void answer_page(Visit& visit, std::string_view page, PageKind kind = PageKind::whole, std::uint16_t status = 200,
                 std::string_view more_fields = {});
// POST/redirect/GET: `location` is one of our own paths, behind the base.
void redirect(Visit& visit, std::string_view location, std::string_view more_fields = {});
// A page that says one thing, by its keys in the catalogue.
void answer_error(Visit& visit, std::uint16_t status, std::string_view key);
// One that says more. A text that came with the request stands in it to be copied, for no page has it any more; where
// the form for messages was it is a line high.
void answer_notice(Visit& visit, webclient::NoticePage notice, PageKind kind, std::uint16_t status = 200);
// "You are not logged in any more", for a page or for what stands in a frame.
void answer_expired(Visit& visit, PageKind kind);
// The same with another reason.
[[nodiscard]] webclient::NoticePage expired_notice(const webclient::Catalogue& texts, std::string_view why);

// A POST comes from one of our pages, as far as the browser tells. False: it does not; an answer and a line of the log
// say so, the line with what an operator may have to set.
[[nodiscard]] bool may_post(Visit& visit, std::string_view what);

// The connection is going to be held long for this browser, and counts for it from now on. False: it has too many
// already, and an answer says so.
[[nodiscard]] bool may_hold(Visit& visit, std::string_view what);

// The head of an endless page, complete.
[[nodiscard]] std::string stream_head(std::string_view nonce, std::string_view self, std::string_view base);

}  // namespace gateway
