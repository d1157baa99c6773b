// Every state of the session meets every event.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "tests/unit/xmpp/session_support.hpp"

namespace {

using namespace test;
using xmpp::Stanza;

struct Row {
  const char* state;
  void (*enter)(Rig&);
  Session::State is;
  // What each event causes; those that are not listed cause nothing.
  std::map<std::string, std::string> cells;
};

// Short names for the table.
std::string shorten(const Lines& lines) {
  std::string all;
  for (std::string line : lines) {
    const std::pair<std::string, std::string> names[] = {
        {"send " + bare_header, "bare"},
        {"send " + full_header, "full"},
        {"send <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "starttls"},
        {"send </stream:stream>", "end"},
        {"send <stream:error><restricted-xml xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
         "</stream:stream>",
         "restricted"},
        {"send <stream:error><bad-format xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
         "</stream:stream>",
         "bad"},
        {"send <iq/>", "send"},
        {"send  ", "space"},
        {"opened i1", "opened"},
        {"redirect other.example.org 5223", "redirect"},
    };
    if (line.starts_with("deliver")) line = "deliver";
    for (const auto& [from, to] : names) {
      if (line == from) line = to;
    }
    all += (all.empty() ? "" : " ") + line;
  }
  return all.empty() ? "-" : all;
}

struct Column {
  const char* event;
  std::function<Lines(Rig&)> happen;
};

// An event as such, past the splitter: not everything here could be made with bytes in every state.
std::function<Lines(Rig&)> event(const xmpp::StreamEvent& e) {
  return [e](Rig& rig) {
    rig.session->on_event(e, rig.now, rig.actions);
    return rig.take();
  };
}

const std::vector<Column>& columns() {
  using xmpp::StanzaKind;
  static const std::string plain = "<stream:features " + streams_declared + "/>";
  static const std::string tls = "<stream:features " + streams_declared + tls_features.substr(16);
  static const std::string error = "<stream:error " + streams_declared + conflict.substr(13);
  static const std::string other = "<stream:error " + streams_declared + other_host.substr(13);
  static const std::vector<Column> all = {
      {"link_up", [](Rig& r) { return r.up(TlsMode::direct); }},
      {"encrypted", [](Rig& r) { return r.encrypted(); }},
      {"link_down", [](Rig& r) { return r.down(); }},
      {"header", event(xmpp::StreamOpened{"i1", "example.org", "1.0", ""})},
      {"legacy header", event(xmpp::StreamOpened{"i1", "example.org", "", ""})},
      {"features", event(Stanza{plain, StanzaKind::features})},
      {"features with TLS", event(Stanza{tls, StanzaKind::features})},
      {"proceed", event(Stanza{proceed, StanzaKind::tls_proceed})},
      {"tls failure", event(Stanza{"<failure/>", StanzaKind::tls_failure})},
      {"message", event(Stanza{"<message xmlns='jabber:client'/>", StanzaKind::message})},
      {"error", event(Stanza{error, StanzaKind::stream_error})},
      {"see-other-host", event(Stanza{other, StanzaKind::stream_error})},
      {"closed", event(xmpp::StreamClosed{})},
      {"fault", event(Fault{FaultKind::restricted_xml, ""})},
      {"to_server", [](Rig& r) { return r.to_server("<iq/>"); }},
      {"restart", [](Rig& r) { return r.restart(); }},
      {"close", [](Rig& r) { return r.close(); }},
      {"drop", [](Rig& r) { return r.drop(); }},
      {"time", [](Rig& r) { return r.expire(); }},
  };
  return all;
}

const std::vector<Row>& rows() {
  using State = Session::State;
  // clang-format off
  static const std::vector<Row> all = {
      {"opening", into_opening, State::opening, {
           {"link_up",           "full"},
           {"link_down",         "ended connection_lost"},
           {"close",             "ended closed"},
           {"drop",              "ended closed"},
           {"time",              "ended timed_out"},
       }},
      {"header_in_clear", into_header_in_clear, State::negotiating, {
           {"link_down",         "ended connection_lost"},
           {"legacy header",     "end ended connection_failed"},
           {"features",          "bad ended bad_format"},
           {"features with TLS", "bad ended bad_format"},
           {"proceed",           "bad ended bad_format"},
           {"tls failure",       "bad ended bad_format"},
           {"message",           "bad ended bad_format"},
           {"error",             "deliver end ended stream_error"},
           {"see-other-host",    "end reset redirect"},
           {"closed",            "end ended closed"},
           {"fault",             "restricted ended restricted_xml"},
           {"close",             "end"},
           {"drop",              "ended closed"},
           {"time",              "end ended timed_out"},
       }},
      {"features_in_clear", into_features_in_clear, State::negotiating, {
           {"link_down",         "ended connection_lost"},
           {"header",            "bad ended bad_format"},
           {"legacy header",     "bad ended bad_format"},
           {"features",          "end ended connection_failed"},
           {"features with TLS", "starttls"},
           {"proceed",           "bad ended bad_format"},
           {"tls failure",       "bad ended bad_format"},
           {"message",           "bad ended bad_format"},
           {"error",             "deliver end ended stream_error"},
           {"see-other-host",    "end reset redirect"},
           {"closed",            "end ended closed"},
           {"fault",             "restricted ended restricted_xml"},
           {"close",             "end"},
           {"drop",              "ended closed"},
           {"time",              "end ended timed_out"},
       }},
      {"proceed", into_proceed, State::negotiating, {
           {"link_down",         "ended connection_lost"},
           {"header",            "bad ended bad_format"},
           {"legacy header",     "bad ended bad_format"},
           {"features",          "bad ended bad_format"},
           {"features with TLS", "bad ended bad_format"},
           {"proceed",           "encrypt"},
           {"tls failure",       "end ended connection_failed"},
           {"message",           "bad ended bad_format"},
           {"error",             "deliver end ended stream_error"},
           {"see-other-host",    "end reset redirect"},
           {"closed",            "end ended closed"},
           {"fault",             "restricted ended restricted_xml"},
           {"close",             "end"},
           {"drop",              "ended closed"},
           {"time",              "end ended timed_out"},
       }},
      {"encrypting", into_encrypting, State::negotiating, {
           {"encrypted",         "reset full"},
           {"link_down",         "ended connection_lost"},
           {"close",             "ended closed"},
           {"drop",              "ended closed"},
           {"time",              "ended timed_out"},
       }},
      {"header", into_header, State::negotiating, {
           {"link_down",         "ended connection_lost"},
           {"legacy header",     "opened"},
           {"features",          "bad ended bad_format"},
           {"features with TLS", "bad ended bad_format"},
           {"proceed",           "bad ended bad_format"},
           {"tls failure",       "bad ended bad_format"},
           {"message",           "bad ended bad_format"},
           {"error",             "deliver end ended stream_error"},
           {"see-other-host",    "end reset redirect"},
           {"closed",            "end ended closed"},
           {"fault",             "restricted ended restricted_xml"},
           {"close",             "end"},
           {"drop",              "ended closed"},
           {"time",              "end ended timed_out"},
       }},
      {"features", into_features, State::negotiating, {
           {"link_down",         "opened ended connection_lost"},
           {"header",            "bad opened ended bad_format"},
           {"legacy header",     "bad opened ended bad_format"},
           {"features",          "opened deliver"},
           {"features with TLS", "opened deliver"},
           {"proceed",           "opened deliver"},
           {"tls failure",       "opened deliver"},
           {"message",           "opened deliver"},
           {"error",             "opened deliver end ended stream_error"},
           {"see-other-host",    "end reset redirect"},
           {"closed",            "end opened ended closed"},
           {"fault",             "restricted opened ended restricted_xml"},
           {"close",             "end"},
           {"drop",              "opened ended closed"},
           {"time",              "end opened ended timed_out"},
       }},
      {"active", into_active, State::active, {
           {"link_down",         "ended connection_lost"},
           {"header",            "bad ended bad_format"},
           {"legacy header",     "bad ended bad_format"},
           {"features",          "deliver"},
           {"features with TLS", "deliver"},
           {"proceed",           "deliver"},
           {"tls failure",       "deliver"},
           {"message",           "deliver"},
           {"error",             "deliver end ended stream_error"},
           {"see-other-host",    "deliver end ended stream_error"},
           {"closed",            "end ended closed"},
           {"fault",             "restricted ended restricted_xml"},
           {"to_server",         "send"},
           {"restart",           "reset full"},
           {"close",             "end"},
           {"drop",              "ended closed"},
           {"time",              "space"},
       }},
      {"restarted", into_restarted, State::negotiating, {
           {"link_down",         "ended connection_lost"},
           {"header",            "opened"},
           {"legacy header",     "opened"},
           {"features",          "bad ended bad_format"},
           {"features with TLS", "bad ended bad_format"},
           {"proceed",           "bad ended bad_format"},
           {"tls failure",       "bad ended bad_format"},
           {"message",           "bad ended bad_format"},
           {"error",             "deliver end ended stream_error"},
           {"see-other-host",    "deliver end ended stream_error"},
           {"closed",            "end ended closed"},
           {"fault",             "restricted ended restricted_xml"},
           {"close",             "end"},
           {"drop",              "ended closed"},
           {"time",              "end ended timed_out"},
       }},
      {"restarted_features", into_restarted_features, State::negotiating, {
           {"link_down",         "ended connection_lost"},
           {"header",            "bad ended bad_format"},
           {"legacy header",     "bad ended bad_format"},
           {"features",          "deliver"},
           {"features with TLS", "deliver"},
           {"proceed",           "deliver"},
           {"tls failure",       "deliver"},
           {"message",           "deliver"},
           {"error",             "deliver end ended stream_error"},
           {"see-other-host",    "deliver end ended stream_error"},
           {"closed",            "end ended closed"},
           {"fault",             "restricted ended restricted_xml"},
           {"close",             "end"},
           {"drop",              "ended closed"},
           {"time",              "end ended timed_out"},
       }},
      {"closing", into_closing, State::closing, {
           {"link_down",         "ended closed"},
           {"closed",            "ended closed"},
           {"fault",             "ended restricted_xml"},
           {"drop",              "ended closed"},
           {"time",              "ended timed_out"},
       }},
      {"closed", into_closed, State::closed, {
       }},
  };
  // clang-format on
  return all;
}

TEST(Session, StateByEvent) {
  for (const auto& row : rows()) {
    std::size_t listed = 0;
    for (const auto& column : columns()) {
      Rig rig;
      row.enter(rig);
      ASSERT_EQ(rig.session->state(), row.is) << row.state;
      const auto cell = row.cells.find(column.event);
      if (cell != row.cells.end()) ++listed;
      EXPECT_EQ(shorten(column.happen(rig)), cell == row.cells.end() ? "-" : cell->second)
          << row.state << " x " << column.event;
    }
    EXPECT_EQ(listed, row.cells.size()) << row.state << " lists an event that does not exist";
  }
}

}  // namespace
