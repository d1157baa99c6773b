// The edge cases of PROTOCOL 15 that no chapter of the XEP owns, and quirks of clients (14) that touch the engine.
#include <gtest/gtest.h>

#include "tests/unit/bosh/transcript.hpp"

namespace bosh::test {
namespace {

// E-08: early, with nothing known about the old page's connection. The new poll takes its place, and the message goes
// to the new page; the old connection's answer is empty.
TEST(Edge, E08_ReloadWithTheOldConnectionStillOpen) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    at 3s
    C>11
      G>10 empty
    S> <message/>
      G>11 <message/>
    GONE 10
  )");
}

// E-10: the reply rides on one of the two, never on both; what is left over is answered empty.
TEST(Edge, E10_BothDirectionsBusy) {
  for (const int after : {0, 1, 5}) {
    Transcript t;
    t.start();
    auto out =
        t.play("C>10\nat 10s\nC>11 <message/>\nat " + std::to_string(10000 + after) + "ms\nS> <message id='r'/>");
    int replies = 0;
    for (const auto& line : out)
      if (line.ends_with("<message id='r'/>") && line.starts_with("G>")) ++replies;
    EXPECT_EQ(replies, 1) << after;
  }
}

// E-11: at the very instant of the deadline, in either order of events.
TEST(Edge, E11_WaitExpiryRace) {
  Transcript t;
  t.start();
  EXPECT_EQ(t.play("C>10\nat 54999ms\nS+ <message/>\nat 55s"), std::vector<std::string>{"G>10 <message/>"});
  Transcript u;
  u.start();
  EXPECT_EQ(u.play("C>10\nat 55s\nS> <message/>"), std::vector<std::string>{"G>10 empty"});
  EXPECT_EQ(u.play("C>11"), std::vector<std::string>{"G>11 <message/>"});
}

// E-12, H-010: two requests on one connection are two ids for the engine; the answers come in their order.
TEST(Edge, E12_PipelinedRequests) {
  Policy policy;
  policy.max_hold = 2;
  Transcript t(policy);
  t.start("hold='2' ver='1.6'");
  t.run(R"(
    C>10
    C>11
    S> <message id='1'/>
      G>10 <message id='1'/>
    S> <message id='2'/>
      G>11 <message id='2'/>
  )");
}

// E-25, B-180, Q-31: libpurple puts `to` and xml:lang on every body; no stream is added, nothing is restarted.
TEST(Edge, E25_LibpurplePolls) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10 <body rid='10' sid='s' to='example.org' xml:lang='en' xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'/>
    S> <message/>
      G>10 <message/>
  )");
}

// E-27, B-003, Q-18: white space is nothing.
TEST(Edge, E27_WhiteSpaceBody) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10 <body rid='10' sid='s' xmlns='http://jabber.org/protocol/httpbind'> </body>
    C>11 <body rid='11' sid='s' xmlns='http://jabber.org/protocol/httpbind'></body>
      G>10 empty
  )");
}

// E-28, B-006: prefixes of the client's own.
TEST(Edge, E28_PrefixTrick) {
  Transcript t;
  t.start();
  const auto out = t.play(
      "C>10 <b:body xmlns:b='http://jabber.org/protocol/httpbind' rid='10' sid='s' "
      "xmlns:x='jabber:client'><x:message xmlns:x='jabber:client'/></b:body>\nS> <presence/>");
  ASSERT_EQ(out.size(), 2U);
  EXPECT_TRUE(out[0].starts_with("U> <")) << out[0];
  EXPECT_EQ(out[1], "G>10 <presence/>");
}

// E-29, B-008: a prefix declared outside comes along.
TEST(Edge, E29_PrefixLeakage) {
  Transcript t;
  t.start();
  const auto out = t.play(
      "C>10 <body xmlns='http://jabber.org/protocol/httpbind' xmlns:p='urn:p' rid='10' "
      "sid='s'><message><p:x/></message>"
      "</body>");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_NE(out[0].find("xmlns:p='urn:p'"), std::string::npos) << out[0];
}

// E-30, 0.2 step 1: what is malformed never changes the session; the rid is free for the next attempt.
TEST(Edge, E30_InjectionAndMalformedBodies) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10 <message/></stream:stream>
      BAD bad-request
    C>10b <message>&lt;/stream:stream></message>
      U> <message>&lt;/stream:stream></message>
  )");
}

// E-51, B-125, Q-61: the page goes on where the back end stopped, while its last request may still be open.
TEST(Edge, E51_AttachHandOver) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10 <iq id='bind'/>
      U> <iq id='bind'/>
    S> <iq id='bind'/>
      G>10 <iq id='bind'/>
    C>11
    at 2s
    C>12 <presence/>
      ACKED 1
      U> <presence/>
    S> <message id='1'/>
      G>11 <message id='1'/>
    at 3s
    C>11b
      G>11b <message id='1'/>
    S> <message id='2'/>
      G>12 <message id='2'/>
  )");
}

// E-51: the same with the old connection known to be gone: everything goes to the page.
TEST(Edge, E51_AttachAfterTheBackEndLeft) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    GONE 10
    S> <message/>
    C>11 <presence/>
      U> <presence/>
      G>11 <message/>
  )");
}

