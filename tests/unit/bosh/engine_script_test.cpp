// XEP-0252 within a session: the stream of the client may be cut anywhere, and the rids say how it goes together again.
// PROTOCOL S-002, S-004, B-070, B-122, B-145, B-170.
#include <gtest/gtest.h>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

struct Script : Transcript {
  Script() {
    speak_script();
    start();
  }
};

TEST(EngineScript, ForwardsWhatIsComplete) {
  Script t;
  t.run(R"(
    C>10 <message to='b@x'><bo
    C>11 dy>hi</body></message><presence/><message t
      U> <message to='b@x'><body>hi</body></message><presence/>
    at 10ms
      G>10 empty
    C>12 o='c@x'/>
      U> <message to='c@x'/>
    at 20ms
      G>11 empty
    S> <message from='b@x'><body>"quoted" \ text</body></message>
      G>12 <message from='b@x'><body>"quoted" \ text</body></message>
  )");
}

// The pieces are put together in the order of the rids, whatever the network does.
TEST(EngineScript, WaitsForTheMissingPiece) {
  Script t;
  t.run(R"(
    C>11 <presence/></message>
    C>10 <message to='b@x'>
      U> <message to='b@x'><presence/></message>
    at 10ms
      G>10 empty
    S> <message from='b@x'/>
      G>11 <message from='b@x'/>
    C>11b <presence/></message>  # once more: not a second time on the stream
      G>11b <message from='b@x'/>
    C>12 <iq/>
      U> <iq/>
  )");
}

TEST(EngineScript, EndsWhereThePiecesDoNotFit) {
  Script t;
  t.run(R"(
    C>10 <message to='b@x'>
    C>11 </presence>
      G>10 [type='terminate' condition='other-request']
      G>11 [type='terminate' condition='bad-request']
      END protocol_fault bad-request
  )");
}

// A client of the first version of XEP-0124 gets its errors as scripts, too: none runs that comes as a 404 (B-170).
TEST(EngineScript, HasNoErrorsByStatus) {
  Transcript t;
  t.speak_script();
  t.start("wait='60' hold='1'");
  t.run(R"(
    C>99
      G>99 [type='terminate' condition='item-not-found']
      END protocol_fault item-not-found
  )");
}

// It counts against the caps until it is complete, and only so long.
TEST(EngineScript, CountsWhatIsUnfinished) {
  Script t;
  const auto before = t.engine().held_bytes();
  static_cast<void>(t.play("C>10 <message to='b@x'><body>" + std::string(5000, 'x')));
  EXPECT_EQ(t.engine().unforwarded_bytes(), 5024U);
  EXPECT_GT(t.engine().held_bytes(), before + 5000);
  static_cast<void>(t.play("C>11 </body></message>"));
  EXPECT_EQ(t.engine().unforwarded_bytes(), 0U);
  static_cast<void>(t.play("C>12 <message>"));
  static_cast<void>(t.play("CLOSE shutdown"));
  EXPECT_EQ(t.engine().unforwarded_bytes(), 0U);
}

}  // namespace
}  // namespace bosh::test
