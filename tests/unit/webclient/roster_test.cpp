// Buddies, presence, subscriptions, services and files: transcripts beside RFC 6121 2...4, XEP-0030, 0092, 0115, 0199,
// 0202 and 0363.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "tests/support/scram_server.hpp"
#include "tests/unit/webclient/play.hpp"
#include "webclient/features.hpp"
#include "webclient/stamp.hpp"
#include "webclient/text.hpp"

namespace {

using namespace std::chrono_literals;
using namespace webclient;
using testing::HasSubstr;
using tests::Play;

class RosterTest : public testing::Test {
 protected:
  RosterTest() { play.logs_in(); }

  std::string push(std::string_view item, std::string_view from = {}) {
    std::string iq = "<iq type='set' id='p1'";
    if (!from.empty()) iq += " from='" + std::string(from) + "'";
    return play.hears(iq + "><query xmlns='jabber:iq:roster'>" + std::string(item) + "</query></iq>");
  }
  std::string presence(std::string_view from, std::string_view content = {}, std::string_view type = {}) {
    std::string text = "<presence from='" + std::string(from) + "'";
    if (!type.empty()) text += " type='" + std::string(type) + "'";
    return play.hears(text + ">" + std::string(content) + "</presence>");
  }
  const Conversation& romeo() { return play.row("romeo@example.net"); }
  Play play;
};

TEST_F(RosterTest, IsRead) {
  play.answers(
      "jabber:iq:roster",
      "<query xmlns='jabber:iq:roster'><item jid='Romeo@example.net' name=' My &#x202e;Romeo ' subscription='both'>"
      "<group>Friends</group><group>Lovers</group></item><item jid='not a jid'/>"
      "<item jid='nurse@example.org' subscription='none' ask='subscribe'/></query>");
  ASSERT_TRUE(romeo().buddy);
  EXPECT_EQ(romeo().title(), "My Romeo");
  EXPECT_EQ(romeo().buddy->groups, (std::vector<std::string>{"Friends", "Lovers"}));
  EXPECT_EQ(romeo().buddy->subscription, Subscription::both);
  EXPECT_TRUE(play.row("nurse@example.org").buddy->asked);
  EXPECT_EQ(play.model().roster_size(), 2U);
}

// RFC 6121 2.1.6.
TEST_F(RosterTest, PushesOfOthersAreRefused) {
  EXPECT_THAT(push("<item jid='mallory@example.net' subscription='both'/>", "mallory@example.net"),
              HasSubstr("<service-unavailable"));
  EXPECT_EQ(play.model().find("mallory@example.net"), nullptr);
  EXPECT_THAT(push("<item jid='romeo@example.net' subscription='both'/>"), HasSubstr("type=\"result\""));
  EXPECT_THAT(push("<item jid='romeo@example.net' subscription='remove'/>", "julia@example.org"), HasSubstr("result"));
  EXPECT_FALSE(romeo().buddy);
}

TEST_F(RosterTest, PresenceIsOfTheBestResource) {
  push("<item jid='romeo@example.net' subscription='both'/>");
  presence("romeo@example.net/phone", "<show>away</show><status>out</status>");
  EXPECT_EQ(romeo().show, Show::away);
  EXPECT_EQ(romeo().status, "out");
  presence("romeo@example.net/desk", "<priority>5</priority>");
  EXPECT_EQ(romeo().show, Show::online);
  presence("romeo@example.net/desk", "", "unavailable");
  EXPECT_EQ(romeo().show, Show::away);
  presence("romeo@example.net/phone", "", "unavailable");
  EXPECT_EQ(romeo().show, Show::offline);
  EXPECT_EQ(romeo().status, "");
  presence("stranger@example.net/x");
  EXPECT_EQ(play.model().find("stranger@example.net"), nullptr);
}

TEST_F(RosterTest, SubscriptionRequestsWaitForAnAnswer) {
  presence("romeo@example.net", "<status>It is me</status>", "subscribe");
  ASSERT_TRUE(romeo().asks);
  EXPECT_EQ(*romeo().asks, "It is me");
  EXPECT_TRUE(romeo().listed());
  const auto answer = [&](bool accept) {
    return play.does([&](Client& client, auto now, auto& out) {
      EXPECT_EQ(client.answer_request(romeo().id, accept, now, out), Problem::none);
      EXPECT_EQ(client.answer_request(romeo().id, accept, now, out), Problem::no_such_conversation);
    });
  };
  EXPECT_EQ(answer(true),
            "<presence type=\"subscribed\" to=\"romeo@example.net\"/>\n"
            "<presence type=\"subscribe\" to=\"romeo@example.net\"/>\n");
  presence("romeo@example.net", "", "subscribe");
  EXPECT_EQ(answer(false), "<presence type=\"unsubscribed\" to=\"romeo@example.net\"/>\n");
  // Who may see us already is told again, without bothering the reader.
  push("<item jid='romeo@example.net' subscription='from'/>");
  EXPECT_THAT(presence("romeo@example.net", "", "subscribe"), HasSubstr("subscribed"));
  EXPECT_FALSE(romeo().asks);
}

TEST_F(RosterTest, IsEdited) {
  auto said = play.does([&](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.add_buddy("Romeo@example.net", {"R", {"Friends"}}, now, out).problem, Problem::none);
    EXPECT_EQ(client.add_buddy("julia@example.org", {}, now, out).problem, Problem::own_address);
    EXPECT_EQ(client.add_buddy("romeo@example.net/x", {}, now, out).problem, Problem::bad_address);
  });
  EXPECT_THAT(said, HasSubstr("jid=\"romeo@example.net\""));
  EXPECT_THAT(said, HasSubstr("<group>Friends</group>"));
  EXPECT_THAT(said, HasSubstr("<presence type=\"subscribe\" to=\"romeo@example.net\"/>"));
  EXPECT_FALSE(romeo().buddy);  // until the server says so
  push("<item jid='romeo@example.net' name='R' subscription='none' ask='subscribe'/>");
  said = play.does([&](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.change_buddy(romeo().id, {"Romeo", {}}, now, out), Problem::none);
    EXPECT_EQ(client.remove_buddy(romeo().id, now, out), Problem::none);
  });
  EXPECT_THAT(said, HasSubstr("name=\"Romeo\""));
  EXPECT_THAT(said, HasSubstr("subscription=\"remove\""));
}

