// What the transcripts of XEP-0198 towards the server are written with.
#pragma once
#include <cstdint>
#include <string>
#include <utility>

#include "tests/unit/xmpp/session_support.hpp"

namespace test {

using xmpp::Management;

inline const std::string sm = "<sm xmlns='urn:xmpp:sm:3'/>", sm_2 = "<sm xmlns='urn:xmpp:sm:2'><optional/></sm>";
inline const std::string bind_feature = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
inline const std::string bound_features = "<stream:features>" + bind_feature + sm_2 + sm + "</stream:features>";
inline const std::string no_management = "<stream:features>" + bind_feature + "</stream:features>";
inline const std::string bind_result = "<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
inline const std::string enable = "<enable xmlns='urn:xmpp:sm:3'/>";
inline const std::string enabled = "<enabled xmlns='urn:xmpp:sm:3'/>", failed = "<failed xmlns='urn:xmpp:sm:3'/>";
inline const std::string r = "<r xmlns='urn:xmpp:sm:3'/>";
inline const std::string refusal =
    "deliver <failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";

inline std::string a(std::uint64_t h) {
  return "<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(h) + "'/>";
}
// From a server that has counted the errors that it was sent.
inline std::string a(const Lines& said) {
  std::uint64_t h = 0;
  for (const auto& line : said)
    for (std::size_t at = 0; (at = line.find("<error ", at)) != std::string::npos; ++at) ++h;
  return a(h);
}
inline std::string message(int n) {
  return "<message from='b@x' id='" + std::to_string(n) + "'/>";
}
inline std::string bounce_of(int n) {
  return "<message xmlns='jabber:client' type='error' to='b@x' id='" + std::to_string(n) +
         "'><error type='wait'><recipient-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>";
}
inline std::string unconfirmed(const std::string& name, const std::string& attributes) {
  return "deliver <" + name + " xmlns='jabber:client' type='error'" + attributes +
         "><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
         "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>The connection was lost before the server "
         "confirmed this.</text></error></" +
         name + ">";
}

struct Managed : Rig {
  explicit Managed(Management who = Management::owned, StreamPolicy with = {})
      : Rig(std::move(with), {"en", "a@example.org", true, who}) {}

  // Login done, resource bound. The answer to <bind/> is one stanza that counts.
  Lines bind(const std::string& features = bound_features) {
    into_restarted(*this);
    server(theirs + features);
    to_server("<iq type='set' id='b'>" + bind_feature + "</iq>", 1);
    return server(bind_result);
  }
  void manage() {
    bind();
    server(enabled);
  }
};

}  // namespace test
