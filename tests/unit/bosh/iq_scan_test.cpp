// PROTOCOL X-033.
#include "bosh/iq_scan.hpp"

#include <gtest/gtest.h>

namespace bosh {
namespace {

#define SESSION "urn:ietf:params:xml:ns:xmpp-session"

TEST(IqScan, FindsTheSessionRequest) {
  const std::pair<const char*, const char*> cases[] = {
      {"<iq xmlns='jabber:client' type='set' id='a'><session xmlns='" SESSION "'/></iq>", "id='a'"},
      {"<iq id=\"b&amp;'\" type='set'>\n <session xmlns=\"" SESSION "\"></session></iq>", "id=\"b&amp;'\""},
      {"<iq id='c' xmlns:s='" SESSION "'><s:session/></iq>", "id='c'"},
      {"<iq id='d'><s:session xmlns:s='" SESSION "'/></iq>", "id='d'"},
  };
  for (const auto& [iq, id] : cases) EXPECT_EQ(id_of_session_request(iq), id) << iq;
}

TEST(IqScan, FindsNothingElse) {
  for (const char* iq : {
           "<iq type='set'><session xmlns='" SESSION "'/></iq>",
           "<iq id='a'/>",
           "<iq id='a'></iq>",
           "<iq id='a'><session xmlns='urn:other'/></iq>",
           "<iq id='a'><query xmlns='" SESSION "'/></iq>",
           "<iq id='a'><query xmlns='urn:x'><session xmlns='" SESSION "'/></query></iq>",
           "<iq id='a' xmlns='jabber:client' xmlns:s='" SESSION "'><session/></iq>",
           "<iq id='a'>text</iq>",
       })
    EXPECT_EQ(id_of_session_request(iq), std::nullopt) << iq;
}

}  // namespace
}  // namespace bosh
