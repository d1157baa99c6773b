// Session: what of a stanza above the limits reaches whom.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
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
  // It is the only one who can answer.
  EXPECT_THAT(rig.server(deep("iq", " from='b@x' id='1' type='get'")),
              ElementsAre(delivered("<iq from='b@x' id='1' type='get'/>")));
  EXPECT_THAT(rig.server(deep("iq", " id='2' type='result'")),
              ElementsAre("deliver <iq xmlns='jabber:client' type='error' id='2'>" + condition + "iq>"));
  Managed old(Management::transparent);
  old.bind("<stream:features>" + test::bind_feature + test::sm_2 + "</stream:features>");
  EXPECT_THAT(old.server(message), ElementsAre(shown));
  Managed without(Management::transparent);
  without.bind("<stream:features>" + test::bind_feature + "</stream:features>");
  EXPECT_THAT(without.server(message), ElementsAre(told, shown));
}

std::string with_id(std::size_t size) {
  return deep("message", " from='b@x' id='" + std::string(size, 'i') + "'");
}
int refusals(const test::Lines& said) {
  return static_cast<int>(std::count_if(said.begin(), said.end(), [](const std::string& line) {
    return line.starts_with("send <message") && line.find("policy-violation") != std::string::npos;
  }));
}

// An id is as long as its author likes; a JID is not.
TEST(SessionExcess, IsNotToldAtAnyLength) {
  Managed rig;
  rig.manage();
  EXPECT_EQ(refusals(rig.server(with_id(1024))), 1);
  EXPECT_THAT(rig.server(with_id(1025)), testing::SizeIs(1)) << "the client has it all the same";
  EXPECT_THAT(rig.server(a(1)), IsEmpty());
  const std::string longest = "b@x/" + std::string(1023, 'r');
  EXPECT_EQ(refusals(rig.server(deep("message", " from='" + longest + "' id='1'"))), 1);
}

// A server that reads slowly, or not, is not to be filled by whoever may write to the client.
TEST(SessionExcess, IsNotToldWithoutEnd) {
  Managed rig;
  rig.manage();
  test::Lines said;
  for (int i = 0; i < 100; ++i) {
    const auto more = rig.server(with_id(1000));
    said.insert(said.end(), more.begin(), more.end());
  }
  const int told_at_once = refusals(said);
  EXPECT_GE(told_at_once, 10);
  EXPECT_LE(told_at_once, 16);
  EXPECT_THAT(said, testing::Contains("send " + test::r)) << "so that it can show that it reads";
  EXPECT_THAT(rig.server(a(10)), testing::Each(testing::StartsWith("send <r")));
  EXPECT_EQ(refusals(rig.server(message)), 1);
  EXPECT_THAT(rig.server(a(static_cast<std::uint64_t>(told_at_once) + 1)), IsEmpty()) << "it counts what was sent";

  Managed without(Management::transparent);
  without.bind("<stream:features>" + test::bind_feature + "</stream:features>");
  for (int i = 0; i < 100; ++i) without.server(with_id(1000));
  EXPECT_EQ(refusals(without.server(message)), 0);
  without.now += std::chrono::minutes(1);
  EXPECT_EQ(refusals(without.server(message)), 1);

  Managed congested;
  congested.manage();
  congested.session->congested(true);
  EXPECT_THAT(congested.server(message), ElementsAre(shown));
  congested.session->congested(false);
  EXPECT_THAT(congested.server(message), ElementsAre(told, shown));
}

}  // namespace
