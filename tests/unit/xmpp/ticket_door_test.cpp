// The door of those who bring a one-time ticket (PROTOCOL E-51): what a client says, and what it is taken for.
#include "xmpp/ticket_door.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "xmpp/sasl.hpp"
#include "xmpp/stream_error.hpp"

namespace {

using xmpp::TicketDoor;

constexpr std::string_view open_message = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.org'/>";

std::string auth(std::string_view content, std::string_view mechanism = "PLAIN") {
  return "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='" + std::string(mechanism) + "'>" +
         std::string(content) + "</auth>";
}

std::string say(TicketDoor& door, std::string_view message) {
  const xmpp::Limits limits;
  xmpp::FramingReader reader(limits);
  const auto step = door.on_message(reader.read(message));
  switch (step.kind) {
    case TicketDoor::Kind::nothing:
      return "nothing";
    case TicketDoor::Kind::greet:
      return "greet " + step.to;
    case TicketDoor::Kind::ticket:
      return "ticket " + std::string(step.ticket.view());
    case TicketDoor::Kind::fail:
      return "fail " + std::string(step.failure);
    case TicketDoor::Kind::refuse:
      return "refuse " + std::string(xmpp::wire_name(step.condition));
    case TicketDoor::Kind::leave:
      return "leave";
  }
  return {};
}

struct Case {
  const char* what;
  std::string message, expected;
};

TEST(TicketDoor, E51FirstMessages) {
  const Case cases[] = {
      {"a stream", std::string(open_message), "greet example.org"},
      {"without a domain", "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>", "greet "},
      {"white space", " ", "nothing"},
      {"the end", std::string(xmpp::framing_close), "leave"},
      {"the ticket at once", auth("AGEAYg=="), "refuse bad-format"},
      {"the draft", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>", "refuse bad-format"},
      {"no XML", "hello", "refuse bad-format"},
  };
  for (const auto& c : cases) {
    TicketDoor door;
    EXPECT_EQ(say(door, c.message), c.expected) << c.what;
  }
}

TEST(TicketDoor, E51Tickets) {
  const Case cases[] = {
      {"NUL a NUL b", auth("AGEAYg=="), "ticket b"},
      {"with another name for whom it acts", auth("eABhAGI="), "ticket b"},
      {"white space around, as no base64 has it", auth("!"), "fail malformed-request"},
      {"nothing", auth(""), "fail malformed-request"},
      {"an empty element", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>",
       "fail malformed-request"},
      {"no password", auth("AGEA"), "fail malformed-request"},
      {"one NUL", auth("YQBi"), "fail malformed-request"},
      {"elements for text", auth("<x/>"), "fail malformed-request"},
      {"another mechanism", auth("AGEAYg==", "SCRAM-SHA-1"), "fail invalid-mechanism"},
      {"none", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AGEAYg==</auth>", "fail invalid-mechanism"},
      {"a stanza", "<message/>", "refuse not-authorized"},
      {"another stream", std::string(open_message), "refuse bad-format"},
      {"the end", std::string(xmpp::framing_close), "leave"},
  };
  for (const auto& c : cases) {
    TicketDoor door;
    ASSERT_EQ(say(door, open_message), "greet example.org");
    EXPECT_EQ(say(door, c.message), c.expected) << c.what;
  }
}

TEST(TicketDoor, E51WhatWeSay) {
  const auto words = TicketDoor::greeting("example.org", 0x2a);
  EXPECT_EQ(words[0], "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='example.org' id='2a' version='1.0' />");
  EXPECT_EQ(words[1],
            "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms "
            "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>")
      << "nothing else, or a client would choose it";
  EXPECT_EQ(TicketDoor::failure("not-authorized"),
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
}

}  // namespace
