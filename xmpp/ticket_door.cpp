#include "xmpp/ticket_door.hpp"

#include <optional>

#include "xmpp/raw_element.hpp"
#include "xmpp/sasl.hpp"
#include "xmpp/stream_error.hpp"
#include "xmpp/ws_engine.hpp"

namespace xmpp {
namespace {

TicketDoor::Step refusal(StreamCondition condition, std::string_view why) {
  TicketDoor::Step step;
  step.kind = TicketDoor::Kind::refuse;
  step.condition = condition;
  step.why = why;
  return step;
}

TicketDoor::Step failed(std::string_view condition) {
  TicketDoor::Step step;
  step.kind = TicketDoor::Kind::fail;
  step.failure = condition;
  return step;
}

std::optional<std::string> text_in(std::string_view element, const RawTag& tag) {
  const auto end = element.rfind("</");
  if (end == std::string_view::npos || end < tag.end) return std::nullopt;
  return text_of(element.substr(tag.end, end - tag.end));
}

}  // namespace

TicketDoor::Step TicketDoor::on_message(const std::variant<Framed, Fault>& message) {
  if (const auto* fault = std::get_if<Fault>(&message)) {
    return refusal(condition_of(fault->kind).value_or(StreamCondition::bad_format), fault->text);
  }
  const auto& framed = std::get<Framed>(message);
  if (framed.framing != Framing::rfc7395) return refusal(StreamCondition::bad_format, "tickets are not for the draft");
  Step step;
  switch (framed.kind) {
    case Framed::Kind::nothing:
      break;
    case Framed::Kind::close:
      step.kind = Kind::leave;
      break;
    case Framed::Kind::open:
      if (greeted_) return refusal(StreamCondition::bad_format, "an <open/> that nothing called for");
      greeted_ = true;
      step.kind = Kind::greet;
      step.to = framed.open.to;
      break;
    case Framed::Kind::element:
      if (!greeted_) return refusal(StreamCondition::bad_format, "a first message that is not <open/>");  // W-023
      return on_element(framed.element);
  }
  return step;
}

TicketDoor::Step TicketDoor::on_element(const Stanza& element) {
  const auto tag = read_start_tag(element.bytes, 0);
  if (element.kind != StanzaKind::sasl_auth || !tag) {
    return refusal(StreamCondition::not_authorized, "something else than a ticket");
  }
  if (attribute(*tag, "mechanism") != "PLAIN") return failed("invalid-mechanism");
  const auto response = text_in(element.bytes, *tag);
  auto ticket = response ? read_plain_password(*response) : std::nullopt;
  if (!ticket) return failed("malformed-request");
  Step step;
  step.kind = Kind::ticket;
  step.ticket = std::move(*ticket);
  return step;
}

std::array<std::string, 2> TicketDoor::greeting(std::string_view domain, std::uint64_t random) {
  return {write_open({domain, made_up_id(random), {}, {}}),
          "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms "
          "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>"};
}

std::string TicketDoor::failure(std::string_view condition) {
  return "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><" + std::string(condition) + "/></failure>";
}

}  // namespace xmpp
