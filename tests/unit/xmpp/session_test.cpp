#include "xmpp/session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>

#include "tests/unit/xmpp/splitter_support.hpp"

namespace {

using namespace std::chrono_literals;
using test::Lines;
using testing::ElementsAre;
using testing::IsEmpty;
using xmpp::Fault;
using xmpp::FaultKind;
using xmpp::Instant;
using xmpp::Session;
using xmpp::SessionAction;
using xmpp::SessionActions;
using xmpp::Stanza;
using xmpp::StreamPolicy;
using xmpp::StreamRequest;
using xmpp::TlsMode;

// Our stream headers; `full` is the one of the stream that the browser sees.
const std::string ns = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const std::string bare_header =
    "<?xml version='1.0'?><stream:stream to='example.org' version='1.0' xml:lang='en' " + ns;
const std::string full_header =
    "<?xml version='1.0'?><stream:stream to='example.org' from='a@example.org' version='1.0' xml:lang='en' " + ns;

// What the server says.
const std::string theirs = "<stream:stream id='i1' from='example.org' version='1.0' " + ns;
const std::string theirs_legacy = "<stream:stream id='i1' from='example.org' " + ns;
const std::string tls_features =
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
const std::string proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const std::string mechanisms =
    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>";
const std::string sasl_features = "<stream:features>" + mechanisms + "</stream:features>";
const std::string success = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const std::string success_2 = "<success xmlns='urn:xmpp:sasl:2'/>";
const std::string conflict = "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
const std::string other_host =
    "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>"
    "other.example.org:5223</see-other-host></stream:error>";

// The same as they are delivered.
const std::string streams_declared = "xmlns:stream='http://etherx.jabber.org/streams'";
std::string delivered(std::string element) {
  const std::string name = element.substr(0, element.find_first_of(" />"));
  const std::string more = name.starts_with("<stream:") ? " " + streams_declared : " xmlns='jabber:client'";
  return "deliver " + name + more + element.substr(name.size());
}

// A session with a real splitter, driven as the shell drives it.
struct Rig {
  explicit Rig(StreamPolicy with = {}, StreamRequest request = {"en", "a@example.org", true})
      : policy(std::move(with)), splitter(pool, limits) {
    if (policy.domain.empty()) policy.domain = "example.org";
    session.emplace(policy, std::move(request), now);
  }

  Lines take() {
    Lines lines;
    for (const auto& action : actions.list) lines.push_back(describe(action));
    actions.clear();
    return lines;
  }

  std::string describe(const SessionAction& action) {
    if (const auto* a = std::get_if<xmpp::SendBytes>(&action)) return "send " + std::string(a->bytes);
    if (std::holds_alternative<xmpp::Encrypt>(action)) return "encrypt";
    if (std::holds_alternative<xmpp::ResetSplitter>(action)) {
      splitter.reset();
      return "reset";
    }
    if (const auto* a = std::get_if<xmpp::Opened>(&action)) return "opened " + std::string(a->stream.id);
    if (const auto* a = std::get_if<xmpp::Deliver>(&action)) return "deliver " + std::string(a->stanza.bytes);
    if (const auto* a = std::get_if<xmpp::Redirect>(&action)) {
      return "redirect " + std::string(a->host) + " " + std::to_string(a->port);
    }
    return "ended " + test::name(std::get<xmpp::Ended>(action).fault.kind);
  }

  Lines server(std::string_view bytes) {
    xmpp::StreamEvents events;
    splitter.feed(bytes, events);
    for (const auto& event : events.list) {
      session->on_event(event, now, actions);
      if (actions.list.empty()) continue;
      const auto& last = actions.list.back();
      if (std::holds_alternative<xmpp::Encrypt>(last) || std::holds_alternative<xmpp::Ended>(last)) break;
      if (std::holds_alternative<xmpp::Redirect>(last)) break;
    }
    return take();
  }
  Lines up(TlsMode tls) { return session->link_up(tls, now, actions), take(); }
  Lines encrypted() { return session->encrypted(now, actions), take(); }
  Lines down(FaultKind kind = FaultKind::connection_lost) {
    return session->link_down(Fault{kind, ""}, now, actions), take();
  }
  Lines to_server(std::string_view bytes) { return session->to_server(bytes, now, actions), take(); }
  Lines restart(std::string_view lang = {}) { return session->restart(lang, now, actions), take(); }
  Lines close() { return session->close(now, actions), take(); }
  Lines after(xmpp::Duration time) {
    now += time;
    return session->on_time(now, actions), take();
  }
  Lines expire() {
    if (session->deadline() == xmpp::never) return {};
    now = session->deadline();
    return session->on_time(now, actions), take();
  }

