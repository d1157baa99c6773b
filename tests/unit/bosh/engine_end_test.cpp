// XEP-0124 13, 17: terminate, conditions, legacy errors, the time after the end. PROTOCOL B-144, B-170 ... B-172,
// B-190 ... B-199, X-040, X-041, X-050, E-15 ... E-18, E-26, E-40, E-45, E-52, E-53.
#include <gtest/gtest.h>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

constexpr const char* conflict =
    "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>"
    "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";

// E-15, B-190, B-191, Q-15: payload first; the terminate to the oldest, an empty body to the others.
TEST(EngineEnd, E15_TerminatesWithARequestHeld) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    C>11 [type='terminate'] <presence type='unavailable'/>
      U> <presence type='unavailable'/>
      G>10 [type='terminate']
      G>11 empty
      END client_terminated
    C>11b [type='terminate'] <presence type='unavailable'/>
      G>11b empty
    C>10b
      G>10b [type='terminate']
    C>12 <message/>
      G>12 [type='terminate' condition='item-not-found']
    at 89s
    at 90s
      FORGET
  )");
}

// E-15: with nothing held the terminate itself gets it, and its repeat a copy (B-144).
TEST(EngineEnd, E15_TerminatesWithNothingHeld) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10 [type='terminate']
      G>10 [type='terminate']
      END client_terminated
    C>10b [type='terminate']
      G>10b [type='terminate']
    S> <message/>
    CLOSE server_closed
    GONE 10
  )");
}

// What a client says before it knows that the server is gone comes back, ahead of the news.
TEST(EngineEnd, ReturnsWhatNobodyWillHandle) {
  Transcript t;
  t.start();
  t.run(R"(
    CLOSE server_lost
      END server_lost remote-connection-failed
    C>10 <message to='b@x' id='1'/><presence/>
      G>10 <message type='error' from='b@x' id='1'><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>The connection was lost before the server confirmed this.</text></error></message>
    C>11
      G>11 [type='terminate' condition='remote-connection-failed']
  )");
}

// B-192: what waits goes with it; X-050: what does not fit goes back.
TEST(EngineEnd, HandsOutWhatWaitsOnTerminate) {
  Policy policy;
  policy.max_response_bytes = 60;
  Transcript t(policy);
  t.start();
  t.run(R"(
    S+ <message id='1'/>
    S+ <message from='a@b' id='2'/>
    S> <presence/>
    C>10 [type='terminate']
      BOUNCE message 2
      G>10 [type='terminate'] <message id='1'/>
      END client_terminated
  )");
}

// B-193, E-26, Q-42: gloox means the same by 'terminal'; other types mean nothing.
TEST(EngineEnd, E26_KnowsTerminal) {
  Transcript t;
  t.start();
  t.run("C>10 [type='terminal']\n G>10 [type='terminate']\n END client_terminated");
  Transcript u;
  u.start();
  u.run("C>10 [type='get']\nC>11 [type='error']\n G>10 empty");
}

// B-191: a dead connection is not the oldest.
TEST(EngineEnd, TerminatesPastADeadConnection) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    GONE 10
    C>11 [type='terminate']
      G>11 [type='terminate']
      END client_terminated
  )");
}

// B-194: a terminate ahead of a gap waits for its turn; what lies beyond it gets an empty body.
TEST(EngineEnd, TerminatesInOrder) {
  Transcript t;
  t.start("hold='2' ver='1.6'");  // requests='3'
  t.run(R"(
    C>12
    C>11 [type='terminate'] <presence/>
    C>10 <message/>
      U> <message/>
      U> <presence/>
      G>10 [type='terminate']
      G>11 empty
      G>12 empty
      END client_terminated
  )");
}

// B-195, B-196: from outside, the oldest held learns it, the others that it was not them.
TEST(EngineEnd, TellsTheOldest) {
  Policy policy;
  policy.max_hold = 2;
  Transcript t(policy);
  t.start("hold='2' ver='1.6'");
  t.run(R"(
    C>10
    C>11
    C>13
    CLOSE shutdown
      G>10 [type='terminate' condition='system-shutdown']
      G>11 [type='terminate' condition='other-request']
      G>13 [type='terminate' condition='other-request']
      END shutdown system-shutdown
  )");
}

// B-196: with nothing but a request ahead of a gap, that one learns it.
TEST(EngineEnd, TellsARequestAheadOfAGap) {
  Transcript t;
  t.start();
  t.run(R"(
    C>11
    CLOSE server_lost
      G>11 [type='terminate' condition='remote-connection-failed']
      END server_lost remote-connection-failed
    C>10
      G>10 [type='terminate' condition='item-not-found']
  )");
}

