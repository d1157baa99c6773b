#include "gateway/host_meta.hpp"

#include <array>
#include <utility>

namespace gateway {

namespace {

std::string xml_escaped(std::string_view url) {
  std::string out;
  for (const char c : url) {
    if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

// The configuration admits no quote, bracket, backslash or control character in a URL: only & is left to escape.
HostMeta::Documents documents_of(const Domain& domain) {
  const std::array<std::pair<std::string_view, std::string_view>, 2> links{
      {{"xbosh", domain.bosh_url}, {"websocket", domain.websocket_url}}};
  HostMeta::Documents out;
  std::string xml_links;
  std::string json_links;
  for (const auto& [kind, url] : links) {
    if (url.empty()) continue;
    const std::string rel = "urn:xmpp:alt-connections:" + std::string(kind);
    xml_links += "  <Link rel='" + rel + "' href='" + xml_escaped(url) + "'/>\n";
    if (!json_links.empty()) json_links += ',';
    json_links += "{\"rel\":\"" + rel + "\",\"href\":\"" + std::string(url) + "\"}";
  }
  if (xml_links.empty()) return out;
  // Unprefixed: converse.js looks for elements of these very names (D-006).
  out.xml = "<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n" +
            xml_links + "</XRD>\n";
  out.json = "{\"links\":[" + json_links + "]}\n";
  return out;
}

}  // namespace

HostMeta::HostMeta(const Config& config) : domains_(config.domains), fallback_(config.server.default_domain) {
  for (const Domain& domain : domains_.all()) documents_.push_back(documents_of(domain));
  if (fallback_.empty() && domains_.all().size() == 1) fallback_ = domains_.all().front().name;
}

const HostMeta::Documents* HostMeta::find(std::string_view host) const {
  if (!host.starts_with('[')) host = host.substr(0, host.find(':'));
  auto found = domains_.find(host);
  // A proxy in front may ask by a name of its own; the client compares nothing with it (D-009).
  if (found.standing == Domains::Standing::unknown) found = domains_.find(fallback_);
  if (found.standing != Domains::Standing::served) return nullptr;
  const Documents& documents = documents_[static_cast<std::size_t>(found.domain - domains_.all().data())];
  return documents.xml.empty() ? nullptr : &documents;
}

}  // namespace gateway
