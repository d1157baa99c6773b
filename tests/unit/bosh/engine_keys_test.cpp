// XEP-0124 15 within a session. PROTOCOL B-035, B-145, B-160 ... B-166, Q-04, E-23, E-24.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

using Keys = std::vector<std::string>;

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

// A session whose creation said newkey=K(n).
void start(Transcript& t, const Keys& keys) {
  t.start("hold='1' ver='1.6' newkey='" + keys.back() + "'");
}

std::string request(const std::string& label, const std::string& key, const std::string& rest = "") {
  return "C>" + label + " [key='" + key + "'" + rest + "]";
}

// B-160, B-161, Q-04: JSJaC's sixteen.
TEST(EngineKeys, AreVerified) {
  const Keys k = key_sequence("seed", 16);
  Transcript t;
  start(t, k);
  for (int i = 14; i >= 0; --i) {
    const auto rid = std::to_string(10 + 14 - i);
    EXPECT_TRUE(t.play(request(rid, k[static_cast<std::size_t>(i)])).empty() || rid != "10") << rid;
    EXPECT_EQ(t.play("S> <message/>"), std::vector<std::string>{"G>" + rid + " <message/>"});
  }
}

// B-161: not processed, terminated; a missing key is a wrong key.
TEST(EngineKeys, EndTheSessionWhenWrong) {
  const Keys k = key_sequence("seed", 4);
  for (const std::string& attributes : {std::string("[key='" + k[0] + "']"), std::string("[key='']"), std::string()}) {
    Transcript t;
    start(t, k);
    t.run("C>10 " + attributes + " <message/>\n" +
          "G>10 [type='terminate' condition='item-not-found']\n END protocol_fault item-not-found\n");
  }
}

// B-196, B-161: the request with the wrong key learns it, the held one that it was another.
TEST(EngineKeys, BlameTheRequestWithTheWrongKey) {
  const Keys k = key_sequence("seed", 4);
  Transcript t;
  start(t, k);
  t.run(request("10", k[2]) + R"(
    C>11 [key='wrong']
      G>10 [type='terminate' condition='other-request']
      G>11 [type='terminate' condition='item-not-found']
      END protocol_fault item-not-found
  )");
}

// B-162: the digits compare without case, the text hashes as it came.
TEST(EngineKeys, CompareWithoutCase) {
  const Keys k = key_sequence("seed", 4);
  Transcript t;
  t.start("hold='1' ver='1.6' newkey='" + upper(k[3]) + "'");
  t.run(request("10", k[2]) + "\n" + request("11", k[1]) + "\n G>10 empty");
  // Shouted, K(1) is another text with another hash.
  EXPECT_EQ(t.play(request("12", upper(k[0]))).back(), "END protocol_fault item-not-found");
}

// B-163, E-04: in the order of the rids.
TEST(EngineKeys, AreVerifiedInOrder) {
  const Keys k = key_sequence("seed", 4);
  Transcript t;
  start(t, k);
  t.run(request("11", k[1]) + "\n" + request("10", k[2]) + "\n G>10 empty");
}

// E-23, B-164: across the boundary of two sequences, also when the next one arrives first.
TEST(EngineKeys, E23_SwitchSequences) {
  const Keys k = key_sequence("seed", 3);
  const Keys l = key_sequence("other seed", 16);
  const std::string newkey = " newkey='" + l.back() + "'";
  Transcript t;
  start(t, k);
  t.run(request("10", k[1]) + "\n" + request("11", k[0], newkey) + " <message/>\n U> <message/>\nat 1s\n G>10 empty\n" +
        request("12", l[14]) + "\n G>11 empty\n");
  Transcript u;
  start(u, k);
  u.run(request("10", k[1]) + "\nS> <message/>\n G>10 <message/>\n" + request("12", l[14]) + "\n" +
        request("11", k[0], newkey) + "\n G>11 empty\n");
}

// B-165: no keys, no matter; and they may begin in mid-session.
TEST(EngineKeys, MayBeginLater) {
  const Keys k = key_sequence("seed", 4);
  Transcript t;
  t.start();
  t.run("C>10 [key='whatever']\nC>11 [newkey='" + k[3] + "']\n G>10 empty\n" + request("12", k[2]) + "\n G>11 empty\n" +
        "C>13\n G>12 [type='terminate' condition='other-request']\n G>13 [type='terminate' "
        "condition='item-not-found']\n" +
        " END protocol_fault item-not-found\n");
}

// E-24, B-145, B-166: a captured request brings its own answer back, and one without its key nothing at all; the
// session lives on.
TEST(EngineKeys, E24_GuardRepeats) {
  const Keys k = key_sequence("seed", 8);
  Transcript t;
  start(t, k);
  t.run(request("10", k[6]) + "\nS> <message/>\n G>10 <message/>\n" + request("11", k[5]) + "\n" +
        request("10b", k[6]) + "\n G>10b <message/>\n" +
        "C>10c [key='wrong']\n G>10c [type='terminate' condition='item-not-found']\n" +
        "C>10d\n G>10d [type='terminate' condition='item-not-found']\n" +
        // ... nor can anybody take over what is held
        "C>11b [key='wrong']\n G>11b [type='terminate' condition='item-not-found']\n" +
        "S> <presence/>\n G>11 <presence/>\n");
}

// B-166: keyed like all others.
TEST(EngineKeys, AreNeededToLeaveAndToRestart) {
  const Keys k = key_sequence("seed", 4);
  for (const char* what : {"type='terminate'", "pause='10'", "xmpp:restart='true'"}) {
    Transcript t;
    start(t, k);
    EXPECT_EQ(t.play("C>10 [" + std::string(what) + " key='wrong']").back(), "END protocol_fault item-not-found");
    Transcript u;
    start(u, k);
    for (const auto& line : u.play("C>10 [" + std::string(what) + " key='" + k[2] + "']"))
      EXPECT_EQ(line.find("item-not-found"), std::string::npos) << line;
  }
}

// B-161: what is no SHA-1 in hexadecimal can be the hash of nothing.
TEST(EngineKeys, EndWithAMalformedNewkey) {
  Transcript t;
  t.start("hold='1' ver='1.6' newkey='soon'");
  EXPECT_EQ(t.play("C>10 [key='x']").back(), "END protocol_fault item-not-found");
}

}  // namespace
}  // namespace bosh::test