TEST_F(RosterTest, OwnPresenceIsTold) {
  const auto said = play.does(
      [](Client& client, auto now, auto& out) { client.set_presence(Show::do_not_disturb, "asleep \x01", now, out); });
  EXPECT_THAT(said, HasSubstr("<show>dnd</show><status>asleep </status>"));
  EXPECT_EQ(play.model().account().show, Show::do_not_disturb);
}

TEST_F(RosterTest, AfterABreakNobodyIsThereUntilTheySaySo) {
  push("<item jid='romeo@example.net' subscription='both'/>");
  push("<item jid='nurse@example.org' subscription='both'/>");
  presence("romeo@example.net/phone");
  play.begins_anew();
  EXPECT_EQ(romeo().show, Show::offline);
  // Who was removed meanwhile is gone.
  play.answers("jabber:iq:roster",
               "<query xmlns='jabber:iq:roster'><item jid='romeo@example.net' subscription='both'/></query>");
  EXPECT_FALSE(play.row("nurse@example.org").buddy);
}

TEST_F(RosterTest, IsBounded) {
  std::string items;
  for (int i = 0; i < 1500; ++i) items += "<item jid='b" + std::to_string(i) + "@example.net'/>";
  play.answers("jabber:iq:roster", "<query xmlns='jabber:iq:roster'>" + items + "</query>");
  for (int i = 1500; i < 2100; ++i) push("<item jid='b" + std::to_string(i) + "@example.net'/>");
  EXPECT_EQ(play.model().roster_size(), play.model().bounds().roster);
}