// B-195, B-198, H-012, Q-60: what the shell's reasons are called on the wire.
TEST(EngineEnd, NamesEveryReason) {
  const std::pair<const char*, const char*> names[] = {
      {"server_unreachable", "remote-connection-failed"},
      {"server_lost", "remote-connection-failed"},
      {"server_closed", "remote-connection-failed"},
      {"server_error", "remote-connection-failed"},
      {"shutdown", "system-shutdown"},
      {"overload", "policy-violation"},
      {"policy", "policy-violation"},
      {"internal_error", "internal-server-error"},
      {"protocol_fault", "bad-request"},
  };
  for (const auto& [reason, condition] : names) {
    Transcript t;
    t.start();
    static_cast<void>(t.play("C>10"));
    const std::vector<std::string> expected = {"G>10 [type='terminate' condition='" + std::string(condition) + "']",
                                               "END " + std::string(reason) + " " + condition};
    EXPECT_EQ(t.play("CLOSE " + std::string(reason)), expected);
  }
}

// Who is ended for want of memory gives all of it back: what waited, answers for repeats, requests ahead of a gap.
TEST(EngineEnd, KeepsNothingAfterOverload) {
  Transcript t;
  t.start("wait='60' hold='1' ver='1.6' requests='4'");
  static_cast<void>(t.play("C>10\nS> <message id='1'><body>answered</body></message>\nC>12 <message id='3'/>"));
  static_cast<void>(t.play("S> <message id='2'><body>waits</body></message>"));
  EXPECT_GT(t.engine().held_bytes(), 100);
  static_cast<void>(t.play("CLOSE overload"));
  EXPECT_EQ(t.engine().held_bytes(), 0);
}

// E-16, B-144: nothing held: the next request learns it, once; its repeat again; the one after it nothing.
TEST(EngineEnd, E16_TellsTheNextRequest) {
  Transcript t;
  static_cast<void>(t.play("C>110 [to='example.org' ver='1.6' wait='55']\nOPENED id=s"));
  t.run(R"(
    CLOSE server_lost
      END server_lost remote-connection-failed
    at 3s
    C>111 <message/>
      G>111 [type='terminate' condition='remote-connection-failed']
    C>112
      G>112 [type='terminate' condition='item-not-found']
    C>111b <message/>
      G>111b [type='terminate' condition='remote-connection-failed']
    at 90s
      FORGET
    C>111c <message/>
      G>111c [type='terminate' condition='remote-connection-failed']
  )");
}

// B-144, B-161: the condition is for the owner of the session.
TEST(EngineEnd, TellsNobodyWithoutTheKey) {
  const auto k = key_sequence("seed", 4);
  Transcript t;
  t.start("ver='1.6' newkey='" + k[3] + "'");
  t.run("CLOSE server_lost\n END server_lost remote-connection-failed\n" +
        std::string("C>10 [key='wrong']\n G>10 [type='terminate' condition='item-not-found']\n") + "C>10b [key='" +
        k[2] + "']\n G>10b [type='terminate' condition='remote-connection-failed']\n");
}

// X-041, B-067: the server is gone, what it has handed over is not lost: first the payload, then the condition.
TEST(EngineEnd, HandsOutWhatWaitsBeforeTheCondition) {
  Transcript t;
  t.start();
  t.run(R"(
    S+ <message id='1'/>
    S> <message id='2'/>
    CLOSE server_lost
      END server_lost remote-connection-failed
    C>10
      G>10 <message id='1'/><message id='2'/>
    C>11
      G>11 [type='terminate' condition='remote-connection-failed']
    C>10b
      G>10b <message id='1'/><message id='2'/>
  )");
}

// E-17, E-52, X-040, B-197, Q-13: pending stanzas, then the whole element, in one body.
TEST(EngineEnd, E17_ReportsAStreamError) {
  Transcript t;
  t.start();
  t.run(std::string(R"(
    C>10
    S+ <message id='1'/>
    S+ <message id='2'/>
    S> )") +
        conflict +
        "\n G>10 [type='terminate' condition='remote-stream-error' xmlns:stream='http://etherx.jabber.org/streams'] "
        "<message id='1'/><message id='2'/>" +
        conflict + "\n END server_error remote-stream-error\nCLOSE server_closed");
}

// X-040 with nothing held: the next request gets it all, and so does its repeat.
TEST(EngineEnd, KeepsAStreamErrorForTheNextRequest) {
  Transcript t;
  t.start();
  const std::string answer =
      " [type='terminate' condition='remote-stream-error' xmlns:stream='http://etherx.jabber.org/streams'] "
      "<message id='1'/>" +
      std::string(conflict) + "\n";
  t.run("S> <message id='1'/>\nS> " + std::string(conflict) + "\n END server_error remote-stream-error\nC>10\n G>10" +
        answer + "C>10b\n G>10b" + answer);
}