// Q-31, B-036, B-037: attributes of other gateways are nothing to us.
TEST(Edge, IgnoresForeignAttributes) {
  Transcript t;
  t.start(
      "hold='1' ver='1.6' inactivity='5' window='9' ua='x' hostname='h' port='1' raw='1' charset='utf-16' "
      "secure='true'");
  t.run(R"(
    C>10 [hold='none' wait='' ver='x' to='elsewhere.example' stream='s1' inactivity='0']
    at 55s
      G>10 empty
    at 144s
    at 145s
      END inactivity
  )");
}

// What real clients create sessions with, and what they get. Q-02, Q-05, Q-20, Q-32, Q-40, Q-50, Q-60.
TEST(Edge, CreationRequestsOfRealClients) {
  struct Client {
    const char* name;
    const char* attributes;
    const char* answer;
  };
  constexpr Client clients[] = {
      {"JSJaC",
       "content='text/xml; charset=utf-8' hold='1' to='example.org' wait='300' xml:lang='en' ver='1.10' "
       "xmpp:version='1.0' "
       "newkey='ca393b51b682f61f98e7877d61146407f3d0a770'",
       "wait='55' requests='2' inactivity='90' polling='5' hold='1' ver='1.10'"},
      {"JSJaC of 2008",
       "content='text/xml; charset=utf-8' hold='1' to='example.org' wait='300' secure='false' "
       "route='xmpp:example.org:5222'",
       "wait='55' requests='2' inactivity='90' polling='5' hold='1' ver='1.5'"},
      {"Strophe",
       "to='example.org' xml:lang='en' wait='60' hold='1' content='text/xml; charset=utf-8' ver='1.6' "
       "xmpp:version='1.0'",
       "wait='55' requests='2' inactivity='90' polling='5' hold='1' ver='1.6'"},
      {"libpurple 3", "to='example.org' xml:lang='en' secure='true' ver='1.10' wait='10' hold='1' xmpp:version='1.0'",
       "wait='10' requests='2' inactivity='90' polling='5' hold='1' ver='1.10'"},
      {"gloox",
       "hold='2' wait='30' ack='0' secure='false' route='xmpp:example.org:5222' ver='1.6' xml:lang='en' "
       "to='example.org' "
       "xmpp:version='1.0'",
       "wait='30' requests='3' inactivity='90' polling='5' hold='1' ver='1.6'"},
      {"stanza.js", "to='example.org' xml:lang='en' hold='2' wait='30' ver='1.6' xmpp:version='1.0'",
       "wait='30' requests='3' inactivity='90' polling='5' hold='1' ver='1.6'"},
  };
  for (const Client& client : clients) {
    Transcript t;
    static_cast<void>(t.play("C>1 [" + std::string(client.attributes) + "]\nOPENED id=s version=1.0"));
    const auto out = t.play("S> <stream:features/>");
    ASSERT_EQ(out.size(), 1U) << client.name;
    EXPECT_NE(out[0].find(client.answer), std::string::npos) << client.name << ": " << out[0];
    EXPECT_NE(out[0].find("<stream:features"), std::string::npos) << client.name;
  }
}

// Q-12, Q-13, Q-24, Q-51: the patience of clients: five repeats of one request are no offence.
TEST(Edge, Q12_RepeatsOfAPatientClient) {
  Transcript t;
  t.start();
  static_cast<void>(t.play("C>10 <message/>\nS> <message/>"));
  for (int i = 1; i <= 9; ++i) EXPECT_EQ(t.play("C>10b <message/>"), std::vector<std::string>{"G>10b <message/>"});
}

// Q-14: JSJaC resumes without pause by repeating its last request, which the old page had left open.
TEST(Edge, Q14_ResumeWithoutPause) {
  Transcript t;
  t.start();
  t.run(R"(
    C>10
    GONE 10
    S> <message/>
    at 4s
    C>10b
      G>10b <message/>
  )");
}

// Q-72: gloox sends several stanzas behind each other while two requests are open, rid + 2 first.
TEST(Edge, Q72_GlooxOutOfOrder) {
  Transcript t;
  t.start("hold='2' ver='1.6' xmpp:version='1.0'");
  t.run(R"(
    C>12 <message id='c'/>
    C>10 <message id='a'/>
      U> <message id='a'/>
    C>11 <message id='b'/>
      U> <message id='b'/>
      U> <message id='c'/>
    at 2ms
      G>10 empty
      G>11 empty
  )");
}

// Q-73: xmpp4r: no ver, no version, no `to`, small rids, and yet features.
TEST(Edge, Q73_LegacyClientWithFeatures) {
  Transcript t;
  static_cast<void>(t.play("C>1 [to='example.org' wait='60' hold='1']\nOPENED id=s version=1.0"));
  const auto out = t.play("S> <stream:features/>");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_NE(out[0].find("<stream:features"), std::string::npos);
  t.run("C>2 [xmpp:restart='true']\n RESTART");
}

}  // namespace
}  // namespace bosh::test