// What is known of somebody's devices counts for the memory of the session, as long as it is known.
TEST_F(RosterTest, PresenceIsCounted) {
  push("<item jid='romeo@example.net' subscription='both'/>");
  const auto before = play.client->held_bytes();
  const std::string status = "<status>" + std::string(1000, 'x') + "</status>";
  for (int i = 0; i < 16; ++i) presence("romeo@example.net/" + std::to_string(i % 8), status);
  EXPECT_GT(play.client->held_bytes(), before + 9 * 1000);  // the row shows the best
  EXPECT_LT(play.client->held_bytes(), before + 12 * 1000);
  for (int i = 0; i < 8; ++i) presence("romeo@example.net/" + std::to_string(i), "", "unavailable");
  EXPECT_LT(play.client->held_bytes(), before + 1000);  // events
  presence("romeo@example.net/0", status);
  push("<item jid='romeo@example.net' subscription='remove'/>");
  EXPECT_LT(play.client->held_bytes(), before + 1000);
}

TEST_F(RosterTest, PresenceOfStrangersGoesWithTheirRows) {
  const std::string status = "<status>" + std::string(1000, 'x') + "</status>";
  for (int i = 0; i < 2000; ++i) {
    const std::string from = "p" + std::to_string(i) + "@example.net/x";
    play.hears("<message from='" + from + "'><body>buy</body></message>");
    presence(from, status);
  }
  EXPECT_LT(play.client->held_bytes(), 1'000'000U);
}

// ---- what others ask us

TEST_F(RosterTest, AnswersQuestions) {
  const auto asks = [&](std::string_view what, std::string_view type = "get") {
    return play.hears("<iq type='" + std::string(type) + "' from='romeo@example.net/o' id='q&lt;1'>" +
                      std::string(what) + "</iq>");
  };
  EXPECT_EQ(asks("<ping xmlns='urn:xmpp:ping'/>"), "<iq id=\"q&lt;1\" to=\"romeo@example.net/o\" type=\"result\"/>\n");
  EXPECT_THAT(asks("<query xmlns='jabber:iq:version'/>"), HasSubstr("<name>postern</name>"));
  EXPECT_THAT(asks("<time xmlns='urn:xmpp:time'/>"), HasSubstr("<tzo>+00:00</tzo>"));
  EXPECT_THAT(asks("<query xmlns='http://jabber.org/protocol/disco#info'/>"), HasSubstr("var=\"urn:xmpp:receipts\""));
  EXPECT_THAT(asks("<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>"), HasSubstr("item-not-found"));
  EXPECT_THAT(asks("<query xmlns='http://jabber.org/protocol/disco#items'/>"), HasSubstr("type=\"result\""));
  EXPECT_THAT(asks("<query xmlns='jabber:iq:last'/>"), HasSubstr("<service-unavailable"));
  EXPECT_THAT(asks("<ping xmlns='urn:xmpp:ping'/>", "set"), HasSubstr("<service-unavailable"));
  EXPECT_EQ(asks("", "result"), "");
  EXPECT_EQ(asks("", "nonsense"), "");
}

// XEP-0115 5.1: the constant is the hash of what disco#info says.
TEST_F(RosterTest, CapsAreTheHashOfTheFeatures) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  const auto input = caps_input();
  EVP_Digest(input.data(), input.size(), hash.data(), &size, EVP_sha1(), nullptr);
  EXPECT_THAT(caps().bytes(),
              HasSubstr("ver=\"" + tests::base64({reinterpret_cast<const char*>(hash.data()), size}) + "\""));
  std::vector<std::string> features;
  for (auto rest = input.substr(input.find('<') + 1); !rest.empty(); rest.erase(0, rest.find('<') + 1)) {
    features.push_back(rest.substr(0, rest.find('<')));
  }
  EXPECT_TRUE(std::is_sorted(features.begin(), features.end()));
}