// X-041: over several responses where it is too much for one.
TEST(EngineEnd, DrainsBeforeAStreamError) {
  Policy policy;
  policy.max_response_bytes = 250;
  Transcript t(policy);
  t.start();
  const std::string m = "<message id='" + std::string(150, 'm') + "'/>";
  t.run("C>10\nS+ " + m + "\nS+ " + m + "\nS> " + conflict + "\n G>10 " + m +
        "\n END server_error remote-stream-error\nC>11\n G>11 " + m +
        "\nC>12\n G>12 [type='terminate' condition='remote-stream-error' "
        "xmlns:stream='http://etherx.jabber.org/streams'] " +
        conflict);
}

// E-18: during creation, under its own name.
TEST(EngineEnd, E18_ReportsAStreamErrorAtCreation) {
  Transcript t;
  const std::string error =
      "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>"
      "<host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
  t.run("C>1 [to='example.org' ver='1.6' xmpp:version='1.0']\n OPEN\nOPENED id=s version=1.0\nS> " + error +
        "\n G>1 [type='terminate' condition='remote-stream-error' xmlns:stream='http://etherx.jabber.org/streams'] " +
        error + "\n END server_error remote-stream-error\nat 0s\n FORGET");
}

// E-18, B-050: features that came in the same read are of no use to a client that never gets its sid.
TEST(EngineEnd, EndsACreationWithoutFeatures) {
  Transcript t;
  t.run(R"(
    C>1 [to='example.org' ver='1.6' xmpp:version='1.0']
      OPEN
    OPENED id=s version=1.0
    S+ <stream:features/>
    CLOSE server_lost
      G>1 [type='terminate' condition='remote-connection-failed']
      END server_lost remote-connection-failed
  )");
}

// X-050, E-53: bounced are messages and iqs that ask; nothing of ours, and nothing that was handed out.
TEST(EngineEnd, E53_BouncesWhatWasNeverHandedOut) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    S> <message id='handed out'/>
      G>10 <message id='handed out'/>
    S+ <message from='a@b' id='1' type='chat'/>
    S+ <presence from='a@b'/>
    S+ <message from='a@b' type='error' id='e'/>
    S+ <message from='a@b' type='groupchat' id='g'/>
    S+ <iq from='a@b' type='result' id='2'/>
    S> <iq from='a@b' type='get' id='3'/>
    at 90s
      BOUNCE message 1
      BOUNCE iq 3
      END inactivity
  )");
}

// B-170, B-172, E-40: the three conditions that have an HTTP status, with the body as well; no other has.
TEST(EngineEnd, E40_SpeaksHttpToLegacyClients) {
  const auto k = key_sequence("seed", 4);
  Transcript t;
  t.start("newkey='" + k[3] + "'");
  t.run(
      "C>10 [key='x']\n G>10 404 [type='terminate' condition='item-not-found']\n END protocol_fault item-not-found\n"
      "C>10b [key='x']\n G>10b 404 [type='terminate' condition='item-not-found']");
  Policy strict;
  strict.strict_overactivity = true;
  Transcript u(strict);
  u.start("hold='1'");
  u.run(
      "C>10\nC>11\n G>10 [type='terminate' condition='other-request']\n G>11 403 [type='terminate' "
      "condition='policy-violation']\n END policy policy-violation");
  Transcript v;
  v.start("hold='1'");
  v.run("C>10 [pause='x']\n G>10 400 [type='terminate' condition='bad-request']");
  v.run(
      "C>10\nCLOSE server_lost\n G>10 [type='terminate' condition='remote-connection-failed']\n"
      " END server_lost remote-connection-failed");
}

// B-170, B-171: by `ver`, unless the operator has decided.
TEST(EngineEnd, LetsTheOperatorDecideAboutLegacyErrors) {
  Policy always;
  always.legacy_errors = LegacyErrors::always;
  Transcript t(always);
  t.start();
  EXPECT_EQ(t.play("C>99")[0], "G>99 404 [type='terminate' condition='item-not-found']");
  Policy never;
  never.legacy_errors = LegacyErrors::never;
  Transcript u(never);
  u.start("hold='1'");
  EXPECT_EQ(u.play("C>99")[0], "G>99 [type='terminate' condition='item-not-found']");
}

// B-199: nothing is processed any more; B-090: dead connections get no reply.
TEST(EngineEnd, ProcessesNothingAfterTheEnd) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    GONE 10
    CLOSE shutdown
      END shutdown system-shutdown
    OPENED id=s3 version=1.0
    S> <message/>
    CONGESTED
    FLOWING
    C>11 [xmpp:restart='true'] <message/>
      G>11 [type='terminate' condition='system-shutdown']
    CLOSE server_closed
  )");
}

// E-45: a drain in the middle of a creation.
TEST(EngineEnd, E45_RefusesACreationOnShutdown) {
  Transcript t;
  t.run(R"(
    C>1 [to='example.org' ver='1.6']
      OPEN
    CLOSE shutdown
      G>1 [type='terminate' condition='system-shutdown']
      END shutdown system-shutdown
  )");
}

}  // namespace
}  // namespace bosh::test
