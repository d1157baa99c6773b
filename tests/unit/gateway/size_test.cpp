// What an idle session is made of must stay small: 4 kB of resident memory is the aim (docs/PERFORMANCE.md), and a
// little more than half of it is what these objects point to. Whoever needs more room here puts it behind a pointer
// that most sessions do not have.
#include <gtest/gtest.h>

#include "gateway/http_connection.hpp"
#include "gateway/link.hpp"
#include "gateway/session_host.hpp"

namespace gateway {
namespace {

TEST(Size, OfAnIdleSessionWithOneConnectionHeld) {
  EXPECT_LE(sizeof(SessionHost) + sizeof(Link) + sizeof(HttpConnection), 1600U)
      << sizeof(SessionHost) << " + " << sizeof(Link) << " + " << sizeof(HttpConnection);
}

}  // namespace
}  // namespace gateway
