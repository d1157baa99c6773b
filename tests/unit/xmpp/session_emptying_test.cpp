// Session: what the server has on its way when the session ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/xmpp/management_support.hpp"

namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;

std::string messages(int from, int to) {
  std::string all;
  for (int n = from; n <= to; ++n) all += message(n);
  return all;
}

// A server in full flow has as much on its way again by the time it reads of the end.
TEST(SessionEmptying, AsksAgainWhereMuchHasCome) {
  Managed rig;
  rig.manage();
  rig.server(messages(1, 60));
  EXPECT_THAT(rig.close(), ElementsAre("send " + r));
  EXPECT_THAT(rig.server(messages(61, 120) + a(0)), ElementsAre("send " + r));
  EXPECT_THAT(rig.server(messages(121, 170) + a(0)), ElementsAre("send " + r));
  EXPECT_THAT(rig.server(messages(171, 219) + a(0)), testing::Contains("send </stream:stream>"));
  EXPECT_EQ(rig.session->state(), Session::State::closing);
}

// But not for ever.
TEST(SessionEmptying, EndsInFullFlowAsWell) {
  Managed rig;
  rig.manage();
  rig.server(messages(1, 60));
  EXPECT_THAT(rig.close(), ElementsAre("send " + r));
  const auto begin = rig.now;
  for (int i = 1; i < 1000 && rig.session->state() == Session::State::emptying; ++i) {
    rig.now += 1s;
    rig.server(messages(i * 60 + 1, i * 60 + 60) + a(0));
  }
  EXPECT_EQ(rig.now - begin, 30s);
}

}  // namespace
