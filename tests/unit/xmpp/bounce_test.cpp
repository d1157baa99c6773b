#include "xmpp/bounce.hpp"

#include <gtest/gtest.h>

#include "tests/unit/xmpp/splitter_support.hpp"

namespace {

using xmpp::Stanza;

// What comes back for this stanza as a server sends it; the answer must itself be one stanza of a stream.
std::string bounced(const std::string& bytes) {
  xmpp::ParserPool pool;
  const xmpp::Limits limits;
  xmpp::StreamSplitter splitter(pool, limits);
  xmpp::StreamEvents events;
  splitter.feed("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>" + bytes,
                events);
  EXPECT_EQ(events.list.size(), 2U) << bytes;
  xmpp::Arena arena;
  const std::string answer(xmpp::bounce(std::get<Stanza>(events.list.at(1)), arena));
  if (answer.empty()) return "nothing";
  events.clear();
  splitter.feed(answer, events);
  EXPECT_EQ(events.list.size(), 1U) << answer;
  EXPECT_EQ(std::get<Stanza>(events.list.at(0)).bytes, answer);
  EXPECT_EQ(std::get<Stanza>(events.list.at(0)).type, xmpp::StanzaType::error) << "an answer must not be answered";
  return answer;
}

const std::string wait =
    "<error type='wait'><recipient-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>";
const std::string cancel =
    "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";

// message => recipient-unavailable, iq get and set => service-unavailable.
TEST(Bounce, TellsWhoWroteOrAsked) {
  EXPECT_EQ(bounced("<message from='bob@b.org/x' to='a@b.org/y' id='m1' type='chat'><body>hi</body></message>"),
            "<message xmlns='jabber:client' type='error' to='bob@b.org/x' id='m1'>" + wait);
  EXPECT_EQ(bounced("<message from='bob@b.org'/>"),
            "<message xmlns='jabber:client' type='error' to='bob@b.org'>" + wait);
  EXPECT_EQ(bounced("<message from='bob@b.org' type='normal'/>"),
            "<message xmlns='jabber:client' type='error' to='bob@b.org'>" + wait);
  EXPECT_EQ(bounced("<iq from='bob@b.org/x' type='get' id='1'><query xmlns='jabber:iq:version'/></iq>"),
            "<iq xmlns='jabber:client' type='error' to='bob@b.org/x' id='1'>" + cancel);
  EXPECT_EQ(bounced("<iq from='b.org' type='set' id='1'/>"),
            "<iq xmlns='jabber:client' type='error' to='b.org' id='1'>" + cancel);
  // A roster push: from the account itself.
  EXPECT_EQ(bounced("<iq type='set' id='push1'><query xmlns='jabber:iq:roster'/></iq>"),
            "<iq xmlns='jabber:client' type='error' id='push1'>" + cancel);
}

// E-53, and what has nobody to be told.
TEST(Bounce, IsSilentWhereAnAnswerCouldLoopOrLead) {
  for (const std::string bytes : {
           "<presence from='bob@b.org/x'/>",
           "<presence from='bob@b.org' type='subscribe'/>",
           "<message from='bob@b.org' type='error' id='1'/>",
           "<message from='bob@b.org' type='headline'/>",
           "<message from='room@muc.b.org/nick' type='groupchat'/>",
           "<iq from='bob@b.org' type='result' id='1'/>",
           "<iq from='bob@b.org' type='error' id='1'/>",
           "<iq from='bob@b.org' type='odd' id='1'/>",
           "<iq from='bob@b.org' id='1'/>",
           "<iq from='bob@b.org' type='get'/>",
           "<message/>",
           "<message from=''/>",
           "<message from='@'/>",
           "<message from='a@b@c'/>",
           "<message x:from='bob@b.org' xmlns:x='urn:x'/>",
           "<message xmlns='urn:other' from='bob@b.org'/>",
           "<stream:features from='bob@b.org' id='1' type='get'/>",
       }) {
    EXPECT_EQ(bounced(bytes), "nothing") << bytes;
  }
}

TEST(Bounce, EscapesWhatItRepeats) {
  EXPECT_EQ(bounced("<message id=\"'/>&lt;&amp;&#10;x>\" from=\"bob@b.org/'&quot;&lt;iq/>\"/>"),
            "<message xmlns='jabber:client' type='error' to='bob@b.org/&apos;&quot;&lt;iq/&gt;' "
            "id='&apos;/&gt;&lt;&amp;&#10;x&gt;'>" +
                wait);
  EXPECT_EQ(bounced("<x:iq xmlns:x='jabber:client' id='1' type='get' from='b&#228;@b.org'/>"),
            "<iq xmlns='jabber:client' type='error' to='b\xC3\xA4@b.org' id='1'>" + cancel);
}

// For what was left out: the same people, another reason, and the client's own question is answered.
TEST(Refusal, TellsWhoWroteOrAskedAndWhoWaits) {
  const std::string policy =
      "<error type='modify'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></";
  xmpp::Arena arena;
  const Stanza message{"<message from='b@x' id='1' type='chat'/>", xmpp::StanzaKind::message, xmpp::StanzaType::other};
  EXPECT_EQ(xmpp::refusal(message, arena),
            "<message xmlns='jabber:client' type='error' to='b@x' id='1'>" + policy + "message>");
  const Stanza request{"<iq from='b@x' id='1' type='get'/>", xmpp::StanzaKind::iq, xmpp::StanzaType::get};
  EXPECT_EQ(xmpp::refusal(request, arena), "<iq xmlns='jabber:client' type='error' to='b@x' id='1'>" + policy + "iq>");
  const Stanza result{"<iq from='b@x' to='a&lt;@x' id='1' type='result'/>", xmpp::StanzaKind::iq,
                      xmpp::StanzaType::result};
  EXPECT_EQ(xmpp::refusal(result, arena), "");
  EXPECT_EQ(xmpp::refusal({"<presence from='b@x'/>", xmpp::StanzaKind::presence}, arena), "");
  EXPECT_EQ(xmpp::left_out(result, arena),
            "<iq xmlns='jabber:client' type='error' from='b@x' to='a&lt;@x' id='1'>" + policy + "iq>");
  EXPECT_EQ(xmpp::left_out({"<iq/>", xmpp::StanzaKind::iq}, arena),
            "<iq xmlns='jabber:client' type='error'>" + policy + "iq>");
}

// The other way: what the client hears about its own stanza. It must itself be a stanza, and one that is not answered.
TEST(Unconfirmed, TellsWhoWaits) {
  const auto told = [](const std::string& stanza) {
    xmpp::Arena arena;
    return std::string(xmpp::unconfirmed(stanza, arena));
  };
  const std::string error =
      "><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text "
      "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>The connection was lost before the server confirmed "
      "this.</text></error></";
  EXPECT_EQ(told("<message xmlns='jabber:client' to='b@x' id='1' type='chat'><body>hi</body></message>"),
            "<message xmlns='jabber:client' type='error' from='b@x' id='1'" + error + "message>");
  EXPECT_EQ(told("<message to='room@muc.x' type='groupchat'/>"),
            "<message xmlns='jabber:client' type='error' from='room@muc.x'" + error + "message>");
  EXPECT_EQ(told("<c:iq xmlns:c='jabber:client' type='set' id='a&lt;b'/>"),
            "<iq xmlns='jabber:client' type='error' id='a&lt;b'" + error + "iq>");
  for (const std::string nobody : {"<presence/>", "<iq type='result' id='1'/>", "<iq type='error' id='1'/>",
                                   "<iq type='get'/>", "<message type='error' to='b@x'/>", "<message/>", "<r/>"}) {
    EXPECT_EQ(told(nobody), "");
  }
}

}  // namespace