  StreamPolicy policy;
  xmpp::Limits limits;
  xmpp::ParserPool pool;
  xmpp::StreamSplitter splitter;
  SessionActions actions;
  Instant now{1000s};
  std::optional<Session> session;
};

// ---- the ways into each state

void into_opening(Rig&) {}
void into_header_in_clear(Rig& rig) {
  rig.up(TlsMode::starttls);
}
void into_features_in_clear(Rig& rig) {
  into_header_in_clear(rig);
  rig.server(theirs);
}
void into_proceed(Rig& rig) {
  into_features_in_clear(rig);
  rig.server(tls_features);
}
void into_encrypting(Rig& rig) {
  into_proceed(rig);
  rig.server(proceed);
}
void into_header(Rig& rig) {
  into_encrypting(rig);
  rig.encrypted();
}
void into_features(Rig& rig) {
  into_header(rig);
  rig.server(theirs);
}
void into_active(Rig& rig) {
  into_features(rig);
  rig.server(sasl_features);
}
void into_restarted(Rig& rig) {
  into_active(rig);
  rig.server(success);
  rig.restart();
}
void into_restarted_features(Rig& rig) {
  into_restarted(rig);
  rig.server(theirs);
}
void into_closing(Rig& rig) {
  into_active(rig);
  rig.close();
}
void into_closed(Rig& rig) {
  into_active(rig);
  rig.down();
}

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
           {"time",              "end ended timed_out"},
       }},
      {"encrypting", into_encrypting, State::negotiating, {
           {"encrypted",         "reset full"},
           {"link_down",         "ended connection_lost"},
           {"close",             "ended closed"},
           {"time",              "ended timed_out"},
       }},
      {"header", into_header, State::negotiating, {
           {"link_down",         "ended connection_lost"},
           {"header",            "opened"},
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
           {"time",              "end ended timed_out"},
       }},
      {"features", into_features, State::negotiating, {
           {"link_down",         "ended connection_lost"},
           {"header",            "bad ended bad_format"},
           {"legacy header",     "bad ended bad_format"},
           {"features",          "deliver"},
           {"features with TLS", "deliver"},
           {"proceed",           "deliver"},
           {"tls failure",       "deliver"},
           {"message",           "deliver"},
           {"error",             "deliver end ended stream_error"},
           {"see-other-host",    "end reset redirect"},
           {"closed",            "end ended closed"},
           {"fault",             "restricted ended restricted_xml"},
           {"close",             "end"},
           {"time",              "end ended timed_out"},
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
           {"time",              "end ended timed_out"},
       }},
      {"closing", into_closing, State::closing, {
           {"link_down",         "ended closed"},
           {"closed",            "ended closed"},
           {"fault",             "ended restricted_xml"},
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

// ---- transcripts

// U-010, U-011, U-012: nothing of the stream before TLS is shown, and the claimed JID is said only after it.
TEST(Session, NegotiatesStartTls) {
  Rig rig;
  EXPECT_THAT(rig.up(TlsMode::starttls), ElementsAre("send " + bare_header));
  EXPECT_THAT(rig.server(theirs), IsEmpty());
  EXPECT_THAT(rig.server("<stream:features>" + mechanisms + tls_features.substr(17)),
              ElementsAre("send <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
  EXPECT_THAT(rig.server(proceed), ElementsAre("encrypt"));
  EXPECT_THAT(rig.encrypted(), ElementsAre("reset", "send " + full_header));
  EXPECT_THAT(rig.server(theirs), ElementsAre("opened i1"));
  EXPECT_THAT(rig.server(sasl_features), ElementsAre(delivered(sasl_features)));
  EXPECT_EQ(rig.session->state(), Session::State::active);
}

// Whatever was written behind <proceed/> before TLS (the STARTTLS injection) has no effect.
TEST(Session, IgnoresWhatIsInjectedBeforeTls) {
  Rig rig;
  into_proceed(rig);
  xmpp::StreamEvents events;
  rig.splitter.feed(proceed + sasl_features + "<message/></stream:stream>", events);
  for (const auto& event : events.list) rig.session->on_event(event, rig.now, rig.actions);
  EXPECT_THAT(rig.take(), ElementsAre("encrypt"));
  EXPECT_THAT(rig.encrypted(), ElementsAre("reset", "send " + full_header));
}

// E-48.
TEST(Session, EndsWhereTlsIsStripped) {
  Rig rig;
  into_features_in_clear(rig);
  EXPECT_THAT(rig.to_server("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>secret</auth>"), IsEmpty());
  EXPECT_THAT(rig.server(sasl_features), ElementsAre("send </stream:stream>", "ended connection_failed"));
}

TEST(Session, TakesTheDirectAndThePlainWay) {
  for (const auto mode : {TlsMode::direct, TlsMode::none}) {
    Rig rig;
    EXPECT_THAT(rig.up(mode), ElementsAre("send " + full_header));
    EXPECT_THAT(rig.server(theirs + sasl_features), ElementsAre("opened i1", delivered(sasl_features)));
  }
}

//
TEST(Session, OmitsTheVersionOnlyWhereItIsAskedTo) {
  const auto headers = [](bool policy, bool client) {
    StreamPolicy with;
    with.legacy_without_version = policy;
    Rig rig(with, {"", "", client});
    auto lines = rig.up(TlsMode::starttls);
    rig.server(theirs + tls_features + proceed);
    for (const auto& line : rig.encrypted()) lines.push_back(line);
    std::string which;
    for (const auto& line : lines) {
      if (line != "reset") which += line.find("' version='1.0' xmlns") == std::string::npos ? "-" : "v";
    }
    return which;
  };
  EXPECT_EQ(headers(false, true), "vv");
  EXPECT_EQ(headers(false, false), "vv");
  EXPECT_EQ(headers(true, true), "vv");
  EXPECT_EQ(headers(true, false), "v-");
}

TEST(Session, IsUsableAtOnceWithAServerThatHasNoFeatures) {
  Rig rig;
  into_header(rig);
  rig.to_server("<iq id='auth'/>");
  EXPECT_THAT(rig.server(theirs_legacy), ElementsAre("opened i1", "send <iq id='auth'/>"));
  EXPECT_EQ(rig.session->state(), Session::State::active);
}

TEST(Session, EscapesWhatGoesIntoTheHeader) {
  StreamPolicy policy;
  policy.domain = "ex'ample&<>\".org";
  Rig rig(policy, {"en'/><x", "a'b@c/", true});
  EXPECT_THAT(rig.up(TlsMode::none),
              ElementsAre("send <?xml version='1.0'?><stream:stream to='ex&apos;ample&amp;&lt;&gt;&quot;.org' "
                          "from='a&apos;b@c/' version='1.0' " +
                          ns));
}

// B-038, X-022: in order, at once when the stream is usable, and behind the features.
TEST(Session, KeepsWhatTheBrowserSendsUntilTheStreamIsUsable) {
  Rig rig;
  EXPECT_THAT(rig.to_server("<a/>"), IsEmpty());
  into_header(rig);
  EXPECT_THAT(rig.to_server("<b/>"), IsEmpty());
  EXPECT_THAT(rig.server(theirs), ElementsAre("opened i1"));
  EXPECT_THAT(rig.to_server("<c/>"), IsEmpty());
  EXPECT_THAT(rig.server(sasl_features), ElementsAre(delivered(sasl_features), "send <a/><b/><c/>"));
  EXPECT_THAT(rig.to_server("<d/>"), ElementsAre("send <d/>"));
  rig.server(success);
  rig.restart();
  EXPECT_THAT(rig.to_server("<e/>"), IsEmpty());
  EXPECT_THAT(rig.server(theirs + "<stream:features/>"),
              ElementsAre("opened i1", "deliver <stream:features " + streams_declared + "/>", "send <e/>"));
}

TEST(Session, BoundsWhatItKeeps) {
  StreamPolicy policy;
  policy.max_queued = 10;
  Rig rig(policy);
  into_header(rig);
  EXPECT_THAT(rig.to_server("12345678"), IsEmpty());
  EXPECT_THAT(rig.to_server("90"), IsEmpty());
  EXPECT_THAT(rig.to_server("1"), ElementsAre("send </stream:stream>", "ended too_large"));
  Rig early(policy);
  EXPECT_THAT(early.to_server("12345678901"), ElementsAre("ended too_large"));
}

//
TEST(Session, Restarts) {
  Rig rig;
  into_active(rig);
  EXPECT_THAT(rig.server(success), ElementsAre("deliver " + success));
  EXPECT_THAT(rig.restart("de"),
              ElementsAre("reset",
                          "send <?xml version='1.0'?><stream:stream to='example.org' from='a@example.org' "
                          "version='1.0' xml:lang='de' " +
                              ns));
  EXPECT_THAT(rig.restart(), IsEmpty());
  EXPECT_THAT(rig.server("<?xml version='1.0'?>" + theirs + "<stream:features/>"), testing::SizeIs(2));
  EXPECT_EQ(rig.session->state(), Session::State::active);
}

// U-016.
TEST(Session, FollowsSeeOtherHostTwice) {
  Rig rig;
  rig.to_server("<a/>");
  rig.up(TlsMode::starttls);
  EXPECT_THAT(rig.server(theirs + other_host),
              ElementsAre("send </stream:stream>", "reset", "redirect other.example.org 5223"));
  EXPECT_EQ(rig.session->state(), Session::State::opening);
  EXPECT_THAT(rig.up(TlsMode::direct), ElementsAre("send " + full_header));
  EXPECT_THAT(rig.server(theirs + other_host),
              ElementsAre("opened i1", "send </stream:stream>", "reset", "redirect other.example.org 5223"));
  EXPECT_THAT(rig.up(TlsMode::starttls), ElementsAre("send " + bare_header));
  EXPECT_THAT(rig.server(theirs + other_host),
              ElementsAre(delivered(other_host), "send </stream:stream>", "ended stream_error"));
}

TEST(Session, KeepsTheQueueOverARedirect) {
  Rig rig;
  rig.up(TlsMode::none);
  rig.to_server("<a/>");
  rig.server(theirs + other_host);
  rig.to_server("<b/>");
  rig.up(TlsMode::none);
  EXPECT_THAT(rig.server(theirs_legacy), ElementsAre("opened i1", "send <a/><b/>"));
}

TEST(Session, DoesNotFollowAnEmptyOrImpossibleTarget) {
  for (const std::string target : {"", " ", "a b", "[::1", "host:0", "host:65536", "host:x", "<x/>"}) {
    Rig rig;
    rig.up(TlsMode::none);
    rig.server(theirs);
    const auto lines = rig.server("<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>" +
                                  target + "</see-other-host></stream:error>");
    ASSERT_EQ(lines.size(), 3U) << target;
    EXPECT_EQ(lines.back(), "ended stream_error") << target;
  }
}

// U-018: the server hears what was wrong with its bytes.
TEST(Session, AnswersBadXmlWithTheFittingError) {
  const std::pair<std::string, std::string> cases[] = {
      {"<!-- x -->", "restricted-xml"},
      {"<message></iq>", "not-well-formed"},
      {"<message>\xFF</message>", "not-well-formed"},
      {"<a>" + std::string(300'000, 'x'), "policy-violation"},
  };
  for (const auto& [bytes, condition] : cases) {
    Rig rig;
    into_active(rig);
    const auto lines = rig.server("<presence/>" + bytes);
    ASSERT_EQ(lines.size(), 3U) << condition;
    EXPECT_EQ(lines[0], "deliver <presence xmlns='jabber:client'/>");
    EXPECT_EQ(lines[1], "send <stream:error><" + condition +
                            " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>");
  }
  Rig rig;
  rig.up(TlsMode::none);
  EXPECT_THAT(rig.server("<?xml version='1.0' encoding='UTF-16'?>"),
              ElementsAre("send <stream:error><unsupported-encoding xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
                          "</stream:error></stream:stream>",
                          "ended bad_encoding"));
  Rig web;
  web.up(TlsMode::none);
  EXPECT_THAT(web.server("<html>"),
              ElementsAre("send <stream:error><invalid-namespace xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
                          "</stream:error></stream:stream>",
                          "ended invalid_namespace"));
}

// X-040, E-17: the error itself goes to the browser, after what came before it.
TEST(Session, HandsAStreamErrorOn) {
  Rig rig;
  into_active(rig);
  EXPECT_THAT(rig.server("<message/>" + conflict + "</stream:stream>"),
              ElementsAre("deliver <message xmlns='jabber:client'/>", delivered(conflict), "send </stream:stream>",
                          "ended stream_error"));
}

// E-18: also the one of the stream before TLS.
TEST(Session, HandsAStreamErrorBeforeTlsOn) {
  Rig rig;
  rig.up(TlsMode::starttls);
  EXPECT_THAT(rig.server(theirs + conflict),
              ElementsAre(delivered(conflict), "send </stream:stream>", "ended stream_error"));
}

// U-021.
TEST(Session, ClosesCleanly) {
  Rig rig;
  into_active(rig);
  EXPECT_THAT(rig.close(), ElementsAre("send </stream:stream>"));
  EXPECT_THAT(rig.close(), IsEmpty());
  EXPECT_EQ(rig.session->deadline(), rig.now + rig.policy.closing_timeout);
  EXPECT_THAT(rig.server("<presence/></stream:stream>"), ElementsAre("ended closed"));
  EXPECT_EQ(rig.session->deadline(), xmpp::never);
}

TEST(Session, BoundsTheNegotiation) {
  Rig rig;
  EXPECT_EQ(rig.session->deadline(), rig.now + 25s);
  rig.after(10s);
  rig.up(TlsMode::starttls);
  EXPECT_EQ(rig.session->deadline(), rig.now + 15s);
  EXPECT_THAT(rig.after(14s), IsEmpty());
  EXPECT_THAT(rig.after(1s), ElementsAre("send </stream:stream>", "ended timed_out"));
  Rig restarted;
  into_active(restarted);
  restarted.after(60s);
  restarted.restart();
  EXPECT_EQ(restarted.session->deadline(), restarted.now + 25s);
  EXPECT_THAT(restarted.after(25s), ElementsAre("send </stream:stream>", "ended timed_out"));
}

// U-020.
TEST(Session, KeepsTheConnectionAlive) {
  Rig rig;
  into_active(rig);
  EXPECT_THAT(rig.after(89s), IsEmpty());
  EXPECT_THAT(rig.to_server("<a/>"), ElementsAre("send <a/>"));
  EXPECT_THAT(rig.after(89s), IsEmpty());
  EXPECT_THAT(rig.after(1s), ElementsAre("send  "));
  EXPECT_EQ(rig.session->deadline(), rig.now + 90s);
  StreamPolicy never;
  never.keepalive = 0s;
  Rig quiet(never);
  into_active(quiet);
  EXPECT_EQ(quiet.session->deadline(), xmpp::never);
}

bool keeps_alive(const Rig& rig) {
  return rig.session->deadline() != xmpp::never;
}

TEST(Session, SendsNoWhiteSpaceDuringTheLogin) {
  Rig rig;
  into_active(rig);
  EXPECT_TRUE(keeps_alive(rig));
  rig.to_server("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>");
  EXPECT_FALSE(keeps_alive(rig));
  rig.server("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
  EXPECT_FALSE(keeps_alive(rig));
  rig.server(success);
  EXPECT_FALSE(keeps_alive(rig));
  EXPECT_THAT(rig.after(3600s), IsEmpty());
  rig.restart();
  rig.server(theirs + "<stream:features/>");
  EXPECT_TRUE(keeps_alive(rig));
  // After the login SASL is only a word.
  rig.to_server("<message><x xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></message>");
  EXPECT_TRUE(keeps_alive(rig));
}

// features follow the success without a restart.
TEST(Session, SendsNoWhiteSpaceDuringASasl2Login) {
  Rig rig;
  into_active(rig);
  rig.to_server("<authenticate xmlns='urn:xmpp:sasl:2'/>");
  EXPECT_FALSE(keeps_alive(rig));
  EXPECT_THAT(
      rig.server(success_2 + tls_features),
      ElementsAre("deliver " + success_2, "deliver <stream:features " + streams_declared + "></stream:features>"));
  EXPECT_TRUE(keeps_alive(rig));
}

// A login that waits for the features is as silent: what is queued may be the login.
TEST(Session, KnowsOfALoginThatWasQueued) {
  Rig rig;
  rig.to_server("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
  into_active(rig);
  EXPECT_FALSE(keeps_alive(rig));
}

// through the session, so that what is tested of filter_features() is known to be in the way.
TEST(Session, ShowsFeaturesWithoutTlsAndCompression) {
  Rig rig;
  into_features(rig);
  EXPECT_THAT(rig.server("<stream:features>" + mechanisms +
                         "<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>"
                         "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"),
              ElementsAre(delivered(sasl_features)));
}

TEST(Session, IsTheSameForTheSameInput) {
  const auto play = [] {
    Rig rig;
    Lines all;
    const auto add = [&](const Lines& lines) { all.insert(all.end(), lines.begin(), lines.end()); };
    add(rig.to_server("<a/>"));
    add(rig.up(TlsMode::starttls));
    add(rig.server(theirs + tls_features + proceed));
    add(rig.encrypted());
    add(rig.server(theirs + sasl_features));
    add(rig.after(90s));
    add(rig.server(success));
    add(rig.restart("fr"));
    add(rig.server(theirs + "<stream:features/><message/>"));
    add(rig.close());
    add(rig.after(2s));
    return all;
  };
  EXPECT_EQ(play(), play());
  EXPECT_EQ(play().back(), "ended timed_out");
}

TEST(Session, IsSmall) {
  EXPECT_LE(sizeof(Session), 200U);
}

}  // namespace
