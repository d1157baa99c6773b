// Session: what of a stanza above the limits reaches whom.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/xmpp/management_support.hpp"

namespace {

using test::a;
using test::delivered;
using testing::ElementsAre;
using testing::IsEmpty;
using xmpp::Management;

std::string deep(const std::string& name, const std::string& attributes) {
  std::string bytes = "<" + name + attributes + ">";
  for (int i = 0; i < 70; ++i) bytes += "<x>";
  for (int i = 0; i < 70; ++i) bytes += "</x>";
  return bytes + "</" + name + ">";
}

struct Managed : test::Managed {
  explicit Managed(Management who = Management::owned) : test::Managed(who) { limits.leave_out = true; }
};

const std::string condition =
    "<error type='modify'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></";
const std::string message = deep("message", " from='b@x' id='1' type='chat'");
const std::string shown = delivered("<message from='b@x' id='1' type='chat'/>");
const std::string told = "send <message xmlns='jabber:client' type='error' to='b@x' id='1'>" + condition + "message>";

TEST(SessionExcess, IsToldToWhoWroteOrAsked) {
  Managed rig;
  rig.manage();
  EXPECT_THAT(rig.server(message), ElementsAre(told, shown));
  EXPECT_THAT(rig.server(deep("presence", " from='b@x'")), ElementsAre(delivered("<presence from='b@x'/>")));
  EXPECT_THAT(rig.server(deep("iq", " from='b@x' id='1' type='set'")),
              ElementsAre("send <iq xmlns='jabber:client' type='error' to='b@x' id='1'>" + condition + "iq>",
                          "deliver <iq xmlns='jabber:client' type='error' from='b@x' id='1'>" + condition + "iq>"));
  EXPECT_THAT(rig.server(deep("iq", " id='2' type='result'")),
              ElementsAre("deliver <iq xmlns='jabber:client' type='error' id='2'>" + condition + "iq>"));
}

// Both counts stay right: theirs of what we send, and ours of what the client has.
TEST(SessionExcess, Counts) {
  Managed rig;
  rig.manage();
  rig.server(message);
  EXPECT_THAT(rig.server(test::r), ElementsAre("send " + a(0)));
  EXPECT_THAT(rig.server(a(1)), IsEmpty()) << "the error is one of what we sent";
  rig.received(2);
  EXPECT_THAT(rig.close(), ElementsAre("send " + a(1), "send </stream:stream>"));
}

// It was told already, so not again when the session ends before the client has proven it.
TEST(SessionExcess, IsToldOnce) {
  Managed rig;
  rig.bind();
  EXPECT_THAT(rig.server(message), ElementsAre(told, shown));
  rig.close();
  EXPECT_THAT(rig.server(test::enabled), ElementsAre("send </stream:stream>"));
}

// Also where nobody is there to receive it any more.
TEST(SessionExcess, IsToldWhileTheServerIsEmptied) {
  Managed rig;
  rig.manage();
  for (int i = 0; i < 60; ++i) rig.server(test::message(i));
  EXPECT_THAT(rig.close(), ElementsAre("send " + test::r));
  EXPECT_THAT(rig.server(message), ElementsAre(told));
}

// A client that may count what it sends must not find the server counting more.
TEST(SessionExcess, IsNotToldOnAStreamThatTheClientManages) {
  Managed rig(Management::transparent);
  rig.bind();
  EXPECT_THAT(rig.server(message), ElementsAre(shown));
  Managed old(Management::transparent);
  old.bind("<stream:features>" + test::bind_feature + test::sm_2 + "</stream:features>");
  EXPECT_THAT(old.server(message), ElementsAre(shown));
  Managed without(Management::transparent);
  without.bind("<stream:features>" + test::bind_feature + "</stream:features>");
  EXPECT_THAT(without.server(message), ElementsAre(told, shown));
}

}  // namespace
