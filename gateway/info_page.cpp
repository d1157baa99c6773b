#include "gateway/info_page.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "gateway/encoding.hpp"
#include "gateway/version.hpp"
#include "webclient/html.hpp"

namespace gateway {

namespace {

constexpr std::size_t max_shown = 300;

constexpr std::string_view head = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>XMPP over HTTP</title>
<meta name="robots" content="noindex">
<meta name="viewport" content="width=device-width">
<style>)";

constexpr std::string_view style =
    "body{font:16px/1.5 sans-serif;max-width:44em;margin:2em auto;padding:0 1em}"
    "th{text-align:left;vertical-align:top;padding-right:1.5em;white-space:nowrap}code{word-break:break-all}";

constexpr std::string_view introduction = R"(</style>
</head>
<body>
<h1>This is an XMPP (Jabber) connection point for web chat</h1>
<p>A chat program in a browser sends its requests here (BOSH, XEP-0124 and XEP-0206). There is nothing to look at: put
this address into the settings of the program, where it asks for a BOSH or HTTP binding URL.</p>
<p>A chat page of its own, for browsers without JavaScript, is at <code>/</code> where the operator has switched it on:
<code>[webchat] enabled = true</code> in the configuration.</p>
<h2>What arrives here</h2>
<table>
)";

void escape(std::string_view text, std::string& out) {
  std::string shown(text.substr(0, max_shown));
  // Header fields may hold any byte; beyond printable ASCII nothing here is worth the risk of a broken page.
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < 0x20 || c >= 0x7f; }, '?');
  webclient::append_html(out, shown);
  if (text.size() > max_shown) out += "…";
}

void row(std::string_view name, std::string_view value, std::string_view otherwise, std::string& out) {
  out += "<tr><th>";
  out += name;
  out += "</th><td>";
  if (value.empty()) {
    out += otherwise;
  } else {
    out += "<code>";
    escape(value, out);
    out += "</code>";
  }
  out += "</td></tr>\n";
}

std::string_view proxy_text(const InfoRequest& request) {
  if (request.proxy_trusted) {
    return request.forwarded_fields
               ? "the connection comes from a trusted proxy, whose word about the client is taken"
               : "the connection comes from a trusted proxy, but it says nothing about the client: let it send "
                 "X-Forwarded-For and X-Forwarded-Proto";
  }
  return request.forwarded_fields ? "the request has header fields of a proxy, but the connection comes from none that "
                                    "is trusted, so they are "
                                    "ignored: if there is a proxy of yours, add its address to trusted_proxies"
                                  : "none";
}

std::string style_hash() {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(style.data()), style.size(), digest.data());
  return base64(digest);
}

}  // namespace

std::string info_page(const InfoRequest& request) {
  std::string out;
  out.reserve(2048);
  out += head;
  out += style;
  out += introduction;
  std::string url;
  if (!request.host.empty()) {
    url += request.scheme;
    url += "://";
    url += request.host;
  }
  url += request.path;
  row("Address of this page", url, {}, out);
  row("Scheme", request.scheme, {}, out);
  row("Your address", request.client, {}, out);
  if (request.peer != request.client) row("Address of the proxy", request.peer, {}, out);
  out += "<tr><th>Proxy</th><td>";
  out += proxy_text(request);
  out += "</td></tr>\n";
  row("Origin", request.origin, "not sent", out);
  row("Protocol", request.http_version, {}, out);
  out += "</table>\n";
  if (request.scheme != "https") {
    out +=
        "<p><strong>The connection from the browser to here is not encrypted</strong>, as far as can be seen from "
        "here. Passwords may travel in the clear.</p>\n";
  }
  out += "<p>postern ";
  out += version;
  out += "</p>\n</body>\n</html>\n";
  return out;
}

std::string_view info_page_policy() {
  // The style element is allowed by its hash, not by 'unsafe-inline': should escaping ever fail, injected CSS stays
  // dead.
  static const std::string policy = "default-src 'none'; style-src 'sha256-" + style_hash() +
                                    "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";
  return policy;
}

}  // namespace gateway
