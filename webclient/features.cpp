#include "webclient/features.hpp"

#include <array>
#include <string>

#include "webclient/names.hpp"
#include "webclient/stamp.hpp"
#include "xmpp/names.hpp"

namespace webclient {

namespace {

constexpr const char* node = "urn:postern:chat";
// SHA-1 of caps_input(), base64. Constant, because the features are; the test calculates it.
constexpr std::string_view caps_hash = "MIROFpqhr1aJ8I/FJpqu+EEYbXE=";

// In the order of their bytes, as XEP-0115 wants them.
constexpr std::array<std::string_view, 11> own_features{
    ns::chat_states, ns::disco_info, ns::muc,      ns::version, ns::conference, ns::oob, "urn:xmpp:bookmarks:1+notify",
    ns::correct,     ns::ping,       ns::receipts, ns::time,
};

}  // namespace

xmpp::NewElement result_reply(xmpp::ElementView iq) {
  auto reply = xmpp::NewElement("iq").set("type", "result").set("id", iq.attribute("id"));
  if (const auto from = iq.attribute("from"); !from.empty()) reply.set("to", from);
  return reply;
}

namespace {

xmpp::NewElement error_reply(xmpp::ElementView iq, const char* condition) {
  auto reply = result_reply(iq).set("type", "error");
  reply.add(
      xmpp::NewElement("error").set("type", "cancel").add(xmpp::NewElement(condition, xmpp::ns::stanza_conditions)));
  return reply;
}

}  // namespace

xmpp::NewElement answer_question(xmpp::ElementView iq, const ClientSettings& settings, WallTime wall) {
  const bool get = iq.attribute("type") == "get";
  if (get && iq.child("ping", ns::ping)) return result_reply(iq);
  if (get && iq.child("query", ns::version)) {
    auto query = xmpp::NewElement("query", ns::version);
    query.add(xmpp::NewElement("name", ns::version).text(settings.software));
    query.add(xmpp::NewElement("version", ns::version).text(settings.software_version));
    return result_reply(iq).add(std::move(query));
  }
  if (get && iq.child("time", ns::time)) {
    // In UTC: where the reader is, is nobody's business.
    auto time = xmpp::NewElement("time", ns::time);
    time.add(xmpp::NewElement("tzo", ns::time).text("+00:00"));
    time.add(xmpp::NewElement("utc", ns::time).text(write_stamp(wall)));
    return result_reply(iq).add(std::move(time));
  }
  if (const auto asked = iq.child("query", ns::disco_info); get && asked) {
    const auto of = asked.attribute("node");
    if (!of.empty() && of != std::string(node) + "#" + std::string(caps_hash)) {
      return error_reply(iq, "item-not-found");
    }
    auto query = xmpp::NewElement("query", ns::disco_info);
    if (!of.empty()) query.set("node", of);
    query.add(xmpp::NewElement("identity", ns::disco_info)
                  .set("category", "client")
                  .set("type", "web")
                  .set("name", "postern"));
    for (const auto feature : own_features) {
      query.add(xmpp::NewElement("feature", ns::disco_info).set("var", feature));
    }
    return result_reply(iq).add(std::move(query));
  }
  if (get && iq.child("query", ns::disco_items)) {
    return result_reply(iq).add(xmpp::NewElement("query", ns::disco_items));
  }
  return error_reply(iq, "service-unavailable");
}

xmpp::NewElement caps() {
  return xmpp::NewElement("c", ns::caps).set("hash", "sha-1").set("node", node).set("ver", caps_hash);
}

std::string caps_input() {
  std::string input = "client/web//postern<";
  for (const auto feature : own_features) input.append(feature).append("<");
  return input;
}

}  // namespace webclient