// ---- files

class UploadTest : public RosterTest {
 protected:
  UploadTest() {
    play.answers("disco#items",
                 "<query xmlns='http://jabber.org/protocol/disco#items'><item jid='files.example.org'/></query>",
                 "example.org");
    play.answers(
        "to=\"files.example.org\"",
        "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:http:upload:0'/>"
        "<x xmlns='jabber:x:data' type='result'><field var='max-file-size'><value>1000</value></field></x></query>",
        "files.example.org");
    push("<item jid='romeo@example.net' subscription='both'/>");
  }
  UploadStart start(std::uint64_t size = 100) {
    UploadStart started;
    play.does([&](Client& client, auto now, auto& out) {
      started = client.start_upload(romeo().id, {"C:\\pics\\a b.png", "image/png", size}, now, out);
    });
    return started;
  }
  void slot(std::string_view put, std::string_view get, std::string_view from = "files.example.org") {
    play.answers("urn:xmpp:http:upload:0",
                 "<slot xmlns='urn:xmpp:http:upload:0'><put url='" + std::string(put) +
                     "'><header name='Authorization'>Basic x</header><header name='Host'>evil</header>"
                     "<header name='Cookie'>a&#10;b: c</header></put><get url='" +
                     std::string(get) + "'/></slot>",
                 from);
  }
};

TEST_F(UploadTest, ASlotThenTheLink) {
  EXPECT_TRUE(play.model().account().upload);
  EXPECT_EQ(play.model().account().upload_limit, 1000U);
  const auto started = start();
  ASSERT_EQ(started.problem, Problem::none);
  EXPECT_THAT(play.sent.back(), HasSubstr("filename=\"a b.png\""));
  EXPECT_THAT(play.sent.back(), HasSubstr("to=\"files.example.org\""));
  slot("https://files.example.org/p", "https://files.example.org/g", "mallory@example.net");
  EXPECT_EQ(play.model().find(started.id)->state, UploadState::asking);
  slot("https://files.example.org/p", "https://files.example.org/g");
  const auto* upload = play.model().find(started.id);
  ASSERT_EQ(upload->state, UploadState::ready);
  EXPECT_EQ(upload->put_url, "https://files.example.org/p");
  ASSERT_EQ(upload->headers.size(), 1U);
  EXPECT_EQ(upload->headers[0].first, "Authorization");
  const auto said = play.does([&](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.finish_upload(started.id, true, now, out), Problem::none);
  });
  EXPECT_THAT(said, HasSubstr("<body>https://files.example.org/g</body>"));
  EXPECT_THAT(said, HasSubstr("<url>https://files.example.org/g</url>"));
  EXPECT_EQ(play.model().find(started.id), nullptr);
}

TEST_F(UploadTest, WhatCannotBeSent) {
  EXPECT_EQ(start(0).problem, Problem::file_empty);
  const auto none = play.does([&](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.start_upload(romeo().id, {"", "application/octet-stream", 0}, now, out).problem, Problem::no_file);
  });
  EXPECT_EQ(none, "");
  EXPECT_EQ(start(1001).problem, Problem::file_too_large);
  for (std::size_t i = 0; i < play.model().bounds().uploads; ++i) EXPECT_EQ(start().problem, Problem::none);
  EXPECT_EQ(start().problem, Problem::too_many);
}

TEST_F(UploadTest, SlotsThatAreNotToBeTrusted) {
  for (const char* bad : {"http://files.example.org/p", "file:///etc/passwd", "javascript:x", ""}) {
    const auto started = start();
    slot(bad, "https://files.example.org/g");
    EXPECT_EQ(play.model().find(started.id)->state, UploadState::failed) << bad;
    play.client->dismiss_upload(started.id);
  }
}

