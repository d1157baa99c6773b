// What may travel together. PROTOCOL B-010, B-066, B-067, X-010, X-024.
#include "bosh/client_queue.hpp"

#include <gtest/gtest.h>

#include "bosh/response.hpp"

namespace bosh {
namespace {

using xmpp::StanzaKind;

xmpp::Stanza message(std::string_view bytes) {
  return {bytes, StanzaKind::message};
}

std::string body(std::string_view payload) {
  return std::string(body_open) + std::string(payload) + std::string(body_close);
}

constexpr std::size_t no_limit = 1 << 20;

TEST(ClientQueue, GivesEverythingInOrder) {
  ClientQueue queue;
  EXPECT_TRUE(queue.empty());
  queue.push(message("<a/>"), true);
  queue.push({"<b/>", StanzaKind::other}, false);
  queue.push(message("<c/>"), true);
  EXPECT_EQ(queue.bytes(), 12U);
  const auto batch = queue.front(no_limit);
  EXPECT_EQ(batch.bytes, "<a/><b/><c/>");
  EXPECT_EQ(batch.entries, 3U);
  EXPECT_EQ(batch.counted, 2U);
  EXPECT_FALSE(batch.features);
  EXPECT_EQ(queue.pop_as_body(batch), body("<a/><b/><c/>"));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST(ClientQueue, SplitsAtTheLimit) {
  ClientQueue queue;
  for (const char* text : {"<aaaa/>", "<b/>", "<c/>", "<dddddddddd/>"}) queue.push(message(text), true);
  const char* expected[] = {"<aaaa/>", "<b/><c/>", "<dddddddddd/>"};
  for (const char* text : expected) {
    const auto batch = queue.front(8);
    EXPECT_EQ(batch.bytes, text);
    EXPECT_EQ(queue.pop_as_body(batch), body(text));
  }
  EXPECT_TRUE(queue.empty());
}

TEST(ClientQueue, KeepsSaslAndFeaturesAlone) {
  ClientQueue queue;
  const std::pair<const char*, StanzaKind> in[] = {{"<m/>", StanzaKind::message},
                                                   {"<challenge/>", StanzaKind::sasl_step},
                                                   {"<success/>", StanzaKind::sasl_success},
                                                   {"<features/>", StanzaKind::features},
                                                   {"<n/>", StanzaKind::message},
                                                   {"<o/>", StanzaKind::iq},
                                                   {"<success2/>", StanzaKind::sasl2_success},
                                                   {"<failure/>", StanzaKind::sasl_failure}};
  for (const auto& [text, kind] : in) queue.push({text, kind}, false);
  for (const char* text :
       {"<m/>", "<challenge/>", "<success/>", "<features/>", "<n/><o/>", "<success2/>", "<failure/>"}) {
    const auto batch = queue.front(no_limit);
    EXPECT_EQ(batch.bytes, text);
    EXPECT_EQ(batch.features, std::string_view(text) == "<features/>");
    EXPECT_EQ(batch.sasl_success, std::string_view(text) == "<success/>");
    queue.pop(batch);
  }
  EXPECT_TRUE(queue.empty());
}

TEST(ClientQueue, SurvivesLongUse) {
  ClientQueue queue;
  std::string pushed, popped;
  for (int i = 0; i < 5000; ++i) {
    const std::string text = "<m id='" + std::to_string(i) + "'/>";
    queue.push(message(text), true);
    pushed += text;
    if (i % 3 != 0) continue;
    const auto batch = queue.front(40);
    popped += batch.bytes;
    if (i % 2) {
      queue.pop(batch);
    } else {
      const std::string whole(batch.bytes);
      EXPECT_EQ(queue.pop_as_body(batch), body(whole));
    }
  }
  while (!queue.empty()) {
    popped += queue.front().stanza.bytes;
    queue.pop_front();
  }
  EXPECT_EQ(pushed, popped);
}

TEST(ClientQueue, RemembersKindAndType) {
  ClientQueue queue;
  queue.push({"<iq/>", StanzaKind::iq, xmpp::StanzaType::get}, true);
  EXPECT_EQ(queue.front().stanza.kind, StanzaKind::iq);
  EXPECT_EQ(queue.front().stanza.type, xmpp::StanzaType::get);
  EXPECT_TRUE(queue.front().counted);
}

TEST(ClientQueue, MakesBodiesOfExactSize) {
  ClientQueue queue;
  queue.push(message("<message xmlns='jabber:client'/>"), true);
  const std::string text = queue.pop_as_body(queue.front(no_limit));
  EXPECT_EQ(text.capacity(), text.size());
}

}  // namespace
}  // namespace bosh
