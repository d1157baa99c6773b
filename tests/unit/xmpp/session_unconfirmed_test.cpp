// Transcripts of XEP-0198 towards the server: what it has not confirmed is reported to the client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/xmpp/management_support.hpp"

namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(SessionManagement, AsksAndReportsWhatWasNeverConfirmed) {
  Managed rig;
  rig.manage();
  EXPECT_THAT(rig.to_server("<presence/><message to='b@x' id='1'/>", 2),
              ElementsAre("send <presence/><message to='b@x' id='1'/>"));
  EXPECT_THAT(rig.after(2s), ElementsAre("send " + r));
  EXPECT_THAT(rig.server(a(1)), IsEmpty());
  rig.to_server("<iq type='get' id='2'/>", 1);
  rig.to_server("<message type='error' to='b@x' id='3'/>", 1);
  EXPECT_THAT(rig.down(), ElementsAre(unconfirmed("message", " from='b@x' id='1'"), unconfirmed("iq", " id='2'"),
                                      "ended connection_lost"));
}

// The server binds and hangs: its <enabled/> never comes.
TEST(SessionManagement, ReportsWhatWasSentBeforeEnabledCame) {
  Managed rig;
  rig.bind();
  rig.to_server("<message to='b@x' id='1'/>", 1);
  rig.to_server("<iq type='get' id='2'/><presence/>", 2);
  EXPECT_THAT(rig.down(), ElementsAre(unconfirmed("message", " from='b@x' id='1'"), unconfirmed("iq", " id='2'"),
                                      "ended connection_lost"));
  // A server that refuses has taken all that.
  Managed refused;
  refused.bind();
  refused.to_server("<message to='b@x' id='1'/>", 1);
  refused.server(failed);
  EXPECT_THAT(refused.down(), ElementsAre("ended connection_lost"));
}

TEST(SessionManagement, ReportsBehindAStreamError) {
  Managed rig;
  rig.manage();
  rig.to_server("<message to='b@x' id='1'/>", 1);
  EXPECT_THAT(rig.server(conflict), ElementsAre(unconfirmed("message", " from='b@x' id='1'"), delivered(conflict),
                                                "send </stream:stream>", "ended stream_error"));
}

// The client that ends its session is not there to be told.
TEST(SessionManagement, ReportsNothingToAClientThatLeft) {
  Managed rig;
  rig.manage();
  rig.to_server("<message to='b@x' id='1'/>", 1);
  rig.close();
  EXPECT_THAT(rig.down(), ElementsAre("ended closed"));
}

// What is over keeps nothing, however long its sid is remembered.
TEST(SessionManagement, KeepsNoErrorsBehindTheEnd) {
  Managed rig;
  rig.manage();
  rig.server(message(1));
  rig.to_server("<message to='b@x' id='1'/>", 1);
  EXPECT_GT(rig.session->queued_bytes(), 0U);
  rig.close();
  rig.down();
  EXPECT_EQ(rig.session->queued_bytes(), 0U);
}

TEST(SessionManagement, AsksAtOnceAfterTen) {
  Managed rig;
  rig.manage();
  for (int i = 0; i < 9; ++i) EXPECT_THAT(rig.to_server("<presence/>", 1), ElementsAre("send <presence/>"));
  EXPECT_THAT(rig.to_server("<presence/>", 1), ElementsAre("send <presence/>", "send " + r));
  EXPECT_THAT(rig.server(a(10)), IsEmpty());
}

}  // namespace