// Plain http only to the very origin that the configuration names.
TEST(Upload, PlainOnlyWhereItIsAllowed) {
  ClientSettings settings;
  EXPECT_TRUE(settings.files);
  EXPECT_TRUE(settings.plain_upload_origins.empty());
  EXPECT_EQ(origin_of("http://LocalHost:5280/upload/x?y#z"), "http://localhost:5280");
  EXPECT_EQ(origin_of("http://localhost:5280?x"), "http://localhost:5280");
  EXPECT_EQ(origin_of("https://[::1]:8443"), "https://[::1]:8443");
  EXPECT_EQ(origin_of("https://files.example.org:443/x"), "https://files.example.org");
  EXPECT_EQ(origin_of("http://files.example.org:80"), "http://files.example.org");
  EXPECT_EQ(origin_of("http://files.example.org:443"), "http://files.example.org:443");
  EXPECT_EQ(origin_of("nonsense"), "");
}

TEST_F(UploadTest, ANameIsOnlyAName) {
  const std::pair<const char*, const char*> table[] = {{"../../etc/passwd", "passwd"},
                                                       {"..", "file"},
                                                       {".htaccess", "htaccess"},
                                                       {"", "file"},
                                                       {"/", "file"},
                                                       {"a\xe2\x80\xae"
                                                        "fdp.exe",
                                                        "afdp.exe"},
                                                       {"a\r\nb.txt", "a b.txt"},
                                                       {" . x", "x"}};
  for (const auto& row : table) {
    play.does([&](Client& client, auto now, auto& out) {
      const auto started = client.start_upload(romeo().id, {row.first, "", 5}, now, out);
      ASSERT_EQ(started.problem, Problem::none);
      EXPECT_EQ(client.model().find(started.id)->name, row.second) << row.first;
      client.dismiss_upload(started.id);
    });
  }
}

TEST_F(UploadTest, AFailureIsShown) {
  const auto started = start();
  play.hears("<iq type='error' from='files.example.org' id='" + play.id_of("urn:xmpp:http:upload:0") +
             "'><error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
  EXPECT_EQ(play.model().find(started.id)->problem, Problem::not_acceptable);
  const auto large = start();
  play.hears(
      "<iq type='error' from='files.example.org' id='" + play.id_of("urn:xmpp:http:upload:0") +
      "'><error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
      "<file-too-large xmlns='urn:xmpp:http:upload:0'><max-file-size>4</max-file-size></file-too-large></error></iq>");
  EXPECT_EQ(play.model().find(large.id)->problem, Problem::file_too_large);
  const auto second = start();
  slot("https://files.example.org/p", "https://files.example.org/g");
  play.does([&](Client& client, auto now, auto& out) {
    EXPECT_EQ(client.finish_upload(second.id, false, now, out), Problem::upload_failed);
  });
  EXPECT_EQ(play.model().find(second.id)->state, UploadState::failed);
  EXPECT_EQ(romeo().messages.size(), 0U);
}

TEST(Stamp, ReadsAndWrites) {
  const WallTime when = WallTime{} + std::chrono::seconds(1031699305);
  for (const char* text : {"2002-09-10T23:08:25Z", "2002-09-10T23:08:25.123Z", "2002-09-11T01:08:25+02:00",
                           "2002-09-10T18:38:25-04:30", "20020910T23:08:25", "2002-09-10T23:08:25"}) {
    EXPECT_EQ(read_stamp(text), when) << text;
  }
  for (const char* text : {"", "now", "2002-13-10T23:08:25Z", "2002-02-30T23:08:25Z", "2002-09-10T24:08:25Z",
                           "2002-09-10", "2002-09-10T23:08:25+99:00", "2002-09-10T23:08:25Zx", "2002-0910T23:08:25Z"}) {
    EXPECT_FALSE(read_stamp(text)) << text;
  }
  EXPECT_EQ(write_stamp(when), "2002-09-10T23:08:25Z");
  EXPECT_EQ(write_stamp(WallTime{} - std::chrono::seconds(1)), "1969-12-31T23:59:59Z");
}

}  // namespace
